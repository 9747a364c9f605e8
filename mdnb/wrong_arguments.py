"""What to say of a call whose arguments do not fit: the one that is meant, and no part's name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from mdnb.errors import suggest

__all__ = ["arguments_do_not_fit"]

_OTHER_WORDS = {
    "limit": "count",
    "n": "count",
    "number": "count",
    "size": "count",
    "bars": "count",
    "start": "start_time",
    "since": "start_time",
    "end": "end_time",
    "until": "end_time",
    "interval": "timeframe",
    "tf": "timeframe",
    "freq": "timeframe",
    "resolution": "timeframe",
    "path": "filename",
    "file": "filename",
    "depth": "levels",
}
"""What other packages call an argument, and what it is called here."""


def arguments_do_not_fit(
    method: Callable[..., Any], given: Mapping[str, Any], error: TypeError
) -> TypeError | None:
    """Return the error to raise for a call that ended in a `TypeError`; None where that says it already.

    Parameters
    ----------
    method
        The part's method that was called.
    given
        The call's arguments by name.
    error
        What the call raised.

    Examples
    --------
    >>> def get_data(timeframe, count=None): ...
    >>> print(arguments_do_not_fit(get_data, {"limit": 5}, TypeError()))
    get_data() has no argument 'limit'. Did you mean 'count'?
    """
    sentence = _wrong_name(method, given)
    if sentence is None and f"{method.__qualname__}()" in str(error):
        # Whose part it is called on is nobody's business.
        sentence = str(error).replace(method.__qualname__, method.__name__)
    return None if sentence is None else TypeError(sentence)


def _wrong_name(method: Callable[..., Any], given: Mapping[str, Any]) -> str | None:
    taken = inspect.signature(method).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        return None
    for name in given:
        if name not in taken:
            meant = _OTHER_WORDS.get(name)
            hint = f"Did you mean {meant!r}?" if meant in taken else suggest(name, [*taken])
            return f"{method.__name__}() has no argument {name!r}. {hint}"
    return None
