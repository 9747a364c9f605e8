"""What replays tell of closed bars, as tables that can be compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mdnb
from mdnb.config import DataManagerConfig
from tests.limits import LIMIT_SECONDS

__all__ = ["TIMEFRAMES", "Row", "check_paced", "played", "rows_of", "told"]

TIMEFRAMES = ["15sec", "1min", "5min"]

Row = tuple[Any, ...]
"""End, timeframe, the bar as first closed, when that was, and what was known of every timeframe then."""


def rows_of(end_ns: int, view: Any, bars: Any, names: Sequence[str] = TIMEFRAMES) -> list[Row]:
    """Return a row for each bar that closed."""
    closes = tuple(tuple(view.bars(name, 2)["close"].tolist()) for name in names)
    return [
        (
            end_ns,
            name,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            bar.tick_count,
            bar.closed_ns,
            bar.partial,
            closes,
        )
        for name, bar in bars.items()
    ]


def played(
    source: str | Path, symbol: str, names: Sequence[str] = TIMEFRAMES, *, late: bool = False, **options: Any
) -> list[Row]:
    """Return what `mdnb.play` gives; looked at once it is over, where ``late``."""
    steps = mdnb.play(source, names, symbol=symbol, **options)
    return [
        row
        for step in (list(steps) if late else steps)
        for row in rows_of(int(step.time.value), step.view, step.bars, names)
    ]


def told(
    speed: float | str,
    source: str | Path,
    symbol: str,
    names: Sequence[str] = TIMEFRAMES,
    *,
    config: DataManagerConfig | None = None,
    handled: bool = False,
    **options: Any,
) -> list[Row]:
    """Return what a replay tells; to a handler that is waited for, or to a listener that is not."""
    made: list[Row] = []

    def take(event: mdnb.Event) -> None:
        made.extend(rows_of(event.time_ns, event.view, event.bars, names))

    feed = mdnb.make_feed(f"replay:{source}", speed=speed, **options)
    with mdnb.live(
        symbol, names, feed=feed, initial_days=0, progress=False, data_manager_config=config
    ) as live:
        if handled:
            live.on("bars_closed", take)
        else:
            live._parts.session.bus.tap(mdnb.EventType.BARS_CLOSED, take)
        live.wait_ended(LIMIT_SECONDS)
    return made


def check_paced(told_at: Callable[[float], Sequence[Row]], expected: Sequence[Row], speed: float) -> None:
    """Compare what a replay at some speed tells with what is expected.

    What closed before somebody listened is not told to him: at a busy computer it is played more slowly.
    """
    for slower in (1, 4, 16, 64):
        paced = told_at(speed / slower)
        assert paced == expected[len(expected) - len(paced) :]
        if len(paced) > len(expected) // 2:
            return
    raise AssertionError(f"{len(paced)} of {len(expected)} were told, however slowly")
