"""Replay of recordings: file formats, a loopback server, and the feed that plays them."""

from __future__ import annotations

from mdnb.feeds.replay.feed import ReplayFeed
from mdnb.feeds.replay.formats import UNDERSTOOD, open_recording

__all__ = ["UNDERSTOOD", "ReplayFeed", "open_recording"]
