"""The state of a chart, apart from plotly's own attributes."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from typing import Any

from mdnb.forked import refuse_in_children
from mdnb.widgets.chart.mode import Mode
from mdnb.widgets.chart.options import ChartOptions
from mdnb.widgets.figure.bar_source import BarSource, Handle
from mdnb.widgets.figure.decimals import PriceDecimals

__all__ = ["Anchors", "ChartState"]

Anchors = dict[str, tuple[float, float, int, int]]
"""Of drawings by name: ordinals of the sides, and their times in UTC epoch microseconds."""


@dataclasses.dataclass(eq=False, slots=True, kw_only=True, weakref_slot=True)
class ChartState:
    """A chart's source, options and what was drawn last.

    Attributes
    ----------
    timeframe
        As the source names it.
    options
        As they are now: another kind, for example, replaces them.
    theme
        The colours shown, ``dark`` or ``light``: where the options say ``auto``, the page's.
    sources
        Those whose symbol can be chosen.
    lock
        Held while the chart is drawn or changed.
    seen
        `BarSource.version` at the last draw.
    badge
        Connection state at the last draw.
    page_theme
        What listens to the page's theme, where something does.
    closed
        Nothing is drawn any more.
    follows
        Whether the page goes along with the newest bar.
    view
        What the page said last of the bars in view: how many, and how much room is right of them, where it
        follows; else the ordinals at the edges. None until then.
    link
        The group whose charts share crosshair and zoom in the page, and which of these.
    listener
        Ends listening to changes of the source.
    decimals
        Of the prices shown.
    prices
        Those of the symbol that were seen, where the source names no tick size.
    mode
        Whether it is live, paused or replays.
    anchors
        Sides and times of drawings, by name.
    put_away
        Shapes drawn on symbols that are not shown now, with their anchors.
    """

    source: BarSource
    timeframe: str
    options: ChartOptions
    theme: str
    sources: Mapping[str, BarSource]
    lock: Any = dataclasses.field(default_factory=threading.RLock)
    seen: tuple[int, int, int] = (-1, -1, -1)
    badge: str = ""
    page_theme: Callable[[Any], None] | None = None
    closed: bool = False
    follows: bool = True
    view: tuple[float, float] | None = None
    link: dict[str, Any] | None = None
    listener: Handle | None = None
    decimals: int = 2
    prices: PriceDecimals = dataclasses.field(default_factory=PriceDecimals)
    mode: Mode = dataclasses.field(default_factory=Mode)
    anchors: Anchors = dataclasses.field(default_factory=dict)
    put_away: dict[str, tuple[list[dict[str, Any]], Anchors]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse_in_children(self)

    @property
    def follows_page(self) -> bool:
        """Whether the colours follow the page's theme."""
        return self.options.theme == "auto"

    @property
    def zone(self) -> str:
        """The zone of labels made in the kernel; ``local`` is the page's and stands for the source's here."""
        tz = self.options.tz
        if tz == "exchange":
            return self.source.instrument.timezone
        return self.source.tz if tz is None or tz == "local" else tz
