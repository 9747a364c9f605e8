"""What a chart shows and what is drawn on it, as it is saved with its market, and put back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mdnb.analysis.indicators import Indicator
from mdnb.io.manifest import SavedChart, SavedDrawing, SavedMark, SavedPosition
from mdnb.widgets.chart.anchors import anchored, ordinals_of
from mdnb.widgets.chart.core import ChartCore
from mdnb.widgets.chart.state import Anchors
from mdnb.widgets.figure.drawn_shapes import KINDS, drawn_shapes, kind_of, made_shape, words_of
from mdnb.widgets.figure.mark import SIDES
from mdnb.widgets.page.theme import theme_of

__all__ = ["described", "options_of", "put_back"]

_LONGEST_TEXT = 200


def described(core: ChartCore) -> SavedChart:
    """Return what a chart shows, and what is drawn and marked on each of its symbols."""
    state = core.state
    with state.lock:
        options, symbol = state.options, state.source.symbol
        bars = state.source.columns(state.timeframe, options.bars)
        held = {symbol: (drawn_shapes(core.figure), anchored(core.figure, state, bars))}
        held |= {other: kept for other, kept in state.put_away.items() if other != symbol}
        return SavedChart(
            symbol=symbol,
            timeframe=state.timeframe,
            kind=options.kind,
            overlays=[str(one) for one in options.indicators if isinstance(one, Indicator)],
            volume=options.volume,
            quotes=options.quotes,
            drawings={other: made for other, kept in held.items() if (made := _drawings(*kept))},
            marks={
                other: [
                    SavedMark(time_ns=mark.time_ns, side=mark.side, price=mark.price, text=mark.text)
                    for mark in marks
                ]
                for other, marks in core.annotations.marks.made().items()
            },
            positions={
                other: SavedPosition(entry=one.entry, size=one.size, point_value=one.point_value)
                for other, one in core.annotations.positions.all().items()
            },
        )


def _drawings(shapes: list[dict[str, Any]], anchors: Anchors) -> list[SavedDrawing]:
    made = []
    for shape in shapes:
        begin, end = float(shape["y0"]), float(shape["y1"])
        sides, kind = anchors.get(shape["name"]), kind_of(shape)
        if sides is None:
            if kind == "line":
                made.append(SavedDrawing(low=begin))
            continue
        start_us, end_us = int(sides[2]), int(sides[3])
        if kind == "rect":
            # As the first versions wrote it: they read it, too.
            (low, high), (start_us, end_us) = sorted((begin, end)), sorted((start_us, end_us))
            made.append(SavedDrawing(low=low, high=high, start_us=start_us, end_us=end_us))
        else:
            made.append(
                SavedDrawing(
                    low=begin, high=end, start_us=start_us, end_us=end_us, kind=kind, text=words_of(shape)
                )
            )
    return made


def options_of(saved: SavedChart) -> dict[str, Any]:
    """Return the options of a chart that shows what a saved one did."""
    return {
        "kind": saved.kind,
        "overlays": list(saved.overlays),
        "volume": saved.volume,
        "quotes": saved.quotes,
    }


def put_back(core: ChartCore, saved: SavedChart, symbols: Mapping[str, str]) -> None:
    """Draw and mark on a chart what was drawn and marked on a saved one.

    Parameters
    ----------
    symbols
        The names by which the saved symbols are followed now.
    """
    state = core.state
    with state.lock:
        theme = theme_of(state.theme, state.options.palette)
        bars = state.source.columns(state.timeframe, state.options.bars)
        for symbol, drawings in saved.drawings.items():
            name = symbols.get(symbol)
            if name is None:
                continue
            shapes: list[dict[str, Any]] = []
            anchors: Anchors = {}
            for drawing in drawings:
                start_us, end_us = drawing.start_us, drawing.end_us
                if not _is_sound(drawing):
                    continue
                if drawing.high is None or start_us is None or end_us is None:
                    shapes.append(made_shape("line", (0, 1), (drawing.low, drawing.low), theme))
                    continue
                left, right = ordinals_of([start_us, end_us], bars)
                prices = (drawing.low, drawing.high)
                shape = made_shape(drawing.kind or "rect", (left, right), prices, theme, text=drawing.text)
                anchors[shape["name"]] = (left, right, start_us, end_us)
                shapes.append(shape)
            if name == state.source.symbol:
                state.anchors.update(anchors)
                core.figure.layout.shapes = [*core.figure.layout.shapes, *shapes]
            else:
                state.put_away[name] = (shapes, anchors)
    core.annotations.marks.put(
        (symbols[symbol], mark.time_ns, mark.text[:_LONGEST_TEXT], mark.side, mark.price)
        for symbol, marks in saved.marks.items()
        if symbol in symbols
        for mark in marks
        if mark.side in SIDES
        and abs(mark.time_ns) < 2**63
        and (mark.price is None or math.isfinite(mark.price))
    )
    for symbol, one in saved.positions.items():
        numbers = (one.entry, one.size, one.point_value)
        if symbol in symbols and all(map(math.isfinite, numbers)) and one.size:
            core.annotations.positions.put(symbols[symbol], *numbers)


def _is_sound(drawing: SavedDrawing) -> bool:
    prices = [drawing.low] if drawing.high is None else [drawing.low, drawing.high]
    times = [time for time in (drawing.start_us, drawing.end_us) if time is not None]
    if drawing.kind and (drawing.kind not in KINDS or drawing.kind == "line"):
        return False
    return all(math.isfinite(price) for price in prices) and all(abs(time) < 2**62 for time in times)
