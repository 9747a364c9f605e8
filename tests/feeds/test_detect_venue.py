"""Each recording and each sample is recognised as one venue's, and as no other's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mdnb.decode import DIALECTS
from mdnb.feeds.replay import open_recording
from mdnb.feeds.replay.detect_venue import VENUES, by_address, by_frames
from tests.venues.recordings import RECORDINGS, frames, samples, shared

SAMPLES = samples()
DATA = [sample for sample in SAMPLES if sample["kind"] != "control"]
# What the shared samples call a venue, and its dialect.
NAMES = {"kraken_v2": "kraken", "coinbase_exchange": "coinbase", "alpaca_test": "alpaca"}


def signed_by(frame: str) -> list[str]:
    """Return the dialects of all venues whose sign a frame has."""
    return [venue.dialect for venue in VENUES.values() if venue.sign.search(frame)]


def label(sample: dict[str, str]) -> str:
    return f"{sample['dialect']}-{sample['kind']}"


def test_each_dialect_is_recognised_or_has_an_address() -> None:
    assert set(VENUES) == set(DIALECTS)


@pytest.mark.parametrize("sample", DATA, ids=label)
def test_a_sample_has_the_sign_of_its_venue_alone(sample: dict[str, str]) -> None:
    assert signed_by(sample["frame"]) == [sample["dialect"]]


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s["kind"] == "control"], ids=label)
def test_what_is_no_data_has_no_other_venues_sign(sample: dict[str, str]) -> None:
    assert set(signed_by(sample["frame"])) <= {sample["dialect"]}


@pytest.mark.parametrize("sample", DATA, ids=label)
def test_blanks_and_the_order_of_the_keys_make_no_other_venue_of_it(sample: dict[str, str]) -> None:
    message = json.loads(sample["frame"])
    spaced = json.dumps(message, separators=(", ", ": "))
    assert signed_by(spaced) == [sample["dialect"]]
    if isinstance(message, dict):
        turned = json.dumps(dict(reversed(message.items())), separators=(",", ":"))
        in_order = json.dumps(message, separators=(",", ":"), sort_keys=True)
        assert set(signed_by(turned)) <= {sample["dialect"]}
        assert set(signed_by(in_order)) <= {sample["dialect"]}


@pytest.mark.parametrize("name", RECORDINGS)
def test_no_frame_of_a_recording_has_another_venues_sign(name: str) -> None:
    found = [signed_by(frame) for frame in frames(name)]
    assert {dialect for signs in found for dialect in signs} == {RECORDINGS[name]}
    venue = by_frames(frames(name))
    assert venue is not None
    assert venue.dialect == RECORDINGS[name]


def test_messages_that_were_captured_have_one_venues_sign() -> None:
    lines = shared("wire_samples.jsonl").read_text(encoding="utf-8").splitlines()
    messages = [message for message in map(json.loads, lines) if message["dir"] == "in"]
    assert len(messages) == 21
    unsigned = {"handshake_ok", "completion", "ping", "close", "error"}
    for message in messages:
        held: Any = message["msg"]
        frame = held if isinstance(held, str) else json.dumps(held, separators=(",", ":"))
        dialect = NAMES.get(message["venue"], message["venue"])
        assert signed_by(frame) == ([] if message["kind"] in unsigned else [dialect]), frame


@pytest.mark.parametrize(
    ("address", "dialect"),
    [
        ("wss://ws-feed.exchange.coinbase.com", "coinbase"),
        ("wss://ws-feed.pro.coinbase.com", "coinbase"),
        ("wss://advanced-trade-ws.coinbase.com", "coinbase_advanced"),
        ("wss://ws.kraken.com/v2", "kraken"),
        ("wss://ws.kraken.com", "kraken_v1"),
        ("wss://futures.kraken.com/ws/v1", "kraken_futures"),
        ("wss://demo-futures.kraken.com/ws/v1", "kraken_futures"),
        ("wss://www.cryptofacilities.com/ws/v1", "kraken_futures"),
        ("wss://push-private.kucoin.com/endpoint?token=x", "kucoin"),
        ("wss://ws-api-spot.kucoin.com/?token=x", "kucoin"),
        ("wss://ws.bitget.com/v2/ws/public", "bitget"),
        ("wss://ws.okx.com:8443/ws/v5/public", "okx"),
        ("wss://www.deribit.com/ws/api/v2", "deribit"),
        ("wss://api.gemini.com/v2/marketdata/", "gemini"),
        ("wss://api.gemini.com/v1/marketdata/BTCUSD?heartbeat=true", "gemini"),
        ("wss://ws.bitstamp.net", "bitstamp"),
        ("wss://example.org", None),
    ],
)
def test_an_address_is_one_venues(address: str, dialect: str | None) -> None:
    venue = by_address(address)
    assert (venue.dialect if venue else None) == dialect


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"mdnb"}))
def test_a_recording_of_a_venues_samples_is_opened_with_its_symbols(tmp_path: Path, dialect: str) -> None:
    held = [sample for sample in SAMPLES if sample["dialect"] == dialect]
    path = tmp_path / "some.txt"
    path.write_text("".join(f"{1_700_000_000_000_000_000 + n} {s['frame']}\n" for n, s in enumerate(held)))
    opened = open_recording(path)
    assert (opened.dialect, opened.has_trades) == (dialect, True)
    assert opened.symbols
    assert any(opened.prices.values())


def test_marked_trades_alone_are_trades(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    row = [1_772_460_000_000_000_000, 100.0, 1.0, 1, 1, 7, 48]
    frame = json.dumps({"e": "marked", "s": "X", "r": [row]})
    header = {"mdnb_recording": 1, "dialect": "mdnb", "symbols": ["X"]}
    path.write_text(json.dumps(header) + "\n" + json.dumps([row[0], frame]) + "\n")
    assert open_recording(path).has_trades
    assert signed_by(frame.replace(" ", "")) == ["mdnb"]
