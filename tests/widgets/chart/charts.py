"""Charts that the test draws, and what they send."""

from __future__ import annotations

import struct
from typing import Any

from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.page.sender import sender
from tests.widgets.sources import HandSource

__all__ = ["Wire", "drawn_by_hand"]

_ROW, _HEADER = 6, 7


class Wire:
    """What a chart sends, in place of its comm."""

    def __init__(self, chart: LiveChart) -> None:
        self.messages: list[tuple[dict[str, Any], bytes]] = []
        chart.__dict__["send"] = self._take

    def _take(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self.messages.append((content, buffers[0] if buffers else b""))

    def delta(self) -> tuple[list[float], list[tuple[float, ...]]]:
        """Return header and rows of the newest message, which is a delta."""
        content, packed = self.messages[-1]
        assert content["kind"] == "delta"
        numbers = struct.unpack(f"<{len(packed) // 8}d", packed)
        rows = [numbers[i : i + _ROW] for i in range(_HEADER, len(numbers), _ROW)]
        return list(numbers[:_HEADER]), rows


def drawn_by_hand(source: HandSource, **options: Any) -> LiveChart:
    """Return a chart of 1min bars in light colours that the sender's thread leaves alone."""
    made = LiveChart(source, "1min", **{"theme": "light", **options})
    sender().remove(made)
    return made
