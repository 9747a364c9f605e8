"""Which options a chart takes, and what it knows of itself once they are checked."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Mapping
from typing import Any

from mdnb.analysis.indicators import Indicator
from mdnb.errors import OptionError, suggest
from mdnb.widgets.chart.state import FRONTENDS, KINDS, ZONES, ChartState, check_choice
from mdnb.widgets.figure.bar_source import BarSource
from mdnb.widgets.figure.series import parse_overlays
from mdnb.widgets.page.page_probe import page_probe
from mdnb.widgets.page.theme import PALETTES, THEMES

__all__ = ["MOST_BARS", "checked_state"]

_OPTIONS = (
    "bars",
    "fps",
    "theme",
    "palette",
    "height",
    "static",
    "quotes",
    "frontend",
    "kind",
    "overlays",
    "volume",
    "tz",
)
MOST_BARS = {"fast": 50_000, "stock": 5_000}
"""How many bars a front end is given: plotly's own draws all of them each time."""


def checked_state(
    source: BarSource,
    timeframe: str,
    *,
    bars: int,
    fps: float,
    theme: str,
    palette: str,
    height: int,
    static: bool,
    quotes: bool,
    frontend: str,
    kind: str,
    overlays: Iterable[str | Indicator] | str,
    volume: bool,
    tz: str | None,
    sources: Mapping[str, BarSource] | None,
    unknown: Mapping[str, Any],
) -> ChartState:
    """Return the state of a chart with these options; see `mdnb.widgets.chart.chart.LiveChart`.

    Raises
    ------
    TimeframeError
        When the timeframe is not kept.
    OptionError
        When an option is unknown or outside what is allowed.
    """
    _check(
        bars=bars,
        fps=fps,
        height=height,
        frontend=frontend,
        theme=theme,
        palette=palette,
        kind=kind,
        flags={"static": static, "quotes": quotes, "volume": volume},
        tz=tz,
        unknown=unknown,
    )
    return ChartState(
        source,
        source.canonical(timeframe),
        bars,
        (page_probe().theme or "light") if theme == "auto" else theme,
        palette,
        height,
        static,
        follows_page=theme == "auto",
        quotes=quotes,
        kind=kind,
        indicators=parse_overlays(overlays),
        volume=volume,
        tz=tz,
        sources=sources or {},
    )


def _check(
    *,
    bars: int,
    fps: float,
    height: int,
    frontend: str,
    theme: str,
    palette: str,
    kind: str,
    flags: Mapping[str, Any],
    tz: str | None,
    unknown: Mapping[str, Any],
) -> None:
    """Raise `OptionError` for what a chart does not take."""
    for name in unknown:
        raise OptionError(f"a chart has no option {name!r}. {suggest(name, _OPTIONS)}")
    check_choice("front end", frontend, FRONTENDS)
    check_choice("theme", theme, THEMES)
    check_choice("palette", palette, PALETTES)
    check_choice("kind of chart", kind, KINDS)
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise OptionError(f"{name} must be True or False; got {flag!r}")
    most = MOST_BARS[frontend]
    if isinstance(bars, bool) or not isinstance(bars, int) or not 2 <= bars <= most:
        raise OptionError(f"bars must be a whole number from 2 to {most}; got {bars!r}")
    if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 0 < fps <= 120:
        raise OptionError(f"fps must be above 0 and at most 120; got {fps!r}")
    if isinstance(height, bool) or not isinstance(height, int) or not 120 <= height <= 4000:
        raise OptionError(f"height must be a whole number of pixels from 120 to 4000; got {height!r}")
    if tz is not None and tz not in ZONES:
        try:
            zoneinfo.ZoneInfo(tz)
        except (TypeError, ValueError, zoneinfo.ZoneInfoNotFoundError):
            raise OptionError(
                f"there is no time zone {tz!r}. Name one such as 'America/New_York' or 'UTC', or write "
                "'exchange' or 'local'"
            ) from None
