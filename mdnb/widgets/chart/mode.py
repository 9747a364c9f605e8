"""`Mode`: whether a chart is live, paused or replaying."""

from __future__ import annotations

import dataclasses
from typing import Any

__all__ = ["FASTEST", "SLOWEST", "Mode", "is_speed"]

_NAMES = ("live", "paused", "replay")
SLOWEST, FASTEST = 0.1, 1000.0
"""Bars a second of a replay."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """The mode that a page starts with when it opens.

    Attributes
    ----------
    name
        ``live``, ``paused`` or ``replay``.
    speed
        Bars a second of a replay.
    cut
        Whether it shows the bars up to one of them, as a replay does, also one that is paused.
    at
        Start of the last bar shown, UTC epoch milliseconds; None before a page has reported it.
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

    @classmethod
    def told(cls, state: Any) -> Mode | None:
        """Return the mode that a page reports; None where the message is invalid."""
        if not isinstance(state, dict) or state.get("mode") not in _NAMES or not is_speed(state.get("speed")):
            return None
        at, row = state.get("at"), state.get("row")
        return cls(
            name=state["mode"],
            speed=float(state["speed"]),
            cut=bool(state.get("cut")),
            at=float(at) if isinstance(at, (int, float)) else None,
            row=row if isinstance(row, list) else None,
            forming=bool(state.get("forming")),
        )

    def wire(self) -> dict[str, Any]:
        """Return the mode as a message for the page."""
        told = dataclasses.asdict(self)
        return {"mode": told.pop("name"), **told}


def is_speed(speed: Any) -> bool:
    """Return whether a replay speed, in bars a second, is allowed.

    Examples
    --------
    >>> is_speed(4), is_speed(0), is_speed(True), is_speed("4")
    (True, False, False, False)
    """
    number = isinstance(speed, (int, float)) and not isinstance(speed, bool)
    return number and SLOWEST <= speed <= FASTEST
