"""Trades and quotes of files, against readings by hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.errors import DataImportError, OptionError


def _equal(frame: pd.DataFrame, times: Any, **columns: Any) -> None:
    assert (frame.index.tz_convert("UTC") == pd.DatetimeIndex(times)).all()
    for name, values in columns.items():
        np.testing.assert_array_equal(frame[name].to_numpy(), np.asarray(values), err_msg=name)


def test_quotes_of_histdata(shared_data: Path) -> None:
    path = shared_data / "dialects" / "histdata_tick.csv.gz"
    raw = pd.read_csv(path, header=None, dtype={0: str})
    # Eastern standard time, also in summer.
    times = pd.to_datetime(raw[0] + "000", format="%Y%m%d %H%M%S%f") + pd.Timedelta(hours=5)
    frame = mdnb.read_ticks(path)
    _equal(frame, times.dt.tz_localize("UTC"), bid=raw[1], ask=raw[2])
    assert (frame.attrs["kind"], len(frame)) == ("quotes", 9500)
    assert "HistData" in frame.attrs["understood"]


def test_trades_of_kraken(shared_data: Path) -> None:
    path = shared_data / "dialects" / "kraken_trades.csv"
    raw = pd.read_csv(path, header=None)
    frame = mdnb.read_ticks(path)
    # Many are of one second: they stay in their order.
    _equal(frame, pd.to_datetime(raw[0], unit="s", utc=True), price=raw[1], size=raw[2])


def test_trades_of_krakens_answer(shared_data: Path) -> None:
    path = shared_data / "bars" / "kraken_xbtusdt_trades.json.gz"
    result = json.loads(gzip.decompress(path.read_bytes()), parse_float=str)["result"]
    rows = next(value for name, value in result.items() if name != "last")
    frame = mdnb.read_ticks(path)
    micros = [
        round(float(whole) * 10**6 + float(f"0.{rest}") * 10**6)
        for whole, _, rest in (row[2].partition(".") for row in rows)
    ]
    apart = np.abs(frame.index.as_unit("us").asi8 - np.array(micros))
    assert apart.max() <= 1  # a float has no more of a time since 1970
    assert frame["price"].tolist() == [float(row[0]) for row in rows]
    assert frame["size"].tolist() == [float(row[1]) for row in rows]
    assert frame["side"].tolist() == [{"b": "buy", "s": "sell"}[row[3]] for row in rows]
    assert frame["id"].astype(int).tolist() == [row[6] for row in rows]


def test_trades_of_tardis(shared_data: Path) -> None:
    path = shared_data / "dialects" / "tardis_trades_us.csv"
    raw = pd.read_csv(path)
    frame = mdnb.read_ticks(path)
    _equal(
        frame,
        pd.to_datetime(raw["timestamp"], unit="us", utc=True),
        price=raw["price"],
        size=raw["amount"],
        side=raw["side"],
        id=raw["id"],
    )
    assert frame.attrs["symbol"] == "XBTUSD"


def test_trades_as_ccxt_keeps_them(shared_data: Path) -> None:
    path = shared_data / "bars" / "binance_xrpeth_aggtrades_20191011_ccxt.json.gz"
    raw = pd.DataFrame(json.loads(gzip.decompress(path.read_bytes())))
    frame = mdnb.read_ticks(path)
    _equal(frame, pd.to_datetime(raw[0], unit="ms", utc=True), price=raw[4], size=raw[5], side=raw[3])


def _read(folder: Path, text: str, **said: Any) -> pd.DataFrame:
    path = folder / "ticks.csv"
    path.write_text(text)
    return mdnb.read_ticks(path, **said)


TWO = pd.DatetimeIndex(["2024-03-04T15:00:00Z", "2024-03-04T15:00:01Z"])


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("1,10.5,2,21,1709564400000,True,True\n2,10.75,3,32,1709564401000,False,True\n", ["sell", "buy"]),
        ("1,10.5,2,1,1,1709564400000,true,true\n2,10.75,3,2,2,1709564401000,false,true\n", ["sell", "buy"]),
        ("time;price;qty;isBuyerMaker\n1709564400;10,5;2;true\n1709564401;10,75;3;false\n", ["sell", "buy"]),
        (
            "Date,Time,Last,Volume,Side\n2024-03-04,15:00:00Z,10.5,2,B\n2024-03-04,15:00:01Z,10.75,3,S\n",
            ["buy", "sell"],
        ),
        ("ts,px,size,side\n1709564401.0,10.75,3,-1\n1709564400.0,10.5,2,1\n", ["buy", "sell"]),
    ],
)
def test_forms_of_trades(tmp_path: Path, text: str, side: list[str]) -> None:
    _equal(_read(tmp_path, text), TWO, price=[10.5, 10.75], size=[2.0, 3.0], side=side)


def test_a_trade_counts_once_by_its_id_and_equal_ones_without_count_each(tmp_path: Path) -> None:
    text = "time,price,size,id\n1709564400,10,1,7\n1709564400,10,1,8\n1709564400,10,1,7\n"
    frame = _read(tmp_path, text)
    assert frame["id"].tolist() == ["7", "8"]
    assert [one["count"] for one in frame.attrs["notes"]] == [1]
    without = "\n".join(line.rpartition(",")[0] for line in text.splitlines())
    assert len(_read(tmp_path, without)) == 3


def test_newest_first_is_turned_also_within_one_instant(tmp_path: Path) -> None:
    frame = _read(tmp_path, "time,price,size\n1709564401,3,1\n1709564400,2,1\n1709564400,1,1\n")
    assert frame["price"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,price,size\n2024-03-04 15:00:00,1,1\n", "Give tz="),
        ("time,bid,ask\n03/04/2024 15:00,1,2\n", "Give date_format="),
        ("time,symbol,price,size\n1709564400,A,1,1\n1709564400,B,1,1\n", "Give symbol="),
        ("time,price,size\n1709564400,-1,1\n", "positive_prices=False"),
        ("time,price,size\n1709564400,1,-1\n", "'size' is negative"),
        ("time,price,size,side\n1709564400,1,1,maybe\n", "'maybe' is neither buy nor sell"),
        ("time,open,high,low,close\n1709564400,1,1,1,1\n", "Read it with mdnb.read"),
        ("1709564400,10.5,10.6,1\n1709564401,10.5,10.6,1\n", "Give their places: columns="),
        ("time,a,b\n1709564400,1,1\n", "Name them: columns="),
        ("date,price,size\n2024-03-04,1,1\n", "dates alone. Trades and quotes have a time of day"),
    ],
)
def test_what_is_not_clear_is_asked_for(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataImportError, match=said):
        _read(tmp_path, text)


def test_places_of_columns_without_names(tmp_path: Path) -> None:
    text = "1709564400,10.5,10.6,1\n1709564401,10.75,10.8,2\n"
    quotes = _read(tmp_path, text, columns={"time": 0, "bid": 1, "ask": 2})
    _equal(quotes, TWO, bid=[10.5, 10.75], ask=[10.6, 10.8])
    trades = _read(tmp_path, text, columns={"time": 0, "price": 1, "size": 3})
    _equal(trades, TWO, price=[10.5, 10.75], size=[1.0, 2.0])
    with pytest.raises(OptionError, match="needs price, or bid and ask"):
        _read(tmp_path, text, columns={"time": 0, "size": 3})


AGG_TIMES = ["2017-06-30T03:35:09.153Z", "2017-06-30T03:35:09.154Z"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "aggTrades.csv",
            (
                "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
                "9,10.5,2,20,21,1498793709153,true\n10,10.25,3,22,22,1498793709154,false\n"
            ),
        ),
        (
            "aggTrades.json",
            (
                '[{"a":9,"p":"10.5","q":"2","f":20,"l":21,"T":1498793709153,"m":true,"M":true},'
                '{"a":10,"p":"10.25","q":"3","f":22,"l":22,"T":1498793709154,"m":false,"M":true}]'
            ),
        ),
        (
            "aggTrades of the stream.jsonl",
            (
                '{"e":"aggTrade","E":1498793709999,"s":"BTCUSDT","a":9,"p":"10.5","q":"2","f":20,"l":21,'
                '"T":1498793709153,"m":true,"M":true}\n'
                '{"e":"aggTrade","E":1498793709999,"s":"BTCUSDT","a":10,"p":"10.25","q":"3","f":22,"l":22,'
                '"T":1498793709154,"m":false,"M":true}\n'
            ),
        ),
        (
            "trades of the stream.jsonl",
            (
                '{"e":"trade","E":1498793709999,"s":"BTCUSDT","t":9,"p":"10.5","q":"2","T":1498793709153,"m":true}\n'
                '{"e":"trade","E":1498793709999,"s":"BTCUSDT","t":10,"p":"10.25","q":"3","T":1498793709154,'
                '"m":false}\n'
            ),
        ),
    ],
)
def test_trades_of_binance_by_all_their_names(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    frame = mdnb.read_ticks(path)
    _equal(frame, AGG_TIMES, price=[10.5, 10.25], size=[2.0, 3.0], side=["sell", "buy"], id=["9", "10"])


def test_quotes_of_dukascopy_are_in_utc(tmp_path: Path) -> None:
    path = tmp_path / "EURUSD_Ticks.csv"
    rows = "04.03.2024 00:00:00.123,1.08412,1.0841,1.5,0.9", "04.03.2024 00:00:01.5,1.08413,1.08411,1,2"
    path.write_text("\n".join(["Gmt time,Ask,Bid,AskVolume,BidVolume", *rows]))
    frame = mdnb.read_ticks(path)
    times = ["2024-03-04T00:00:00.123Z", "2024-03-04T00:00:01.5Z"]
    _equal(frame, pd.to_datetime(times, format="ISO8601"), bid=[1.0841, 1.08411], ask_size=[1.5, 1.0])
    path.write_text("\n".join(["Time (EET),Ask,Bid,AskVolume,BidVolume", *rows]))
    with pytest.raises(DataImportError, match=r"do not say their zone.*tz="):
        mdnb.read_ticks(path)
