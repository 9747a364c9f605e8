"""Which frames of a connection are one symbol's."""

from __future__ import annotations

import json

import pytest

from mdnb.decode.renaming import RenamingDecoder
from mdnb.decode.wire import Decoder
from mdnb.errors import OptionError
from mdnb.runtime.frames_of_symbol import FramesOfSymbol, frames_of
from tests.manager.hand import START, HandFeed


def frame(kind: str, symbol: str, *rows: object, **more: object) -> str:
    return json.dumps({"e": kind, "s": symbol, "r": rows, **more})


TRADE, QUOTE = (START, 1.0, 1.0, 1, 1, 1), (START, 1.0, 1.0, 2.0, 1.0)
BAR = (START, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0)


def of_x(**names: str) -> FramesOfSymbol:
    return FramesOfSymbol(RenamingDecoder(Decoder(), names), "X", ["X", "Y"], names)


@pytest.mark.parametrize("symbol", ["X", "Y"])
def test_a_frame_with_rows_is_its_symbols_whatever_rows_they_are(symbol: str) -> None:
    is_of = of_x()
    for one in (
        frame("trades", symbol, TRADE),
        frame("quotes", symbol, QUOTE),
        frame("bars", symbol, BAR, tf="1min", closed=True),
        json.dumps({"e": "depth", "s": symbol, "t": START, "snap": True, "b": [[1.0, 1.0]], "a": []}),
    ):
        assert is_of(one) == (symbol == "X")
        assert is_of(one.encode()) == (symbol == "X")


def test_a_frame_without_rows_is_everybodys_unless_it_names_others_alone() -> None:
    is_of = of_x(NQZ5="X", ESZ5="Y", CLZ5="Z")
    assert is_of('{"e":"clock","t":5}')
    assert is_of("{oops")
    assert is_of(b"\xff{oops")
    assert is_of('{"subscribed":["NQZ5","ESZ5"]}')
    assert is_of('{"subscribed":["X"]}')
    assert is_of('{"subscribed":["CLZ5"]}'), "nobody follows it"
    assert not is_of('{"subscribed":["ESZ5"]}')
    assert not is_of(b'\xff{"subscribed":["Y"]}')
    assert is_of('{"subscribed":["ESZ5 or so"]}')


def test_names_that_are_known_later_count_too() -> None:
    names = {"NQZ5": "X"}
    is_of = FramesOfSymbol(Decoder(), "X", ["X", "Y"], names)
    assert is_of('{"ack":"ESZ5"}')
    names["ESZ5"] = "Y"
    assert not is_of('{"ack":"ESZ5"}')


def test_where_messages_are_numbered_through_all_symbols_none_can_be_left_out() -> None:
    feed = HandFeed()
    assert not frames_of(feed, "X", ["X", "Y"])(frame("trades", "Y", TRADE))
    feed.dialect = "coinbase_advanced"
    with pytest.raises(OptionError) as caught:
        frames_of(feed, "X", ["X", "Y"])
    assert str(caught.value) == (
        "the messages of this feed are numbered through all symbols: those of X alone would look as if some"
        " were lost. Record all with live.record(path), or follow it in another market"
    )
