"""A chart as a small stand-alone SVG: what a page without a kernel shows."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdnb.instruments import Instrument
from mdnb.runtime.live.price_alerts import Alert
from mdnb.stores.bars import BarColumns
from mdnb.widgets.figure.axis import UNPLACED, price_range, round_numbers, time_labels, to_axis
from mdnb.widgets.figure.chart_bars import ChartBars
from mdnb.widgets.figure.drawn_shapes import kind_of
from mdnb.widgets.figure.figure import drawn_prices
from mdnb.widgets.figure.layout import Look, pane_domains
from mdnb.widgets.figure.mark import Mark
from mdnb.widgets.figure.position import Position
from mdnb.widgets.figure.series import Line, Pane
from mdnb.widgets.figure.trace_parts import CLOSES_ACCENT
from mdnb.widgets.page.theme import contrast_text
from mdnb.widgets.static_output.static_annotations import alerts_in_range, placed_marks, position_words
from mdnb.widgets.static_output.static_drawings import DrawnPlace, drawing_svg, more_parts

__all__ = ["svg_picture"]

_RIGHT = 78
_LEFT = 10
_TOP = 30
_BOTTOM = 22
_MOST_MARKS = 200  # the newest; a picture is small
_MOST_LETTERS = 40
_CRISP = 'shape-rendering="crispEdges"'  # of what stands upright; as PNG it is half as large then
_TINY = 1e-300
_CHIP = 16  # so near to the last price a label would be covered by its own


@dataclasses.dataclass(frozen=True, slots=True)
class _Scale:
    """Where values of one pane stand."""

    top: float
    bottom: float
    low: float
    high: float
    log: bool = False

    def y(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            # What has no place on the axis stands at its foot.
            value = max(value, low)
            low, value, high = (to_axis(each, log=True) for each in (low, value, high))
        return self._at(value, low, high)

    def beyond(self, value: float) -> float:
        """Return where a value stands that may be far from all that is shown: what is cut there goes on."""
        low, high = self.low, self.high
        if self.log:
            low, value, high = (to_axis(max(each, _TINY), log=True) for each in (low, value, high))
        return self._at(value, low, high)

    def _at(self, value: float, low: float, high: float) -> float:
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)


def svg_picture(
    held: ChartBars,
    look: Look,
    title: str,
    width: int = 920,
    height: int = 420,
    marks: Sequence[Mark] = (),
    alerts: Sequence[Alert] = (),
    position: Position | None = None,
    log: bool = False,
    drawings: Sequence[tuple[Mapping[str, Any], tuple[int, int] | None]] = (),
    instrument: Instrument | None = None,
) -> str:
    """Return bars, volume, lines, the last price, drawings, marks, alerts and a position as SVG text.

    Parameters
    ----------
    held
        The bars to show.
    title
        Shown top left; escaped.
    marks, alerts
        Of the symbol; the newest 200 marks at the bars held are shown.
    position
        Shown at its entry, with what it has gained at the newest price.
    log
        Whether the price axis is logarithmic.
    drawings
        Shapes of what was drawn, with the times of their sides, UTC epoch microseconds.
    instrument
        By which a measure counts ticks and money.
    """
    theme = look.theme
    body = [f'<rect width="{width}" height="{height}" fill="{theme.background}"/>']
    if len(held.columns):
        picture = _Picture(held, look, width, height, log)
        if log and float(picture.bars.low.min()) <= 0:
            title = f"{title} ({UNPLACED})"
        body += (
            picture.parts()
            + picture.drawings(drawings, instrument or Instrument(look.symbol))
            + picture.alerts(alerts)
            + picture.position(position)
            + picture.last()
            + picture.marks(marks)
        )
    body.append(f'<text x="10" y="19" fill="{theme.text}" font-weight="600">{html.escape(title)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" '
        f'font-family="system-ui,sans-serif" font-size="11" role="img">{"".join(body)}</svg>'
    )


class _Picture:
    def __init__(self, held: ChartBars, look: Look, width: int, height: int, log: bool) -> None:
        self.held, self.look, self.width, self.height = held, look, width, height
        self.bars = drawn_prices(look, held)
        self.room = (width - _RIGHT - _LEFT) / (len(self.bars) + 4)
        inside = height - _TOP - _BOTTOM
        domains = pane_domains(len(look.panes), has_volume=look.has_volume)
        self.spans = [(_TOP + inside * (1 - top), _TOP + inside * (1 - bottom)) for bottom, top in domains]
        low, high = price_range(self.bars.low, self.bars.high, None, log)
        self.price = _Scale(*self.spans[0], low, high, log)

    def x(self, i: Any) -> float:
        return float(_LEFT + self.room * (i + 0.5))

    def parts(self) -> list[str]:
        look = self.look
        out = self._grid()
        if look.has_volume:
            out += self._volume(self.held.columns, *self.spans[1])
        lower = self.spans[2 if look.has_volume else 1 :]
        for pane, span in zip(look.panes, lower, strict=True):
            out += self._pane(pane, *span)
        out += self._candles(self.bars) if look.kind not in {"line", "area"} else self._close()
        return out + [self._line(line, self.price) for line in look.lines if line.axis == "y"]

    def _grid(self) -> list[str]:
        theme, right = self.look.theme, self.width - _RIGHT
        out = []
        last = self.price.y(float(self.held.columns.close[-1]))
        for price in round_numbers(self.price.low, self.price.high, self.price.bottom - self.price.top):
            y = self.price.y(price)
            out.append(f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="{theme.grid}" {_CRISP}/>')
            if abs(y - last) < _CHIP:
                continue  # the last price's label stands there
            out.append(
                f'<text x="{right + 6}" y="{y + 4:.1f}" fill="{theme.muted}">'
                f"{price:,.{self.look.decimals}f}</text>"
            )
        where, labels = time_labels(self.bars.time_us.tolist(), 0, self.look.tz, bold=False)
        for at, label in zip(where, labels, strict=True):
            out.append(
                f'<text x="{self.x(at):.1f}" y="{self.height - 7}" fill="{theme.muted}" '
                f'text-anchor="middle">{label}</text>'
            )
        return out

    def _candles(self, bars: BarColumns) -> list[str]:
        out, wide = [], max(self.room * 0.7, 0.8)
        is_ohlc = self.look.kind == "ohlc"
        for rising, colour in ((True, self.look.theme.up), (False, self.look.theme.down)):
            wicks, bodies = [], []
            for i in np.flatnonzero((bars.close >= bars.open) == rising):
                x = self.x(i)
                start, end = self.price.y(bars.open[i]), self.price.y(bars.close[i])
                wicks.append(f"M{x:.1f} {self.price.y(bars.high[i]):.1f}V{self.price.y(bars.low[i]):.1f}")
                if is_ohlc:
                    wicks.append(f"M{x - wide / 2:.1f} {start:.1f}H{x:.1f}M{x:.1f} {end:.1f}h{wide / 2:.1f}")
                    continue
                top, tall = min(start, end), max(abs(start - end), 0.8)
                bodies.append(f"M{x - wide / 2:.1f} {top:.1f}h{wide:.1f}v{tall:.1f}h-{wide:.1f}z")
            out.append(f'<path d="{"".join(wicks)}" stroke="{colour}" fill="none" {_CRISP}/>')
            # Below a hollow body its own wick would be seen.
            fill = self.look.theme.background if rising and self.look.kind == "hollow" else colour
            out.append(f'<path d="{"".join(bodies)}" fill="{fill}" stroke="{colour}" {_CRISP}/>')
        return out

    def _close(self) -> list[str]:
        colour = self.look.theme.accent(CLOSES_ACCENT)
        path = self._path(self.bars.close, self.price)
        out = [f'<path d="{path}" stroke="{colour}" stroke-width="1.5" fill="none"/>']
        if self.look.kind == "area":
            base = f"V{self.price.bottom:.1f}H{self.x(0):.1f}z"
            out.insert(0, f'<path d="{path}{base}" fill="{colour}" opacity=".12"/>')
        return out

    def _path(self, values: NDArray[np.float64], scale: _Scale) -> str:
        out, pen = [], "M"
        for i, value in enumerate(values.tolist()):
            if np.isfinite(value):
                out.append(f"{pen}{self.x(i):.1f} {min(max(scale.y(value), scale.top), scale.bottom):.1f}")
                pen = "L"
            else:
                pen = "M"
        return "".join(out)

    def _volume(self, bars: BarColumns, top: float, bottom: float) -> list[str]:
        scale = _Scale(top, bottom, 0.0, max(float(bars.volume.max()), 1e-12) * 1.1)
        return self._columns(bars.volume, bars.close >= bars.open, scale)

    def _columns(self, values: NDArray[np.float64], rising: NDArray[np.bool_], scale: _Scale) -> list[str]:
        wide, base = max(self.room * 0.7, 0.8), scale.y(0.0)
        out = []
        for side, colour in ((True, self.look.theme.up), (False, self.look.theme.down)):
            path = "".join(
                f"M{self.x(i) - wide / 2:.1f} {base:.1f}h{wide:.1f}V{scale.y(values[i]):.1f}h-{wide:.1f}z"
                for i in np.flatnonzero((rising == side) & np.isfinite(values))
            )
            out.append(f'<path d="{path}" fill="{colour}" opacity=".45" {_CRISP}/>')
        return out

    def _pane(self, pane: Pane, top: float, bottom: float) -> list[str]:
        theme = self.look.theme
        lines = [line for line in self.look.lines if line.axis == pane.axis]
        values = np.concatenate([self._values(line) for line in lines])
        held = values[np.isfinite(values)]
        low, high = pane.range or ((float(held.min()), float(held.max())) if len(held) else (0.0, 1.0))
        if any(line.style == "bars" for line in lines):
            low, high = min(low, 0.0), max(high, 0.0)
        scale = _Scale(top, bottom, low, high if high > low else low + 1.0)
        out = [
            f'<path d="M{_LEFT} {scale.y(guide):.1f}H{self.width - _RIGHT}" stroke="{theme.grid}"/>'
            for guide in pane.guides
        ]
        for line in lines:
            if line.style == "bars":
                out += self._columns(self._values(line), self._values(line) >= 0, scale)
            else:
                out.append(self._line(line, scale))
        label = html.escape(pane.label)
        return [*out, f'<text x="{_LEFT}" y="{top + 11:.1f}" fill="{theme.muted}">{label}</text>']

    def _values(self, line: Line) -> NDArray[np.float64]:
        return self.held.column(f"{line.indicator} {line.line}")

    def _line(self, line: Line, scale: _Scale) -> str:
        colour = self.look.theme.accent(line.accent)
        path = self._path(self._values(line), scale)
        return f'<path d="{path}" stroke="{colour}" stroke-width="{line.width}" fill="none"/>'

    def drawings(
        self, drawings: Sequence[tuple[Mapping[str, Any], tuple[int, int] | None]], instrument: Instrument
    ) -> list[str]:
        """Return what was drawn, cut at the edges of the prices; upright lines go through all panes."""
        scale, first = self.price, self.held.columns.first
        right = self.width - _RIGHT
        across = (first - 1.0, first + (right - _LEFT) / self.room + 1.0)
        place = DrawnPlace(instrument, self.look, across, (scale.low, scale.high), scale.log)

        def pixels(ordinal: float, price: float) -> tuple[float, float]:
            return self.x(ordinal - first), scale.beyond(price)

        out = []
        for shape, times in drawings:
            kind = kind_of(shape)
            ends = (*pixels(shape["x0"], shape["y0"]), *pixels(shape["x1"], shape["y1"]))
            if kind == "line":
                ends = (_LEFT, ends[1], right, ends[3])
            elif kind == "vertical":
                ends = (ends[0], scale.top, ends[2], self.height - _BOTTOM)
            out.append(drawing_svg(shape, more_parts(shape, times, place), ends, pixels, place))
        foot = self.height - _BOTTOM
        box = f"{_LEFT} {scale.top:.1f} {right - _LEFT} {foot - scale.top:.1f}"
        x, y, wide, tall = box.split()
        cut = f'<svg x="{x}" y="{y}" width="{wide}" height="{tall}" viewBox="{box}">'
        return [cut, *out, "</svg>"] if out else []

    def marks(self, marks: Sequence[Mark]) -> list[str]:
        """Return marks at their bars, those of buys below them."""
        theme, columns = self.look.theme, self.held.columns
        fills = {"buy": theme.up, "sell": theme.down, "note": theme.text}
        out = []
        for mark, at, place in [*placed_marks(marks, columns, self.look.timeframe)][-_MOST_MARKS:]:
            way = 1 if mark.side == "buy" else -1  # down the picture, or up
            end = self.bars.low[at] if way > 0 else self.bars.high[at]
            x, y = self.x(at), self.price.y(float(end)) + way * (13 * place - 8)
            shape = f"M{x:.1f} {y:.1f}l5 {8 * way}h-10z"
            if mark.side == "note":
                shape = f"M{x - 4:.1f} {y - 4:.1f}a4 4 0 1 1 8 0a4 4 0 1 1-8 0z"
            out.append(f'<path d="{shape}" fill="{fills[mark.side]}" stroke="{theme.background}"/>')
            if mark.price is not None:
                level = self.price.y(mark.price)
                out.append(
                    f'<path d="M{x - 7:.1f} {level:.1f}h14" stroke="{theme.text}" stroke-width="1.5"/>'
                )
            if mark.text:
                words = html.escape(mark.text[:_MOST_LETTERS])
                out.append(
                    f'<text x="{x + 8:.1f}" y="{y + 4 * way + 4:.1f}" fill="{theme.text}">{words}</text>'
                )
        return out

    def alerts(self, alerts: Sequence[Alert]) -> list[str]:
        """Return the alerts on prices in view, those that are over paler."""
        right, colour = self.width - _RIGHT, self.look.theme.warning
        out = []
        for _, price, opacity in alerts_in_range(alerts, self.price.low, self.price.high):
            y, words = self.price.y(price), f"{price:,.{self.look.decimals}f}"
            out.append(
                f'<g opacity="{opacity:g}"><path d="M{_LEFT} {y:.1f}H{right}" stroke="{colour}" '
                f'stroke-dasharray="6 4"/><rect x="{right}" y="{y - 9:.1f}" width="{_RIGHT}" height="18" '
                f'fill="{self.look.theme.background}" stroke="{colour}"/>'
                f'<text x="{right + 6}" y="{y + 4:.1f}" fill="{colour}">{words}</text></g>'
            )
        return out

    def position(self, position: Position | None) -> list[str]:
        """Return the position, where its entry is in view."""
        if position is None or not self.price.low <= position.entry <= self.price.high:
            return []
        words, colour = position_words(position, float(self.held.columns.close[-1]), self.look)
        y, right, edge = self.price.y(position.entry), self.width - _RIGHT, f'stroke="{colour}"'
        entry, back = f"{position.entry:,.{self.look.decimals}f}", self.look.theme.background
        return [
            f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="{colour}"/>',
            f'<rect x="{right}" y="{y - 9:.1f}" width="{_RIGHT}" height="18" fill="{back}" {edge}/>',
            f'<text x="{right + 6}" y="{y + 4:.1f}" fill="{colour}">{entry}</text>',
            f'<text x="{_LEFT + 6}" y="{y - 4:.1f}" fill="{colour}">{words}</text>',
        ]

    def last(self) -> list[str]:
        """Return the last price, over all that may stand at it on the axis."""
        last, theme = float(self.held.columns.close[-1]), self.look.theme
        colour = theme.up if last >= float(self.held.columns.open[-1]) else theme.down
        y, right = self.price.y(last), self.width - _RIGHT
        words = f"{last:,.{self.look.decimals}f}"
        return [
            f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="{colour}" stroke-dasharray="2 3"/>',
            f'<rect x="{right}" y="{y - 9:.1f}" width="{_RIGHT}" height="18" fill="{colour}"/>',
            f'<text x="{right + 6}" y="{y + 4:.1f}" fill="{contrast_text(colour)}">{words}</text>',
        ]
