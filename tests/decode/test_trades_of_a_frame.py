"""Whether a frame has one trade or several, each of them is taken, or refused, as it is by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mdnb.decode import decoder
from mdnb.rows import Batch, marks_of
from tests.venues.alpaca_venue import AlpacaDialect
from tests.venues.bybit_venue import BybitLinearDialect, BybitSpotDialect
from tests.venues.hyperliquid_venue import HyperliquidDialect
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.okx_venue import OkxDialect
from tests.venues.projectx_venue import ProjectXDialect
from tests.venues.stand_in import VenueDialect

SECOND = 1_000_000_000
START = 1_704_153_600 * SECOND

VENUES = (
    AlpacaDialect,
    BybitLinearDialect,
    BybitSpotDialect,
    HyperliquidDialect,
    KrakenDialect,
    OkxDialect,
    ProjectXDialect,
)

# Where a record is: what is changed in it, and what stands there then; None leaves it out.
_ODD: tuple[Any, ...] = (
    *(None, [], {}, True, 0, -1, 1, 2.5, 2**63, "", "0", "nan", "1e999", "-3", "buy", "Sell", ":", "@"),
    *(["I"], ["@", "T"], "2024-01-02T00:00:00.480280123Z", "2024-01-02T00:00:00Z", "2024-01-02T00:00:00.1"),
    *("2024-01-02T00:00:00.4+00:00", "2024-01-02T05:30:00.123+05:30", "2024-01-02T00:00:00.1234567891Z"),
    *("d6ed313e-533a-55a6-aa06-4c00bc132812", "d6ed313e-533a-55a6-aa06-4c00bc13281g"),
)
_change = st.none() | st.tuples(st.integers(0, 9), st.sampled_from(_ODD))


def _place(message: Any) -> list[Any]:
    """Return the list of a message in which its trades are."""
    if isinstance(message, list):
        return message
    if "data" in message:
        return message["data"]  # type: ignore[no-any-return]  # JSON is of any type
    held = message["arguments"]
    if not isinstance(held[1], list):
        held[1] = [held[1]]
    return held[1]  # type: ignore[no-any-return]


def _written(message: Any, trades: list[Any], end: str) -> str:
    _place(message)[:] = trades
    return json.dumps(message, separators=(",", ":")) + end


def _taken(batch: Batch) -> tuple[Any, ...]:
    marks = {symbol: list(map(marks_of, rows)) for symbol, rows in batch.trades.items()}
    return batch.trades, marks, batch.clock_ns, batch.is_marked, batch.malformed


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.__name__)
@given(changes=st.lists(_change, min_size=1, max_size=4))
@settings(deadline=None)
def test_a_frame_of_several_is_what_frames_of_one_are(
    venue: type[VenueDialect], changes: list[tuple[int, Any] | None]
) -> None:
    dialect, trades, message, end = venue(), [], None, ""
    for number, change in enumerate(changes):
        row = START + number * 123_456_000, 17_000.0 + number, 1.0 + number, 1, (-1, 1)[number % 2], number
        text = dialect.trade(row)
        end = "\x1e" * text.endswith("\x1e")
        message = json.loads(text.removesuffix(end))
        (trade,) = _place(message)
        if change is not None:
            at, value = change
            name = list(trade)[at % len(trade)]
            trade.pop(name)
            if value is not None:
                trade[name] = value
        trades.append(trade)
    read = decoder(dialect.adapter.dialect)
    together = read.feed([_written(message, trades, end)])
    one_by_one = read.feed([_written(message, [trade], end) for trade in trades])
    assert _taken(together) == _taken(one_by_one)
    held = sum(map(len, together.trades.values()))
    assert held + len(together.malformed) == len(trades)


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.__name__)
@pytest.mark.parametrize("count", [1, 2])
def test_a_name_twice_in_a_trade_is_seen_whatever_it_lacks(venue: type[VenueDialect], count: int) -> None:
    dialect = venue()
    text = dialect.trade((START, 17_000.0, 1.0, 1, 1, 7))
    end = "\x1e" * text.endswith("\x1e")
    message = json.loads(text.removesuffix(end))
    (trade,) = _place(message)
    for name in trade:
        for gone in (None, *(other for other in trade if other != name)):
            twice = {key: value for key, value in trade.items() if key != gone}
            twice["\x00"] = twice[name]
            frame = _written(message, [twice, *[trade] * (count - 1)], end).replace("\\u0000", name)
            batch = decoder(dialect.adapter.dialect).feed([frame])
            assert (batch.trades, batch.malformed) == ({}, ["duplicate key"]), frame
