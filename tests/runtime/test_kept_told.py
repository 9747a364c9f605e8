"""What a kept market tells: word for word, once, of each timeframe, in the log and among its findings."""

from __future__ import annotations

import logging
import os
import types
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.errors import DataExportError, DataImportError
from mdnb.market import LiveMarket
from mdnb.market_store.layout import Series
from mdnb.runtime import store_keeper
from mdnb.runtime.process.bridge import call
from mdnb.runtime.store_keeper import StoreKeeper
from tests.manager.hand import MINUTE, START, HandFeed
from tests.runtime.test_store_keeper import closed, keeper, kept_market, minutes_of_trades, same


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time by which a store is kept, as a test sets it; nothing is kept by itself."""
    made = [100.0]
    monkeypatch.setattr(store_keeper, "time", types.SimpleNamespace(monotonic=lambda: made[0]))
    monkeypatch.setattr(store_keeper, "_EACH_SECONDS", 3600.0)
    return made


def told(market: LiveMarket, kind: str) -> list[str]:
    """What a market has found of a kind."""
    return [one.description for one in market.data.get_validation_errors(50, kind)]


def own_bars(minutes: list[int], close: float = 900.0) -> pd.DataFrame:
    """Bars of somebody's own, that begin at these minutes."""
    times = pd.to_datetime([START + at * MINUTE for at in minutes], utc=True)
    return pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), close), index=times)


# -- who else has the folder ------------------------------------------------------------------------------


def busy(folder: Path) -> str:
    """What is told first of a folder that this process writes."""
    return (
        f"{folder} is being written by process {os.getpid()}. It can be read meanwhile; to write, end that"
        " market or close that store. This market goes on in memory"
    )


def test_a_folder_of_another_process_is_told_once_and_never_taken(
    tmp_path: Path, seconds: list[float], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store_keeper, "who_writes", lambda path: f"process 1 at {path.name}")
    feed = HandFeed()
    with mdnb.store(tmp_path) as store:
        writer = store.writer()
        with kept_market(feed, tmp_path, "1min") as market:
            assert told(market, "store_busy") == [f"{busy(tmp_path)} alone."]
            assert [one.getMessage() for one in caplog.records] == [f"{busy(tmp_path)} alone."]
            writer.close()
            feed.trades(*minutes_of_trades(0, 3))
            seconds[0] += 1_000_000.0
            call(keeper(market).look())
            assert keeper(market).writer is None
            assert len(told(market, "store_busy")) == 1
    assert not list(tmp_path.rglob("symbol=*"))


def test_a_folder_of_this_process_is_told_once_and_looked_at_each_second(
    tmp_path: Path, seconds: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    feed = HandFeed()
    sentence = f"{busy(tmp_path)}, and is kept once the other market of this process is closed."
    with mdnb.store(tmp_path) as store:
        writer = store.writer()
        with kept_market(feed, tmp_path, "1min") as market:
            for _ in range(3):
                seconds[0] += 1.0
                call(keeper(market).look())
                assert keeper(market).writer is None
            assert told(market, "store_busy") == [sentence]
            assert [one.getMessage() for one in caplog.records] == [sentence]
            writer.close()
            seconds[0] += 0.99
            call(keeper(market).look())
            assert keeper(market).writer is None
            feed.trades(*minutes_of_trades(0, 3))
            seconds[0] += 0.01
            call(keeper(market).look())
            assert keeper(market).writer is not None
            expected = {"1min": closed(market, "1min")}
            assert len(expected["1min"]) == 2
    same(tmp_path, expected)


def test_a_folder_that_cannot_be_made_is_tried_each_ten_seconds(tmp_path: Path, seconds: list[float]) -> None:
    folder = tmp_path / "markets"
    (tmp_path / "file").write_text("x")
    folder.symlink_to(tmp_path / "file" / "no")
    feed = HandFeed()
    with kept_market(feed, folder, "1min") as market:
        (first,) = told(market, "store")
        assert str(folder) in first
        folder.unlink()
        feed.trades(*minutes_of_trades(0, 3))
        seconds[0] += 9.99
        call(keeper(market).look())
        keep = keeper(market)
        assert not folder.exists()
        # What waits for a store is what memory has, and nothing beside.
        assert not any(keep._rows.values())
        seconds[0] += 0.01
        call(keep.look())
        assert folder.exists()
        assert "store" not in market._parts.session.markets["X"].pipeline.quality.troubles
        expected = {"1min": closed(market, "1min")}
    same(folder, expected)


def test_bars_of_the_same_feed_that_are_made_of_something_else_are_refused(tmp_path: Path) -> None:
    class Quoted(HandFeed):
        """The same by name, whose bars are of quotes."""

        source = "quotes"

    Quoted.__name__ = "HandFeed"
    with kept_market(HandFeed(), tmp_path, "1min"):
        pass
    with pytest.raises(DataExportError) as caught:
        kept_market(Quoted(), tmp_path, "1min")
    assert str(caught.value) == (
        f"the store {tmp_path} holds X of HandFeed (bars of trades), and this is HandFeed (bars of quotes):"
        " they would be mixed. Give another folder (store=)."
    )


# -- what was found there ---------------------------------------------------------------------------------


def test_bars_that_are_strange_are_told_of_each_timeframe(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", own_bars([*range(-1500, -10), 0, *range(10, 25)]))
        store.write("X", "5min", own_bars([-30, -25, -18, 60]))
        store.write("X", "15min", own_bars([45]))
    with kept_market(HandFeed(), tmp_path, "1min", "5min", "15min", days=0) as market:
        expected = {
            "written_bars": f"1,490 of 1,490 1min bars, 2 of 298 5min bars that {tmp_path} has of X were"
            " given to its write() and are not those of HandFeed (bars of trades); they count as they are."
            " Their column 'origin' tells which they are.",
            "future_bars": f"{tmp_path} has 16 1min bars, 1 5min bars, 1 15min bars of X that are not over at"
            " 2026-03-02 14:00:00+00:00, the market's time. They are left out of this market, and its own"
            " take their places as they close. See that this computer's clock is right, or write them to"
            " another folder.",
            "off_grid_bars": f"{tmp_path} has 1 5min bars of X that were given to its write() and do not"
            " start where bars of this market do. They are left out of it. Write them with the times at"
            " which bars begin by the market's hours, or to another folder.",
        }
        assert {kind: told(market, kind) for kind in expected} == {
            kind: [sentence] for kind, sentence in expected.items()
        }
        assert {*caplog.messages} >= {*expected.values()}
        assert len(closed(market, "1min")) == 1490
        with mdnb.store(tmp_path) as store:
            starts = store.frame("X", "5min").index.as_unit("ns").asi8
            assert ((starts[-2:] - START) // MINUTE).tolist() == [-15, 60], "none is made of those to come"
        assert market.data.get_validation_errors(1, "future_bars")[0].timestamp == pd.Timestamp(
            START, tz="UTC"
        )


def test_where_nobody_knows_the_time_nothing_is_of_a_time_to_come(tmp_path: Path) -> None:
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", own_bars([*range(20)]))
    with kept_market(HandFeed(clock=EventClock(0)), tmp_path, "1min", days=0) as market:
        assert not told(market, "store_unreadable")
        assert not told(market, "future_bars")
        assert told(market, "written_bars")[0].startswith("20 of 20 1min bars")


def test_prices_that_cannot_be_are_counted_over_the_timeframes_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = pd.concat([own_bars([*range(-1200, -20)], 0.0), own_bars([*range(-20, -10)])])
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", wrong, positive_prices=False)
        store.write("X", "5min", own_bars([-3000, -2995], 0.0), positive_prices=False)
    with kept_market(HandFeed(), tmp_path, "1min", "5min", days=0) as market:
        (sentence,) = told(market, "price_not_positive")
        assert len(closed(market, "1min")) == 10
    head, _, rest = sentence.partition(" bars that ")
    assert int(head.replace(",", "")) >= 1182
    assert "," in head
    assert rest == (
        f"{tmp_path} has of X have prices of zero or below and are left out; where these can be, give"
        " positive_prices=False"
    )
    assert sentence in caplog.messages
    with kept_market(HandFeed(), tmp_path, "1min", days=0, validate_bars=False) as market:
        assert not told(market, "price_not_positive")
        assert len(closed(market, "1min")) == 1190


def test_a_timeframe_that_does_not_read_is_told_and_the_others_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kept_market(HandFeed(), tmp_path, "1min", "5min") as market:
        call(keeper(market).look())
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", own_bars([*range(-20, -10)]))
        store.write("X", "5min", own_bars([-10, -5]))
    read = store_keeper.newest_bars

    def damaged(base: Path, series: Series, *more: object, **options: object) -> object:
        if series.timeframe == "1min":
            raise DataImportError("it does not read today")
        return read(base, series, *more, **options)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(store_keeper, "newest_bars", damaged)
    with kept_market(HandFeed(), tmp_path, "1min", "5min", days=0) as market:
        assert told(market, "store_unreadable") == ["it does not read today"]
        assert len(closed(market, "1min")) == 0
        # One of them was made of the finer ones that do not read as the newest.
        assert len(closed(market, "5min")) == 4


def test_trades_that_do_not_read_are_told_and_the_market_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = HandFeed()
    with kept_market(first, tmp_path, "1min"):
        first.trades(*minutes_of_trades(0, 10))

    def damaged(*_: object, **__: object) -> None:
        raise DataImportError("the trades do not read today")

    monkeypatch.setattr(store_keeper, "read_rows", damaged)
    again = HandFeed(clock=EventClock(START + 10 * MINUTE))
    with kept_market(again, tmp_path, "1min", days=0) as market:
        assert told(market, "store_unreadable") == ["the trades do not read today"]
        again.trades(*minutes_of_trades(10, 3, 60))
        assert len(closed(market, "1min")) == 9 + 2


def test_bars_of_trades_after_which_the_trades_are_lost_tell_when_in_the_market_s_zone(
    tmp_path: Path,
) -> None:
    rows = minutes_of_trades(0, 60)
    feed = HandFeed()
    with mdnb.live(
        "X",
        ["1min", "25tick"],
        feed=feed,
        initial_days=0,
        progress=False,
        store=tmp_path,
        tz="Asia/Tokyo",
        data_manager_config=mdnb.DataManagerConfig(max_ticks=100),
    ) as market:
        feed.trades(*rows[:110])
        market.remove_timeframe("25tick")
        for at in range(110, 300, 10):
            feed.trades(*rows[at : at + 10])
        market.add_timeframe("25tick")
        (sentence,) = told(market, "data_gap")
        assert sentence == (
            "the last of the 25tick bars that are kept began at 2026-03-02 23:12:30+09:00: of the trades"
            " behind it none were held, so the next one is partial and a hole is before it"
        )


# -- while it goes on, and at its end ---------------------------------------------------------------------


def test_what_the_writer_notes_is_told_once_and_at_the_end_it_is_logged(
    tmp_path: Path, seconds: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    assert seconds
    with kept_market(HandFeed(), tmp_path, "1min") as market:
        writer = keeper(market).writer
        assert writer is not None
        writer.notes = ["a tail is torn", "100% of it"]
        for _ in range(2):
            call(keeper(market).look())
        # Of several in one second of the market the newest is kept.
        assert told(market, "store") == ["100% of it"]
        assert caplog.messages == ["a tail is torn", "100% of it"]
        caplog.clear()
        close = writer.close

        def fail() -> None:
            close()
            writer.notes.append("50% lost")
            raise DataExportError("the disk is full at 100%")

        writer.close = fail  # type: ignore[method-assign]  # as a disk may do
    assert [(one.levelno, one.getMessage()) for one in caplog.records if one.name == "mdnb"] == [
        (logging.ERROR, "the disk is full at 100%"),
        (logging.WARNING, "50% lost"),
    ]


def test_rows_that_are_given_up_are_told_each_time_they_are_twice_as_many(
    tmp_path: Path, seconds: list[float], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert seconds
    monkeypatch.setattr(store_keeper, "_MOST_ROWS", 1000)
    monkeypatch.setattr(store_keeper, "_MOST_TAKEN", 4)

    def taken(rows: int) -> store_keeper._Taken:
        return store_keeper._Taken(Series("X", "1min"), lambda: None, rows)

    with kept_market(HandFeed(), tmp_path, "1min") as market:
        keep, symbol = keeper(market), market._parts.session.markets["X"]
        told_of: list[list[str]] = []

        def bound(*rows: int) -> list[int]:
            keep._taken.extend(map(taken, rows))
            keep._bound_taken(symbol)
            told_of.append(list(caplog.messages))
            caplog.clear()
            return [one.rows for one in keep._taken]

        try:
            assert bound(400, 600) == [400, 600]
            assert bound(1) == [600, 1]
            assert bound(1, 1) == [600, 1, 1, 1]
            assert bound(1) == [1, 1, 1, 1]
            assert bound(2) == [1, 1, 1, 2]
            assert bound(5000) == [5000], "the newest stays, however large"
            assert bound(0) == [0]
        finally:
            keep._taken.clear()
        sentences = [
            f"{tmp_path} cannot be read, so that {count} rows for it are given up, the oldest first"
            for count in ("400", "1,000", "6,006")
        ]
        assert told_of == [[], [sentences[0]], [], [sentences[1]], [], [], [sentences[2]]]
        assert told(market, "store_lost") == sentences[-1:]


def test_its_end_waits_for_no_disk_that_hangs_and_lets_go_of_the_market(tmp_path: Path) -> None:
    import threading

    with mdnb.store(tmp_path) as store:
        gate = threading.Event()

        async def end() -> bool:
            keep = StoreKeeper(store, {})
            hanging = keep._pool.submit(gate.wait, 30.0)
            await keep.close()
            return hanging.done()

        try:
            assert not call(end())
        finally:
            gate.set()


@pytest.mark.parametrize("error", [OSError("read only"), DataExportError("it is a link")])
def test_a_store_that_does_not_take_of_which_feed_it_is_takes_the_bars(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(store_keeper, "keep_feed", fail)
    feed = HandFeed()
    with kept_market(feed, tmp_path, "1min") as market:
        feed.trades(*minutes_of_trades(0, 5))
        expected = {"1min": closed(market, "1min")}
        assert not told(market, "store")
    same(tmp_path, expected)


def test_of_bars_that_the_store_lacks_only_those_are_made_that_memory_may_have(tmp_path: Path) -> None:
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", own_bars([*range(-200, 0)]))
        store.write("X", "5min", own_bars([*range(-60, -30, 5), *range(-25, 0, 5)]))
    with kept_market(HandFeed(), tmp_path, "1min", "5min", days=0, max_bars_per_timeframe=10) as market:
        assert len(closed(market, "5min")) == 10
    with mdnb.store(tmp_path) as store:
        starts = store.frame("X", "5min").index.as_unit("ns").asi8
    assert ((starts - START) // MINUTE).tolist() == [*range(-60, 0, 5)]
