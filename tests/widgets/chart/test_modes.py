"""Pause and replay without a page: what is asked of it, what is remembered of it, which options are taken."""

from __future__ import annotations

from typing import Any

import pytest

from mdnb.errors import OptionError
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.page.sender import sender
from tests.widgets.sources import MINUTE_NS, HandSource


@pytest.fixture
def sent(chart: LiveChart) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    chart.__dict__["send"] = lambda content, _buffers=None: messages.append(content)
    return messages


def _told(chart: LiveChart, state: Any, *, own: bool = False) -> None:
    chart._on_message(chart, {"kind": "mode", "page": "a", "own": own, "state": state}, [])


def test_what_is_asked_of_the_page(chart: LiveChart, sent: list[dict[str, Any]]) -> None:
    modes = [chart.mode]
    chart.pause()
    modes.append(chart.mode)
    chart.step(3)
    chart.resume()
    modes.append(chart.mode)
    chart.replay(10 * MINUTE_NS / 1e9, speed=8)
    modes.append(chart.mode)
    assert modes == ["live", "paused", "live", "replay"]
    assert sent == [
        {"kind": "mode", "act": "pause"},
        {"kind": "mode", "act": "step", "count": 3},
        {"kind": "mode", "act": "resume"},
        {"kind": "mode", "act": "replay", "at": 600_000.0, "speed": 8},
    ]


def test_a_page_that_opens_later_begins_as_others_are(chart: LiveChart, sent: list[dict[str, Any]]) -> None:
    row = [60_000.0, 1.0, 2.0, 0.5, 1.5, None]
    _told(chart, {"mode": "paused", "speed": 16, "cut": False, "at": 60_000, "row": row, "forming": True})
    assert chart.mode == "paused"
    assert chart.get_state()["_look"]["mode"] == {
        "mode": "paused",
        "speed": 16.0,
        "cut": False,
        "at": 60_000.0,
        "row": row,
        "forming": True,
    }
    assert not sent, "the page did what Python asked: the others were asked too"


def test_what_a_user_does_in_one_page_is_told_to_the_others(
    chart: LiveChart, sent: list[dict[str, Any]]
) -> None:
    _told(chart, {"mode": "replay", "speed": 4, "cut": True, "at": 120_000}, own=True)
    (message,) = sent
    assert (message["act"], message["page"], message["state"]["at"]) == ("become", "a", 120_000.0)
    chart.pause()
    assert chart.get_state()["_look"]["mode"]["cut"], "a replay that was paused stands where it was"


def test_what_no_page_of_ours_says_is_left(chart: LiveChart, sent: list[dict[str, Any]]) -> None:
    for odd in (
        None,
        "x",
        {},
        {"mode": "x", "speed": 4},
        {"mode": "paused"},
        {"mode": "paused", "speed": "4"},
    ):
        _told(chart, odd, own=True)
    assert chart.mode == "live"
    assert not sent


def test_a_live_chart_has_no_next_bar(chart: LiveChart) -> None:
    with pytest.raises(OptionError, match="pause"):
        chart.step()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": 0.05}, "speed must be 0.1 to 1000 bars a second; got 0.05"),
        ({"speed": 1001}, "got 1001"),
        ({"speed": float("nan")}, "got nan"),
        ({"speed": True}, "got True"),
        ({"speed": "4"}, "got '4'"),
        ({"start": "yesterday-ish"}, "not an instant"),
        ({"start": 50 * 60}, "before the newest bar, which begins at epoch second 3000; got 3000"),
    ],
)
def test_options_of_a_replay_are_checked(
    chart: LiveChart, sent: list[dict[str, Any]], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        chart.replay(**options)
    assert chart.mode == "live"
    assert not sent


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "1"])
def test_steps_are_whole(chart: LiveChart, count: Any) -> None:
    chart.pause()
    with pytest.raises(OptionError, match="n must be a whole number of at least 1"):
        chart.step(count)


def test_the_stock_front_end_shows_the_present_only() -> None:
    with pytest.warns(UserWarning, match="refreshes"):
        chart = LiveChart(HandSource(), "1min", frontend="stock", theme="light")
    sender().remove(chart)
    for act in (chart.pause, chart.resume, chart.replay):
        with pytest.raises(OptionError, match="stock"):
            act()
    assert chart.mode == "live"
    chart.close()


def test_a_chart_that_fell_back_shows_the_present_only(chart: LiveChart) -> None:
    with pytest.warns(UserWarning, match="cannot run the fast chart"):
        chart._on_message(chart, {"kind": "cannot", "why": "ReferenceError"}, [])
    with pytest.raises(OptionError, match="stock"):
        chart.pause()
    assert chart.mode == "live"
