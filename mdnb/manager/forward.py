"""Handing a documented name to the part that does it, and marks on methods that never wait."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

__all__ = ["Forward", "immediate", "is_immediate"]

P = ParamSpec("P")
R = TypeVar("R")
Part = TypeVar("Part")


def immediate(method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Mark a coroutine function that never waits: plain callers run it right where they are."""
    method.__mdnb_immediate__ = True  # type: ignore[attr-defined]  # a mark on the function
    return method


def is_immediate(method: Callable[..., Any]) -> bool:
    """Return whether a coroutine function was marked as never waiting."""
    return bool(getattr(method, "__mdnb_immediate__", False))


class Forward(Generic[Part, P, R]):
    """A method that is another object's: ``name = Forward("attribute", Part.name)``.

    Signature, types and documentation are those of the part's method.

    Parameters
    ----------
    attribute
        Where the owner keeps the part.
    method
        The part's method, as the class has it.
    """

    def __init__(self, attribute: str, method: Callable[Concatenate[Part, P], R]) -> None:
        self.attribute = attribute
        self.method = method
        self.name = method.__name__
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> Callable[Concatenate[Part, P], R]: ...
    @overload
    def __get__(self, owner: object, kind: type) -> Callable[P, R]: ...
    def __get__(self, owner: object | None, kind: type) -> Callable[..., R]:
        if owner is None:
            return self.method
        bound: Callable[P, R] = getattr(getattr(owner, self.attribute), self.name)
        return bound
