"""`Life`: the lifetime of a live widget: from when to when it is drawn, and whether a page shows it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from mdnb.forked import refuse_in_children
from mdnb.widgets.page.sender import Drawable, sender

__all__ = ["Life", "Listenable"]


class _Handle(Protocol):
    def close(self) -> None:
        """Stop listening."""
        ...


class Listenable(Protocol):
    """An object that notifies of its changes."""

    def listen(self, callback: Callable[[], None]) -> _Handle:
        """Register a callback for each change."""
        ...


class Life:
    """One widget's lifetime: drawn by the sender's thread from `begin` on, until it or its market is closed.

    Attributes
    ----------
    guard
        Held while the widget is drawn or changed. Reentrant: sending asks for the state, which is composed
        under it too.
    begun, ended
        Whether it is drawn already, and whether it is drawn no more.
    """

    def __init__(self) -> None:
        refuse_in_children(self)
        self.guard = threading.RLock()
        self.begun = self.ended = False
        self._listeners: list[_Handle] = []
        self._widget: Drawable | None = None
        self._shown = self._heard = False

    def begin(self, widget: Drawable, sources: Sequence[Listenable]) -> None:
        """Draw the widget from now on, when one of the sources has changed."""
        self._widget = widget
        self.follow(sources)
        self.begun = True
        sender().add(widget)

    def follow(self, sources: Sequence[Listenable]) -> None:
        """Follow these sources in place of those before."""
        self._forget()
        self._listeners = [source.listen(sender().wake.set) for source in sources]

    def _forget(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners = []

    def draw(
        self, status: Callable[[], str], send: Callable[[bool], None], keep_last: Callable[[], None]
    ) -> None:
        """Have the widget send what changed; once its market is closed, for the last time.

        Parameters
        ----------
        status
            Returns the connection's state.
        send
            Sends what changed, given whether it is the last time.
        keep_last
            Called after the last time: the widget keeps what it shows, and lets its market go. A page, and a
            notebook's list of what its cells gave, hold the widget for as long as the kernel runs.
        """
        with self.guard:
            if self.ended:
                return
            is_closed = status() == "closed"
            send(is_closed)
            if is_closed:
                # Nothing will come any more, and the badge says so.
                keep_last()
                self._end()

    def close(self, keep_last: Callable[[], None] | None = None) -> None:
        """Stop drawing the widget; also before `begin`, or again.

        Parameters
        ----------
        keep_last
            As for `draw`; None for a widget that nobody holds.
        """
        if self.begun and not self.ended:
            with self.guard:
                # It may have been drawn for the last time meanwhile, on the sender's thread.
                if self.ended:
                    return
                if keep_last is not None:
                    keep_last()
                self._end()

    def _end(self) -> None:
        self.ended = True
        if self._widget is not None:
            sender().remove(self._widget)
            self._widget = None
        self._forget()

    # -- whether anybody looks ------------------------------------------------------------------------

    def note_shown(self) -> None:
        """Count as visible until a page says otherwise: it was just displayed.

        A cell that displays a widget and goes on keeps the kernel from hearing of the page until its end.
        """
        self._shown, self._heard = True, False

    def note_page(self) -> None:
        """Record whether a page shows the widget."""
        self._heard = True

    def is_looked_at(self, pages: int) -> bool:
        """Return whether the widget is visible, given how many pages say that they show it."""
        return pages > 0 or (self._shown and not self._heard)
