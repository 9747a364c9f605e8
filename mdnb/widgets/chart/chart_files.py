"""A chart as a file or a still copy: picture, plain figure, page, and the bars in view as a table."""

from __future__ import annotations

import importlib.util
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from mdnb.errors import MissingExtraError, OptionError, suggest
from mdnb.io.atomic import atomic_write
from mdnb.stores.columns import frame_of
from mdnb.widgets.chart.anchors import anchored
from mdnb.widgets.chart.core import ChartCore
from mdnb.widgets.chart.look import VISIBLE_BARS, held_bars, look_of
from mdnb.widgets.figure.drawn_shapes import drawn_shapes
from mdnb.widgets.figure.figure import (
    HELD,
    has_log_prices,
    is_ours,
    moving_parts,
    on_log_axis,
    room_for_title,
    traces,
    view,
)
from mdnb.widgets.figure.layout import short_timeframe
from mdnb.widgets.figure.plotly_private import config_of
from mdnb.widgets.static_output.picture import svg_picture
from mdnb.widgets.static_output.static_drawings import DrawnPlace, add_drawings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXPORTS", "ChartFiles"]

EXPORTS = ("png", "html", "svg", "csv", "parquet")
"""What a chart can be saved as."""

_MAX_PICTURE_BARS = 200
_FAR = 500  # bars that a ray goes on in a plain figure, behind the newest one
_PNG_PIXELS = (1200, 2)
_TYPES = {
    "png": "image/png",
    "html": "text/html",
    "svg": "image/svg+xml",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}


class ChartFiles:
    """Makes files and still copies of a chart; `mdnb.widgets.chart.chart.LiveChart` has these methods."""

    def __init__(self, core: ChartCore) -> None:
        self._figure = core.figure
        self._state = core.state
        self._annotations = core.annotations

    def picture(self, width: int = 920, height: int | None = None) -> str:
        """Return the chart as it is now as a small stand-alone SVG.

        Parameters
        ----------
        width, height
            Pixels; by default as high as the chart.
        """
        state = self._state
        held = held_bars(state, _MAX_PICTURE_BARS)
        title = f"{state.source.symbol} · {short_timeframe(state.timeframe)}"
        log = has_log_prices(self._figure)
        size = (width, height or state.options.height)
        marks, alerts, position = self._annotations.held()
        with state.lock:
            drawings = [(shape, self._times().get(shape["name"])) for shape in drawn_shapes(self._figure)]
        instrument = state.source.instrument
        return svg_picture(
            held, look_of(state), title, *size, marks, alerts, position, log, drawings, instrument
        )

    def _times(self) -> dict[str, tuple[int, int]]:
        """Return the times of the drawings' sides, by name, UTC epoch microseconds."""
        state = self._state
        bars = state.source.columns(state.timeframe, state.options.bars)
        return {name: known[2:] for name, known in anchored(self._figure, state, bars).items()}

    def snapshot(self) -> go.Figure:
        """Return the chart as it is now as a plain plotly figure, which does not move."""
        state = self._state
        with state.lock:
            held, look = held_bars(state), look_of(state)
            ours = {trace["uid"]: trace for trace in traces(look, held, hover=True)}
            columns = held.columns
            log = has_log_prices(self._figure)
            around = {**view(look, columns, log=log), **moving_parts(state.source, look, columns, log=log)}
            around = on_log_axis(around) if log else around
            figure = go.Figure(self._figure.to_dict())
            drawings, times = drawn_shapes(figure), self._times()
        for trace in figure.data:
            made = ours.get(trace.uid, {})
            trace.update({name: made[name] for name in HELD if name in made}, overwrite=True)
        for kind in ("shapes", "annotations"):
            theirs = [item.to_plotly_json() for item in figure.layout[kind] if not is_ours(item.name)]
            # Not merged into those there are, as an update would.
            figure.layout[kind] = [*around.pop(kind, ()), *theirs]
        figure.update_layout(around | room_for_title(figure))
        low, high = figure.layout.yaxis.range or (0.0, 1.0)
        up = (10.0**low, 10.0**high) if log else (low, high)
        across = (float(columns.first), float(held.end + _FAR))
        add_drawings(figure, drawings, times, DrawnPlace(state.source.instrument, look, across, up, log))
        return self._annotations.add_to(figure, columns)

    def to_html(self, *args: Any, **kwargs: Any) -> str:
        """Return a stand-alone page of the chart as it is now; plotly's options."""
        kwargs.setdefault("config", {**config_of(self._figure), "responsive": True})
        text: str = self.snapshot().to_html(*args, **kwargs)
        return text

    def shown(self) -> pd.DataFrame:
        """Return the bars in view with a column for each line drawn; the forming bar is among them.

        Returns
        -------
        pandas.DataFrame
            Columns of a bar frame, then those of the indicators, such as ``ema(20)``; float64. The line
            ``vwap`` is the column ``vwap (line)``: ``vwap`` is each bar's own. The index is
            ``timestamp`` in the chart's zone. Before a page has reported what it shows: the newest 180 bars.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     frame = market.chart("1min", overlays=["ema(20)"]).shown()
        >>> list(frame.columns)[-1], 0 < len(frame) <= 180
        ('ema(20)', True)
        """
        state = self._state
        with state.lock:
            held = held_bars(state)
            first, end = held.columns.first, held.end
            left, right = self._edges(end)
            a = max(0, math.ceil(left) - first)
            b = min(end, math.floor(right) + 1) - first
            columns = held.columns.part(a, max(a, b))
            frame = frame_of(columns, state.zone, with_vwap=True)
            for line in look_of(state).lines:
                # Bars have a column of that name, too, such as their own vwap.
                name = f"{line.name} (line)" if line.name in frame.columns else line.name
                frame[name] = held.column(f"{line.indicator} {line.line}")[a : max(a, b)]
        frame.attrs["timeframe"] = state.timeframe
        return frame

    def _edges(self, end: int) -> tuple[float, float]:
        state = self._state
        if state.view is None:
            return end - VISIBLE_BARS, end
        if not state.follows:
            return state.view
        span, room = state.view
        return end - 1 + room - span, end - 1 + room

    def export(self, filename: str | Path) -> Path:
        """Write the chart, or the bars in view, into a file.

        Parameters
        ----------
        filename
            ``.html`` writes a stand-alone page, ``.svg`` a small picture, ``.png`` plotly's own picture
            (which needs the extra ``png``), ``.csv`` and ``.parquet`` the bars in view with their indicators.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        OptionError
            When the ending is none of these.
        MissingExtraError
            When a PNG is asked for and the extra is not installed.
        DataExportError
            When it cannot be written; a file that stood there is intact.
        """
        path = Path(filename)
        content = self.content(path.suffix.lower().removeprefix("."))
        with atomic_write(path) as file:
            file.write(content)
        return path

    def content(self, kind: str) -> bytes:
        """Return the bytes that `export` writes."""
        if kind == "html":
            return self.to_html().encode()
        if kind == "svg":
            return self.picture().encode()
        if kind == "png":
            return self._png()
        if kind == "csv":
            from mdnb.io.csv import write_csv

            frame = self.shown()
            return str(write_csv(frame, columns=list(frame.columns))).encode()
        if kind == "parquet":
            buffer = io.BytesIO()
            self.shown().to_parquet(buffer)
            return buffer.getvalue()
        raise OptionError(f"a chart is not saved as {kind!r}. {suggest(kind, EXPORTS)}")

    def _png(self) -> bytes:
        if importlib.util.find_spec("kaleido") is None:
            raise MissingExtraError(
                "a PNG is made by kaleido, which is not installed: pip install 'mdnb[png]', or let the page "
                "that shows the chart save it with chart.download('png'), or choose .svg or .html"
            )
        width, scale = _PNG_PIXELS
        height = self._state.options.height
        made: bytes = self.snapshot().to_image("png", width=width, height=height, scale=scale)
        return made

    def download(self, kind: str = "png") -> None:
        """Have the page that shows the chart offer it as a file to save.

        Parameters
        ----------
        kind
            ``png`` is the picture as the page shows it; ``html``, ``svg``, ``csv`` and ``parquet`` are as for
            `export`.

        Raises
        ------
        OptionError
            When there is no such kind.
        """
        if kind not in EXPORTS:
            raise OptionError(f"a chart is not saved as {kind!r}. {suggest(kind, EXPORTS)}")
        state = self._state
        name = f"{state.source.symbol}-{state.timeframe}.{kind}"
        message = {"kind": "download", "what": kind, "name": name, "type": _TYPES[kind]}
        self._figure.send(message, [] if kind == "png" else [self.content(kind)])
