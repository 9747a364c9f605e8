"""What a store is made of, a piece at a time: its limit, footers, contents, files, frames and changes."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mdnb.errors import DataExportError, OptionError
from mdnb.market_store.contents import held_series
from mdnb.market_store.disk_limit import DiskLimit, Dropped
from mdnb.market_store.feed_mark import check_feed, keep_feed
from mdnb.market_store.footers import Footers
from mdnb.market_store.frames import bar_frame, chosen_columns
from mdnb.market_store.held_before import HeldBefore
from mdnb.market_store.layout import Series, all_series, days_of, folder_of, partitions
from mdnb.market_store.overlay import identities, match, overlaid, rows_differ
from mdnb.market_store.parts import DamagedPartError, list_parts, part_name, read_parts, write_part
from mdnb.market_store.reading import TailsOfNow, newest_bars, read_bars, read_rows
from mdnb.market_store.schemas import bar_schema, bars_table, row_schema, rows_table, times_of
from mdnb.market_store.segment import OpenSegment
from mdnb.market_store.store import MarketStore
from mdnb.market_store.tails import list_tails, read_tail
from mdnb.market_store.writer import StoreWriter, who_writes
from mdnb.stores.columns import AMENDED, FILLED, PARTIAL
from mdnb.stores.ticks import TICK_DTYPE
from tests.market_store.keep_numbered import BARS, FIRST_US, STEP_US, TICKS, numbered, trades

DAY = 1440
FIRST_DAY_NS = FIRST_US * 1000 // 86_400_000_000_000 * 86_400_000_000_000
DAY_NS = 86_400_000_000_000


def some(first: int, count: int, **options: object) -> pa.Table:
    """Changes of bars from a number on."""
    return bars_table(numbered(np.arange(first, first + count, dtype="i8")), **options)  # type: ignore[arg-type]


def plain(first: int, count: int, **options: object) -> pa.Table:
    """Bars as they are in a file."""
    return some(first, count, **options).select(bar_schema().names)


def numbers_of(table: pa.Table) -> list[int]:
    return ((times_of(table) - FIRST_US) // STEP_US).tolist()


def filled(folder: Path, days: int, symbol: str = "X") -> Series:
    """A store of whole days of bars, a file each."""
    series = Series(symbol, "1min")
    for day in range(days):
        writer = StoreWriter(folder)
        start = (FIRST_DAY_NS // 1000 + day * DAY_NS // 1000 - FIRST_US) // STEP_US
        writer.append(series, some(int(start), 100))
        writer.close()
    return series


# -- the limit -------------------------------------------------------------------------------------------


def test_as_much_as_is_allowed_stays_and_a_byte_more_takes_the_oldest_day_alone(tmp_path: Path) -> None:
    series = filled(tmp_path, 4)
    paths = [path for one in partitions(tmp_path, series) for path in list_parts(one.path)]
    sizes = [path.stat().st_size for path in paths]
    scratch = tmp_path / ".mdnb"
    exact = DiskLimit(tmp_path, sum(sizes), scratch)
    assert (exact.total, exact.is_over, exact.enforce()) == (sum(sizes), False, Dropped())
    tight = DiskLimit(tmp_path, sum(sizes) - 1, scratch)
    assert tight.is_over
    assert tight.enforce() == Dropped(1, 100, sizes[0], FIRST_DAY_NS + DAY_NS)
    assert not tight.is_over
    assert tight.total == sum(sizes[1:])
    assert [path.exists() for path in paths] == [False, True, True, True]
    assert not paths[0].parent.exists()
    assert not list(scratch.glob("*.mdnb-tmp"))


def test_the_oldest_of_all_symbols_goes_first_and_the_newest_of_each_never(tmp_path: Path) -> None:
    filled(tmp_path, 3, "A")
    filled(tmp_path, 2, "B")
    limit = DiskLimit(tmp_path, 1, tmp_path / ".mdnb")
    gone = limit.enforce()
    assert (gone.files, gone.rows, gone.until_ns) == (3, 300, FIRST_DAY_NS + 2 * DAY_NS)
    assert limit.is_over
    left = {one: [part.first_ns for part in partitions(tmp_path, one)] for one in all_series(tmp_path)}
    assert left == {
        Series("A", "1min"): [FIRST_DAY_NS + 2 * DAY_NS],
        Series("B", "1min"): [FIRST_DAY_NS + DAY_NS],
    }


def test_what_is_written_and_deleted_counts_at_once(tmp_path: Path) -> None:
    limit = DiskLimit(tmp_path, 10, tmp_path)
    for size, total in ((7, 7), (4, 4), (0, 0), (0, 0), (11, 11)):
        limit.note(tmp_path / "a", size)
        assert (limit.total, limit.is_over) == (total, total > 10)
    limit.note(tmp_path / "b", 1)
    assert limit.total == 12


# -- what is held ----------------------------------------------------------------------------------------


def test_contents_are_those_of_files_and_tails_together(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    writer.append(BARS, some(0, 10))
    writer.append(TICKS, rows_table(trades(np.arange(3)), "ticks"))
    writer.seal()
    tails, footers = TailsOfNow(tmp_path), Footers()
    bars, ticks = held_series(tmp_path, tails, footers, "Asia/Tokyo")
    assert (bars.rows, bars.first_ns, bars.last_ns) == (
        10,
        FIRST_US * 1000,
        (FIRST_US + 9 * STEP_US) * 1000,
    )
    assert (ticks.rows, ticks.first_ns, ticks.last_ns) == (
        12,
        FIRST_US * 1000,
        FIRST_US * 1000 + 11 * STEP_US // 4 * 1000,
    )
    assert bars.last == pd.Timestamp("2026-03-02 23:09", tz="Asia/Tokyo")
    assert str(bars.first.tz) == "Asia/Tokyo"
    size = sum(path.stat().st_size for path in folder_of(tmp_path, BARS).rglob("*.parquet"))
    assert bars.bytes == size > 0
    # One more behind, one more before, and those that are none any more.
    writer.append(BARS, some(10, 1))
    writer.append(BARS, some(-1, 1))
    writer.append(BARS, some(4, 2, gone=True))
    bars, _ = held_series(tmp_path, tails, footers, "UTC")
    assert (bars.rows, bars.first_ns) == (10, (FIRST_US - STEP_US) * 1000)
    assert bars.last_ns == (FIRST_US + 10 * STEP_US) * 1000
    writer.append(BARS, some(-1, 12, gone=True))
    assert [one.timeframe for one in held_series(tmp_path, tails, footers, "UTC")] == ["ticks"]
    writer.close()


def test_a_footer_tells_the_edges_of_all_row_groups(tmp_path: Path) -> None:
    path = tmp_path / part_name(1)
    size = write_part(path, plain(5, 40_000), tmp_path)
    footer = Footers().of(path)
    edges = FIRST_US + 5 * STEP_US, FIRST_US + 40_004 * STEP_US
    assert footer == (40_000, *edges, size)
    assert size == path.stat().st_size
    write_part(path, plain(0, 0), tmp_path)
    assert Footers().of(path)[:3] == (0, 0, 0)


def test_a_file_that_does_not_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / part_name(1)
    path.write_bytes(b"PAR1 and nothing else")
    said = f"^{path} does not read: .*[^.]\\. It was left as it is; move it away to read the others\\.$"
    with pytest.raises(DamagedPartError, match=said):
        read_parts([path], bar_schema())
    with pytest.raises(DamagedPartError, match=f"^{path} is no file of a store: .*[^.]\\. Move it away\\.$"):
        Footers().of(path)


def test_what_every_bar_has_is_never_null_in_a_file() -> None:
    nullable = [field.name for field in bar_schema() if field.nullable]
    assert nullable == ["vwap", "closed_at", "contract", "origin"]
    assert not any(field.nullable for kind in ("ticks", "quotes") for field in row_schema(kind))


def test_files_are_written_over_others_and_leave_nothing_beside_them(tmp_path: Path) -> None:
    path, scratch = tmp_path / "f" / part_name(3), tmp_path / "scratch"
    path.parent.mkdir()
    scratch.mkdir()
    before = os.umask(0o022)
    try:
        for count in (3, 5):
            write_part(path, plain(0, count), scratch)
            assert numbers_of(read_parts([path], bar_schema())) == list(range(count))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644
    with pytest.raises(FileNotFoundError):
        write_part(tmp_path / "nowhere" / part_name(1), plain(0, 1), scratch)
    assert list(scratch.iterdir()) == []
    (path.parent / "notes.txt").write_text("x")
    (path.parent / "part-5.parquet").write_text("a number that is too short")
    (path.parent / part_name(4)).symlink_to(path)
    assert list_parts(path.parent) == [path]
    assert list_parts(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("start", "end", "found"), [(3, 6, [3, 4, 5, 6]), (None, 2, [0, 1, 2]), (8, None, [8, 9]), (7, 6, [])]
)
def test_both_ends_of_a_span_are_in_it(
    tmp_path: Path, start: int | None, end: int | None, found: list[int]
) -> None:
    path = tmp_path / part_name(1)
    write_part(path, plain(0, 10), tmp_path)
    edges = [None if at is None else FIRST_US + at * STEP_US for at in (start, end)]
    assert numbers_of(read_parts([path], bar_schema(), *edges)) == found
    some_columns = read_parts([path], bar_schema(), *edges, ["timestamp", "close"])
    assert some_columns.schema.names == ["timestamp", "close"]
    writer = StoreWriter(tmp_path / "s")
    writer.append(BARS, some(0, 5))
    writer.seal()
    writer.append(BARS, some(5, 5))
    tails = TailsOfNow(tmp_path / "s")
    at_ns = [None if at is None else at * 1000 for at in edges]
    assert numbers_of(read_bars(tmp_path / "s", BARS, *at_ns, tails=tails)) == found
    # A nanosecond within a microsecond is behind its begin, and before the next one.
    inside = [None if at is None else at - 1 if place == 0 else at + 1 for place, at in enumerate(at_ns)]
    assert numbers_of(read_bars(tmp_path / "s", BARS, *inside, tails=tails)) == found
    writer.close()


@pytest.mark.parametrize("count", [1, 5, 6, 11, 100])
def test_the_newest_bars_come_of_as_many_days_as_they_need(tmp_path: Path, count: int) -> None:
    writer = StoreWriter(tmp_path)
    for day in range(12):
        writer.append(BARS, some(day * DAY, 1))
    writer.seal()
    found = newest_bars(tmp_path, BARS, count, tails=TailsOfNow(tmp_path))
    assert numbers_of(found) == [day * DAY for day in range(12)][-count:]
    end_ns = (FIRST_US + 7 * DAY * STEP_US) * 1000
    found = newest_bars(tmp_path, BARS, count, tails=TailsOfNow(tmp_path), end_ns=end_ns)
    assert numbers_of(found) == [day * DAY for day in range(8)][-count:]
    writer.close()


# -- frames ----------------------------------------------------------------------------------------------


def test_the_columns_that_are_asked_for_are_read_once_each() -> None:
    assert chosen_columns(None) == []
    assert chosen_columns("close") == ["timestamp", "close"]
    assert chosen_columns(["close", "open", "close"]) == ["timestamp", "close", "open"]
    for wrong, said in (("timestamp", "no column 'timestamp'"), ([], "columns= is empty")):
        with pytest.raises(OptionError, match=said):
            chosen_columns(wrong)


def test_a_frame_has_the_columns_that_say_something() -> None:
    always = ["open", "high", "low", "close", "volume", "tick_count"]

    def columns(table: pa.Table) -> list[str]:
        return list(bar_frame(table, "UTC").columns)

    assert columns(plain(0, 3, has_vwap=False)) == always
    assert columns(plain(0, 3)) == [*always, "vwap"]
    bars = numbered(np.arange(3, dtype="i8"))
    for flag, name in ((PARTIAL, "partial"), (FILLED, "filled"), (AMENDED, "amended")):
        bars.flags[:] = [0, flag, 0]
        made = bar_frame(bars_table(bars).select(bar_schema().names), "UTC")
        assert list(made.columns) == [*always, "vwap", name]
        assert made[name].tolist() == [False, True, False]
    named = bars_table(numbered(np.arange(2, dtype="i8")), contracts=["", "H6"]).select(bar_schema().names)
    assert bar_frame(named, "UTC")["contract"].tolist() == ["", "H6"]
    own, written = plain(0, 1), plain(1, 1, origin="write")
    both = bar_frame(pa.concat_tables([own, written]), "UTC")
    assert both["origin"].tolist() == ["", "write"]
    # That all are somebody's own tells nothing, unless it is asked for.
    assert "origin" not in bar_frame(written, "UTC")
    assert bar_frame(written.select(["timestamp", "origin"]), "UTC", ["origin"])["origin"].tolist() == [
        "write"
    ]


# -- changes ---------------------------------------------------------------------------------------------


def test_bars_that_differ_in_anything_differ_and_nan_is_itself() -> None:
    bars = numbered(np.arange(4, dtype="i8"))
    bars.vwap[:] = [1.0, np.nan, np.nan, 2.0]
    held = bars_table(bars)
    same = np.arange(4)
    assert rows_differ(held, same, held, same).tolist() == [False] * 4
    for name in ("open", "high", "low", "close", "volume", "vwap", "tick_count", "flags", "closed_us"):
        other = numbered(np.arange(4, dtype="i8"))
        other.vwap[:] = bars.vwap
        getattr(other, name)[2] = 1 if name != "volume" else 77.0
        expected = [False, False, True, False]
        assert rows_differ(held, same, bars_table(other), same).tolist() == expected, name
    # What is not told is another thing than nothing.
    for more in ({"has_vwap": False}, {"contracts": ["H6"] * 4}, {"origin": "write"}):
        assert rows_differ(held, same, bars_table(bars, **more), same).all(), more  # type: ignore[arg-type]
    assert rows_differ(held, np.array([1, 0]), held, np.array([1, 3])).tolist() == [False, True]


def test_of_changes_of_one_bar_the_last_counts_wherever_it_stands() -> None:
    held = plain(0, 3)
    changes = pa.concat_tables(
        [
            bars_table(numbered(np.array(at, dtype="i8"), more))
            for at, more in (([1, 2], 0.5), ([1], 0.25), ([4], 0))
        ]
    )
    found = match(held, changes)
    assert numbers_of(found.changes) == [1, 2, 4]
    assert found.changes["volume"].to_pylist() == [1.25, 2.5, 4.0]
    assert (found.is_held.tolist(), found.at.tolist()) == ([True, True, False], [1, 2])
    made = overlaid(held, changes)
    assert (numbers_of(made), made["volume"].to_pylist()) == ([0, 1, 2, 4], [0.0, 1.25, 2.5, 4.0])
    # In order, but for two of one bar.
    twice = pa.concat_tables([some(1, 1), bars_table(numbered(np.array([1, 2], dtype="i8"), 0.5))])
    assert match(held, twice).changes["volume"].to_pylist() == [1.5, 2.5]
    # Behind all that is held, and of the very last one.
    assert numbers_of(overlaid(held, some(3, 2))) == [0, 1, 2, 3, 4]
    last = overlaid(held, bars_table(numbered(np.array([2], dtype="i8"), 0.5)))
    assert last["volume"].to_pylist() == [0.0, 1.0, 2.5]
    assert numbers_of(overlaid(held, some(2, 2, gone=True))) == [0, 1]
    assert numbers_of(overlaid(plain(0, 0), some(0, 2))) == [0, 1]


def test_what_became_of_a_trade_does_not_tell_it_from_others() -> None:
    rows = trades(np.arange(1))
    changed = rows.copy()
    changed["flag"] = 3
    one, other = (list(identities(rows_table(each, "ticks"))) for each in (rows, changed))
    assert one == other
    for name in ("ts_ns", "price", "size", "trade_id"):
        changed = rows.copy()
        changed[name] += 1
        assert all(a != b for a, b in zip(one, identities(rows_table(changed, "ticks")), strict=True)), name


def test_rows_that_were_held_are_taken_out_as_often_as_they_were(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    rows = np.zeros(6, TICK_DTYPE)
    rows["ts_ns"], rows["price"] = [10, 20, 20, 30, 30, 30], 5.0
    held = rows[[0, 1, 2, 3]]
    writer.append(TICKS, rows_table(held, "ticks"))
    before = HeldBefore(tmp_path, TICKS, TailsOfNow(tmp_path))

    def new(at: list[int]) -> list[int]:
        given = rows_table(rows[at], "ticks")
        return times_of(before.without(given)).tolist()

    later = rows[:1].copy()
    later["ts_ns"] = 31
    assert times_of(before.without(rows_table(later, "ticks"))).tolist() == [31]
    assert new([3, 4, 5]) == [30, 30]
    assert new([1]) == []
    assert new([0, 1, 2]) == [20]
    assert new([]) == []
    assert (
        HeldBefore(tmp_path / "none", TICKS, TailsOfNow(tmp_path / "none"))
        .without(rows_table(rows, "ticks"))
        .num_rows
        == 6
    )
    writer.close()


# -- whose it is -----------------------------------------------------------------------------------------


def test_a_store_knows_its_feed_by_symbol(tmp_path: Path) -> None:
    check_feed(tmp_path, "BTC/USD", "kraken", "trades")
    (tmp_path / ".mdnb").mkdir()
    keep_feed(tmp_path, "BTC/USD", "kraken", "trades")
    (mark,) = (tmp_path / ".mdnb").iterdir()
    written = mark.stat().st_mtime_ns, mark.stat().st_ino
    keep_feed(tmp_path, "BTC/USD", "kraken", "trades")
    assert (mark.stat().st_mtime_ns, mark.stat().st_ino) == written
    check_feed(tmp_path, "BTC/USD", "kraken", "trades")
    check_feed(tmp_path, "ETH/USD", "okx", "bars")
    said = r"holds BTC/USD of kraken \(bars of trades\), and this is kraken \(its own bars\)"
    with pytest.raises(DataExportError, match=said):
        check_feed(tmp_path, "BTC/USD", "kraken", "bars")
    with pytest.raises(DataExportError, match=r"this is okx \(bars of trades\)"):
        check_feed(tmp_path, "BTC/USD", "okx", "trades")
    # What is no mark says nothing, and makes way.
    for content in (b"", b"[]", b"x" * 5000, b'{"name": 1}'):
        mark.write_bytes(content)
        check_feed(tmp_path, "BTC/USD", "okx", "trades")
    keep_feed(tmp_path, "BTC/USD", "okx", "trades")
    with pytest.raises(DataExportError, match="of okx"):
        check_feed(tmp_path, "BTC/USD", "kraken", "trades")
    target = mark.rename(tmp_path / "elsewhere")
    mark.symlink_to(target)
    check_feed(tmp_path, "BTC/USD", "kraken", "trades")


def test_who_has_the_lock_is_named_while_it_is_held(tmp_path: Path) -> None:
    assert who_writes(tmp_path) == ""
    writer = StoreWriter(tmp_path)
    assert who_writes(tmp_path) == f"process {os.getpid()}"
    with MarketStore(tmp_path) as store:
        assert store.read_only
    writer.close()
    assert who_writes(tmp_path) == ""


# -- names and instants ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeframe", "is_bars", "by_year"),
    [
        ("1min", True, False),
        ("30min", True, False),
        ("1hour", True, True),
        ("1month", True, True),
        ("100tick", True, False),
        ("ticks", False, False),
        ("quotes", False, False),
    ],
)
def test_a_file_holds_a_day_or_from_an_hour_on_a_year(timeframe: str, is_bars: bool, by_year: bool) -> None:
    series = Series("X", timeframe)
    assert (series.is_bars, series.by_year) == (is_bars, by_year)
    edges = np.array([FIRST_DAY_NS - 1, FIRST_DAY_NS, FIRST_DAY_NS + DAY_NS - 1, FIRST_DAY_NS + 366 * DAY_NS])
    names, at = days_of(series, edges)
    if by_year:
        assert (names, at.tolist()) == (["year=2026", "year=2027"], [0, 0, 0, 1])
    else:
        days = ["date=2026-03-01", "date=2026-03-02", "date=2027-03-03"]
        assert (names, at.tolist()) == (days, [0, 1, 1, 2])


def test_series_are_listed_by_symbol_bars_fine_to_coarse_then_the_rest(tmp_path: Path) -> None:
    names = ["quotes", "1day", "1min", "ticks", "100tick", "1hour"]
    for symbol in ("B", "A/C"):
        for name in names:
            (folder_of(tmp_path, Series(symbol, name)) / "date=2026-03-02").mkdir(parents=True)
    for odd in (
        "symbol=",
        "symbol=%2E/timeframe=1min",
        "symbol=a b",
        "symbol=A/timeframe=5m",
        "symbol=A/timeframe=zzz",
        "other=A",
        ".x",
    ):
        (tmp_path / odd).mkdir(parents=True)
    order = ["1min", "1hour", "1day", "100tick", "quotes", "ticks"]
    found = all_series(tmp_path)
    assert [one for one in found if one.symbol != "a b"] == [
        Series(symbol, name) for symbol in ("A/C", "B") for name in order
    ]


def test_partitions_are_days_and_years_and_nothing_else(tmp_path: Path) -> None:
    series = Series("X", "1min")
    folder = folder_of(tmp_path, series)
    for name in (
        "date=2026-03-03",
        "date=2026-03-02",
        "date=2026-02-30",
        "date=2026-3-2",
        "year=2025",
        "day=1",
    ):
        (folder / name).mkdir(parents=True)
    (folder / "date=2026-03-04").write_text("no folder")
    (folder / "date=2026-03-05").symlink_to(folder / "date=2026-03-02")
    found = partitions(tmp_path, series)
    assert [one.path.name for one in found] == ["year=2025", "date=2026-03-02", "date=2026-03-03"]
    year = pd.Timestamp("2025", tz="UTC").value, pd.Timestamp("2026", tz="UTC").value
    assert [(one.first_ns, one.end_ns) for one in found] == [
        year,
        (FIRST_DAY_NS, FIRST_DAY_NS + DAY_NS),
        (FIRST_DAY_NS + DAY_NS, FIRST_DAY_NS + 2 * DAY_NS),
    ]


# -- on the way ------------------------------------------------------------------------------------------


def test_a_segment_counts_what_it_has_and_forgets_the_oldest_first(tmp_path: Path) -> None:
    segment = OpenSegment(3, tmp_path)
    for first in (0, 10, 20):
        segment.add(BARS, some(first, 10))
    segment.add(TICKS, rows_table(trades(np.arange(1)), "ticks"))
    assert (segment.rows, segment.unwritten, segment.unsealed) == (34, 34, 34)
    assert segment.drop_oldest(11) == 20
    assert (segment.rows, segment.unwritten, segment.unsealed) == (14, 14, 14)
    assert [numbers_of(table)[0] for table in segment.tables[BARS]] == [20]
    segment.flush()
    assert (segment.rows, segment.unwritten, segment.unsealed) == (14, 0, 14)
    assert segment.drop_oldest(1) == 0
    found = list_tails(tmp_path)
    assert [(number, kind) for number, kind, _ in found] == [(3, "bars"), (3, "ticks")]
    assert [one.num_rows for _, one in read_tail(found[0][2], "bars").batches] == [10]
    assert segment.is_there
    found[1][2].unlink()
    assert not segment.is_there
    segment.write_anew()
    assert segment.unwritten == 4, "the tail of the bars is there"
    segment.flush()
    assert [kind for _, kind, _ in list_tails(tmp_path)] == ["bars", "ticks"]
    segment.delete()
    assert list_tails(tmp_path) == []
    segment.close()


def test_trades_of_one_instant_and_beyond_are_read_by_their_nanoseconds(tmp_path: Path) -> None:
    rows = np.zeros(4, TICK_DTYPE)
    rows["ts_ns"], rows["trade_id"] = [1001, 1002, 1002, 1003], range(4)
    writer = StoreWriter(tmp_path)
    writer.append(TICKS, rows_table(rows[:2], "ticks"))
    writer.seal()
    writer.append(TICKS, rows_table(rows[2:], "ticks"))
    tails = TailsOfNow(tmp_path)
    for span, found in (
        ((1002, 1002), [1, 2]),
        ((1001, 1002), [0, 1, 2]),
        ((1003, None), [3]),
        ((None, 1001), [0]),
    ):
        assert read_rows(tmp_path, TICKS, *span, tails=tails)["trade_id"].to_pylist() == found
    writer.close()


def test_what_writing_has_found_is_told_and_bars_of_a_time_to_come_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = pd.Timestamp.now("UTC").floor("min")
    index = pd.date_range(now - pd.Timedelta("2min"), periods=6, freq="1min")
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 5.0), index=index)
    with MarketStore(tmp_path) as store, caplog.at_level(logging.WARNING, "mdnb"):
        done = store.write("X", "1min", frame)
        assert (done.rows, done.added, done.replaced, done.kept) == (6, 6, 0, 0)
        # A minute may have gone by meanwhile.
        assert done.later in (2, 3)
        assert f"{done.later} of the 6 1min bars of X begin later than it is now" in caplog.text
        again = store.write("X", "1min", frame.iloc[:2])
        assert (again.rows, again.added, again.replaced, again.kept, again.later) == (2, 0, 0, 2, 0)
