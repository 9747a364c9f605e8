"""Linking charts, as far as Python has to do with it: what is told to the page, and what may be given."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mdnb.errors import OptionError
from mdnb.widgets.chart.chart import LiveChart
from tests.widgets.sources import HandSource


def test_a_link_is_told_to_open_pages_and_kept_for_those_that_open_later(
    chart: LiveChart, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setitem(chart.__dict__, "send", lambda content, buffers=None: sent.append(content))
    assert chart.get_state()["_look"]["link"] is None
    chart.link("desk", crosshair=False)
    link = {"group": "desk", "zoom": True, "crosshair": False}
    assert sent == [{"kind": "link", "link": link}]
    assert chart.get_state()["_look"]["link"] == link
    chart.link("other", zoom=False)
    assert chart.get_state()["_look"]["link"] == {"group": "other", "zoom": False, "crosshair": True}
    chart.unlink()
    chart.unlink()
    assert sent[2:] == [{"kind": "link", "link": None}]
    assert chart.get_state()["_look"]["link"] is None


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("",), {}, "needs a name"),
        ((3,), {}, "needs a name"),
        (("desk",), {"zoom": 1}, "zoom must be True or False"),
        (("desk",), {"zoom": False, "crosshair": False}, "share nothing"),
    ],
)
def test_what_cannot_be_linked_says_why(
    chart: LiveChart, arguments: tuple[Any, ...], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(OptionError, match=re.escape(words)):
        chart.link(*arguments, **options)
    assert chart.get_state()["_look"]["link"] is None


def test_plotlys_own_front_end_cannot_be_linked() -> None:
    with pytest.warns(UserWarning, match="stock"):
        stock = LiveChart(HandSource(), "1min", theme="light", frontend="stock")
    with pytest.raises(OptionError, match="stock"):
        stock.link("desk")


def test_a_chart_can_be_told_to_stay(chart: LiveChart, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setitem(chart.__dict__, "send", lambda content, buffers=None: sent.append(content))
    chart.follow(False)
    assert not chart.follows
    chart.follow()
    assert chart.follows
    assert sent == [{"kind": "follow", "on": False}, {"kind": "follow", "on": True}]
    with pytest.raises(OptionError, match="True or False"):
        chart.follow("yes")  # type: ignore[arg-type]  # the point of it
