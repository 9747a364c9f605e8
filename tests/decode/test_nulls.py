"""What a venue may leave out it may as well write as ``null``: the batch is the same."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pytest

from mdnb.decode import decoder
from tests.decode import (
    test_bitget as bitget,
    test_coinbase_advanced as coinbase_advanced,
    test_deribit as deribit,
    test_gemini as gemini,
    test_kraken_futures as kraken_futures,
    test_kucoin as kucoin,
    test_whole_batches as whole,
)
from tests.decode.batches import told
from tests.venues.recordings import samples, shared

SEPARATOR = "\x1e"
CASES: dict[str, Sequence[tuple[list[str], Any]]] = {
    "binance": whole.BINANCE,
    "bitget": bitget.CASES,
    "bitstamp": whole.BITSTAMP,
    "bybit": whole.BYBIT,
    "coinbase": whole.COINBASE,
    "coinbase_advanced": coinbase_advanced.CASES,
    "deribit": deribit.CASES,
    "gateio": whole.GATEIO,
    "gemini": gemini.CASES,
    "hyperliquid": whole.HYPERLIQUID,
    "kraken": whole.KRAKEN,
    "kraken_futures": kraken_futures.CASES,
    "kraken_v1": whole.KRAKEN_V1,
    "kucoin": kucoin.CASES,
    "okx": whole.OKX,
}
SHARED = {
    "kraken_v2": "kraken",
    "coinbase_exchange": "coinbase",
    "coinbase_advanced": "coinbase_advanced",
    "binance": "binance",
    "hyperliquid": "hyperliquid",
    "alpaca_test": "alpaca",
    "projectx": "projectx",
}
# In a field that is always there null says that nobody is on a side, or that a trade has no number.
SAID_WITH_NULL = {
    "alpaca": {"ci"},
    "coinbase": {"best_bid", "best_ask"},
    "deribit": {"best_bid_price", "best_bid_amount", "best_ask_price", "best_ask_amount"},
    "kucoin": {"bestBid", "bestAsk", "buy", "sell"},
}


def all_of(batch: Any) -> str:
    """Return all that a batch has, as text, for nan is not equal to itself."""
    return repr((told(batch), batch.depth, batch.changes))


def copies(value: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name of each key of each object, and the message without it and with null there."""
    if isinstance(value, dict):
        for name, held in value.items():
            yield name, {key: one for key, one in value.items() if key != name}, value | {name: None}
            for inner, left, nulled in copies(held):
                yield inner, value | {name: left}, value | {name: nulled}
    elif isinstance(value, list):
        for at, held in enumerate(value):
            for inner, left, nulled in copies(held):
                yield inner, [*value[:at], left, *value[at + 1 :]], [*value[:at], nulled, *value[at + 1 :]]


def nobody_there(value: Any, names: Collection[str]) -> Any:
    """Return the message with null in all fields that say something with it but the last of an object."""
    if isinstance(value, list):
        return [nobody_there(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    said = [name for name in value if name in names][:-1]
    return {name: None if name in said else nobody_there(one, names) for name, one in value.items()}


def is_json(text: str) -> bool:
    return text.startswith(("{", "["))


def check(dialect: str, before: Sequence[str], frame: str) -> None:
    """Hold of each key of a frame that null is as if it was missing, where it may be."""
    end = SEPARATOR if frame.endswith(SEPARATOR) else ""
    value, said = json.loads(frame.removesuffix(end)), SAID_WITH_NULL.get(dialect, set())
    for name, left, nulled in [*copies(value), *copies(nobody_there(value, said))]:
        if not left:
            continue  # the answer to a handshake, where it is an object
        made = []
        for value in (left, nulled):
            understand = decoder(dialect)
            understand.feed(before)
            made.append(understand.feed([json.dumps(value, separators=(",", ":")) + end]))
        missing, null = made
        if not missing.malformed:
            assert all_of(null) == all_of(missing), (name, nulled)
        elif name not in said:
            rows = (missing.trades, missing.quotes, missing.depth, missing.bars, missing.changes)
            assert repr((null.trades, null.quotes, null.depth, null.bars, null.changes)) == repr(rows), name


@pytest.mark.parametrize("dialect", CASES)
def test_null_is_as_nothing_in_every_kind_of_message(dialect: str) -> None:
    for given, _ in CASES[dialect]:
        for at, frame in enumerate(given):
            if is_json(frame):
                check(dialect, given[:at], frame)


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: f"{sample['dialect']}-{sample['kind']}")
def test_null_is_as_nothing_in_each_sample(sample: dict[str, str]) -> None:
    if is_json(sample["frame"]):
        check(sample["dialect"], [], sample["frame"])


def test_null_is_as_nothing_in_each_shared_sample() -> None:
    lines = shared("wire_samples.jsonl").read_text(encoding="utf-8").splitlines()
    for line in map(json.loads, lines):
        if line["dir"] == "in":
            given = line["msg"]
            text = given if isinstance(given, str) else json.dumps(given, separators=(",", ":"))
            check(SHARED[line["venue"]], [], text)


OKX_CANDLE = ["1700000000000", "1", "3", "0.5", "2", "10", "11", "20", "1"]
BITGET_CANDLE = ["60000", "1", "3", "0.5", "2", "9", "18"]


@pytest.mark.parametrize(
    ("dialect", "arg", "candle", "needed"),
    [
        ("okx", {"channel": "candle1m", "instId": "A-B"}, OKX_CANDLE, 6),
        ("bitget", {"instType": "SPOT", "channel": "candle1m", "instId": "AB"}, BITGET_CANDLE, 6),
    ],
)
def test_null_is_as_nothing_in_what_a_row_may_lack_at_its_end(
    dialect: str, arg: Any, candle: list[str], needed: int
) -> None:
    for length in range(needed, len(candle)):
        rows: list[Any] = []
        for given in (candle[:length], [*candle[:length], *[None] * (len(candle) - length)]):
            batch = decoder(dialect).feed([json.dumps({"action": "update", "arg": arg, "data": [given]})])
            assert batch.malformed == []
            rows.append(batch.bars)
        assert repr(rows[0]) == repr(rows[1])


EXACT = '"bids":[{"price":0.1000000000000000055511151231257827,"qty":1e-7}],"asks":[]'


def test_what_is_read_without_nulls_is_read_exactly() -> None:
    book = '{"channel":"book","type":"update","data":[{"symbol":"A/B",%s%s}]}'
    plain = decoder("kraken").feed([book % (EXACT, "")])
    nulled = decoder("kraken").feed([book % (EXACT, ',"checksum":null,"timestamp":null')])
    assert all_of(plain) == all_of(nulled)
    digits = '"tradeId":"9007199254740993","px":"2.5","sz":"3","side":"buy","ts":"1700000000123"'
    frame = '{"arg":{"channel":"trades"},"data":[{"instId":"A-B",%s,"source":null}]}'
    batch = decoder("okx").feed([frame % digits])
    assert batch.trades == {"A-B": [(1_700_000_000_123_000_000, 2.5, 3.0, 1, 1, 9_007_199_254_740_993)]}


def test_a_key_twice_of_which_one_is_null_is_refused() -> None:
    frame = '{"arg":{"channel":"trades","instId":"A-B"},"data":[{"instId":"A-B","tradeId":"7",%s}]}'
    rest = '"px":"2.5","sz":"3","side":"buy","ts":"1700000000123","source":null'
    for twice in ('"px":null,' + rest, rest + ',"px":null'):
        batch = decoder("okx").feed([frame % twice])
        assert not batch.trades
        assert len(batch.malformed) == 1
