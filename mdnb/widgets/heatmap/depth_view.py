"""`DepthView`: the order book over time as a heat map, and now as a ladder."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from mdnb.widgets.heatmap.heat_map import HeatMap
from mdnb.widgets.page.display_policy import kept
from mdnb.widgets.page.hold import end, hold, let_go
from mdnb.widgets.page.known_attributes import MadeWhole, check_attribute
from mdnb.widgets.page.marimo_host import marimo_box
from mdnb.widgets.static_output.static_output import image_tag
from mdnb.widgets.tables.ladder import DepthLadder
from mdnb.widgets.tables.state import TableState

__all__ = ["DepthView"]


class DepthView(ipywidgets.Box, metaclass=MadeWhole):  # type: ignore[misc]  # ipywidgets has no types
    """Heat map and ladder of one order book, side by side, below each other where there is little room.

    Attributes
    ----------
    heat_map, ladder
        The two; each can be shown by itself.
    """

    def __init__(self, heat_map: HeatMap, ladder: DepthLadder) -> None:
        self.heat_map = heat_map
        self.ladder = ladder
        layout = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start", width="100%")
        layout.grid_gap = "8px"
        super().__init__(children=(heat_map, ladder), layout=layout)
        let_go(self)

    if not TYPE_CHECKING:  # a type checker would take it for leave to set anything

        def __setattr__(self, name: str, value: object) -> None:
            check_attribute(self, name, value)
            super().__setattr__(name, value)

    @property
    def symbol(self) -> str:
        """The symbol shown."""
        return self.heat_map.symbol

    def state(self) -> TableState:
        """Return what the ladder shows, made of the book as it is now."""
        return self.ladder.state()

    def to_html(self) -> str:
        """Return both as they are now as plain HTML, everything escaped."""
        return f"<div>{self.heat_map.to_html()}{self.ladder.to_html()}</div>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any] | None:
        hold(self)
        bundle: dict[str, Any] | None = super()._repr_mimebundle_(**kwargs)
        self.heat_map.note_shown()
        self.ladder.note_shown()
        if not bundle:
            return bundle
        drawn = image_tag(self.heat_map.picture(), f"Heat map of {self.symbol}'s order book")
        html = f"<div>{drawn}{self.ladder.to_html()}</div>"
        return kept({**bundle, "text/plain": str(self), "text/html": html})

    def _display_(self) -> Any:
        # Marimo asks for it.
        places = [("flex:1 1 480px;min-width:280px", self.heat_map), ("", self.ladder)]
        return marimo_box("display:flex;flex-flow:row wrap;align-items:flex-start;gap:8px", places)

    def close(self) -> None:
        """Stop updating and leave the page."""
        # Closed also by the interpreter's end, and after a constructor that failed half way.
        if "ladder" in self.__dict__:
            let_go(self, shown=True)
            self.heat_map.close()
            self.ladder.close()
        super().close()

    def __del__(self, end: Callable[..., None] = end) -> None:
        # The box alone: what is in it may be held, or shown elsewhere.
        end(super().close)

    def __str__(self) -> str:
        return str(self.ladder)

    def __repr__(self) -> str:
        if "ladder" not in self.__dict__:
            return f"<{type(self).__name__}>"
        return f"<{type(self).__name__} {self.symbol}: {self.state().badge.text}>"
