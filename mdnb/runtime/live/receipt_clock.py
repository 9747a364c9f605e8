"""How far the clock by which frames were received was off the venue's."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

from mdnb.clock import MarketClock, clock_sentence
from mdnb.decode import decoder
from mdnb.errors import FeedError

__all__ = ["receipt_lead"]

_FRAMES_SEEN = 5000


def receipt_lead(frames: Iterator[tuple[int, str | bytes]], dialect: str) -> int:
    """Return the nanoseconds to add to the times of receipt; 0 where they and the venue's agree to 2 s.

    It is measured at the beginning, by the rule of a live market: a recording made beside a wrong clock
    closes the bars that the market closed.

    Parameters
    ----------
    frames
        ``(time of receipt, frame)`` from the beginning on; a few thousand are read at most.
    dialect
        Names their decoder.

    Examples
    --------
    >>> second = 10**9
    >>> told = [10**18 + number * second for number in range(4)]
    >>> frames = [(at + 90 * second, f'{{"e":"clock","t":{at}}}') for at in told]
    >>> receipt_lead(iter(frames), "mdnb") // second
    -90
    """
    now_ns = 0

    def received() -> int:
        return now_ns

    clock = MarketClock(wall=received, steady=received)
    # What cannot be read, or not be decoded here, is told when it is played.
    with contextlib.suppress(FeedError):
        understand = decoder(dialect)
        for at_ns, frame in itertools.islice(frames, _FRAMES_SEEN):
            stamp_ns = understand.feed([frame]).clock_ns
            if not stamp_ns:
                continue
            now_ns = max(now_ns, at_ns)
            clock.arrived(stamp_ns)
            if clock.is_known:
                break
    lead_ns = clock.now_ns() - now_ns
    return 0 if clock_sentence(lead_ns / 1e9) is None else lead_ns
