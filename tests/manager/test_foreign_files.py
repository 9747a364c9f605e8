"""Files of others, loaded into a market: recognised, put where they belong, or asked about."""

from __future__ import annotations

import datetime as dt
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.errors import DataImportError, FeedError, OptionError
from mdnb.instruments import Instrument
from tests.manager.hand import HandFeed

LATER = pd.Timestamp("2026-01-01", tz="UTC").value
PRICES = ["open", "high", "low", "close"]


def market(*timeframes: str, instrument: Instrument | None = None, symbol: str = "X") -> Any:
    made = instrument or Instrument(symbol)
    sessions = made.sessions(dt.date(2023, 1, 1), dt.date(2026, 2, 1))
    feed = HandFeed(clock=EventClock(LATER), instrument=made, sessions=sessions)
    return mdnb.live(symbol, list(timeframes), feed=feed, initial_days=0, progress=False)


CME = Instrument("X", calendar="CME Globex Equity", timezone="America/Chicago", tick_size=0.25)
SHANGHAI = Instrument("X", timezone="Asia/Shanghai")


def minutes(
    path: Path, count: int = 10, start: str = "2024-03-04 15:00", form: str = "%Y-%m-%dT%H:%M:%SZ"
) -> Path:
    index = pd.date_range(start, periods=count, freq="1min")
    rows = [
        f"{time.strftime(form)},{10 + at},{11 + at},{9 + at},{10.5 + at},{at}"
        for at, time in enumerate(index)
    ]
    path.write_text("\n".join(["Date,Open,High,Low,Last,Vol", *rows]) + "\n")
    return path


@pytest.fixture(autouse=True)
def _warnings_are_told() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_the_timeframe_that_is_found_gets_the_bars(tmp_path: Path) -> None:
    path = minutes(tmp_path / "bars.csv")
    with market("1min", "5min") as live:
        (result,) = live.load(path)
        assert (result.timeframe, result.rows, result.added) == ("1min", 10, 10)
        assert result.understood.startswith("text, separated by commas; columns time=Date")
        assert repr(result).startswith("ImportResult(understood='text, separated by commas")
        assert live.data.get_data("1min")["close"].tolist() == [10.5 + at for at in range(10)]
        assert live.data.get_data("5min")["volume"].tolist() == [10.0, 35.0]


def test_finer_bars_are_put_together_as_pandas_does(tmp_path: Path) -> None:
    path = minutes(tmp_path / "bars.csv", 23, "2024-03-04 15:02")
    with market("5min", "15min") as live:
        (result,) = live.load(path)
        assert (result.timeframe, result.added) == ("5min", 5)
        raw = pd.read_csv(path, index_col=0, parse_dates=True)
        how: Any = {"Open": "first", "High": "max", "Low": "min", "Last": "last", "Vol": "sum"}
        hand = raw.resample("5min").agg(how)
        frame = live.data.get_data("5min")
        assert (frame.index == hand.index).all()
        np.testing.assert_array_equal(frame[[*PRICES, "volume"]].to_numpy(), hand.to_numpy(float))
        assert any("5min bars were made of 23 1min bars" in note for note in result.notes)
        # The first one lacks two minutes; the file ends with the last one.
        own = pd.read_csv(live.export(tmp_path / "own.csv", "5min"))
        assert own["partial"].tolist() == [True, False, False, False, False]


def test_coarser_bars_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "days.csv"
    path.write_text("Date,Open,High,Low,Close\n2024-03-04,1,2,1,2\n2024-03-05,1,2,1,2\n")
    with market("1min", "5min") as live:
        with pytest.raises(DataImportError, match=r"bars are 1day, and 1min bars .* add_timeframe\('1day'\)"):
            live.load(path)
        with pytest.raises(DataImportError, match=r"bars are 1day, and 5min bars"):
            live.load(path, "5min")
        assert not len(live.data.get_data("1min"))


def test_a_zone_is_that_of_the_exchange_and_said_or_asked_for(tmp_path: Path) -> None:
    path = minutes(tmp_path / "bars.csv", form="%m/%d/%Y %H:%M", start="2024-03-14 09:30")
    with market("1min", instrument=CME) as live:
        (result,) = live.load(path)
        assert result.first == pd.Timestamp("2024-03-14 09:30", tz="America/Chicago")
        assert [one.type for one in result.findings] == ["assumed_zone"]
        assert any("America/Chicago was assumed" in note for note in result.notes)
        assert "America/Chicago (assumed)" in result.understood
    with market("1min") as live:
        with pytest.raises(DataImportError, match="Give tz="):
            live.load(path)
        (result,) = live.load(path, tz="Europe/Berlin")
        assert result.first == pd.Timestamp("2024-03-14 09:30", tz="Europe/Berlin")
        assert not result.findings


@pytest.mark.parametrize(
    "rows",
    [
        ["2024-03-08", "2024-03-11", "2024-03-12"],
        ["2024-03-08 00:00:00-05:00", "2024-03-11 00:00:00-04:00", "2024-03-12 00:00:00-04:00"],
        ["2024-03-08T00:00:00Z", "2024-03-11T00:00:00Z", "2024-03-12T00:00:00Z"],
        ["1709856000", "1710115200", "1710201600"],
        ["08.03.2024", "11.03.2024", "12.03.2024"],
    ],
)
def test_days_go_to_their_trading_days(tmp_path: Path, rows: list[str]) -> None:
    path = tmp_path / "days.csv"
    lines = [f"{day},{10 + at},{12 + at},{9 + at},{11 + at},{at}" for at, day in enumerate(rows)]
    path.write_text("\n".join(["Date,Open,High,Low,Close,Volume", *lines]) + "\n")
    with market("1day", instrument=CME) as live:
        (result,) = live.load(path)
        assert (result.added, result.refused) == (3, 0)
        frame = live.data.get_data("1day")
        # Friday's session began on Thursday at five in Chicago, Monday's on Sunday, after the clocks changed.
        hand = ["2024-03-07 17:00-06:00", "2024-03-10 17:00-05:00", "2024-03-11 17:00-05:00"]
        assert list(frame.index) == list(pd.to_datetime(hand, utc=True))
        assert frame["close"].tolist() == [11.0, 12.0, 13.0]
    with market("1day") as live:
        live.load(path)
        assert [str(day.date()) for day in live.data.get_data("1day").index] == [
            "2024-03-08",
            "2024-03-11",
            "2024-03-12",
        ]


def test_dates_that_are_no_trading_days_are_told(tmp_path: Path) -> None:
    path = tmp_path / "days.csv"
    days = ["2024-03-08", "2024-03-09", "2024-03-11"]
    path.write_text("Date,Open,High,Low,Close\n" + "".join(f"{day},10,12,9,11\n" for day in days))
    with market("1day", instrument=CME) as live:
        (result,) = live.load(path)
        assert result.added == 2
        assert [(one.type, one.count) for one in result.findings] == [("no_trading_day", 1)]
        path.write_text("Date,Open,High,Low,Close\n2024-03-09,10,12,9,11\n2024-03-10,10,12,9,11\n")
        with pytest.raises(DataImportError, match="none of its 2 dates is a trading day"):
            live.load(path)


def test_every_daily_file_of_the_collection_lands_on_its_days(shared_data: Path) -> None:
    for folder, pattern in (
        ("defects", "*-1d-*.csv"),
        ("dialects", "yfinance_tz.csv"),
        ("dialects", "yahoo_spy.csv"),
    ):
        for path in (shared_data / folder).glob(pattern):
            raw = pd.read_csv(path)
            with market("1day") as live:
                live.data.configure_bar_processing(remove_outliers=False, validate_bars=False)
                (result,) = live.load(path)
                assert result.added == len(raw), path.name
                days = [str(day.date()) for day in live.data.get_data("1day").index]
                assert days == sorted(raw["Date"].str[:10]), path.name


def test_the_markets_own_symbol_is_taken_of_several(shared_data: Path) -> None:
    path = shared_data / "faults" / "two_symbols.csv"
    with market("1min", symbol="BB") as live:
        (result,) = live.load(path)
        assert live.data.get_data("1min")["close"].tolist() == [205.0, 205.0]
        assert "of BB" in result.understood
    with market("1min") as live:
        with pytest.raises(DataImportError, match="2 symbols: AA, BB"):
            live.load(path)
        with pytest.warns(UserWarning, match="the file says AA, the market is X"):
            live.load(path, symbol="AA")


def test_bars_after_a_break_are_kept_where_the_spacing_explains_them(
    shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "faults" / "off_grid_breaks.csv"
    with market("30min") as live:
        (result,) = live.load(path, tz="Asia/Shanghai")
        assert result.added == 7
        assert "off_grid" in [one.type for one in result.findings]
        frame = live.data.get_data("30min")
        assert [f"{time.tz_convert('Asia/Shanghai'):%H:%M}" for time in frame.index][2:5] == [
            "10:00",
            "10:15",
            "10:30",
        ]
    shifted = tmp_path / "shifted.csv"
    shifted.write_text(path.read_text().replace(":00:00,", ":07:00,").replace(":30:00,", ":37:00,"))
    with market("30min") as live, pytest.raises(DataImportError, match="do not start where 30min bars"):
        live.load(shifted, tz="Asia/Shanghai")


def four_hours(path: Path, begin: str, zone: str) -> Path:
    """Write bars of three weeks, five a session, the first of which begins at a time of a zone."""
    days = pd.bdate_range("2024-03-04", "2024-03-22")
    hours = pd.to_timedelta([0, 4, 8, 12, 16], unit="h")
    index = pd.DatetimeIndex(np.concatenate([(day + pd.Timedelta(begin) + hours).to_numpy() for day in days]))
    frame = pd.DataFrame(dict.fromkeys((*PRICES, "volume"), 5.0), index=index.tz_localize(zone))
    frame.rename_axis("timestamp").to_csv(path)
    return path


@pytest.mark.parametrize(
    ("begin", "zone", "finer"),
    [("22:00:00", "UTC", "2hour"), ("17:00:00", "America/New_York", "1hour"), ("00:30:00", "UTC", "30min")],
)
def test_bars_by_other_hours_are_refused_with_what_can_be_done(
    tmp_path: Path, begin: str, zone: str, finer: str
) -> None:
    path = four_hours(tmp_path / "bars.csv", begin, zone)
    said = f"by other hours than this market's. .*4hour bars are made of {finer} or finer.*mdnb.read"
    with market("30min", "4hour") as live:
        with pytest.raises(DataImportError, match=said):
            live.load(path)
        # As the message says.
        assert len(mdnb.read(path)) == 75
        hours = mdnb.read(path)[[*PRICES, "volume"]].resample("30min").ffill()
        hours.to_csv(tmp_path / "finer.csv")
        live.load(tmp_path / "finer.csv")
        assert live.data.get_data("4hour", count=75).index.hour.isin(range(0, 24, 4)).all()


def test_bars_by_the_market_s_own_hours_are_taken(tmp_path: Path) -> None:
    path = four_hours(tmp_path / "bars.csv", "17:00:00", "America/Chicago")
    with market("4hour", instrument=CME) as live:
        # Behind the Fridays of the file there is no session.
        with pytest.warns(UserWarning, match="15 session_closed"):
            (result,) = live.load(path)
        assert (result.added, result.refused) == (60, 15)


def test_conflicts_signs_and_scales_have_their_arguments(shared_data: Path, tmp_path: Path) -> None:
    faults = shared_data / "faults"
    text = (faults / "conflicting_duplicates.csv").read_text().replace("timestamp", "Time")
    path = tmp_path / "conflict.csv"
    path.write_text(text)
    with market("1min") as live:
        with pytest.raises(DataImportError, match="on_conflict='keep'"):
            live.load(path)
        with pytest.warns(UserWarning, match="the first valid row"):
            (result,) = live.load(path, on_conflict="keep")
        assert [(one.type, one.count) for one in result.findings] == [("duplicate_conflicting", 1)]
        assert live.data.get_data("1min")["close"].iloc[0] == 10.5
    with market("1min") as live:
        with pytest.raises(DataImportError, match="positive_prices=False"):
            live.load(faults / "negative_prices.csv")
        (result,) = live.load(faults / "negative_prices.csv", positive_prices=False)
        assert live.data.get_data("1min")["close"].tolist() == [-37.63, -10.0]
    with market("1day") as live:
        with pytest.raises(DataImportError, match="price_scale="):
            live.load(shared_data / "dialects" / "mt5_python.csv.gz")
        live.load(shared_data / "dialects" / "mt5_python.csv.gz", price_scale=1e-5)
        assert live.data.get_data("1day")["close"].iloc[-1] < 2
    with market("5min") as live:
        (result,) = live.load(
            faults / "date_and_time_columns.csv", tz="Europe/Berlin", decimal=",", separator=";"
        )
        assert live.data.get_data("5min")["close"].tolist() == [11.0, 11.25, 11.75]


def test_columns_may_be_named_and_headers_missing(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("1709564400,10.5,9,11,10\n1709564460,11,10,12,10.5\n")
    places: dict[str, str | int] = {"time": 0, "close": 1, "low": 2, "high": 3, "open": 4}
    with market("1min") as live:
        live.load(path, columns=places, header=False)
        assert live.data.get_data("1min")[PRICES].to_numpy().tolist() == [
            [10, 11, 9, 10.5],
            [10.5, 12, 10, 11],
        ]
        with pytest.raises(OptionError, match="do not go together"):
            live.load(path, date_column="x", columns=places)


def test_what_is_no_bar_size_asks_for_the_timeframe(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("time,o,h,l,c\n1709564400,10,11,9,10\n")
    with market("1min", "5min") as live:
        with pytest.raises(DataImportError, match=r"do not show which timeframe .* timeframe='1min'"):
            live.load(path)
        (result,) = live.load(path, "5min")
        assert (result.timeframe, result.added) == ("5min", 1)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_our_own_exports_go_the_way_they_went(tmp_path: Path, kind: str) -> None:
    path = minutes(tmp_path / "bars.csv")
    with market("1min") as live:
        live.load(path)
        own = live.export(tmp_path / f"own.{kind}", with_times=True)
    with market("1min") as live:
        (result,) = live.load(own)
        assert (result.added, result.understood) == (10, "")


def test_a_foreign_file_under_our_name_of_times_goes_to_its_timeframe(tmp_path: Path) -> None:
    path = minutes(tmp_path / "bars.csv")
    path.write_text(
        path.read_text().replace("Date,Open,High,Low,Last,Vol", "timestamp,open,high,low,close,volume")
    )
    for kept, name in ((("1min", "5min"), "1min"), (("5min", "15min"), "5min")):
        with market(*kept) as live:
            (result,) = live.load(path)
            assert result.timeframe == name


@pytest.mark.parametrize("kept", [("1min",), ("5min",), ("1min", "5min")])
@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_foreign_file_under_our_names_is_one_with_one_timeframe_too(
    tmp_path: Path, kept: tuple[str, ...], kind: str
) -> None:
    first = pd.Timestamp("2024-03-14 09:30")
    index = pd.date_range(first, periods=10, freq="1min", name="timestamp")
    frame = pd.DataFrame({"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 2.0}, index=index)

    def written(frame: pd.DataFrame, name: str) -> Path:
        path = tmp_path / f"{name}.{kind}"
        if kind == "parquet":
            frame.to_parquet(path)
        elif kind == "csv":
            frame.to_csv(path)
        else:
            frame.reset_index().astype({"timestamp": str}).to_json(path, orient="records")
        return path

    with market(*kept, instrument=CME) as live:
        (result,) = live.load(written(frame, "bars"))
        assert result.timeframe == kept[0]
        assert result.first == first.tz_localize("America/Chicago")
        assert live.data.get_data(kept[0])["volume"].sum() == 20
    twice = pd.concat([frame, frame[-1:].assign(close=9.5)])
    with market(*kept, instrument=CME) as live, pytest.raises(DataImportError, match="contradict"):
        live.load(written(twice, "twice"))


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("name", "whole", "open_one", "is_mark"),
    [
        ("complete", True, False, True),
        ("is_final", "true", "false", True),
        ("isClosed", "True", "False", True),
        ("closed", "yes", "no", True),
        ("confirm", "1", "0", True),
        ("confirm", 1, 0, True),
        ("x", True, False, True),
        ("Forming", 0, 1, True),
        ("Forming", "no", "yes", True),
        ("forming", "0", "1", True),
        ("x", 1, 0, False),
        ("X", True, False, False),
        ("closed", "3", "0", False),
        ("complete", "all", "half", False),
        ("finished", True, False, False),
    ],
)
def test_a_last_bar_that_is_called_unfinished_is_left_out(
    tmp_path: Path, kind: str, newest_first: bool, name: str, whole: object, open_one: object, is_mark: bool
) -> None:
    index = pd.date_range("2024-03-04 15:00", periods=4, freq="1min", tz="UTC")
    frame = pd.DataFrame(
        {"time": index.strftime("%Y-%m-%dT%H:%M:%SZ"), "open": 10.0, "high": 11.0, "low": 9.0}
    )
    frame = frame.assign(close=[10.0, 10.25, 10.5, 10.75], volume=1.0)
    frame[name] = pd.Series([whole, whole, whole, open_one])
    frame = frame[::-1].reset_index(drop=True) if newest_first else frame
    path = tmp_path / f"bars.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "json":
        frame.to_json(path, orient="records")
    else:
        frame.to_parquet(path)
    read = mdnb.read(path)
    assert read["close"].tolist() == [10.0, 10.25, 10.5, 10.75][: 3 if is_mark else 4]
    assert ("forming" in {one["type"] for one in read.attrs["notes"]}) == is_mark
    assert "forming" not in read.columns
    with market("1min") as live:
        (result,) = live.load(path)
        assert result.added == (3 if is_mark else 4)
        assert any("was left out" in one for one in result.notes) == is_mark


def test_only_the_last_bar_can_be_in_the_making(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    rows = [f"2024-03-04T15:0{at}:00Z,10,11,9,10,{at != 1}" for at in range(4)]
    path.write_text("\n".join(["time,open,high,low,close,complete", *rows]))
    read = mdnb.read(path)
    assert len(read) == 4
    assert [(one["type"], one["count"]) for one in read.attrs["notes"]] == [("unfinished", 1)]
    path.write_text("time,open,high,low,close,complete\n2024-03-04T15:00:00Z,10,11,9,10,false\n")
    with pytest.raises(DataImportError, match="only bar was being made"):
        mdnb.read(path)


def test_findings_of_the_reader_reach_the_result(shared_data: Path) -> None:
    with market("1min") as live:
        (result,) = live.load(shared_data / "faults" / "utf16_tabs.txt", "1min")
        assert result.added == 1
    with market("1min", symbol="AA") as live:
        (result,) = live.load(shared_data / "faults" / "banner_and_footer.csv", tz="UTC")
        assert {one.type for one in result.findings} == {"lines_before", "lines_left_out"}
        assert "lines before the table were left out" in repr(result)


def test_trades_make_the_bars_that_pandas_makes(shared_data: Path) -> None:
    path = shared_data / "bars" / "binance_xrpeth_aggtrades_20191011_ccxt.json.gz"
    ticks = mdnb.read_ticks(path)
    with market("1min", "5min", "1hour") as live:
        (result,) = live.load_ticks(path)
        assert result.timeframe == "1min"
        assert result.understood.startswith("ccxt")
        assert any("1min bars were made of 12,477 trades" in note for note in result.notes)
        for name in ("1min", "5min", "1hour"):
            grouped = ticks.groupby(ticks.index.floor(name.replace("1hour", "1h")))
            hand = (
                grouped["price"]
                .ohlc()
                .assign(volume=grouped["size"].sum(), tick_count=grouped["price"].size())
            )
            frame = live.data.get_data(name)
            assert (frame.index == hand.index).all(), name
            np.testing.assert_array_equal(frame[PRICES].to_numpy(), hand[PRICES].to_numpy())
            np.testing.assert_allclose(frame["volume"], hand["volume"], rtol=1e-12)
            assert frame["tick_count"].tolist() == hand["tick_count"].tolist()


def test_trades_make_the_venues_own_bars(shared_data: Path) -> None:
    bars = mdnb.read(shared_data / "bars" / "kraken_xbtusdt_ohlc_1m.json.gz")
    with market("1min", symbol="XBTUSDT") as live:
        live.load_ticks(shared_data / "bars" / "kraken_xbtusdt_trades.json.gz")
        frame = live.data.get_data("1min").iloc[1:-1]
        own = bars.loc[frame.index]
        np.testing.assert_array_equal(frame[PRICES].to_numpy(), own[PRICES].to_numpy())
        np.testing.assert_allclose(frame["volume"], own["volume"], atol=1e-8)


def test_the_ticks_of_two_minutes(shared_data: Path) -> None:
    with market("1min") as live:
        live.load_ticks(shared_data / "faults" / "ticks_side.csv")
        frame = live.data.get_data("1min")
        assert frame[[*PRICES, "volume"]].to_numpy().tolist() == [
            [10, 10.5, 10, 10.5, 3],
            [11, 11, 11, 11, 1],
        ]
        with pytest.raises(DataImportError, match="holds quotes"):
            live.load_ticks(shared_data / "dialects" / "histdata_tick.csv.gz")
        with pytest.raises(DataImportError, match=r"mdnb\.read_ticks"):
            live.load(shared_data / "faults" / "ticks_side.csv")


def test_what_is_no_file_of_bars_is_refused_by_every_way_in(tmp_path: Path) -> None:
    deep = tmp_path / "deep.json"
    deep.write_bytes(b"[" * 3_000_000)
    names = [str(deep), "~nosuchuser/x.csv", "a\0b.csv"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.csv")
        names.append(str(tmp_path / "pipe.csv"))
    with market("1min", "5min") as live:
        for name in names:
            for load in (live.load, live.load_ticks):
                with pytest.raises(DataImportError):
                    load(name)
            with pytest.raises(FeedError):
                mdnb.live("X", "1min", feed=f"replay:{name}", progress=False)


def test_two_closes_and_several_symbols_are_refused_under_our_own_names_too(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("timestamp,open,high,low,close,close,volume\n2024-03-04T15:00:00Z,10,11,9,10,9.5,1\n")
    with market("1min") as live:
        with pytest.raises(DataImportError, match="several columns for 'close'"):
            live.load(path)
        path.write_text(
            "timestamp,symbol,open,high,low,close,volume\n2024-03-04T15:00:00Z,A,10,11,9,10,1\n"
            "2024-03-04T15:00:00Z,B,20,21,19,20,1\n"
        )
        with pytest.raises(DataImportError, match="2 symbols: A, B"):
            live.load(path)


def test_read_understands_our_own_exports(tmp_path: Path) -> None:
    with market("1min", "5min") as live:
        live.load(minutes(tmp_path / "bars.csv", 30))
        held = {name: live.data.get_data(name) for name in ("1min", "5min")}
        both = live.export(tmp_path / "both.parquet")
        one = live.export(tmp_path / "one.json", "5min")
    with pytest.raises(DataImportError, match=r"several timeframes: 1min, 5min\. Give timeframe="):
        mdnb.read(both)
    for name, frame in held.items():
        read = mdnb.read(both, name)
        assert (read.index == frame.index).all()
        assert read["close"].tolist() == frame["close"].tolist()
        assert read.attrs["timeframe"] == name
    assert mdnb.read(one)["close"].tolist() == held["5min"]["close"].tolist()
    path = tmp_path / "forming.csv"
    path.write_text(
        "timestamp,open,high,low,close,volume,forming\n2024-03-04T15:00:00Z,10,11,9,10,1,False\n"
        "2024-03-04T15:01:00Z,10,11,9,10,1,True\n"
    )
    read = mdnb.read(path)
    assert len(read) == 1
    assert [note["type"] for note in read.attrs["notes"]] == ["forming"]


@pytest.mark.parametrize("name", ["7tick", "100vol", "5000dollar"])
def test_ticks_make_bars_of_activity_trade_by_trade(name: str, tmp_path: Path) -> None:
    """As of trades one after the other: a bar closes with the trade that brings its sum to the threshold."""
    rng = np.random.default_rng(5)
    times = pd.Timestamp("2024-03-04T15:00Z") + pd.to_timedelta(np.sort(rng.integers(0, 900, 200)), unit="s")
    prices, sizes = np.round(rng.uniform(90, 110, 200), 2), rng.integers(1, 20, 200)
    path = tmp_path / "ticks.csv"
    pd.DataFrame({"time": times, "price": prices, "size": sizes}).to_csv(path, index=False)
    wanted: list[tuple[float, float, float, float, float]] = []
    open_rows: list[int] = []
    for at in range(200):
        open_rows.append(at)
        money = prices[open_rows] * sizes[open_rows]
        sums = {"7tick": len(open_rows), "100vol": sizes[open_rows].sum(), "5000dollar": money.sum()}
        if sums[name] >= {"7tick": 7, "100vol": 100, "5000dollar": 5000}[name]:
            held = prices[open_rows]
            wanted.append((held[0], held.max(), held.min(), held[-1], float(sizes[open_rows].sum())))
            open_rows = []
    with market("1min", "5min", name) as live:
        results = {result.timeframe: result for result in live.load_ticks(path)}
        assert set(results) == {"1min", name}
        assert results[name].added == len(wanted)
        assert any("was left out" in note for note in results[name].notes) == bool(open_rows)
        made = live.data.get_data(name)[[*PRICES, "volume"]].iloc[: len(wanted)]
        assert [tuple(row) for row in made.to_numpy().tolist()] == wanted
        assert len(live.data.get_data("5min")) == 3
    # They need no timeframe on a clock beside them.
    with market(name) as live:
        (result,) = live.load_ticks(path)
        assert (result.timeframe, result.added) == (name, len(wanted))
