"""The connection of a market: wait for its end, close it, and account for its trades."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mdnb.runtime.live.accounting import Accounting
from mdnb.runtime.market_recording import MarketRecording
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.session import MarketSession
from mdnb.types import Roll

__all__ = ["ConnectionView"]


class ConnectionView:
    """The connection that all symbols of a session share.

    Parameters
    ----------
    session
        Whose connection.
    symbol
        The one meant where none is named.
    recorded
        The symbols whose frames are recorded.
    """

    def __init__(self, session: MarketSession, symbol: str, recorded: Sequence[str]) -> None:
        self._session = session
        self._symbol = symbol
        self._recorded = recorded

    def accounting(self, symbol: str | None = None) -> Accounting:
        """Return the accounting: where each trade that arrived went.

        Parameters
        ----------
        symbol
            One that is followed; default this one.

        Raises
        ------
        SymbolError
            When the symbol is not followed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     market.accounting().balanced
        True
        """
        return self._session.market(symbol or self._symbol).accounting()

    def rolls(self, symbol: str | None = None) -> tuple[Roll, ...]:
        """Return the seams at which a continuous symbol went from one contract to the next, oldest first.

        Empty for a symbol that stands for one contract, or is none. ``get_data(..., back_adjust=True)`` has
        bars without the jumps at them.

        Parameters
        ----------
        symbol
            One that is followed; default this one.

        Raises
        ------
        SymbolError
            When the symbol is not followed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     market.rolls()
        ()
        """
        return self._session.market(symbol or self._symbol).engine.contracts.rolls

    def start(self) -> None:
        """Begin to play a recording at ``speed=max``; of any other feed, and again, it does nothing.

        Such a replay waits until its data is wanted: until this is called, data is read or an event is waited
        for, or the cell ends that registered a handler. So handlers see it from its first trade on; who
        registers one later is warned of what it misses.

        Examples
        --------
        >>> import mdnb
        >>> feed = "replay:dataset:gold-ticks?speed=max"
        >>> with mdnb.live("GC", "1hour", feed=feed, initial_days=0) as market:
        ...     hours = []
        ...     subscription = market.on("new_bar", lambda event: hours.append(len(event.view["1hour"])))
        ...     market.start()
        ...     market.wait_ended()
        >>> hours[:3], len(hours)
        ([1, 2, 3], 24)
        """
        self._session.begin()

    async def record(self, path: str | Path, *, append: bool = False) -> MarketRecording:
        """Record all that the market receives, as it came, until the recording or the market is closed.

        ``live["MES"].record(...)`` records that symbol alone, of a market of several: the frames that have
        data of it, whole, also where a venue puts data of others into the same frame, and those that have
        nobody's, such as heartbeats. ``live.record(...)`` records all symbols into one file. An order book
        that is followed is asked for anew, so that the recording has all that later changes go on from.

        Parameters
        ----------
        path
            A new file, such as ``day.mdnb`` or ``day.jsonl``, packed where its name ends in ``.mdnb`` or
            ``.gz``. `mdnb.open` and ``replay:PATH`` play it.
        append
            Go on with a recording of the same symbols and feed.

        Returns
        -------
        MarketRecording
            Ended by its ``close()``, or as a context manager.

        Raises
        ------
        OptionError
            When the market plays a recording itself; for one symbol, too, where the venue numbers the
            messages of all of them together.
        DataExportError
            When the file is there already, is recorded to by somebody else, or cannot be written.
        ClosedError
            When the market is over.
        """

        async def begin() -> MarketRecording:
            return self._session.record(Path(path), self._recorded, append=append)

        return await await_call(begin())

    async def wait_ended(self, timeout: float | None = None) -> None:
        """Wait until the feed ends, as a recording that was played, and handlers have had all its events.

        One that takes more than 5 s for an event is told in the log
        and waited for no longer.

        Parameters
        ----------
        timeout
            Seconds; None waits for ever.

        Raises
        ------
        WaitTimeoutError
            When the feed or a handler goes on after that time.
        """
        await await_call(self._session.wait_ended(timeout))

    async def close(self) -> None:
        """Close the feed and forget every handler; calling it again does nothing.

        Events that handlers have not taken yet are counted as dropped; the log tells how many.
        """
        await await_call(self._session.close())
