"""Recordings as a feed: read from a file and served over a real socket, as a venue would."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import itertools
import math
import numbers
import zoneinfo
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from mdnb.clock import EventClock
from mdnb.errors import FeedError, FeedRefusedError, OptionError, SymbolError, suggest
from mdnb.feeds.base import CHANNELS, Channel, OnFrame, OnStatus
from mdnb.feeds.book_sums import sums_of
from mdnb.feeds.connection import Endpoint
from mdnb.feeds.offers import Offers
from mdnb.feeds.playback import Playback
from mdnb.feeds.replay.bar_starts import on_grid
from mdnb.feeds.replay.clock import PlaybackClock
from mdnb.feeds.replay.formats import contracts_of, dialect_of, names_of, open_recording
from mdnb.feeds.replay.playlist import looped_rows, merged_rows
from mdnb.feeds.replay.recording import QUOTE_FIELDS, Recording, Track, tick_size
from mdnb.feeds.replay.server import FrameSource, ReplayServer, RowSource
from mdnb.feeds.rolls import ContractHistory, Seam
from mdnb.feeds.symbols import symbol_key
from mdnb.feeds.timeouts import Liveness, Wall
from mdnb.feeds.wire import WireFeed
from mdnb.instruments import Instrument, known_instrument
from mdnb.rows import BarRow, BookSum, ContractChange, SeamPrices, TradeRow
from mdnb.sessions import FIRST_CALENDAR_DAY, Sessions

__all__ = ["ReplayFeed"]

_DATASET = "dataset:"
_DAY = dt.timedelta(days=1)
_CALENDAR_DAYS = 400
# 1973: 20131007, meant as a day, is far below.
_EARLIEST_NS = 10**17


class ReplayFeed(WireFeed):
    """Plays a recording.

    A venue's own frames are played as they were received, and its decoder reads them; files of trades,
    quotes and bars are played over mdnb's wire protocol. All of it arrives as live data: there is no history.

    Parameters
    ----------
    path
        A file in one of the formats of `mdnb.feeds.replay.formats`, or ``dataset:NAME``
        (`mdnb.datasets.names`).
    speed
        Market seconds a wall second; ``"max"`` or ``inf`` for as fast as the data is taken, the clock then
        moves with the data.
    symbol
        What to play of a file with several symbols: then every name that is opened stands for it. Without
        it, a future's root (``GC``) stands for its busiest expiry, and a file that names no symbol
        answers to any name. Symbols of a venue's own frames are found in any spelling, ``BTC/USD`` for
        ``BTC-USD``, and arrive under the name that they were opened by.
    price
        ``bid``, ``ask`` or ``mid``: what a recording without trades builds bars of. Other recordings refuse
        ``bid`` and ``ask``.
    start, end
        UTC epoch nanoseconds, a datetime (a naive one is the machine's local time), or ISO text: plays
        ``[start, end)``.
    tz
        Zone of such a text that names none.
    loop
        Begin again at the end, later by whole days; rows only, for frames are played as they are.
    calendar
        Name of a calendar of ``pandas_market_calendars``; without it the market never closes.
    timezone
        Of a LEAN file's midnight, where its own rule is wrong.
    dialect
        Of a frame recording whose venue cannot be detected.
    wall
        The wall clock to sleep by.

    Attributes
    ----------
    source
        What its bars are made of: trades, else quotes, else the bars of the file; known after `open`.

    Raises
    ------
    OptionError
        When an option's value is outside what is allowed.
    FeedError
        When there is no such file or dataset, or its format is none that is understood.

    Examples
    --------
    >>> async def look() -> Instrument:
    ...     async with ReplayFeed("dataset:gold-ticks", speed="max") as feed:
    ...         await feed.open(["GC"])
    ...         return feed.instrument("GC")
    >>> gold = asyncio.run(look())
    >>> gold.tick_size, gold.whole_lots
    (0.1, True)
    """

    offers = Offers(title="Recordings and files of trades", history="what the file holds")
    is_local = True
    # A recording may be silent for hours; there is no connection to lose.
    liveness = Liveness("frames", stale_seconds=1e9, dead_seconds=1e9)

    def __init__(
        self,
        path: str | Path,
        *,
        speed: float | str = 1.0,
        symbol: str | None = None,
        price: Literal["bid", "ask", "mid"] = "mid",
        start: int | str | dt.datetime | None = None,
        end: int | str | dt.datetime | None = None,
        tz: str = "UTC",
        loop: bool = False,
        calendar: str | None = None,
        timezone: str | None = None,
        dialect: str | None = None,
        wall: Wall | None = None,
    ) -> None:
        super().__init__(wall=wall)
        self.path = _file(path)
        self.speed = _speed(speed)
        if price not in ("bid", "ask", "mid"):
            raise OptionError(f"price={price!r} is unknown. {suggest(str(price), ['bid', 'ask', 'mid'])}")
        self._price = self.quote_price = price
        self.start_ns = 0 if start is None else _moment(start, "start", tz)
        self.end_ns = 2**63 - 1 if end is None else _moment(end, "end", tz)
        if self.end_ns <= self.start_ns:
            raise OptionError(f"start={start!r} is not before end={end!r}: nothing would be played")
        self.loop = loop
        self._symbol, self._calendar = symbol, calendar
        self._timezone, self._dialect = timezone, dialect
        # Known before anything is opened, for whoever makes the decoder.
        self.dialect = self._dialect_of_file()
        # Of a venue's frames; `open` adds what is asked for in another spelling than the venue's.
        self.names: dict[str, str] = dict(names_of(self.path))
        self._spelled: dict[str, str] = {}
        self.source: Literal["trades", "quotes", "bars"] = "trades"
        self._bars_of: dict[str, str] = {}
        self._recording: Recording | None = None
        self._tracks: dict[str, Track] = {}
        self._instruments: dict[str, Instrument] = {}
        self._server: ReplayServer | None = None
        self._address = ""
        self._at_end = False
        self._started_ns = 0
        self.playback = self._playback = Playback()
        self._contracts = ContractHistory()
        for known, contract in contracts_of(self.path).items():
            self._contracts.begin(known, contract)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path.name!r}, speed={self.speed:g})"

    # -- Feed -------------------------------------------------------------------------------------------

    @property
    def recording(self) -> Recording:
        """What the file holds; known after `open`."""
        if self._recording is None:
            raise FeedError("the recording has not been opened yet: await open() first")
        return self._recording

    async def open(self, symbols: Sequence[str]) -> None:
        """Open the file, find the symbols in it, start the server.

        Raises
        ------
        FeedError
            When the file cannot be opened, its format is not understood, it is open already, or holds nothing
            from ``start`` to ``end``.
        SymbolError
            When a symbol is not in it.
        """
        if self._recording is not None:
            raise FeedError("this recording is open already; open all its symbols at once")
        source = await asyncio.to_thread(self.load, symbols)
        paced = self.clock if isinstance(self.clock, PlaybackClock) else None
        self._server = ReplayServer(source, frozenset(symbols), paced, self._wall, self._playback)
        # At a speed of its own it is played whether or not somebody looks.
        self._playback.waits_to_begin = self._playback.waits_to_begin and paced is None
        if self._playback.waits_to_begin:
            self._playback.begun.clear()
        self._address = await self._server.start()

    def known_symbols(self) -> tuple[str, ...]:
        """Return the symbols that the file names."""
        return self._open_file(()).symbols

    def _dialect_of_file(self) -> str:
        return dialect_of(self.path, self._dialect)

    def _open_file(self, symbols: Sequence[str]) -> Recording:
        return open_recording(
            self.path,
            symbols,
            dialect=self._dialect,
            price=self.quote_price,
            timezone=self._timezone,
        )

    def load(self, symbols: Sequence[str]) -> FrameSource | RowSource:
        """Open the file and find the symbols in it; return what is to be played, without a server.

        Raises
        ------
        FeedError
            When the file cannot be opened, its format is not understood, there is nothing to play, or bars do
            not start where bars of their timeframe do.
        SymbolError
            When a symbol is not in it.
        """
        recording = self._open_file(symbols)
        if self.loop and recording.frames is not None:
            raise OptionError(
                f"{self.path.name} holds a venue's frames, which are played as they are: it cannot loop"
            )
        for symbol in symbols:
            self._resolve(symbol, recording)
        self._recording = recording
        self.has_trades = recording.has_trades
        self.ids = recording.ids  # type: ignore[assignment]  # a WireFeed's are sequential, a file's need not be
        kinds = {track.channel for track in self._tracks.values()}
        if any(track.has_quotes for track in self._tracks.values()):
            kinds.add("quotes")
        if kinds:
            self.has_trades = "trades" in kinds
        self.source = "trades" if self.has_trades else "bars" if kinds == {"bars"} else "quotes"
        if recording.frames is not None and not self.has_trades:
            barred = self._playback.bars_alone(recording.frames(), recording.dialect)
            self._bars_of = {self.names.get(name, name): timeframe for name, timeframe in barred.items()}
            self.source = "bars" if self._bars_of else self.source
        self._check_price(self.source)
        if kinds:
            self.lacks = frozenset(channel for channel in CHANNELS if channel not in kinds)
        for symbol, track in self._tracks.items():
            hours = self.sessions(symbol)
            self._tracks[symbol] = on_grid(
                track, hours, self.path, self._calendar, self.start_ns, self.end_ns
            )
        frames = recording.frames
        lead_ns = 0 if frames is None else self._playback.receipt_lead(frames(), recording.dialect)
        # What a look at the first rows could not read is met again when they are played.
        recording.damage.forget()
        source, first_ns = self._source(recording, lead_ns)
        self._started_ns = first_ns
        self._playback.dated_rows = recording.frames is None
        damage = recording.damage
        self._playback.unreadable = lambda: (damage.count, damage.first)
        if math.isinf(self.speed):
            self.clock = EventClock(first_ns)
        else:
            self.clock = PlaybackClock(first_ns, self.speed, self._wall.monotonic)
        return source

    def _check_price(self, source: str) -> None:
        """Refuse a side of the quotes where bars are of something else."""
        if self._price == "mid" or source == "quotes" or any(one.is_priced for one in self._tracks.values()):
            return
        raise OptionError(
            f"price={self._price!r} is of recordings that have quotes alone; bars of {self.path.name} are of"
            f" its {source}. Leave price= out."
        )

    def instrument(self, symbol: str) -> Instrument:
        """Return the instrument; its tick size is the finest price step at the beginning of the data."""
        if symbol not in self._instruments:
            raise SymbolError(f"{symbol!r} was not opened. {suggest(symbol, self._instruments)}")
        return self._instruments[symbol]

    def sessions(self, symbol: str) -> Sessions:
        """Return the calendar's hours, of its past too, or those of a market that never closes."""
        first = dt.datetime.fromtimestamp(self._started_ns / 1e9, dt.UTC).date()
        # A recording may be of many years; none has more than has been.
        last = max(first, dt.datetime.now(dt.UTC).date()) + _CALENDAR_DAYS * _DAY
        return self.instrument(symbol).sessions(FIRST_CALENDAR_DAY, last)

    def book_checksum(self, symbol: str) -> tuple[BookSum, ...]:
        """Return what the venue's checksum may be; which it is the first whole book tells."""
        return sums_of(self.recording.dialect) if self.recording.frames is not None else ()

    def own_bars(self, symbol: str) -> tuple[str, ...]:
        """Return the timeframe of the symbol's bars, where the recording holds bars."""
        track = self._tracks.get(symbol)
        if track is not None and track.channel == "bars":
            return (track.timeframe,)
        return (self._bars_of[symbol],) if symbol in self._bars_of else ()

    async def endpoint(self) -> Endpoint:
        """Return the server's address on this machine."""
        if not self._address:
            raise FeedRefusedError("the recording has not been opened yet: await open() first")
        return Endpoint(self._address)

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Play until the recording ends or `close` is called.

        Raises
        ------
        FeedError
            When the file cannot be read to its end.
        """

        def tell(status: str, detail: str) -> None:
            on_status(
                status, self._farewell() if status == "closed" and not detail and self._at_end else detail
            )

        await super().run(on_frame, tell)
        if self._server is not None and self._server.failure is not None:
            raise self._server.failure

    async def send_subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Subscribe to a symbol of the playback server; one that plays raw frames does not answer."""
        if self.dialect == "mdnb" and self.recording.frames is None:
            await super().send_subscribe(symbol, channels)
        else:
            await self.send(self.encode_request("subscribe", 0, {"symbol": symbol}))

    async def send_unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Unsubscribe from a symbol once none of its channels is subscribed any more."""
        if symbol in self._wanted:
            return
        if self.recording.frames is None:
            await super().send_unsubscribe(symbol, channels)
        else:
            await self.send(self.encode_request("unsubscribe", 0, {"symbol": symbol}))

    async def history_bars(
        self, symbol: str, timeframe: str, start_ns: int, end_ns: int
    ) -> list[BarRow] | None:
        """Return None: all of a recording arrives as live data."""
        return None

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Return None: all of a recording arrives as live data."""
        return None

    # -- while it plays ---------------------------------------------------------------------------------

    def pause(self, reached_ns: int) -> None:
        """Hold the market where it is.

        Parameters
        ----------
        reached_ns
            Up to where all was taken in, UTC epoch nanoseconds; what is later has to wait.
        """
        playback, clock = self._playback, self.clock
        if isinstance(clock, PlaybackClock):
            now_ns = clock.now_ns()
            clock.stop()
            if self._server is not None and self._server.is_idle(now_ns):
                # Nothing is due, or on its way: time alone has passed since.
                playback.pass_time(now_ns)
                reached_ns = now_ns
            # It stands where the data does.
            clock.move(reached_ns or now_ns)
        playback.paused, playback.limit_ns = True, reached_ns
        playback.changed.set()

    def resume(self) -> None:
        """Go on from where it was paused."""
        self._playback.paused = False
        if isinstance(self.clock, PlaybackClock) and self._has_begun:
            self.clock.start(self.clock.now_ns())
        self._playback.changed.set()

    def move_to(self, time_ns: int) -> None:
        """Play at once what comes until an instant, UTC epoch nanoseconds, and go on from there as before."""
        if self._playback.paused:
            self._playback.limit_ns = time_ns
            if isinstance(self.clock, PlaybackClock):
                self.clock.move(time_ns)
            self._playback.changed.set()
        elif isinstance(self.clock, PlaybackClock):
            if self._has_begun:
                self.clock.move(time_ns)
            self._playback.begins_ns = max(self._playback.begins_ns, time_ns)

    def change_speed(self, speed: float | str) -> None:
        """Go on at another speed.

        Raises
        ------
        OptionError
            When it is none.
        """
        self.speed = _speed(speed)
        now_ns, clock = self.clock.now_ns(), self.clock
        if math.isinf(self.speed):
            self.clock = EventClock(now_ns)
        elif isinstance(clock, PlaybackClock):
            clock.change_speed(self.speed)
        else:
            self.clock = made = PlaybackClock(now_ns, self.speed, self._wall.monotonic)
            if self._has_begun and not self._playback.paused:
                made.start(now_ns)
        if self._server is not None:
            self._server.clock = self.clock if isinstance(self.clock, PlaybackClock) else None
        self._playback.changed.set()

    @property
    def _has_begun(self) -> bool:
        return self._server is not None and self._server.has_begun

    def is_end(self, code: int, reason: str) -> bool:
        """Return whether the server has played the recording to its end."""
        self._at_end = super().is_end(code, reason)
        return self._at_end

    @property
    def rolls(self) -> tuple[Seam, ...]:
        """Seams between contracts that were passed so far."""
        return self._contracts.rolls

    def contract(self, symbol: str, at_ns: int | None = None) -> str:
        """Return the contract that a symbol stands for; ``""`` where the recording names none."""
        return self._contracts.contract(symbol, at_ns) if self._contracts.knows(symbol) else ""

    def take_roll(self, change: ContractChange) -> None:
        """Pass a seam between two contracts."""
        if not self.contract(change.symbol):
            self._contracts.begin(change.symbol, change.old)
        self._contracts.roll(change.symbol, change.new, change.at_ns)
        self.on_roll(change.symbol, False)
        self.on_roll(change.symbol, True)

    def take_seam_prices(self, prices: SeamPrices) -> None:
        """Take what both contracts of a seam were worth; nothing where it lies before the recording."""
        seam = self._contracts.seam(prices.symbol, prices.at_ns)
        if seam is not None:
            self._contracts.price(seam, prices.old_price, prices.new_price)

    async def close(self) -> None:
        """Close the connection and the server; calling it again does nothing."""
        await super().close()
        if self._server is not None:
            await self._server.close()

    # -- what is played ---------------------------------------------------------------------------------

    def _farewell(self) -> str:
        failure = self._server.failure if self._server else None
        damage = self._recording.damage if self._recording else ""
        return "; ".join(filter(None, ("end of recording", str(damage), str(failure or ""))))

    def _resolve(self, symbol: str, recording: Recording) -> None:
        wanted = self._symbol or symbol
        if recording.frames is not None:
            if wanted != symbol:
                raise SymbolError(f"a venue's frames are played as they are: open {wanted!r}, not {symbol!r}")
            held = _held(symbol, recording)
            if (other := self._spelled.setdefault(held, symbol)) != symbol:
                raise SymbolError(
                    f"{recording.path.name} holds one symbol for {other!r} and {symbol!r}: open one of them"
                )
            if held != symbol:
                # The venue's own name, or the one that it was recorded under.
                names = [name for name, recorded in self.names.items() if recorded == held] or [held]
                self.names.update(dict.fromkeys(names, symbol))
            prices = [float(price) for price in recording.prices.get(held, ())]
            self._instruments[symbol] = self._described(symbol, symbol, prices, whole=False)
            return
        name = wanted.casefold()
        fitting = [
            track
            for track in recording.tracks
            if not track.symbol or name in (track.symbol.casefold(), track.root.casefold())
        ]
        if not fitting:
            raise _unknown(wanted, recording)
        track = max(fitting, key=lambda found: found.weight)
        self._tracks[symbol] = track
        if track.instrument is not None:
            calendar = self._calendar or track.instrument.calendar
            self._instruments[symbol] = dataclasses.replace(
                track.instrument, symbol=symbol, calendar=calendar
            )
            return
        sample = track.sample()
        fields = slice(1, 5) if track.channel == "bars" else slice(1, 2)
        size = {"trades": 2, "bars": 5, "quotes": 0}[track.channel]
        traded = [row for row in sample if track.channel != "trades" or len(row) != QUOTE_FIELDS]
        whole = bool(track.root and size) and all(float(row[size]).is_integer() for row in traded)
        prices = [price for row in sample for price in row[fields]]
        self._instruments[symbol] = self._described(symbol, track.root or track.symbol, prices, whole=whole)

    def _described(self, symbol: str, known_as: str, prices: list[float], *, whole: bool) -> Instrument:
        known = known_instrument(known_as or symbol)
        tick = tick_size(prices) or known.tick_size
        return dataclasses.replace(
            known,
            symbol=symbol,
            tick_size=tick,
            whole_lots=whole,
            calendar=self._calendar,
            positive_prices=known.positive_prices and known_instrument(symbol).positive_prices,
        )

    def _source(self, recording: Recording, lead_ns: int) -> tuple[FrameSource | RowSource, int]:
        """Return what is played, and its first time; ``lead_ns`` is added to the frames' times of receipt."""
        if recording.frames is not None:
            dated = ((at_ns + lead_ns, frame) for at_ns, frame in recording.frames())
            inside = itertools.dropwhile(lambda frame: frame[0] < self.start_ns, dated)
            frames = itertools.takewhile(lambda frame: frame[0] < self.end_ns, inside)
            first = next(frames, None)
            if first is None:
                raise self._nothing(at_ns + lead_ns for at_ns, _ in recording.frames())
            return FrameSource(itertools.chain([first], frames), recording.damage), first[0]
        select = looped_rows if self.loop else merged_rows
        rows = select(self._tracks, self.start_ns, self.end_ns)
        row = next(rows, None)
        until_ns = min(recording.until_ns, self.end_ns - 1)
        if row is None and until_ns <= 0:
            raise self._nothing(at_ns for at_ns, *_ in merged_rows(self._tracks, 0, 2**63 - 1))
        played = itertools.chain([] if row is None else [row], rows)
        first_ns = until_ns if row is None else row[0]
        return RowSource(self._tracks, played, 0 if self.loop else until_ns), first_ns

    def _nothing(self, times: Iterator[int]) -> FeedError:
        """Return the error of a span in which there is nothing; ``times`` are the whole recording's."""
        first = last = next(times, None)
        if first is None or last is None:
            return FeedError(f"the recording {self.path.name} is empty: nothing to play")
        for at_ns in times:
            last = max(last, at_ns)
        begin = "" if not self.start_ns else f" from {_shown(self.start_ns)}"
        end = "" if self.end_ns == 2**63 - 1 else f" before {_shown(self.end_ns)}"
        return FeedError(
            f"the recording {self.path.name} holds {_shown(first)} to {_shown(last)}; nothing to play"
            f"{begin}{end}"
        )


def _held(symbol: str, recording: Recording) -> str:
    """Return the name under which a venue's frames hold a symbol, ``""`` where they do not name it.

    Raises
    ------
    SymbolError
        When they do not hold it, or several that are spelled like it.
    """
    if symbol in recording.symbols:
        return symbol
    if not recording.symbols and "" in recording.prices:
        return ""
    same = [name for name in recording.symbols if symbol_key(name) == symbol_key(symbol)]
    if len(same) != 1:
        raise _unknown(symbol, recording)
    return same[0]


def _unknown(symbol: str, recording: Recording) -> SymbolError:
    roots = (track.root for track in recording.tracks if track.root)
    held = dict.fromkeys([*roots, *recording.symbols])
    return SymbolError(f"{recording.path.name} does not hold {symbol!r}. {suggest(symbol, held)}")


def _file(path: str | Path) -> Path:
    if isinstance(path, str) and path.startswith(_DATASET):
        from mdnb import datasets

        return datasets.path(path.removeprefix(_DATASET))
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise FeedError(f"cannot open the recording {path!r}: {error}") from error


def _shown(time_ns: int) -> str:
    return dt.datetime.fromtimestamp(time_ns // 1_000_000_000, dt.UTC).isoformat().replace("+00:00", "Z")


def _speed(given: float | str) -> float:
    try:
        speed = math.inf if given == "max" else float(given)
    except (TypeError, ValueError):
        speed = math.nan
    if not speed > 0:
        raise OptionError(
            f"speed={given!r} is no speed: a number above 0 (1 is as it was, 10 ten times faster), or max"
        )
    return speed


def _moment(given: int | str | dt.datetime, name: str, tz: str) -> int:
    """Return UTC epoch nanoseconds."""
    if isinstance(given, numbers.Real):
        if not (isinstance(given, numbers.Integral) and _EARLIEST_NS <= given < 2**63):
            raise OptionError(f"{name}={given!r} is no time in nanoseconds; write it as 2024-08-08T23:55")
        return int(given)
    try:
        when = given if isinstance(given, dt.datetime) else dt.datetime.fromisoformat(given)  # type: ignore[arg-type]  # it refuses what is no text
    except (TypeError, ValueError) as error:
        raise OptionError(f"{name}={given!r} is no ISO time, such as 2024-08-08T23:55") from error
    if when.tzinfo is None:
        # Text is written for the data; a datetime without a zone is the machine's, as now() is.
        when = when.replace(tzinfo=_zone(tz)) if isinstance(given, str) else when.astimezone()
    since = when - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def _zone(tz: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(tz)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise OptionError(f"there is no time zone {tz!r}; write one such as 'America/Chicago'") from error
