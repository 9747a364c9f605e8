"""Plotly's own front end, for hosts that cannot run ours; it redraws everything on each message."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from mdnb.stores.columns import BarColumns
from mdnb.widgets.chart.anchors import place
from mdnb.widgets.chart.look import held_bars, look_of, note_prices
from mdnb.widgets.chart.state import ChartState
from mdnb.widgets.figure.chart_bars import ChartBars
from mdnb.widgets.figure.figure import (
    FORMING,
    FORMING_VOLUME,
    HELD,
    has_log_prices,
    is_ours,
    moving_parts,
    on_log_axis,
    restructure,
    traces,
    view,
)
from mdnb.widgets.figure.layout import Look
from mdnb.widgets.figure.plotly_private import restyle, traces_of, view_count, whole_figure
from mdnb.widgets.figure.trace_parts import written_colours

__all__ = ["MOST_FPS", "PlotlyTransport"]

MOST_FPS = 2.0
"""More than two refreshes a second pile up in the page: nothing bounds the backlog of plotly's front end."""


class PlotlyTransport:
    """Draws a chart by plotly's own messages, one update a change.

    What the user added to the figure (traces behind our four, shapes, annotations) stays.

    Parameters
    ----------
    figure
        The chart.
    note
        Shown small below the legend; plain text of ours.
    """

    replays = links = False

    def __init__(self, figure: Any, state: ChartState, note: str = "") -> None:
        # Plotly's checks run in a thread of ours from now on: a cell that imports pandas meanwhile would give
        # them the half of it.
        importlib.import_module("pandas")
        self._figure = figure
        self._state = state
        self._note = note
        self._held = held_bars(self._state)
        note_prices(state, self._held)
        self._y_range: tuple[float, float] | None = None
        self._shows_forming = self._held.columns.forming
        self._had_view = self._is_made = False
        self._generation: tuple[int, int] = (-1, -1)

    @property
    def held(self) -> ChartBars:
        """The bars as the figure has them."""
        return self._held

    def make_figure(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the figure's traces and its layout."""
        look = look_of(self._state)
        layout = _merged(look.layout(self._state.options.height), self._layout(self._held.columns))
        self._is_made = True
        return self._traces(look), layout

    def draw(self, version: tuple[int, int, int]) -> None:
        """Send what changed, unless the last view was closed: the one that opens next gets the state."""
        count = view_count(self._figure)
        if count == 0 and self._had_view:
            return
        self._had_view = self._had_view or count > 0
        self._held.refresh(version)
        columns = self._held.columns
        if not len(columns):
            return
        if note_prices(self._state, self._held):
            self._send(*self.make_figure())
            return
        same = version[:2] == self._generation
        self._generation = version[:2]
        look = look_of(self._state)
        made = self._traces(look)
        if same and columns.forming and self._shows_forming:
            moved = {FORMING, FORMING_VOLUME, *(line.uid for line in look.lines)}
            made = [trace for trace in made if trace["uid"] in moved]
        self._shows_forming = columns.forming
        self._send(made, self._layout(columns))

    def wants(self) -> bool:
        """Return False for marks and alerts: this front end does not draw them."""
        return False

    def beat(self) -> None:
        """Do nothing: this front end has no connection badge."""

    def receive(self, message: Any) -> None:
        """Ignore late messages of our own front end."""

    def take_over(self) -> None:
        """Put bars, lines and texts into a figure that our own front end drew until now; its layout stays."""
        self._is_made = True
        self._send(self._traces(look_of(self._state)), self._layout(self._held.columns))

    def send_all(self) -> None:
        """Send every bar, changed or not: a page that has just begun may have missed some."""
        with self._state.lock:
            for at, trace in enumerate(traces_of(self._figure)):
                if is_ours(trace.get("uid")):
                    held = {name: [trace[name]] for name in HELD if name in trace}
                    restyle(self._figure, held, [at])

    def follow(self, on: bool) -> None:
        """Show all bars: plotly's own front end has no other place to go."""
        if on:
            self.show_all()

    def show_all(self) -> None:
        """Send everything anew."""
        self._y_range = None
        self._held.reload()
        self._send(*self.make_figure())

    def recompose(self) -> None:
        """Send everything again: kind, overlays, timeframe or symbol changed."""
        self._held = held_bars(self._state)
        note_prices(self._state, self._held)
        restructure(self._figure, self._traces(look_of(self._state)))
        place(self._figure, self._state, self._held.columns)
        self._figure._mdnb_move()
        self._y_range = None
        self._send(*self.make_figure())

    def recolour(self, old: Look, *, tell: bool) -> None:
        """Change the colours."""
        self.show_all()

    def number_points(self, points: dict[str, list[Any]]) -> None:
        """Leave the points of an event as they are: this front end draws every bar."""

    def traits(self) -> dict[str, Any]:
        """Return the initial values of the synced traits, for a page opened now."""
        return whole_figure(self._figure)

    def _traces(self, look: Look) -> list[dict[str, Any]]:
        made = traces(look, self._held, hover=True)
        for trace in made:
            if trace["type"] == "bar":
                # Plotly's page warns of each number that it meets as a colour, with each drawing.
                trace["marker"] = written_colours(trace["marker"])
        return made

    def _layout(self, held: BarColumns) -> dict[str, Any]:
        look = look_of(self._state)
        log = self._is_made and has_log_prices(self._figure)
        layout = {
            **view(look, held, self._y_range, log=log),
            **moving_parts(self._state.source, look, held, log=log),
        }
        if "yaxis" in layout:
            self._y_range = tuple(layout["yaxis"]["range"])
        layout = on_log_axis(layout) if log else layout
        if self._note:
            layout["annotations"] = [*layout["annotations"], look.note(self._note)]
        return layout

    def _send(self, made: list[dict[str, Any]], layout: dict[str, Any]) -> None:
        figure = self._figure
        layout = {**layout}
        for kind in ("shapes", "annotations"):
            if kind in layout:
                # Ours first, at fixed places; then whatever the user added.
                theirs = [item.to_plotly_json() for item in figure.layout[kind] if not is_ours(item.name)]
                layout[kind] = [*layout[kind], *theirs]
        places = {trace.uid: at for at, trace in enumerate(figure.data)}
        with figure.batch_update():
            for trace in made:
                if trace["uid"] in places:
                    shown = figure.data[places[trace["uid"]]]
                    for path, value in _leaves(trace):
                        if path not in {"type", "uid", "name"}:
                            shown[path] = value
            for kind in ("shapes", "annotations"):
                if kind in layout:
                    # Not merged into those there are, as an update would.
                    figure.layout[kind] = layout.pop(kind)
            figure.update_layout(layout)


def _leaves(trace: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Return what a trace sets, by path.

    Where one trace sets a whole ``marker``, plotly's page notes for all others that theirs is undefined, and
    a view that opens later cannot be drawn.
    """
    for name, value in trace.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _merged(layout: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    out = {**layout}
    for name, value in more.items():
        out[name] = {**out.get(name, {}), **value} if isinstance(value, dict) else value
    return out
