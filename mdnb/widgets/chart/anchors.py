"""Anchors drawings in time: a shape's x is a bar's ordinal, which changes with the timeframe."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from mdnb.stores.columns import BarColumns
from mdnb.widgets.chart.state import Anchors, ChartState
from mdnb.widgets.figure.drawn_shapes import drawn_shapes, has_times, is_drawn, other_shapes, recolour_drawn
from mdnb.widgets.figure.plotly_private import adopt_shapes, layout_of
from mdnb.widgets.page.theme import theme_of

__all__ = ["anchored", "carry", "ordinals_of", "place", "taking", "times_of"]


def ordinals_of(times_us: list[int], bars: BarColumns) -> list[float]:
    """Return ordinals at times in UTC epoch microseconds; the reverse of `times_of`."""
    at = bars.first + np.arange(len(bars), dtype=float)
    # A chart's axis needs no millionths of a bar; whole bars come back as whole numbers.
    return [round(place, 6) for place in _along(times_us, bars.time_us.astype(float), at)]


def times_of(ordinals: list[float], bars: BarColumns) -> list[int]:
    """Return times at ordinals, in UTC epoch microseconds: between bars, and beyond them, by proportion."""
    at = bars.first + np.arange(len(bars), dtype=float)
    return [round(time) for time in _along(ordinals, at, bars.time_us.astype(float))]


def _along(given: list[Any], known: np.ndarray, values: np.ndarray) -> list[float]:
    """Interpolate, and go on as the middle step does at both ends."""
    if len(known) < 2:
        shift = float(values[0] - known[0]) if len(known) else 0.0
        return [float(one) + shift for one in given]
    slope = float(np.median(np.diff(values))) / float(np.median(np.diff(known)))
    out = []
    for one in given:
        if one < known[0]:
            out.append(float(values[0] + (one - known[0]) * slope))
        elif one > known[-1]:
            out.append(float(values[-1] + (one - known[-1]) * slope))
        else:
            out.append(float(np.interp(one, known, values)))
    return out


def anchored(figure: Any, state: ChartState, bars: BarColumns) -> Anchors:
    """Return, and remember, sides and times of the drawings; times known stand while nobody moves one."""
    anchors: Anchors = {}
    for shape in drawn_shapes(figure):
        if not has_times(shape):
            continue
        x0, x1 = float(shape["x0"]), float(shape["x1"])
        known = state.anchors.get(shape["name"])
        if known is None or known[:2] != (x0, x1):
            start, end = times_of([x0, x1], bars)
            known = (x0, x1, start, end)
        anchors[shape["name"]] = known
    state.anchors = anchors
    return anchors


def place(figure: Any, state: ChartState, bars: BarColumns) -> None:
    """Put the drawings where their times are now: another timeframe, or bars put in between, moved them."""
    anchors = state.anchors
    shapes = [dict(shape) for shape in layout_of(figure).get("shapes") or ()]
    moved = False
    for shape in shapes:
        if shape.get("name") not in anchors:
            continue
        x0, x1, start, end = anchors[shape["name"]]
        left, right = ordinals_of([start, end], bars)
        if (left, right) != (x0, x1) and (shape["x0"], shape["x1"]) == (x0, x1):
            shape["x0"], shape["x1"] = left, right
            anchors[shape["name"]] = (left, right, start, end)
            moved = True
    if moved:
        figure.plotly_relayout({"shapes": shapes})


def carry(figure: Any, state: ChartState, before: BarColumns, now: BarColumns, symbol: str) -> None:
    """Carry drawings by their times from bars to others.

    Prices of one symbol mean nothing on another: what was drawn on the one before, ``symbol``, is put away
    until it is shown again, and what was once drawn on the one shown now is back.
    """
    anchors = anchored(figure, state, before)
    if state.source.symbol != symbol:
        state.put_away[symbol] = (drawn_shapes(figure), anchors)
        shapes, state.anchors = state.put_away.pop(state.source.symbol, ([], {}))
        figure.layout.shapes = [*other_shapes(figure), *shapes]
        recolour_drawn(figure, theme_of(state.theme, state.options.palette))
    place(figure, state, now)


@contextlib.contextmanager
def taking(figure: Any, state: ChartState, told: dict[str, Any] | None) -> Iterator[None]:
    """Take shapes from a page; from our tools only what is drawn: Python may have others meanwhile."""
    changes = told["relayout_data"] if told else {}
    if not told or not isinstance(changes.get("shapes"), list):
        yield
        return
    theirs = [dict(shape) for shape in other_shapes(figure)]
    others = [shape for shape in changes["shapes"] if not is_drawn(shape.get("name"))]
    if told.pop("drawn", False) and others != theirs:
        changes["shapes"] = theirs + [shape for shape in changes["shapes"] if is_drawn(shape.get("name"))]
        told["source_view_id"] = None  # that view lacks them too
    # Plotly takes such a list into the figure's data, and leaves `figure.layout.shapes` as it was.
    adopt_shapes(figure.layout, changes["shapes"])
    yield
    anchored(figure, state, state.source.columns(state.timeframe, state.options.bars))
