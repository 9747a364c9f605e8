"""`Playback`: what a recording that is played and the session that takes it in tell each other."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
from collections.abc import Callable, Iterator

__all__ = ["Playback"]


def _set_event() -> asyncio.Event:
    made = asyncio.Event()
    made.set()
    return made


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Playback:
    """Between a recording and its session.

    Attributes
    ----------
    arrivals
        For each frame that is delivered next, when it was received, and until when nothing else is: UTC epoch
        nanoseconds, in order. Of a frame of rows these are the times of its first and its last one.
    dated_rows
        Whether each row has come at the time in it, and not with others at that of their frame.
    on_time
        Called by the recording with the time that passes between its frames.
    receipt_lead
        Asked by the recording when it is opened, with its frames and their dialect: how many nanoseconds are
        to be added to their times of receipt, which a wrong clock told.
    bars_alone
        Asked by a recording without trades when it is opened, with the same: the finest timeframe of each
        symbol's bars, where there is nothing else to make bars of.
    in_single_rows
        Asked by the recording: whether rows are to be sent one by one, because somebody handles each.
    waits_to_begin
        Whether it plays once somebody wants its data, and not before.
    unreadable
        How many lines or rows the recording has left out so far, and the first of them in words.
    begun
        It plays once this is set.
    flowing
        It sends while this is set; nothing is lost while it is not.
    paused
        Whether it is held: then neither a row later than `limit_ns` is played, nor does time pass.
    limit_ns
        Up to where it is played though it is paused, UTC epoch nanoseconds.
    changed
        To be set after either was changed.
    begins_ns
        The market's time when it begins; rows of before are sent at once. 0: that of its first row.

    Examples
    --------
    >>> told = []
    >>> playback = Playback(on_time=told.append)
    >>> playback.arrivals.append((5, 5))
    >>> playback.pass_time(7)
    >>> _ = playback.arrivals.popleft()
    >>> playback.pass_time(9)
    >>> told
    [9]
    """

    arrivals: collections.deque[tuple[int, int]] = dataclasses.field(default_factory=collections.deque)
    dated_rows: bool = False
    on_time: Callable[[int], None] = lambda _now_ns: None
    receipt_lead: Callable[[Iterator[tuple[int, str | bytes]], str], int] = lambda _frames, _dialect: 0
    bars_alone: Callable[[Iterator[tuple[int, str | bytes]], str], dict[str, str]] = (
        lambda _frames, _dialect: {}
    )
    in_single_rows: Callable[[], bool] = lambda: False
    waits_to_begin: bool = False
    unreadable: Callable[[], tuple[int, str]] = lambda: (0, "")
    begun: asyncio.Event = dataclasses.field(default_factory=_set_event)
    flowing: asyncio.Event = dataclasses.field(default_factory=_set_event)
    paused: bool = False
    limit_ns: int = 0
    changed: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    begins_ns: int = 0

    def holds(self, at_ns: int) -> bool:
        """Return whether what is due at an instant has to wait."""
        return self.paused and at_ns > self.limit_ns

    def pass_time(self, now_ns: int) -> None:
        """Tell the time, unless frames are on their way that were sent before it."""
        if not self.arrivals:
            self.on_time(now_ns)
