"""Keeps a running market in a store: what is new is taken on the loop, and written on a thread of its own."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import contextlib
import functools
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np

from mdnb.bars.node import fold_rows
from mdnb.errors import DataExportError, MdnbError
from mdnb.io.schema import CONTRACT, INDEX_NAME
from mdnb.market_store.feed_mark import check_feed, keep_feed
from mdnb.market_store.given_bars import merge
from mdnb.market_store.held_before import HeldBefore
from mdnb.market_store.layout import QUOTES, TICKS, Series, partitions
from mdnb.market_store.parts import DamagedPartError
from mdnb.market_store.reading import TailsOfNow, newest_bars, read_bars, read_rows
from mdnb.market_store.schemas import ORIGIN, bar_columns_of, bars_table, rows_of_table, rows_table, times_of
from mdnb.market_store.store import MarketStore
from mdnb.market_store.writer import StoreBusyError, StoreWriter, who_writes
from mdnb.rows import GonePiece
from mdnb.runtime.feed_on_disk import mark_of
from mdnb.runtime.live.kept_bars import BarChanges, BarWatch
from mdnb.runtime.live.older_bars import rows_of
from mdnb.runtime.past.bars_of_finer import lacking_bars
from mdnb.runtime.past.merge_bars import fold_to, merge_bars
from mdnb.runtime.past.stored_bars import StoredBars
from mdnb.runtime.process.workers import run_on
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.stores.amended_bars import amended_bars
from mdnb.stores.columns import PARTIAL, BarColumns, columns_from_rows
from mdnb.stores.ticks import STATUS, TICK_DTYPE, WAITING, RowStore
from mdnb.timeframes import Grid, Timeframe
from mdnb.types import timestamp
from mdnb.validate.findings import QualityFinding

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["StoreKeeper"]

T = TypeVar("T")

_EACH_SECONDS: Final = 0.25
_SYNC_SECONDS: Final = 1.0
_SEAL_SECONDS: Final = 0.2
"""For how long at most rows are put into Parquet before new ones are written to the tail."""

_MOST_TAKEN: Final = 20_000
_MOST_ROWS: Final = 1_000_000
"""How many changes, and rows in these, may wait for a disk that cannot be read."""

_COMPARE_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 10.0
_SOON_SECONDS: Final = 1.0
_CLOCK_NS: Final = 5_000_000_000
"""By how much clocks may differ: what is so much later than now is of now."""

_NS_PER_US: Final = 1000
_log = logging.getLogger("mdnb")


class _Amended(NamedTuple):
    """What is new in bars that have left memory."""

    series: Series
    pieces: Sequence[GonePiece]
    known_ns: int
    contracts: Mapping[int, str]
    """By start, of which contract bars are by the market, which may know it of those that the store lacks."""

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.pieces)


class _Changed(NamedTuple):
    """Trades that have become others."""

    series: Series
    before: NDArray[np.void]
    now: NDArray[np.void]

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.before)


class _Taken(NamedTuple):
    """Rows that were taken from a market, as they are turned into a table on the other thread."""

    series: Series
    table: Callable[[], Any]
    rows: int
    is_first: bool = False
    """Whether bars of before may be kept already, which are partial here."""


class StoreKeeper:
    """Writes what the symbols of a session have into a store, and reads what it held before.

    Parameters
    ----------
    store
        Where.
    markets
        The symbols, by name.

    Attributes
    ----------
    writer
        What writes; None where somebody else does, or the folder cannot be written to.
    """

    def __init__(self, store: MarketStore, markets: Mapping[str, SymbolMarket]) -> None:
        self.store = store
        self.writer: StoreWriter | None = None
        self._markets = markets
        self._watches: dict[tuple[str, str], BarWatch] = {}
        self._rows: dict[Series, collections.deque[NDArray[np.void]]] = {}
        self._watched: dict[Series, RowStore] = {}
        self._before: dict[Series, HeldBefore] = {}
        self._amended: list[_Amended] = []
        self._changed: list[_Changed] = []
        self._pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mdnb-store")
        self._tails = TailsOfNow(store.path)
        self._is_busy = self._waits = False
        self._given_up = self._told_up = 0
        self._synced = self._compared = self._tried = 0.0
        self._task: asyncio.Task[None] | None = None
        self._taken: collections.deque[_Taken | _Amended | _Changed] = collections.deque()

    # -- the beginning ------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take the store, and note what the symbols get from now on; on the background loop.

        Raises
        ------
        DataExportError
            It holds the bars of another feed.
        """
        marks = {symbol: mark_of(market.feed) for symbol, market in self._markets.items()}
        for symbol, mark in marks.items():
            await self._do(functools.partial(check_feed, self.store.path, symbol, mark.name, mark.source))
        await self._open_writer()
        for market in self._markets.values():
            market.engine.on_amended_gone = functools.partial(self._amend, market.symbol)
            self._watch(market)

    async def _open_writer(self) -> None:
        self._tried = time.monotonic()
        try:
            self.writer = await self._do(self.store.writer)
        except StoreBusyError as error:
            # Another process goes on; to come in between later would mix two markets. One of this process is
            # mostly the former one of a line that was run again.
            waits = who_writes(self.store.path) == f"process {os.getpid()}"
            self._is_busy = not waits
            if not self._waits:
                then = "goes on in memory alone"
                if waits:
                    then = "goes on in memory, and is kept once the other market of this process is closed"
                self._tell_all("store_busy", f"{error} This market {then}.")
            self._waits = waits
            return
        except MdnbError as error:
            for market in self._markets.values():
                market.tell_trouble("store", error)
            return
        for symbol, market in self._markets.items():
            mark = mark_of(market.feed)
            with contextlib.suppress(OSError, MdnbError):
                await self._do(functools.partial(keep_feed, self.store.path, symbol, mark.name, mark.source))

    async def held(self, market: SymbolMarket) -> StoredBars:
        """Return the newest bars that the store holds of a symbol, as many as memory does."""
        engine = market.engine
        found: dict[str, Any] = {}
        later: dict[str, int] = {}
        off: dict[str, int] = {}
        for name in engine.timeframes():
            series, limit, end_ns = Series(market.symbol, name), engine.log(name).limit, _end_ns(market, name)
            read = functools.partial(
                newest_bars, self.store.path, series, limit, tails=self._tails, end_ns=end_ns
            )
            try:
                table = await self._do(read)
                # One that was not followed for a while lacks what the finer ones have.
                since_ns = int(times_of(table)[0]) * _NS_PER_US if table.num_rows == limit else None
                if (await self._make_lacking(market, name, since_ns)).num_rows:
                    table = await self._do(read)
                if end_ns is not None:
                    later[name] = await self._do(functools.partial(self._count_from, series, end_ns + 1))
            except MdnbError as error:
                self._tell(market, "store_unreadable", str(error))
                continue
            table, off[name] = _without_off_grid(table, market.engine.grid(name))
            if table.num_rows:
                found[name] = table
        self._tell_strange(market, found, later)
        self._tell_off_grid(market, off)
        positive = engine.config.validate_bars and engine.instrument.positive_prices
        made = StoredBars(found, positive_prices=positive)
        if made.refused:
            sentence = (
                f"{made.refused:,} bars that {self.store.path} has of {market.symbol} have prices of zero"
                " or below and are left out; where these can be, give positive_prices=False"
            )
            self._tell_logged(market, "price_not_positive", sentence)
        return made

    def _count_from(self, series: Series, start_ns: int) -> int:
        table = read_bars(self.store.path, series, start_ns, tails=self._tails, names=[INDEX_NAME])
        return int(table.num_rows)

    def _tell_strange(self, market: SymbolMarket, found: Mapping[str, Any], later: Mapping[str, int]) -> None:
        """Tell of bars that are not of the market's feed, and of those of a time to come."""
        written = {
            name: f"{count:,} of {table.num_rows:,} {name} bars"
            for name, table in found.items()
            if (count := table.num_rows - table.column(ORIGIN).null_count)
        }
        if written:
            sentence = (
                f"{', '.join(written.values())} that {self.store.path} has of {market.symbol} were given to"
                f" its write() and are not those of {mark_of(market.feed)}; they count as they are. Their"
                f" column {ORIGIN!r} tells which they are."
            )
            self._tell_logged(market, "written_bars", sentence)
        future = ", ".join(f"{count:,} {name} bars" for name, count in later.items() if count)
        if future:
            now = timestamp(market.feed.clock.now_ns(), market.engine.tz)
            sentence = (
                f"{self.store.path} has {future} of {market.symbol} that are not over at {now}, the market's"
                " time. They are left out of this market, and its own take their places as they close. See"
                " that this computer's clock is right, or write them to another folder."
            )
            self._tell_logged(market, "future_bars", sentence)

    def _tell_off_grid(self, market: SymbolMarket, off: Mapping[str, int]) -> None:
        named = ", ".join(f"{count:,} {name} bars" for name, count in off.items() if count)
        if named:
            sentence = (
                f"{self.store.path} has {named} of {market.symbol} that were given to its write() and do not"
                " start where bars of this market do. They are left out of it. Write them with the times at"
                " which bars begin by the market's hours, or to another folder."
            )
            self._tell_logged(market, "off_grid_bars", sentence)

    def _tell_logged(self, market: SymbolMarket, kind: str, sentence: str) -> None:
        _log.warning(sentence)
        self._tell(market, kind, sentence)

    async def _make_lacking(
        self, market: SymbolMarket, name: str, since_ns: int | None = None, again_ns: Collection[int] = ()
    ) -> Any:
        """Write the bars that the store lacks of a timeframe and its finer ones tell; return them."""
        engine, writer = market.engine, self.writer
        with engine.lock:
            node = None if name in engine.activity else engine.cascade.node(name)
            finer = None if node is None else node.parent
            while finer is not None and finer.hidden:
                finer = finer.parent
        if writer is None or node is None or finer is None:
            return bars_table(columns_from_rows([]))
        series = Series(market.symbol, name)
        make = functools.partial(
            lacking_bars,
            self.store.path,
            series,
            Series(market.symbol, finer.name),
            (node.grid, finer.grid),
            tails=self._tails,
            since_ns=since_ns,
            until_ns=_end_ns(market, finer.name),
            again_ns=again_ns,
            has_vwap=engine.source == "trades",
        )

        def work() -> Any:
            made = make()
            if made.num_rows:
                times_ns = times_of(made) * _NS_PER_US
                span = int(times_ns[0]), int(times_ns[-1])
                held = read_bars(self.store.path, series, *span, tails=self._tails)
                writer.append(series, merge(held, made, "replace").changes)
            return made

        return await self._do(work)

    async def kept(self, market: SymbolMarket, name: str) -> BarColumns | None:
        """Return the newest bars of trades that the store holds of a timeframe that is to be added.

        None where bars are not of trades, or nothing is kept.
        """
        if self.writer is None or not Timeframe.parse(name).is_activity:
            return None
        await self.look()
        limit = market.engine.config.max_bars_per_timeframe
        series, end_ns = Series(market.symbol, Timeframe.parse(name).name), market.feed.clock.now_ns()
        read = functools.partial(
            newest_bars, self.store.path, series, limit, tails=self._tails, end_ns=end_ns or None
        )
        return bar_columns_of(await self._do(read))

    async def fill(self, market: SymbolMarket, name: str) -> None:
        """Give a timeframe that was added what the store has of the time before.

        Of bars of trades nobody knows what lay between: that is told.
        """
        engine = market.engine
        if name in engine.activity:
            self._tell_hole(market, name)
            return
        if self.writer is None:
            return
        await self.look()
        with engine.lock:
            log, node = engine.log(name), engine.cascade.node(name)
            first = log.columns(0, min(1, len(log)))
            again = [int(us) * _NS_PER_US for us in first.time_us[first.flags & PARTIAL > 0]]
        await self._make_lacking(market, name, again_ns=again)
        series, end_ns = Series(market.symbol, name), _end_ns(market, name)
        newest = functools.partial(
            newest_bars, self.store.path, series, log.limit, tails=self._tails, end_ns=end_ns
        )
        held = bar_columns_of(await self._do(newest))
        with engine.lock:
            if len(held):
                merge_bars(engine, name, held)
            begin_ns = node.start if node.is_open and node.partial else None
            finer = engine.log(node.parent.name) if node.parent is not None else None
            stop_ns = None if finer is None else finer.first_start_ns()
        if begin_ns is None or stop_ns is None or stop_ns <= begin_ns:
            return
        assert node.parent is not None
        series = Series(market.symbol, node.parent.name)
        read = functools.partial(read_bars, self.store.path, series, begin_ns, stop_ns - 1, tails=self._tails)
        before = fold_to(bar_columns_of(await self._do(read)), node.grid)
        with engine.lock:
            own = node.as_row()
            if own is not None and node.start == begin_ns and len(before) == 1:
                node.take(fold_rows([*rows_of(before), own], begin_ns), (begin_ns, node.edge))
                node.partial = bool(before.flags[0] & PARTIAL)
                engine.updates += 1
        engine.notify()

    def _tell_hole(self, market: SymbolMarket, name: str) -> None:
        holes = market.engine.holes.get(name)
        if holes:
            since = timestamp(holes[-1], market.engine.tz)
            sentence = (
                f"the last of the {name} bars that are kept began at {since}: of the trades behind it none"
                " were held, so the next one is partial and a hole is before it"
            )
            self._tell(market, "data_gap", sentence)

    async def ticks_behind(self, market: SymbolMarket, held: StoredBars) -> NDArray[np.void] | None:
        """Return the trades that the store holds behind the last bar of the finest timeframe.

        Where it holds no bar, those of the interval of the last trade; None where bars are not of trades.
        """
        engine = market.engine
        root, now_ns = engine.cascade.root, market.feed.clock.now_ns() + _CLOCK_NS
        if engine.source != "trades" or root.hidden:
            return None
        series, last_ns = Series(market.symbol, TICKS), held.last_ns(root.name)
        span = None if last_ns is None else root.grid.span(last_ns)

        def work() -> Any:
            start_ns = span[1] if span is not None else None
            if start_ns is None:
                found = partitions(self.store.path, series)
                start_ns = found[-1].first_ns if found else None
            return read_rows(self.store.path, series, start_ns, now_ns, tails=self._tails)

        try:
            rows = rows_of_table(await self._do(work), TICK_DTYPE)
        except MdnbError as error:
            self._tell(market, "store_unreadable", str(error))
            return None
        if span is None and len(rows):
            last = root.grid.span(int(rows["ts_ns"][-1]))
            rows = rows[rows["ts_ns"] >= (0 if last is None else last[0])]
        return rows

    def begin(self, held: Mapping[str, StoredBars]) -> None:
        """Write what is new from now on; what was held stays as it is, unless memory has it otherwise."""
        for symbol, market in self._markets.items():
            for name in market.engine.activity:
                self._tell_hole(market, name)
            with market.engine.lock:
                for name, watch in self._watch(market).items():
                    columns = held[symbol].columns(name) if symbol in held else None
                    if columns is not None:
                        watch.seed(columns)
        self._task = asyncio.create_task(self._run(), name="mdnb-store")

    def _watch(self, market: SymbolMarket) -> dict[str, BarWatch]:
        """Watch the bars of all timeframes, and trades and quotes; hold the lock, or be alone."""
        engine, found = market.engine, dict[str, BarWatch]()
        names = engine.all_names()
        for (symbol, name), watch in list(self._watches.items()):
            if symbol == market.symbol and (name not in names or engine.log(name) is not watch.log):
                # It was removed: what closed before that is kept.
                self._take_changes(market, name, self._watches.pop((symbol, name)))
                watch.close()
        shown = engine.timeframes()
        for name in names:
            # One that is removed and feeds others goes on unseen; it may be wanted again.
            key = market.symbol, name
            if name in shown or key in self._watches:
                found[name] = self._watches[key] = self._watches.get(key) or BarWatch(engine.log(name))
        for kind, rows, is_kept in (
            (TICKS, engine.ticks, self.store.keeps_ticks and engine.config.enable_tick_data),
            (QUOTES, engine.quotes, self.store.keeps_quotes),
        ):
            series = Series(market.symbol, kind)
            if is_kept and self._watched.get(series) is not rows:
                self._watched[series] = rows
                rows.on_rows = self._rows.setdefault(series, collections.deque()).append
                rows.on_change = functools.partial(self._change, series)
        return found

    def _change(self, series: Series, before: NDArray[np.void], now: NDArray[np.void]) -> None:
        self._changed.append(_Changed(series, before, now))

    def _amend(self, symbol: str, name: str, pieces: Sequence[GonePiece], known_ns: int) -> None:
        contracts = self._markets[symbol].engine.contracts
        names = {piece.row[0]: contracts.of(piece.row[0]) if contracts else "" for piece in pieces}
        self._amended.append(_Amended(Series(symbol, name), pieces, known_ns, names))

    # -- while it goes on ---------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EACH_SECONDS)
            await self.look()

    async def look(self, *, is_last: bool = False) -> None:
        """Write what is new; whatever fails is told, and tried again.

        Parameters
        ----------
        is_last
            Nothing comes after it: bars that changed are looked for, too, whenever that was done last.
        """
        now = time.monotonic()
        if self.writer is None:
            self._forget()
            if self._is_busy or now - self._tried < (_SOON_SECONDS if self._waits else _AGAIN_SECONDS):
                return
            await self._open_writer()
            if self.writer is None:
                return
        compares = is_last or now - self._compared >= _COMPARE_SECONDS
        self._compared = now if compares else self._compared
        try:
            for market in self._markets.values():
                self._take(market, compares=compares)
            await self._do(functools.partial(self._write, self.writer, now))
        except Exception as error:  # noqa: BLE001  # who keeps a market must outlive what it finds
            for market in self._markets.values():
                market.tell_trouble("store", error)
        else:
            for market in self._markets.values():
                market.end_trouble("store")
        notes, self.writer.notes = self.writer.notes, []
        for note in notes:
            self._tell_all("store", note)

    def _forget(self) -> None:
        """Hold nothing for a store that cannot be written: what is in memory is found there later."""
        for rows in self._rows.values():
            rows.clear()
        self._amended.clear()
        self._changed.clear()
        for watch in self._watches.values():
            watch.forget_left()

    def _take(self, market: SymbolMarket, *, compares: bool) -> None:
        engine = market.engine
        with engine.lock:
            for name, watch in self._watch(market).items():
                if compares or not watch.has_changed:
                    self._take_changes(market, name, watch)
            engine.ticks.settle()
            engine.quotes.settle()
        for series, queue in self._rows.items():
            if series.symbol == market.symbol and queue:
                parts = [queue.popleft() for _ in range(len(queue))]
                rows = functools.partial(_rows, parts, series.timeframe)
                self._taken.append(_Taken(series, rows, sum(map(len, parts))))
        amended, self._amended = self._amended, []
        changed, self._changed = self._changed, []
        self._taken += [*amended, *changed]
        self._bound_taken(market)

    def _bound_taken(self, market: SymbolMarket) -> None:
        """Give up the oldest changes that cannot be made ready, since what is on the disk cannot be read."""
        waiting = sum(one.rows for one in self._taken)
        # The newest stays, however large: a history is one.
        while len(self._taken) > 1 and (len(self._taken) > _MOST_TAKEN or waiting > _MOST_ROWS):
            gone = self._taken.popleft()
            waiting -= gone.rows
            self._given_up += gone.rows
        if self._given_up >= max(1, 2 * self._told_up):
            self._told_up = self._given_up
            self._tell_logged(
                market,
                "store_lost",
                f"{self.store.path} cannot be read, so that {self._given_up:,} rows for it are given up,"
                " the oldest first",
            )

    def _take_changes(self, market: SymbolMarket, name: str, watch: BarWatch) -> None:
        is_first, has_vwap = watch.is_new, market.engine.source == "trades"
        for change in watch.changes():
            table = functools.partial(_table, change, has_vwap, _contracts(market, change))
            self._taken.append(_Taken(Series(market.symbol, name), table, len(change.columns), is_first))

    def _write(self, writer: StoreWriter, now: float) -> None:
        """Write what was taken; on the store's own thread."""
        failed: DataExportError | None = None
        while self._taken:
            one = self._taken[0]
            try:
                table = self._made(writer, one)
            except DamagedPartError:
                # It would keep all that comes after it from the disk.
                writer.set_aside_damaged(one.series)
                table = self._made(writer, one)
            # Whether the disk takes it or not, the writer has it now.
            self._taken.popleft()
            if table is not None and table.num_rows:
                try:
                    writer.append(one.series, table)
                except DataExportError as error:
                    failed = error
        if failed is not None:
            raise failed
        writer.flush()
        if now - self._synced >= _SYNC_SECONDS:
            self._synced = now
            writer.sync()
        if writer.is_due:
            writer.seal(seconds=_SEAL_SECONDS)

    def _made(self, writer: StoreWriter, one: _Taken | _Amended | _Changed) -> Any:
        """Return what is to be appended; what changes in trades that are in Parquet is done here."""
        if isinstance(one, _Changed):
            kind = one.series.timeframe
            writer.change(one.series, rows_table(one.before, kind), rows_table(one.now, kind))
            return None
        return self._anew(one) if isinstance(one, _Amended) else self._fit(one)

    def _fit(self, one: _Taken) -> Any:
        """Return rows as a table; of the first ones of a series those that are better than what is kept."""
        table = one.table()
        if not one.series.is_bars:
            if one.series not in self._before:
                self._before[one.series] = HeldBefore(self.store.path, one.series, self._tails)
            return self._before[one.series].without(table)
        if not one.is_first or not table.num_rows:
            return table
        times_ns = times_of(table) * _NS_PER_US
        span = int(times_ns.min()), int(times_ns.max())
        held = read_bars(self.store.path, one.series, *span, tails=self._tails)
        return merge(held, table, "replace").changes if held.num_rows else table

    def _anew(self, one: _Amended) -> Any:
        """Return bars that have left memory with what is new in them."""
        start_ns = min(piece.row[0] for piece in one.pieces)
        held = read_bars(self.store.path, one.series, start_ns, tails=self._tails)
        columns = amended_bars(
            bar_columns_of(held), [(one.known_ns // _NS_PER_US, piece) for piece in one.pieces]
        )
        named = {start_ns // _NS_PER_US: name for start_ns, name in one.contracts.items()}
        named.update(
            zip(times_of(held).tolist(), held.column(CONTRACT).fill_null("").to_pylist(), strict=True)
        )
        return bars_table(columns, contracts=[named[at] for at in columns.time_us.tolist()])

    async def _do(self, work: Callable[[], T]) -> T:
        return await run_on(self._pool, work)

    # -- what is told -------------------------------------------------------------------------------------

    def _tell_all(self, kind: str, sentence: str) -> None:
        _log.warning(sentence)
        for market in self._markets.values():
            self._tell(market, kind, sentence)

    def _tell(self, market: SymbolMarket, kind: str, sentence: str) -> None:
        found = QualityFinding(kind, sentence, market.feed.clock.now_ns())
        market.pipeline.quality.note(found)

    # -- the end ------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Write the rest, put all into Parquet and let go of the store."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self.writer is not None:
            if self._task is not None:
                await self.look(is_last=True)
            try:
                await self._do(self.writer.close)
            except DataExportError as error:
                # Nobody is there any more who could try again.
                _log.error(str(error))
            for note in self.writer.notes:
                _log.warning(note)
        for watch in self._watches.values():
            watch.close()
        for rows in self._watched.values():
            rows.on_rows = rows.on_change = None
        for market in self._markets.values():
            market.engine.on_amended_gone = None
        self._pool.shutdown(wait=False)


def _end_ns(market: SymbolMarket, name: str) -> int | None:
    """Return the last instant at which a bar may begin that is over now; None where nobody knows the time."""
    now_ns, grid = market.feed.clock.now_ns(), market.engine.grid(name)
    if not now_ns:
        return None
    now_ns += _CLOCK_NS
    span = None if grid is None else grid.span(now_ns)
    return (now_ns if span is None else span[0]) - 1


def _without_off_grid(table: Any, grid: Grid | None) -> tuple[Any, int]:
    """Return bars without those that somebody wrote where no bar of a grid begins, and how many these are.

    Those of a market were taken by it, as behind a break at 10:15.
    """
    import pyarrow as pa

    if grid is None or table.column(ORIGIN).null_count == table.num_rows:
        return table, 0
    times_ns = times_of(table) * _NS_PER_US
    starts_ns, is_inside = grid.starts(times_ns)
    off = is_inside & (starts_ns != times_ns) & table.column(ORIGIN).is_valid().to_numpy()
    return table.filter(pa.array(~off)), int(np.count_nonzero(off))


def _table(change: BarChanges, has_vwap: bool, contracts: NDArray[np.object_] | None) -> Any:
    return bars_table(
        change.columns, nth=change.nth, has_vwap=has_vwap, contracts=contracts, gone=change.gone
    )


def _rows(parts: Sequence[NDArray[np.void]], kind: str) -> Any:
    rows = np.concatenate(parts)
    if kind == TICKS:
        # Those that wait for others come once more when they are in their bars.
        rows = rows[(rows["flag"] & STATUS) != WAITING]
    return rows_table(rows, kind)


def _contracts(market: SymbolMarket, change: BarChanges) -> NDArray[np.object_] | None:
    """Return of which contracts bars are, where their symbol stands for such."""
    contracts = market.engine.contracts
    if not contracts or not len(change.columns):
        return None
    times_ns = change.columns.time_us * _NS_PER_US
    spans = contracts.spans(int(times_ns.max()))
    starts = np.array([start for start, _ in spans], dtype=np.int64)
    names = np.array([name for _, name in spans], dtype=object)
    return names[np.maximum(np.searchsorted(starts, times_ns, side="right") - 1, 0)]
