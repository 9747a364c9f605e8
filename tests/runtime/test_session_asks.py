"""What a session asks of its feed and when, and by which names its work is known."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import mdnb
from mdnb.clock import MarketClock
from mdnb.errors import FeedError
from mdnb.feeds.base import Channel, OnFrame, OnStatus
from mdnb.feeds.offers import Offers
from mdnb.feeds.recorder import Recorder
from mdnb.feeds.timeouts import Liveness
from mdnb.rows import Batch, Reply
from mdnb.runtime.process.bridge import call
from mdnb.runtime.process.loop import background_loop
from mdnb.runtime.session_factory import drop_session, make_session, start_session
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import MINUTE, SECOND, HandFeed, open_market, trade


class Noting(HandFeed):
    """Notes what it is asked, and by which task."""

    def __init__(self, source: str = "trades", error: Exception | None = None, **more: Any) -> None:
        super().__init__(**more)
        self.source = source  # type: ignore[assignment]  # as the test says
        self.error = error
        self.noted: list[tuple[object, ...]] = []
        self.named: dict[str, str] = {}

    def note(self, *what: object) -> None:
        task = asyncio.current_task()
        self.noted.append(what)
        self.named[str(what[0])] = "" if task is None else task.get_name()

    async def open(self, symbols: Sequence[str]) -> None:
        self.note("open", tuple(symbols))

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        self.note("subscribe", symbol, tuple(channels))
        await super().subscribe(symbol, channels)

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        self.note("run")
        await super().run(on_frame, on_status)

    async def close(self) -> None:
        self.note("close")
        await super().close()
        error, self.error = self.error, None
        if error is not None:
            raise error


@pytest.mark.parametrize(
    ("source", "channels"),
    [("trades", ("trades", "quotes")), ("quotes", ("quotes",)), ("bars", ("bars",))],
)
def test_a_feed_is_opened_once_asked_for_each_symbol_and_closed_once(
    source: str, channels: tuple[str, ...]
) -> None:
    feed = Noting(source)
    with mdnb.live(["X", "Y", "X"], "1min", feed=feed, initial_days=0, progress=False) as market:
        assert market.symbols == ("X", "Y")
    market.close()
    assert feed.noted == [
        ("open", ("X", "Y")),
        ("subscribe", "X", channels),
        ("subscribe", "Y", channels),
        ("run",),
        ("close",),
    ]


def test_what_a_session_does_is_known_by_its_names() -> None:
    feed = Noting()

    async def names() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks()}

    with open_market(feed, "1min"):
        assert {"mdnb-feed", "mdnb-housekeeping"} <= call(names())
    assert (feed.named["run"], feed.named["close"]) == ("mdnb-feed", "mdnb-close")


def test_a_market_that_is_dropped_and_does_not_close_is_told_of_by_what_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = make_session("X", "1min", Noting(error=OSError("stuck")), 0, "UTC", None, None, 20.0)
    call(start_session(session, None))
    with caplog.at_level(logging.ERROR, "mdnb"):
        drop_session(session)
        for _ in range(8):
            call(asyncio.sleep(0))
        call(asyncio.wait({session._closing}))  # type: ignore[type-var]  # it has begun
        call(asyncio.sleep(0))
    assert caplog.messages == ["background task 'mdnb-close' failed"]
    assert str(background_loop().errors.pop()[1]) == "stuck"
    # At the end of Python it is nobody's any more.
    session._closing = None
    call(session.close())


def test_a_feed_that_fails_to_close_is_told_and_costs_nobody_his_bars(tmp_path: Path) -> None:
    feed = Noting(error=OSError("stuck"))
    disk: dict[str, Any] = {"disk_cache_enabled": True, "disk_cache_path": str(tmp_path / "disk")}
    market = open_market(feed, "1min", **disk)
    recording = market.record(tmp_path / "x.jsonl")
    feed.trades(trade(0, 100.0, number=1), trade(60, 101.0, number=2))
    assert len(market.data.get_data("1min", closed_only=True)) == 1
    session = market._parts.session
    with pytest.raises(OSError, match="stuck"):
        market.close()
    assert session.ended.is_set()
    assert market.status == "closed"
    assert recording.path.read_text().count("\n") == 1 + recording.frames
    with open_market(
        Noting(), "1min", disk_cache_enabled=True, disk_cache_path=str(tmp_path / "disk")
    ) as after:
        assert after.data.get_all_data("1min")["close"].tolist() == [100.0]
    # At the end of Python it is nobody's any more.
    session._closing = None
    call(session.close())


def test_a_session_that_was_never_started_closes() -> None:
    feed = Noting()
    session = make_session("X", "1min", feed, 0, "UTC", None, None, 20.0)
    call(session.close())
    assert session.closed
    assert session.ended.is_set()
    assert feed.noted == [("close",)]
    call(session.close())
    assert feed.noted == [("close",)]


class Venue(Noting):
    """Is asked over a line, and has a name that people know."""

    is_local = False
    offers = Offers(title="Some Venue", history="none")


@pytest.mark.parametrize(("kind", "said"), [(Noting, []), (Venue, [(0, 2, "Some Venue: connecting")])])
def test_to_whom_it_connects_is_told_where_there_is_a_line(
    kind: type[Noting], said: list[tuple[int, int, str]]
) -> None:
    told: list[tuple[int, int, str]] = []
    feed = kind()
    feed.is_local = kind is Noting
    session = make_session(["X", "Y"], "1min", feed, 0, "UTC", None, lambda *what: told.append(what), 20.0)
    call(start_session(session, None))
    call(session.close())
    assert told == said


def test_a_history_that_does_not_answer_is_waited_for_no_longer_than_allowed() -> None:
    class Silent(HandFeed):
        async def history_bars(self, *_: Any) -> Any:
            await asyncio.Event().wait()

    with pytest.raises(FeedError, match="history"):
        mdnb.live("X", "1min", feed=Silent(), initial_days=1, connect_timeout=1.0, progress=False)


def test_the_history_is_asked_for_as_many_days_as_are_wanted_and_its_progress_is_told() -> None:
    asked: list[tuple[int, int]] = []
    told: list[tuple[int, int, str]] = []

    class Asked(HandFeed):
        is_local = True

        async def history_bars(self, symbol: str, timeframe: str, start_ns: int, end_ns: int) -> Any:
            asked.append((start_ns, end_ns))
            return []

    feed = Asked()
    session = make_session("X", "1min", feed, 2.0, "UTC", None, lambda *what: told.append(what), 20.0)
    call(start_session(session, None))
    call(session.close())
    start_ns, end_ns = asked[0]
    assert end_ns - start_ns == pytest.approx(2 * 86_400 * SECOND, abs=2 * MINUTE)
    assert told[0] == (0, 1, "history of X")
    assert told[-1][:2] == (1, 1)
    assert told[-1][2].startswith("live")


def test_a_folder_that_a_process_left_behind_goes_when_a_market_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, other = tmp_path / "mdnb-left", tmp_path / "mdnb-other"
    for folder in (left, other):
        folder.mkdir()
        (folder / "bars").write_text("of somebody")
    (left / ".mdnb-temporary").touch()
    with open_market(HandFeed(), "1min") as market:
        sweep = market._parts.session._sweep
        assert sweep is not None
        call(asyncio.wait({sweep}))
        assert sweep.result() == 1
        assert not left.exists()
        assert (other / "bars").read_text() == "of somebody"


def test_a_feed_that_was_heard_of_otherwise_is_fresh_though_no_frame_has_come() -> None:
    class Quiet(HandFeed):
        liveness = Liveness("frames", stale_seconds=1e-9)
        silent = 0.0

        def silent_seconds(self) -> float:
            return self.silent

    feed = Quiet()
    with open_market(feed, "1min") as market:
        assert market.data.get_stats().freshness == 1.0
        feed.silent = float("inf")
        assert market.data.get_stats().freshness == 0.0


class Answering(HandFeed):
    """Its decoder reads answers, and takes each frame for one."""

    def __init__(self) -> None:
        super().__init__()
        self.replies: list[Reply] = []

    def decoder(self) -> Any:
        return self

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Stand for a decoder."""
        batch = Batch()
        batch.frames = len(frames)
        batch.replies += [Reply(number, frame == "yes") for number, frame in enumerate(frames)]
        return batch

    def on_reply(self, reply: Reply) -> None:
        self.replies.append(reply)


def test_answers_of_the_venue_go_to_the_feed() -> None:
    feed = Answering()
    with open_market(feed, "1min"):
        feed.send("yes")
        feed.send("no")
    assert feed.replies == [Reply(0, True), Reply(0, False)]


def test_bars_that_are_due_are_closed_where_quiet_minutes_are_to_be_filled_from_now_on() -> None:
    now = [1_800_000_000 * SECOND]
    clock = MarketClock(lambda: now[0], lambda: now[0])
    feed = HandFeed(clock=clock)
    failed = len(background_loop().errors)
    with open_market(feed, "1min") as market:
        feed.trades((now[0], 100.0, 1.0, 1, 1, 0))
        market.data.configure_bar_processing(fill_gaps=True)
        call(asyncio.sleep(0))
        call(asyncio.sleep(0))
        assert market._parts.session.closing_timer.is_set
    assert len(background_loop().errors) == failed


def test_the_end_of_a_recording_closes_its_symbols_in_the_order_of_their_time(tmp_path: Path) -> None:
    file = tmp_path / "three.jsonl"
    with Recorder(file, "mdnb", ["X", "Y", "Z"]) as recorder:
        for seconds, symbol in enumerate("YZX", 1):
            row = trade(seconds, float(seconds))
            recorder.frame(row[0], json.dumps({"e": "trades", "s": symbol, "r": [row]}))
    feed = f"replay:{file}?speed=max"
    with mdnb.live(["X", "Y", "Z"], "1min", feed=feed, initial_days=0, progress=False) as market:
        closed: list[float] = []
        for symbol in "XYZ":
            market[symbol].on("new_bar", lambda event: closed.append(event.bar.close))
        market.wait_ended(LIMIT_SECONDS)
        assert closed == [1.0, 2.0, 3.0]
