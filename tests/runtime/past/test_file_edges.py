"""Coarse bars made of a file that ends amid them, or that has a hole, do not count as whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdnb.clock import EventClock
from mdnb.market import LiveMarket
from mdnb.rows import BarRow
from mdnb.sessions import Sessions
from tests.manager.hand import MINUTE, START, HandFeed, bar, minutes, open_market, trade
from tests.manager.test_on_conflict import written

DAY = 24 * 60


def partial(market: LiveMarket, name: str) -> list[int]:
    """Return the minutes after the start at which partial bars of a timeframe begin."""
    frame = market.data.get_data(name)
    starts = frame.index.as_unit("ns").asi8 // MINUTE - START // MINUTE  # type: ignore[attr-defined]
    return [int(starts[at]) for at in frame.attrs["partial"]]


def load(market: LiveMarket, folder: Path, rows: list[BarRow], *, overwrite: bool = False) -> None:
    market.data.import_from_csv(written(folder / "bars.csv", rows), "1min", overwrite=overwrite)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (minutes(-600, 3), {"5min": [-600], "15min": [-600], "1hour": [-600]}),
        (minutes(-600, 23), {"5min": [-580], "15min": [-585], "1hour": [-600]}),
        # The finer ones are whole.
        (minutes(-600, 15), {"5min": [], "15min": [], "1hour": [-600]}),
        (minutes(-600, 60), {"5min": [], "15min": [], "1hour": []}),
        # Two days of one file.
        (
            minutes(-2 * DAY, 23) + minutes(-DAY + 7, 53),
            {"5min": [-2 * DAY + 20, -DAY + 5], "15min": [-2 * DAY + 15, -DAY], "1hour": [-2 * DAY, -DAY]},
        ),
        # A market that was quiet for minutes.
        (minutes(-600, 13) + minutes(-585, 12) + minutes(-570, 30), {"5min": [], "15min": [], "1hour": []}),
    ],
)
def test_bars_in_which_a_file_ends_are_partial(
    tmp_path: Path, rows: list[BarRow], expected: dict[str, list[int]]
) -> None:
    with open_market(HandFeed(), "1min", *expected) as market:
        load(market, tmp_path, rows)
        assert {name: partial(market, name) for name in expected} == expected
    for name, starts in expected.items():
        with open_market(HandFeed(), "1min", name) as market:
            load(market, tmp_path, rows)
            assert partial(market, name) == starts
        with open_market(HandFeed(), "1min") as market:
            load(market, tmp_path, rows)
            market.data.add_timeframe(name)
            assert partial(market, name) == starts, "added after the load"


def test_a_file_that_goes_on_where_another_ended_makes_them_whole(tmp_path: Path) -> None:
    with open_market(HandFeed(), "1min", "5min", "1hour") as market:
        load(market, tmp_path, minutes(-600, 23))
        load(market, tmp_path, [bar(-600, 105.0)], overwrite=True)
        assert partial(market, "1hour") == [-600], "it ends where it ended"
        load(market, tmp_path, minutes(-577, 37))
        assert partial(market, "5min") == partial(market, "1hour") == []


def test_a_history_of_the_venue_has_quiet_minutes(tmp_path: Path) -> None:
    quiet = minutes(-300, 23) + minutes(-180, 173)
    with open_market(HandFeed(quiet), "1min", "5min", "1hour") as market:
        market.data.add_timeframe("15min")
        assert [partial(market, name) for name in ("5min", "15min", "1hour")] == [[], [], []]
        # Nothing of it is new.
        load(market, tmp_path, quiet[10:23], overwrite=True)
        market.data.add_timeframe("30min")
        assert [partial(market, name) for name in ("5min", "15min", "30min", "1hour")] == [[], [], [], []]


def test_the_time_that_a_venue_is_closed_is_no_hole(tmp_path: Path) -> None:
    spans = [(START - minute * MINUTE, START - (minute - 90) * MINUTE) for minute in (600, 300, 60)]
    sessions = Sessions([first for first, _ in spans], [last for _, last in spans])
    # The last minute before the venue closes, and the first one after, are quiet.
    rows = minutes(-600, 89) + minutes(-299, 90)[:-1]
    with open_market(HandFeed(sessions=sessions), "1min", "5min", "1hour") as market:
        load(market, tmp_path, rows)
        assert partial(market, "5min") == partial(market, "1hour") == []


def test_the_bar_that_goes_on_live_is_not_partial_for_what_is_to_come(tmp_path: Path) -> None:
    clock = EventClock(START + 23 * MINUTE + 5_000_000_000)
    feed = HandFeed(clock=clock)
    with open_market(feed, "1min", "1hour") as market:
        load(market, tmp_path, minutes(-60, 83))
        market.data.add_timeframe("15min")
        for number in range(23 * 60, 3601, 20):
            clock.advance(START + number * 1_000_000_000)
            feed.trades(trade(number, 100.0, number=number))
        assert not market.data.get_data("1hour", closed_only=True).empty
        for name in ("15min", "1hour"):
            assert partial(market, name) == []
