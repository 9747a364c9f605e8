"""Files of vendors of which the collection has none, written after their documentation; and odd forms."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

import mdnb
from mdnb.errors import DataImportError, OptionError

CLOSES = [10.5, 11.0]
_NEW_YORK = "America/New_York"


def _read(folder: Path, text: str | bytes, name: str = "bars.csv", **said: Any) -> pd.DataFrame:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return mdnb.read(path, **said)


def _bars(frame: pd.DataFrame) -> list[list[float]]:
    return frame[["open", "high", "low", "close", "volume"]].to_numpy().tolist()


TWO = [[10.0, 11.0, 9.0, 10.5, 100.0], [10.5, 12.0, 10.0, 11.0, 90.0]]
FOUR_THIRTY = ["2024-03-04T14:30:00+00:00", "2024-03-04T14:31:00+00:00"]

INTRADAY: dict[str, tuple[str, dict[str, Any], str]] = {
    # what: (the text, what has to be said, what is understood)
    "NinjaTrader": (
        "20240304 143000;10;11;9;10.5;100\n20240304 143100;10.5;12;10;11;90\n",
        {"tz": "UTC"},
        "NinjaTrader",
    ),
    "HistData bars": (
        "20240304 093000;10;11;9;10.5;100\n20240304 093100;10.5;12;10;11;90\n",
        {"tz": "Etc/GMT+5"},
        "without a header",
    ),
    "Dukascopy": (
        (
            "Gmt time,Open,High,Low,Close,Volume\n04.03.2024 14:30:00.000,10,11,9,10.5,100\n"
            "04.03.2024 14:31:00.000,10.5,12,10,11,90\n"
        ),
        {},
        "Dukascopy",
    ),
    "Dukascopy, local": (
        (
            "Local time,Open,High,Low,Close,Volume\n04.03.2024 15:30:00.000 GMT+0100,10,11,9,10.5,100\n"
            "04.03.2024 15:31:00.000 GMT+0100,10.5,12,10,11,90\n"
        ),
        {},
        "times with their offset",
    ),
    "Sierra Chart": (
        (
            "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n"
            "2024/3/4, 14:30:00, 10, 11, 9, 10.5, 100, 5, 60, 40\n"
            "2024/3/4, 14:31:00, 10.5, 12, 10, 11, 90, 4, 50, 40\n"
        ),
        {},
        "Sierra Chart",
    ),
    "TWS": (
        (
            "date,open,high,low,close,volume,average,barCount\n"
            "20240304  09:30:00,10,11,9,10.5,100,10.2,5\n20240304  09:31:00,10.5,12,10,11,90,11,4\n"
        ),
        {"tz": _NEW_YORK},
        "Interactive Brokers",
    ),
    "TWS with its zone": (
        (
            "date,open,high,low,close,volume,average,barCount\n"
            "20240304 09:30:00 US/Eastern,10,11,9,10.5,100,10.2,5\n"
            "20240304 09:31:00 US/Eastern,10.5,12,10,11,90,11,4\n"
        ),
        {},
        "US/Eastern",
    ),
    "Databento": (
        (
            "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"
            "2024-03-04T14:30:00.000000000Z,33,1,5482,10.0,11.0,9.0,10.5,100,ESH4\n"
            "2024-03-04T14:31:00.000000000Z,33,1,5482,10.5,12.0,10.0,11.0,90,ESH4\n"
        ),
        {},
        "of ESH4",
    ),
    "Barchart": (
        (
            "Time,Open,High,Low,Last,Change,%Chg,Volume\n03/25/2024 09:31,10.5,12,10,11,0.5,+1%,90\n"
            "03/25/2024 09:30,10,11,9,10.5,0,0%,100\n"
            '"Downloaded from Barchart.com as of 03-26-2024 01:02am CDT"\n'
        ),
        {"tz": _NEW_YORK},
        "newest first",
    ),
    "TradingView, epochs": (
        "time,open,high,low,close,Volume\n1709562600,10,11,9,10.5,100\n1709562660,10.5,12,10,11,90\n",
        {},
        "seconds since 1970",
    ),
    "MetaTrader 4": (
        "2024.03.04,14:30,10,11,9,10.5,100\n2024.03.04,14:31,10.5,12,10,11,90\n",
        {"tz": "UTC"},
        "without a header",
    ),
    "CryptoDataDownload": (
        (
            "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USD\n"
            "1709562660000,2024-03-04 14:31:00,BTC/USD,10.5,12,10,11,90,990\n"
            "1709562600000,2024-03-04 14:30:00,BTC/USD,10,11,9,10.5,100,1050\n"
        ),
        {},
        "volume=Volume BTC",
    ),
    "PostgreSQL": (
        (
            "bucket|open|high|low|close|volume\n2024-03-04 14:30:00+00|10|11|9|10.5|100\n"
            "2024-03-04 14:31:00+00|10.5|12|10|11|90\n"
        ),
        {},
        "separated by '|'",
    ),
    "BigQuery": (
        (
            "timestamp,open,high,low,close,volume\n2024-03-04 14:30:00 UTC,10,11,9,10.5,100\n"
            "2024-03-04 14:31:00 UTC,10.5,12,10,11,90\n"
        ),
        {},
        "times with their offset",
    ),
    "AM and PM": (
        (
            "Date,Time,Open,High,Low,Close,Volume\n2024-03-04,2:30 PM,10,11,9,10.5,100\n"
            "2024-03-04,2:31 PM,10.5,12,10,11,90\n"
        ),
        {"tz": "UTC"},
        "clock=Time",
    ),
    "a header that is one name short": (
        "Date,Open,High,Low,Close,Volume\n2024-03-04,14:30,10,11,9,10.5,100\n2024-03-04,14:31,10.5,12,10,11,90\n",
        {"tz": "UTC"},
        "clock=Time",
    ),
    "rows that R wrote with their numbers": (
        '"time" "open" "high" "low" "close" "volume"\n"1" 1709562600 10 11 9 10.5 100\n'
        '"2" 1709562660 10.5 12 10 11 90\n'.replace(" ", "\t"),
        {},
        "separated by tabs",
    ),
    "lines that end with a separator": (
        "time;open;high;low;close;volume;\n1709562600;10;11;9;10.5;100;\n1709562660;10.5;12;10;11;90;\n",
        {},
        "separated by ';'",
    ),
    "money with signs": (
        (
            'time,open,high,low,close,volume\n1709562600,$10.00,$11.00,$9.00,$10.50,"100"\n'
            "1709562660,$10.50,$12.00,$10.00,$11.00,90\n"
        ),
        {},
        "1min bars",
    ),
    "old Macintosh lines": (
        "time,open,high,low,close,volume\r1709562600,10,11,9,10.5,100\r1709562660,10.5,12,10,11,90\r",
        {},
        "1min bars",
    ),
}


@pytest.mark.parametrize("what", INTRADAY)
def test_two_minutes(tmp_path: Path, what: str) -> None:
    text, said, words = INTRADAY[what]
    if said:
        with pytest.raises(DataImportError, match=f"Give {next(iter(said))}="):
            _read(tmp_path, text)
    frame = _read(tmp_path, text, **said)
    assert _bars(frame) == TWO
    day = "2024-03-25T13" if what == "Barchart" else "2024-03-04T14"
    instants = [time.tz_convert("UTC").isoformat() for time in frame.index]
    assert instants == [text.replace("2024-03-04T14", day) for text in FOUR_THIRTY]
    assert words in frame.attrs["understood"], frame.attrs["understood"]
    assert frame.attrs["timeframe"] == "1min"


def test_the_export_of_a_german_broker(tmp_path: Path) -> None:
    text = "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen\n2017-06-05;13,279;13,2835;13,247;13,247;;\n"
    frame = _read(tmp_path, text + "2017-06-06;13,25;13,5;13,2;13,4;1.200;16.000,5\n")
    assert frame["close"].tolist() == [13.247, 13.4]
    assert "decimal ',', thousands '.'" in frame.attrs["understood"]
    assert frame.attrs["timeframe"] == "1day"


ROW_LISTS: dict[str, Any] = {
    "Binance REST": [
        [1709562600000, "10", "11", "9", "10.5", "100", 1709562659999, "1", 5, "1", "1", "0"],
        [1709562660000, "10.5", "12", "10", "11", "90", 1709562719999, "1", 4, "1", "1", "0"],
    ],
    "Kraken REST": {
        "error": [],
        "result": {
            "XXBTZUSD": [
                [1709562600, "10", "11", "9", "10.5", "10.2", "100", 12],
                [1709562660, "10.5", "12", "10", "11", "11", "90", 9],
            ],
            "last": 1709562600,
        },
    },
    "Coinbase Exchange": [[1709562660, 10, 12, 10.5, 11, 90], [1709562600, 9, 11, 10, 10.5, 100]],
    "Bitfinex": [[1709562600000, 10, 10.5, 11, 9, 100], [1709562660000, 10.5, 11, 12, 10, 90]],
    "Coinbase Advanced": {
        "candles": [
            {"start": "1709562660", "low": "10", "high": "12", "open": "10.5", "close": "11", "volume": "90"},
            {"start": "1709562600", "low": "9", "high": "11", "open": "10", "close": "10.5", "volume": "100"},
        ]
    },
    "ProjectX": {
        "bars": [
            {"t": "2024-03-04T14:31:00+00:00", "o": 10.5, "h": 12, "l": 10, "c": 11, "v": 90},
            {"t": "2024-03-04T14:30:00+00:00", "o": 10, "h": 11, "l": 9, "c": 10.5, "v": 100},
        ],
        "success": True,
        "errorCode": 0,
        "errorMessage": None,
    },
    "Alpaca": {
        "symbol": "AA",
        "bars": [
            {"t": "2024-03-04T14:30:00Z", "o": 10, "h": 11, "l": 9, "c": 10.5, "v": 100, "n": 5, "vw": 10.2},
            {"t": "2024-03-04T14:31:00Z", "o": 10.5, "h": 12, "l": 10, "c": 11, "v": 90, "n": 4, "vw": 11},
        ],
        "next_page_token": None,
    },
    "Hyperliquid": [
        {
            "t": 1709562600000,
            "T": 1709562659999,
            "s": "BTC",
            "i": "1m",
            "o": "10",
            "c": "10.5",
            "h": "11",
            "l": "9",
            "v": "100",
            "n": 5,
        },
        {
            "t": 1709562660000,
            "T": 1709562719999,
            "s": "BTC",
            "i": "1m",
            "o": "10.5",
            "c": "11",
            "h": "12",
            "l": "10",
            "v": "90",
            "n": 4,
        },
    ],
    "Binance's stream": [
        {
            "t": 1709562600000,
            "T": 1709562659999,
            "s": "B",
            "f": 1,
            "L": 5,
            "o": "10",
            "c": "10.5",
            "h": "11",
            "l": "9",
            "v": "100",
            "n": 5,
            "V": "1",
        },
        {
            "t": 1709562660000,
            "T": 1709562719999,
            "s": "B",
            "f": 6,
            "L": 9,
            "o": "10.5",
            "c": "11",
            "h": "12",
            "l": "10",
            "v": "90",
            "n": 4,
            "V": "2",
        },
    ],
    "Finnhub": {
        "s": "ok",
        "t": [1709562600, 1709562660],
        "o": [10, 10.5],
        "h": [11, 12],
        "l": [9, 10],
        "c": [10.5, 11],
        "v": [100, 90],
    },
    "Deribit": {
        "result": {
            "ticks": [1709562600000, 1709562660000],
            "open": [10, 10.5],
            "high": [11, 12],
            "low": [9, 10],
            "close": [10.5, 11],
            "volume": [100, 90],
            "status": "ok",
        }
    },
    "Alpha Vantage": {
        "Meta Data": {"1. Information": "Intraday", "6. Time Zone": "US/Eastern"},
        "Time Series (1min)": {
            "2024-03-04T14:31:00Z": {
                "1. open": "10.5",
                "2. high": "12",
                "3. low": "10",
                "4. close": "11",
                "5. volume": "90",
            },
            "2024-03-04T14:30:00Z": {
                "1. open": "10",
                "2. high": "11",
                "3. low": "9",
                "4. close": "10.5",
                "5. volume": "100",
            },
        },
    },
}


@pytest.mark.parametrize("what", ROW_LISTS)
def test_answers_of_venues(tmp_path: Path, what: str) -> None:
    frame = _read(tmp_path, json.dumps(ROW_LISTS[what]), "answer.json")
    assert _bars(frame) == TWO
    assert [time.isoformat() for time in frame.index] == FOUR_THIRTY


@pytest.mark.parametrize("orient", ["records", "split", "index", "columns", "table", "lines"])
def test_the_forms_of_pandas(tmp_path: Path, orient: str) -> None:
    index = pd.DatetimeIndex(FOUR_THIRTY, name="time")
    frame = pd.DataFrame(TWO, index=index, columns=["open", "high", "low", "close", "volume"])
    path = tmp_path / "bars.json"
    if orient in {"records", "lines"}:
        frame.reset_index().to_json(path, orient="records", lines=orient == "lines", date_format="iso")
    else:
        frame.to_json(path, orient=orient, date_format="iso")  # type: ignore[call-overload]
    read = mdnb.read(path)
    assert _bars(read) == TWO
    assert [time.isoformat() for time in read.index] == FOUR_THIRTY


def test_files_with_types(tmp_path: Path) -> None:
    index = pd.DatetimeIndex(FOUR_THIRTY, name="time")
    frame = pd.DataFrame(TWO, index=index, columns=["open", "high", "low", "close", "volume"])
    frame["exchange"] = pd.Categorical(["A", "A"])
    frame.to_parquet(tmp_path / "named.parquet")
    frame.rename_axis(None).to_parquet(tmp_path / "unnamed.parquet")
    table = pa.Table.from_pandas(frame.reset_index())
    feather.write_feather(table, tmp_path / "bars.feather", compression="zstd")
    with pa.OSFile(str(tmp_path / "bars.arrows"), "wb") as file, pa.ipc.new_stream(file, table.schema) as out:
        out.write_table(table)
    with pa.OSFile(str(tmp_path / "bars.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table)
    for path in sorted(tmp_path.iterdir()):
        read = mdnb.read(path)
        assert _bars(read) == TWO, path.name
        assert [time.isoformat() for time in read.index] == FOUR_THIRTY, path.name
    days = pa.table(
        {
            "Date": pa.array([19786, 19787]).cast(pa.int32()).cast(pa.date32()),
            **dict(zip("ohlcv", zip(*TWO, strict=True), strict=True)),
        }
    )
    parquet.write_table(days, tmp_path / "days.parquet")
    assert [str(day.date()) for day in mdnb.read(tmp_path / "days.parquet").index] == [
        "2024-03-04",
        "2024-03-05",
    ]


def test_a_workbook(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="the extra xlsx is not installed")
    book = openpyxl.Workbook()
    book.active.append(["Date", "Open", "High", "Low", "Close", "Volume"])
    for day, row in zip(pd.DatetimeIndex(["2024-03-04", "2024-03-05"]), TWO, strict=True):
        book.active.append([day.to_pydatetime(), *row])
    book.save(tmp_path / "bars.xlsx")
    frame = mdnb.read(tmp_path / "bars.xlsx")
    assert _bars(frame) == TWO
    assert frame.attrs["timeframe"] == "1day"


PLAIN = b"time,open,high,low,close,volume\n1709562600,10,11,9,10.5,100\n1709562660,10.5,12,10,11,90\n"


@pytest.mark.parametrize("how", ["gz", "bz2", "xz", "zst", "zip"])
def test_every_packing_is_told_by_the_content(tmp_path: Path, how: str) -> None:
    path = tmp_path / "bars.data"
    if how == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inside.csv", PLAIN)
    elif how == "zst":
        with pa.CompressedOutputStream(str(path), "zstd") as out:
            out.write(PLAIN)
    else:
        path.write_bytes({"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[how](PLAIN))
    assert _bars(mdnb.read(path)) == TWO


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = (
        "Zeit;Eröffnung;Hoch;Tief;Schluss;Stücke\n1709562600;10;11;9;10,5;100\n1709562660;10,5;12;10;11;90\n"
    )
    if encoding == "utf-16-le":
        text = "\ufeff" + text
    assert _bars(_read(tmp_path, text.encode(encoding))) == TWO


def test_leans_minutes_have_their_day_in_the_name(tmp_path: Path) -> None:
    rows = "34200000,100000,110000,90000,105000,100\n34260000,105000,120000,100000,110000,90\n"
    path = tmp_path / "20240304_trade.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("20240304_aa_minute_trade.csv", rows)
    with pytest.raises(DataImportError, match="Give tz="):
        mdnb.read(path)
    with pytest.raises(DataImportError, match=r"Give price_scale=1e-4, or price_scale=1 "):
        mdnb.read(path, tz=_NEW_YORK)
    frame = mdnb.read(path, tz=_NEW_YORK, price_scale=1e-4)
    assert _bars(frame) == TWO
    assert [time.tz_convert("UTC").isoformat() for time in frame.index] == FOUR_THIRTY


def test_real_minutes_of_lean(shared_data: Path) -> None:
    path = shared_data / "bars" / "lean_ibm_minute_20131008_trade.zip"
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        raw = pd.read_csv(file, header=None)
    frame = mdnb.read(path, price_scale=1e-4, tz=_NEW_YORK)
    assert frame["close"].tolist() == (raw[4] / 10_000).tolist()
    midnight = pd.Timestamp("2013-10-08", tz=_NEW_YORK)
    assert list(frame.index) == list(midnight + pd.to_timedelta(raw[0], unit="ms"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("close", "several columns for 'close'"),
        ("time,open,high,low\n1,2,3,1\n", r"no column for close"),
        (
            "time,open,high,low,close,close,volume\n1709562600,10,11,9,10.5,9,1\n",
            "several columns for 'close'",
        ),
        ("time;open;high;low;close;volume\n1709562600;10;11;9;10;1.200\n", "Give decimal='.' or decimal=','"),
        (
            'time,open,high,low,close,volume\n1709562600,10,11,9,10,"1,200"\n',
            "Give decimal='.' or decimal=','",
        ),
        ("time,open,high,low,close\n01/02/2024,1,2,1,2\n02/03/2024,1,2,1,2\n", "Give date_format='%d/%m/%Y'"),
        (
            "time,open,high,low,close\n2024030415,1,2,1,2\n",
            "Give date_format='%Y%m%d%H' or date_format='epoch_s'",
        ),
        ("a,b,c,d\n1,2,3,4\n", "Name them: columns="),
        ("1,2,3,4\n1,2,3,4\n", "Give their places: columns="),
        ("time,open,high,low,close\n", "no rows"),
        ("", "empty"),
        ("\n\n \n", "empty"),
        ("time,open,high,low,close\n1709562600,10,11,9\n", "cut off"),
        ("time,open,high,low,close\n1709562600,10,11,9,ten\n", "'ten' in 'close' .* is no number"),
        ('{"a": 1}', "holds no table"),
        ('{"a": [', "no JSON"),
        ('[{"t": 1, "o": 1, "h": 1, "l": 1, "c": 1, "c": 2}]', "has 'c' twice"),
        ("[[1709562600, 1, 2], [1709562660, 1]]", "different numbers of cells"),
    ],
)
def test_what_is_not_clear_is_refused_with_a_way_out(tmp_path: Path, text: str, said: str) -> None:
    if text == "close":
        text = "time,open,high,low,close,Close\n1709562600,10,11,9,10.5,9\n"
    with pytest.raises(DataImportError, match=said):
        _read(tmp_path, text)


@pytest.mark.parametrize(
    ("said", "closes"),
    [
        ({"decimal": "."}, 1.2),
        ({"decimal": ","}, 1200.0),
    ],
)
def test_the_decimal_sign_that_is_given_counts(tmp_path: Path, said: dict[str, str], closes: float) -> None:
    text = "time;open;high;low;close;volume\n1709562600;1.200;1.200;1.200;1.200;1\n"
    assert _read(tmp_path, text, **said)["close"].tolist() == [closes]


def test_what_is_said_of_columns_counts(tmp_path: Path) -> None:
    text = "a,b,c,d,e,f\n1709562600,10.5,9,11,10,100\n1709562660,11,10,12,10.5,90\n"
    named = {"time": "a", "close": "b", "low": "c", "high": "d", "open": "e", "volume": "f"}
    assert _bars(_read(tmp_path, text, columns=named)) == TWO
    placed = {"time": 0, "close": 1, "low": 2, "high": 3, "open": 4, "volume": 5}
    assert _bars(_read(tmp_path, text, columns=placed)) == TWO
    assert _bars(_read(tmp_path, text.partition("\n")[2], columns=placed, header=False)) == TWO
    twice = text.replace("a,b", "a,a")
    with pytest.raises(OptionError, match="several columns are called so; give a place: 0, 1"):
        _read(tmp_path, twice, columns=named | {"time": "a"})


@pytest.mark.parametrize(
    "said",
    [
        {"columns": {"tiem": 0}},
        {"columns": {"time": 0}},
        {"columns": {"time": 0, "open": 1, "high": 2, "low": 3, "close": 99}},
        {"columns": {"time": "when", "open": 1, "high": 2, "low": 3, "close": 4}},
        {"columns": ["time"]},
        {"decimal": ";"},
        {"separator": ""},
        {"separator": "ab"},
        {"on_conflict": "first"},
        {"price_scale": 0},
        {"price_scale": "1"},
        {"header": "yes"},
        {"positive_prices": 1},
    ],
)
def test_wrong_options_are_named(tmp_path: Path, said: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(said))):
        _read(tmp_path, PLAIN, **said)


@pytest.mark.parametrize(
    ("vendor", "head"),
    [
        ("Finam", "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>"),
        ("Stooq", "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"),
        ("MetaStock", "<TICKER>,<NAME>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"),
    ],
)
def test_of_one_head_of_several_vendors_the_zone_is_asked_for(tmp_path: Path, vendor: str, head: str) -> None:
    sign = ";" if ";" in head else ","
    cells = {"TICKER": "AAPL.US", "NAME": "APPLE", "PER": "5", "OPENINT": "0", "VOL": "100"}
    prices = {"OPEN": "10", "HIGH": "11", "LOW": "9", "CLOSE": "10.5"}
    rows = [
        {**cells, **prices, "DATE": "20240304", "TIME": clock, "PER": "5"} for clock in ("153000", "153500")
    ]
    names = [name.strip("<>") for name in head.split(sign)]
    text = "\n".join([head, *(sign.join(row[name] for name in names) for row in rows)])
    with pytest.raises(DataImportError, match=r"do not say their zone.*tz=.*Finam.*Europe/Moscow"):
        _read(tmp_path, text)
    frame = _read(tmp_path, text, tz="Europe/Warsaw")
    assert frame.index[0] == pd.Timestamp("2024-03-04 15:30", tz="Europe/Warsaw")
    assert f"{vendor}" in frame.attrs["understood"]
    assert frame.attrs["symbol"] == "AAPL.US"
    # Days need no zone.
    days = [
        {**row, "PER": "D", "TIME": "000000", "DATE": day}
        for row, day in zip(rows, ("20240304", "20240305"), strict=True)
    ]
    text = "\n".join([head, *(sign.join(row[name] for name in names) for row in days)])
    assert _read(tmp_path, text).attrs["timeframe"] == "1day"


def chart(times: list[int], granularity: str) -> dict[str, Any]:
    """What Yahoo's chart API answers; the last bar has no prices."""
    held = [10.5] * (len(times) - 1)
    quote = {name: [*held, None] for name in ("low", "high", "close", "open")}
    quote["volume"] = [*map(float, range(len(held))), None]
    meta = {
        "currency": "USD",
        "symbol": "AAPL",
        "exchangeTimezoneName": _NEW_YORK,
        "timezone": "EST",
        "dataGranularity": granularity,
        "validRanges": ["1d", "5d"],
        "tradingPeriods": [[{"timezone": "EST", "start": 1, "end": 2}]],
    }
    indicators = {"quote": [quote], "adjclose": [{"adjclose": [*held, None]}]}
    answer = {"meta": meta, "timestamp": times, "indicators": indicators}
    return {"chart": {"result": [answer], "error": None}}


def test_times_beside_the_prices_as_in_yahoos_charts(tmp_path: Path) -> None:
    text = json.dumps(chart([1709562600, 1709562660, 1709562720], "1m"))
    frame = _read(tmp_path, text, "chart.json")
    assert [time.isoformat() for time in frame.index] == FOUR_THIRTY
    assert (frame.attrs["symbol"], frame.attrs["timeframe"]) == ("AAPL", "1min")
    assert frame["volume"].tolist() == [0.0, 1.0]
    # Days open at half past nine of New York, which summer time moves; they are days.
    opens = pd.date_range("2024-03-06 09:30", periods=6, freq="B", tz=_NEW_YORK)
    frame = _read(tmp_path, json.dumps(chart([int(one.timestamp()) for one in opens], "1d")), "days.json")
    assert list(frame.index) == list(pd.date_range("2024-03-06", periods=5, freq="B", tz="UTC"))
    assert frame.attrs["timeframe"] == "1day"


def test_the_zone_that_an_answer_names_is_taken_as_alpha_vantage_does(tmp_path: Path) -> None:
    bar = {"1. open": "10", "2. high": "11", "3. low": "9", "4. close": "10.5", "5. volume": "100"}
    answer = {
        "Meta Data": {
            "1. Information": "Intraday (1min) open, high, low, close prices and volume",
            "2. Symbol": "IBM",
            "4. Interval": "1min",
            "6. Time Zone": "US/Eastern",
        },
        "Time Series (1min)": {"2024-03-04 09:31:00": bar, "2024-03-04 09:30:00": bar},
    }
    frame = _read(tmp_path, json.dumps(answer), "av.json")
    assert [time.isoformat() for time in frame.index] == FOUR_THIRTY
    assert frame.attrs["symbol"] == "IBM"
    assert "in US/Eastern, as the file says" in frame.attrs["understood"]
    assert not any(one["type"] == "assumed_zone" for one in frame.attrs["notes"])
    # What is said counts for more; a zone that is none is asked for.
    assert _read(tmp_path, json.dumps(answer), "av.json", tz="UTC").index[0].hour == 9
    answer["Meta Data"]["6. Time Zone"] = "Nowhere/At-all"
    with pytest.raises(DataImportError, match="tz="):
        _read(tmp_path, json.dumps(answer), "av.json")


@pytest.mark.parametrize(
    "name", ["time_utc", "utc_time", "Date (UTC)", "datetime_gmt", "Timestamp [UTC]", "UTC Date", "ts_utc"]
)
def test_a_column_whose_name_says_utc_needs_no_zone(tmp_path: Path, name: str) -> None:
    rows = "2024-03-04 14:30:00,10,11,9,10.5,100\n2024-03-04 14:31:00,10.5,12,10,11,90\n"
    frame = _read(tmp_path, f"{name},open,high,low,close,volume\n{rows}")
    assert [time.isoformat() for time in frame.index] == FOUR_THIRTY
    assert _bars(frame) == TWO


@pytest.mark.parametrize("name", ["time_est", "Time (EET)", "time_local", "Local time"])
def test_a_zone_that_a_name_tells_shortly_is_asked_for(tmp_path: Path, name: str) -> None:
    rows = "2024-03-04 14:30:00,10,11,9,10.5,100\n2024-03-04 14:31:00,10.5,12,10,11,90\n"
    with pytest.raises(DataImportError, match=r"do not say their zone.*tz="):
        _read(tmp_path, f"{name},open,high,low,close,volume\n{rows}")


@pytest.mark.parametrize("name", ["ts_ms", "timestamp_ms", "time_ns", "open_time_ms", "Time (s)"])
def test_units_in_the_names_of_times_do_not_hide_them(tmp_path: Path, name: str) -> None:
    size = {"ns": 10**9, "s)": 1}.get(name[-2:], 1000)
    rows = f"{1709562600 * size},10,11,9,10.5,100\n{1709562660 * size},10.5,12,10,11,90\n"
    frame = _read(tmp_path, f"{name},open,high,low,close,volume\n{rows}")
    assert [time.isoformat() for time in frame.index] == FOUR_THIRTY
