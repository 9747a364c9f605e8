"""What is written into a store is read again to the bit; what cannot be is refused, and nothing changed."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import zoneinfo
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import mdnb
from mdnb.errors import (
    ClosedError,
    DataExportError,
    DataImportError,
    OptionError,
    SymbolError,
    TimeframeError,
)
from mdnb.io.schema import normalise
from mdnb.market_store.given_bars import given_table
from mdnb.market_store.layout import Series
from mdnb.timeframes import Timeframe
from tests.limits import LIMIT_SECONDS

STEPS = {"1sec": 1, "1min": 60, "5min": 300, "1hour": 3600, "1day": 86_400}
ZONES = ["UTC", "America/Chicago", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham"]
NAMES = ["open", "high", "low", "close"]
prices = st.floats(1e-6, 1e9, allow_nan=False, allow_infinity=False)


@st.composite
def frames(draw: st.DrawFn, timeframe: str, least: int = 0, most: int = 40) -> pd.DataFrame:
    """Draw bars on the grid of a timeframe, with holes, in any zone, over changes of its clock."""
    count = draw(st.integers(least, most))
    around = draw(st.sampled_from([0, 1_774_746_000, 1_793_494_800, 1_772_460_000, 7_258_000_000]))
    first = (around + draw(st.integers(-100_000, 100_000))) // STEPS[timeframe]
    holes = draw(st.lists(st.integers(1, 3), min_size=count, max_size=count))
    starts = (first + np.cumsum(holes, dtype="i8")) * STEPS[timeframe]
    if count > 1:  # that it is of no coarser timeframe
        starts[1] = starts[0] + STEPS[timeframe]
        starts = np.unique(starts)
    rows = draw(
        st.lists(st.tuples(prices, prices, prices, prices), min_size=len(starts), max_size=len(starts))
    )
    table = np.array(rows, dtype=float).reshape(-1, 4)
    ordered = np.sort(table, axis=1)
    index = pd.to_datetime(starts, unit="s", utc=True).as_unit("us").rename("timestamp")
    index = index.tz_convert(draw(st.sampled_from(ZONES)))
    columns = {"open": ordered[:, 1], "high": ordered[:, 3], "low": ordered[:, 0], "close": ordered[:, 2]}
    made = pd.DataFrame(columns, index=index)
    made["volume"] = draw(st.lists(st.floats(0, 1e12), min_size=len(made), max_size=len(made)))
    made["tick_count"] = np.arange(len(made), dtype=float)
    if draw(st.booleans()):
        vwap = st.one_of(st.just(math.nan), prices)
        made["vwap"] = np.array(draw(st.lists(vwap, min_size=len(made), max_size=len(made))), dtype=float)
    for mark in ("partial", "filled", "amended"):
        if draw(st.booleans()):
            made[mark] = np.arange(len(made)) % 3 == 0
    if draw(st.booleans()) and len(made):
        closed = (made.index + pd.Timedelta(STEPS[timeframe], "s")).where(np.arange(len(made)) % 4 > 0)
        made["closed_at"] = closed
    return made


def without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame without the marks that are true of no bar, and the times and prices that nobody told."""
    marks = [name for name in ("partial", "filled", "amended") if name in frame and not frame[name].any()]
    closed = [name for name in ("closed_at",) if name in frame and frame[name].isna().all()]
    empty = [] if len(frame) else [name for name in ("vwap",) if name in frame]
    return frame.drop(columns=[*marks, *closed, *empty])


def same(mine: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare to the bit, in any order of columns."""
    expected = without_empty(expected)
    assert set(mine.columns) == set(expected.columns)
    pd.testing.assert_frame_equal(
        mine[list(expected.columns)], expected, check_exact=True, check_freq=False, check_names=True
    )


@pytest.mark.parametrize("timeframe", list(STEPS))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_bars_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, timeframe: str, data: st.DataObject
) -> None:
    frame = data.draw(frames(timeframe, 1))
    zone = str(frame.index.tz)
    with mdnb.store(tmp_path_factory.mktemp("s"), tz=zone) as store:
        assert store.write("X", timeframe, frame).added == len(frame)
        same(store.frame("X", timeframe), normalise(frame))
        (held,) = store.contents()
        assert (held.rows, held.first_ns, held.last_ns) == (
            len(frame),
            frame.index[0].value,
            frame.index[-1].value,
        )


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_span_is_what_pandas_cuts(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    frame = data.draw(frames("5min", 2))
    with mdnb.store(tmp_path_factory.mktemp("s")) as store:
        store.write("X", "5min", frame)
        whole = store.frame("X", "5min")
        low, high = whole.index[0], whole.index[-1]
        seconds = st.integers(int(low.timestamp()) - 400, int(high.timestamp()) + 400)
        start, end = sorted(pd.Timestamp(data.draw(seconds), unit="s", tz="UTC") for _ in range(2))
        names = data.draw(st.sampled_from([None, ["close"], ["volume", "open"]]))
        mine = store.frame("X", "5min", start, end, columns=names)
        expected = whole.loc[start:end]
        expected = without_empty(expected) if names is None else expected[names]
        if names is None:
            assert set(expected.columns) >= set(mine.columns) - {"vwap"}
            expected = expected[list(mine.columns)]
        pd.testing.assert_frame_equal(mine, expected, check_exact=True, check_freq=False)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), choice=st.sampled_from(["keep", "replace"]))
def test_later_writes_merge_as_dicts_do(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, choice: Any
) -> None:
    with mdnb.store(tmp_path_factory.mktemp("s")) as store:
        expected: dict[int, tuple[float, ...]] = {}
        for _ in range(3):
            frame = data.draw(frames("1min", 1, 15))[[*NAMES, "volume", "tick_count"]]
            done = store.write("X", "1min", frame, choice)
            rows = dict(
                zip(frame.index.as_unit("ns").asi8.tolist(), map(tuple, frame.to_numpy()), strict=True)
            )
            assert done.added == len(rows.keys() - expected.keys())
            assert done.added + done.replaced + done.kept == len(rows)
            expected = {**rows, **expected} if choice == "keep" else {**expected, **rows}
        mine = store.frame("X", "1min")
        found = dict(zip(mine.index.as_unit("ns").asi8.tolist(), map(tuple, mine.to_numpy()), strict=True))
        assert found == expected
        assert list(found) == sorted(found)


def bars(count: int = 100, start: str = "2026-03-02 22:30", freq: str = "1min") -> pd.DataFrame:
    """Bars around midnight."""
    index = pd.date_range(start, periods=count, freq=freq, tz="UTC", unit="us", name="timestamp")
    close = 100 + np.arange(count) * 0.25
    columns = {"open": close, "high": close + 1, "low": close - 1, "close": close}
    return pd.DataFrame({**columns, "volume": 5.0, "tick_count": 2.0}, index=index)


# -- what is refused -------------------------------------------------------------------------------------


def files(folder: Path) -> dict[str, bytes]:
    """Return what is in the tree."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda frame: frame.assign(high=frame["low"] - 1), "cannot be"),
        (lambda frame: frame.assign(volume=-1.0), "cannot be"),
        (lambda frame: frame.assign(close=math.nan), "cannot be"),
        (lambda frame: frame.assign(high=math.inf), "cannot be"),
        (lambda frame: frame.assign(low=-5.0), "positive_prices=False"),
        (lambda frame: frame.tz_localize(None), "tz_localize"),
        (lambda frame: frame.drop(columns="close"), "close"),
        (lambda frame: frame.set_axis(frame.index[0] + (frame.index - frame.index[0]) / 2), "finer"),
        (lambda frame: frame.iloc[::5], "not 1min"),
        (lambda frame: pd.concat([frame, frame.iloc[:1].assign(volume=6.0)]), "contradict"),
        (lambda frame: frame.assign(open=frame["open"] + 0.25), "other values"),
        (
            lambda frame: frame.set_axis(frame.index + pd.Timedelta("7s")),
            "200 of 200 bars do not start where",
        ),
        (
            lambda frame: frame.set_axis(
                frame.index.where(frame.index.minute != 7, frame.index.shift(9, "s"))
            ),
            "3 of 200 bars do not start where 1min bars do",
        ),
    ],
)
def test_bars_that_cannot_be_are_refused_whole(tmp_path: Path, spoil: Any, said: str) -> None:
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", bars())
        before = files(tmp_path)
        with pytest.raises((DataImportError, OptionError), match=said):
            store.write("X", "1min", spoil(bars(200)))
        assert files(tmp_path) == before
        same(store.frame("X", "1min"), bars())


def test_bars_amid_those_held_are_refused_and_those_behind_a_break_are_taken(tmp_path: Path) -> None:
    held = bars(10, freq="1h")
    with mdnb.store(tmp_path) as store:
        store.write("X", "1hour", held)
        for first in (held.index[0] + pd.Timedelta("30min"), held.index[-1] + pd.Timedelta("30min")):
            other = bars(1, str(first.tz_localize(None)))
            with pytest.raises(DataImportError, match="1 of 1 bars begin amid bars that are held"):
                store.write("X", "1hour", other, "replace")
        same(store.frame("X", "1hour"), held)
        # The bar of 8:30 was cut short by a break: the others begin where it ended.
        late = bars(5, str(held.index[-1].tz_localize(None) + pd.Timedelta("45min")), "1h")
        assert store.write("X", "1hour", late).added == 5
        # Of other hours altogether, as of a share's beside those of a future.
        assert store.write("Y", "1hour", bars(7, "2026-03-02 14:30", "1h")).added == 7


def test_what_is_there_already_and_a_forming_bar_are_not_written(tmp_path: Path) -> None:
    frame = bars()
    frame.attrs["forming"] = True
    with mdnb.store(tmp_path) as store:
        assert store.write("X", "1min", frame).rows == 99
        before = files(tmp_path)
        done = store.write("X", "1T", bars(99))
        assert (done.timeframe, done.added, done.replaced, done.kept) == ("1min", 0, 0, 99)
        assert files(tmp_path) == before


def test_a_whole_bar_takes_the_place_of_a_partial_one_and_never_the_other_way(tmp_path: Path) -> None:
    partial = bars(1).assign(volume=1.0, partial=True)
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", partial)
        assert store.write("X", "1min", bars(1)).replaced == 1
        assert store.write("X", "1min", partial, "replace").kept == 1
        same(store.frame("X", "1min"), bars(1))


SYMBOLS = [
    "../../etc/x",
    "ES/H6",
    "CON",
    "nul.txt",
    ".",
    "a\0b",
    "~",
    "",
    "..",
    "x" * 300,
    "=",
    "%2F",
    "Ü/€ ",
    "a\nb",
]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_any_symbol_stays_inside_the_folder_or_is_refused(tmp_path: Path, symbol: str) -> None:
    base = tmp_path / "markets"
    with mdnb.store(base) as store:
        try:
            store.write(symbol, "1min", bars())
        except SymbolError:
            assert not files(tmp_path)
            assert symbol in ("", ".", "..", "x" * 300)
            return
        assert store.symbols() == [symbol]
        same(store.frame(symbol, "1min"), bars())
    assert {path.name for path in tmp_path.iterdir()} == {"markets"}
    assert all(len(path.relative_to(base).parts) == 4 for path in base.rglob("*.parquet"))


@pytest.mark.parametrize("symbol", ["\ud800", "X\udfff", None, 5, b"X", ["X"]])
def test_what_is_no_text_that_a_file_can_hold_is_no_symbol(tmp_path: Path, symbol: Any) -> None:
    with mdnb.store(tmp_path / "markets") as store:
        for ask in (
            lambda: store.write(symbol, "1min", bars()),
            lambda: store.frame(symbol, "1min"),
            lambda: store.ticks(symbol),
            lambda: store.timeframes(symbol),
        ):
            with pytest.raises(SymbolError):
                ask()
    assert not files(tmp_path)


@pytest.mark.parametrize("place", ["", "symbol=X", "symbol=X/timeframe=1min", ".mdnb"])
def test_nothing_is_written_through_a_link(tmp_path: Path, place: str) -> None:
    base, elsewhere = tmp_path / "markets", tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = base / place if place else base
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere, target_is_directory=True)
    with mdnb.store(base) as store, pytest.raises(DataExportError, match="link"):
        store.write("X", "1min", bars())
    assert not files(elsewhere)


def test_other_things_in_the_folder_are_passed_over(tmp_path: Path) -> None:
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", bars())
        for name in (
            "symbol=",
            "symbol=a/b=c",
            "symbol=Y/timeframe=nonsense",
            "symbol=%41/timeframe=1min",
            "z",
        ):
            (tmp_path / name).mkdir(parents=True)
        (tmp_path / "symbol=X" / "timeframe=1min" / "date=2026-13-45").mkdir()
        (tmp_path / "symbol=X" / "timeframe=1min" / "notes.txt").write_text("x")
        assert store.symbols() == ["X"]
        same(store.frame("X", "1min"), bars())


# -- what is read ----------------------------------------------------------------------------------------


def test_only_what_is_needed_is_read(tmp_path: Path) -> None:
    """Bytes by the count of the system, in a process of its own."""
    with mdnb.store(tmp_path) as store:
        for day in pd.date_range("2026-01-01", periods=60, freq="1D"):
            draw = np.random.default_rng(day.day_of_year)
            frame = bars(1440, str(day.date()))
            frame["volume"] = draw.random(1440)
            store.write("X", "1min", frame)
        fine = bars(86_400, "2026-03-02", "1s")
        for name in (*NAMES, "volume"):
            fine[name] += np.random.default_rng(1).random(86_400) * 0.1
        fine["high"], fine["low"] = fine[NAMES].max(axis=1), fine[NAMES].min(axis=1)
        store.write("X", "1sec", fine)
    whole, of_day = (
        sum(path.stat().st_size for path in tmp_path.rglob(f"timeframe={name}/**/*.parquet"))
        for name in ("1min", "1sec")
    )
    code = f"""
import json, mdnb
def read():
    for line in open("/proc/self/io"):
        if line.startswith("rchar"):
            return int(line.split()[1])
store = mdnb.store({str(tmp_path)!r})
store.frame("X", "1min", "2026-01-03", "2026-01-03T00:05")  # what is imported for it
found = {{}}
for name, timeframe, span, columns in (
    ("hour", "1min", ("2026-01-20T10:00", "2026-01-20T11:00"), None),
    ("all", "1min", (None, None), None),
    ("minute", "1sec", ("2026-03-02T12:00", "2026-03-02T12:00:59"), None),
    ("column", "1sec", (None, None), "close"),
):
    before = read()
    rows = len(store.frame("X", timeframe, *span, columns=columns))
    found[name] = rows, read() - before
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True
    )
    found = json.loads(done.stdout)
    rows = {name: rows for name, (rows, _) in found.items()}
    assert rows == {"hour": 61, "all": 86_400, "minute": 60, "column": 86_400}
    assert found["all"][1] > 0.9 * whole
    assert found["hour"][1] < whole / 20, "one day of sixty"
    assert found["minute"][1] < of_day / 3, "one row group of six"
    assert found["column"][1] < of_day / 2, "two columns of seven"


def test_row_groups_are_chosen_by_their_statistics(tmp_path: Path) -> None:
    with mdnb.store(tmp_path) as store:
        store.write("X", "1sec", bars(86_400, "2026-03-02", "1s"))
        mine = store.frame("X", "1sec", "2026-03-02T12:00:00", "2026-03-02T12:00:09")
        assert len(mine) == 10
        assert mine.index[0] == pd.Timestamp("2026-03-02T12:00", tz="UTC")


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda store: store.frame("Y", "1min"), SymbolError, "nothing of 'Y'"),
        (lambda store: store.frame("X", "5min"), TimeframeError, "Held: 1min"),
        (lambda store: store.frame("X", "five"), TimeframeError, "Understood"),
        (lambda store: store.frame("X", "1min", columns=["clsoe"]), OptionError, "close"),
        (lambda store: store.frame("X", "1min", columns=[]), OptionError, "empty"),
        (lambda store: store.frame("X", "1min", "yesterday-ish"), OptionError, "instant"),
        (lambda store: store.timeframes("Y"), SymbolError, "'Y'"),
        (lambda store: store.write("X", "1min", bars(), "merge"), OptionError, "replace"),
    ],
)
def test_what_cannot_be_asked_is_told(tmp_path: Path, ask: Any, error: type[Exception], said: str) -> None:
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", bars())
        with pytest.raises(error, match=said):
            ask(store)


@pytest.mark.parametrize(
    "options",
    [
        {"max_bytes": 0},
        {"ticks": 1},
        {"segment_rows": 0},
        {"seal_seconds": -1},
        {"tz": "Mars/Base"},
        {"quotes": None},
    ],
)
def test_options_are_checked(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        mdnb.store(tmp_path, **options)


def test_a_file_that_does_not_read_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", bars())
        first, second = sorted(tmp_path.rglob("*.parquet"))
        first.write_bytes(b"PAR1 torn")
        with pytest.raises(DataImportError, match=first.parent.name):
            store.frame("X", "1min")
        assert len(store.frame("X", "1min", "2026-03-03")) == 10
        assert "does not read" in repr(store) or "no file of a store" in repr(store)
        with pytest.raises(DataImportError, match=first.parent.name):
            store.write("X", "1min", bars(90))
        # What comes live has to have a place: the file makes way, and stays.
        writer = store.writer()
        writer.append(Series("X", "1min"), given_table(bars(90), Timeframe.parse("1min")))
        writer.close()
        assert "It is " in writer.notes[0]
        same(store.frame("X", "1min"), bars())
        (aside,) = (tmp_path / ".mdnb").glob("*part-*.parquet")
        assert aside.read_bytes() == b"PAR1 torn"
    assert second.exists()


def test_an_empty_folder_and_a_closed_store(tmp_path: Path) -> None:
    store = mdnb.store(tmp_path / "new")
    assert store.symbols() == []
    assert "empty" in repr(store)
    assert not store.path.exists(), "who only reads makes nothing"
    store.close()
    store.close()
    for ask in (store.symbols, lambda: store.write("X", "1min", bars()), lambda: store.frame("X", "1min")):
        with pytest.raises(ClosedError, match=r"mdnb\.store"):
            ask()
    assert "closed" in repr(store)
    file = tmp_path / "bars.parquet"
    file.write_bytes(b"")
    with pytest.raises(OptionError, match=r"mdnb\.read"):
        mdnb.store(file)


def test_the_card_says_what_is_held_and_escapes_it(tmp_path: Path) -> None:
    with mdnb.store(tmp_path, tz="America/Chicago") as store:
        store.write("<img src=x onerror=alert(1)>", "1min", bars())
        card = store._repr_html_()
        assert "<img" not in card
        head = ("symbol", "timeframe", "rows", "from", "to", "size")
        assert "".join(f"<th>{name}</th>" for name in head) in card
        assert "100" in card
        assert "2026-03-02 16:30:00-06:00" in card
        assert "2026-03-02 16:30:00-06:00" in repr(store)


def test_the_zone_of_the_store_is_that_of_its_frames_and_questions(tmp_path: Path) -> None:
    zone = zoneinfo.ZoneInfo("America/Chicago")
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", bars())
    with mdnb.store(tmp_path, tz="America/Chicago") as store:
        mine = store.frame("X", "1min", "2026-03-02 16:30", "2026-03-02 16:39")
    assert len(mine) == 10
    assert mine.index[0] == pd.Timestamp("2026-03-02 16:30", tz=zone)
    assert str(mine.index.tz) == "America/Chicago"


def test_whole_bars_take_the_places_of_whole_ones_where_that_is_said(tmp_path: Path) -> None:
    given = bars(10)
    others = given.assign(volume=given["volume"] + 1)
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", given)
        assert store.write("X", "1min", others, "keep").kept == 10
        assert store.frame("X", "1min")["volume"].tolist() == given["volume"].tolist()
        assert store.write("X", "1min", others, "replace").replaced == 10
        assert store.frame("X", "1min")["volume"].tolist() == others["volume"].tolist()
        assert store.write("X", "1min", others, "replace").replaced == 0
