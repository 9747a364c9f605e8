"""Which update of a book follows which, by the numbers that a venue writes: a frame that is lost is found."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mdnb.decode import decoder
from mdnb.rows import Batch
from mdnb.validate.book_order import BookOrder, Verdict
from tests.decode.batches import ISO, MS, frame

COUNT = 8


def bybit(number: int, kind: str = "delta") -> str:
    data = {"s": "X", "b": [["1", f"{number}"]], "a": [], "u": 100 + number, "seq": 7 * number}
    return frame(topic="orderbook.50.X", type=kind, ts=MS, data=data, cts=MS)


def gateio(number: int) -> str:
    # Each frame has three updates of the book in it.
    last = 100 + 3 * number
    result: dict[str, Any] = {"t": MS, "s": "X", "b": [["1", f"{number}"]], "a": []}
    result |= {"U": last - 2, "u": last, "full": number == 0}
    if number == 0:
        result = {"t": MS, "s": "X", "lastUpdateId": last, "bids": [["1", "2"]], "asks": []}
    channel = "spot.order_book" if number == 0 else "spot.order_book_update"
    return frame(time=MS // 1000, channel=channel, event="update", result=result)


def coinbase(number: int, kind: str = "update", product: str = "X") -> str:
    level = {"side": "bid", "event_time": ISO, "price_level": "1", "new_quantity": f"{number}"}
    events = [{"type": kind, "product_id": product, "updates": [level]}]
    return frame(channel="l2_data", client_id="", timestamp=ISO, sequence_num=number, events=events)


def gemini(number: int, reason: str = "place") -> str:
    change = {"type": "change", "side": "bid", "price": "1", "remaining": f"{number}", "reason": reason}
    change["symbol"] = "X"
    return frame(type="update", eventId=9, socket_sequence=number, timestampms=MS, events=[change])


FRAMES = {
    "bybit": [bybit(0, "snapshot"), *map(bybit, range(1, COUNT))],
    "gateio": [*map(gateio, range(COUNT))],
    "coinbase_advanced": [coinbase(0, "snapshot"), *map(coinbase, range(1, COUNT))],
    "gemini": [gemini(0, "initial"), *map(gemini, range(1, COUNT))],
}


def verdicts(batch: Batch, symbol: str = "X") -> list[Verdict]:
    order = BookOrder()
    assert batch.malformed == []
    return [order.judge(update) for update in batch.depth[symbol]]


@pytest.mark.parametrize("dialect", FRAMES)
def test_a_book_of_which_each_frame_came_holds(dialect: str) -> None:
    assert verdicts(decoder(dialect).feed(FRAMES[dialect])) == ["apply"] * COUNT


@pytest.mark.parametrize("dialect", FRAMES)
@pytest.mark.parametrize("lost", range(1, COUNT - 1))
def test_a_book_of_which_a_frame_is_lost_is_broken_there_and_until_a_whole_one(
    dialect: str, lost: int
) -> None:
    frames = [text for at, text in enumerate(FRAMES[dialect]) if at != lost]
    held = verdicts(decoder(dialect).feed(frames))
    assert held == ["apply"] * lost + ["broken"] + ["old"] * (COUNT - lost - 2)
    again = verdicts(decoder(dialect).feed([*frames, *FRAMES[dialect]]))
    assert again[COUNT - 1 :] == ["apply"] * COUNT


def _with_another(text: str, dialect: str) -> str:
    """Return a frame with one more change that cannot be read."""
    told, wrong = json.loads(text), json.loads(_unreadable(text))
    if dialect in ("coinbase_advanced", "gemini"):
        told["events"] += wrong["events"]
    else:
        told["data" if dialect == "bybit" else "result"]["b"].append(["nan", "1"])
    return json.dumps(told, separators=(",", ":"))


def _unreadable(text: str) -> str:
    return (
        text.replace('["1","', '["nan","')
        .replace('"price_level":"1"', '"price_level":"nan"')
        .replace('"price":"1"', '"price":"nan"')
    )


@pytest.mark.parametrize("dialect", FRAMES)
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_refused_of_a_book_is_lost_to_it(dialect: str, whole: bool) -> None:
    frames = list(FRAMES[dialect])
    frames[3] = _unreadable(frames[3]) if whole else _with_another(frames[3], dialect)
    batch = decoder(dialect).feed(frames)
    assert len(batch.malformed) == 1
    order = BookOrder()
    held = [order.judge(update) for update in batch.depth["X"]]
    assert held == ["apply"] * 3 + ["broken"] + ["old"] * (COUNT - 5)


def test_what_is_not_known_beside_a_change_takes_nothing_from_the_book() -> None:
    frames = list(FRAMES["gemini"])
    told = json.loads(frames[3])
    told["events"].append({"type": "new"})
    frames[3] = json.dumps(told, separators=(",", ":"))
    frames.insert(5, frame(type="update", eventId=9, socket_sequence=5, timestampms="never", events=[]))
    frames[6:] = [gemini(number) for number in range(6, COUNT)]
    batch = decoder("gemini").feed(frames[:5])
    assert batch.malformed == ["unknown event"]
    order = BookOrder()
    assert [order.judge(update) for update in batch.depth["X"]] == ["apply"] * 5
    batch = decoder("gemini").feed(frames)
    order = BookOrder()
    # The one without a time is lost.
    assert [order.judge(update) for update in batch.depth["X"]] == ["apply"] * 5 + ["broken", "old"]


def test_a_frame_that_is_lost_may_have_been_of_any_book_and_channel_of_the_connection() -> None:
    beats = [
        frame(channel="heartbeats", timestamp=ISO, sequence_num=number, events=[]) for number in range(20)
    ]
    trade = {"product_id": "X", "trade_id": "7", "price": "1", "size": "2", "time": ISO, "side": "BUY"}
    trades = [{"type": "update", "trades": [trade]}]
    told = frame(channel="market_trades", client_id="", timestamp=ISO, sequence_num=3, events=trades)
    begun = [coinbase(0, "snapshot"), coinbase(1, "snapshot", "Y"), beats[2], told, coinbase(4), beats[5]]
    batch = decoder("coinbase_advanced").feed([*begun, coinbase(6), coinbase(7, product="Y")])
    assert verdicts(batch) == ["apply"] * 3
    assert verdicts(batch, "Y") == ["apply"] * 2
    for lost in (2, 3, 5):
        frames = [text for at, text in enumerate(begun) if at != lost]
        batch = decoder("coinbase_advanced").feed([*frames, coinbase(6), coinbase(7, product="Y")])
        assert "broken" in verdicts(batch)
        assert verdicts(batch, "Y") == ["apply", "broken"]


def test_another_connection_counts_anew() -> None:
    frames = [*FRAMES["coinbase_advanced"], *FRAMES["coinbase_advanced"][:3]]
    assert verdicts(decoder("coinbase_advanced").feed(frames)) == ["apply"] * len(frames)
    one = decoder("coinbase_advanced")
    # A message that is read twice, as one with nulls is, counts once.
    nulled = coinbase(2).replace('"event_time":"' + ISO + '"', '"event_time":null')
    assert verdicts(one.feed([coinbase(0, "snapshot"), coinbase(1), nulled, coinbase(3)])) == ["apply"] * 4


def test_a_number_that_is_not_told_says_nothing() -> None:
    plain = [json.loads(text) for text in FRAMES["bybit"]]
    for one in plain:
        del one["data"]["u"]
    texts = [json.dumps(one, separators=(",", ":")) for one in plain]
    assert verdicts(decoder("bybit").feed([texts[0], *texts[2:]])) == ["apply"] * (COUNT - 1)


def test_of_books_of_several_depths_the_one_with_the_newest_snapshot_is_followed() -> None:
    def deep(number: int, kind: str = "delta") -> str:
        data = {"s": "X", "b": [["1", f"{number}"]], "a": [], "u": 9000 + number}
        return frame(topic="orderbook.200.X", type=kind, ts=MS, data=data, cts=MS)

    changes = [text for number in range(1, COUNT) for text in (bybit(number), deep(number))]
    for begun, last in (
        ([deep(0, "snapshot"), bybit(0, "snapshot")], 100),
        ([bybit(0, "snapshot"), deep(0, "snapshot")], 9000),
    ):
        batch = decoder("bybit").feed([*begun, *changes])
        assert verdicts(batch) == ["apply"] * (COUNT + 1)
        assert batch.depth["X"][-1].last_id == last + COUNT - 1
        assert batch.control == COUNT - 1
    # Followed in another depth from then on.
    batch = decoder("bybit").feed([*FRAMES["bybit"], deep(0, "snapshot"), deep(1), bybit(COUNT), deep(2)])
    assert verdicts(batch) == ["apply"] * (COUNT + 3)


def test_gate_numbers_its_real_updates_without_a_hole(shared_data: Path) -> None:
    text = gzip.decompress((shared_data / "ws" / "gateio.txt.gz").read_bytes()).decode()
    texts = [line.partition(": ")[2] for line in text.splitlines() if " <-" not in line]
    batch = decoder("gateio").feed([one for one in texts if '"event":"update"' in one])
    assert batch.malformed == []
    assert sum(map(len, batch.depth.values())) > 100
    for symbol, updates in batch.depth.items():
        assert set(verdicts(batch, symbol)) == {"apply"}
        assert _follow(updates)


def _follow(updates: Sequence[Any]) -> bool:
    return all(after.previous_id == before.last_id for before, after in itertools.pairwise(updates))
