"""Reading a store whose files change meanwhile: what was read before is not taken for what is there now."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import mdnb
from mdnb.errors import DataImportError
from mdnb.market_store.footers import Footers
from mdnb.market_store.parts import DamagedPartError, read_parts
from mdnb.market_store.reading import TailsOfNow, newest_bars, read_bars, settled
from mdnb.market_store.schemas import bar_schema, bars_table, rows_table, times_of
from mdnb.market_store.store import MarketStore
from mdnb.market_store.writer import StoreWriter
from tests.market_store.keep_numbered import BARS, TICKS, numbered, trades


def some(first: int, count: int, more: float = 0.0) -> object:
    """Bars from a number on."""
    return bars_table(numbered(np.arange(first, first + count, dtype="i8"), more))


def test_a_tail_of_the_name_and_the_size_of_an_earlier_one_is_read_anew(tmp_path: Path) -> None:
    with MarketStore(tmp_path) as reader:
        for at in range(4):
            writer = StoreWriter(tmp_path)
            writer.append(BARS, some(at * 5, 5))
            writer.append(BARS, some(0, 1, float(at)))
            frame = reader.frame("BTC/USD", "1min")
            assert (len(frame), frame["volume"].iloc[0]) == (5 * at + 5, float(at))
            assert [one.rows for one in reader.contents()] == [5 * at + 5]
            writer.close()


def test_whoever_asks_while_segments_go_into_parquet_is_answered(tmp_path: Path) -> None:
    """A thread writes small segments as fast as it can; each answer is at least what was there before."""
    writer = StoreWriter(tmp_path, segment_rows=1)
    done, wrong = threading.Event(), list[BaseException]()

    def write() -> None:
        try:
            for at in range(150):
                writer.append(BARS, some(at * 20, 20))
                writer.append(TICKS, rows_table(trades(np.arange(at * 20, at * 20 + 20)), "ticks"))
                writer.seal()
        except BaseException as error:  # noqa: BLE001 - given to the test
            wrong.append(error)
        finally:
            done.set()

    writer.append(BARS, some(0, 1))
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=write)
    thread.start()
    least = dict.fromkeys(("1min", "ticks"), 0)
    try:
        with MarketStore(tmp_path) as reader:
            while not done.is_set():
                assert reader.symbols() == ["BTC/USD"]
                assert "1min" in repr(reader)
                for one in reader.contents():
                    assert one.rows >= least[one.timeframe]
                    least[one.timeframe] = one.rows
                assert len(reader.frame("BTC/USD", "1min")) >= least["1min"]
            assert {one.timeframe: one.rows for one in reader.contents()} == {"1min": 3000, "ticks": 12_000}
    finally:
        thread.join()
        sys.setswitchinterval(usual)
        writer.close()
    assert not wrong


def test_files_that_go_away_all_the_time_are_an_error_of_ours() -> None:
    def read() -> None:
        Path("/no such folder").stat()

    with pytest.raises(DataImportError, match="Read again"):
        settled(read)


@pytest.mark.skipif(sys.platform != "linux", reason="folders are exchanged on Linux only")
def test_who_has_begun_to_list_a_day_that_is_joined_finds_all_of_it(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    for first in range(0, 500, 100):
        writer.append(BARS, some(first, 100))
        writer.seal()
    day = next((tmp_path / "symbol=BTC%2FUSD" / "timeframe=1min").iterdir())
    names = sorted(path.name for path in day.iterdir())
    descriptor = os.open(day, os.O_RDONLY)  # as who lists it has it
    try:
        writer.append(BARS, some(500, 700))  # the day is over
        writer.seal()
        assert len(list(day.iterdir())) == 1
        listed = os.listdir(descriptor)  # noqa: PTH208 - the folder has no name any more
        assert set(listed) >= set(names)
    finally:
        os.close(descriptor)
        writer.close()
    assert not list((tmp_path / ".mdnb").glob("*.mdnb-tmp"))
    with mdnb.store(tmp_path) as store:
        assert len(store.frame("BTC/USD", "1min")) == 1200


def test_a_file_of_other_content_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "part-000000000001.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DamagedPartError, match="does not read"):
        read_parts([path], bar_schema())


def test_a_tail_is_read_again_only_where_it_has_grown(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    writer.append(BARS, some(0, 10))
    tails = TailsOfNow(tmp_path)
    ((_, first),) = tails.of(BARS)
    ((_, second),) = tails.of(BARS)
    assert first is second
    writer.append(BARS, some(10, 10))
    assert [table.num_rows for _, table in tails.of(BARS)] == [10, 10]
    writer.close()


@pytest.mark.parametrize("is_sealed", [True, False])
def test_the_newest_bars_until_an_instant_or_of_all(tmp_path: Path, is_sealed: bool) -> None:
    writer, days = StoreWriter(tmp_path), 5
    writer.append(BARS, some(0, days * 1440))
    if is_sealed:
        writer.seal()
    tails = TailsOfNow(tmp_path)
    times = times_of(read_bars(tmp_path, BARS, tails=tails))
    for end in (None, 1439, 1440, 3 * 1440 + 7, days * 1440 - 1):
        end_ns = None if end is None else int(times[end]) * 1000
        stop = len(times) if end is None else end + 1
        for count in (1, 10, 2000, 10 * 1440):
            found = times_of(newest_bars(tmp_path, BARS, count, tails=tails, end_ns=end_ns))
            assert np.array_equal(found, times[:stop][-count:]), (end, count)
    writer.close()


def test_contents_tell_the_first_and_the_last_of_what_is_in_a_tail(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    writer.append(BARS, some(3, 4))
    with mdnb.store(tmp_path) as store:
        (told,) = store.contents()
        times = store.frame(*BARS).index
        assert (told.rows, told.first, told.last) == (4, times[0], times[-1])
        assert told.bytes == 0
    writer.close()


def test_a_footer_is_read_again_only_where_its_file_has_changed(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    writer.append(BARS, some(0, 10))
    writer.seal()
    (path,) = tmp_path.rglob("*.parquet")
    footers = Footers()
    first = footers.of(path)
    assert footers.of(path) is first
    writer.append(BARS, some(0, 10, 1.0))
    writer.seal()
    assert footers.of(path) is not first
    writer.close()
