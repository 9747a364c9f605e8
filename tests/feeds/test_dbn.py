"""Databento's files: written with its own library, and real ones read by their documented layout alone."""

from __future__ import annotations

import datetime as dt
import gzip
import itertools
import math
import struct
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

import mdnb
from mdnb.errors import FeedError
from mdnb.feeds.replay import ReplayFeed, open_recording
from mdnb.feeds.replay.playlist import looped_rows
from mdnb.feeds.replay.recording import Recording, Row
from tests.feeds.test_replay import open_only, play
from tests.venues.recordings import shared

DAY = dt.date(2023, 11, 14)
START = 1_699_920_000 * 10**9  # its midnight
SECOND = 10**9
MISSING = "the extra databento is not installed: pip install 'mdnb[databento]'"


@pytest.fixture
def dbn() -> Any:
    return pytest.importorskip("databento_dbn", reason=MISSING)


class Writer:
    """Makes records and files as Databento does."""

    def __init__(self, dbn: Any, folder: Path) -> None:
        self.dbn = dbn
        self.folder = folder

    def trade(self, at: int, price: int, **given: Any) -> Any:
        fields = {
            "instrument_id": 7,
            "size": 2,
            "side": self.dbn.Side.BID,
            "ts_recv": START + at + 500,
        } | given
        return self.dbn.TradeMsg(
            publisher_id=1,
            ts_event=fields.pop("ts_event", START + at),
            price=price,
            action=self.dbn.Action.TRADE,
            depth=0,
            **fields,
        )

    def best(
        self, at: int, bid: int, ask: int, *, trade: int | None = None, sizes: tuple[int, int] = (3, 4)
    ) -> Any:
        dbn = self.dbn
        pair = dbn.BidAskPair(bid_px=bid, ask_px=ask, bid_sz=sizes[0], ask_sz=sizes[1], bid_ct=1, ask_ct=1)
        return dbn.MBP1Msg(
            publisher_id=1,
            instrument_id=7,
            ts_event=START + at,
            price=bid if trade is None else trade,
            size=2,
            action=dbn.Action.ADD if trade is None else dbn.Action.TRADE,
            side=dbn.Side.ASK,
            depth=0,
            ts_recv=START + at + 500,
            levels=pair,
        )

    def bar(self, at: int, rtype: Any, *prices: int) -> Any:
        open_, high, low, close = prices
        return self.dbn.OHLCVMsg(
            rtype=rtype,
            publisher_id=1,
            instrument_id=7,
            ts_event=START + at,
            open=open_,
            high=high,
            low=low,
            close=close,
            volume=9,
        )

    def file(
        self,
        records: Sequence[Any],
        mappings: dict[str, list[tuple[int, int, str]]] | None = None,
        *,
        name: str = "x.dbn",
    ) -> Path:
        """Write a file; mappings are from so many days after `DAY` to so many."""
        dbn = self.dbn
        spans = {"ESZ3": [(0, 1, "7")]} if mappings is None else mappings
        made = [
            SimpleNamespace(
                raw_symbol=symbol,
                intervals=[
                    SimpleNamespace(
                        start_date=DAY + dt.timedelta(days=first),
                        end_date=DAY + dt.timedelta(days=last),
                        symbol=number,
                    )
                    for first, last, number in held
                ],
            )
            for symbol, held in spans.items()
        ]
        metadata = dbn.Metadata(
            dataset="GLBX.MDP3",
            start=START,
            stype_in=dbn.SType.RAW_SYMBOL,
            stype_out=dbn.SType.INSTRUMENT_ID,
            schema=None,
            mappings=made,
        )
        data = bytes(metadata) + b"".join(bytes(record) for record in records)
        path = self.folder / name
        if name.endswith(".zst"):
            with pa.output_stream(str(path), compression="zstd") as file:
                file.write(data)
        else:
            path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path


@pytest.fixture
def writer(dbn: Any, tmp_path: Path) -> Writer:
    return Writer(dbn, tmp_path)


def rows(opened: Recording, number: int = 0) -> list[Row]:
    return list(opened.tracks[number].rows())


@pytest.mark.parametrize("name", ["x.dbn", "x.dbn.zst", "x.dbn.gz", "no_suffix"])
def test_trades(writer: Writer, name: str) -> None:
    side = writer.dbn.Side
    prices = [17_000_250_000_000, 123_456_789_000_000_001, -37_630_000_000]
    records = [
        writer.trade(at, price, side=taker, size=size)
        for at, (price, taker, size) in enumerate(
            zip(prices, (side.BID, side.ASK, side.NONE), (1, 0, 5), strict=True)
        )
    ]
    opened = open_recording(writer.file(records, name=name))
    assert (opened.form, opened.ids, opened.has_trades, opened.symbols) == (
        "Databento DBN",
        "none",
        True,
        ("ESZ3",),
    )
    # To the float nearest to the decimal.
    assert rows(opened) == [
        (START + at, float(Decimal(price) / 10**9), float(size), 1, taker, -1)
        for at, (price, taker, size) in enumerate(zip(prices, (1, -1, 0), (1, 0, 5), strict=True))
    ]
    assert opened.damage.count == 0


def test_the_venues_time_is_taken_unless_it_has_none(writer: Writer) -> None:
    undefined = writer.dbn.UNDEF_TIMESTAMP
    path = writer.file([writer.trade(5, 10**9), writer.trade(6, 10**9, ts_event=undefined)])
    assert [row[0] for row in rows(open_recording(path))] == [START + 5, START + 506]


def test_each_instrument_has_the_name_of_its_day(writer: Writer) -> None:
    day = 86_400 * SECOND
    spans = {"ES.c.0": [(0, 1, "7"), (1, 2, "8")], "NQZ3": [(0, 2, "9")]}
    records = [
        writer.trade(at, price * 10**9, instrument_id=number)
        for at, price, number in ((1, 1, 7), (2, 2, 9), (day + 1, 3, 8), (day + 2, 4, 7), (day + 3, 5, 33))
    ]
    opened = open_recording(writer.file(records, spans))
    found = {track.symbol: [row[1] for row in track.rows()] for track in opened.tracks}
    # The contract before loses the name to the next one; what has no name has its number.
    assert found == {"ES.c.0": [1.0, 3.0], "NQZ3": [2.0], "7": [4.0], "33": [5.0]}
    assert [track.root for track in opened.tracks][:2] == ["ES", "NQ"]


def test_what_has_no_price_size_or_time_is_left_out_and_counted(writer: Writer) -> None:
    dbn = writer.dbn
    price, timestamp = dbn.UNDEF_PRICE, dbn.UNDEF_TIMESTAMP
    trades = [
        writer.trade(1, price),
        writer.trade(2, SECOND, size=dbn.UNDEF_ORDER_SIZE),
        writer.trade(3, SECOND, ts_event=timestamp, ts_recv=timestamp),
        writer.trade(4, SECOND, ts_event=0),
        writer.trade(5, 3 * SECOND),
    ]
    opened = open_recording(writer.file(trades))
    assert opened.symbols == ("ESZ3",)
    assert rows(opened) == [(START + 5, 3.0, 2.0, 1, 1, -1)]
    assert (opened.damage.count, opened.damage.first) == (4, "a record of x.dbn without a price")
    minute = dbn.RType.OHLCV_1M
    bars = [writer.bar(0, minute, *[price] * 4), writer.bar(60 * SECOND, minute, *[SECOND] * 4)]
    opened = open_recording(writer.file(bars))
    assert [row[1:6] for row in rows(opened)] == [(1.0, 1.0, 1.0, 1.0, 9.0)]
    assert opened.damage.count == 1
    opened = open_recording(writer.file([writer.best(1, SECOND, 2 * SECOND, trade=price)]))
    assert rows(opened) == [(START + 1, 1.0, 3.0, 2.0, 4.0)]


def test_names_may_stand_between_the_records(writer: Writer) -> None:
    dbn = writer.dbn
    told = dbn.SymbolMappingMsg(
        publisher_id=1,
        instrument_id=7,
        ts_event=START,
        stype_in=dbn.SType.PARENT,
        stype_in_symbol="ES.FUT",
        stype_out=dbn.SType.RAW_SYMBOL,
        stype_out_symbol="ESH4",
        start_ts=0,
        end_ts=dbn.UNDEF_TIMESTAMP,
    )
    opened = open_recording(writer.file([told, writer.trade(1, 10**9)], {}))
    assert opened.symbols == ("ESH4",)


def test_best_prices_come_as_quotes_where_they_changed(writer: Writer) -> None:
    none = writer.dbn.UNDEF_PRICE
    path = writer.file(
        [
            writer.best(1, 10 * 10**9, 11 * 10**9),
            writer.best(2, 10 * 10**9, 11 * 10**9, trade=11 * 10**9),
            writer.best(3, 10 * 10**9, none, trade=11 * 10**9, sizes=(3, 0)),
            writer.best(4, none, none),
            writer.best(5, 10 * 10**9, 12 * 10**9, sizes=(3, 9)),
        ]
    )
    opened = open_recording(path)
    (track,) = opened.tracks
    assert (track.channel, track.has_quotes, opened.has_trades) == ("trades", True, True)
    trade = (11.0, 2.0, 1, -1, -1)
    wanted: list[Row] = [
        (START + 1, 10.0, 3.0, 11.0, 4.0),
        (START + 2, *trade),
        (START + 3, 10.0, 3.0, math.nan, math.nan),
        (START + 3, *trade),
        (START + 5, 10.0, 3.0, 12.0, 9.0),
    ]
    # As text, for nan is not equal to itself.
    assert repr(list(track.rows())) == repr(wanted)
    # Over the socket each stays where it was, however fast.
    player = play(path, "ESZ3", speed="max")
    kinds = ["quotes" if '"e":"quotes"' in str(frame) else "trades" for frame in player.frames[:-1]]
    assert kinds == ["quotes", "trades", "quotes", "trades", "quotes"]
    assert player.feed.has_trades
    assert player.feed.lacks == {"depth", "bars"}
    batch = player.batch()
    assert repr(batch.trades["ESZ3"] + batch.quotes["ESZ3"]) == repr([wanted[n] for n in (1, 3, 0, 2, 4)])


def test_quotes_among_trades_loop_with_them(writer: Writer) -> None:
    path = writer.file([writer.best(1, 10 * 10**9, 11 * 10**9, trade=11 * 10**9)])
    (track,) = open_recording(path).tracks
    rows_of_two = itertools.islice(looped_rows({"ES": track}, 0, 2**63 - 1), 4)
    day = 86_400 * SECOND
    quote, trade = (10.0, 3.0, 11.0, 4.0), (11.0, 2.0, 1, -1, -1)
    assert [row for _, _, row in rows_of_two] == [
        (START + 1 + round_ * day, *row) for round_ in (0, 1) for row in (quote, trade)
    ]


def test_quotes_alone_make_bars_of_quotes(writer: Writer) -> None:
    opened = open_recording(writer.file([writer.best(1, 10**9, 2 * 10**9)]))
    assert (opened.tracks[0].channel, opened.has_trades, opened.tracks[0].has_quotes) == (
        "quotes",
        False,
        False,
    )


@pytest.mark.parametrize(
    ("rtype", "timeframe", "seconds"),
    [
        ("OHLCV_1S", "1sec", 1),
        ("OHLCV_1M", "1min", 60),
        ("OHLCV_1H", "1hour", 3600),
        ("OHLCV_1D", "1day", 86_400),
    ],
)
def test_bars(writer: Writer, rtype: str, timeframe: str, seconds: int) -> None:
    kind = int(getattr(writer.dbn.RType, rtype))
    prices = [3702_750_000_000, 3704_750_000_000, 3702_500_000_000, 3703_000_000_000]
    step = seconds * SECOND
    bars = [writer.bar(0, kind, *prices), writer.bar(step, kind, *prices)]
    path = writer.file(bars, {"ESZ3": [(0, 2, "7")]})
    (track,) = open_recording(path).tracks
    assert (track.channel, track.timeframe, track.step_ns) == ("bars", timeframe, step)
    want = [(START + at, 3702.75, 3704.75, 3702.5, 3703.0, 9.0, 0, math.nan) for at in (0, step)]
    assert repr(list(track.rows())) == repr(want)
    assert open_only(path, ["ES"]).own_bars("ES") == (timeframe,)


def test_a_recording_is_played_by_its_root_into_bars(writer: Writer) -> None:
    ticks = [(10, 5000), (20, 5002), (59, 4999), (60, 5001)]
    path = writer.file([writer.trade(at * SECOND, price * 10**9) for at, price in ticks], name="x.dbn.zst")
    steps = list(mdnb.play(path, ["1min"], symbol="ES"))
    made = [step.bars["1min"] for step in steps if "1min" in step.bars]
    first = made[0]
    assert (first.open, first.high, first.low, first.close, first.volume) == (5000, 5002, 4999, 4999, 6)
    feed = open_only(path, ["ES"])
    assert (feed.instrument("ES").whole_lots, feed.dialect) == (True, "mdnb")


def test_what_is_cut_off_or_damaged_is_told(writer: Writer) -> None:
    records = [writer.trade(at, 10**9) for at in range(3)]
    path = writer.file(records)
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    opened = open_recording(path)
    assert len(rows(opened)) == 2
    assert (
        str(opened.damage)
        == "1 unreadable left out, the first: the end of x.dbn, which is cut off after record 2"
    )


def test_what_stands_before_the_damage_is_played(writer: Writer) -> None:
    records = [writer.trade(at, 10**9) for at in range(3000)]
    whole = writer.file(records).read_bytes()
    size = len(bytes(records[0]))
    spoilt = bytearray(whole)
    spoilt[len(whole) - 10 * size] = 0  # a length that cannot be
    path = writer.folder / "spoilt.dbn"
    path.write_bytes(bytes(spoilt))
    opened = open_recording(path)
    assert [row[0] for row in rows(opened)] == [START + at for at in range(2990)]
    assert opened.damage.first.startswith("spoilt.dbn after record 2990: ")


def test_what_was_packed_before_it_was_torn_is_played(writer: Writer) -> None:
    # Prices that hardly pack, so that there are several blocks.
    prices = [(at * 2_654_435_761) % 10**15 for at in range(20_000)]
    path = writer.file([writer.trade(at, price) for at, price in enumerate(prices)], name="y.dbn.zst")
    path.write_bytes(path.read_bytes()[:-2000])
    opened = open_recording(path)
    held = rows(opened)
    assert 10_000 < len(held) < 20_000
    assert [row[1] for row in held] == [price / 10**9 for price in prices[: len(held)]]
    assert opened.damage.count == 1
    assert opened.damage.first.startswith(f"y.dbn.zst after record {len(held)}: ")


def test_a_file_of_which_nothing_can_be_read_says_why(writer: Writer) -> None:
    path = writer.file([writer.trade(1, 10**9)])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(
        FeedError, match=r"nothing of x\.dbn can be read: the end of x\.dbn, which is cut off"
    ):
        open_recording(path)


def test_a_file_with_nothing_to_play_says_what_is_played(writer: Writer) -> None:
    with pytest.raises(FeedError, match=r"x\.dbn holds no trades, best prices or bars; .*tbbo, mbp-1"):
        open_recording(writer.file([]))


def test_a_packed_file_of_something_else_is_none(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt.zst"
    with pa.output_stream(str(path), compression="zstd") as file:
        file.write(b"some notes")
    with pytest.raises(FeedError, match="is none that is understood"):
        open_recording(path)
    with pytest.raises(FeedError, match="is none that is understood"):
        ReplayFeed(path)


@pytest.mark.parametrize("packed", [False, True])
def test_without_the_library_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setitem(sys.modules, "databento_dbn", None)
    path = tmp_path / "day.dbn"
    with pa.output_stream(str(path), compression="zstd" if packed else None) as file:
        file.write(b"DBN\x03" + bytes(100))
    # What will be played is known without it.
    assert ReplayFeed(path).dialect == "mdnb"
    with pytest.raises(FeedError, match=r"day\.dbn .*needs databento-dbn.*pip install 'mdnb\[databento\]'"):
        open_recording(path)


# -- real files, by the layout that Databento documents ----------------------------------------------------

HEADER = struct.Struct("<BBHIQ")
TRADE = struct.Struct("<qIccBBQiI")
BEST = struct.Struct("<qqIIII")
BAR = struct.Struct("<qqqqQ")


def records_of(name: str) -> list[tuple[int, bytes]]:
    """Return the event's time and the body of each record of a real file, without any library for it."""
    data = pa.input_stream(str(shared(f"bars/es_dbn_test.{name}.dbn.zst")), compression="zstd").read()
    (length,) = struct.unpack_from("<I", data, 4)
    at = 8 + length
    made = []
    while at < len(data):
        words, _, _, instrument, event = HEADER.unpack_from(data, at)
        assert instrument == 5482
        made.append((event, data[at + HEADER.size : at + 4 * words]))
        at += 4 * words
    return made


def test_real_trades(dbn: Any) -> None:
    opened = open_recording(shared("bars/es_dbn_test.trades.dbn.zst"))
    wanted = []
    for event, body in records_of("trades"):
        price, size, action, side, *_ = TRADE.unpack_from(body)
        assert action == b"T"
        wanted.append((event, price / 1e9, float(size), 1, {b"B": 1, b"A": -1, b"N": 0}[side], -1))
    assert len(wanted) == 4
    assert (rows(opened), opened.symbols) == (wanted, ("ESH1",))


def test_real_best_prices(dbn: Any) -> None:
    opened = open_recording(shared("bars/es_dbn_test.mbp-1.dbn.zst"))
    wanted = []
    for event, body in records_of("mbp-1"):
        bid, ask, bid_size, ask_size, *_ = BEST.unpack_from(body, TRADE.size)
        wanted.append((event, bid / 1e9, float(bid_size), ask / 1e9, float(ask_size)))
    assert len(wanted) == 4
    assert rows(opened) == wanted


def test_real_best_prices_by_the_minute(dbn: Any) -> None:
    opened = open_recording(shared("bars/es_dbn_test.bbo-1m.dbn.zst"))
    assert [row[0] for row in rows(opened)] == [
        1_609_113_600 * SECOND + minute * 60 * SECOND for minute in range(4)
    ]


@pytest.mark.parametrize("name", ["ohlcv-1m", "ohlcv-1s"])
def test_real_bars(dbn: Any, name: str) -> None:
    opened = open_recording(shared(f"bars/es_dbn_test.{name}.dbn.zst"))
    wanted = []
    for event, body in records_of(name):
        open_, high, low, close, volume = BAR.unpack_from(body)
        wanted.append((event, open_ / 1e9, high / 1e9, low / 1e9, close / 1e9, float(volume), 0, math.nan))
    assert len(wanted) == 4
    assert repr(rows(opened)) == repr(wanted)
