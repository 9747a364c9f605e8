"""A change of a book that cannot be read, at venues that do not number them, is one that is missing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from mdnb.decode import decoder
from tests.decode.batches import ISO, MS, NS, frame

Size = str | None
Change = Callable[[Size], str]


def coinbase(size: Size) -> str:
    return frame(type="l2update", product_id="X", changes=[["buy", "1.5", size]], time=ISO)


def bitstamp(size: Size) -> str:
    book = {"timestamp": str(MS // 1000), "microtimestamp": f"{MS}000", "bids": [["1.5", size]], "asks": []}
    return frame(data=book, channel="diff_order_book_X", event="data")


def bybit(size: Size) -> str:
    # Of a level that is deleted no size is told.
    size = "" if size is None else size
    level = {"price": "1.5", "symbol": "X", "id": 15000, "side": "Buy", "size": size}
    data = {"delete": [], "update": [level], "insert": [], "transactTimeE6": 0}
    topic = "orderBookL2_25.X"
    return frame(topic=topic, type="delta", data=data, cross_seq=5, timestamp_e6=MS * 1000)


def gemini(size: Size) -> str:
    return frame(type="l2_updates", symbol="X", changes=[["buy", "1.5", size]])


def projectx(size: Size) -> str:
    levels = [{"type": 4, "timestamp": ISO, "price": 1.5, "volume": None if size is None else float(size)}]
    return frame(type=1, target="GatewayDepth", arguments=["X", levels]) + "\x1e"


def wire(size: Size) -> str:
    return frame(e="depth", s="X", t=NS, snap=False, b=[[1.5, None if size is None else float(size)]], a=[])


CHANGES = [
    pytest.param(dialect, change, id=dialect)
    for dialect, change in {
        "coinbase": coinbase,
        "bitstamp": bitstamp,
        "bybit": bybit,
        "gemini": gemini,
        "projectx": projectx,
        "mdnb": wire,
    }.items()
]


@pytest.mark.parametrize(("dialect", "change"), CHANGES)
@pytest.mark.parametrize("size", [None, "-1"])
def test_a_change_that_is_refused_stands_torn_between_its_neighbours(
    dialect: str, change: Change, size: Size
) -> None:
    batch = decoder(dialect).feed([change("2"), change(size), change("3")])
    assert [(one.is_torn, one.bids) for one in batch.depth["X"]] == [
        (False, [(1.5, 2.0)]),
        (True, []),
        (False, [(1.5, 3.0)]),
    ]
    assert len(batch.malformed) == 1


@pytest.mark.parametrize(("dialect", "change"), CHANGES)
def test_one_that_is_cut_off_is_known_by_what_is_there(dialect: str, change: Change) -> None:
    whole = change("2")
    cut = whole.removesuffix("\x1e")[:-1] + whole[len(whole.removesuffix("\x1e")) :]
    for text in (cut, cut.encode()):
        batch = decoder(dialect).feed([text])
        assert [one.is_torn for one in batch.depth["X"]] == [True]
        assert len(batch.malformed) == 1


@pytest.mark.parametrize(("dialect", "change"), CHANGES)
@pytest.mark.parametrize(
    "other", ['{"type":"match","product_id":"X","price":', '{"e":"trades","s":"X","r":[[5', "{oops", b"\xff"]
)
def test_other_messages_that_are_refused_are_no_change_of_a_book(
    dialect: str, change: Change, other: str | bytes
) -> None:
    made = decoder(dialect)
    assert made.feed([other]).depth == {}
    assert [one.is_torn for one in made.feed([change("2")]).depth["X"]] == [False]


def test_a_name_that_is_no_symbol_tears_nothing() -> None:
    text = coinbase(None).replace('"X"', json.dumps("x" * 65))
    assert decoder("coinbase").feed([text]).depth == {}
