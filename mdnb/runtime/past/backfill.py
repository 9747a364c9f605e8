"""Watches a connection for outages and has each symbol's repaired (`SymbolRepair`).

What a recording lacks is lost, when its own time says so (`RecordedGaps`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mdnb.feeds.base import Feed
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.recorded_gaps import RecordedGaps
from mdnb.runtime.past.missed_trades import place_by_ids
from mdnb.runtime.past.repair import Pace, SymbolRepair
from mdnb.runtime.past.stretches import Patience

__all__ = ["Backfill"]


class Backfill:
    """Has what outages cost fetched from the venue's history.

    Parameters
    ----------
    feed
        Whose history is asked.
    pipelines
        Where each symbol's trades go; those that are there when `start` is called.
    patience
        How long what is waited for.
    on_release
        Called when bars that waited go on.
    """

    def __init__(
        self,
        feed: Feed,
        pipelines: Mapping[str, Pipeline],
        patience: Patience | None = None,
        on_release: Callable[[], None] = lambda: None,
    ) -> None:
        self.repairs: dict[str, SymbolRepair] = {}
        self._feed = feed
        self._pipelines = pipelines
        self._patience = patience or Patience()
        self._on_release = on_release

    def start(self) -> None:
        """Begin to watch; called on the background loop once the history is loaded."""
        if self._feed.playback is not None:
            for pipeline in self._pipelines.values():
                place_by_ids(pipeline)
                RecordedGaps(pipeline)
            return
        pace = Pace()
        self.repairs = {
            symbol: SymbolRepair(self._feed, pipeline, self._patience, pace, self._on_release)
            for symbol, pipeline in self._pipelines.items()
        }

    def on_status(self, status: str, at_ns: int | None = None) -> None:
        """Handle a new connection status of an instant of the market; called on the background loop."""
        for repair in self.repairs.values():
            if status == "disconnected":
                repair.disconnected(at_ns)
            elif status == "reconnected":
                repair.reconnected()

    def end(self) -> None:
        """Give up what was not repaired: the feed is at its end."""
        for repair in self.repairs.values():
            repair.end()

    def close(self) -> None:
        """Stop fetching."""
        for repair in self.repairs.values():
            repair.close()
