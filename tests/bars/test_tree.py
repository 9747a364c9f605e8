"""Which timeframe ticks are folded into, by hand."""

from __future__ import annotations

import pytest

from mdnb.bars.tree import parents, root_of
from mdnb.sessions import Sessions
from mdnb.timeframes import Timeframe

ALWAYS = Sessions.always()
HOURS = Sessions.from_calendar("CME Globex Equity", "2026-03-02", "2026-03-13")


@pytest.mark.parametrize(
    ("names", "sessions", "root"),
    [
        ([], ALWAYS, "1min"),  # activity bars only
        (["1month", "1week"], ALWAYS, "1day"),
        (["1month", "1week"], HOURS, "1day"),
        (["45min", "1day"], ALWAYS, "45min"),
        (["7min", "1day"], ALWAYS, "1min"),
        (["50sec", "1week"], ALWAYS, "50sec"),
        (["7min", "1day"], HOURS, "7min"),  # a session begins with a bar, whatever the day's end
        (["50min", "1hour"], HOURS, "10min"),
    ],
)
def test_the_root_feeds_them_all(names: list[str], sessions: Sessions, root: str) -> None:
    assert root_of([Timeframe.parse(name) for name in names], sessions).name == root


def test_what_is_fed_by_an_unasked_root_is_in_the_tree() -> None:
    week, month = Timeframe.parse("1week"), Timeframe.parse("1month")
    day = Timeframe.parse("1day")
    assert parents([month, week], ALWAYS) == {day: None, week: day, month: day}
