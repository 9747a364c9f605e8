"""Options declared once, beside their field: default, bounds, second spelling and documentation.

The type stands in the annotation. Checks, second spellings, documentation and `replace` are made of that.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from mdnb.errors import OptionError

__all__ = ["Option", "check_options", "documented", "documented_by", "option", "options_of", "twin"]

_T = TypeVar("_T")
_Function = TypeVar("_Function", bound=Callable[..., Any])

_METADATA = "option"
_MARK = "{options}"
_WIDTH = 100
_IN = "    "


class _NotGiven:
    """Stands for an option of two spellings that was not given; reads as its default in a signature."""

    __slots__ = ("shown",)

    def __init__(self, shown: str) -> None:
        self.shown = shown

    def __repr__(self) -> str:
        return self.shown


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Metadata of one option: bounds, second spelling, documentation.

    Attributes
    ----------
    default
        Its value where it is not given.
    effect
        What it does, in a sentence or two.
    least, above
        The least number allowed, and whether it is just not allowed itself.
    twin_of
        Of a second spelling: the option that it sets.
    factor
        Of a second spelling: how many of its units are one of that option's.
    """

    default: Any = None
    effect: str = ""
    least: float = 0.0
    above: bool = False
    twin_of: str = ""
    factor: float = 1.0


def option(
    default: Any, effect: str, *, least: float = 0.0, above: bool = False, has_twin: bool = False
) -> Any:
    """Return the field of an option; see `Option`.

    Parameters
    ----------
    has_twin
        There is a second spelling: two that are given and disagree are refused.
    """
    known = Option(default=default, effect=effect, least=least, above=above)
    return dataclasses.field(
        default=_NotGiven(repr(default)) if has_twin else default, metadata={_METADATA: known}
    )


def twin(name: str, effect: str, *, factor: float = 1.0, above: bool = False) -> Any:
    """Return the field of a second spelling of an option.

    Parameters
    ----------
    name
        The option that it sets, and equals times ``factor``.
    """
    known = Option(effect=effect, above=above, twin_of=name, factor=factor)
    return dataclasses.field(
        default=_NotGiven(f"<as {name}>"), repr=False, compare=False, metadata={_METADATA: known}
    )


def options_of(kind: type[Any]) -> dict[str, Option]:
    """Return the options of a dataclass by name, second spellings among them."""
    return {field.name: field.metadata[_METADATA] for field in dataclasses.fields(kind)}


def check_options(made: Any) -> None:
    """Validate the options of a dataclass in ``__post_init__``, and set both spellings of each.

    Raises
    ------
    OptionError
        When a value is outside what is allowed, or two spellings of one option disagree.
    """
    known = options_of(type(made))
    types = {field.name: str(field.type) for field in dataclasses.fields(made)}
    given = {
        name: _checked(name, types[name], one, value)
        for name, one in known.items()
        if not isinstance(value := getattr(made, name), _NotGiven)
    }
    values = {name: given.get(name, one.default) for name, one in known.items() if not one.twin_of}
    for name, one in known.items():
        if one.twin_of and name in given:
            values[one.twin_of] = _agreed(name, one, given)
    for name, one in known.items():
        if one.twin_of:
            values[name] = given.get(name, _times(values[one.twin_of], one.factor))
    for name, value in values.items():
        object.__setattr__(made, name, value)


def _agreed(name: str, one: Option, given: Mapping[str, Any]) -> Any:
    value, other = given[name], given.get(one.twin_of)
    set_to = value if one.factor == 1.0 else value / one.factor
    if other is not None and other != set_to:
        raise OptionError(
            f"{name} and {one.twin_of} are the same option; given were {set_to!r} and {other!r}."
            " Give one of them; in a configuration that is made already, change it by its replace()."
        )
    return set_to


def _times(value: Any, factor: float) -> Any:
    return value if factor == 1.0 else value * factor


def _checked(name: str, kind: str, known: Option, value: Any) -> Any:
    if kind == "bool":
        if not isinstance(value, bool):
            raise OptionError(f"{name} must be True or False; got {value!r}")
        return value
    if kind == "int":
        if isinstance(value, bool) or not isinstance(value, int) or value < known.least:
            raise OptionError(f"{name} must be a whole number of at least {known.least:g}; got {value!r}")
        return value
    if kind == "float":
        bad = isinstance(value, bool) or not isinstance(value, (int, float))
        if bad or not known.least <= value < float("inf") or (value == known.least and known.above):
            allowed = f"above {known.least:g}" if known.above else f"{known.least:g} or more"
            raise OptionError(f"{name} must be a number, {allowed}; got {value!r}")
        return float(value)
    if value is not None and not isinstance(value, (str, os.PathLike)):
        raise OptionError(f"{name} must be a folder, or None for a temporary one; got {value!r}")
    if value is not None and "\0" in os.fsdecode(value):
        raise OptionError(f"{name} has a NUL character in it, which no file system takes; got {value!r}")
    return None if value is None else Path(os.fsdecode(value))


def documented(kind: type[_T]) -> type[_T]:
    """Fill ``{options}`` in a class's docstring with the documentation of its options."""
    known = options_of(kind)
    kind.__doc__ = _filled(kind.__doc__, known, known)
    return kind


def documented_by(kind: type[Any]) -> Callable[[_Function], _Function]:
    """Add the documentation of ``kind``'s options to a function whose parameters have their names."""

    def fill(function: _Function) -> _Function:
        known = options_of(kind)
        names = [name for name in inspect.signature(function).parameters if name in known]
        function.__doc__ = _filled(function.__doc__, known, names)
        return function

    return fill


def _filled(text: str | None, known: Mapping[str, Option], names: Iterable[str]) -> str | None:
    if text is None:  # Python was told to leave docstrings out
        return None
    line = next(line for line in text.split("\n") if line.strip() == _MARK)
    described = "\n".join(
        f"{name}\n{textwrap.fill(known[name].effect, _WIDTH, initial_indent=_IN, subsequent_indent=_IN)}"
        for name in names
    )
    return text.replace(line, textwrap.indent(described, line.removesuffix(_MARK)))
