"""How a chart's changes reach the page. The one place that knows the front ends' messages.

`StockTransport` speaks to plotly's own front end, which draws everything anew on each message.
`LayerTransport` sends what a tick moves to our layer, and only new bars to plotly.
"""

from __future__ import annotations

from typing import Any

from mdnb.store.bars import BarColumns
from mdnb.widgets.compose import ChartState, compose_traces, moving_numbers, moving_parts, step_range
from mdnb.widgets.page import live_layer

__all__ = ["LayerTransport", "StockTransport", "users_own"]

_FORMING, _FORMING_VOLUME = 1, 3
_OURS = "mdnb-"


class StockTransport:
    """Plotly's own front end: one update message a change.

    What the user added to the figure (traces behind our four, shapes, annotations) stays.
    """

    def __init__(self, figure: Any) -> None:
        self._figure = figure

    def update_forming(self, state: ChartState, held: BarColumns) -> None:
        """Send the forming candle and volume, and what moves with them."""
        traces = compose_traces(state, held)
        layout: dict[str, Any] = {}
        layout["shapes"], layout["annotations"] = moving_parts(state, held)
        stepped = step_range(state, held)
        if stepped is not None:
            layout["yaxis"] = {"range": stepped}
        self._send({_FORMING: traces[_FORMING], _FORMING_VOLUME: traces[_FORMING_VOLUME]}, layout)

    def replace_bars(
        self, state: ChartState, held: BarColumns, traces: list[dict[str, Any]], layout: dict[str, Any]
    ) -> None:
        """Send all bars."""
        self._send(dict(enumerate(traces)), layout)

    def _send(self, traces: dict[int, dict[str, Any]], layout: dict[str, Any]) -> None:
        figure = self._figure
        layout = {**layout}
        for kind in ("shapes", "annotations"):
            if kind in layout:
                # Ours first, at fixed places; then whatever the user added.
                layout[kind] = [*layout[kind], *users_own(figure, kind)]
        with figure.batch_update():
            for at, trace in traces.items():
                changes = {
                    name: value for name, value in trace.items() if name not in ("type", "uid", "name")
                }
                figure.data[at].update(changes, overwrite=True)
            figure.update_layout(layout)


class LayerTransport(StockTransport):
    """Our layer draws what moves; plotly is told of new bars and of a stepped price range only."""

    def update_forming(self, state: ChartState, held: BarColumns) -> None:
        """Send a few numbers."""
        live_layer().send(moving_numbers(state, held))
        stepped = step_range(state, held)
        if stepped is not None:
            self._send({}, {"yaxis": {"range": stepped}})

    def replace_bars(
        self, state: ChartState, held: BarColumns, traces: list[dict[str, Any]], layout: dict[str, Any]
    ) -> None:
        """Send all bars to plotly, and the numbers to the layer."""
        super().replace_bars(state, held, traces, layout)
        numbers = moving_numbers(state, held)
        if numbers is not None:
            live_layer().send(numbers)


def users_own(figure: Any, kind: str) -> list[dict[str, Any]]:
    """Return the shapes or annotations of a figure that are not ours."""
    return [
        item.to_plotly_json() for item in figure.layout[kind] if not str(item.name or "").startswith(_OURS)
    ]
