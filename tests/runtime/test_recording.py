"""What `mdnb record` writes: the frames of a feed, to be played again."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

import mdnb
from mdnb.clock import MarketClock
from mdnb.decode import decoder
from mdnb.errors import DataExportError, FeedError, OptionError
from mdnb.feeds import registry
from mdnb.feeds.base import Channel, Feed, OnFrame, OnStatus
from mdnb.feeds.replay import open_recording
from mdnb.rows import LOST_LINE
from mdnb.runtime.process.loop import background_loop
from mdnb.runtime.recording import record
from tests.limits import LIMIT_SECONDS

SECOND = 1_000_000_000
START = 1_700_000_100 * SECOND
AHEAD = 90 * SECOND


def test_a_simulated_market_is_recorded_with_its_trades_and_quotes(tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    frames = 0
    seconds = 0.5
    while frames < 20:
        file.unlink(missing_ok=True)
        frames = asyncio.run(record("BTC-USD", file, "sim://?speed=60", seconds))
        seconds *= 2
    opened = open_recording(file)
    assert opened.frames is not None
    held = [frame for _, frame in opened.frames()]
    assert (opened.symbols, len(held)) == (("BTC-USD",), frames)
    batch = decoder(opened.dialect).feed(held)
    assert batch.malformed == []
    assert batch.trades["BTC-USD"]
    assert batch.quotes["BTC-USD"]


class _Ahead(Feed):
    """A venue whose clock is 90 s ahead of the computer's; ten seconds pass in no time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.clock = MarketClock(wall=lambda: self.now, steady=lambda: self.now)

    async def open(self, symbols: Sequence[str]) -> None:
        """Nothing to open."""

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Say what time it is, ten times."""
        for _ in range(10):
            self.now += SECOND
            on_frame(json.dumps({"e": "clock", "t": self.now + AHEAD}))

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Nothing to ask."""

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Nothing to ask."""

    async def close(self) -> None:
        """Nothing to close."""


def test_frames_of_a_venue_are_dated_by_its_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "day.jsonl"
    monkeypatch.setitem(registry.BUILT_IN, "ahead", f"{__name__}:_Ahead")
    assert asyncio.run(record("X", file, "ahead", LIMIT_SECONDS)) == 10
    opened = open_recording(file)
    assert opened.frames is not None
    times = [at_ns for at_ns, _ in opened.frames()]
    # Until it is known who is wrong the computer's clock counts.
    assert times[:2] == [START + SECOND, START + 2 * SECOND]
    assert times[4:] == [START + AHEAD + number * SECOND for number in range(5, 11)]


class _Trading(_Ahead):
    """Trades thirty times, a second apart; its clock is so many seconds ahead of the computer's."""

    ahead: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.begun.set()

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        on_status("connected", "")
        await self.begun.wait()
        for number in range(30):
            self.now += SECOND
            row = [self.now + self.ahead * SECOND, 100.0 + number % 7, 1.0, 1, 1, number]
            on_frame(json.dumps({"e": "trades", "s": "X", "r": [row]}))
            await asyncio.sleep(0)


def check_replay(file: Path, ahead: int) -> None:
    """Play a recording of such a feed: each bar is closed when the next trade comes, by the venue's time."""
    with mdnb.live("X", "5sec", feed=f"replay:{file}?speed=max", progress=False) as market:
        market.wait_ended(LIMIT_SECONDS)
        bars = market.data.get_data("5sec", closed_only=True, with_times=True)
    first = START + (1 + ahead) * SECOND
    assert bars.index[0].value == first // (5 * SECOND) * 5 * SECOND
    late = (bars["closed_at"] - bars["end"]).dt.total_seconds()[:-1]
    assert late.between(-1, 1).all(), late


@pytest.mark.parametrize("ahead", [90, -90, 3600, -3600, 5, -5, 0])
@pytest.mark.parametrize("by", ["record", "market"])
def test_what_is_recorded_beside_a_wrong_clock_closes_its_bars_at_the_venues_time(
    ahead: int, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "day.jsonl"
    monkeypatch.setattr(_Trading, "ahead", ahead)
    if by == "record":
        monkeypatch.setitem(registry.BUILT_IN, "trading", f"{__name__}:_Trading")
        assert asyncio.run(record("X", file, "trading", LIMIT_SECONDS)) == 30
    else:
        feed = _Trading()
        feed.begun.clear()
        with mdnb.live("X", "5sec", feed=feed, initial_days=0, progress=False) as market, market.record(file):
            background_loop().loop.call_soon_threadsafe(feed.begun.set)
            market.wait_ended(LIMIT_SECONDS)
    check_replay(file, ahead)


def test_a_file_that_is_there_is_not_touched_and_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "day.jsonl"
    file.write_text("mine")
    monkeypatch.setitem(registry.BUILT_IN, "unreachable", f"{__name__}:_Unreachable")
    for append in (False, True):
        with pytest.raises(DataExportError, match="is there already"):
            asyncio.run(record("X", file, "unreachable", append=append))
    assert file.read_text() == "mine"


def test_a_recording_goes_on_with_the_same_symbol_when_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "day.jsonl"
    monkeypatch.setitem(registry.BUILT_IN, "ahead", f"{__name__}:_Ahead")
    asyncio.run(record("X", file, "ahead", math.inf))
    before = file.read_text()
    for symbol, append in (("X", False), ("Y", True)):
        with pytest.raises(DataExportError, match="is there already"):
            asyncio.run(record(symbol, file, "ahead", append=append))
        assert file.read_text() == before
    assert asyncio.run(record("X", file, "ahead", append=True)) == 10
    opened = open_recording(file)
    assert opened.frames is not None
    frames = [frame for _, frame in opened.frames()]
    # Between the two the line was not there.
    assert frames.index(LOST_LINE) == 10
    assert len(frames) == 21


@pytest.mark.parametrize("seconds", [0, -2, math.nan])
def test_no_time_at_all_is_refused(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(OptionError, match="seconds must be above 0"):
        asyncio.run(record("MNQ", tmp_path / "day.jsonl", "sim://", seconds))
    assert not list(tmp_path.iterdir())


class _Unreachable(_Ahead):
    """A venue that does not answer; the test below stops the recording meanwhile."""

    asked: asyncio.Event

    async def open(self, symbols: Sequence[str]) -> None:
        """Wait for ever."""
        self.asked.set()
        await asyncio.Event().wait()


def test_a_recording_is_stopped_while_the_feed_is_being_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "unreachable", f"{__name__}:_Unreachable")

    async def main() -> int:
        _Unreachable.asked = stop = asyncio.Event()
        return await asyncio.wait_for(
            record("X", tmp_path / "day.jsonl", "unreachable", math.inf, stop=stop), LIMIT_SECONDS
        )

    assert asyncio.run(main()) == 0
    assert not list(tmp_path.iterdir())


class _Failing(_Ahead):
    """A venue that refuses after ten frames."""

    error: Exception = FeedError("the venue has closed for good")

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Fail."""
        await super().run(on_frame, on_status)
        raise self.error


class _Broken(_Failing):
    """An adapter that fails after ten frames."""

    error = ValueError("closed for good")


class _Unwritten(_Ahead):
    """An adapter that does not write what it has as JSON."""

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Send a dictionary."""
        on_frame({"e": "clock", "t": self.now})  # type: ignore[arg-type]  # is what is wrong


def test_what_is_neither_text_nor_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "unwritten", f"{__name__}:_Unwritten")
    with pytest.raises(FeedError, match=r"must be text .* not a dict"):
        asyncio.run(record("X", tmp_path / "day.jsonl", "unwritten"))


@pytest.mark.parametrize("kind", [_Failing, _Broken])
def test_a_feed_that_ends_with_an_error_is_told_and_its_frames_are_kept(
    kind: type[Feed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "failing", f"{__name__}:{kind.__name__}")
    with pytest.raises(FeedError, match="closed for good"):
        asyncio.run(record("X", tmp_path / "day.jsonl", "failing"))
    assert len((tmp_path / "day.jsonl").read_text().splitlines()) == 11


class _Down(_Ahead):
    """A venue whose stream nobody answers."""

    begun: asyncio.Event

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Try for ever."""
        on_status("connecting", "wss://venue")
        on_status("disconnected", "refused: nothing listens on that port")
        on_status("connecting", "wss://venue")
        self.begun.set()
        await asyncio.Event().wait()


def test_a_stream_that_never_came_about_is_an_error_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "down", f"{__name__}:_Down")

    async def main() -> int:
        _Down.begun = stop = asyncio.Event()
        return await asyncio.wait_for(
            record("X", tmp_path / "day.jsonl", "down", math.inf, stop=stop), LIMIT_SECONDS
        )

    with pytest.raises(FeedError, match="nothing was recorded: refused: nothing listens on that port"):
        asyncio.run(main())
