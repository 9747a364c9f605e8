"""The sender: one background thread that draws all charts, without the kernel's loop.

A chart on the kernel's loop stands still while a cell runs; a message sent from a thread of its own does
not. Data that arrives between two draws is not queued: the next draw shows the newest state.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import types
import weakref
from typing import Protocol

from mdnb.widgets.page.marimo_host import closed_by_marimo

__all__ = ["Drawable", "Sender", "sender"]

_HOLDER = "_mdnb_sender"
_IDLE_SECONDS = 1.0
_NAP_SECONDS = 0.004
"""How long a market that does not stop is left alone between two looks at who else is due."""

_log = logging.getLogger("mdnb.widgets")


class Drawable(Protocol):
    """What the sender draws.

    One that moves by itself, without a change of the data, has ``pulse`` too: the seconds after which it is
    drawn at the latest.
    """

    fps: float

    def draw(self) -> bool | None:
        """Send what changed since the last draw; return False where nothing had."""
        ...


class Sender:
    """Draws registered charts, each at most ``fps`` times a second, only after something changed.

    Attributes
    ----------
    wake
        Set by whoever changed something; cheap and safe from any thread.
    """

    def __init__(self) -> None:
        self.wake = threading.Event()
        # By identity: figures compare by content and cannot be hashed.
        self._charts: dict[int, tuple[weakref.ref[Drawable], float]] = {}
        # Reentrant: a chart that nobody holds is closed wherever its memory is reclaimed, here too.
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._idle = _IDLE_SECONDS

    def add(self, chart: Drawable) -> None:
        """Draw a chart from now on; it is held weakly."""
        with self._lock:
            self._charts[id(chart)] = (weakref.ref(chart), 0.0)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._main, name="mdnb-charts", daemon=True)
                self._thread.start()
        self.wake.set()

    def remove(self, chart: Drawable) -> None:
        """Stop drawing a chart."""
        with self._lock:
            self._charts.pop(id(chart), None)

    def _main(self) -> None:
        pause = 0.0
        while True:
            # The time-out is for the badge, which has to turn stale when nothing comes any more.
            self.wake.wait(pause or self._idle)
            self.wake.clear()
            pause = self._draw_due()
            if pause > 0:
                # Not asleep until then: a chart that was quiet is drawn at once when its market moves.
                time.sleep(min(pause, _NAP_SECONDS))
                pause = max(pause - _NAP_SECONDS, 1e-6)

    def _draw_due(self) -> float:
        """Draw what is due; return how long until the next chart may be drawn again, 0 if none has to be."""
        with self._lock:
            held = list(self._charts.items())
        now = time.monotonic()
        pause, idle = 0.0, _IDLE_SECONDS
        for key, (reference, due) in held:
            chart = reference()
            if chart is None:
                with self._lock:
                    self._charts.pop(key, None)
                continue
            if closed_by_marimo(chart):
                self.remove(chart)
                chart.close()  # type: ignore[attr-defined]  # only a widget can be taken off a page
                continue
            idle = min(idle, getattr(chart, "pulse", idle))
            if due > now:
                pause = min(pause or due - now, due - now)
                continue
            begun = time.monotonic()
            try:
                drew = chart.draw()
            except Exception:  # noqa: BLE001  # a broken chart must not stop the others; it is shown and dropped
                _log.exception("a chart could not be drawn and is given up")
                self.remove(chart)
                continue
            if drew is False:
                # It keeps its turn: others' markets wake all, and must not make it late for its own.
                continue
            with self._lock:
                if key in self._charts:
                    self._charts[key] = (reference, begun + 1.0 / chart.fps)
        self._idle = idle
        return pause


def sender() -> Sender:
    """Return the sender of this process; it survives reloads of this module."""
    held = sys.modules.setdefault(_HOLDER, types.ModuleType(_HOLDER, "Where mdnb keeps its drawing thread."))
    made: Sender | None = getattr(held, "sender", None)
    if made is None:
        made = held.sender = Sender()  # type: ignore[attr-defined]  # a plain name space
    return made


def _after_fork() -> None:
    # The child has no such thread, and whoever held its lock is not there either.
    held = sys.modules.get(_HOLDER)
    if held is not None:
        held.sender = None  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork") and _HOLDER not in sys.modules:
    sender()
    os.register_at_fork(after_in_child=_after_fork)
