"""`RecordingFeed`: the feed ``replay:PATH``, which plays any file of messages, ticks or bars."""

from __future__ import annotations

import datetime as dt
import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mdnb.errors import FeedError, MdnbError, OptionError
from mdnb.feeds.replay.feed import ReplayFeed
from mdnb.feeds.replay.formats import UnknownFormatError, symbols_of
from mdnb.feeds.replay.recording import Recording
from mdnb.feeds.replay.server import FrameSource, RowSource
from mdnb.feeds.timeouts import Wall
from mdnb.recordings.rows_of_files import recording_of_file
from mdnb.recordings.saved_rows import SavedRows, read_saved_rows
from mdnb.rows import ContractChange, SeamPrices
from mdnb.sessions import Sessions

if TYPE_CHECKING:
    from mdnb.io.recognise.given import Given
    from mdnb.io.saved_market import SavedMarket

__all__ = ["RecordingFeed"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
_NO_LIMIT = 2**63 - 1


class RecordingFeed(ReplayFeed):
    """Plays a recording, a saved market (``.mdnb``), or a file of ticks or bars that any program wrote.

    Of a saved market the bars that are older than its ticks are known from the beginning, with when each was
    closed; then its trades and quotes are played. Files of others are recognised as by `mdnb.read_ticks` and
    `mdnb.read`.

    Parameters
    ----------
    path, speed, symbol, price, start, end, loop, calendar, timezone, dialect, wall
        As for `mdnb.feeds.replay.ReplayFeed`. Of a saved market, what is before ``start`` is known from the
        beginning.
    tz
        Zone of ``start`` and ``end`` that name none, and of a file's times without an offset, for which it
        is needed.
    timeframe
        Which of several a file of bars is to be played in; what its bars are of, where they do not show it.
    date_format, separator, decimal, price_scale
        Of a file that others wrote; see `mdnb.read`.
    hold
        Of a saved market without ticks the bars are there at once, instead of being played.

    Attributes
    ----------
    saved
        The saved market; None where the file is something else.
    kept
        The timeframes that are kept, where that is known before `open`; the first bar of the finest is whole.
    positive_prices
        By symbol whether its prices are positive, where that is not left to the file; set before `open`.
    plays_nothing
        Whether all that a saved market has is there at once; known after `open`.
    folder
        A temporary one that the file is in, and that goes when the feed is closed; None of a file that stays.
    begins_ns
        From when on it is played, UTC epoch nanoseconds; what is saved of before is known by then. Known
        after `open`.

    Raises
    ------
    OptionError
        When an option's value is outside what is allowed.
    FeedError
        When there is no such file, or its format is none that is understood.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import mdnb
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "trades.csv"
    >>> rows = "time,price,size", "2026-03-02T09:30:00Z,100.5,2", "2026-03-02T09:31:00Z,101,1"
    >>> _ = path.write_text(chr(10).join(rows))
    >>> [str(step.bars["1min"].close) for step in mdnb.play(path, "1min", symbol="X")]
    ['100.5', '101.0']
    """

    def __init__(
        self,
        path: str | Path,
        *,
        speed: float | str = 1.0,
        symbol: str | None = None,
        price: Literal["bid", "ask", "mid"] = "mid",
        start: int | str | dt.datetime | None = None,
        end: int | str | dt.datetime | None = None,
        tz: str | None = None,
        loop: bool = False,
        calendar: str | None = None,
        timezone: str | None = None,
        dialect: str | None = None,
        wall: Wall | None = None,
        timeframe: str | None = None,
        date_format: str | None = None,
        separator: str | None = None,
        decimal: str | None = None,
        price_scale: float | None = None,
        hold: bool = False,
    ) -> None:
        if _URL.match(str(path)):
            raise FeedError(
                "replay: plays files on this machine, and fetches none. A saved market or a recording behind"
                " an address is opened by mdnb.open('https://...', sha256=...)"
            )
        self.saved: SavedMarket | None = None
        self.begins_ns = 0
        self._rows: dict[str, SavedRows] = {}
        self._hold = hold
        self.plays_nothing = False
        self.kept: tuple[str, ...] = ()
        self.positive_prices: Mapping[str, bool] = {}
        self.folder: tempfile.TemporaryDirectory[str] | None = None
        self._is_foreign = False
        self._said = {
            "timeframe": timeframe,
            "tz": tz,
            "date_format": date_format,
            "separator": separator,
            "decimal": decimal,
            "price_scale": price_scale,
        }
        super().__init__(
            path,
            speed=speed,
            symbol=symbol,
            price=price,
            start=start,
            end=end,
            tz=tz or "UTC",
            loop=loop,
            calendar=calendar,
            timezone=timezone,
            dialect=dialect,
            wall=wall,
        )
        self._wanted_ns, self._wanted_end_ns = self.start_ns, self.end_ns
        if self.saved is not None:
            self._refuse_what_it_says()
        if self.saved is not None and price == "mid":
            self.quote_price = _price(self.saved.manifest.quote_price)
        self._given()

    @property
    def is_whole(self) -> bool:
        """Whether a saved market is played up to where it was saved."""
        return self.saved is not None and not self.loop and self._wanted_end_ns == _NO_LIMIT

    def _dialect_of_file(self) -> str:
        from mdnb.io.saved_market import is_saved_market, open_saved_market

        try:
            if is_saved_market(self.path):
                self.saved = open_saved_market(self.path)
                return "mdnb"
            return super()._dialect_of_file()
        except UnknownFormatError:
            self._is_foreign = True
            return "mdnb"
        except MdnbError as error:
            if isinstance(error, FeedError):
                raise
            raise FeedError(f"cannot open the recording: {_reason(error)}") from error

    def _refuse_what_it_says(self) -> None:
        given = [name for name, value in self._said.items() if value is not None and name != "tz"]
        if given:
            raise OptionError(f"{given[0]}= is of files that others wrote; {self.path.name} says it itself")

    def _given(self) -> Given:
        from mdnb.io.recognise.given import Given

        # The market, which knows its symbols, refuses prices that cannot be.
        return Given(symbol=self._symbol, positive_prices=False, **self._said)  # type: ignore[arg-type]  # each is what its option says

    def known_symbols(self) -> tuple[str, ...]:
        """Return the symbols that the file names."""
        if self.saved is not None:
            return tuple(each.symbol for each in self.saved.manifest.symbols)
        return super().known_symbols()

    def recorded_symbols(self) -> tuple[str, ...]:
        """Return the symbols that a saved market or a recording of ours was made of."""
        return self.known_symbols() if self.saved is not None else symbols_of(self.path)

    def _open_file(self, symbols: Sequence[str]) -> Recording:
        if self.saved is not None:
            return self._open_saved(self.saved)
        if not self._is_foreign:
            try:
                made = super()._open_file(symbols)
            except UnknownFormatError:
                self._is_foreign = True
            else:
                self._refuse_what_it_says()
                return made
        return recording_of_file(self.path, symbols, self._given())

    # -- a saved market -----------------------------------------------------------------------------------

    def _open_saved(self, saved: SavedMarket) -> Recording:
        try:
            self._rows = {
                each.symbol: read_saved_rows(
                    saved, each, positive_prices=self.positive_prices.get(each.symbol)
                )
                for each in saved.manifest.symbols
            }
        except MdnbError as error:
            raise FeedError(f"cannot open the recording: {_reason(error)}") from error
        self.begins_ns = self._begins(saved)
        self.plays_nothing = self._hold and self.begins_ns == saved.manifest.saved_ns
        self.start_ns = self.begins_ns
        self._playback.begins_ns = max(self._wanted_ns, self.begins_ns) if self._wanted_ns else 0
        tracks = tuple(rows.track(self.begins_ns) for rows in self._rows.values())
        with_ids = any((rows.ticks["trade_id"] >= 0).any() for rows in self._rows.values())
        return Recording(
            path=self.path,
            form="saved market",
            dialect="mdnb",
            ids="unique" if with_ids else "none",
            has_trades=any(track.channel == "trades" for track in tracks),
            symbols=tuple(self._rows),
            tracks=tracks,
            until_ns=saved.manifest.saved_ns,
        )

    def _begins(self, saved: SavedMarket) -> int:
        """Return from when on all symbols are played: before it nobody may know what comes of another."""
        begins = [
            rows.begins_ns(self._wanted_ns, self.kept) for rows in self._rows.values() if len(rows.makers)
        ]
        if begins:
            return max(begins)
        if self._wanted_ns:
            return self._wanted_ns
        return saved.manifest.saved_ns if self._hold else 0

    def sessions(self, symbol: str) -> Sessions:
        """Return the hours that were saved, or those of the calendar; see `ReplayFeed.sessions`."""
        track = self._tracks.get(symbol)
        rows = None if track is None else self._rows.get(track.symbol)
        if rows is None or self._calendar is not None:
            return super().sessions(symbol)
        return rows.sessions()

    def _check_price(self, source: str) -> None:
        # Of a market that was saved a moment ago there may be bars alone.
        super()._check_price(source if self.saved is None else self.saved.manifest.source)

    def saved_rows(self, symbol: str) -> SavedRows | None:
        """Return what a saved market has of a symbol that was opened; None of any other file."""
        track = self._tracks.get(symbol)
        return None if track is None else self._rows.get(track.symbol)

    def load(self, symbols: Sequence[str]) -> FrameSource | RowSource:
        """Open the file and find the symbols in it; see `ReplayFeed.load`."""
        made = super().load(symbols)
        if self.saved is not None:
            self._know_contracts(symbols)
            self._started_ns = self.begins_ns or self._started_ns
            if self.plays_nothing:
                # No bar is played, so all are what they were made of.
                self.source = _source(self.saved.manifest.source)
        return made

    def _know_contracts(self, symbols: Sequence[str]) -> None:
        for symbol in symbols:
            rows = self.saved_rows(symbol)
            if rows is None or not rows.symbol.contract or self._contracts.knows(symbol):
                continue
            self._contracts.begin(symbol, rows.symbol.contract)
            for roll in reversed(rows.symbol.rolls):
                prices = [math.nan if price is None else price for price in (roll.old_price, roll.new_price)]
                self._contracts.before(symbol, roll.old, roll.time_ns, (prices[0], prices[1]))

    async def close(self) -> None:
        """Close the connection and the server; calling it again does nothing."""
        await super().close()
        folder, self.folder = self.folder, None
        if folder is not None:
            folder.cleanup()

    def take_roll(self, change: ContractChange) -> None:
        """Pass a seam between two contracts; those of a saved market are known from the beginning."""
        if self.saved is None:
            super().take_roll(change)

    def take_seam_prices(self, prices: SeamPrices) -> None:
        """Take what both contracts of a seam were worth; a saved market has these with its seams."""
        if self.saved is None:
            super().take_seam_prices(prices)


def _source(given: str) -> Literal["trades", "quotes", "bars"]:
    return "quotes" if given == "quotes" else "bars" if given == "bars" else "trades"


def _price(given: str) -> Literal["bid", "ask", "mid"]:
    return "bid" if given == "bid" else "ask" if given == "ask" else "mid"


def _reason(error: MdnbError) -> str:
    return str(error).removesuffix(" Nothing was imported.")
