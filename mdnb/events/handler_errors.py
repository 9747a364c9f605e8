"""What a handler raises, told in the log: each error once with its traceback, and of the rest how many."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from mdnb.errors import ClosedError
from mdnb.events.log import tell

__all__ = ["HandlerErrors", "in_words"]

_TOLD_EVERY_SECONDS = 1.0
_COUNTED_EVERY_SECONDS = 60.0
_DISTINCT_ERRORS = 20


class HandlerErrors:
    """Tells of one handler's errors, and does not fill the log with them.

    Parameters
    ----------
    now
        A monotonic clock in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._told: set[tuple[object, ...]] = set()
        self._count_seconds = _TOLD_EVERY_SECONDS
        self._count_due = 0.0

    def tell(self, error: BaseException, count: int, title: Callable[[], str]) -> None:
        """Tell of an error where it is the first of its kind, and otherwise now and then how many there were.

        Parameters
        ----------
        error
            What the handler raised.
        count
            How many errors there were, this one too.
        title
            Returns whose they are, in words; asked only where something is told.
        """
        now = self._now()
        kind = _kind(error)
        if kind not in self._told and len(self._told) < _DISTINCT_ERRORS:
            self._told.add(kind)
            self._count_due = max(self._count_due, now + self._count_seconds)
            if isinstance(error, ClosedError):
                # Where in the handler it was is nobody's fault.
                tell(logging.WARNING, "%s raised ClosedError: %s", title(), error)
                return
            words = "%s raised %s; it goes on being called"
            tell(logging.ERROR, words, title(), type(error).__name__, error=error)
        elif now >= self._count_due:
            self._count_seconds = min(2 * self._count_seconds, _COUNTED_EVERY_SECONDS)
            self._count_due = now + self._count_seconds
            words = "%s has raised %d times so far, the last time %s"
            tell(logging.ERROR, words, title(), count, in_words(error))


def in_words(error: BaseException) -> str:
    """Return an error as the last line of its traceback has it.

    Examples
    --------
    >>> in_words(ValueError("no such bar"))
    'ValueError: no such bar'
    """
    return "".join(traceback.format_exception_only(error)).strip().rpartition("\n")[2]


def _kind(error: BaseException) -> tuple[object, ...]:
    """Return what tells an error from others: its type, and the place in the code where it was raised."""
    places = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    return type(error), *places[-1:]
