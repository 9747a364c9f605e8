"""Descriptors that forward a documented method to the part that carries it out, awaited or plain."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Concatenate, Generic, NoReturn, ParamSpec, TypeVar, overload

from mdnb.errors import RuntimeUseError
from mdnb.runtime.process.bridge import call, refuse_on_loop
from mdnb.wrong_arguments import arguments_do_not_fit

__all__ = ["Forward", "Later", "LaterValue", "Plain", "PlainValue", "immediate", "is_immediate"]

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
    """Forwards a method to a part, unchanged: ``name = Forward("attribute", Part.name)``.

    Signature, types and documentation are those of the part's method. A call with an argument that there is
    not says which one is meant.

    Parameters
    ----------
    attribute
        Where the owner keeps the part, with dots where it is further away.
    method
        The part's method, as the class has it.
    """

    def __init__(self, attribute: str, method: Callable[Concatenate[Part, P], R]) -> None:
        self.method = method
        self.part: Callable[[object], Any] = operator.attrgetter(attribute)
        self.name = self.called = method.__name__
        self.__doc__ = method.__doc__

    def __set_name__(self, _kind: type, name: str) -> None:
        self.called = name

    @overload
    def __get__(self, owner: None, kind: type) -> Callable[Concatenate[Part, P], R]: ...
    @overload
    def __get__(self, owner: object, kind: type) -> Callable[P, R]: ...
    def __get__(self, owner: object | None, kind: type) -> Callable[..., R]:
        if owner is None:
            return self.method
        made = _Call(getattr(self.part(owner), self.name), None)
        # The part stays the owner's: from now on the name leads there without coming here.
        vars(owner)[self.called] = made
        return made


class Plain(Generic[Part, P, R]):
    """Forwards a coroutine method to a part as a blocking one: ``name = Plain("attribute", Part.name)``.

    It runs on the background loop and blocks until it is done; what never waits runs right here.

    Parameters
    ----------
    attribute, method
        As for `Forward`; the method is a coroutine function.
    first
        Another one of the part, with the same arguments, that does all the waiting on the background loop;
        the method itself then runs right here. For widgets: marimo shows those alone that the cell's own
        thread makes.
    """

    def __init__(
        self,
        attribute: str,
        method: Callable[Concatenate[Part, P], Coroutine[Any, Any, R]],
        first: Callable[..., Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        # Not the coroutine function itself: `help` of the class would call it async.
        @functools.wraps(method)
        def blocking(owner: object, /, *args: P.args, **kwargs: P.kwargs) -> R:
            return self.__get__(owner, type(owner))(*args, **kwargs)

        self.method: Callable[Concatenate[Any, P], R] = blocking
        self.first = first
        self.part: Callable[[object], Any] = operator.attrgetter(attribute)
        self.name = self.called = method.__name__
        self.run: Callable[[Any], Any] = _run_here if first or is_immediate(method) else call
        self.__doc__ = method.__doc__

    def __set_name__(self, _kind: type, name: str) -> None:
        self.called = name

    @overload
    def __get__(self, owner: None, kind: type) -> Callable[Concatenate[Any, P], R]: ...
    @overload
    def __get__(self, owner: object, kind: type) -> Callable[P, R]: ...
    def __get__(self, owner: object | None, kind: type) -> Callable[..., Any]:
        if owner is None:
            return self.method
        part = self.part(owner)
        first = functools.partial(self.first, part) if self.first else None
        made = vars(owner)[self.called] = _Call(getattr(part, self.name), self.run, first)
        return made


class _Call:
    """A method of one part, called through a face."""

    __slots__ = ("__wrapped__", "_first", "_run")

    def __init__(
        self,
        method: Callable[..., Any],
        run: Callable[[Any], Any] | None,
        first: Callable[..., Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.__wrapped__ = method
        self._run = run
        self._first = first

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            made = self.__wrapped__(*args, **kwargs)
        except TypeError as error:
            said = arguments_do_not_fit(self.__wrapped__, kwargs, error)
            if said is None:
                raise
            raise said from error
        if self._first is not None:
            try:
                call(self._first(*args, **kwargs))
            except BaseException:
                made.close()
                raise
        return made if self._run is None else self._run(made)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.__wrapped__)

    @property
    def __name__(self) -> str:
        return self.__wrapped__.__name__

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]  # the method's own
        return self.__wrapped__.__doc__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Call) and self.__wrapped__ == other.__wrapped__

    def __hash__(self) -> int:
        return hash(self.__wrapped__)

    def __repr__(self) -> str:
        return f"<{self.__name__}{self.__signature__}>"


def _run_here(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that never waits, right here: no thread, no loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: R = end.value
        return result
    coroutine.close()
    raise RuntimeUseError(f"{coroutine!r} was marked as never waiting, and waits")


class Later(Awaitable[R]):
    """A value that is read when it is awaited: ``await suite.price``."""

    __slots__ = ("_name", "_read")

    def __init__(self, name: str, read: Callable[[], Coroutine[Any, Any, R]]) -> None:
        self._name = name
        self._read = read

    def __await__(self) -> Generator[Any, None, R]:
        return self._read().__await__()

    def __repr__(self) -> str:
        return f"<{self._name}: await it>"

    def _not_yet(self, *_others: object) -> NoReturn:
        raise TypeError(f"{self._name} is read when it is awaited: write (await suite.{self._name})")

    # What is computed with it, compared or written as text is the value that comes; it has none itself.
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _not_yet
    __lt__ = __le__ = __gt__ = __ge__ = __float__ = __int__ = __round__ = __abs__ = __neg__ = _not_yet

    def __format__(self, wanted: str) -> str:
        if wanted:
            self._not_yet()
        return repr(self)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            f"{self._name} is read when it is awaited: write (await suite.{self._name}).{name}"
        )


class _Value(Generic[Part, R]):
    """What both kinds of value have: the part, and its method of the same name and documentation."""

    def __init__(self, attribute: str, method: Callable[[Part], Coroutine[Any, Any, R]]) -> None:
        self.part: Callable[[object], Any] = operator.attrgetter(attribute)
        self.name = method.__name__
        self.__doc__ = method.__doc__
        self._type = inspect.signature(method).return_annotation

    def __set__(self, _owner: object, value: object) -> NoReturn:
        raise AttributeError(
            f"{self.name} is what the market says and cannot be set; got {value!r}. Read it, or have an"
            " alert at a price: alert(...)."
        )

    def __repr__(self) -> str:
        return f"<value: {self._type}>"


class LaterValue(_Value[Part, R]):
    """A coroutine method without arguments as an attribute to be awaited.

    Parameters
    ----------
    attribute, method
        As for `Forward`.
    """

    @overload
    def __get__(self, owner: None, kind: type) -> LaterValue[Part, R]: ...
    @overload
    def __get__(self, owner: object, kind: type) -> Later[R]: ...
    def __get__(self, owner: object | None, kind: type) -> Any:
        return self if owner is None else Later(self.name, getattr(self.part(owner), self.name))


class PlainValue(_Value[Part, R]):
    """A coroutine method without arguments as a plain attribute; the part's ``at_once`` is asked first.

    Parameters
    ----------
    attribute, method
        As for `Forward`.
    """

    @overload
    def __get__(self, owner: None, kind: type) -> PlainValue[Part, R]: ...
    @overload
    def __get__(self, owner: object, kind: type) -> R: ...
    def __get__(self, owner: object | None, kind: type) -> Any:
        if owner is None:
            return self
        refuse_on_loop(self.name)
        part = self.part(owner)
        value = part.at_once(self.name)
        return call(getattr(part, self.name)()) if value is None else value
