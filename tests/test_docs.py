"""What the documentation says is true: its code runs, its names are there, its links lead somewhere."""

from __future__ import annotations

import dataclasses
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mdnb
from tests import documented_names
from tests.doc_pages import DOCS, PAGES, blocks, printed
from tests.limits import LIMIT_SECONDS

ROOT = Path(__file__).parents[1]
_WITH_CODE = [
    page for page in PAGES if blocks((DOCS / page).read_text(encoding="utf-8")) and page != "index.md"
]


def _text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["index.md", *_WITH_CODE])
def test_what_the_blocks_of_a_page_print_is_what_stands_behind_them(page: str, tmp_path: Path) -> None:
    assert printed(page, tmp_path) == [block.output for block in blocks(_text(page))]


def test_every_output_stands_behind_its_block() -> None:
    for page in PAGES:
        outputs = [block for block in blocks(_text(page)) if block.output]
        assert len(outputs) == len(re.findall(r"^```text$", _text(page), re.MULTILINE)), page


# API reference


def _documented() -> set[str]:
    """Return what the reference names, as Python knows it: ``mdnb.`` and the rest."""
    pattern = re.compile(r"^\.\. auto\w+:: (mdnb[\w.]*)", re.MULTILINE)
    return {name for page in PAGES if page.startswith("api/") for name in pattern.findall(_text(page))}


def test_the_reference_has_every_public_name() -> None:
    rooms = {name for name in mdnb.__all__ if inspect.ismodule(getattr(mdnb, name))}
    public = {f"mdnb.{name}" for name in {*mdnb.__all__, "open"} - rooms - {"__version__"}}
    public |= {f"mdnb.analysis.{name}" for name in mdnb.analysis.__all__}
    known = _documented() | {
        f"mdnb.analysis.{name.rpartition('.')[2]}"
        for name in _documented()
        if ".analysis." in name or "Alignment" in name
    }
    assert public <= known


def test_the_reference_has_every_error() -> None:
    errors = {name for name in dir(mdnb.errors) if name.endswith("Error") and not name.startswith("_")}
    assert {
        f"mdnb.{name}" for name in errors if getattr(mdnb.errors, name).__module__ == "mdnb.errors"
    } <= _documented()


# Migration


def _rows(heading: str) -> list[list[str]]:
    """Return the rows of the table below a heading."""
    section = _text("migration.md").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows if not row[0].strip().startswith("-")][1:]


def _names(cell: str) -> list[str]:
    return re.findall(r"`([\w.]+)`", cell)


def _ours(name: str) -> object:
    """Return what a name of the table leads to in the package."""
    owners = (
        ("suite.data.", mdnb.RealtimeDataManager),
        ("live.data.", mdnb.SyncDataManager),
        ("suite.", mdnb.TradingSuite),
        ("live.", mdnb.LiveMarket),
        ("TradingSuite.", mdnb.TradingSuite),
        ("mdnb.types.", __import__("mdnb.types").types),
        ("mdnb.", mdnb),
    )
    owner, attribute = next(
        (kind, name.removeprefix(start)) for start, kind in owners if name.startswith(start)
    )
    return getattr(owner, attribute)


def test_the_table_of_imports_is_that_of_the_page() -> None:
    rows = _rows("Imports")
    assert {name for row in rows for name in _names(row[0])} == documented_names.imported()
    for theirs, ours in rows:
        assert _names(ours)[0] == _names(theirs)[0].replace("project_x_py", "mdnb")
        assert inspect.isclass(_ours(_names(ours)[0]))


def test_the_table_of_calls_is_that_of_the_page() -> None:
    rows = _rows("Calls")
    assert {_names(row[0])[0]: _names(row[1]) for row in rows} == documented_names.called()


@pytest.mark.parametrize("row", _rows("Calls"), ids=lambda row: _names(row[0])[0])
def test_a_call_of_the_table_is_there_with_its_arguments(row: list[str]) -> None:
    _, arguments, awaited, plain = row
    given = dict.fromkeys(_names(arguments))
    method = _ours(_names(awaited)[0])
    assert inspect.iscoroutinefunction(method) is ("not awaited" not in awaited)
    inspect.signature(method).bind_partial(*([] if inspect.ismethod(method) else [None]), **given)
    first, *shorter = [_ours(name) for name in _names(plain)]
    assert set(given) <= set(inspect.signature(first).parameters)
    assert not inspect.iscoroutinefunction(first)
    assert all(each is not None for each in shorter)


def _fields(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")} | {
        field.name for field in (dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ())
    }


def test_the_table_of_what_is_read_is_that_of_the_page() -> None:
    rows = _rows("What is read of what comes back")
    assert {_names(row[0])[0]: set(_names(row[1])) for row in rows} == documented_names.read_fields()
    for method, fields, kind in rows:
        (name,) = re.findall(r"\{class\}`([\w.]+)`", kind)
        made = inspect.signature(_ours(f"suite.data.{_names(method)[0]}")).return_annotation
        assert name.rpartition(".")[2] == re.sub(r"list\[(\w+)\]", r"\1", made)
        assert kind.startswith("list") == made.startswith("list")
        module = name.rpartition(".")[0]
        __import__(module)
        assert set(_names(fields)) <= _fields(getattr(sys.modules[module], name.rpartition(".")[2]))


def test_the_table_of_events_is_that_of_the_page() -> None:
    rows = _rows("Events")
    assert {_names(row[0])[0]: set(_names(row[1])) for row in rows} == documented_names.event_fields()
    assert documented_names.event_types() == {_names(row[0])[0] for row in rows}
    assert {_names(row[0])[0] for row in rows} <= set(mdnb.EventType.__members__)


def test_the_table_of_options_is_that_of_the_page() -> None:
    rows = _rows("Configuration")
    assert [_names(row[0])[0] for row in rows] == documented_names.config_fields()
    assert {_names(row[1])[0] for row in rows} <= set(inspect.signature(mdnb.DataManagerConfig).parameters)


# What it names of the tree


def test_files_that_the_pages_name_are_there() -> None:
    for page in PAGES:
        named = re.findall(r"(?<!{doc})`((?:tests|notebooks|mdnb)/[\w/.]*)`", _text(page))
        assert not [name for name in named if not (ROOT / name).exists()], page


def test_every_notebook_is_on_the_page_of_notebooks() -> None:
    told = re.findall(r"^notebooks/(\w+)$", _text("notebooks.md"), re.MULTILINE)
    assert told == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


# The build is strict


def _build(folder: Path, page: str) -> subprocess.CompletedProcess[str]:
    """Build a site of one page by the documentation's own settings."""
    pages = folder / "docs"
    shutil.copytree(DOCS, pages, ignore=shutil.ignore_patterns("*.md", "notebooks", "__pycache__"))
    (pages / "index.md").write_text(page, encoding="utf-8")
    (folder / "notebooks").mkdir()
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "docs", "built"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )


_GOOD = """# Page

{func}`mdnb.datasets.names`, [here](#page)

```{eval-rst}
.. autofunction:: mdnb.datasets.names
```
"""
_BAD = """
{func}`no_name` {doc}`no_page` [there](no_file.md) [below](#no_heading)

```{image} no_picture.png
```

```{eval-rst}
.. autofunction:: mdnb.no_function
```
"""


def test_what_leads_nowhere_ends_the_build(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="Sphinx is not installed: the extra docs")
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
    good = _build(tmp_path / "good", _GOOD)
    assert good.returncode == 0, good.stderr
    bad = _build(tmp_path / "bad", _GOOD + _BAD)
    assert bad.returncode != 0
    for missing in ("no_name", "no_page", "no_file.md", "no_heading", "no_picture.png", "no_function"):
        assert missing in bad.stderr
