"""Pause, resume and replay of a chart. The page does it (``chart/modes.js``); this asks, and remembers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from mdnb.errors import OptionError
from mdnb.manager.arguments import When, to_ns, whole_number

if TYPE_CHECKING:
    from mdnb.widgets.chart.state import ChartState

__all__ = ["ChartModes", "Mode", "receive_mode"]

_MODES = ("live", "paused", "replay")
_SLOWEST, _FASTEST = 0.1, 1000.0
_NS_PER_MS = 1_000_000


@dataclasses.dataclass(slots=True)
class Mode:
    """What a page is to show when it opens.

    Attributes
    ----------
    name
        ``live``, ``paused`` or ``replay``.
    speed
        Bars a second of a replay.
    cut
        Whether it shows the bars up to one of them, as a replay does, also one that is paused.
    at
        Start of the last bar shown, UTC epoch milliseconds; None where no page has told.
    row
        That bar's values where it was in the making.
    forming
        Whether it was.
    """

    name: str = "live"
    speed: float = 4.0
    cut: bool = False
    at: float | None = None
    row: list[float | None] | None = None
    forming: bool = False

    def wire(self) -> dict[str, Any]:
        """Return it as the page takes it."""
        told = dataclasses.asdict(self)
        return {"mode": told.pop("name"), **told}


def receive_mode(figure: Any, message: dict[str, Any]) -> None:
    """Take what a page says of its mode, and tell the other pages what a user did in this one."""
    told = message.get("state")
    if not isinstance(told, dict) or told.get("mode") not in _MODES or not _is_speed(told.get("speed")):
        return
    at, row = told.get("at"), told.get("row")
    figure._mdnb.mode = Mode(
        told["mode"],
        float(told["speed"]),
        bool(told.get("cut")),
        float(at) if isinstance(at, (int, float)) else None,
        row if isinstance(row, list) else None,
        bool(told.get("forming")),
    )
    if message.get("own"):
        state = figure._mdnb.mode.wire()
        figure.send({"kind": "mode", "act": "become", "page": message.get("page"), "state": state})


def _is_speed(speed: Any) -> bool:
    number = isinstance(speed, (int, float)) and not isinstance(speed, bool)
    return number and _SLOWEST <= speed <= _FASTEST


class ChartModes:
    """Stops a chart and plays bars again; `mdnb.widgets.chart.chart.LiveChart` has these methods."""

    def __init__(self, figure: Any, state: ChartState) -> None:
        self._figure = figure
        self._state = state

    def pause(self) -> None:
        """Let the picture stand still. Bars go on being kept; a replay stops where it is.

        Raises
        ------
        OptionError
            With ``frontend="stock"``.
        """
        mode = self._state.mode
        self._ask("pause")
        self._state.mode = dataclasses.replace(mode, name="paused", cut=mode.cut or mode.name == "replay")

    def resume(self) -> None:
        """Show the present, and go along with it.

        Raises
        ------
        OptionError
            With ``frontend="stock"``.
        """
        self._ask("resume")
        self._state.mode = Mode(speed=self._state.mode.speed)

    def replay(self, start: When = None, speed: float = 4.0) -> None:
        """Play bars again that the chart holds, up to the present, where it is live again.

        Parameters
        ----------
        start
            Time of the first bar, a naive one in the machine's local time; one before the oldest bar means
            that one. None: where a paused replay stands, or else the first bar in view.
        speed
            Bars a second, 0.1..1000.

        Raises
        ------
        OptionError
            When the start is no instant, or behind the newest bar; when the speed is outside what is allowed;
            with ``frontend="stock"``.
        """
        if not _is_speed(speed):
            raise OptionError(f"speed must be {_SLOWEST:g} to {_FASTEST:g} bars a second; got {speed!r}")
        at = to_ns(start)
        state = self._state
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
        state.mode = Mode("replay", float(speed), cut=True, at=ms)

    def step(self, n: int = 1) -> None:
        """Show more bars of a chart that is paused or replays.

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
        if not self._figure._mdnb_transport.replays:
            raise OptionError("frontend='stock' shows the present only: make the chart with frontend='fast'")
        self._figure.send({"kind": "mode", "act": act, **more})
