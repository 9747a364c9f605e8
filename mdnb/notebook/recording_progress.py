"""What a command line shows while it records."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TextIO

from mdnb.feeds.recorder import Recorder

__all__ = ["show_progress"]


async def show_progress(recorder: Recorder, out: TextIO) -> None:
    """Say how much there is until cancelled: every second on a terminal, in one line; else a line a minute.

    Parameters
    ----------
    out
        Where to say it.
    """
    loop = asyncio.get_running_loop()
    begun, terminal = loop.time(), out.isatty()
    begin, end, pause = ("\r", "", 1.0) if terminal else ("", "\n", 60.0)
    try:
        while True:
            await asyncio.sleep(pause)
            lasted = dt.timedelta(seconds=round(loop.time() - begun))
            out.write(f"{begin}{recorder.frames:,} frames in {lasted}, {recorder.size:,} bytes{end}")
            out.flush()
    finally:
        if terminal:
            out.write("\n")
