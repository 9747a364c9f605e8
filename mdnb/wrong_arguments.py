"""What to say of a call whose arguments do not fit: the one that is meant, and no part's name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

from mdnb.errors import suggest

__all__ = ["arguments_do_not_fit", "names_arguments"]

P = ParamSpec("P")
R = TypeVar("R")

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
    "days": "initial_days",
    "history_days": "initial_days",
    "symbols": "symbol",
    "exchange": "feed",
    "source": "feed",
    "timezone": "tz",
    "config": "data_manager_config",
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
        if "multiple values" in sentence:
            order = [name for name in inspect.signature(method).parameters if name != "self"]
            sentence += f"; in this order they are {', '.join(order)}: give the later ones by name"
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


def names_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function say of an argument that there is not which one is meant.

    Examples
    --------
    >>> @names_arguments
    ... def begin(symbol, *, initial_days=5): ...
    >>> begin("MNQ", days=1)
    Traceback (most recent call last):
    TypeError: begin() has no argument 'days'. Did you mean 'initial_days'?
    """

    @functools.wraps(function)
    def named(*args: P.args, **kwargs: P.kwargs) -> R:
        sentence = _wrong_name(function, kwargs)
        try:
            if sentence is not None:
                raise TypeError(sentence)
            return function(*args, **kwargs)
        finally:
            # Some tracebacks show variables, and a feed's name may have a token.
            del args, kwargs

    @functools.wraps(function)
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
        sentence = _wrong_name(function, kwargs)
        try:
            if sentence is not None:
                raise TypeError(sentence)
            return await cast("Awaitable[Any]", function(*args, **kwargs))
        finally:
            del args, kwargs

    # What is awaited stays what is seen to be.
    return cast("Callable[P, R]", awaited) if inspect.iscoroutinefunction(function) else named
