"""What reads the page for other tests: it tells of what is wrong, whatever stands there."""

from __future__ import annotations

from tests.browser.drawn import differences

_UP, _DOWN = "#00ff00", "#ff0000"


def test_candles_less_than_a_bar_apart_are_told_as_differences() -> None:
    shape = {"width": 3.0, "high": 2.0, "low": 1.0, "upper": 2.0, "lower": 1.0, "by": "plotly"}
    paint = {"fill": "0,255,0", "stroke": "0,255,0", "alpha": 1.0}
    drawn = {
        "candles": [{"at": at, **shape, **paint} for at in (0.0, 0.5, 1.0)],
        "columns": [],
        "labels": [],
        "times": [],
        "range": [0.0, 2.0],
        "width": 100.0,
        "perBar": 0.02,
        "perPrice": 0.01,
        "perVolume": 0.01,
        "last": "2.00",
        "legend": "O 1.00  H 2.00  L 1.00  C 2.00",
    }
    rows = [[60_000.0 * at, 1.0, 2.0, 1.0, 2.0, 5.0] for at in range(2)]
    found = differences(drawn, rows, 150, (_UP, _DOWN))
    assert any("a candle at 0.500, where there is no bar" in text for text in found)
    assert any("at 0.500 is no group of 1" in text for text in found)
