"""What `mdnb record` writes: the frames of a feed, to be played again."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest

import mdnb
from mdnb.clock import MarketClock
from mdnb.decode import decoder
from mdnb.errors import DataExportError, FeedError, OptionError, SymbolError
from mdnb.feeds import registry
from mdnb.feeds.base import Channel, Feed, OnFrame, OnStatus
from mdnb.feeds.offers import Offers
from mdnb.feeds.recorder import Recorder
from mdnb.feeds.replay import open_recording
from mdnb.feeds.rolls import ContractHistory, Seam
from mdnb.rows import LOST_LINE, Batch, Reply
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


class _Told(_Ahead):
    """Tells what it is asked, and what its tests make it say."""

    asked: ClassVar[list[object]] = []
    script: ClassVar[list[tuple[str, str] | str | bytes]] = []
    offers = Offers(title="Some Venue", history="none")
    names: ClassVar[dict[str, str]] = {"X.Z25": "X", "Y.Z25": "Y", "X": "X"}  # type: ignore[misc]  # as given

    async def open(self, symbols: Sequence[str]) -> None:
        self.asked.append(("open", list(symbols)))

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        self.asked.append(("subscribe", symbol, tuple(channels)))

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        for said in self.script:
            self.now += SECOND
            if isinstance(said, tuple):
                on_status(*said)
            else:
                on_frame(said)

    async def close(self) -> None:
        self.asked.append("close")

    def contract(self, symbol: str, at_ns: int | None = None) -> str:
        return f"{symbol}.Z25"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> type[_Told]:
    monkeypatch.setitem(registry.BUILT_IN, "told", f"{__name__}:_Told")
    monkeypatch.setattr(_Told, "asked", [])
    monkeypatch.setattr(_Told, "script", [])
    return _Told


CLOCK = '{"e":"clock","t":5}'


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_what_is_recorded_says_of_what_it_is_and_the_feed_is_asked_for_it(
    told: type[_Told], tmp_path: Path
) -> None:
    told.script = [CLOCK]
    begun: list[Recorder] = []
    file = tmp_path / "x.jsonl"
    assert asyncio.run(record("X", file, "told", begun=begun.append)) == 1
    assert [recorder.path for recorder in begun] == [file]
    assert lines(file)[0] == {
        "mdnb_recording": 1,
        "dialect": "mdnb",
        "symbols": ["X"],
        "names": {"X.Z25": "X"},
        "contracts": {"X": "X.Z25"},
        "venue": "Some Venue",
        "channels": ["trades", "quotes"],
    }
    assert told.asked == [("open", ["X"]), ("subscribe", "X", ("trades", "quotes")), "close"]


def test_each_loss_of_a_line_that_was_there_is_recorded_with_its_time(
    told: type[_Told], tmp_path: Path
) -> None:
    told.script = [
        ("disconnected", "no route"),
        ("connecting", ""),
        ("connected", ""),
        CLOCK,
        ("disconnected", "gone"),
        ("connected", ""),
        CLOCK.encode(),
    ]
    file = tmp_path / "x.jsonl"
    assert asyncio.run(record("X", file, "told")) == 3
    _, *held = lines(file)
    assert [int(line[0]) - START for line in held] == [4 * SECOND, 5 * SECOND, 7 * SECOND]
    assert [line[1] for line in held[:2]] == [CLOCK, LOST_LINE]
    assert base64.b64decode(held[2][1]) == CLOCK.encode()


def test_a_connection_that_is_not_there_is_told_once_a_reason_and_when_it_is_back(
    told: type[_Told], tmp_path: Path
) -> None:
    gone = [
        ("connecting", ""),
        ("disconnected", "no route"),
        ("connecting", ""),
        ("disconnected", "no route"),
    ]
    told.script = [
        *gone,
        ("disconnected", "HTTP 503"),
        ("connected", ""),
        CLOCK,
        *gone[1:2],
        ("reconnected", ""),
    ]
    said: list[str] = []
    assert asyncio.run(record("X", tmp_path / "x.jsonl", "told", tell=said.append)) == 2
    assert said == [
        *("no connection: no route", "no connection: HTTP 503", "connected"),
        *("no connection: no route", "connected"),
    ]


def test_a_feed_that_ends_without_a_frame_is_an_error_only_where_it_never_was_connected(
    told: type[_Told], tmp_path: Path
) -> None:
    told.script = [("disconnected", "no route")]
    with pytest.raises(FeedError) as caught:
        asyncio.run(record("X", tmp_path / "a.jsonl", "told"))
    assert str(caught.value) == "no connection came about, nothing was recorded: no route"
    assert not (tmp_path / "a.jsonl").exists(), "it would be in the way of the next attempt"
    (tmp_path / "empty.jsonl").touch()
    told.script = [("disconnected", "no route")]
    with pytest.raises(FeedError):
        asyncio.run(record("X", tmp_path / "empty.jsonl", "told"))
    assert (tmp_path / "empty.jsonl").exists(), "somebody else made it"
    told.script = [("connected", ""), ("disconnected", "gone")]
    assert asyncio.run(record("X", tmp_path / "b.jsonl", "told")) == 1, "the loss of the line"
    for name, script in (("c", [("connected", "")]), ("d", [])):
        told.script = [*script]
        assert asyncio.run(record("X", tmp_path / f"{name}.jsonl", "told")) == 0
        assert not (tmp_path / f"{name}.jsonl").exists()
    before = (tmp_path / "b.jsonl").read_bytes()
    told.script = [("disconnected", "no route")]
    with pytest.raises(FeedError):
        asyncio.run(record("X", tmp_path / "b.jsonl", "told", append=True))
    assert (tmp_path / "b.jsonl").read_bytes().startswith(before), "one that is continued stays"


def test_a_feed_that_goes_on_is_recorded_for_as_long_as_is_said(
    told: type[_Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go_on(self: _Told, on_frame: OnFrame, on_status: OnStatus) -> None:
        on_frame(CLOCK)
        await asyncio.Event().wait()

    monkeypatch.setattr(told, "run", go_on)
    assert asyncio.run(record("X", tmp_path / "x.jsonl", "told", 0.01)) == 1
    assert told.asked[-1] == "close"
    with pytest.raises(OptionError) as caught:
        asyncio.run(record("X", tmp_path / "y.jsonl", "told", -0.5))
    assert str(caught.value) == "seconds must be above 0; got -0.5"


def test_a_feed_that_cannot_be_opened_is_told_and_no_file_is_made(
    told: type[_Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [SymbolError("no X here"), ValueError("bad key")]

    async def refuse(self: _Told, symbols: Sequence[str]) -> None:
        raise errors[0]

    monkeypatch.setattr(told, "open", refuse)
    with pytest.raises(SymbolError) as caught:
        asyncio.run(record("X", tmp_path / "x.jsonl", "told"))
    assert caught.value is errors.pop(0)
    with pytest.raises(FeedError, match="ValueError: bad key"):
        asyncio.run(record("X", tmp_path / "x.jsonl", "told"))
    assert not list(tmp_path.iterdir())
    assert told.asked == ["close", "close"]


def test_a_feed_that_fails_to_close_leaves_no_task_behind(
    told: type[_Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    async def go_on(self: _Told, on_frame: OnFrame, on_status: OnStatus) -> None:
        on_frame(CLOCK)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("run")

    async def refuse(self: _Told) -> None:
        raise OSError("will not close")

    async def main() -> set[asyncio.Task[Any]]:
        with pytest.raises(OSError, match="will not close"):
            await record("X", tmp_path / "x.jsonl", "told", 0.01)
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]  # it runs

    monkeypatch.setattr(told, "run", go_on)
    monkeypatch.setattr(told, "close", refuse)
    assert asyncio.run(main()) == set()
    assert ended == ["run"]


def test_what_a_venue_quotes_of_our_key_is_not_recorded(
    told: type[_Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "k3y/of ours"
    monkeypatch.setattr(told, "secrets", lambda self: [key])
    quoted = [f'{{"e":"error","m":"no {key}"}}', f'{{"e":"error","m":"no {quote(key)}"}}'.encode(), CLOCK]
    told.script = [("connected", ""), *quoted]
    file = tmp_path / "x.jsonl"
    assert asyncio.run(record("X", file, "told")) == 3
    _, *held = lines(file)
    assert [held[0][1], base64.b64decode(held[1][1]).decode(), held[2][1]] == [
        '{"e":"error","m":"no ***********"}',
        '{"e":"error","m":"no *************"}',
        CLOCK,
    ]


class _Rolling(_Told):
    """Goes over to another contract twice, and takes the last one back."""

    offers = None  # type: ignore[assignment]  # it has no name

    def __init__(self) -> None:
        super().__init__()
        self.contracts = ContractHistory()
        for symbol in "XY":
            self.contracts.begin(symbol, f"{symbol}.Z25")

    @property
    def rolls(self) -> tuple[Seam, ...]:
        return self.contracts.rolls

    def contract(self, symbol: str, at_ns: int | None = None) -> str:
        return self.contracts.contract(symbol, at_ns)

    async def roll_prices(self, roll: Seam) -> tuple[float, float] | None:
        return (20.0, 21.0) if roll.new == "X.H26" else None

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        for symbol, contract in (("Y", "Y.H26"), ("X", "X.H26"), ("X", "X.M26")):
            self.now += SECOND
            self.contracts.roll(symbol, contract, self.now)
            self.on_roll("X", False)
            self.on_roll("X", True)
            for _ in range(3):
                await asyncio.sleep(0)
        self.now += SECOND
        self.contracts.take_back("X")
        self.on_roll("X", False)


def test_each_roll_is_recorded_with_both_contracts_and_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "rolling", f"{__name__}:_Rolling")
    file = tmp_path / "x.jsonl"
    asyncio.run(record("X", file, "rolling"))
    header, *held = lines(file)
    assert "venue" not in header
    said = [json.loads(frame) for _, frame in held]
    # What both were worth comes when the venue has said so.
    assert [one["mdnb_roll_prices"] for one in said if "mdnb_roll_prices" in one] == [
        ["X", START + 2 * SECOND, 20.0, 21.0]
    ]
    held = [line for line, one in zip(held, said, strict=True) if "mdnb_roll" in one]
    rolls = [one["mdnb_roll"] for one in said if "mdnb_roll" in one]
    # One of another symbol says nothing of this one.
    assert rolls[-3:] == [
        ["X", START + 2 * SECOND, "X.Z25", "X.H26"],
        ["X", START + 3 * SECOND, "X.H26", "X.M26"],
        ["X", START + 4 * SECOND, "X.M26", "X.H26"],
    ]
    assert [int(at) for at, _ in held] == [roll[1] for roll in rolls]


def test_answers_of_the_venue_go_to_the_feed_that_is_recorded(
    told: type[_Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reading:
        """Takes each frame for an answer."""

        def feed(self, frames: Sequence[str | bytes]) -> Batch:
            batch = Batch()
            batch.replies += [Reply(number, frame == CLOCK) for number, frame in enumerate(frames)]
            return batch

    told.script = [CLOCK]
    monkeypatch.setattr(told, "decoder", lambda _: Reading())
    monkeypatch.setattr(told, "on_reply", lambda _, reply: told.asked.append(reply))
    assert asyncio.run(record("X", tmp_path / "x.jsonl", "told")) == 1
    assert Reply(0, True) in told.asked


def test_what_is_neither_text_nor_bytes_is_refused_in_the_decoders_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "unwritten", f"{__name__}:_Unwritten")
    with pytest.raises(FeedError) as caught:
        asyncio.run(record("X", tmp_path / "day.jsonl", "unwritten"))
    [reason] = decoder("mdnb").feed([{"e": "clock"}]).malformed  # type: ignore[list-item]  # is what is wrong
    assert str(caught.value) == reason
