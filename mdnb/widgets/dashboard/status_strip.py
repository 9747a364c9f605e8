"""`StatusStrip`: the state of connection and data, live."""

from __future__ import annotations

import collections
import math
import time
from collections.abc import Hashable

from mdnb.statistics import DataStatistics
from mdnb.sync_manager import SyncDataManager
from mdnb.widgets.dashboard.live_strip import LiveStrip
from mdnb.widgets.dashboard.strip_state import StripState, Tile
from mdnb.widgets.tables.cell_format import DASH
from mdnb.widgets.tables.state import Tone

__all__ = ["StatusStrip"]

_RATE_SECONDS = 5.0
_GOOD, _FAIR = 95.0, 80.0


class StatusStrip(LiveStrip):
    """Connection, latency, quality score, trades a second, bars held and gaps of one symbol.

    Trades a second are those of the last five seconds, wall clock. A value's hint says what it is made of.

    Parameters
    ----------
    data
        Whose data is shown, such as ``live.data``.
    fps, palette
        As for `LiveStrip`.

    Raises
    ------
    OptionError
        When an option is outside what is allowed.
    """

    def __init__(self, data: SyncDataManager, *, fps: float = 1.0, palette: str = "colorblind") -> None:
        self._counts: collections.deque[tuple[float, int]] = collections.deque()
        super().__init__(data, fps=fps, palette=palette)

    def _begin(self) -> None:
        self._counts.clear()

    def _version(self) -> Hashable:
        # Latency and freshness change without a trade, so each turn looks; what is the same is not sent.
        return time.monotonic()

    def _trades_a_second(self) -> float:
        now, total = time.monotonic(), self._engines[0].ticks.total
        counts = self._counts
        counts.append((now, total))
        while len(counts) > 2 and counts[1][0] <= now - _RATE_SECONDS:
            counts.popleft()
        seconds = now - counts[0][0]
        return (total - counts[0][1]) / seconds if seconds > 0.5 else math.nan

    def _compose(self) -> StripState:
        data = self._data
        stats = data.get_stats()
        rate = self._trades_a_second()
        engine = self._engines[0]
        with engine.lock:
            names = engine.timeframes()
            held = sum(len(engine.log(name)) + (engine.forming_of(name) is not None) for name in names)
        tiles = (
            self._connection(stats),
            _latency(stats),
            _quality(stats),
            Tile("Trades/s", f"{rate:,.1f}" if math.isfinite(rate) else "…", hint="of the last five seconds"),
            Tile("Bars", f"{held:,}", hint=f"in memory: {', '.join(names)}"),
            _gaps(stats),
        )
        return StripState(f"{data.symbol} · status", tiles)

    def _connection(self, stats: DataStatistics) -> Tile:
        badge = self._badge()
        hint = f"up {stats.connection_uptime:.1f} % of the time, {stats.disconnects} disconnects"
        return Tile("Connection", badge.text, badge.tone, hint=hint, dot=True)


def _latency(stats: DataStatistics) -> Tile:
    if math.isinf(stats.seconds_since_data):
        return Tile("Latency", DASH, "muted", hint="no data yet")
    hint = (
        f"median of the newest data; 99 of 100 within {stats.p99_latency_ms:,.0f} ms; "
        f"last data {stats.seconds_since_data:.0f} s ago"
    )
    return Tile("Latency", f"{stats.avg_latency_ms:,.0f} ms", hint=hint)


def _quality(stats: DataStatistics) -> Tile:
    score = stats.data_quality_score
    tone: Tone = "" if score >= _GOOD else "warning" if score >= _FAIR else "dead"
    hint = (
        f"0 to 100: complete {stats.completeness:.1f} %, rejected {stats.rejected_share:.2%}, "
        f"late {stats.late_share:.2%}, malformed {stats.malformed_share:.2%}, fresh {stats.freshness:.0%}"
    )
    return Tile("Quality", f"{score:.1f}", tone, hint=hint)


def _gaps(stats: DataStatistics) -> Tile:
    if not stats.gaps:
        return Tile("Gaps", "none", hint="stretches that the feed did not deliver")
    left = stats.gaps - stats.gaps_repaired - stats.gaps_repairing
    hint = f"{stats.gaps_repaired} of {stats.gaps} filled from the venue's history"
    note = ", ".join(
        [f"{left} lost"] * bool(left)
        + [f"{stats.gaps_repairing} being repaired"] * bool(stats.gaps_repairing)
    )
    return Tile("Gaps", f"{stats.gaps:,}", "warning" if note else "", note or "repaired", hint)
