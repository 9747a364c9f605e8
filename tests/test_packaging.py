"""What is shipped, and what the files beside the package say about it."""

from __future__ import annotations

import ast
import email
import os
import re
import stat
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import entry_points, packages_distributions, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mdnb
from tests.limits import LIMIT_SECONDS

ROOT = Path(__file__).parents[1]
# Imported, but brought by a dependency that cannot do without it.
_BROUGHT = {"IPython": "ipywidgets", "traitlets": "ipywidgets", "comm": "ipywidgets"}
# Used where it happens to be installed, and the code says what happens where it is not.
_OPTIONAL = {"nest_asyncio2", "ipykernel", "openpyxl"}
# Measured against, and asked, in environments of their own.
_PEERS = {ROOT / "tests" / "benchmarks", ROOT / "tests" / "venues" / "clients"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Return the wheel, built as an installer would build it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def _package_files() -> set[str]:
    files = (path for path in (ROOT / "mdnb").rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == _package_files()
    assert "mdnb/py.typed" in names


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile, project: dict[str, Any]) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Version"] == mdnb.__version__
    assert metadata["Requires-Python"] == project["project"]["requires-python"]
    assert {"Typing :: Typed", "Framework :: Jupyter"} <= set(metadata.get_all("Classifier", []))
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel.namelist())


def test_the_command_is_installed() -> None:
    (script,) = entry_points(group="console_scripts", name="mdnb")
    assert callable(script.load())


def test_the_command_says_which_version_it_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mdnb", "--version"],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    assert done.stdout.strip() == f"mdnb {version('mdnb')}"


def test_every_runtime_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    without = [line for line in block[1].splitlines() if not re.search(r'",\s*# \S', line)]
    assert not without


def _imported(folder: Path) -> Iterator[tuple[str, str]]:
    """Give (top-level package, file) for each absolute import."""
    for path in sorted(folder.rglob("*.py")):
        if _PEERS & {*path.parents}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                yield name.partition(".")[0], str(path.relative_to(ROOT))


def _group(project: dict[str, Any], name: str) -> Iterator[str]:
    for entry in project["dependency-groups"][name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from _group(project, entry["include-group"])


@pytest.mark.parametrize("folder", ["mdnb", "tests"])
def test_everything_imported_is_asked_for(folder: str, project: dict[str, Any]) -> None:
    extras = project["project"]["optional-dependencies"].values()
    asked = [*project["project"]["dependencies"], *(text for extra in extras for text in extra)]
    for group in ["demo"] if folder == "mdnb" else ["dev", "mutants"]:
        asked += _group(project, group)
    asked_names = {canonicalize_name(Requirement(text).name) for text in asked}
    distributions = packages_distributions()
    ours = sys.stdlib_module_names | {"mdnb", "mdnb_example", "tests"} | _OPTIONAL
    missing = {
        f"{name} ({where})"
        for name, where in _imported(ROOT / folder)
        if name not in ours
        and not {canonicalize_name(found) for found in distributions.get(_BROUGHT.get(name, name), [name])}
        & asked_names
    }
    assert not missing


def test_binder_pins_every_runtime_dependency_to_a_version_we_allow(project: dict[str, Any]) -> None:
    lines = (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    versions = {canonicalize_name(name): version for name, version in pins.items()}
    for text in project["project"]["dependencies"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), text


def test_binder_runs_a_python_we_support(project: dict[str, Any]) -> None:
    runtime = (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip()
    version = runtime.removeprefix("python-")
    assert f"Programming Language :: Python :: {version}" in project["project"]["classifiers"]


@pytest.mark.skipif(os.name == "nt", reason="Windows files have no executable bit")
@pytest.mark.parametrize("name", ["binder/postBuild", ".ci/run", ".ci/release"])
def test_scripts_are_executable(name: str) -> None:
    assert (ROOT / name).stat().st_mode & stat.S_IXUSR


def test_ci_runs_the_pythons_we_claim_with_pinned_actions(project: dict[str, Any]) -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    claimed = [name.rpartition(" ")[2] for name in project["project"]["classifiers"] if ":: 3." in name]
    listed = re.search(r"python: \[(.*)\]", text)
    assert listed is not None
    assert [version.strip('" ') for version in listed[1].split(",")] == claimed
    assert all(re.search(r"@[0-9a-f]{40} # v\d", line) for line in text.splitlines() if "uses:" in line)
