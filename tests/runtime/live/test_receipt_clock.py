"""How far the clock that received a recording was off the venue's, found at its beginning."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest

from mdnb.runtime.live.receipt_clock import receipt_lead

SECOND = 10**9
START = 1_772_460_000 * SECOND


def frames(lead: float, count: int = 6, way: float = 0.0) -> list[tuple[int, str]]:
    """Frames with the venue's time each second, received by a clock that is so far ahead."""
    return [
        (
            START + round((at + lead + way) * SECOND),
            json.dumps({"e": "clock", "t": START + at * SECOND}),
        )
        for at in range(count)
    ]


@pytest.mark.parametrize("lead", [90.0, 3600.0, -90.0, -5.0])
def test_a_wrong_clock_is_put_right_by_the_venues(lead: float) -> None:
    assert receipt_lead(iter(frames(lead)), "mdnb") / SECOND == pytest.approx(-lead, abs=0.001)


@pytest.mark.parametrize("lead", [0.0, 0.5, 1.9, -1.9])
def test_clocks_that_nearly_agree_are_left_alone(lead: float) -> None:
    assert receipt_lead(iter(frames(lead)), "mdnb") == 0


def test_what_tells_no_time_tells_nothing() -> None:
    silent = [(START, "{oops"), (START, '{"e":"heartbeat"}')]
    assert receipt_lead(iter(silent), "mdnb") == 0
    assert receipt_lead(iter([]), "mdnb") == 0
    assert receipt_lead(iter(frames(90.0)), "nobody's") == 0
    mixed = [one for pair in zip(silent * 3, frames(90.0), strict=True) for one in pair]
    assert receipt_lead(iter(mixed), "mdnb") / SECOND == pytest.approx(-90, abs=0.001)


def test_no_more_is_read_than_is_needed_and_five_thousand_at_most() -> None:
    read = 0

    def counted(source: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        nonlocal read
        for one in source:
            read += 1
            yield one

    receipt_lead(counted(iter(frames(90.0, 100))), "mdnb")
    assert 0 < read < 100
    read = 0
    quiet = itertools.chain(itertools.repeat((START, "{}"), 5000), frames(90.0))
    assert receipt_lead(counted(quiet), "mdnb") == 0
    assert read == 5000
