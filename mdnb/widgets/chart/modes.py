"""Pause, resume and replay of a chart. The page carries it out (``chart/modes.js``)."""

from __future__ import annotations

import dataclasses
from typing import Any

from mdnb.arguments import When, to_ns, whole_number
from mdnb.errors import OptionError
from mdnb.widgets.chart.core import ChartCore
from mdnb.widgets.chart.mode import FASTEST, SLOWEST, Mode, is_speed

__all__ = ["ChartModes"]

_NS_PER_MS = 1_000_000


class ChartModes:
    """Pauses a chart and replays bars; `mdnb.widgets.chart.chart.LiveChart` has these methods."""

    def __init__(self, core: ChartCore) -> None:
        self._core = core
        self._state = core.state

    def pause(self) -> None:
        """Pause the chart. Bars go on being built; a replay stops where it is.

        Raises
        ------
        OptionError
            With ``frontend="stock"``.
        """
        mode = self._state.mode
        self._ask("pause")
        self._state.mode = dataclasses.replace(mode, name="paused", cut=mode.cut or mode.name == "replay")

    def resume(self) -> None:
        """Go back to live, and follow the newest bar.

        Raises
        ------
        OptionError
            With ``frontend="stock"``.
        """
        self._ask("resume")
        self._state.mode = Mode(speed=self._state.mode.speed)

    def replay(self, start: When = None, speed: float = 4.0) -> None:
        """Replay the chart's bars up to the newest, where it is live again.

        Parameters
        ----------
        start
            Time of the first bar (text without a zone in the chart's zone, a naive datetime in the
            machine's local time); one before the oldest bar means
            that one. None: where a paused replay stands, or else the first bar in view.
        speed
            Bars a second, 0.1..1000.

        Raises
        ------
        OptionError
            When the start is no instant, or behind the newest bar; when the speed is outside what is allowed;
            with ``frontend="stock"``.
        """
        if not is_speed(speed):
            raise OptionError(f"speed must be {SLOWEST:g} to {FASTEST:g} bars a second; got {speed!r}")
        state = self._state
        at = to_ns(start, state.zone)
        if at is not None:
            held = state.source.columns(state.timeframe, 1)
            if len(held) and at // 1000 >= held.time_us[-1]:
                raise OptionError(
                    f"start must be before the newest bar, which begins at epoch second "
                    f"{held.time_us[-1] / 1e6:.0f}; got {start!r}"
                )
        ms = at / _NS_PER_MS if at is not None else None
        self._ask("replay", at=ms, speed=speed)
        if ms is None and state.mode.cut:
            ms = state.mode.at
        state.mode = Mode(name="replay", speed=float(speed), cut=True, at=ms)

    def step(self, n: int = 1) -> None:
        """Show the next bars of a chart that is paused or replaying.

        At the present a paused chart goes on standing still, and a replay is over.

        Parameters
        ----------
        n
            How many bars, 1 or more.

        Raises
        ------
        OptionError
            When ``n`` is no such number, or the chart is live; with ``frontend="stock"``.
        """
        count = whole_number("n", n, 1)
        if self._state.mode.name == "live":
            raise OptionError("a live chart has no next bar: call pause() or replay() first")
        self._ask("step", count=count)

    def _ask(self, act: str, **more: Any) -> None:
        if not self._core.transport.replays:
            raise OptionError("frontend='stock' shows the present only: make the chart with frontend='fast'")
        self._core.figure.send({"kind": "mode", "act": act, **more})
