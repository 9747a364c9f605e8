"""Recording a feed's raw frames while they arrive."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from mdnb.clock import MarketClock
from mdnb.decode.renaming import roll_frame, seam_prices_frame
from mdnb.errors import FeedError, MdnbError, OptionError
from mdnb.feeds.base import Channel, Feed, feed_error
from mdnb.feeds.recorder import Recorder, refuse_unfit
from mdnb.feeds.registry import make_feed
from mdnb.feeds.rolls import Seam
from mdnb.rows import LOST_LINE, ContractChange
from mdnb.runtime.feed_decoder import decoder_of
from mdnb.runtime.receipt_times import ReceiptTimes
from mdnb.runtime.seam_prices import seam_prices

__all__ = ["record", "recorder_of"]


_CHANNELS: tuple[Channel, ...] = ("trades", "quotes")


def recorder_of(
    feed: Feed,
    symbols: Sequence[str],
    channels: Sequence[Channel],
    file: Path,
    *,
    append: bool = False,
    on_failure: Callable[[], None] | None = None,
) -> Recorder:
    """Return a recorder of a feed that is open.

    Raises
    ------
    DataExportError
        When the file is there already, is another's or somebody else's just now, or cannot be written.
    """
    names = {name: asked for name, asked in feed.names.items() if name != asked and asked in symbols}
    contracts = {symbol: contract for symbol in symbols if (contract := feed.contract(symbol))}
    return Recorder(
        file,
        feed.dialect,
        symbols,
        names=names,
        contracts=contracts,
        venue=feed.offers.title if feed.offers else "",
        channels=channels,
        append=append,
        on_failure=on_failure,
        secrets=feed.quotable,
    )


async def record(
    symbol: str,
    file: Path,
    feed: str | None = None,
    seconds: float = 60.0,
    *,
    append: bool = False,
    stop: asyncio.Event | None = None,
    begun: Callable[[Recorder], None] = lambda _recorder: None,
    tell: Callable[[str], None] = lambda _sentence: None,
) -> int:
    """Record a symbol's trades and quotes for a while; return how many frames came.

    Where none did there is no file, unless one was to be continued.

    Parameters
    ----------
    file
        Must not exist, unless `append`; ``replay:FILE`` plays it again.
    feed
        A feed's name, default ``MDNB_FEED`` or the embedded simulator.
    seconds
        Wall-clock seconds; infinity goes on until `stop`, or until the feed ends.
    append
        Go on with a recording of the same symbol and dialect.
    stop
        Ends it earlier, as after its time, also while the feed is still being opened.
    begun
        Called with the recorder once the feed is open and the file is there.
    tell
        Called with a sentence where the connection is not there, once a reason, and where it is back.

    Raises
    ------
    OptionError
        When that is no time.
    DataExportError
        When the file is there already, is another's, or cannot be written; at once, also if that is in the
        midst of the recording.
    FeedError, SymbolError
        When the feed cannot be opened, never came to be connected, or ends with an error.
    """
    if not seconds > 0:
        raise OptionError(f"seconds must be above 0; got {seconds:g}")
    source = make_feed(feed)
    # Before anybody is asked for anything.
    refuse_unfit(file, source.dialect, [symbol], append=append)
    refused = asyncio.Event()
    ends = [asyncio.create_task(event.wait()) for event in (stop or asyncio.Event(), refused)]
    tasks: list[asyncio.Task[None]] = []
    # What was told last of each status of the connection.
    told: dict[str, str] = {}

    line = _Line(tell)
    held: list[Recorder] = []
    pricing: list[asyncio.Task[None]] = []
    times = ReceiptTimes(source)

    def on_status(status: str, detail: str) -> None:
        if status == "disconnected" and "connected" in told and held:
            held[0].frame(times.now_ns(), LOST_LINE)
        told[status] = detail
        line.change(status, detail)

    async def ended(task: asyncio.Task[None], limit: float = math.inf) -> bool:
        tasks.append(task)
        timeout = None if math.isinf(limit) else limit
        await asyncio.wait({task, *ends}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            # An adapter may raise anything.
            raise error if isinstance(error, MdnbError) else feed_error(error)
        return task.done() and task.result() is None

    try:
        if not await ended(asyncio.create_task(_open(source, symbol))):
            return 0
        with recorder_of(
            source, [symbol], _CHANNELS, file, append=append, on_failure=refused.set
        ) as recorder:
            held.append(recorder)
            keep = _keep(source, recorder, times)
            source.on_roll = _roll_keeper(source, recorder, pricing)
            begun(recorder)
            try:
                await ended(asyncio.create_task(source.run(keep, on_status)), seconds)
            finally:
                recorder.discard_empty()
        if not recorder.frames and "disconnected" in told and "connected" not in told:
            raise FeedError(f"no connection came about, nothing was recorded: {told['disconnected']}")
        return recorder.frames
    finally:
        try:
            await source.close()
        finally:
            begun_tasks = (*tasks, *ends, *pricing)
            for task in begun_tasks:
                task.cancel()
            await asyncio.gather(*begun_tasks, return_exceptions=True)


class _Line:
    """Tells of a connection that is not there, each reason once until it is back."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._reasons: set[str] = set()
        self._refused = ""

    def change(self, status: str, detail: str) -> None:
        """Take a new status."""
        if status in ("disconnected", "stale") and detail not in self._reasons:
            self._reasons.add(detail)
            self._tell(f"no connection: {detail}" if status == "disconnected" else f"nothing comes: {detail}")
        elif status in ("connected", "reconnected") and (self._reasons or detail):
            # What was refused stands in the detail.
            if self._reasons or detail != self._refused:
                self._tell(f"connected{': ' * bool(detail)}{detail}")
            self._reasons.clear()
            self._refused = detail


async def _open(source: Feed, symbol: str) -> None:
    await source.open([symbol])
    await source.subscribe(symbol, _CHANNELS)


def _roll_keeper(
    source: Feed, recorder: Recorder, pricing: list[asyncio.Task[None]]
) -> Callable[[str, bool], None]:
    """Return what takes a feed's rolls into the recording, and what both contracts were worth.

    Parameters
    ----------
    pricing
        Gets the tasks that ask for the latter.
    """
    held: dict[str, str] = {}
    newest: dict[str, int] = {}

    async def price(seam: Seam) -> None:
        if (prices := await seam_prices(source, seam)) is not None:
            recorder.frame(source.clock.now_ns(), seam_prices_frame(prices))

    def keep(symbol: str, is_done: bool) -> None:  # as feeds call it
        now = source.contract(symbol)
        rolls = [roll for roll in source.rolls if roll.symbol == symbol]
        before = held.get(symbol) or (rolls[-1].old if rolls else "")
        held[symbol] = now
        if is_done and rolls:
            pricing.append(asyncio.create_task(price(rolls[-1]), name="mdnb-roll"))
        elif not is_done and before:
            # Of a roll that is taken back there is no seam: the newest one is earlier.
            is_new = bool(rolls) and rolls[-1].at_ns > newest.get(symbol, 0)
            at_ns = newest[symbol] = rolls[-1].at_ns if is_new else source.clock.now_ns()
            recorder.frame(at_ns, roll_frame(ContractChange(symbol, at_ns, before, now)))

    return keep


def _keep(source: Feed, recorder: Recorder, times: ReceiptTimes) -> Callable[[str | bytes], None]:
    """Return what takes a feed's frames into the recording."""
    understand = decoder_of(source)

    def keep(frame: str | bytes) -> None:
        batch = understand.feed([frame])
        if not isinstance(frame, (str, bytes, bytearray, memoryview)):
            # Nothing that could be written.
            raise FeedError(batch.malformed[-1])
        clock = source.clock
        times.begin()
        if batch.clock_ns and isinstance(clock, MarketClock):
            clock.arrived(batch.clock_ns)
        # A replay closes the bars by the market's time: a simulator's may run at any speed, and this
        # computer's clock may be wrong.
        recorder.frame(times.now_ns(), frame)
        for reply in batch.replies:
            source.on_reply(reply)

    return keep
