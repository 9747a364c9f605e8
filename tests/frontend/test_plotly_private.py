"""Private names of plotly.js stand in one file, and the installed plotly.js has all of them."""

from __future__ import annotations

import re
from pathlib import Path

import plotly
import pytest

from mdnb.widgets.page.join_modules import STATIC
from tests.frontend.plotly_names import BY_HAND, PRIVATE_NAMES

_NAMES = PRIVATE_NAMES | BY_HAND
_FENCE = STATIC / "chart" / "plotly_private.js"


def _uses(name: str, text: str) -> int:
    return len(re.findall(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text))


def test_no_other_file_knows_a_private_name_of_plotly() -> None:
    found = [
        f"{path.relative_to(STATIC)}: {name}"
        for path in sorted(STATIC.rglob("*.js"))
        if path != _FENCE
        for name in _NAMES
        if _uses(name, path.read_text(encoding="utf-8"))
    ]
    assert not found, f"read them in {_FENCE.name}, which says what they mean: {found}"


def test_no_file_reads_a_field_of_plotly_that_is_not_in_the_list() -> None:
    """A field that begins with an underscore is somebody's own; ours are called so nowhere."""
    allowed = {"_fullData", "_fullLayout", "_offset", "_length", "_dragging", "__data__"}
    ours = {"__mdnb", "__mdnbPlotly", "__mdnbModules", "__mdnbTold"}
    for path in sorted(STATIC.rglob("*.js")):
        read = set(re.findall(r"\.(_\w+)", path.read_text(encoding="utf-8"))) - ours
        assert read <= (allowed if path == _FENCE else set()), path.name


@pytest.mark.parametrize("name", _NAMES)
def test_what_the_list_has_is_used(name: str) -> None:
    assert _uses(name, _FENCE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", _NAMES)
def test_the_installed_plotly_has_the_name(name: str) -> None:
    path = Path(str(plotly.__file__)).parent / "package_data" / "plotly.min.js"
    text = path.read_text(encoding="utf-8")
    # The numbers' class is put together of the axis' letter and this.
    spelled = '"tick"' if name in {"xtick", "ytick"} else name
    assert spelled in text, f"plotly {plotly.__version__} has no {name} any more; {_FENCE.name} reads it"
