"""Out into files and back in: the same bars, coarser ones too, and nothing half-done."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

import mdnb
from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.errors import DataImportError, OptionError, TimeframeError
from mdnb.events.bus import EventBus
from mdnb.instruments import Instrument
from mdnb.io.formats import read_bars, write_bars
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import merge_bars
from mdnb.sessions import Sessions
from mdnb.store.columns import columns_from_rows
from tests.manager.hand import MINUTE, START, HandFeed, bar, minutes, open_market, trade

NAMES = ["1min", "5min", "15min", "1hour"]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
@pytest.mark.parametrize("tz", ["UTC", "America/Chicago", "Asia/Kathmandu"])
def test_an_export_imports_as_the_same_bars(kind: str, tz: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"initial_days": 1, "tz": tz, "progress": False}
    with mdnb.live("X", NAMES, feed=HandFeed(minutes(-700, 700)), **options) as market:
        market._parts.session.feed.trades(
            *(trade(i * 20, 100.25 + 0.5 * (i % 3), 2.0, i) for i in range(100))
        )  # type: ignore[attr-defined]
        expected = {name: market.data.get_data(name, closed_only=True) for name in NAMES}
        getattr(market.data, f"export_to_{kind}")("1min", tmp_path / f"bars.{kind}")
    clock = EventClock(START + 3600 * MINUTE)
    with mdnb.live("X", NAMES, feed=HandFeed(clock=clock), **{**options, "initial_days": 0}) as market:
        result = getattr(market.data, f"import_from_{kind}")(tmp_path / f"bars.{kind}", "1min")
        assert (result.added, result.rows, result.kept) == (733, 733, 0)
        for name in NAMES:
            frame = market.data.get_data(name)
            assert str(frame.index.dtype) == f"datetime64[us, {tz}]"
            # The last coarse bar is closed here and was open there.
            pd.testing.assert_frame_equal(frame.iloc[: len(expected[name])], expected[name], check_exact=True)


def test_texts_are_what_pandas_reads(tmp_path: Path) -> None:
    with open_market(HandFeed(minutes(-100, 100)), "1min") as market:
        frame = market.data.get_data("1min", closed_only=True)
        text = market.data.export_to_csv(
            timeframe="1min", include_volume=True, date_format="%Y-%m-%d %H:%M:%S"
        )
        assert isinstance(text, str)
        path = tmp_path / "bars.csv"
        path.write_text(text)
        table = pd.read_csv(path, index_col="timestamp", parse_dates=True)
        assert np.array_equal(table[["open", "close"]].to_numpy(), frame[["open", "close"]].to_numpy())
        assert "volume" not in str(market.data.export_to_csv("1min", include_volume=False)).splitlines()[0]
        rows = json.loads(str(market.data.export_to_json("1min", pretty_format=True)))
        assert len(rows) == 100
        assert str(market.data.export_to_json("1min", pretty_format=True)).count("\n") > 100
        assert "\n" not in str(market.data.export_to_json("1min")).strip()
        split = json.loads(str(market.data.export_to_json("1min", orient="split", count=3)))
        assert len(split["data"]) == 3
        market.data.export_to_parquet("1min", tmp_path / "bars.parquet", compression="zstd")
        timed = market.data.get_data("1min", closed_only=True, with_times=True).drop(columns="end")
        pd.testing.assert_frame_equal(
            pd.read_parquet(tmp_path / "bars.parquet"), timed, check_dtype=False, check_freq=False
        )


def test_the_forming_bar_goes_out_only_when_asked(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-10, 10))
    with open_market(feed, "1min") as market:
        feed.trades(trade(5, 100.0, 1.0, 0))
        assert len(str(market.data.export_to_csv("1min")).splitlines()) == 11
        assert len(str(market.data.export_to_csv("1min", include_forming=True)).splitlines()) == 12
        path = market.data.export_to_parquet("1min", tmp_path / "all.parquet", include_forming=True)
        with open_market(HandFeed(clock=EventClock(START + 60 * MINUTE)), "1min") as other:
            assert other.data.import_from_parquet(path, "1min").added == 10


def write(path: Path, rows: list[Any]) -> Path:
    index = pd.DatetimeIndex([row[0] for row in rows], tz="UTC", name="timestamp").as_unit("us")
    names = ("open", "high", "low", "close", "volume")
    pd.DataFrame({name: [row[at] for row in rows] for at, name in enumerate(names, 1)}, index=index).to_csv(
        path
    )
    return path


def test_bars_held_count_unless_told_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", [bar(i, 200.0) for i in range(-30, -10)])
    with open_market(HandFeed(minutes(-20, 20)), "1min", "5min") as market:
        result = market.data.import_from_csv(path, "1min")
        assert (result.added, result.kept, result.replaced) == (10, 10, 0)
        frame = market.data.get_data("1min")
        assert (frame["close"].iloc[:10] == 200.0).all()
        assert (frame["close"].iloc[10:] < 110.0).all()
        result = market.data.import_from_csv(path, "1min", overwrite=True)
        assert (result.added, result.kept, result.replaced) == (0, 0, 20)
        frame = market.data.get_data("1min")
        assert (frame["close"] == 200.0).sum() == 20
        coarse = frame.resample("5min").agg(
            {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
        )
        pd.testing.assert_frame_equal(market.data.get_data("5min")[coarse.columns], coarse, check_freq=False)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sets(st.integers(-120, 60), max_size=80),
    st.sets(st.integers(-120, 60), min_size=1, max_size=80),
    st.booleans(),
    st.integers(20, 400),
)
@example(set(range(15)), set(range(15, 21)), False, 20)
@example({0, 1, 2, 6, 7, 8, 9, 14, 15, 16, 17, 18, 19, 20}, {3, 4, 5, 10, 11, 12, 13}, False, 20)
def test_coarse_bars_are_what_the_finer_ones_add_up_to_after_any_import(
    held: set[int], given_: set[int], overwrite: bool, limit: int
) -> None:
    config = DataManagerConfig(max_bars_per_timeframe=limit)
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min", "15min"], config)
    pipeline = Pipeline(engine, EventBus(), EventClock(START))
    engine.cascade.push_bars([bar(i, 100.0 + i / 4, 3.0) for i in sorted(held)])
    merge_bars(
        engine,
        "1min",
        columns_from_rows([bar(i, 200.0 + i / 4, 5.0) for i in sorted(given_)]),
        overwrite=overwrite,
    )
    assert pipeline.engine is engine
    fine = engine.frame("1min")
    # A frame of the limit with the bar that is being made leaves the oldest closed one out.
    whole = engine.log("1min").evicted == 0 and len(held | given_) <= limit
    rules = {
        "open": "first",
        "high": "max",
        "low": "min",
        "close": "last",
        "volume": "sum",
        "tick_count": "sum",
    }
    for name, rule in (("5min", "5min"), ("15min", "15min")):
        made = fine.resample(rule).agg(rules).dropna()
        mine = engine.frame(name)[list(rules)]
        assert mine.index.is_monotonic_increasing
        assert mine.index.is_unique
        if whole:
            pd.testing.assert_frame_equal(mine, made, check_freq=False)
    assert len(fine) <= limit
    expected = sorted(held | given_) if not held or max(given_) < max(held) else None
    if expected is not None and whole:
        assert (fine.index.asi8 // 60_000_000 - START // MINUTE).tolist() == expected


@pytest.mark.parametrize("overflow", [False, True])
def test_more_than_the_limit_goes_to_disk_or_is_counted(overflow: bool, tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", minutes(-500, 400))
    feed = HandFeed(minutes(-50, 50))
    with open_market(
        feed, "1min", "5min", max_bars_per_timeframe=100, enable_disk_overflow=overflow
    ) as market:
        result = market.data.import_from_csv(path, "1min")
        assert result.added + result.over_limit == 400
        assert result.over_limit == (0 if overflow else 350)
        assert len(market.data.get_data("1min")) == 100
        everything = market.data.get_all_data("1min")
        assert len(everything) == (450 if overflow else 100)
        assert everything.index.is_monotonic_increasing
        if overflow:
            assert len(market.data.get_all_data("5min")) == 90
            again = market.data.import_from_csv(path, "1min")
            assert (again.added, again.kept) == (0, 400)


WRONG = {
    "another timeframe": (minutes(-100, 1) + [bar(i, 100.0) for i in range(-90, 0, 5)], "not 1min"),
    "off the grid": ([(row[0] + 7_000_000_000, *row[1:]) for row in minutes(-100, 50)], "do not start where"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bars_of_another_timeframe_are_refused_and_nothing_changes(case: str, tmp_path: Path) -> None:
    rows, message = WRONG[case]
    rows = [row for row in rows if row[0] != START - 100 * MINUTE] if case == "another timeframe" else rows
    path = write(tmp_path / "bars.csv", rows)
    with open_market(HandFeed(minutes(-20, 20)), "1min") as market:
        before = market.data.get_data("1min")
        with pytest.raises(DataImportError, match=message):
            market.data.import_from_csv(path, "1min")
        pd.testing.assert_frame_equal(market.data.get_data("1min"), before)


def test_a_file_that_is_not_understood_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("timestamp,open,high,low,close,volume\n2026-03-02T13:00:00Z,1,2,0.5,oops,3\n")
    with open_market(HandFeed(minutes(-20, 20)), "1min") as market:
        before = market.data.get_data("1min")
        with pytest.raises(DataImportError):
            market.data.import_from_csv(path, "1min")
        with pytest.raises(DataImportError):
            market.data.import_from_json(path, "1min")
        with pytest.raises(DataImportError):
            market.data.import_from_parquet(path, "1min")
        with pytest.raises(TimeframeError, match="keeps no 2min"):
            market.data.import_from_csv(path, "2min")
        pd.testing.assert_frame_equal(market.data.get_data("1min"), before)


def test_the_bar_that_is_being_made_is_the_live_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", [bar(i, 300.0) for i in range(-5, 5)])
    feed = HandFeed()
    with open_market(feed, "1min", "5min") as market:
        feed.trades(trade(10, 100.0, 1.0, 0))
        result = market.data.import_from_csv(path, "1min")
        assert (result.added, result.kept) == (5, 5)
        assert market.data.get_data("1min")["close"].tolist() == [300.0] * 5 + [100.0]
        feed.trades(trade(65, 101.0, 1.0, 1))
        assert market.data.get_data("1min")["close"].tolist()[-2:] == [100.0, 101.0]


def test_one_call_out_and_one_call_in(tmp_path: Path) -> None:
    with open_market(HandFeed(minutes(-300, 300)), "1min", "5min") as market:
        path = market.export(tmp_path / "all.parquet")
        expected = {name: market.data.get_data(name, closed_only=True) for name in ("1min", "5min")}
        with pytest.raises(OptionError, match="1min, 5min"):
            market.load(market.export(tmp_path / "one.csv", "1min"))
    with open_market(HandFeed(clock=EventClock(START)), "1min", "5min") as market:
        results = market.load(path)
        assert [result.timeframe for result in results] == ["1min", "5min"]
        for name, frame in expected.items():
            pd.testing.assert_frame_equal(market.data.get_data(name), frame)
        assert market.load(tmp_path / "one.csv", "1min")[0].kept == 300


def test_slow_work_is_done_on_worker_threads(tmp_path: Path) -> None:
    with open_market(HandFeed(minutes(-30, 30)), "1min") as market:
        before = market.data.get_performance_metrics().worker_jobs
        market.data.export_to_parquet("1min", tmp_path / "x.parquet")
        market.data.import_from_parquet(tmp_path / "x.parquet", "1min")
        assert market.data.get_performance_metrics().worker_jobs >= before + 3


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_a_frame_of_a_market_that_is_exported_and_read_again_equals_itself(
    tmp_path: Path, ending: str
) -> None:
    zone = "America/Chicago"
    feed = HandFeed(minutes(-30, 30))
    with mdnb.live("X", ["1min"], feed=feed, initial_days=1, tz=zone, progress=False) as market:
        feed.trades(trade(1, 100.25, 2.0, 1), trade(90, 100.5, 0.0, 2))
        frame = market.data.get_data("1min", closed_only=True)
        path = tmp_path / f"bars.{ending}"
        if ending == "csv":
            market.data.export_to_csv("1min", path)
        elif ending == "json":
            market.data.export_to_json("1min", path)
        else:
            market.data.export_to_parquet("1min", path, with_times=False)
    again = read_bars(path, **({} if ending == "parquet" else {"tz": zone}))
    pd.testing.assert_frame_equal(frame, again, check_exact=True, check_freq=False)
    assert {str(dtype) for dtype in again.dtypes} == {"float64"}
    if ending == "parquet":
        pd.testing.assert_frame_equal(frame, pd.read_parquet(path), check_exact=True, check_freq=False)


# What is said of bars that did not get in.


def half_hours() -> Sessions:
    """Return the hours of a market that is open for half an hour a day."""
    opens = [START + day * 1440 * MINUTE for day in range(-40, 40)]
    return Sessions(opens, [at + 30 * MINUTE for at in opens])


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_refused_bars_are_warned_of_with_the_reasons(kind: str, tmp_path: Path) -> None:
    rows = [bar(i, 100.0) for i in range(-1440, -1400)]
    rows[3] = (*rows[3][:2], 50.0, *rows[3][3:])  # a high below its close
    frame = pd.read_csv(write(tmp_path / "bars.csv", rows), index_col=0, parse_dates=True)
    frame.attrs["symbol"] = "X"
    path = write_bars({"1min": frame}, tmp_path / f"bars.{kind}")
    why = "11 of 40 bars were refused: "
    why += "10 session_closed (starts while the venue is closed), 1 ohlc_inconsistent"
    with open_market(HandFeed(clock=EventClock(START), sessions=half_hours())) as market:
        with pytest.warns(UserWarning, match=re.escape(f"bars.{kind}, 1min: {why}")):
            (result,) = market.load(path, "1min")
        assert result.notes == (why,)
        assert (result.refused, result.added) == (11, 29)
        assert why in repr(result)
        assert why in str(result)


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_a_file_of_another_symbol_is_warned_of(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"bars.{kind}"
    with mdnb.live("MNQ", ["1min"], initial_days=0.1, progress=False) as market:
        frame = market.data.get_data("1min", closed_only=True)
        assert frame.attrs["symbol"] == "MNQ"
        write_bars(frame, path, **({"envelope": True} if kind == "json" else {}))
    said = "the file says MNQ, the market is X"
    with open_market(HandFeed(clock=EventClock(START)), "1min") as market:
        with pytest.warns(UserWarning, match=re.escape(f"bars.{kind}, 1min: {said}")):
            (result,) = market.load(path, "1min")
        assert result.notes == (said,)
        assert result.added == result.rows > 0


def test_a_file_is_warned_of_once(tmp_path: Path) -> None:
    with mdnb.live("MNQ", ["1min", "5min"], initial_days=0.1, progress=False) as market:
        path = market.export(tmp_path / "bars.parquet")
    with open_market(HandFeed(clock=EventClock(START))) as market:
        with pytest.warns(UserWarning, match="the file says MNQ") as told:
            results = market.load(path)
        assert [result.timeframe for result in results] == ["1min", "5min"]
        said = "the file says MNQ, the market is X"
        assert [str(one.message) for one in told] == [f"bars.parquet, 1min: {said}; 5min: {said}"]


def test_partial_bars_that_are_replaced_are_told(tmp_path: Path) -> None:
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "1min") as market:
        feed.trades(trade(90, 100.0, 1.0, 0), trade(130, 100.0, 1.0, 1))
        assert market.data.get_timeframe_stats("1min").partial == 1
        path = market.export(tmp_path / "bars.parquet")
        (again,) = market.load(path)
        assert (again.replaced, again.kept) == (1, 0)
        assert again.notes == ("partial bars held were replaced: 1; overwrite=False keeps whole ones",)
        (wanted,) = market.load(path, overwrite=True)
        assert (wanted.replaced, wanted.notes) == (1, ())


# When bars were closed.


def lived(tz: str = "UTC", **config: Any) -> tuple[mdnb.LiveMarket, HandFeed]:
    """Return a market whose first bars are of a history, and the next ones closed when a trade came."""
    clock = EventClock(START)
    feed = HandFeed(minutes(-30, 30), clock=clock)
    options: dict[str, Any] = {"initial_days": 1, "tz": tz, "progress": False}
    if config:
        options["data_manager_config"] = DataManagerConfig(**config)
    market = mdnb.live("X", ["1min", "5min", "7tick"], feed=feed, **options)
    for number in range(90):
        seconds = number * 13.7
        if not 300 < seconds < 410:  # nobody trades for a while: a coarser bar lacks its last minutes
            clock.advance(START + round((seconds + 0.031 * (number % 9)) * 1e9))
            feed.trades(trade(seconds, 100.25 + 0.5 * (number % 3), 2.0, number))
    return market, feed


def empty(tz: str = "UTC") -> mdnb.LiveMarket:
    feed = HandFeed(clock=EventClock(START + 3600 * MINUTE))
    return mdnb.live("X", ["1min", "5min", "7tick"], feed=feed, initial_days=0, tz=tz, progress=False)


def moments() -> list[float]:
    """Return seconds since 1970 around every minute, and where the market was looked at between them."""
    around = (-0.2, 0.0, 0.05, 0.3, 1.0, 1.9, 2.0, 2.1, 5.0, 13.71, 31.0)
    return [START / 1e9 + 60 * minute + by for minute in range(-30, 22) for by in around]


def as_of_all(market: mdnb.LiveMarket, name: str) -> list[pd.DataFrame]:
    return [market.data.get_data(name, as_of=moment) for moment in moments()]


@pytest.mark.parametrize("tz", ["UTC", "America/Chicago", "Asia/Kathmandu"])
@pytest.mark.parametrize("include_forming", [False, True])
def test_other_readers_find_when_bars_were_closed(tz: str, include_forming: bool, tmp_path: Path) -> None:
    market, _ = lived(tz)
    with market:
        wanted: dict[str, Any] = {"include_forming": include_forming, "with_times": True}
        for name in ("1min", "5min", "7tick"):
            frame = market.data.get_data(name, closed_only=not include_forming, with_times=True)
            told = frame.drop(columns="end")
            assert told["closed_at"].isna().sum() == include_forming
            path = market.data.export_to_parquet(
                name, tmp_path / "a.parquet", include_forming=include_forming
            )
            pd.testing.assert_frame_equal(pd.read_parquet(path), told, check_freq=False)
            utc = told["closed_at"].dt.tz_convert("UTC").tolist()
            text = market.data.export_to_csv(name, tmp_path / "a.csv", **wanted)
            table = pd.read_csv(text)
            assert list(table)[-1] == "closed_at"
            seen = pd.to_datetime(table["closed_at"], utc=True, format="ISO8601").tolist()
            assert [None if pd.isna(at) else at for at in seen] == [None if pd.isna(at) else at for at in utc]
            rows = json.loads(str(market.data.export_to_json(name, date_format="epoch_us", **wanted)))
            assert [row["closed_at"] for row in rows] == [
                None if pd.isna(at) else at.value // 1000 for at in told["closed_at"]
            ]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
@pytest.mark.parametrize("tz", ["UTC", "America/Chicago"])
def test_what_was_known_when_is_known_after_an_import(kind: str, tz: str, tmp_path: Path) -> None:
    market, _ = lived(tz)
    names = ("1min", "5min", "7tick")
    with market:
        expected = {name: as_of_all(market, name) for name in names}
        aligned = [market.alignment(["1min", "5min"], minimum=3, as_of=at) for at in moments()[200:]]
        timed = {name: market.data.get_data(name, closed_only=True, with_times=True) for name in names}
        options = {} if kind == "parquet" else {"with_times": True}
        for name in names:
            getattr(market.data, f"export_to_{kind}")(name, tmp_path / f"{name}.{kind}", **options)
    with empty(tz) as market:
        for name in names:
            result = getattr(market.data, f"import_from_{kind}")(tmp_path / f"{name}.{kind}", name)
            assert result.added + result.kept == result.rows > 0
        for name in names:
            again = market.data.get_data(name, closed_only=True, with_times=True)
            there = again.iloc[: len(timed[name])]
            if name == "7tick":  # of the last one the end was told by the bar that was being made
                there, timed[name] = there.iloc[:-1], timed[name].iloc[:-1]
            pd.testing.assert_frame_equal(there, timed[name], check_freq=False)
            for moment, frame in zip(as_of_all(market, name), expected[name], strict=True):
                pd.testing.assert_frame_equal(moment, frame, check_freq=False)
        assert [market.alignment(["1min", "5min"], minimum=3, as_of=at) for at in moments()[200:]] == aligned


def test_one_call_brings_back_when_bars_were_closed(tmp_path: Path) -> None:
    market, _ = lived()
    with market:
        expected = {name: as_of_all(market, name) for name in ("1min", "5min", "7tick")}
        path = market.export(tmp_path / "all.parquet")
        table = pd.read_parquet(path)
        for name in expected:
            told = market.data.get_data(name, closed_only=True, with_times=True)["closed_at"]
            assert table.loc[table["timeframe"] == name, "closed_at"].tolist() == told.tolist()
        assert "closed_at" not in pd.read_parquet(market.export(tmp_path / "b.parquet", with_times=False))
        assert "closed_at" not in market.export(tmp_path / "a.csv", "1min").read_text()
        assert "closed_at" not in market.export(tmp_path / "a.json", "1min").read_text()
        assert (
            list(pd.read_csv(market.export(tmp_path / "b.csv", "1min", with_times=True)))[-1] == "closed_at"
        )
        for wrong in ("yes", 1):
            with pytest.raises(OptionError, match="with_times must be True, False or None"):
                market.export(tmp_path / "c.csv", "1min", with_times=wrong)  # type: ignore[arg-type]  # wrong
            with pytest.raises(OptionError, match="with_times must be True or False"):
                market.data.export_to_csv("1min", with_times=wrong)  # type: ignore[arg-type]  # wrong
        assert not (tmp_path / "c.csv").exists()
    with empty() as market:
        market.load(path)
        for name, frames in expected.items():
            for moment, frame in zip(as_of_all(market, name), frames, strict=True):
                pd.testing.assert_frame_equal(moment, frame, check_freq=False)


def test_bars_on_disk_keep_when_they_were_closed(tmp_path: Path) -> None:
    market, _ = lived()
    with market:
        expected = market.data.get_data("1min", closed_only=True, with_times=True).drop(columns="end")
    market, _ = lived(max_bars_per_timeframe=8, enable_disk_overflow=True)
    with market:
        assert len(market.data.get_data("1min")) == 8
        path = market.data.export_to_parquet("1min", tmp_path / "a.parquet")
        pd.testing.assert_frame_equal(pd.read_parquet(path), expected, check_freq=False)
        assert len(pd.read_parquet(market.data.export_to_parquet("1min", path, count=20))) == 20
        again = market.data.import_from_parquet(path, "1min", overwrite=True)
        assert again.replaced == 20
        market.data.export_to_parquet("1min", path)
        pd.testing.assert_frame_equal(pd.read_parquet(path), expected, check_freq=False)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_the_columns_of_text_files_are_the_plain_ones_unless_asked_for(kind: str) -> None:
    market, _ = lived()
    with market:
        plain = ["timestamp", "open", "high", "low", "close", "volume", "tick_count", "vwap"]
        for options, wanted in (({}, plain), ({"with_times": True}, [*plain, "closed_at"])):
            text = getattr(market.data, f"export_to_{kind}")("1min", **options)
            found = text.splitlines()[0].split(",") if kind == "csv" else list(json.loads(text)[0])
            assert found == wanted


def test_the_time_of_closing_belongs_to_the_bar_that_is_held(tmp_path: Path) -> None:
    market, _ = lived()
    with market:
        mine = market.data.get_data("1min", closed_only=True, with_times=True)
        later = mine.drop(columns="end")
        later["closed_at"] += pd.Timedelta("10s")
        timed, plain = tmp_path / "timed.parquet", tmp_path / "plain.parquet"
        later.to_parquet(timed)
        mine.drop(columns=["end", "closed_at"]).to_parquet(plain)
        assert market.data.import_from_parquet(timed, "1min").kept == len(mine)
        held = market.data.get_data("1min", closed_only=True, with_times=True)
        # Bars of the history did not know it, those that closed here did.
        assert (held["closed_at"] - mine["closed_at"]).dt.total_seconds().tolist() == (
            [10.0] * 30 + [0.0] * (len(mine) - 30)
        )
        assert market.data.import_from_parquet(timed, "1min", overwrite=True).replaced == len(mine)
        held = market.data.get_data("1min", closed_only=True, with_times=True)
        assert (held["closed_at"] - mine["closed_at"] == pd.Timedelta("10s")).all()
        assert market.data.import_from_parquet(plain, "1min", overwrite=True).replaced == len(mine)
        held = market.data.get_data("1min", closed_only=True, with_times=True)
        grace = market.data.config.grace_ms
        assert (held["closed_at"] - held["end"] == pd.Timedelta(milliseconds=grace)).all()


def test_a_file_with_an_impossible_time_of_closing_changes_nothing(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"open": 1.0, "high": 2.0, "low": 1.0, "close": 2.0, "volume": 1.0},
        index=pd.date_range("2026-03-01 09:00", periods=3, freq="1min", tz="UTC", name="timestamp"),
    )
    frame["closed_at"] = frame.index - pd.Timedelta("1h")
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv")
    frame.reset_index().to_json(tmp_path / "a.json", orient="records", date_format="iso")
    with empty() as market:
        for kind in ("csv", "json", "parquet"):
            with pytest.raises(DataImportError, match="'closed_at' is before the bar begins"):
                getattr(market.data, f"import_from_{kind}")(tmp_path / f"a.{kind}", "1min")
        assert market.data.get_data("1min").empty
