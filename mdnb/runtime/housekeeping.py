"""Once a second: tell of slow handlers and stale data, emit alerts held back, clean up the disk when due."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Callable, Mapping

from mdnb.clock import MarketClock, clock_sentence
from mdnb.runtime.live.accounting import counted
from mdnb.runtime.live.data_quality import hint_at
from mdnb.runtime.live.refused_share import RefusedShare
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.validate.findings import QualityFinding

__all__ = ["Housekeeping"]

_log = logging.getLogger("mdnb")
_SECONDS = 1.0
_MOST_WAITING = 8192
_MENDED_SECONDS = 60.0
_DISK_SECONDS = 10.0
_BARS_WITHOUT_TRADES = 3


class Housekeeping:
    """Periodic work for the symbols of a running session.

    Parameters
    ----------
    markets
        The symbols, by name; those that are there when it looks.
    now
        A monotonic clock in seconds; tests give their own.
    """

    def __init__(
        self, markets: Mapping[str, SymbolMarket], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._markets = markets
        self._now = now
        self._tidied: dict[str, float] = {}
        self._looked: dict[str, float] = {}
        self._stale: dict[str, bool] = {}
        self._clock_told = self._others_told = self._some_told = False
        self._refused: dict[str, bool] = {}
        self._unused_told: set[str] = set()
        self._shares: dict[str, RefusedShare] = {}
        # By symbol how often its data was not taken in, how much had been taken then, and when.
        self._failed: dict[str, tuple[int, int, float]] = {}

    async def run(self) -> None:
        """Run once a second until cancelled; runs on the background loop."""
        self._tidied = dict.fromkeys(self._markets, self._now())
        while True:
            await asyncio.sleep(_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Do one round. Whatever fails in it is told, and the next round comes all the same."""
        markets = list(self._markets.values())
        common = self._attempt(self._look_at_all)
        for market in markets:
            failure = common or self._attempt(functools.partial(self._look_at, market))
            if failure is None:
                market.end_trouble("background")
            else:
                market.tell_trouble("background", failure)
            if self._is_due(market):
                await self._tidy(market)
            elif self._is_disk_due(market):
                await self._look_at_disk(market)

    def _attempt(self, work: Callable[[], None]) -> Exception | None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  # who looks after a market must outlive what it finds
            return error
        return None

    def _look_at_all(self) -> None:
        for bus in {market.bus for market in self._markets.values()}:
            bus.look()
        self._tell_clock()
        self.tell_others()

    def _look_at(self, market: SymbolMarket) -> None:
        is_stale = market.freshness() < 1.0
        if is_stale and not self._stale.get(market.symbol, False):
            self._tell_stale(market)
        self._stale[market.symbol] = is_stale
        seconds = market.seconds_refused
        if seconds and not self._refused.get(market.symbol, False):
            self._tell_refused(market, seconds)
        self._refused[market.symbol] = seconds > 0
        self._look_at_intake(market)
        self.look_at_share(market)
        self.tell_unused(market)
        market.pipeline.alerts.flush()

    def _is_due(self, market: SymbolMarket) -> bool:
        config, now = market.engine.config, self._now()
        since = now - self._tidied.setdefault(market.symbol, now)
        is_due = config.auto_cleanup and since >= config.cleanup_frequency
        if is_due or self._waiting(market) > _MOST_WAITING:
            self._tidied[market.symbol] = now
            return True
        return False

    def _is_disk_due(self, market: SymbolMarket) -> bool:
        """Return whether it is time to see what can be read of the bars on disk; `_tidy` does so, too."""
        now = self._now()
        if (
            not market.engine.overflow
            or now - self._looked.get(market.symbol, -_DISK_SECONDS) < _DISK_SECONDS
        ):
            return False
        self._looked[market.symbol] = now
        return True

    def _tell_clock(self) -> None:
        """Say once that this computer's clock is wrong."""
        markets = list(self._markets.values())
        clock = markets[0].feed.clock if markets else None
        if self._clock_told or not isinstance(clock, MarketClock):
            return
        lead = clock.lead_seconds
        sentence = clock_sentence(lead)
        if sentence is None:
            return
        self._clock_told = True
        _log.warning("%s: market time is judged by the venue's; set this computer's clock", sentence)
        for market in markets:
            found = QualityFinding("clock_offset", sentence, clock.now_ns(), {"seconds": lead})
            market.pipeline.quality.note(found)

    def tell_others(self, *, at_end: bool = False) -> None:
        """Say once that data of symbols comes that nobody follows, and once where there is no other.

        Parameters
        ----------
        at_end
            Nothing more will come: what was left out is told now.
        """
        markets = list(self._markets.values())
        if not markets or not markets[0].batcher.counts.others:
            return
        batcher, followed = markets[0].batcher, ", ".join(map(repr, self._markets))
        is_live = markets[0].feed.playback is None
        if markets[0].gets_only_others and not self._others_told:
            self._others_told = self._some_told = True
            given = batcher.last_unknown[:64]
            sentence = f"all data of the feed is of other symbols, such as {given!r}; followed is {followed}"
        elif not self._some_told and (at_end or not batcher.gets_only_others):
            self._some_told = True
            counts = counted(batcher.counts.others)
            sentence = f"data of symbols that nobody follows is left out: {counts}; followed is {followed}"
        else:
            return
        # A recording of many symbols has others in it by its nature.
        _log.log(logging.WARNING if is_live else logging.INFO, sentence)
        for market in markets:
            found = QualityFinding("other_symbols", sentence, market.feed.clock.now_ns())
            market.pipeline.quality.note(found)

    def tell_unused(self, market: SymbolMarket, *, at_end: bool = False) -> None:
        """Say once that the feed sends bars of which none is made, where that is not what it offers.

        Parameters
        ----------
        at_end
            Nothing more will come. Before, trades may only be late: their first bar is known after them.
        """
        ledger, source, symbol = market.pipeline.ledger, market.engine.source, market.symbol
        offered = market.feed.own_bars(symbol)
        unused = {name: count for name, count in ledger.unused_bars.items() if name not in offered}
        if not unused or symbol in self._unused_told:
            return
        if source == "bars":
            sentence = f"bars of the feed are left out: {counted(unused)}; those here are made of its others"
        elif not ledger.received and (at_end or sum(unused.values()) >= _BARS_WITHOUT_TRADES):
            sentence = (
                f"the feed sends bars ({counted(unused)}) and no {source}, of which bars are made here: so"
                ' there are none. A feed of bars has source = "bars", and own_bars() tells which'
            )
        else:
            return
        self._unused_told.add(symbol)
        # A recording of bars has those of several timeframes in it by its nature.
        is_usual = source == "bars" and market.feed.playback is not None
        _log.log(logging.INFO if is_usual else logging.WARNING, "%s: %s", symbol, sentence)
        found = QualityFinding("unused_bars", sentence, market.feed.clock.now_ns())
        market.pipeline.quality.note(found)

    def _tell_stale(self, market: SymbolMarket) -> None:
        quality, health = market.pipeline.quality, market.health
        # A recording at its end is not stale, it is over.
        if health.status != "closed" and (quality.rules is None or quality.rules.check_stale):
            if market.gets_only_others or market.seconds_refused:
                return
            seconds = health.seconds_since_life()
            sentence = f"no sign of life for {_seconds(seconds)} while the market is open"
            if not health.is_up and health.status != "stale":
                # What a feed may send all the same shows nothing.
                sentence = f"the connection is lost while the market is open ({health.status})"
            found = QualityFinding("feed_stale", sentence, market.feed.clock.now_ns(), {"seconds": seconds})
            quality.note(found)

    def _tell_refused(self, market: SymbolMarket, seconds: float) -> None:
        """Say once that nothing of what comes is accepted, and why."""
        quality, reasons = market.pipeline.quality, market.pipeline.refusals.reasons
        if market.gets_only_others or not (quality.rules is None or quality.rules.check_stale):
            return
        why = (
            ", ".join(f"{count:,} {reason}" for reason, count in reasons.items()) or "none can be understood"
        )
        hint = hint_at(reasons)
        sentence = f"data comes and all of it was refused for {_seconds(seconds)}: {why}{hint}"
        _log.warning("%s: %s", market.symbol, sentence)
        values = {"seconds": seconds, **reasons}
        now = market.feed.clock.now_ns()
        quality.note(QualityFinding("all_refused", sentence, now, values, max(1, sum(reasons.values()))))

    def _waiting(self, market: SymbolMarket) -> int:
        return sum(overflow.waiting_rows for overflow in market.engine.overflow.values())

    async def _tidy(self, market: SymbolMarket) -> None:
        # It is told where it is met; what is not written stays in memory, and is tried again.
        with contextlib.suppress(Exception):
            await market.tidy()
        self._looked[market.symbol] = self._now()
        await self._look_at_disk(market)

    async def _look_at_disk(self, market: SymbolMarket) -> None:
        try:
            await market.look_at_disk()
        except Exception as error:  # noqa: BLE001  # who looks after a market must outlive what it finds
            market.tell_trouble("disk", error)

    def _look_at_intake(self, market: SymbolMarket) -> None:
        """Say that data is taken in again: some was, and for a minute none failed."""
        pipeline = market.pipeline
        seen = pipeline.failures, market.engine.updates
        failures, updates, since = self._failed.get(market.symbol, (0, 0, 0.0))
        if seen[0] != failures:
            self._failed[market.symbol] = (*seen, self._now())
        elif seen[1] != updates and self._now() - since >= _MENDED_SECONDS:
            market.end_trouble("intake")

    def look_at_share(self, market: SymbolMarket, *, at_end: bool = False) -> None:
        """Tell where a large share of a symbol's trades is refused; ``at_end``: nothing more will come."""
        share = self._shares.setdefault(market.symbol, RefusedShare())
        sentence = share.look(market.pipeline, at_end=at_end)
        if sentence is not None:
            market.tell_trouble("refused", sentence)
        elif not share.is_large:
            market.end_trouble("refused")


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.1g} s"
