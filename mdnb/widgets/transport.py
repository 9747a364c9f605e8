"""How a chart's changes reach the page. The one place that knows the front end's messages.

`StockTransport` speaks to plotly's own front end, which draws everything anew on each message. A front end
of our own goes here, beside it, with the same two methods.
"""

from __future__ import annotations

from typing import Any

__all__ = ["StockTransport"]

_CANDLES, _FORMING, _VOLUME, _FORMING_VOLUME = range(4)
_OURS = "mdnb-"


class StockTransport:
    """Plotly's own front end: one update message a change.

    What the user added to the figure (traces behind our four, shapes, annotations) stays.
    """

    def __init__(self, figure: Any) -> None:
        self._figure = figure

    def update_forming(self, traces: list[dict[str, Any]], layout: dict[str, Any]) -> None:
        """Send the forming candle and volume, and what moves with them."""
        self._send({_FORMING: traces[0], _FORMING_VOLUME: traces[1]}, layout)

    def replace_bars(self, traces: list[dict[str, Any]], layout: dict[str, Any]) -> None:
        """Send all bars."""
        self._send(dict(enumerate(traces)), layout)

    def _send(self, traces: dict[int, dict[str, Any]], layout: dict[str, Any]) -> None:
        figure = self._figure
        layout = {**layout}
        for kind in ("shapes", "annotations"):
            if kind in layout:
                # Ours first, at fixed places; then whatever the user added.
                theirs = [item.to_plotly_json() for item in figure.layout[kind] if not _is_ours(item.name)]
                layout[kind] = [*layout[kind], *theirs]
        with figure.batch_update():
            for at, trace in traces.items():
                changes = {
                    name: value for name, value in trace.items() if name not in ("type", "uid", "name")
                }
                figure.data[at].update(changes, overwrite=True)
            figure.update_layout(layout)


def _is_ours(name: str | None) -> bool:
    return bool(name) and str(name).startswith(_OURS)
