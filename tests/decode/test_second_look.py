"""What venues send most is read once, and whatever is looked at twice is understood alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mdnb.decode import decoder, fields
from tests.decode.batches import objects_of, told
from tests.venues.recordings import samples

READ_ONCE = {
    ("alpaca", "trades"): "",
    ("alpaca", "quotes"): "",
    ("alpaca", "bars"): "",
    ("binance", "trades"): "M",
    ("binance", "quotes"): "",
    ("binance", "depth"): "T pu",
    ("binance", "bars"): "f L V Q B",
    ("bitget", "trades"): "ts",
    ("bitstamp", "trades"): "",
    ("bitstamp", "depth"): "",
    ("bybit", "trades"): "type ts L BT seq timestamp tick_direction cross_seq",
    ("coinbase", "trades"): "",
    ("coinbase", "depth"): "",
    ("coinbase_advanced", "trades"): "client_id",
    ("deribit", "trades"): "trade_id tick_direction mark_price index_price",
    ("gateio", "trades"): "",
    ("gemini", "trades"): "",
    ("gemini", "depth"): "",
    ("hyperliquid", "trades"): "",
    ("hyperliquid", "depth-snapshot"): "",
    ("kraken", "trades"): "",
    ("kraken", "depth"): "checksum timestamp",
    ("kraken_futures", "trades"): "",
    ("kraken_futures", "depth"): "",
    ("kraken_v1", "trades"): "",
    ("kraken_v1", "quotes"): "",
    ("kraken_v1", "depth"): "a c",
    ("kraken_v1", "bars"): "",
    ("kucoin", "trades"): "takerOrderId makerOrderId tradeId type",
    ("okx", "trades"): "",
    ("projectx", "trades"): "symbolId type",
}
"""Kinds of frames that come most, and what their venues leave out of some of them."""


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the texts that were read a second time."""
    found: list[str] = []
    look = fields.refuse_duplicates

    def counted(text: str) -> None:
        found.append(text)
        look(text)

    monkeypatch.setattr(fields, "refuse_duplicates", counted)
    return found


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def without_each_key(text: str) -> Iterator[tuple[str, str]]:
    """Yield each key of each object, and the text without it."""
    for at, one in enumerate(objects_of(json.loads(text))):
        for key in one:
            value = json.loads(text)
            del objects_of(value)[at][key]
            yield key, compact(value)


def with_each_key_twice(text: str) -> Iterator[str]:
    for at, one in enumerate(objects_of(json.loads(text))):
        for key in one:
            value = json.loads(text)
            inside = objects_of(value)[at]
            inside["\x00"] = inside[key]
            yield compact(value).replace("\\u0000", key)


@pytest.mark.parametrize(("dialect", "kind"), READ_ONCE, ids=lambda one: one)
def test_a_frame_as_its_venue_writes_it_is_not_read_a_second_time(
    dialect: str, kind: str, looks: list[str]
) -> None:
    once = []
    for frame in (s["frame"] for s in samples() if (s["dialect"], s["kind"]) == (dialect, kind)):
        looks.clear()
        assert decoder(dialect).feed([frame]).malformed == []
        once += [frame] if not looks else []
    assert once
    may_lack = READ_ONCE[dialect, kind].split()
    lacked = set()
    for frame in once:
        for key, text in without_each_key(frame):
            looks.clear()
            if key in may_lack and not decoder(dialect).feed([text]).malformed:
                assert looks == [], f"without {key}"
                lacked.add(key)
    assert lacked == set(may_lack)


@pytest.mark.parametrize("dialect", sorted({s["dialect"] for s in samples()}))
def test_a_key_that_stands_twice_does_not_stand_in_for_one_that_is_left_out(dialect: str) -> None:
    for frame in (s["frame"] for s in samples() if s["dialect"] == dialect):
        for _, left in without_each_key(frame):
            batch = decoder(dialect).feed([left])
            if batch.malformed or set(told(batch)) <= {"control", "clock"}:
                continue
            for text in with_each_key_twice(left):
                assert decoder(dialect).feed([text]).malformed == ["duplicate key"], text
