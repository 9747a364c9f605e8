"""Bars of all timeframes; adding and removing timeframes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from mdnb.arguments import When, to_end_ns, to_ns, whole_number
from mdnb.errors import OptionError
from mdnb.manager.forward import immediate
from mdnb.runtime.live.contracts import Adjustment, adjustment
from mdnb.runtime.live.seam_bars import shift_seam_bars
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.process.user_warning import warn_user
from mdnb.runtime.symbol_market import SymbolMarket

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BarAccess"]

_SHOWN: Final = 3


class BarAccess:
    """Frames of one symbol's bars.

    Parameters
    ----------
    others
        The other symbols of the market, where the symbol stands for it.
    """

    def __init__(self, market: SymbolMarket, others: Sequence[str] = ()) -> None:
        self._market = market
        self._others = others

    @immediate
    async def get_data(
        self,
        timeframe: str,
        count: int | None = None,
        start_time: When = None,
        end_time: When = None,
        *,
        closed_only: bool = False,
        as_of: When = None,
        with_times: bool = False,
        with_contract: bool = False,
        back_adjust: bool | Adjustment = False,
    ) -> pd.DataFrame:
        """Return bars of a timeframe, oldest first.

        Parameters
        ----------
        timeframe
            A timeframe that is kept, under any of its names.
        count
            The newest so many, the forming bar included, from disk too where memory holds fewer; None for
            all in memory.
        start_time, end_time
            Only bars that start in ``[start_time, end_time]``, from disk too. A string without a zone is of
            the frames' zone (``tz=`` of the market), a naive datetime the machine's local time. As the end a
            day, month or year is all of it, as in pandas' slices.
        closed_only
            Leave the forming bar out. Otherwise it is the last row, and ``frame.attrs["forming"]`` is True.
        as_of
            What was known at that time: the closed bars that had been closed here by then, as they were then,
            whatever changed them later. Where memory has none of them those on disk, as after a restart.
        with_times
            With two more columns, datetime64[us, tz]: ``end`` of each bar's interval, and ``closed_at``, the
            market time at which it was closed here and could be acted upon, ``NaT`` for the forming bar. Bars
            of a history, which came without times of arrival, count as closed at their end and the grace.
        with_contract
            With one more column, ``contract``: of which one of a continuous symbol each bar's start is. There
            is none for a symbol that is no such one. ``frame.attrs["contracts"]`` says the same in any case.
        back_adjust
            Prices without the jumps of a continuous symbol's rolls: True or ``"difference"`` adds to all bars
            before a seam what the new contract was worth more than the old one, ``"ratio"`` multiplies by how
            many times as much. By default prices are as they were traded, with the seams of
            `mdnb.LiveSymbol.rolls` in them; ``frame.attrs["back_adjusted"]`` names what was done. With
            ``as_of`` those of then count. Of a bar in which a seam lies the part before it alone is shifted.

        Returns
        -------
        pandas.DataFrame
            Index ``timestamp`` (datetime64[us, tz], bar start), columns open high low close volume
            tick_count, and vwap where the feed gives trades, all float64. Empty, with these columns, when
            there is no data. ``frame.attrs["partial"]`` lists the rows whose interval the feed did not cover
            whole, the last one once its bar has closed. It is the caller's: nothing changes it later.

        Raises
        ------
        TimeframeError
            When the timeframe is not kept; the message names the ones kept.
        OptionError
            When ``count`` is negative, a time is none, ``start_time`` is after ``end_time``, ``as_of`` is
            later than the market's time, or ``back_adjust`` is no way to adjust.
        NoDataError
            When more bars were amended since ``as_of`` than is kept, or bars known then have left memory
            and disk has none of them, or does not tell how they were (amended by an earlier process); where
            it is not known what the contracts were worth at a seam, or a ratio is asked for and they were not
            worth more than nothing.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min"], initial_days=1) as market:
        ...     bars = market.data.get_data("1min", count=100)
        >>> len(bars), bool((bars["high"] >= bars["low"]).all())
        (100, True)
        """
        if count is not None and (type(count) is not int or count < 0):
            count = whole_number("count", count)
        if with_contract or back_adjust is not False:
            how = adjustment(back_adjust)
            made = self._plain(timeframe, count, start_time, end_time, closed_only, as_of, with_times)
            instant = to_ns(as_of, self._market.engine.tz)
            return self._of_contracts(timeframe, made, how, instant, with_contract=with_contract)
        return self._plain(timeframe, count, start_time, end_time, closed_only, as_of, with_times)

    def _of_contracts(
        self,
        timeframe: str,
        frame: pd.DataFrame,
        how: Adjustment | None,
        instant: int | None,
        *,
        with_contract: bool,
    ) -> pd.DataFrame:
        engine = self._market.engine
        with engine.lock:
            contracts = engine.contracts
            if with_contract and contracts:
                times = frame.index.as_unit("ns").asi8  # type: ignore[attr-defined]  # an index of times
                frame["contract"] = contracts.column(times)
            if how is not None:
                plain = frame.copy()
                until = {} if instant is None else {"until_ns": instant}
                frame, rolls = contracts.adjust(frame, how, **until)
                shift_seam_bars(engine, timeframe, plain, frame, rolls, how)
                frame.attrs["back_adjusted"] = how
        return frame

    def _plain(
        self,
        timeframe: str,
        count: int | None,
        start_time: When,
        end_time: When,
        closed_only: bool,
        as_of: When,
        with_times: bool,
    ) -> pd.DataFrame:
        if start_time is not None is not end_time:
            self._refuse_nothing(start_time, end_time)
        if as_of is not None or with_times:
            return self._timed(timeframe, count, start_time, end_time, closed_only, as_of, with_times)
        if start_time is None is end_time:
            return self._market.open().frame(timeframe, count, closed_only=closed_only)
        tz = self._market.engine.tz
        return self._market.open().frame(
            timeframe, count, to_ns(start_time, tz), to_end_ns(end_time, tz), closed_only=closed_only
        )

    def _refuse_nothing(self, start_time: When, end_time: When) -> None:
        tz = self._market.engine.tz
        start_ns, end_ns = to_ns(start_time, tz), to_end_ns(end_time, tz)
        if start_ns is not None and end_ns is not None and start_ns > end_ns:
            raise OptionError(
                f"start_time={start_time!r} is after end_time={end_time!r}: no bar starts between them. "
                "Give the earlier one as start_time."
            )

    def _timed(
        self,
        timeframe: str,
        count: int | None,
        start_time: When,
        end_time: When,
        closed_only: bool,
        as_of: When,
        with_times: bool,
    ) -> pd.DataFrame:
        tz = self._market.engine.tz
        window = (count, to_ns(start_time, tz), to_end_ns(end_time, tz), closed_only)
        reader, instant = self._market.open().reader, to_ns(as_of, tz)
        if instant is None:
            return reader.frame_with_times(timeframe, window)
        self._market.refuse_future(instant)
        return reader.known_frame(timeframe, instant, window, with_times=with_times)

    @immediate
    async def get_all_data(self, timeframe: str) -> pd.DataFrame:
        """Return every bar of a timeframe, from memory and disk, oldest first; see `get_data`.

        Raises
        ------
        TimeframeError
            When the timeframe is not kept.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     len(market.data.get_all_data("5min")) >= 28
        True
        """
        return self._market.open().frame(timeframe, with_disk=True)

    def get_timeframes(self) -> list[str]:
        """Return the timeframes kept, fine to coarse, activity bars last.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     market.data.get_timeframes()
        ['1min', '5min']
        """
        return self._market.engine.timeframes()

    def has_timeframe(self, timeframe: str) -> bool:
        """Return whether bars of a timeframe are kept; False for names that are not understood.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     market.data.has_timeframe("5m"), market.data.has_timeframe("1hour")
        (True, False)
        """
        return self._market.engine.has_timeframe(timeframe)

    async def add_timeframe(self, timeframe: str) -> str:
        """Add a timeframe; its past bars are built at once, on a worker thread.

        They are made of the finer bars held, in memory, on disk and in the market's store, or else of the
        trades in memory. Bars of trades go on behind those that the store holds.

        A market of several symbols adds it to its first one, and warns of the others:
        ``live["MES"].add_timeframe("15min")`` adds it to another.

        Returns
        -------
        str
            Its canonical name.

        Raises
        ------
        TimeframeError
            When the name is not understood or makes no sense.
        DataImportError
            When the disk does not give the bars that left memory; nothing was added.

        Warns
        -----
        UserWarning
            When the market has other symbols, to which it was not added.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min"], initial_days=1) as market:
        ...     name = market.data.add_timeframe("30m")
        ...     name, len(market["30min"]) > 10
        ('30min', True)
        """
        name = await await_call(self._market.add_timeframe(timeframe))
        self._warn_of_others("add_timeframe", name, "added to")
        return name

    @immediate
    async def remove_timeframe(self, timeframe: str) -> str:
        """Stop keeping a timeframe; return its canonical name. Several symbols: as `add_timeframe`.

        Raises
        ------
        TimeframeError
            When it is not kept.

        Warns
        -----
        UserWarning
            As `add_timeframe`.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     market.data.remove_timeframe("5min")
        ...     market.data.get_timeframes()
        '5min'
        ['1min']
        """
        name = self._market.open().remove_timeframe(timeframe)
        self._warn_of_others("remove_timeframe", name, "removed from")
        return name

    def _warn_of_others(self, method: str, name: str, what: str) -> None:
        if self._others:
            ways = ", ".join(f"live[{other!r}].{method}({name!r})" for other in self._others[:_SHOWN])
            warn_user(f"{name} was {what} {self._market.symbol} alone; for the others: {ways}")
