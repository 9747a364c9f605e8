"""Which of a venue's timeframes others can be made of."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mdnb.runtime.past.venue_bars import VenueBars
from mdnb.sessions import DAY_NS, Sessions
from mdnb.timeframes import Timeframe
from tests.manager.hand import MINUTE, SECOND, START
from tests.runtime.past.short_venue import ShortVenue

NOW = START + 7 * MINUTE
ALL_HOURS = ("1min", "5min", "15min", "1hour", "4hour", "1day")


def there(has: Sequence[str] = ALL_HOURS, *, limit: int = 720, declares: bool = True) -> VenueBars:
    feed = ShortVenue(NOW, limit, declares=declares, has=has)
    return VenueBars(feed, Sessions.always(), NOW)


def names(found: Sequence[Timeframe]) -> list[str]:
    return [one.name for one in found]


def parse(name: str) -> Timeframe:
    return Timeframe.parse(name)


@pytest.mark.parametrize(
    ("coarse", "finer"),
    [
        ("1min", []),
        ("5min", ["1min"]),
        ("6hour", ["1hour", "15min", "5min", "1min"]),
        ("1day", ["4hour", "1hour", "15min", "5min", "1min"]),
        ("1week", ["1day", "4hour", "1hour", "15min", "5min", "1min"]),
    ],
)
def test_a_timeframe_is_made_of_those_that_nest_in_it_the_coarsest_first(
    coarse: str, finer: list[str]
) -> None:
    assert names(there().finer(parse(coarse))) == finer


@pytest.mark.parametrize(
    ("fine", "coarse", "kept", "between"),
    [
        ("1min", "1day", [], ["4hour", "1hour", "15min", "5min"]),
        ("1min", "1day", ["1hour", "1day"], ["4hour", "15min", "5min"]),
        ("15min", "1day", [], ["4hour", "1hour"]),
        ("2min", "1hour", [], []),
        ("1min", "1week", ["4hour"], ["1day", "1hour", "15min", "5min"]),
        ("1hour", "1hour", [], []),
    ],
)
def test_between_two_timeframes_are_those_made_of_the_one_and_making_the_other(
    fine: str, coarse: str, kept: list[str], between: list[str]
) -> None:
    assert names(there().between(parse(fine), parse(coarse), kept)) == between


def test_of_a_venue_that_does_not_say_what_it_has_the_usual_timeframes_are_taken() -> None:
    has = (*ALL_HOURS, "3min", "2hour")
    assert names(there(has).finer(parse("6hour"))) == ["2hour", "1hour", "15min", "5min", "3min", "1min"]
    assert names(there(has, declares=False).finer(parse("6hour"))) == ["1hour", "15min", "5min", "1min"]


def test_bars_reach_back_as_far_as_the_venue_says_and_no_further_than_time_does() -> None:
    assert there(limit=3).depth_ns(parse("5min")) == 15 * MINUTE
    assert there(limit=3).depth_ns(parse("3min")) == 0
    assert there(declares=False).depth_ns(parse("5min")) == NOW
    # One bar of one second is a history, too.
    venue = there(["1sec"], limit=1)
    assert (venue.depth_ns(parse("1sec")), names(venue.finer(parse("1min")))) == (SECOND, ["1sec"])


def test_the_interval_that_is_being_made_begins_now_where_the_venue_is_closed() -> None:
    venue = there()
    assert venue.open_start(parse("5min")) == START + 5 * MINUTE
    assert venue.open_start(parse("1day")) == START - START % DAY_NS
    closed = VenueBars(venue.feed, Sessions([START - DAY_NS], [START - DAY_NS + MINUTE]), NOW)
    assert closed.open_start(parse("5min")) == NOW
