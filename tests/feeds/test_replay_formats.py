"""Reading recordings: every format against files read without mdnb, and files that are damaged."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mdnb import datasets
from mdnb.errors import FeedError
from mdnb.feeds.replay import open_recording
from mdnb.feeds.replay.files import array_elements
from mdnb.feeds.replay.json_rows import exact_ns
from mdnb.feeds.replay.quantconnect_lean import Price
from mdnb.feeds.replay.recording import Damage, Recording, Track, tick_size
from tests.venues import truth
from tests.venues.recordings import RECORDINGS, received, recording, shared

TRADE_FIELDS = ["time_ns", "price", "size", "count", "side", "id"]
BAR_FIELDS = ["start_ns", "open", "high", "low", "close", "volume", "count", "turnover"]


def track(opened: Recording, symbol: str = "") -> Track:
    return next(held for held in opened.tracks if symbol in ("", held.symbol))


def table(held: Track) -> pd.DataFrame:
    names = {
        "trades": TRADE_FIELDS,
        "bars": BAR_FIELDS,
        "quotes": ["time_ns", "bid", "bid_size", "ask", "ask_size"],
    }
    return pd.DataFrame([row[:8] for row in held.rows()], columns=names[held.channel])


def same(ours: pd.DataFrame, other: pd.DataFrame, names: list[str]) -> None:
    assert len(ours) == len(other)
    for name in names:
        np.testing.assert_array_equal(ours[name].to_numpy(), other[name].to_numpy(), name)


# -- frames ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECORDINGS)
def test_frames_are_those_of_the_file(name: str) -> None:
    path = recording(name)
    opened = open_recording(path)
    assert opened.dialect == RECORDINGS[name]
    assert opened.frames is not None
    assert list(opened.frames()) == received(path)
    assert opened.damage.count == 0
    # Opening a second time begins anew.
    assert next(opened.frames()) == received(path)[0]


@pytest.mark.parametrize(
    ("name", "symbols", "has_trades"),
    [
        ("binance_futures", {"SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT"}, True),
        ("okx", {"BTC-USD-220527", "UNI-USD-SWAP", "BTC-USDT"}, True),
        ("kraken_v1_trade", {"XMR/USD", "SC/EUR"}, True),
        ("kraken_v1_ticker", None, False),
        ("hyperliquid_l2book_btc_a", {"BTC"}, True),
        ("bitstamp", None, True),
    ],
)
def test_survey(name: str, symbols: set[str] | None, has_trades: bool) -> None:
    opened = open_recording(recording(name))
    assert opened.has_trades is has_trades
    assert len(opened.symbols) == 10 if symbols is None else set(opened.symbols) == symbols


def test_tick_sizes_of_a_venues_frames() -> None:
    opened = open_recording(recording("bybit_old_a"))
    assert tick_size([float(price) for price in opened.prices["BTCUSD"]]) == 0.5
    opened = open_recording(datasets.path("bitcoin-messages"))
    assert tick_size([float(price) for price in opened.prices["BTCUSDT"]]) == 0.01


def test_bybits_version_5_and_okxs_single_trades_are_known_by_their_frames(tmp_path: Path) -> None:
    trade = '{"T":1672304486865,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"16578.50","i":"2100000000188691524"}'
    bybit = f'{{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{trade}]}}'
    single = '{"instId":"BTC-USDT","tradeId":"7","px":"16578.5","sz":"1","side":"buy","ts":"1672304486865"}'
    okx = f'{{"arg":{{"channel":"trades-all","instId":"BTC-USDT"}},"data":[{single}]}}'
    for dialect, symbol, frame in (("bybit", "BTCUSDT", bybit), ("okx", "BTC-USDT", okx)):
        path = tmp_path / f"{dialect}.txt"
        path.write_text(f"{1672304486868000000} {frame}\n")
        opened = open_recording(path)
        assert (opened.dialect, opened.symbols, opened.has_trades) == (dialect, (symbol,), True)
        assert [float(price) for price in opened.prices[symbol]] == [16578.5]


def test_a_symbol_is_looked_for_beyond_the_first_frames(tmp_path: Path) -> None:
    path = tmp_path / "many.txt"
    frame = '{{"e":"trade","E":1,"s":"{}","t":1,"p":"1","q":"1","T":1,"m":true}}'
    lines = [f"{10**18 + i} {frame.format('AAA')}" for i in range(5000)]
    path.write_text("\n".join([*lines, f"{2 * 10**18} {frame.format('ZZZ')}"]) + "\n")
    assert open_recording(path).symbols == ("AAA",)
    assert open_recording(path, ["ZZZ"]).symbols == ("AAA", "ZZZ")


def test_dialect_can_be_given_where_the_venue_cannot_be_told(tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_text(f'{10**18} {{"odd":1}}\n')
    with pytest.raises(FeedError, match="give dialect=, one of alpaca, binance"):
        open_recording(path)
    assert open_recording(path, dialect="okx").dialect == "okx"
    with pytest.raises(FeedError, match="Did you mean 'okx'"):
        open_recording(path, dialect="okex")


# -- rows -----------------------------------------------------------------------------------------------


def test_kraken_trades() -> None:
    opened = open_recording(shared("bars/kraken_xbtusdt_trades.json.gz"))
    assert (opened.ids, opened.has_trades, opened.symbols) == ("sequential", True, ("XBTUSDT",))
    ours = table(track(opened))
    same(ours, truth.kraken_trades(), ["time_ns", "price", "size", "id"])
    assert set(ours["side"]) == {-1, 1}
    assert any(ours["time_ns"] % 1000)


def test_kraken_bars_whose_last_is_open() -> None:
    held = track(open_recording(shared("bars/kraken_xbtusdt_ohlc_1m.json.gz")))
    assert (held.channel, held.timeframe, held.step_ns) == ("bars", "1min", 60 * 10**9)
    same(table(held), truth.kraken_bars(), truth.BAR_COLUMNS)
    assert [len(row) for row in held.rows()][-2:] == [8, 9]


def test_ccxt_trades_as_lists_and_as_objects(tmp_path: Path) -> None:
    path = shared("bars/binance_xrpeth_aggtrades_20191011_ccxt.json.gz")
    same(table(track(open_recording(path))), truth.ccxt_trades(), ["time_ns", "price", "size", "id"])
    fields = ["timestamp", "id", "type", "side", "price", "amount", "cost"]
    with gzip.open(path, "rt") as file:
        objects = [{**dict(zip(fields, row, strict=True)), "symbol": "XRP/ETH"} for row in json.load(file)]
    written = tmp_path / "trades.json"
    written.write_text(json.dumps(objects))
    opened = open_recording(written)
    assert opened.symbols == ("XRP/ETH",)
    assert list(track(opened).rows()) == list(track(open_recording(path)).rows())


def test_candles() -> None:
    freqtrade = track(open_recording(shared("dialects/freqtrade_1m_lists.json.gz")))
    with gzip.open(shared("dialects/freqtrade_1m_lists.json.gz"), "rt") as file:
        expected = json.load(file)
    assert [(row[0] // 10**6, *row[1:6]) for row in freqtrade.rows()] == [tuple(row) for row in expected]
    assert freqtrade.timeframe == "1min"
    klines = track(open_recording(shared("bars/binance_rest_klines_1m_20200506.json.gz")))
    first = next(klines.rows())
    assert first == (1588740120000000000, 9033.34, 9039.99, 9032.75, 9033.15, 31.192968, 282, 281893.08800082)


def test_lean_trades_in_utc() -> None:
    opened = open_recording(datasets.path("gold-ticks"))
    held = track(opened, "GC201312")
    assert (len(opened.tracks), held.root, opened.ids) == (10, "GC", "none")
    same(table(held), truth.lean_trades(), ["time_ns", "price", "size", "id"])
    # CME's halt of 17:15 to 18:00 New York time, in October.
    gaps = table(held)["time_ns"].diff()
    end = table(held)["time_ns"][gaps.idxmax()]
    assert str(np.datetime64(int(end), "ns"))[:16] == "2013-10-07T22:00"


@pytest.mark.parametrize(
    "name", ["lean_oanda_xauusd_tick_20140509_quote", "lean_fxcm_eurusd_tick_20140505_quote"]
)
def test_lean_quotes(name: str) -> None:
    held = track(open_recording(shared(f"bars/{name}.zip")))
    ours = table(held)
    same(ours, truth.lean_quotes(name), ["time_ns", "bid", "ask"])
    assert ours["bid_size"].isna().all()
    assert held.channel == "quotes"


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_lean_quote_bars(side: str) -> None:
    name = "lean_oanda_xauusd_minute_20140509_quote"
    held = track(open_recording(shared(f"bars/{name}.zip"), price=side))  # type: ignore[arg-type]  # bid or ask
    same(table(held), truth.lean_quote_bars(name, side), ["start_ns", "open", "high", "low", "close"])


def test_lean_quote_bars_of_the_mid_are_between() -> None:
    path = shared("bars/lean_oanda_xauusd_minute_20140509_quote.zip")
    bid, mid, ask = (table(track(open_recording(path, price=price))) for price in ("bid", "mid", "ask"))  # type: ignore[arg-type]  # one of the three
    np.testing.assert_array_equal(mid["close"], (bid["close"] + ask["close"]) / 2)


@pytest.mark.parametrize("name", ["bitcoin-seconds", "bitcoin-minutes", "gold-minutes"])
def test_lean_bars(name: str) -> None:
    path = datasets.path(name)
    held = track(open_recording(path), "GC201312" if name.startswith("gold") else "")
    same(
        table(held),
        truth.lean_bars(path.stem, "201312" if name.startswith("gold") else ""),
        truth.BAR_COLUMNS[:6],
    )


def test_lean_shares_are_in_new_york_and_in_ten_thousandths() -> None:
    first = next(track(open_recording(shared("bars/lean_ibm_tick_20131008_trade.zip"))).rows())
    # 31669457 ms after midnight of New York, which was at 04:00 UTC.
    assert first[:3] == (1381204800000000000 + 31669457 * 10**6, 182.1, 300.0)


def test_timezone_over_a_change_of_the_clocks(tmp_path: Path) -> None:
    path = tmp_path / "day.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("20131103_es_tick_trade_201312.csv", "0,1.5,1,usa,,0\n7200000.25,1.5,1,usa,,0\n")
    rows = list(track(open_recording(path, timezone="America/New_York")).rows())
    expected = [
        pd.Timestamp("2013-11-03 00:00", tz="America/New_York"),
        pd.Timestamp("2013-11-03 02:00", tz="America/New_York"),
    ]
    assert [row[0] for row in rows] == [
        expected[0].as_unit("ns").value,
        expected[1].as_unit("ns").value + 250_000,
    ]
    with pytest.raises(FeedError, match="no time zone 'Mars/Base'"):
        open_recording(path, timezone="Mars/Base")


@given(st.integers(0, 2**62), st.integers(0, 9))
def test_times_are_exact(ns: int, digits: int) -> None:
    assert exact_ns(f"{ns // 10**digits}.{ns % 10**digits:0{digits}d}" if digits else str(ns), digits) == ns


@pytest.mark.parametrize(
    ("prices", "tick"),
    [
        ([], None),
        ([float("nan")], None),
        ([100.0], 1.0),
        ([105433.6, 105410.1], 0.1),
        ([1667.0 + 0.25 * i for i in range(40)], 0.25),
        ([0.05 * i for i in range(1, 100)], 0.05),
        ([1.38756, 1.38758], 0.00001),
        ([1e-8 * i for i in range(1, 30)], 1e-8),
        ([5.0 * i for i in range(30)], 5.0),
    ],
)
def test_tick_size(prices: list[float], tick: float | None) -> None:
    rounded = [round(price, 10) for price in prices]
    found = tick_size(rounded)
    assert found is None if tick is None else found == pytest.approx(tick, rel=1e-12)


# -- small files in each vendor's shape -----------------------------------------------------------------


def written(tmp_path: Path, name: str, content: object) -> Path:
    """Write a small file: text as it is, anything else as JSON; gzip where the name ends so."""
    text = content if isinstance(content, str) else json.dumps(content)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def zipped(tmp_path: Path, name: str, **members: str) -> Path:
    """Write a zip of csv files by their names."""
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in members.items():
            archive.writestr(f"{member}.csv", text)
    return path


def ns(text: str, zone: str = "UTC") -> int:
    """Return the nanoseconds of a wall clock's time, as pandas reads it."""
    return int(pd.Timestamp(text, tz=zone).as_unit("ns").value)


def test_lines_of_hftbacktest_that_are_none_are_left_out(tmp_path: Path) -> None:
    frame = '{"e":"trade","E":1,"s":"A","t":1,"p":"1","q":"1","T":1,"m":true}'
    path = written(tmp_path, "frames.txt.gz", f"{10**18} {frame}\n\nnot a frame\n{10**18 + 7} {frame}\n")
    opened = open_recording(path)
    assert opened.frames is not None
    assert list(opened.frames()) == [(10**18, frame), (10**18 + 7, frame)]
    assert str(opened.damage) == "1 unreadable left out, the first: line 3 of frames.txt.gz"


def test_frames_of_cryptofeed_are_those_received(tmp_path: Path) -> None:
    asked = '{"method":"subscribe"}'
    frame = '{"e":"trade","E":1,"s":"A","t":1,"p":"1","q":"1","T":1,"m":true}'
    address = "wss://stream.binance.com:9443/stream"
    lines = [f"{address} <-> 1626992743.5", f"{address} <- 1626992743.6: {asked}", "", "neither of them"]
    lines += [f"1626992744: {frame}", f"1626992744.123456789: {frame}"]
    opened = open_recording(written(tmp_path, "frames.txt", "\n".join(lines)))
    assert (opened.dialect, opened.form, opened.symbols) == ("binance", "cryptofeed recording", ("A",))
    assert opened.frames is not None
    assert list(opened.frames()) == [(1626992744 * 10**9, frame), (1626992744123456789, frame)]
    assert opened.damage.first == "line 4 of frames.txt"


@pytest.mark.parametrize("lines_before", [0, 200])
def test_a_cryptofeed_file_without_an_address_is_told_by_its_frames(
    tmp_path: Path, lines_before: int
) -> None:
    frame = '{"channel":"trades","data":[{"coin":"BTC","px":"1"}]}'
    path = written(tmp_path, "frames.txt", f"1626992744.5: {frame}\n" * (lines_before + 1))
    assert open_recording(path).dialect == "hyperliquid"


KRAKEN_ROWS: list[list[object]] = [
    ["105433.60000", "0.00047000", 1762795433.25, "b", "m", "", 88111222],
    ["105410.10000", "0.01000000", 1762795434, "s", "l", "", 88111223],
]


@pytest.mark.parametrize(("fields", "ids"), [(7, "sequential"), (6, "none")])
def test_trades_of_krakens_rest(tmp_path: Path, fields: int, ids: str) -> None:
    rows = [row[:fields] for row in KRAKEN_ROWS]
    bad: list[list[object]] = [[*rows[0][:3], "?", *rows[0][4:]], ["NaN", *rows[0][1:]], rows[0][:2]]
    answer = {"error": [], "result": {"XXBTZUSD": [*rows, *bad], "last": "1762795434000000100"}}
    opened = open_recording(written(tmp_path, "trades.json.gz", answer))
    assert (opened.form, opened.ids, opened.symbols) == ("Kraken REST Trades", ids, ("XXBTZUSD",))
    numbers = [88111222, 88111223] if fields == 7 else [-1, -1]
    assert list(track(opened).rows()) == [
        (1762795433250000000, 105433.6, 0.00047, 1, 1, numbers[0]),
        (1762795434000000000, 105410.1, 0.01, 1, -1, numbers[1]),
    ]
    assert opened.damage.count == 3


def test_bars_of_krakens_rest_end_with_the_one_that_still_runs(tmp_path: Path) -> None:
    rows = [
        [1762795380 + 60 * number, "1.5", "4.5", "0.5", str(number), "2.25", "10.125", 7]
        for number in range(3)
    ]
    answer = {"error": [], "result": {"XXBTZUSD": rows, "last": 1762795440}}
    opened = open_recording(written(tmp_path, "ohlc.json", answer))
    held = track(opened)
    assert (opened.form, held.timeframe, held.step_ns) == ("Kraken REST OHLC", "1min", 60 * 10**9)
    assert [row[:7] for row in held.rows()] == [
        ((1762795380 + 60 * number) * 10**9, 1.5, 4.5, 0.5, float(number), 10.125, 7) for number in range(3)
    ]
    assert [row[8:] for row in held.rows()] == [(), (), (False,)]
    assert np.isnan([row[7] for row in held.rows()]).all()


def test_an_answer_of_krakens_rest_that_is_neither_trades_nor_bars_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "depth.json", {"error": [], "result": {"XXBTZUSD": [["1", "2", 3]]}})
    with pytest.raises(FeedError, match=r"the format of depth\.json is none that is understood"):
        open_recording(path)


def test_trades_of_ccxt_as_objects_are_those_of_the_lists(tmp_path: Path) -> None:
    fields = ["timestamp", "id", "type", "side", "price", "amount", "cost"]
    rows: list[list[object]] = [
        [1570752011620, "7", None, "sell", 0.5, 23.0, 11.5],
        [1570752011621, "a-8", None, "buy", 0.25, 4.0, 1.0],
        [1570752011622, 9, "limit", None, 0.125, 8.0, 1.0],
    ]
    objects = [{**dict(zip(fields, row, strict=True)), "symbol": "XRP/ETH"} for row in rows]
    lists = open_recording(written(tmp_path, "lists.json", rows))
    opened = open_recording(written(tmp_path, "objects.json", objects))
    assert (lists.symbols, opened.symbols, opened.ids) == ((), ("XRP/ETH",), "unique")
    expected = [
        (1570752011620000000, 0.5, 23.0, 1, -1, 7),
        (1570752011621000000, 0.25, 4.0, 1, 1, -1),
        (1570752011622000000, 0.125, 8.0, 1, 0, 9),
    ]
    assert list(track(lists).rows()) == list(track(opened).rows()) == expected


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ([1588740120000, 1.5, 4.5, 0.5, 2.5, 31.25], (31.25, 0, None)),
        (
            [1588740120000, "1.5", "4.5", "0.5", "2.5", "31.25", 1588740179999, "77.5", 282, "9", "9", "0"],
            (31.25, 282, 77.5),
        ),
    ],
    ids=["ccxt", "binance"],
)
def test_lists_of_candles(tmp_path: Path, row: list[Any], told: tuple[float, int, float | None]) -> None:
    step_ms = 5 * 60_000
    rows = [[row[0] + step_ms * number, *row[1:]] for number in (0, 1, 2, 5, 6)]
    held = track(open_recording(written(tmp_path, "candles.json", rows)))
    # The step that most of them are apart, though three are missing.
    assert (held.channel, held.timeframe, held.step_ns) == ("bars", "5min", step_ms * 10**6)
    volume, count, turnover = told
    for got, (start, *_) in zip(held.rows(), rows, strict=True):
        assert got[:7] == (start * 10**6, 1.5, 4.5, 0.5, 2.5, volume, count)
        assert np.isnan(got[7]) if turnover is None else got[7] == turnover


@pytest.mark.parametrize(
    ("starts_ms", "message"),
    [
        ([1588740120000], "too few candles, or not oldest first"),
        ([1588740180000, 1588740120000], "too few candles, or not oldest first"),
        ([1588740120000, 1588740121500], "1500000000 ns apart, which is no timeframe"),
    ],
)
def test_candles_whose_timeframe_is_not_clear_are_refused(
    tmp_path: Path, starts_ms: list[int], message: str
) -> None:
    path = written(tmp_path, "candles.json", [[start, 1.0, 1.0, 1.0, 1.0, 1.0] for start in starts_ms])
    with pytest.raises(FeedError, match=message):
        open_recording(path)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "20140509_xauusd_tick_quote",
            "250.5,1290.25,1290.75\n",
            [("2014-05-09 00:00:00.2505", 1290.25, None, 1290.75, None)],
        ),
        (
            # LEAN's older name of the same, with sizes; one side may be empty.
            "20140509_xauusd_quote_tick",
            "1000,1290.25,3,1290.75,4\n2000,,,1290.5,2\n",
            [
                ("2014-05-09 00:00:01", 1290.25, 3.0, 1290.75, 4.0),
                ("2014-05-09 00:00:02", None, None, 1290.5, 2.0),
            ],
        ),
    ],
)
def test_lean_quotes_with_sizes_and_without(
    tmp_path: Path, name: str, text: str, expected: list[tuple[str, float | None]]
) -> None:
    opened = open_recording(zipped(tmp_path, "quotes.zip", **{name: text}))
    held = track(opened)
    assert (held.channel, held.symbol, opened.has_trades) == ("quotes", "XAUUSD", False)
    told = np.array([[ns(row[0]), *row[1:]] for row in expected], dtype=float)
    np.testing.assert_array_equal(np.array(list(held.rows()), dtype=float), told)
    assert [row[0] for row in held.rows()] == [ns(row[0]) for row in expected]


@pytest.mark.parametrize(
    ("price", "expected"),
    [("bid", (1.0, 3.0, 0.5, 2.0)), ("ask", (1.5, 4.0, 1.0, 2.5)), ("mid", (1.25, 3.5, 0.75, 2.25))],
)
def test_lean_bars_of_quotes_are_of_the_side_that_is_asked_for(
    tmp_path: Path, price: Price, expected: tuple[float, ...]
) -> None:
    text = "60000,1,3,0.5,2,5,1.5,4,1,2.5,6\n"
    path = zipped(tmp_path, "quotes.zip", **{"20140509_eurusd_minute_quote": text})
    held = track(open_recording(path, price=price))
    assert [row[:7] for row in held.rows()] == [(ns("2014-05-09 00:01"), *expected, 0.0, 0)]
    assert (held.channel, held.timeframe) == ("bars", "1min")


def test_lean_currencies_of_fxcm_are_in_utc_less_five(tmp_path: Path) -> None:
    path = zipped(tmp_path, "fxcm_eurusd.zip", **{"20140509_eurusd_tick_quote": "0,1.25,1.5\n"})
    assert next(track(open_recording(path)).rows())[0] == ns("2014-05-09 05:00")


def test_a_lean_zip_whose_name_has_no_day_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path, "odd.zip", **{"20131399_gc_tick_trade_201312": "0,1.5,1,usa,,0\n"})
    with pytest.raises(FeedError, match=r"no LEAN file.*20131399_gc_tick_trade_201312\.csv"):
        open_recording(path)


def spoilt_lean(tmp_path: Path, prices: list[float], place: float) -> Path:
    """Write a LEAN zip of a contract's trades whose packed bytes are wrong at a place between 0 and 1."""
    text = "".join(f"{number},{price},1,usa,,0\n" for number, price in enumerate(prices))
    path = zipped(tmp_path, "day.zip", **{"20131103_es_tick_trade_201312": text})
    with zipfile.ZipFile(path) as archive:
        member = archive.infolist()[0]
    packed = bytearray(path.read_bytes())
    at = 30 + len(member.filename) + int(place * member.compress_size)
    packed[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(packed)
    return path


@pytest.mark.parametrize("place", [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
def test_a_lean_zip_that_is_spoilt_in_the_middle_gives_what_is_before(tmp_path: Path, place: float) -> None:
    prices = [float(price) / 7 for price in np.random.default_rng(3).integers(100, 10**9, 20_000)]
    opened = open_recording(spoilt_lean(tmp_path, prices, place))
    rows = list(track(opened).rows())
    assert len(rows) > 1000
    assert [row[1] for row in rows[:1000]] == prices[:1000]
    assert opened.damage.count


def test_a_lean_zip_that_is_spoilt_at_its_beginning_is_refused(tmp_path: Path) -> None:
    path = spoilt_lean(tmp_path, [1.5], 0.0)
    with pytest.raises(FeedError, match=r"day\.zip is no zip that can be read: Error -3 while decompressing"):
        open_recording(path)


def test_a_lean_zip_with_a_password_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = zipped(tmp_path, "day.zip", **{"20131103_es_tick_trade_201312": "0,1.5,1,usa,,0\n"})
    packed = bytearray(path.read_bytes())
    # The flag for it, in the member's own header and in the list of members.
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(packed)
    with pytest.raises(FeedError, match=r"day\.zip is no zip that can be read: .*password required"):
        open_recording(path)


@pytest.mark.parametrize("cut", [20, 2000, 8000])
def test_torn_gzip_of_json_gives_every_row_that_is_whole(tmp_path: Path, cut: int) -> None:
    prices = np.random.default_rng(3).integers(100, 10**9, 9000) / 7
    rows = [
        [1570752011620, str(number), None, "sell", price, 23.0, 11.5] for number, price in enumerate(prices)
    ]
    path = written(tmp_path, "trades.json.gz", rows)
    path.write_bytes(path.read_bytes()[:-cut])
    # What a gzip holds before the place where it is torn, by zlib alone.
    text = zlib.decompressobj(wbits=31).decompress(path.read_bytes()).decode()
    opened = open_recording(path)
    assert [row[5] for row in track(opened).rows()] == list(range(text.count("]")))
    assert (opened.damage.count, opened.damage.first) == (1, "the end of trades.json.gz, which is cut off")


@pytest.mark.parametrize("before", ["\ufeff", "\n  ", "\r\n\r\n"])
def test_json_may_have_a_mark_and_blank_lines_before_it(tmp_path: Path, before: str) -> None:
    trades = [[1570752011620, "7", None, "sell", 0.5, 23.0, 11.5]] * 2
    path = written(tmp_path, "trades.json", before + json.dumps(trades))
    assert [row[5] for row in track(open_recording(path)).rows()] == [7, 7]
    candles = [[1588740120000 + 60_000 * number, 1.5, 4.5, 0.5, 2.5, 31.25] for number in range(3)]
    path = written(tmp_path, "candles.json", before + json.dumps(candles, indent=1).replace("\n", "\r\n"))
    opened = open_recording(path)
    assert [row[0] // 10**6 for row in track(opened).rows()] == [row[0] for row in candles]
    assert opened.damage.count == 0


# -- what cannot be read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"hello\n", b"a,b,c\n1,2,3\n", b"{}", b"[]", b'[{"a":1}]', b"[[1]]", b'{"result":{"X":[]}}'),
        *(b"\x00" * 100, b"PAR1", b"PK\x03\x04 no zip"),
        *(b'{"mdnb_recording":2,"dialect":"okx"}\n', b'{"mdnb_recording":}\n'),
    ],
)
def test_what_is_no_recording(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.bin"
    for held in (content, gzip.compress(content)):
        path.write_bytes(held)
        with pytest.raises(FeedError) as caught:
            open_recording(path)
        assert "file.bin" in str(caught.value)


def test_the_message_lists_what_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(FeedError, match=r"notes\.txt.*Understood: recordings of mdnb.*LEAN.*Kraken.*ccxt"):
        open_recording(path)
    with pytest.raises(FeedError, match=r"cannot open the recording .*absent"):
        open_recording(tmp_path / "absent")
    with pytest.raises(FeedError, match="cannot open the recording"):
        open_recording(tmp_path)


def test_a_zip_of_something_else_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(FeedError, match=r"it holds readme\.txt"):
        open_recording(path)


@pytest.mark.parametrize("cut", [1, 1000, 5000])
def test_torn_gzip_gives_what_is_whole(tmp_path: Path, cut: int) -> None:
    whole = datasets.path("bitcoin-messages").read_bytes()
    path = tmp_path / "torn.gz"
    path.write_bytes(whole[:-cut])
    opened = open_recording(path)
    assert opened.frames is not None
    frames = list(opened.frames())
    expected = received(datasets.path("bitcoin-messages"))
    assert frames == expected[: len(frames)]
    assert len(frames) > 7000
    assert opened.damage.count == 1
    assert "torn" in str(opened.damage)


def test_rows_that_are_none_are_left_out_and_counted(tmp_path: Path) -> None:
    good = [1570752011620, "1", None, "sell", 0.5, 23.0, 11.5]
    rows: list[object] = [good, [1], {"a": 1}, ["x", *good[1:]], [*good[:4], "NaN", *good[5:]], good]
    path = tmp_path / "trades.json"
    path.write_text(json.dumps(rows))
    opened = open_recording(path)
    assert [row[5] for row in track(opened).rows()] == [1, 1]
    assert (opened.damage.count, opened.damage.first) == (4, "row 2 of trades.json")


def test_cut_off_json_gives_what_is_whole(tmp_path: Path) -> None:
    rows = [[1570752011620 + i, str(i), None, "sell", 0.5, 23.0, 11.5] for i in range(5000)]
    path = tmp_path / "trades.json"
    path.write_text(json.dumps(rows)[:-5])
    opened = open_recording(path)
    assert len(list(track(opened).rows())) == 4999
    assert opened.damage.count == 1


def test_lines_of_a_lean_file_that_are_none_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "day.zip"
    lines = "0,1.5,1,usa,,0\n\nx,1.5,1\n5,nan,1\n6,1.5\n7,1.5,2,usa,,0\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("20131103_es_tick_trade_201312.csv", lines)
    opened = open_recording(path)
    assert [row[2] for row in track(opened).rows()] == [1.0, 2.0]
    assert opened.damage.count == 4


def test_endless_lines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(b"1723161253937085768 {")
        for _ in range(200):
            file.write(b" " * 10**5)
    with pytest.raises(FeedError, match="longer than"):
        open_recording(path)


def test_reading_takes_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    with path.open("w") as file:
        file.write("[")
        for number in range(300_000):
            file.write(f'{"," * (number > 0)}[{1570752011620 + number},"{number}",null,"sell",0.5,23.0,11.5]')
        file.write("]")
    opened = open_recording(path)
    tracemalloc.start()
    try:
        count = sum(1 for _ in track(opened).rows())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 300_000
    # Other threads of the process count too.
    assert peak < path.stat().st_size / 4


@given(
    st.lists(st.lists(st.one_of(st.integers(), st.text(), st.none()), max_size=4), max_size=8),
    st.integers(1, 40),
)
def test_elements_of_an_array_whatever_the_chunks(value: list[object], chunk: int) -> None:
    class Slow(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read1(chunk)

    text = json.dumps({"x": value})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mdnb.feeds.replay.files.open_binary", lambda path: Slow(text.encode()))
        damage = Damage()
        assert list(array_elements(Path("x"), damage, text.index("["))) == value
    assert damage.count == 0


def test_frames_of_alpaca_are_recognised(tmp_path: Path) -> None:
    path = tmp_path / "shares.txt"
    message = (
        '[{"T":"t","S":"AAPL","i":7,"x":"V","p":211.25,"s":40,"c":["@"],"z":"C","t":"2026-07-17T14:29:59Z"}]'
    )
    lines = ['1784298598000000000 [{"T":"success","msg":"connected"}]', f"1784298599000000000 {message}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    opened = open_recording(path)
    assert (opened.dialect, opened.symbols, opened.ids) == ("alpaca", ("AAPL",), "none")
