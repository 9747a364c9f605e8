"""The order book of a recording is checked as a live one: what it lacks is told, and nothing is asked for."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import mdnb
from mdnb.feeds.replay.feed import ReplayFeed
from mdnb.market import LiveMarket
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START

PAIR = "BTC/USD"
TIME = "2026-03-02T14:00:01.000000Z"


def kraken(kind: str, bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]], told: int) -> str:
    """Return a message of Kraken's books with the numbers as they are written there."""
    sides = {
        side: "[" + ",".join(f'{{"price":{price},"qty":{size}}}' for price, size in levels) + "]"
        for side, levels in (("bids", bids), ("asks", asks))
    }
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{PAIR}","bids":{sides["bids"]},'
        f'"asks":{sides["asks"]},"checksum":{told}}}]}}'
    )


def sum_of(bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]) -> int:
    """Add a book up from the very texts, as Kraken's documentation says."""
    texts = [text.replace(".", "").lstrip("0") for side in (asks, bids) for level in side for text in level]
    return zlib.crc32("".join(texts).encode())


def kraken_frames(count: int) -> list[str]:
    """Return a snapshot, and changes of which each sets another size of the best bid."""
    asks = [("100.30", "2.00000000")]
    frames = []
    for number in range(count):
        bids = [("100.20", f"{number + 1}.50000000")]
        told = sum_of(bids, asks)
        whole = number == 0
        frames.append(kraken("snapshot" if whole else "update", bids, asks if whole else [], told))
    return frames


def okx(number: int, previous: int, action: str = "update") -> str:
    data = {
        "asks": [["100.3", "2", "0", "1"]],
        "bids": [["100.2", str(number), "0", "1"]],
        "ts": str(START // 10**6 + number),
        "seqId": number,
        "prevSeqId": previous,
    }
    said = {"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": action, "data": [data]}
    return json.dumps(said, separators=(",", ":"))


def okx_frames(count: int) -> list[str]:
    return [okx(1, -1, "snapshot"), *(okx(number, number - 1) for number in range(2, count + 1))]


def trade_of(dialect: str, second: int) -> str:
    """Return a trade, so that the recording has some."""
    data: dict[str, Any]
    said: dict[str, Any]
    if dialect == "kraken":
        row = {
            "symbol": PAIR,
            "side": "buy",
            "price": 100.3,
            "qty": 1.0,
            "ord_type": "limit",
            "trade_id": second,
        }
        row["timestamp"] = f"2026-03-02T14:00:{second:02d}.000000Z"
        return json.dumps({"channel": "trade", "type": "update", "data": [row]}, separators=(",", ":"))
    ms = START // 10**6 + second * 1000
    if dialect == "bybit":
        data = {"T": ms, "s": "BTCUSDT", "S": "Buy", "v": "1", "p": "100.3", "i": str(second)}
        said = {"topic": "publicTrade.BTCUSDT", "data": [data]}
    elif dialect == "gateio":
        data = {"id": second, "create_time": ms // 1000, "create_time_ms": f"{ms}.0", "side": "buy"}
        data |= {"currency_pair": "BTC_USDT", "amount": "1", "price": "100.3"}
        said = {"time": ms // 1000, "channel": "spot.trades", "event": "update", "result": data}
    elif dialect == "coinbase_advanced":
        time = f"2026-03-02T14:00:{second:02d}.000000Z"
        data = {
            "product_id": "BTC-USD",
            "trade_id": str(second),
            "price": "100.3",
            "size": "1",
            "side": "BUY",
        }
        events = [{"type": "update", "trades": [data | {"time": time}]}]
        said = {"channel": "market_trades", "timestamp": time, "sequence_num": 31 * (second > 0)}
        said["events"] = events
    else:
        data = {"instId": "BTC-USDT", "tradeId": str(second), "px": "100.3", "sz": "1", "side": "buy"}
        data["ts"] = str(ms)
        said = {"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [data]}
    return json.dumps(said, separators=(",", ":"))


def bybit_frames(count: int) -> list[str]:
    frames = []
    for number in range(1, count + 1):
        data = {"s": "BTCUSDT", "b": [["100.2", str(number)]], "a": [], "u": 70 + number, "seq": 9 * number}
        data["a"] = [["100.3", "2"]] if number == 1 else []
        kind, ms = "snapshot" if number == 1 else "delta", START // 10**6 + number
        said = {"topic": "orderbook.50.BTCUSDT", "type": kind, "ts": ms, "data": data, "cts": ms}
        frames.append(json.dumps(said, separators=(",", ":")))
    return frames


def gateio_frames(count: int) -> list[str]:
    frames = []
    for number in range(1, count + 1):
        sides = {"b": [["100.2", str(number)]], "a": [["100.3", "2"]] if number == 1 else []}
        result = {"t": START // 10**6 + number, "s": "BTC_USDT", "U": 69 + 2 * number, "u": 70 + 2 * number}
        result |= {**sides, "full": number == 1}
        said = {"time": 1, "channel": "spot.order_book_update", "event": "update", "result": result}
        frames.append(json.dumps(said, separators=(",", ":")))
    return frames


def coinbase_frames(count: int) -> list[str]:
    frames = []
    for number in range(1, count + 1):
        sides = {"bid": [("100.2", str(number))], "offer": [("100.3", "2")] if number == 1 else []}
        levels = [
            {"side": side, "event_time": TIME, "price_level": price, "new_quantity": size}
            for side, held in sides.items()
            for price, size in held
        ]
        kind = "snapshot" if number == 1 else "update"
        said = {"channel": "l2_data", "timestamp": TIME, "sequence_num": number}
        said["events"] = [{"type": kind, "product_id": "BTC-USD", "updates": levels}]
        frames.append(json.dumps(said, separators=(",", ":")))
    return frames


VENUES: dict[str, tuple[str, Callable[[int], list[str]], str]] = {
    "bybit": ("BTCUSDT", bybit_frames, "an update follows number 84, and the newest that came is 83"),
    "gateio": ("BTC_USDT", gateio_frames, "an update follows number 98, and the newest that came is 96"),
    "coinbase_advanced": (
        "BTC-USD",
        coinbase_frames,
        "an update follows number 14, and the newest that came is 13",
    ),
    "kraken": (PAIR, kraken_frames, "its checksum is"),
    "okx": ("BTC-USDT", okx_frames, "an update follows number 14, and the newest that came is 13"),
}


def written(path: Path, dialect: str, frames: Sequence[str]) -> Path:
    header = {"mdnb_recording": 1, "dialect": dialect, "symbols": [VENUES[dialect][0]]}
    lines = [json.dumps(header), json.dumps([START, trade_of(dialect, 0)])]
    lines += [json.dumps([START + (1 + at) * SECOND // 10, frame]) for at, frame in enumerate(frames)]
    lines.append(json.dumps([START + 50 * SECOND, trade_of(dialect, 50)]))
    path.write_text("\n".join(lines) + "\n")
    return path


def played(path: Path, symbol: str) -> LiveMarket:
    """Play a recording with its order book, to the end."""
    feed = ReplayFeed(path, speed="max")
    live = mdnb.live(symbol, "1sec", feed=feed, initial_days=0, progress=False)
    live.data.subscribe_to_level2()
    live.wait_ended(LIMIT_SECONDS)
    return live


@pytest.mark.parametrize("dialect", VENUES)
def test_a_book_that_is_whole_is_not_told_of(dialect: str, tmp_path: Path) -> None:
    symbol, frames, _ = VENUES[dialect]
    with played(written(tmp_path / "day.jsonl", dialect, frames(30)), symbol) as live:
        assert live.accounting().depth_updates == 30
        assert live.accounting().depth_left_out == 0
        assert live.data.get_validation_errors(type="book") == []
        assert live.data.get_order_book().bids[0].size == (30.5 if dialect == "kraken" else 30.0)


@pytest.mark.parametrize("dialect", VENUES)
def test_a_book_that_lacks_a_change_is_told_of_until_a_whole_one_comes(
    dialect: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    symbol, make, why = VENUES[dialect]
    frames = make(30)
    if dialect == "kraken":
        # A change that another one hides would not be missed: this one was of a level of its own.
        frames[13] = kraken("update", [("100.10", "7.00000000")], [], 1)
    else:
        del frames[13]
    with (
        caplog.at_level(logging.INFO, "mdnb"),
        played(written(tmp_path / "day.jsonl", dialect, frames), symbol) as live,
    ):
        [error] = live.data.get_validation_errors(type="book")
        assert error.count == 1
        assert why in error.description
        assert "the recording lacks some of it" in error.description
        assert "asked for anew" not in error.description
        [sentence] = live.data.get_stats().troubles
        assert sentence.startswith("order book broken: the recording lacks")
        assert sentence in str(live)
        assert live.accounting().depth_left_out == len(frames) - 13
        told = [message for message in caplog.messages if "order book broken" in message]
        assert len(told) == 1
    caplog.clear()
    again = [*frames, make(1)[0]]
    with (
        caplog.at_level(logging.INFO, "mdnb"),
        played(written(tmp_path / "more.jsonl", dialect, again), symbol) as live,
    ):
        assert live.data.get_stats().troubles == ()
        assert len(live.data.get_validation_errors(type="book")) == 1
        assert live.data.get_order_book().best_bid == 100.2
        told = [message for message in caplog.messages if "order book broken" in message]
        assert told[1] == f"{symbol}: order book broken: that is over"


def of_cryptofeed(source: Path, path: Path, keep: Callable[[Any], bool]) -> Path:
    """Write those lines of a recording of cryptofeed's whose message is to be kept."""
    lines = gzip.decompress(source.read_bytes()).decode().splitlines()
    kept = []
    for line in lines:
        _, _, frame = line.partition(": ")
        is_message = frame.startswith("[") and " <-" not in line
        if not is_message or keep(json.loads(frame)):
            kept.append(line)
    path.write_text("\n".join(kept) + "\n")
    return path


def test_each_of_krakens_real_sums_is_checked_and_a_message_that_is_taken_out_is_found(
    shared_data: Path, tmp_path: Path
) -> None:
    source, pair = shared_data / "ws" / "kraken_v1_book.txt.gz", "XMR/USD"
    whole = of_cryptofeed(source, tmp_path / "kraken_whole.txt", lambda _: True)
    with played(whole, pair) as live:
        updates = live.accounting().depth_updates
        assert updates > 300
        assert live.accounting().depth_left_out == 0
        assert live.data.get_validation_errors(type="book") == []
    seen: list[Any] = []

    def keep(message: Any) -> bool:
        """Leave out one that sets a bid above all others, the first of them after the hundredth."""
        if message[-1] != pair:
            return True
        seen.append(message)
        return len(seen) != best_bid_at

    best_bid_at = 0
    of_cryptofeed(source, tmp_path / "counted.txt", keep)
    best_bid_at = _first_new_best_bid(seen, 100)
    seen.clear()
    broken = of_cryptofeed(source, tmp_path / "kraken_broken.txt", keep)
    with played(broken, pair) as live:
        [error] = live.data.get_validation_errors(type="book")
        assert "its checksum is" in error.description
        assert 0 < live.accounting().depth_left_out < updates - 100
        assert live.accounting().depth_updates == updates - 1


def _first_new_best_bid(messages: Sequence[Any], least: int) -> int:
    """Return the number, counted from 1, of the first message that adds a bid above all others."""
    bids: dict[float, float] = {}
    for number, message in enumerate(messages, 1):
        best = max((price for price, size in bids.items() if size), default=0.0)
        for part in message[1:-2]:
            for key in ("bs", "b"):
                for price, size, *_ in part.get(key, []):
                    if number > least and float(size) and float(price) > best:
                        return number
                    bids[float(price)] = float(size)
    raise AssertionError("the bids only fall")


def test_a_change_that_is_taken_out_of_binances_is_found_by_its_numbers(
    shared_data: Path, tmp_path: Path
) -> None:
    source = shared_data / "ws" / "binance_futures.txt.gz"
    lines = gzip.decompress(source.read_bytes()).decode().splitlines()
    of_changes = [at for at, line in enumerate(lines) if '"depthUpdate"' in line]
    changes = [json.loads(lines[at][lines[at].index("{") :])["data"] for at in of_changes]
    symbol = changes[0]["s"]
    own = [at for at, one in zip(of_changes, changes, strict=True) if one["s"] == symbol]
    assert len(own) > 20
    for left_out in (None, own[len(own) // 2]):
        path = tmp_path / f"binance_futures_{left_out}.txt"
        path.write_text("\n".join(line for at, line in enumerate(lines) if at != left_out) + "\n")
        with played(path, symbol) as live:
            errors = live.data.get_validation_errors(type="book")
            assert len(errors) == (left_out is not None)
            # Of changes alone none says what the book was: it goes on with those that come.
            assert live.accounting().depth_left_out == (left_out is not None)
            assert live.data.engine.depth.updates > 0
            for error in errors:
                assert "what is shown begins anew there, as no whole book has come" in error.description
