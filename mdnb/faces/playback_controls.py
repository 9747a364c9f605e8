"""Controls of a market that plays a recording: pause, go on, speed, jump."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from mdnb.arguments import When, to_ns
from mdnb.clock import EventClock
from mdnb.errors import ClosedError, OptionError
from mdnb.feeds.replay.feed import ReplayFeed
from mdnb.runtime.live.recorded_batcher import RecordedBatcher
from mdnb.runtime.process.bridge import await_call, call
from mdnb.runtime.process.loop import background_loop
from mdnb.runtime.process.user_warning import warn_user
from mdnb.runtime.session import MarketSession
from mdnb.types import timestamp
from mdnb.wrong_names import not_to_be_set

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AwaitedPlayback", "PlainPlayback", "Playing"]


class Playing:
    """How a recording is played; all symbols of a market share it.

    Parameters
    ----------
    session
        Whose feed plays one.

    Raises
    ------
    OptionError
        When it is no recording.
    """

    def __init__(self, session: MarketSession) -> None:
        feed, batcher = session.feed, session.batcher
        if not isinstance(feed, ReplayFeed) or not isinstance(batcher, RecordedBatcher):
            raise OptionError(
                "this market is live, and plays nothing that could be paused: save it, live.save('btc.mdnb'),"
                " and open that, mdnb.open('btc.mdnb'); a chart alone is paused by chart.pause()"
            )
        self._session = session
        self._feed = feed
        self._batcher = batcher

    if not TYPE_CHECKING:  # a type checker would take it for leave to set anything

        def __setattr__(self, name: str, value: object) -> None:
            if name.startswith("_") or name == "speed":
                super().__setattr__(name, value)
                return
            raise AttributeError(not_to_be_set(self, "playback", name, value))

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        playback = self._feed.playback
        return playback is not None and playback.paused

    @property
    def time(self) -> pd.Timestamp:
        """The market's time, in the session's zone."""
        return timestamp(self._now_ns(), self._session.options.tz)

    @property
    def speed(self) -> float:
        """Market seconds a second; infinity is as fast as possible. Set it to a number or ``"max"``."""
        return self._feed.speed

    @speed.setter
    def speed(self, speed: float | str) -> None:
        def change() -> None:
            self._feed.change_speed(speed)
            for market in self._session.markets.values():
                market.pipeline.clock = self._feed.clock
            self._batcher.go_on()

        self._do(change)

    def pause(self) -> None:
        """Hold the market: nothing is played, no time passes and no bar closes; again it does nothing.

        Raises
        ------
        ClosedError
            When the recording is at its end, or the market was closed.
        """
        self._check_plays()
        if not self.paused:
            self._do(lambda: self._feed.pause(self._batcher.newest_ns()))

    def resume(self) -> None:
        """Go on from where it was paused; where it was not it does nothing.

        Raises
        ------
        ClosedError
            When the recording is at its end, or the market was closed.
        """
        self._check_plays()

        def go_on() -> None:
            self._feed.resume()
            self._batcher.go_on()

        if self.paused:
            self._do(go_on)

    def _check_plays(self) -> None:
        if self._session.closed:
            raise ClosedError("this market was closed: nothing is played any more")
        if self._session.ended.is_set():
            raise ClosedError(
                f"{self._feed.path.name} was played to its end, {self.time}: nothing is played any more;"
                f" begin anew, mdnb.open({str(self._feed.path)!r})"
            )

    async def _jump(self, time: When) -> None:
        session, feed = self._session, self._feed
        time_ns = to_ns(time, session.options.tz)
        if time_ns is None:
            raise OptionError("jump needs a time: text such as '2026-03-02T15:00', or a datetime")
        self._check_plays()
        now_ns = self._now_ns()
        if time_ns < now_ns:
            asked, stands = (timestamp(ns, session.options.tz) for ns in (time_ns, now_ns))
            raise OptionError(
                f"the market stands at {stands}, and what was played cannot be taken back to {asked}: begin"
                f" there, mdnb.open({str(feed.path)!r}, start={asked.isoformat()!r})"
            )
        session.begin()
        feed.move_to(time_ns)
        self._batcher.go_on()
        waits = [
            asyncio.ensure_future(wait) for wait in (self._batcher.wait_until(time_ns), session.ended.wait())
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if session.ended.is_set() and (end_ns := self._now_ns()) < time_ns:
            asked, end = (timestamp(ns, session.options.tz) for ns in (time_ns, end_ns))
            warn_user(f"{feed.path.name} ends at {end}, before {asked}: it was played to its end")

    def _now_ns(self) -> int:
        clock = self._feed.clock
        if isinstance(clock, EventClock) or self._session.ended.is_set():
            return self._batcher.newest_ns() or clock.now_ns()
        return clock.now_ns()

    def _do(self, work: Callable[[], None]) -> None:
        """Do something between two frames."""

        async def do() -> None:
            work()

        if background_loop().is_current_thread():
            work()
        else:
            call(do())

    def __repr__(self) -> str:
        is_over = self._session.closed or self._session.ended.is_set()
        state = "over" if is_over else "paused" if self.paused else "playing"
        speed = "max" if math.isinf(self.speed) else f"{self.speed:g}"
        return f"<playback of {self._feed.path.name}: {state} at {self.time}, speed {speed}>"


class PlainPlayback(Playing):
    """How a recording is played: ``live.playback``.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.open("dataset:gold-ticks", symbol="GC", timeframes="1min") as market:
    ...     playback = market.playback
    ...     playback.pause()
    ...     playback.jump("2013-10-07T00:10")
    ...     len(market["1min"]), playback.paused, str(playback.time)[:16]
    (10, True, '2013-10-07 00:10')
    """

    def jump(self, time: When) -> None:
        """Play at once what comes until a time, and go on from there, or stay paused there; block until then.

        Parameters
        ----------
        time
            Text (without a zone the session's), a datetime (a naive one is the machine's local time), or
            epoch seconds. At ``speed="max"`` it may be passed by up to 500 rows.

        Raises
        ------
        OptionError
            When it is before the market's time, or no time; the message says how to begin there.
        ClosedError
            When the recording is at its end, or the market was closed.

        Warns
        -----
        UserWarning
            When the recording ends before that time: it was played to its end.
        """
        call(self._jump(time))


class AwaitedPlayback(Playing):
    """How a recording is played: ``suite.playback``."""

    async def jump(self, time: When) -> None:
        """Play at once what comes until a time; as `PlainPlayback.jump`, awaited."""
        await await_call(self._jump(time))
