"""No widget takes an attribute that it does not have; all that ipywidgets and traitlets do works as ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import pytest
import traitlets

import mdnb
from mdnb.widgets.tables.tape import Tape

WIDGETS: dict[str, Callable[[Any], Any]] = {
    "LiveChart": lambda live: live.chart("1min"),
    "Panel": lambda live: live.panel("1min"),
    "ChartControls": lambda live: live.panel("1min").controls,
    "Dashboard": lambda live: live.dashboard(),
    "AlignmentStrip": lambda live: live.dashboard().alignment,
    "StatusStrip": lambda live: live.dashboard().status,
    "Tape": lambda live: live.tape(),
    "WatchList": lambda live: live.watch(),
    "FrameView": lambda live: live.frame_view("1min"),
    "DepthView": lambda live: live.depth(),
    "HeatMap": lambda live: live.depth().heat_map,
    "DepthLadder": lambda live: live.depth().ladder,
}


@pytest.fixture(scope="module")
def live() -> Iterator[Any]:
    with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.05, progress=False) as market:
        yield market


@pytest.mark.parametrize("name", WIDGETS)
def test_an_attribute_that_is_not_there_is_an_error_that_names_it(live: Any, name: str) -> None:
    widget = WIDGETS[name](live)
    assert type(widget).__name__ == name
    with pytest.raises(
        AttributeError, match=rf"^{name} has no 'nothing_of_ours'; got 1\. .*in a variable\.$"
    ):
        widget.nothing_of_ours = 1
    assert not hasattr(widget, "nothing_of_ours")
    near = "clos" if name != "LiveChart" else "set_timefram"
    with pytest.raises(
        AttributeError, match=rf"Did you mean '{'close' if near == 'clos' else 'set_timeframe'}'\?"
    ):
        setattr(widget, near, 1)
    # What is private, and what the libraries below have, passes.
    widget._mine = 1
    widget.layout = ipywidgets.Layout(width="90%") if name != "LiveChart" else widget.layout
    with widget.hold_trait_notifications():
        widget.add_traits(mine=traitlets.Int(3))
    widget.mine = 4
    assert (widget._mine, widget.mine) == (1, 4)


def test_what_is_there_to_be_called_is_not_replaced(live: Any) -> None:
    tape = live.tape()
    with pytest.raises(AttributeError, match=r"^Tape\.to_html\(\.\.\.\) is there to be called and cannot be"):
        tape.to_html = 1
    assert tape.to_html().startswith("<")


def test_who_makes_a_widget_of_his_own_of_one_sets_what_he_wants_while_it_is_made(live: Any) -> None:
    class Mine(Tape):
        def __init__(self, *args: Any, **options: Any) -> None:
            self.before = 1
            super().__init__(*args, **options)
            self.after = 2

    mine = Mine(live.data.engine)
    mine.before, mine.after = 3, 4
    assert (mine.before, mine.after) == (3, 4)
    with pytest.raises(AttributeError, match=r"Mine has no 'aftr'; got 5\. Did you mean 'after'\?"):
        mine.aftr = 5
