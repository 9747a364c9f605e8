"""Health of the connection: status, uptime, freshness and latency, all measured."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable

__all__ = ["Health"]

_UP = frozenset({"connected", "reconnected"})
_LATENCY_SAMPLES = 512
_STALE_SECONDS = 10.0
_NEVER = float("-inf")
_OFFSET_SECONDS = 600.0


class Health:
    """Connection state over time and the delay of the data.

    Parameters
    ----------
    now
        A monotonic clock in seconds; tests give their own.
    stale_seconds
        Without a sign of life for so long the feed counts as stale.
    silent_seconds
        Gives the seconds since a sign of life that only the feed sees, such as a pong.

    Attributes
    ----------
    status, detail
        The newest connection status and what came with it.
    disconnects
        How often the connection was lost.
    stale_seconds
        As given.
    has_all
        Whether all of a recording was delivered: while the rest is played no sign of life is waited for.

    Examples
    --------
    >>> times = iter([0.0, 0.0, 10.0, 20.0])
    >>> health = Health(lambda: next(times))
    >>> health.change("connecting", "")
    >>> health.change("connected", "")
    >>> round(health.uptime_percent(), 1)
    50.0
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        stale_seconds: float = _STALE_SECONDS,
        silent_seconds: Callable[[], float] = lambda: float("inf"),
    ) -> None:
        self.status = "connecting"
        self.detail = ""
        self.disconnects = 0
        self.stale_seconds = stale_seconds
        self.has_all = False
        self._now = now
        self._began = self._since = self._turned = now()
        self._up_seconds = 0.0
        self._tried = self._lost = False
        self._silent_seconds = silent_seconds
        self._last_frame = _NEVER
        self._last_data: dict[str, float] = {}
        # Since when data was refused, and when last.
        self._refused: dict[str, tuple[float, float]] = {}
        self._delays: collections.deque[float] = collections.deque(maxlen=_LATENCY_SAMPLES)
        self._next_sample = 0.0
        # Least delay of the last ten minutes, as one minimum for each half of them.
        self._lowest = float("inf")
        self._lowest_before = float("inf")
        self._half_ends = self._began + _OFFSET_SECONDS / 2

    @property
    def is_up(self) -> bool:
        """Whether the connection is up."""
        return self.status in _UP

    def change(self, status: str, detail: str) -> None:
        """Record a new connection status."""
        now = self._now()
        if not self._tried:
            # What came before the first attempt to connect is nobody's fault.
            self._tried = True
            self._began = self._turned = now
        was_up = self.is_up
        if was_up:
            self._up_seconds += now - self._since
        if status == "disconnected":
            # Attempts to connect that fail are no further losses.
            self.disconnects += not self._lost
            self._lost = True
        self._since = now
        self.status, self.detail = status, detail
        if self.is_up:
            self._lost = False
        if self.is_up != was_up:
            self._turned = now

    def frame(self) -> None:
        """Record that frames arrived, whatever is in them."""
        self._last_frame = self._now()

    def refused(self, symbol: str) -> None:
        """Record that data of a symbol arrived and none of it was accepted."""
        now = self._now()
        since = self._refused[symbol][0] if self._refuses(symbol, now) else now
        self._refused[symbol] = since, now

    def _refuses(self, symbol: str, now: float) -> bool:
        """Return whether data was refused lately: no longer ago than it went on, or than `stale_seconds`."""
        if symbol not in self._refused:
            return False
        since, last = self._refused[symbol]
        return now - last <= max(self.stale_seconds, last - since)

    def data(self, lag_ms: float | None, *symbols: str) -> None:
        """Record that good data of symbols arrived, and its latency in wall-clock milliseconds if known."""
        now = self._now()
        self._last_data.update(dict.fromkeys(symbols, now))
        if self._refused:
            for symbol in symbols:
                self._refused.pop(symbol, None)
        # A hundred samples a second are enough.
        if lag_ms is not None and now >= self._next_sample:
            self._next_sample = now + 0.01
            self._delays.append(lag_ms)
            if now >= self._half_ends:
                self._half_ends = now + _OFFSET_SECONDS / 2
                self._lowest_before, self._lowest = self._lowest, float("inf")
            if lag_ms < self._lowest:
                self._lowest = lag_ms

    def uptime_percent(self) -> float:
        """Return the share of the time since the start during which it was up, 0..100."""
        now = self._now()
        total = now - self._began
        up = self._up_seconds + (now - self._since if self.is_up else 0.0)
        return 100.0 * up / total if total > 0 else (100.0 if self.is_up else 0.0)

    def seconds_since_start(self) -> float:
        """Return the seconds since the session began."""
        return self._now() - self._began

    def seconds_since_data(self, symbol: str | None = None) -> float:
        """Return the seconds since data last arrived, of a symbol or at all; infinity before any."""
        held = self._last_data.values() if symbol is None else [self._last_data.get(symbol)]
        times = [when for when in held if when is not None]
        return self._now() - max(times) if times else float("inf")

    def newest_data(self) -> float:
        """Return when good data last came, of whatever symbol, in seconds of its own clock."""
        return max(self._last_data.values(), default=_NEVER)

    def seconds_since_life(self) -> float:
        """Return the seconds since the last sign of life: a frame, or what the feed counts as one."""
        return min(self._now() - self._last_frame, self._silent_seconds())

    def seconds_refused(self, symbol: str) -> float:
        """Return for how many seconds data of a symbol came and none was accepted; 0 where that is not so.

        Of a symbol that had good data less than `stale_seconds` before, bad data says nothing yet; and of one
        that trades seldom it says nothing any more once it lies back for longer than it went on, at least
        `stale_seconds`.
        """
        now = self._now()
        last = self._last_data.get(symbol, _NEVER)
        if now - last <= self.stale_seconds or not self._refuses(symbol, now):
            return 0.0
        return max(now - self._refused[symbol][0], 1e-9)

    def freshness(self, symbol: str, *, is_open: bool) -> float:
        """Return 1 while the feed is alive, falling to 0 as it goes stale.

        While the connection is up and the market open, `stale_seconds` without a sign of life are normal;
        from there it falls to 0 over as many seconds again. Whether anybody trades makes no difference, but
        where data comes and none is accepted it is 0. While the connection is down it falls from the loss of
        the connection on. An open connection to a closed market is fresh.
        """
        limit = self.stale_seconds
        if not self.is_up:
            down = self._now() - self._turned
            # A connection reported as stale was silent for some time when that was said.
            silent = down if self.status != "stale" else max(down, self.seconds_since_life())
            return max(0.0, 1.0 - max(silent, 1e-9) / limit) if self.status != "closed" else 0.0
        if not is_open:
            return 1.0
        if self.seconds_refused(symbol):
            return 0.0
        if self.has_all:
            return 1.0
        silent = min(self.seconds_since_life(), self._now() - self._since)
        return min(1.0, max(0.0, 2.0 - silent / limit))

    def clock_offset_ms(self) -> float:
        """Return the estimated lead of the venue's clock over ours, in milliseconds.

        Data cannot arrive before it was made: where the least delay of the last five to ten minutes is below
        zero, the venue's clock is at least that far ahead. A clock that lags cannot be told from a slow
        line, and counts as 0.
        """
        lowest = min(self._lowest, self._lowest_before)
        return -lowest if lowest < 0 else 0.0

    def latency_ms(self) -> float:
        """Return the median delay of the newest data in milliseconds, at least 0; ``nan`` before any.

        It is against the venue's clock as `clock_offset_ms` corrects it.
        """
        return self.latency_quantile_ms(0.5)

    def latency_quantile_ms(self, share: float) -> float:
        """Return a quantile of the newest data's latency, in milliseconds."""
        if not self._delays:
            return float("nan")
        ordered = sorted(self._delays)
        at = min(len(ordered) - 1, int(len(ordered) * share))
        return max(0.0, ordered[at] + self.clock_offset_ms())
