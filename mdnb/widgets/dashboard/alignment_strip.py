"""`AlignmentStrip`: the trend alignment of the timeframes, live."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mdnb.errors import OptionError, TimeframeError
from mdnb.sync_manager import SyncDataManager
from mdnb.widgets.dashboard.live_strip import LiveStrip
from mdnb.widgets.dashboard.strip_state import Gauge, StripState, Tile
from mdnb.widgets.figure.layout import short_timeframe
from mdnb.widgets.tables.cell_format import DASH
from mdnb.widgets.tables.state import Tone

if TYPE_CHECKING:
    from mdnb.analysis.alignment import TimeframeAlignment
    from mdnb.analysis.trend import TimeframeTrend

__all__ = ["AlignmentStrip"]


class AlignmentStrip(LiveStrip):
    """The trend of each timeframe and how far they agree; analysed anew whenever a bar closes.

    First the score from -1 to 1 with its direction and, behind it, the range that nine of ten markets without
    a trend stay in; a full arrow and a colour where it is confirmed. Then tau of each timeframe, or the sign
    of its averages: a full arrow and a colour where the trend is significant, a hollow arrow where it is not.

    Parameters
    ----------
    data
        Whose data is shown, such as ``live.data``.
    timeframes
        Those to look at; default all clock timeframes kept.
    window, minimum, alpha, weights, method
        As for ``data.analyze_timeframe_alignment``.
    fps, palette
        As for `LiveStrip`.

    Raises
    ------
    TimeframeError
        When a timeframe is not kept.
    OptionError
        When an option is outside what is allowed.
    """

    def __init__(
        self,
        data: SyncDataManager,
        timeframes: Sequence[str] | None = None,
        *,
        fps: float = 4.0,
        palette: str = "colorblind",
        **analysis: Any,
    ) -> None:
        self._asked = None if timeframes is None else [data.engine.canonical(name) for name in timeframes]
        self._analysis = analysis
        self._found: TimeframeAlignment = self._analyse(data)
        super().__init__(data, fps=fps, palette=palette)

    def _names(self, data: SyncDataManager) -> list[str] | None:
        """Return those asked for that are still kept."""
        if self._asked is None:
            return None
        return [name for name in self._asked if data.engine.has_timeframe(name)]

    def _analyse(self, data: SyncDataManager) -> TimeframeAlignment:
        # Without the lock: what chance gives for a new set of timeframes takes a moment, and trades go on.
        while True:
            names, analysis = self._names(data), self._analysis
            weights = analysis.get("weights")
            try:
                if names is not None and isinstance(weights, Mapping):
                    kept = {
                        name: weight for name, weight in weights.items() if data.engine.has_timeframe(name)
                    }
                    analysis = {**analysis, "weights": kept}
                return data.analyze_timeframe_alignment(names, **analysis)
            except (TimeframeError, OptionError):
                if names == self._names(data):
                    raise
                # Another thread removed a timeframe meanwhile.

    def _begin(self) -> None:
        self._found = self._analyse(self._data)

    def _version(self) -> Hashable:
        engine = self._engines[0]
        with engine.lock:
            # Without the updates of the bars that are being made: those play no part.
            return tuple((name, *engine.version(name)[:2]) for name in engine.timeframes()), self._status()

    def _compose(self) -> StripState:
        self._found = found = self._analyse(self._data)
        tiles = [_overall(found), *(_tile(name, found) for name in found.timeframes)]
        return StripState(f"{found.symbol} · timeframe alignment", tuple(tiles))


def _overall(found: TimeframeAlignment) -> Tile:
    if not found.available:
        return Tile("Alignment", DASH, "muted", f"fewer than {found.minimum} closed bars")
    low, high = found.null_band
    hint = (
        f"score {found.score:+z.2f} on a scale from -1 to 1, {found.trend_direction}, {found.verdict}, "
        f"agreement {found.agreement:.2f}; nine of ten markets without a trend stay within {low:+z.2f} to "
        f"{high:+z.2f}, and one in twenty is confirmed"
    )
    sure = bool(found.confirmed)
    return Tile(
        label="Alignment",
        value=f"{_arrow(found.score, full=sure)} {found.score:+z.2f}".strip(),
        tone=_tone(found.score, sure=sure, unsure=""),
        small=f"{found.trend_direction}, {found.verdict}" if sure else found.trend_direction,
        hint=hint,
        gauge=Gauge(found.score, found.null_band),
    )


def _tile(name: str, found: TimeframeAlignment) -> Tile:
    trend: TimeframeTrend = found.timeframes[name]
    label, reading = short_timeframe(name), found.readings[name]
    if math.isnan(reading):
        return Tile(label, DASH, "muted", f"{trend.bars} of {found.wanted} bars")
    chance = f"p {trend.p_value:.3f}" if trend.p_value >= 0.0005 else "p < .001"
    said = "significant" if trend.significant else "not significant"
    low, high = trend.null_band
    hint = (
        f"{name}: tau {trend.tau:+z.2f} over {trend.bars} closed bars,"
        f" by chance {low:+z.2f} to {high:+z.2f}; "
        f"t {trend.t:+z.2f}, {chance}: {said} at {100 * found.alpha:g} %, {trend.direction}"
    )
    if found.method != "tau":
        hint += f"; {found.method} {reading:+z.0f}"
    sure = trend.significant and trend.t * reading > 0
    value = f"{_arrow(reading, full=sure)} {reading:+.{2 if found.method == 'tau' else 0}f}".strip()
    small = chance if math.isfinite(trend.p_value) else ""
    return Tile(label, value, _tone(reading, sure=sure, unsure="muted"), small, hint)


def _tone(reading: float, *, sure: bool, unsure: Tone) -> Tone:
    if not sure:
        return unsure
    return "up" if reading > 0 else "down"


def _arrow(value: float, *, full: bool) -> str:
    if value == 0 or not math.isfinite(value):
        return ""
    return ("▲" if full else "△") if value > 0 else ("▼" if full else "▽")
