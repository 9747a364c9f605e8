"""Widgets live as long as somebody holds them or a page shows them; ipywidgets alone keeps each for ever."""

from __future__ import annotations

import atexit
import contextlib
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any

import ipywidgets

from mdnb.errors import RuntimeUseError

__all__ = ["end", "hold", "let_go", "weakly"]

_SHOWN = "_mdnb_shown"
_let_go: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def let_go(widget: Any, *, shown: bool = False) -> None:
    """Let a widget that is shown nowhere, and what it consists of, go with its last reference.

    ipywidgets' registry of widgets holds each, and so does its comm, by the method that takes messages.

    Parameters
    ----------
    shown
        Whether that holds for parts, too, that a page has shown; else these stay.
    """
    held = _registry()
    for one in _parts(widget):
        if one.comm is None or type(one.comm).__module__.startswith("marimo."):
            continue  # marimo closes what its cells made
        if not shown and vars(one).get(_SHOWN):
            continue
        _let_go[id(one)] = one
        held.pop(one.comm.comm_id, None)
        one.comm.on_msg(weakly(one._handle_msg))


def hold(widget: Any) -> None:
    """Keep a widget that a page shows, and what it consists of, until it is closed."""
    held = _registry()
    for one in _parts(widget):
        if one.comm is not None:
            vars(one)[_SHOWN] = True
            held[one.comm.comm_id] = one


@atexit.register
def _forget_all() -> None:
    # While Python takes itself apart ipywidgets cannot close them any more.
    for one in list(_let_go.values()):
        one.comm = None


def end(close: Callable[[], None], is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
    """Close a widget that nobody holds; one that a forked process has from its parent stays as it is.

    At the end of Python nothing needs to be closed, and modules have lost their names.
    """
    if is_finalizing():
        return
    with contextlib.suppress(RuntimeUseError):
        close()


def weakly(method: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Return a function that calls a bound method as long as its object is there."""
    held = weakref.WeakMethod(method)

    def call(argument: Any) -> None:
        found = held()
        if found is not None:
            found(argument)

    return call


def _registry() -> MutableMapping[str, Any]:
    found: MutableMapping[str, Any] = vars(sys.modules[ipywidgets.Widget.__module__]).get("_instances", {})
    return found


def _parts(widget: Any) -> Iterator[Any]:
    """Yield a widget and all that it consists of."""
    seen: set[int] = set()
    waiting: list[Any] = [widget]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, ipywidgets.Widget):
            yield one
            for value in list(one._trait_values.values()):
                waiting += [part for part in _of(value) if isinstance(part, ipywidgets.Widget)]
        if _is_control(one):
            # They have some that are not shown, and charts, which are no part of them.
            for value in list(getattr(one, "__dict__", {}).values()):
                waiting += [part for part in _of(value) if _is_control(part) or _is_plain(part)]


def _of(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, (tuple, list)) else (value,)


def _is_control(value: object) -> bool:
    return type(value).__module__.startswith("mdnb.widgets.controls.")


def _is_plain(value: object) -> bool:
    return isinstance(value, ipywidgets.Widget) and not type(value).__module__.startswith("mdnb.")
