"""What stays as it is says so, and what to do instead, when somebody changes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, TypeVar

from mdnb.errors import did_you_mean

__all__ = ["FixedList", "FixedMapping", "refuse_changes"]

_T = TypeVar("_T")
_C = TypeVar("_C", bound=type)
_MOST_SHOWN = 60


def refuse_changes(cls: _C) -> _C:
    """Let the instances of a frozen dataclass say what cannot be changed, and what makes another one.

    What `dataclasses` makes for classes with slots raises a TypeError about ``super`` for a misspelt field.

    Examples
    --------
    >>> @refuse_changes
    ... @dataclasses.dataclass(frozen=True, slots=True)
    ... class Point:
    ...     x: float
    >>> try:
    ...     Point(1.0).y = 2.0
    ... except AttributeError as error:
    ...     print(error)
    Point has no 'y'; got 2.0. It is frozen and takes no attributes: keep what is yours in a variable.
    """
    cls.__setattr__ = _refuse_setting  # type: ignore[method-assign, assignment]  # that of dataclasses
    cls.__delattr__ = _refuse_deleting  # type: ignore[method-assign, assignment]  # as above
    return cls


def _refuse_setting(self: Any, name: str, value: object) -> NoReturn:
    kind, shown = type(self).__name__, repr(value)
    given = shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."
    fields = [field.name for field in dataclasses.fields(self)]
    if name in fields:
        raise dataclasses.FrozenInstanceError(
            f"{kind}.{name} is frozen; got {given}. dataclasses.replace(..., {name}=...) makes another one."
        )
    public = [each for each in dir(type(self)) if not each.startswith("_")]
    if name in public:
        raise dataclasses.FrozenInstanceError(f"{kind}.{name} follows from its fields; got {given}.")
    near = did_you_mean(name, public)
    raise dataclasses.FrozenInstanceError(
        f"{kind} has no {name!r}; got {given}. {near}It is frozen and takes no attributes: keep what is yours"
        " in a variable."
    )


def _refuse_deleting(self: Any, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"{type(self).__name__}.{name} cannot be deleted: it is frozen.")


class FixedList(list[_T]):
    """A list that stays as it is; it is equal to any list of the same values.

    Parameters
    ----------
    values
        What is in it.
    instead
        What to do where somebody wants to change it, in a sentence.

    Examples
    --------
    >>> names = FixedList(["1min"], "Write live.add_timeframe('5min').")
    >>> names == ["1min"], names + ["5min"]
    (True, ['1min', '5min'])
    """

    __slots__ = ("_instead",)

    def __init__(self, values: Iterable[_T], instead: str) -> None:
        super().__init__(values)
        self._instead = instead

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError(f"this list tells what is, and to change it would change nothing. {self._instead}")

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __reduce_ex__(self, protocol: object) -> Any:
        # A copy is anybody's to change.
        return list, (list(self),)


class FixedMapping(dict[Any, Any]):
    """A dictionary that stays as it is; otherwise as `FixedList`.

    Examples
    --------
    >>> FixedMapping({"a": 1}, "Change a copy.") == {"a": 1}
    True
    """

    __slots__ = ("_instead",)

    def __init__(self, values: Mapping[Any, Any], instead: str) -> None:
        super().__init__(values)
        self._instead = instead

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError(
            f"this dictionary is of a moment, and what is put into it would be lost. {self._instead}"
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = setdefault = pop = popitem = clear = _refuse

    def __reduce_ex__(self, protocol: object) -> Any:
        return dict, (dict(self),)
