"""What is said of handlers, in the log."""

from __future__ import annotations

import contextlib
import logging

__all__ = ["tell"]

_log = logging.getLogger("mdnb.events")


def tell(level: int, text: str, *values: object, error: BaseException | None = None) -> None:
    """Log something; a log filter of the user's that raises ends neither the feed nor a thread.

    Parameters
    ----------
    level, text, values
        As for `logging.Logger.log`.
    error
        Whose traceback to log, too.

    Examples
    --------
    >>> tell(logging.DEBUG, "%d handlers", 3)
    """
    with contextlib.suppress(Exception):
        _log.log(level, text, *values, exc_info=error)
