"""Whatever a socket delivers, a decoder answers with rows, with a control message or with a refusal."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mdnb.decode import DIALECTS, decoder
from mdnb.errors import FeedError
from mdnb.rows import Batch
from tests.decode.batches import told
from tests.venues.recordings import RECORDINGS, frames, samples, shared

VENUES = sorted(set(DIALECTS) - {"mdnb"})
SAMPLES = samples()
MARKET_DATA = [sample for sample in SAMPLES if sample["kind"] != "control"]

REASONS = {
    *("not JSON", "not UTF-8", "nested too deep", "wrong shape", "wrong value", "duplicate key"),
    *("wrong time", "wrong number", "wrong trade id", "aggregate of no trade", "no message in the frame"),
    *(
        f"unknown {what}"
        for what in ("action", "candle", "channel", "event", "feed", "message", "target", "topic")
    ),
    *("unknown type", "depth without a symbol", "depth without levels", "a level without its size"),
    *("a level without price or size", "a quote without a price", "a ticker without prices"),
    *("a change without what it changes", "a checksum that is no number", "an answer to nothing"),
    *("an answer with a result and an error", "another market's symbol of the same name"),
}
"""The few words that refusals are counted by."""


def label(sample: dict[str, str]) -> str:
    return f"{sample['dialect']}-{sample['kind']}"


def rows(batch: Batch) -> int:
    depth = {name: [one for one in found if not one.is_torn] for name, found in batch.depth.items()}
    held = (batch.trades, batch.quotes, depth, batch.bars, batch.changes)
    return sum(len(found) for kind in held for found in kind.values())


def check(dialect: str, frame: str | bytes) -> Batch:
    """Decode one frame and hold what every batch promises."""
    batch = decoder(dialect).feed([frame])
    assert batch.frames == 1
    handled = rows(batch) > 0 or batch.control == 1
    assert handled or batch.malformed, "a frame got lost"
    assert batch.control + (rows(batch) > 0) <= 1
    for found in batch.trades.values():
        for ts, price, size, count, side, number in found:
            assert 0 < ts < 2**63
            assert -1 <= number < 2**63
            assert math.isfinite(price)
            assert 0 <= size < math.inf
            assert count >= 1
            assert side in (-1, 0, 1)
    for quotes in batch.quotes.values():
        for quote in quotes:
            assert 0 <= quote[0] < 2**63
            assert not any(math.isinf(value) for value in quote[1:])
    for updates in batch.depth.values():
        for update in updates:
            assert 0 <= update.ts_ns < 2**63
            numbers = (update.previous_id, update.last_id, update.checksum)
            assert all(type(number) is int and number >= -1 for number in numbers)
            assert all(math.isfinite(p) and 0 <= s < math.inf for p, s in update.bids + update.asks)
    for bars in batch.bars.values():
        for row, _ in bars:
            assert all(math.isfinite(value) for value in row[:5])
    for reason in batch.malformed:
        said, _, path = reason.partition(" at $")
        assert reason in REASONS or (said == "wrong shape" and re.fullmatch(r"[\w.\[\]]*", path)), reason
    return batch


@pytest.mark.parametrize("sample", SAMPLES, ids=label)
def test_each_sample_is_what_it_says(sample: dict[str, str]) -> None:
    for frame in (sample["frame"], sample["frame"].encode(), bytearray(sample["frame"].encode())):
        batch = check(sample["dialect"], frame)  # type: ignore[arg-type]  # some libraries hand out bytearrays
        assert batch.malformed == []
        kind = sample["kind"].removesuffix("-snapshot")
        assert batch.control if kind == "control" else getattr(batch, kind)
        if kind == "depth":
            ((update,),) = batch.depth.values()
            assert update.snapshot == sample["kind"].endswith("-snapshot")


@pytest.mark.parametrize("sample", SAMPLES, ids=label)
def test_other_spacing_is_the_same_message(sample: dict[str, str]) -> None:
    if sample["frame"].startswith("[") and sample["dialect"] == "kraken_v1":
        return  # its arrays are split by hand, as the venue writes them
    spaced = check(sample["dialect"], json.dumps(json.loads(sample["frame"]), indent=2))
    plain = check(sample["dialect"], sample["frame"])
    assert (spaced.trades, spaced.depth) == (plain.trades, plain.depth)
    # As text, for nan is not equal to itself.
    assert str((spaced.quotes, spaced.bars)) == str((plain.quotes, plain.bars))
    assert (spaced.control, spaced.malformed) == (plain.control, [])


@pytest.mark.parametrize("sample", SAMPLES, ids=label)
def test_cut_off_anywhere(sample: dict[str, str]) -> None:
    frame = sample["frame"]
    for length in range(len(frame)):
        assert check(sample["dialect"], frame[:length]).malformed, frame[:length]


@pytest.mark.parametrize("dialect", VENUES)
@pytest.mark.parametrize(
    "frame",
    [
        *(
            "",
            " ",
            "null",
            "true",
            "0",
            '"text"',
            "{}",
            "[]",
            "[1]",
            "[[]]",
            "NaN",
            "{",
            "\ud800",
            b"\xff\xfe",
            b"",
        ),
        *("[" * 100_000, '{"a":' * 100_000, '{"e":' + "9" * 5000 + "}", '{"type":1e999}'),
        '{"channel":"' + "x" * 100_000 + '"}',
    ],
)
def test_what_is_no_message(dialect: str, frame: str | bytes) -> None:
    batch = check(dialect, frame)
    assert len(batch.malformed) == 1
    assert rows(batch) == 0


def copies_with_a_repeated_key(text: str, *, lacking: bool = False) -> Iterator[str]:
    """Yield the message with one key of one object written twice, for each key of each object.

    Where it is to be lacking something, the object has not got another one of its keys, each in turn.
    """
    mark = "\x00"

    def walk(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            for key, held in value.items():
                others = [other for other in value if other != key] if lacking else [mark]
                for gone in others:
                    yield {**{name: one for name, one in value.items() if name != gone}, mark + key: held}
                for inner in walk(held):
                    yield {**value, key: inner}
        elif isinstance(value, list):
            for index, held in enumerate(value):
                for inner in walk(held):
                    yield [*value[:index], inner, *value[index + 1 :]]

    for copy in walk(json.loads(text)):
        yield json.dumps(copy, separators=(",", ":")).replace("\\u0000", "")


@pytest.mark.parametrize("sample", SAMPLES, ids=label)
def test_a_key_written_twice_is_refused(sample: dict[str, str]) -> None:
    for copy in copies_with_a_repeated_key(sample["frame"]):
        batch = check(sample["dialect"], copy)
        assert batch.malformed == ["duplicate key"], copy
        assert rows(batch) == 0


@pytest.mark.parametrize("sample", SAMPLES, ids=label)
def test_a_key_written_twice_does_not_stand_in_for_one_that_is_missing(sample: dict[str, str]) -> None:
    for copy in copies_with_a_repeated_key(sample["frame"], lacking=True):
        batch = check(sample["dialect"], copy)
        assert batch.malformed, copy
        assert rows(batch) == 0


def grown(value: Any) -> Any:
    """Return a message with a field that nobody knows in each of its objects."""
    if isinstance(value, dict):
        return {**{key: grown(held) for key, held in value.items()}, "brandNew": {"x": [1, "2:3", None]}}
    return [grown(held) for held in value] if isinstance(value, list) else value


@pytest.mark.parametrize("sample", SAMPLES, ids=label)
def test_new_fields_of_a_venue_do_no_harm(sample: dict[str, str]) -> None:
    batch = check(sample["dialect"], json.dumps(grown(json.loads(sample["frame"])), separators=(",", ":")))
    plain = check(sample["dialect"], sample["frame"])
    # As text, for nan is not equal to itself.
    assert str(told(batch)) == str(told(plain))
    assert batch.malformed == []


@pytest.mark.parametrize("name", ["okx", "gateio", "bitstamp", "bybit_old_a", "hyperliquid_l2book_btc_a"])
def test_a_recording_with_new_fields_in_each_frame_is_the_same(name: str) -> None:
    plain = frames(name)
    more = [json.dumps(grown(json.loads(frame)), separators=(",", ":")) for frame in plain]
    dialect = RECORDINGS[name]
    assert str(told(decoder(dialect).feed(more))) == str(told(decoder(dialect).feed(plain)))


@pytest.mark.parametrize("sample", MARKET_DATA, ids=label)
def test_values_of_the_wrong_kind(sample: dict[str, str]) -> None:
    def leaves(value: Any) -> Iterator[Any]:
        for bad in ("NaN", "-Infinity", "1e999", None, True, [], {}, -1, 10**30, "", "x" * 200, "\ud800"):
            yield from replaced(value, bad)

    def replaced(value: Any, bad: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            for key, held in value.items():
                for inner in replaced(held, bad):
                    yield {**value, key: inner}
        elif isinstance(value, list):
            for index, held in enumerate(value):
                for inner in replaced(held, bad):
                    yield [*value[:index], inner, *value[index + 1 :]]
        else:
            yield bad

    for copy in leaves(json.loads(sample["frame"])):
        check(sample["dialect"], json.dumps(copy, separators=(",", ":")))
    for number in ("NaN", "Infinity", "1e999", "9" * 400):
        check(
            sample["dialect"],
            json.dumps(json.loads(sample["frame"]), separators=(",", ":")).replace(":1", ":" + number, 1),
        )


@settings(deadline=None)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_flipped_bytes(sample: dict[str, str], flips: list[tuple[int, int]]) -> None:
    frame = bytearray(sample["frame"].encode())
    for at, value in flips:
        frame[at % len(frame)] = value
    check(sample["dialect"], bytes(frame))


@settings(deadline=None)
@given(st.sampled_from(VENUES), st.one_of(st.text(), st.binary()))
def test_noise(dialect: str, frame: str | bytes) -> None:
    check(dialect, frame)


@settings(deadline=None)
@given(st.data())
def test_a_bad_frame_does_not_touch_its_neighbours(data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(MARKET_DATA))
    bad = data.draw(st.sampled_from(["{", "", '{"a":1,"a":2}', b"\xff"]))
    batch = decoder(sample["dialect"]).feed([sample["frame"], bad, sample["frame"]])
    assert batch.frames == 3
    assert len(batch.malformed) == 1
    assert rows(batch) == 2 * rows(check(sample["dialect"], sample["frame"]))


@pytest.mark.parametrize("dialect", ["kraken_v2", "binance", "hyperliquid", "coinbase_exchange"])
def test_captured_messages(dialect: str) -> None:
    lines = shared("wire_samples.jsonl").read_text(encoding="utf-8").splitlines()
    messages = [
        sample for sample in map(json.loads, lines) if sample["venue"] == dialect and sample["dir"] == "in"
    ]
    name = {"kraken_v2": "kraken", "coinbase_exchange": "coinbase"}.get(dialect, dialect)
    assert messages
    for sample in messages:
        assert check(name, json.dumps(sample["msg"], separators=(",", ":"))).malformed == []


def test_unknown_dialect() -> None:
    with pytest.raises(FeedError, match="Did you mean 'kraken'"):
        decoder("krakn")


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@pytest.mark.parametrize("given_frame", [{"e": "trades"}, None, 5, ["{}"], object()])
def test_what_is_no_frame_is_counted_and_the_others_are_taken(dialect: str, given_frame: object) -> None:
    frames: list[Any] = [given_frame, "{oops", given_frame]
    batch = decoder(dialect).feed(frames)
    assert batch.frames == len(batch.malformed) == 3
    assert batch.last_malformed is given_frame
    assert f"not a {type(given_frame).__name__}" in batch.malformed[0]


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_text_of_a_class_of_its_own_and_other_bytes_are_frames(dialect: str) -> None:
    class Text(str):
        __slots__ = ()

    def taken(frame: Any) -> tuple[list[str], int]:
        batch = decoder(dialect).feed([frame])
        return batch.malformed, batch.control

    frame = '{"e":"clock","t":5}'
    as_is = taken(frame)
    assert [taken(make(frame.encode())) for make in (bytes, bytearray, memoryview)] == [as_is] * 3
    assert taken(Text(frame)) == as_is


UNKNOWN = {
    "mdnb": '{"e":"stranger","t":1}',
    "alpaca": '[{"T":"stranger"}]',
    "okx": '{"event":"stranger","msg":""}',
    "kraken": '{"channel":"stranger","type":"update","data":[]}',
    "binance": '{"e":"stranger"}',
    "coinbase": '{"type":"stranger"}',
    "bitstamp": '{"event":"stranger","channel":"c","data":{}}',
    "bybit": '{"topic":"stranger","data":[]}',
    "gateio": '{"time":1,"channel":"spot.stranger","event":"update","result":{}}',
    "hyperliquid": '{"channel":"stranger","data":{}}',
    "kraken_v1": '{"event":"stranger"}',
    "projectx": '{"type":1,"target":"Stranger","arguments":["C",{}]}',
    "coinbase_advanced": '{"channel":"stranger","timestamp":"","sequence_num":0,"events":[]}',
    "kraken_futures": '{"feed":"stranger","product_id":"PI_XBTUSD"}',
    "kucoin": '{"type":"message","topic":"/market/stranger:BTC-USDT","subject":"","data":{}}',
    "bitget": '{"action":"update","arg":{"instType":"SPOT","channel":"stranger","instId":"A"},"data":[{}]}',
    "deribit": '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"stranger.A","data":{}}}',
    "gemini": '{"type":"stranger"}',
}


def test_each_dialect_has_a_message_of_an_unknown_kind() -> None:
    assert set(UNKNOWN) == set(DIALECTS)


@pytest.mark.parametrize("dialect", UNKNOWN)
def test_a_message_of_an_unknown_kind_is_no_control_message(dialect: str) -> None:
    batch = decoder(dialect).feed([UNKNOWN[dialect]])
    assert (batch.control, len(batch.malformed), batch.replies) == (0, 1, [])
    assert batch.malformed[0].startswith("unknown ")
    assert batch.last_malformed == UNKNOWN[dialect]


KINDS = {
    "alpaca": '"T":"t"',
    "binance": '"e":"trade"',
    "bitget": '"channel":"trade"',
    "bitstamp": '"event":"trade"',
    "bybit": '"topic":"trade.',
    "coinbase": '"type":"last_match"',
    "coinbase_advanced": '"channel":"market_trades"',
    "deribit": '"channel":"trades.',
    "gateio": '"channel":"spot.trades"',
    "gemini": '"type":"trade"',
    "hyperliquid": '"channel":"trades"',
    "kraken": '"channel":"trade"',
    "kraken_futures": '"feed":"trade"',
    "kraken_v1": '"trade"',
    "kucoin": '"topic":"/market/match:',
    "okx": '"channel":"trades"',
    "projectx": '"target":"GatewayTrade"',
}


@pytest.mark.parametrize("dialect", VENUES)
def test_a_trade_of_a_kind_that_nobody_knows_is_told(dialect: str) -> None:
    kind = KINDS[dialect]
    trades = [s["frame"] for s in SAMPLES if (s["dialect"], s["kind"]) == (dialect, "trades")]
    frame = next(frame for frame in trades if frame.count(kind) == 1)
    # With all fields that a trade has.
    for new in (
        kind.replace('":"', '":"new_'),
        kind.replace("trade", "trades2").replace("match", "matches2"),
    ):
        if new == kind:
            continue
        batch = check(dialect, frame.replace(kind, new))
        assert (batch.trades, batch.control) == ({}, 0)
        assert batch.malformed[0].startswith("unknown "), frame.replace(kind, new)


def _rows_of(batch: Batch) -> dict[tuple[str, Any], list[str]]:
    kinds = ("trades", "quotes", "depth", "bars", "changes")
    # As text, for nan is not equal to itself.
    return {
        (kind, key): [repr(row) for row in found]
        for kind in kinds
        for key, found in getattr(batch, kind).items()
    }


@pytest.mark.parametrize("dialect", VENUES)
def test_frames_read_together_are_those_read_one_by_one(dialect: str) -> None:
    given = [sample["frame"] for sample in SAMPLES if sample["dialect"] == dialect]
    given = [*given, "{oops", *given]
    together, one_by_one = decoder(dialect).feed(given), decoder(dialect)
    batches = [one_by_one.feed([frame]) for frame in given]
    found: dict[tuple[str, Any], list[str]] = {}
    for batch in batches:
        for key, held in _rows_of(batch).items():
            found.setdefault(key, []).extend(held)
    assert _rows_of(together) == found
    assert together.frames == len(given)
    assert together.control == sum(batch.control for batch in batches)
    assert together.malformed == [reason for batch in batches for reason in batch.malformed] == ["not JSON"]
    assert str(together.replies) == str([reply for batch in batches for reply in batch.replies])
    assert together.clock_ns == max(batch.clock_ns for batch in batches)
    assert together.is_marked == any(batch.is_marked for batch in batches)


def _symbols_of(batch: Batch) -> set[str]:
    return {key[0] if isinstance(key, tuple) else key for _, key in _rows_of(batch)}


@pytest.mark.parametrize("sample", MARKET_DATA, ids=label)
def test_a_symbol_has_one_letter_at_least_and_64_at_most(sample: dict[str, str]) -> None:
    (symbol,) = _symbols_of(check(sample["dialect"], sample["frame"]))
    # Gemini's first version names none: there is one a connection. In Binance's streams they are lower-case.
    written = symbol if symbol in sample["frame"] else symbol.lower()
    for letters in (1, 64) if symbol else ():
        other = "A" * letters if written.isupper() else "a" * letters
        batch = check(sample["dialect"], sample["frame"].replace(written, other))
        assert batch.malformed == []
        assert _symbols_of(batch) == {other.upper() if symbol.isupper() else other}
    for letters in (0, 65) if symbol else ():
        batch = check(sample["dialect"], sample["frame"].replace(written, "A" * letters))
        assert not _rows_of(batch)
        assert batch.malformed


@pytest.mark.parametrize("sample", SAMPLES, ids=label)
def test_a_list_in_which_nothing_is_loses_no_frame(sample: dict[str, str]) -> None:
    def emptied(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            for key, held in value.items():
                for inner in emptied(held):
                    yield {**value, key: inner}
        elif isinstance(value, list) and value:
            yield []
            for index, held in enumerate(value):
                for inner in emptied(held):
                    yield [*value[:index], inner, *value[index + 1 :]]

    for copy in emptied(json.loads(sample["frame"])):
        text = json.dumps(copy, separators=(",", ":"))
        check(sample["dialect"], text)
        both = decoder(sample["dialect"]).feed([text, text])
        assert both.control in (0, 2)
