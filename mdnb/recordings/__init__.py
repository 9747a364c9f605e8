"""Files that play as a feed, whoever wrote them: recordings, saved markets, files of ticks and of bars."""

from __future__ import annotations

from mdnb.recordings.feed import RecordingFeed

__all__ = ["RecordingFeed"]
