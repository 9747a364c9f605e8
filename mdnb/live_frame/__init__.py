"""The live bars of one timeframe, shown as a table and used like a pandas frame."""

from __future__ import annotations

from mdnb.live_frame.frame import LiveFrame

__all__ = ["LiveFrame"]
