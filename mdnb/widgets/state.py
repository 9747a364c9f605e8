"""What a chart knows of itself, apart from plotly's own attributes; and which options it takes."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

from mdnb.errors import OptionError, suggest
from mdnb.widgets.layout import Look
from mdnb.widgets.source import BarSource, Handle
from mdnb.widgets.theme import PALETTES, THEMES, Theme, theme_of

__all__ = ["FRONTENDS", "VISIBLE_BARS", "ChartState", "check_options"]

FRONTENDS = ("fast", "stock")
VISIBLE_BARS = 180
"""How many bars a chart shows at first."""

_OPTIONS = ("bars", "fps", "theme", "palette", "height", "static", "quotes", "frontend")
_MOST_BARS = {"fast": 50_000, "stock": 5_000}


@dataclasses.dataclass(eq=False, slots=True)
class ChartState:
    """A chart's source, options and what was drawn last.

    Attributes
    ----------
    lock
        Held while the chart is drawn or changed.
    seen
        `BarSource.version` at the last draw.
    badge
        Connection state at the last draw.
    quotes
        Whether bid and ask are drawn.
    follows_page
        Whether the colours follow the page's theme.
    observes_page
        Whether it is told of the page's theme.
    closed
        Nothing is drawn any more.
    follows
        Whether the page goes along with the newest bar.
    """

    source: BarSource
    timeframe: str
    bars: int
    theme: str
    palette: str
    height: int
    static: bool
    follows_page: bool
    quotes: bool = False
    lock: Any = dataclasses.field(default_factory=threading.RLock)
    seen: tuple[int, int, int] = (-1, -1, -1)
    badge: str = ""
    observes_page: bool = False
    closed: bool = False
    follows: bool = True
    listener: Handle | None = None

    @property
    def colours(self) -> Theme:
        """The theme's colours."""
        return theme_of(self.theme, self.palette)

    def look(self, theme: str | None = None) -> Look:
        """Return what makes the pieces of a figure, in the chart's theme or another."""
        instrument = self.source.instrument
        colours = theme_of(theme or self.theme, self.palette)
        return Look(
            self.source.symbol,
            self.timeframe,
            instrument.decimals,
            instrument.whole_lots,
            colours,
            self.source.tz,
        )


def check_options(
    bars: int, fps: float, theme: str, palette: str, height: int, frontend: str, unknown: dict[str, Any]
) -> None:
    """Raise `OptionError` for what a chart does not take."""
    for name in unknown:
        raise OptionError(f"a chart has no option {name!r}. {suggest(name, _OPTIONS)}")
    for name, value, allowed in (
        ("front end", frontend, FRONTENDS),
        ("theme", theme, THEMES),
        ("palette", palette, PALETTES),
    ):
        if value not in allowed:
            raise OptionError(f"there is no {name} {value!r}. {suggest(str(value), allowed)}")
    most = _MOST_BARS[frontend]
    if isinstance(bars, bool) or not isinstance(bars, int) or not 2 <= bars <= most:
        raise OptionError(f"bars must be a whole number from 2 to {most}; got {bars!r}")
    if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 0 < fps <= 120:
        raise OptionError(f"fps must be above 0 and at most 120; got {fps!r}")
    if isinstance(height, bool) or not isinstance(height, int) or not 120 <= height <= 4000:
        raise OptionError(f"height must be a whole number of pixels from 120 to 4000; got {height!r}")
