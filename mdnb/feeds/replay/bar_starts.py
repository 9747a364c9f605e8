"""Whether the bars of a recording begin where bars of the market that plays them do."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Final

import numpy as np

from mdnb.errors import FeedError
from mdnb.feeds.replay.recording import Track
from mdnb.instruments import known_instrument
from mdnb.sessions import Sessions
from mdnb.timeframes import Grid, Timeframe

__all__ = ["on_grid"]

_SHOWN: Final = 3


def on_grid(
    track: Track, sessions: Sessions, path: Path, calendar: str | None, start_ns: int, end_ns: int
) -> Track:
    """Return a track whose bars end as bars of its timeframe do; refuse one whose bars begin between these.

    A bar of 9:30 to 10:30 would become the one of 9:00 to 10:00, whose close is known half an hour later.

    Parameters
    ----------
    sessions
        The hours under which they are played.
    calendar
        The name of these, None of a market that never closes.
    start_ns, end_ns
        What is played: bars that end in ``[start_ns, end_ns)``.

    Raises
    ------
    FeedError
        One of them does, among all where the recording knows their times beforehand, else among the first.
    """
    if track.channel != "bars" or not track.timeframe:
        return track
    grid = Grid(Timeframe.parse(track.timeframe), sessions)
    if track.starts_ns is None:
        starts_ns = np.array([row[0] for row in track.sample()], dtype=np.int64)
    else:
        starts_ns = track.starts_ns()
    known_ns = starts_ns + track.step_ns
    starts_ns = starts_ns[(known_ns >= start_ns) & (known_ns < end_ns)]
    wanted_ns, is_inside = grid.starts(starts_ns)
    off_ns = starts_ns[is_inside & (wanted_ns != starts_ns)]
    if not len(off_ns):
        return track if sessions.always_open else dataclasses.replace(track, grid=grid)
    shown = ", ".join(_shown(int(at)) for at in off_ns[:_SHOWN])
    hours = f"of the calendar {calendar!r}" if calendar else "of a market that never closes"
    known = known_instrument(track.root or track.symbol).calendar or "NYSE"
    raise FeedError(
        f"{path.name} cannot be played: {len(off_ns):,} of {len(starts_ns):,} bars do not start where"
        f" {grid.timeframe.name} bars {hours} do ({shown}). Give the venue's hours, by which its bars begin:"
        f" calendar={known!r}, or another of pandas_market_calendars (replay:{path.name}?calendar={known})."
        " If the times are in another zone: tz=. mdnb.read reads the bars as they are."
    )


def _shown(time_ns: int) -> str:
    return dt.datetime.fromtimestamp(time_ns / 1e9, dt.UTC).isoformat()
