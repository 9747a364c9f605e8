"""What a chart knows of itself, apart from plotly's own attributes; and which options it takes."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from typing import Any

from mdnb.analysis.indicators import Indicator
from mdnb.errors import OptionError, suggest
from mdnb.widgets.chart.modes import Mode
from mdnb.widgets.figure.bar_source import BarSource, Handle
from mdnb.widgets.figure.layout import Look
from mdnb.widgets.page.theme import Theme, theme_of

__all__ = ["FRONTENDS", "KINDS", "VISIBLE_BARS", "ZONES", "Anchors", "ChartState", "check_choice"]

FRONTENDS = ("fast", "stock")
KINDS = ("candles", "ohlc", "line", "area", "heikin-ashi")
"""How bars are drawn."""
ZONES = ("exchange", "local")
"""Time zones by what they are: the exchange's, and that of whoever looks."""
VISIBLE_BARS = 180
"""How many bars a chart shows at first."""

Anchors = dict[str, tuple[float, float, int, int]]
"""Of rectangles by name: ordinals of the sides, and their times in UTC epoch microseconds."""


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
    kind, indicators, volume
        How bars are drawn, what is drawn beside them, and whether volume is.
    tz
        Zone of the labels: a name, ``exchange``, ``local``, or None for the source's.
    sources
        Those whose symbol can be chosen.
    follows_page
        Whether the colours follow the page's theme.
    observes_page
        Whether it is told of the page's theme.
    closed
        Nothing is drawn any more.
    follows
        Whether the page goes along with the newest bar.
    view
        What the page said last of the bars in view: how many, and how much room is right of them, where it
        follows; else the ordinals at the edges. None until then.
    mode
        Whether it is live, paused or replays.
    anchors
        Sides and times of drawn rectangles, by name.
    put_away
        Shapes drawn on symbols that are not shown now, with their anchors.
    link
        The group whose charts share crosshair and zoom in the page, and which of these.
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
    kind: str = "candles"
    indicators: tuple[Indicator, ...] = ()
    volume: bool = True
    tz: str | None = None
    sources: Mapping[str, BarSource] = dataclasses.field(default_factory=dict)
    lock: Any = dataclasses.field(default_factory=threading.RLock)
    seen: tuple[int, int, int] = (-1, -1, -1)
    badge: str = ""
    observes_page: bool = False
    closed: bool = False
    follows: bool = True
    view: tuple[float, float] | None = None
    link: dict[str, Any] | None = None
    listener: Handle | None = None
    mode: Mode = dataclasses.field(default_factory=Mode)
    anchors: Anchors = dataclasses.field(default_factory=dict)
    put_away: dict[str, tuple[list[dict[str, Any]], Anchors]] = dataclasses.field(default_factory=dict)

    @property
    def colours(self) -> Theme:
        """The theme's colours."""
        return theme_of(self.theme, self.palette)

    @property
    def zone(self) -> str:
        """The zone of labels made in the kernel; ``local`` is the page's and stands for the source's here."""
        if self.tz == "exchange":
            return self.source.instrument.timezone
        return self.source.tz if self.tz in {None, "local"} else str(self.tz)

    def look(self, theme: str | None = None) -> Look:
        """Return what makes the pieces of a figure, in the chart's theme or another."""
        instrument = self.source.instrument
        return Look(
            self.source.symbol,
            self.timeframe,
            instrument.decimals,
            instrument.whole_lots,
            theme_of(theme or self.theme, self.palette),
            self.zone,
            kind=self.kind,
            indicators=self.indicators,
            has_volume=self.volume,
        )


def check_choice(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Raise `OptionError` for a value that is not one of those allowed."""
    if value not in allowed:
        raise OptionError(f"there is no {name} {value!r}. {suggest(str(value), allowed)}")
