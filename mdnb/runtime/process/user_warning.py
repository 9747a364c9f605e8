"""Warns of something in the user's code, by the line of it that is to blame."""

from __future__ import annotations

import contextvars
import sys
import warnings

__all__ = ["keep_warnings", "tell_kept", "warn_user"]

_PACKAGE = __name__.partition(".")[0]
_LOOPS = ("asyncio", "concurrent", "threading")

_kept: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("mdnb_warnings", default=None)
"""Where the caller waits for what runs here on the background loop: what it is to be warned of."""


def keep_warnings() -> tuple[list[str], contextvars.Token[list[str] | None]]:
    """Return where texts come that are warned of on the background loop from now on, and what ends that."""
    said: list[str] = []
    return said, _kept.set(said)


def tell_kept(said: list[str], token: contextvars.Token[list[str] | None]) -> None:
    """Emit what was kept, by the line that called this package."""
    _kept.reset(token)
    for text in said:
        warn_user(text)


def warn_user(text: str) -> None:
    """Emit a UserWarning that names the line that called this package.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_user("mind the gap")
    >>> str(caught[0].message)
    'mind the gap'
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame = frame.f_back
    kept = _kept.get()
    if kept is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _LOOPS:
        kept.append(text)
        return
    # Without a module's name, as in code of exec, it would be dropped.
    # With no registry: all cells of a notebook share one, by which the same line of another cell would be
    # silent.
    warnings.warn_explicit(
        text,
        UserWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__", "<unknown>"),
    )
