"""How long a venue is open, and which spans that concerns: by counting each instant."""

from __future__ import annotations

from hypothesis import given, strategies as st

from mdnb.sessions import Sessions
from mdnb.timeframes import Grid, Timeframe

edges = st.lists(st.integers(0, 200), min_size=0, max_size=16, unique=True).map(sorted)


@given(edges, st.integers(-10, 210), st.integers(-10, 210))
def test_the_time_open_is_that_of_each_instant(at: list[int], start: int, end: int) -> None:
    pairs = list(zip(at[::2], at[1::2], strict=False))
    hours = Sessions([a for a, _ in pairs], [b for _, b in pairs])
    assert hours.open_ns(start, end) == sum(hours.contains(ns) for ns in range(start, end))
    held = hours.within(start, end)
    shared = [i for i, (a, b) in enumerate(pairs) if a < end and start < b]
    assert start >= end or list(range(len(pairs)))[held] == shared


@given(edges, st.integers(0, 200), st.integers(0, 200))
def test_the_intervals_between_two_instants_are_those_that_start_there(
    at: list[int], start: int, end: int
) -> None:
    second = 1_000_000_000
    pairs = [(a * second, b * second) for a, b in zip(at[::2], at[1::2], strict=False)]
    hours = Sessions([a for a, _ in pairs], [b for _, b in pairs])
    grid = Grid(Timeframe.parse("3sec"), hours)
    starts = [ns for a, b in pairs for ns in range(a, b, 3 * second)]
    assert grid.count(start * second, end * second) == sum(
        start * second <= ns < end * second for ns in starts
    )
