"""What reads the page for other tests: it tells of what is wrong, whatever stands there."""

from __future__ import annotations

from typing import Any

from tests.browser.drawn import differences

_UP, _DOWN = "#00ff00", "#ff0000"


def _drawn(*at: float, size: int = 1) -> dict[str, Any]:
    shape = {"width": 3.0, "high": 2.0, "low": 1.0, "upper": 2.0, "lower": 1.0, "by": "plotly"}
    paint = {"fill": "0,255,0", "stroke": "0,255,0", "alpha": 1.0}
    return {
        "candles": [{"at": at, **shape, **paint} for at in at],
        "columns": [],
        "labels": [],
        "times": [],
        "size": size,
        "range": [0.0, 2.0],
        "width": 100.0,
        "perBar": 0.02,
        "perPrice": 0.01,
        "perVolume": 0.01,
        "last": "2.00",
        "legend": "O 1.00  H 2.00  L 1.00  C 2.00",
    }


def _rows(count: int) -> list[list[float]]:
    return [[60_000.0 * at, 1.0, 2.0, 1.0, 2.0, 5.0] for at in range(count)]


def test_candles_less_than_a_bar_apart_are_told_as_differences() -> None:
    found = differences(_drawn(0.0, 0.5, 1.0), _rows(2), 150, (_UP, _DOWN))
    assert any("a candle at 0.500, where there is no bar" in text for text in found)
    assert any("at 0.500 is no group of 1" in text for text in found)


def test_a_lone_candle_may_stand_for_several_bars_of_which_some_are_to_come() -> None:
    drawn = _drawn(4.0, size=3)
    drawn["range"], drawn["perBar"] = [-100.0, 0.5], 1.0
    assert not differences(drawn, _rows(4), 150, (_UP, _DOWN))
    drawn["candles"][0]["at"] = 7.0
    assert any("where there is no bar" in text for text in differences(drawn, _rows(4), 150, (_UP, _DOWN)))
