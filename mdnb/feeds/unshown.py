"""Errors that leave a function without its variables, which tracebacks may show: they may be credentials."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from mdnb.errors import MdnbError

__all__ = ["unshown"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def unshown(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return a function whose errors, those of mdnb, come without the frames in which its arguments are.

    Examples
    --------
    >>> import traceback
    >>> from mdnb.errors import FeedError
    >>> @unshown
    ... def connect(url: str) -> None:
    ...     raise FeedError("no connection")
    >>> try:
    ...     connect("wss://venue.example/s3cret")
    ... except FeedError as error:
    ...     shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    >>> "s3cret" in "".join(frame.locals.__repr__() for frame in shown.stack if frame.filename == __file__)
    False
    """

    @functools.wraps(function)
    def called(*args: _P.args, **given: _P.kwargs) -> _T:
        try:
            return function(*args, **given)
        except MdnbError as error:
            raise error.with_traceback(None) from error.__cause__
        finally:
            # Of whatever else is raised this frame is shown, too.
            del args, given

    return called
