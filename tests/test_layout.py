"""The tree's own rules: where imports go, how long functions are, what is public, what importing costs."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.limits import LIMIT_SECONDS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mdnb"
_FUNCTION_LINES = 60
# What takes long to import, or does something to the process by being imported.
_HEAVY = {
    "pandas",
    "numpy",
    "pyarrow",
    "plotly",
    "anywidget",
    "ipywidgets",
    "IPython",
    "websockets",
    "msgspec",
}
_HEAVY |= {"nest_asyncio", "nest_asyncio2", "pandas_market_calendars", "exchange_calendars"}
_SCREEN = {"plotly", "anywidget", "ipywidgets", "IPython", "nest_asyncio", "nest_asyncio2"}
_ENGINE = ("bars", "decode", "events", "feeds", "runtime", "stores", "validate")


def _modules() -> list[str]:
    files = sorted(PACKAGE.rglob("*.py"))
    parts = [path.relative_to(ROOT).with_suffix("").parts for path in files]
    names = [".".join(part[:-1] if part[-1] == "__init__" else part) for part in parts]
    return [name for name in names if not name.endswith("__main__")]


def _sources() -> Iterator[Path]:
    yield from sorted(PACKAGE.rglob("*.py"))
    yield from sorted((ROOT / "tests").rglob("*.py"))


def _loaded_by(code: str) -> set[str]:
    """Return the top-level packages a fresh interpreter has loaded after running the code."""
    code += "\nimport json, sys\nprint(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [str(script), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


# Imports


def test_imports_go_one_way() -> None:
    done = _lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


def test_everything_below_the_widgets_counts_as_engine() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = [contract for contract in settings["contracts"] if contract["type"] == "forbidden"]
    above = {"__main__", "cli", "notebook", "opening", "market", "suite", "faces", "widgets"}
    below = {name.split(".")[1] for name in _modules() if "." in name} - above
    assert set(contract["source_modules"]) == {f"mdnb.{name}" for name in below}


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("errors.py", "import mdnb.types"),
        ("bars/__init__.py", "import mdnb.stores"),
        ("runtime/__init__.py", "import plotly"),
        ("feeds/__init__.py", "import nest_asyncio"),
        ("decode/__init__.py", "def late():\n    import IPython"),
        ("widgets/figure/axis.py", "from mdnb.widgets.chart.state import ChartState"),
        ("widgets/chart/mode.py", "from mdnb.widgets.chart.state import ChartState"),
        ("widgets/tables/state.py", "from mdnb.widgets.tables.tape import Tape"),
        ("newcomer.py", '"""A module that has no place in the list of layers."""'),
    ],
)
def test_an_import_that_goes_the_other_way_is_found(tmp_path: Path, module: str, line: str) -> None:
    shutil.copytree(PACKAGE, tmp_path / "mdnb", ignore=shutil.ignore_patterns("__pycache__", "datasets"))
    (tmp_path / "mdnb" / "datasets").mkdir()
    shutil.copy(PACKAGE / "datasets" / "__init__.py", tmp_path / "mdnb" / "datasets")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "mdnb" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    assert _lint_imports(tmp_path).returncode == 1


def test_importing_mdnb_loads_nothing_heavy() -> None:
    assert not _loaded_by("import mdnb") & _HEAVY
    assert not _loaded_by("import mdnb; dir(mdnb)") & _HEAVY


def test_the_command_line_answers_help_without_anything_heavy() -> None:
    code = "import mdnb.cli\ntry:\n    mdnb.cli.main(['--help'])\nexcept SystemExit:\n    pass"
    code = f"import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()):\n    exec({code!r})"
    assert not _loaded_by(code) & _HEAVY


def test_the_engine_loads_nothing_of_the_screen() -> None:
    names = [name for name in _modules() if name.split(".")[1:2] and name.split(".")[1] in _ENGINE]
    assert not _loaded_by("\n".join(f"import {name}" for name in names)) & _SCREEN


# Sizes


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines the body has; signature and docstring may be as long as they need."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_function_is_too_long() -> None:
    long = {}
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _length(node) >= _FUNCTION_LINES:
                long[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = _length(node)
    assert not long


def test_every_folder_of_the_package_is_a_package() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert not [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()]


# Names


def _public_names(module: str) -> set[str]:
    """Return the names a module makes at its top level that do not begin with an underscore."""
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign) and not _makes_type_variable(node.value):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {name for name in names if not name.startswith("_")}


def _makes_type_variable(value: ast.expr) -> bool:
    function = value.func if isinstance(value, ast.Call) else None
    return isinstance(function, ast.Name) and function.id in {"TypeVar", "ParamSpec"}


@pytest.mark.parametrize("module", _modules())
def test_all_names_what_is_public(module: str) -> None:
    loaded = importlib.import_module(module)
    made = _public_names(module)
    listed = getattr(loaded, "__all__", [])
    assert len(listed) == len(set(listed))
    assert made <= set(listed), f"public, but not in __all__: {sorted(made - set(listed))}"
    assert all(hasattr(loaded, name) for name in listed)
    assert not [name for name in listed if name.startswith("_") and not name.startswith("__")]


def test_what_mdnb_offers_is_listed_and_documented() -> None:
    mdnb = importlib.import_module("mdnb")
    assert set(mdnb.__all__) <= set(dir(mdnb))
    undocumented = [
        name for name in mdnb.__all__ if callable(getattr(mdnb, name)) and not getattr(mdnb, name).__doc__
    ]
    assert not undocumented
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = mdnb.no_such_name


def _made_by_position() -> Iterator[str]:
    """Yield where a dataclass of ours is made of more than five values without their names."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    kinds = {
        node.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(d) for d in node.decorator_list)
    }
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and len(node.args) > 5:
                name = ast.unparse(node.func).rpartition(".")[2]
                if name in kinds:
                    yield f"{path.relative_to(ROOT)}:{node.lineno} {name}"


def test_what_has_six_fields_is_made_by_their_names() -> None:
    # A table of indicators, each a row of the same kinds of values.
    assert not [found for found in _made_by_position() if not found.endswith(" _Kind")]


# IPython calls these, tests/kernel/test_kernel.py shows them; an example would patch asyncio for all others.
_BY_IPYTHON = {"load_ipython_extension", "unload_ipython_extension"}


def test_what_mdnb_offers_has_an_example() -> None:
    mdnb = importlib.import_module("mdnb")
    named = set(mdnb.__all__) - {"__version__"} - _BY_IPYTHON
    assert not sorted(name for name in named if ">>> " not in (getattr(mdnb, name).__doc__ or ""))


def test_no_two_public_classes_share_a_name() -> None:
    homes: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, set()).add(path.relative_to(PACKAGE).as_posix())
    # Each venue's module has its `Decoder`, after the protocol that they all follow.
    shared = {name: files for name, files in homes.items() if len(files) > 1 and name != "Decoder"}
    assert not shared


def _leads_somewhere(dotted: str) -> bool:
    parts = dotted.split(".")
    found = importlib.import_module(parts[0])
    for at, part in enumerate(parts[1:], start=1):
        if not hasattr(found, part):
            try:
                importlib.import_module(".".join(parts[: at + 1]))
            except ModuleNotFoundError:
                return False
        found = getattr(found, part)
    return True


def test_names_in_documentation_and_comments_lead_somewhere() -> None:
    lost = []
    for path in [*_sources(), *sorted((PACKAGE / "widgets/static").rglob("*.js"))]:
        named = re.findall(r"`~?(mdnb(?:\.\w+)+)`", path.read_text(encoding="utf-8"))
        lost += [f"{path.relative_to(ROOT)}: {name}" for name in set(named) if not _leads_somewhere(name)]
    assert not lost
