"""One symbol in virtual time: trades, a connection that comes and goes, a history that fails, as data."""

from __future__ import annotations

import asyncio
import bisect
import dataclasses
import random
from collections.abc import Sequence
from typing import Literal

from mdnb.config import DataManagerConfig
from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.feeds.base import Channel, Feed, OnFrame, OnStatus
from mdnb.instruments import Instrument
from mdnb.rows import BarRow, TradeRow
from mdnb.runtime.disk_overflow import DiskOverflow
from mdnb.runtime.feed_on_disk import FeedMark
from mdnb.runtime.live.outlier_gate import OutlierGate
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.backfill import Backfill
from mdnb.runtime.past.missed_trades import load_trades
from mdnb.runtime.past.stretches import Patience
from mdnb.sessions import Sessions
from mdnb.stores.columns import BarColumns
from mdnb.validate.duplicates import Duplicates
from tests.venues.bars import bars_of
from tests.virtual_time import VirtualClock, run_virtually

__all__ = ["SECOND", "START", "Answer", "Ids", "Kind", "Outcome", "Script", "bars_of", "play"]

SECOND = 1_000_000_000
START = 1_772_460_000 * SECOND
Ids = Literal["sequential", "unique", "none"]
Kind = Literal["ok", "down", "busy", "slow", "lag", "part", "odd", "junk", "refused", "none", "twice", "anew"]
ODD: tuple[BaseException, ...] = (
    ValueError("<html>"),
    asyncio.IncompleteReadError(b"", 9),
    asyncio.CancelledError(),
    KeyError("trades"),
)
_TIMER = 0.3
PATIENCE = Patience()
_SOON = 10.0
_AFTERWARDS = 700.0


@dataclasses.dataclass(frozen=True)
class Answer:
    """How the history answers from some second on.

    Attributes
    ----------
    at
        Seconds after the start.
    kind
        ``ok``; ``down`` fails; ``busy`` fails and names the seconds to wait; ``slow`` is well after some
        seconds; ``lag`` does not know the newest seconds yet; ``part`` knows some trades at once, others
        so much later; ``odd`` raises what is no error of ours; ``junk`` gives no trades; ``refused`` is so
        for good; ``none`` is where there is no history; ``twice`` gives each trade's very tuple
        twice; ``anew`` numbers them from so much higher on.
    seconds
        Of those that have some.
    """

    at: float
    kind: Kind
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Script:
    """What happens.

    Attributes
    ----------
    trades
        What is traded, by id.
    downs
        When there is no connection: seconds from, to.
    lost
        Ids that never come live, whatever the connection.
    never
        Ids that the history has never heard of.
    answers
        How it answers, oldest first.
    ticks
        How many trades are held in memory; 0 for none.
    starts
        How many trades come before anybody watches.
    late
        Ids of trades that come so many seconds after they were made, and those.
    bars
        How many bars of each timeframe are held in memory; None for all.
    on_disk
        Whether the others are on disk.
    fill
        Whether there are flat bars where nobody traded.
    nameless
        Which trades have no id, live and in the history, although the feed has ids: by their number here.
    window
        How many ids are remembered where they only differ; 0 for as many as ever.
    outliers
        Whether outliers are kept out of the bars.
    together
        Whether what arrives at one instant comes as one batch, late trades after the others.
    loaded
        Whether the trades of before anybody watches are loaded from the history; those that come live besides
        come then.
    first_id
        The id of the first trade.
    unit
        How fine the times of the history are, in nanoseconds.
    """

    trades: tuple[TradeRow, ...] = dataclasses.field(repr=False)
    downs: tuple[tuple[float, float], ...] = ()
    lost: frozenset[int] = frozenset()
    never: frozenset[int] = frozenset()
    answers: tuple[Answer, ...] = ()
    ticks: int = 200_000
    ids: Ids = "sequential"
    timeframes: tuple[str, ...] = ("5sec", "15sec", "1min")
    starts: int = 0
    patience: Patience = PATIENCE
    late: tuple[tuple[int, float], ...] = ()
    bars: int | None = None
    on_disk: bool = False
    fill: bool = False
    nameless: frozenset[int] = frozenset()
    window: int = 0
    outliers: bool = False
    together: bool = False
    loaded: bool = False
    first_id: int = 0
    unit: int = 1

    def arrives(self, row: TradeRow) -> int:
        """Return when a trade is published."""
        return row[0] + next((round(late * SECOND) for number, late in self.late if number == row[5]), 0)

    def is_up(self, ts_ns: int) -> bool:
        """Return whether there is a connection at an instant."""
        at = (ts_ns - START) / SECOND
        return not any(start <= at < end for start, end in self.downs)

    def comes_live(self, row: TradeRow) -> bool:
        """Return whether a trade arrives by itself."""
        return row[5] not in self.lost and self.is_up(self.arrives(row))


class _Venue(Feed):
    """Its history follows a script."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script
        self.ids = script.ids
        self.clock = VirtualClock(START)
        self.asked: list[float] = []
        self._nameless = sorted(script.nameless)
        self._arrivals = [script.arrives(row) for row in script.trades]

    async def open(self, symbols: Sequence[str]) -> None:
        """Nothing to open."""

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Trades are given by hand."""

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Trades are given by hand."""

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Trades are given by hand."""

    async def close(self) -> None:
        """Nothing to close."""

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Answer as the script says for this second."""
        now = asyncio.get_running_loop().time()
        self.asked.append(now)
        at = bisect.bisect_right([answer.at for answer in self.script.answers], now) - 1
        answer = self.script.answers[at] if at >= 0 else Answer(0, "ok")
        if answer.kind == "down":
            raise FeedError("the history is down")
        if answer.kind == "busy":
            raise FeedBusyError("too many questions", answer.seconds)
        if answer.kind == "odd":
            raise ODD[len(self.asked) % len(ODD)]
        if answer.kind == "junk":
            return [("<html>",)]  # type: ignore[list-item]  # no trade
        if answer.kind == "refused":
            raise FeedRefusedError("not for you")
        if answer.kind == "none":
            return None
        if answer.kind == "slow":
            await asyncio.sleep(answer.seconds)
        known = self.clock.now_ns() - round(answer.seconds * SECOND if answer.kind == "lag" else 0)
        waits, unit = round(answer.seconds * SECOND) if answer.kind == "part" else 0, self.script.unit
        rows = [
            (row[0] // unit * unit, *self._named(row)[1:])
            for row, arrival in zip(self.script.trades, self._arrivals, strict=True)
            if start_ns // unit * unit <= row[0] < end_ns
            and arrival + waits * (row[5] % 3) // 2 <= known
            and row[5] not in self.script.never
        ]
        rows.sort(key=lambda row: row[0])
        if answer.kind == "anew":
            return [(*row[:5], row[5] + int(answer.seconds)) for row in rows]
        return [row for row in rows for _ in range(2)] if answer.kind == "twice" else rows

    def _named(self, row: TradeRow) -> TradeRow:
        if self.ids == "none" or row[5] in self.script.nameless:
            return (*row[:5], -1)
        # The ids of those that have one run on.
        number = row[5] - bisect.bisect_left(self._nameless, row[5])
        return (*row[:5], self.script.first_id + number)


@dataclasses.dataclass
class Outcome:
    """What came of it."""

    script: Script
    pipeline: Pipeline
    asked: list[float]
    events: list[tuple[float, Event]] = dataclasses.field(default_factory=list)
    closed: list[tuple[float, Event]] = dataclasses.field(default_factory=list)
    amended: list[Event] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)
    kept: dict[str, BarColumns] = dataclasses.field(default_factory=dict)

    def bars(self, name: str) -> list[BarRow]:
        """Return all bars, the forming one last."""
        return held_bars(self.pipeline, name)

    @property
    def held_ids(self) -> set[int]:
        """Ids of the trades that ought to be in the bars: they came, or the history has them."""
        script = self.script
        return {row[5] for row in script.trades if script.comes_live(row) or row[5] not in script.never}


def held_bars(pipeline: Pipeline, name: str) -> list[BarRow]:
    """Return all bars of a timeframe, the forming one last; the turnover is kept as a mean: it is rounded."""
    engine = pipeline.engine
    log, forming = engine.log(name), engine.forming_of(name)
    rows = [*(log.row(at)[0] for at in range(len(log))), *([forming] if forming else [])]
    return [(*row[:7], round(row[7], 6)) for row in rows]


def play(script: Script) -> Outcome:
    """Play a script to its end, and long enough afterwards for everything to settle."""
    return run_virtually(_play(script))


def _same_each_time(script: Script) -> Patience:
    """Return the patience of a script; the same one has the same pauses."""
    if script.patience is not PATIENCE:
        return script.patience
    return dataclasses.replace(PATIENCE, dice=random.Random(repr(script.downs)).random)


async def _play(script: Script) -> Outcome:
    loop = asyncio.get_running_loop()
    config = DataManagerConfig(
        max_ticks=max(1, script.ticks), enable_tick_data=script.ticks > 0, fill_gaps=script.fill
    )
    if script.bars is not None:
        config = config.replace(max_bars_per_timeframe=script.bars)
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), script.timeframes, config)
    disk = DiskOverflow(engine, FeedMark("by hand", "trades"))
    if script.on_disk:
        disk.start()
    venue = _Venue(script)
    pipeline = Pipeline(engine, EventBus(), venue.clock, script.ids)
    if script.window:
        pipeline.duplicates = Duplicates(script.ids, script.window)
    if script.outliers:
        pipeline.outlier_gate = OutlierGate(engine)
    backfill = Backfill(venue, {"X": pipeline}, _same_each_time(script))
    outcome = Outcome(script, pipeline, asked=venue.asked)

    def on_gap(event: Event) -> None:
        outcome.events.append((loop.time(), event))
        # Where bars leave memory those that are told of may be gone.
        if event.repaired and script.bars is None and not script.fill:
            outcome.wrong += _wrong_bars(pipeline, script, event)

    pipeline.bus.tap(EventType.DATA_GAP, on_gap, symbol="X")
    pipeline.bus.tap(EventType.NEW_BAR, lambda event: outcome.closed.append((loop.time(), event)), symbol="X")
    pipeline.bus.tap(EventType.BAR_AMENDED, outcome.amended.append, symbol="X")
    await _begin(script, venue, pipeline, backfill)
    end = max(((script.arrives(row) - START) / SECOND for row in script.trades), default=0.0)
    happens: list[tuple[float, int, object]] = [
        ((arrival - START) / SECOND, 2, rows)
        for arrival, rows in _batches(script, script.trades[script.starts :])
    ]
    for start, stop in script.downs:
        happens += [(start, 0, "disconnected"), (stop, 1, "reconnected")]
        end = max(end, stop)
    timer = asyncio.create_task(_close_bars(pipeline))
    for at, _, what in sorted(happens, key=lambda one: one[:2]):
        await asyncio.sleep(at - loop.time())
        if isinstance(what, str):
            backfill.on_status(what)
        elif isinstance(what, list):
            rows = [venue._named(row) for row in what if script.comes_live(row)]
            if rows:
                pipeline.take(rows)
    await asyncio.sleep(end + _SOON - loop.time())
    timer.cancel()
    await asyncio.sleep(_AFTERWARDS)
    backfill.close()
    outcome.kept = {name: engine.reader.everything(name) for name in script.timeframes}
    disk.close()
    return outcome


async def _begin(script: Script, venue: _Venue, pipeline: Pipeline, backfill: Backfill) -> None:
    if script.loaded:
        await asyncio.sleep((script.arrives(script.trades[script.starts - 1]) - START) / SECOND)
        load_trades(pipeline, await venue.history_trades("X", 0, venue.clock.now_ns() + 1) or (), 0)
        backfill.start()
    pipeline.take([venue._named(row) for row in script.trades[: script.starts] if script.comes_live(row)])
    if not script.loaded:
        backfill.start()


def _batches(script: Script, trades: Sequence[TradeRow]) -> list[tuple[int, list[TradeRow]]]:
    """Return what arrives at once, and when."""
    if not script.together:
        return [(script.arrives(row), [row]) for row in trades]
    late = {number for number, _ in script.late}
    batches: dict[int, list[TradeRow]] = {}
    for row in sorted(trades, key=lambda row: row[5] in late):
        batches.setdefault(script.arrives(row), []).append(row)
    return list(batches.items())


async def _close_bars(pipeline: Pipeline) -> None:
    while True:
        await asyncio.sleep(_TIMER)
        pipeline.close_due()


def _wrong_bars(pipeline: Pipeline, script: Script, event: Event) -> list[str]:
    """Return what is wrong with the bars of a stretch at the moment in which it is told to be repaired."""
    name = script.timeframes[0]
    step = int(name.removesuffix("sec")) * SECOND
    seen = pipeline.duplicates
    start, end = (event.data[edge].value // step * step for edge in ("gap_start", "gap_end"))
    held = {row[0]: row for row in held_bars(pipeline, name)}
    # Of another stretch that is open the bars cannot be right yet.
    first = script.first_id
    elsewhere = {script.trades[i - first][0] // step * step for hole in seen.holes for i in hole.ids}
    lost = [(gap.start_ns, gap.end_ns) for gap in pipeline.gaps if gap.state == "lost"]
    elsewhere |= {
        row[0] // step * step for row in script.trades for low, high in lost if low <= row[0] <= high
    }
    waiting = {row[5] for row in pipeline.held.rows} if pipeline.held is not None else set()
    came = [row for row in script.trades if script.comes_live(row) or row[5] not in script.never]
    until = event.data["gap_end"].value
    wanted = [
        row
        for row in came
        # Of what was before the first trade that came, what came after it all the same.
        if (seen.first <= row[5] + first or seen.is_known((*row[:5], row[5] + first)))
        and (row[5] + first <= seen.highest or script.arrives(row) < until)
        and row[5] + first not in waiting
    ]
    last = end
    if script.ids != "sequential":
        # Nothing tells here what came since, nor where a late trade belongs.
        last = end - step
        elsewhere |= {script.trades[i][0] // step * step for i, _ in script.late}
    return [
        f"{event.gap_id} is told repaired, and {held.get(bar[0])} should be {bar}"
        for bar in bars_of(wanted, step // SECOND)
        if start <= bar[0] <= last and bar[0] not in elsewhere and held.get(bar[0]) != bar
    ]
