"""The embedded simulator: whole markets from a seed, served over a real WebSocket on loopback.

From the price to the socket:

* `counter_rng`, `intraday_profile`, `activity`: random numbers, the shape of the day, trades a quarter hour;
* `market`, `minute_plan`: each minute's open, high, low, close, count, volume and turnover;
* `ticks`, `match_turnover`: trades that fit a plan to the last lot;
* `tape`, `book`, `history`: trades by time, quotes and depth, closed bars;
* `stream`, `server`, `feed`: what a client is sent, the server, and the feed that owns one;
* `symbols`, `hours`, `exchange`: what is traded, when, and all of it together.
"""

from __future__ import annotations

from mdnb.feeds.simulator.feed import SimulatorFeed

__all__ = ["SimulatorFeed"]
