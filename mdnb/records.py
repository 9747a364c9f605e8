"""`Record`, the base of all records: access by key, equality where ``nan`` equals ``nan``, and display.

A field's name says what its value is, everywhere alike: ``price`` and ``bid`` are prices, ``..._ns`` is an
instant, ``..._ms`` milliseconds. `role_of` is the one place that knows it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import html
import math
from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from mdnb.frozen import refuse_changes
from mdnb.number_format import DASH, decimals_needed, number_text, price_text, size_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FrozenDict", "Record", "Role", "role_of", "timestamp"]

_SHOWN_OF_MANY = 3
_NOT_A_NUMBER = "nan"

_T = TypeVar("_T")


def timestamp(time_ns: int, tz: str) -> pd.Timestamp:
    """Return an instant as a zone-aware ``pandas.Timestamp``.

    Examples
    --------
    >>> print(timestamp(0, "America/Chicago"))
    1969-12-31 18:00:00-06:00
    """
    import pandas as pd

    return pd.Timestamp(time_ns, unit="ns", tz="UTC").tz_convert(tz)


class Role(enum.Enum):
    """What kind of number a field holds (price, size, time, ...), which decides its format."""

    PRICE = "price"
    BETWEEN = "a price computed of others, which may lie between two ticks"
    SIZE = "size"
    TIME = "UTC epoch nanoseconds"
    ID = "an id, -1 where there is none"
    SHARE = "share, 0..1"
    PERCENT = "percent, 0..100"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    MEGABYTES = "10^6 bytes"
    RATE = "so many a second or minute"
    NUMBER = "a number without a unit"


_ROLES = {
    **dict.fromkeys(("price", "open", "high", "low", "close", "last", "bid", "ask"), Role.PRICE),
    **dict.fromkeys(("best_bid", "best_ask", "min_price", "max_price"), Role.PRICE),
    **dict.fromkeys(("old_price", "new_price", "difference"), Role.PRICE),
    **dict.fromkeys(("mid", "spread", "vwap", "microprice", "before", "after"), Role.BETWEEN),
    **dict.fromkeys(("size", "volume", "avg_tick_size"), Role.SIZE),
    **dict.fromkeys(("completeness", "connection_uptime"), Role.PERCENT),
    **dict.fromkeys(("age", "seconds", "seconds_since_data"), Role.SECONDS),
    **dict.fromkeys(("alpha", "agreement", "compression_ratio", "data_quality_score"), Role.NUMBER),
    **dict.fromkeys(("efficiency_ratio", "freshness", "imbalance", "momentum", "p_value"), Role.NUMBER),
    **dict.fromkeys(("ratio",), Role.NUMBER),
    **dict.fromkeys(("position", "score", "sigma", "t", "tau"), Role.NUMBER),
}
_ENDINGS = {
    "_ns": Role.TIME,
    "_id": Role.ID,
    "_share": Role.SHARE,
    "_rate": Role.SHARE,
    "_percent": Role.PERCENT,
    "_days": Role.NUMBER,
    "_seconds": Role.SECONDS,
    "_ms": Role.MILLISECONDS,
    "_mb": Role.MEGABYTES,
    "_per_second": Role.RATE,
    "_per_minute": Role.RATE,
    "_size": Role.SIZE,
    "_volume": Role.SIZE,
}


def role_of(name: str) -> Role | None:
    """Return the role of a field by its name; None where the name is not known.

    Examples
    --------
    >>> role_of("best_bid").name, role_of("last_update_ns").name, role_of("avg_latency_ms").name
    ('PRICE', 'TIME', 'MILLISECONDS')
    """
    role = _ROLES.get(name)
    return role or next((role for ending, role in _ENDINGS.items() if name.endswith(ending)), None)


class FrozenDict(Mapping[str, _T]):
    """A mapping that stays as it is; unlike ``MappingProxyType`` it can be pickled, copied and hashed.

    Examples
    --------
    >>> FrozenDict({"1min": 3})["1min"]
    3
    """

    __slots__ = ("_held",)

    def __init__(self, held: Mapping[str, _T]) -> None:
        self._held = dict(held)

    def __getitem__(self, name: str) -> _T:
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __hash__(self) -> int:
        return hash(frozenset(self._held.items()))

    def __repr__(self) -> str:
        return repr(self._held)


class Record:
    """A frozen record whose fields can be read as attributes and as keys.

    Every subclass is a dataclass with ``eq=False``: equality is this class's, in which ``nan`` equals
    ``nan``. The one that `dataclasses` makes calls records with a ``nan`` equal in Python 3.11 and 3.12 (if
    it is the same object), and unequal from 3.13 on.

    A subclass may have fields ``tz``, the zone its times are shown in, and ``decimals``, those its prices are
    shown with; None takes as many as the prices need.

    Examples
    --------
    >>> from mdnb.types import Tick
    >>> price = Tick("MNQ", 0, 100.25, 2.0)
    >>> price.price == price["price"]
    True
    >>> print(price)
    Tick(symbol=MNQ, time=–, price=100.25, size=2, side=–, trade_id=–, count=1, flag=ok, volume=2)
    """

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        if not str(name).startswith("_"):
            try:
                return getattr(self, name)
            except AttributeError:
                pass
        raise KeyError(f"{type(self).__name__} has no field {name!r}; it has {', '.join(self.keys())}")

    def keys(self) -> list[str]:
        """Return the names of the fields."""
        fields = [field.name for field in dataclasses.fields(self) if field.repr]  # type: ignore[arg-type]  # every subclass is a dataclass
        kinds = [kind for kind in reversed(type(self).__mro__) if issubclass(kind, Record)]
        properties = [
            name for kind in kinds for name, value in vars(kind).items() if isinstance(value, property)
        ]
        return [*fields, *dict.fromkeys(properties)]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field, or ``default`` where there is none of that name."""
        try:
            return self[name]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def asdict(self) -> dict[str, Any]:
        """Return all fields as a plain dictionary."""
        return {name: self[name] for name in self.keys()}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_same(mine, its) for mine, its in zip(_compared(self), _compared(other), strict=True))

    def __hash__(self) -> int:
        return hash((type(self).__name__, *(_hashed(value) for value in _compared(self))))

    def __str__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text in _rows(self))})"

    def __init_subclass__(cls) -> None:
        # IPython asks the class itself for it, before the `__repr__` that the dataclass has.
        cls._repr_pretty_ = Record._repr_pretty_  # type: ignore[method-assign]  # its own
        if "__setattr__" in vars(cls):
            # The class that `dataclasses` makes anew, for its slots, has its methods already.
            refuse_changes(cls)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # What a notebook keeps as text: as it is printed, and not with every nanosecond.
        printer.text(str(self))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for name, text in _rows(self)
        )
        return f"<div><strong>{html.escape(type(self).__name__)}</strong><table>{rows}</table></div>"


# -- equality -------------------------------------------------------------------------------------------


def _compared(record: Record) -> list[Any]:
    return [getattr(record, field.name) for field in dataclasses.fields(record) if field.compare]  # type: ignore[arg-type]  # as above


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    # What is unlike itself is no number or no time: two of them say the same.
    return bool(one == other) or bool(one != one and other != other)


def _hashed(value: Any) -> Hashable:
    """Return something hashable that is equal for values that `_same` calls equal."""
    if isinstance(value, tuple):
        return tuple(map(_hashed, value))
    if isinstance(value, Mapping):
        return frozenset((name, _hashed(one)) for name, one in value.items())
    hashable: Hashable = value if value == value else _NOT_A_NUMBER
    return hashable


# -- being shown ----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Shown:
    """How one record's values are written.

    Attributes
    ----------
    decimals
        Of its prices.
    tz
        Of its times.
    """

    decimals: int
    tz: str

    def value(self, name: str, value: Any) -> str:
        """Return a value as text, by what its name says that it is."""
        if value is None:
            return DASH
        if isinstance(value, bool):
            return str(value)
        if isinstance(value, (int, float)):
            return self.figure(role_of(name), value)
        if isinstance(value, Mapping):
            return ", ".join(f"{key}: {self.value(str(key), one)}" for key, one in value.items()) or "none"
        if isinstance(value, tuple):
            return self._many(name, value)
        return str(value)

    def figure(self, role: Role | None, value: float) -> str:
        """Return a number as text."""
        if role is Role.TIME:
            return str(timestamp(int(value), self.tz)) if value else DASH
        if role is Role.ID:
            return str(value) if value >= 0 else DASH
        if role in (Role.PRICE, Role.BETWEEN):
            return price_text(value, self.decimals)
        if role is Role.SIZE:
            return size_text(value)
        if isinstance(value, int):
            return f"{value:,}"
        return _with_unit(role, value)

    def _many(self, name: str, values: tuple[Any, ...]) -> str:
        if not values:
            return "none"
        more = len(values) - _SHOWN_OF_MANY
        shown = "; ".join(self.value(name, one) for one in values[:_SHOWN_OF_MANY])
        return f"{shown}; and {more:,} more" if more > 0 else shown


def _with_unit(role: Role | None, value: float) -> str:
    if not math.isfinite(value):
        return DASH
    written = {
        Role.SHARE: f"{100 * value:.2f} %",
        Role.PERCENT: f"{value:.2f} %",
        Role.SECONDS: f"{value:,.3f} s",
        Role.MILLISECONDS: f"{value:,.3f} ms",
        Role.MEGABYTES: f"{value:,.3f} MB",
        Role.RATE: f"{value:,.2f}",
    }
    return written[role] if role in written else number_text(value)


def _rows(record: Record) -> list[tuple[str, str]]:
    """Return what is shown of a record: names and texts, each instant once."""
    shown = _Shown(_decimals(record), getattr(record, "tz", "UTC"))
    rows: dict[str, str] = {}
    instants: set[int] = set()
    for name in record:
        value = record[name]
        if role_of(name) is Role.TIME:
            instants.add(value or 0)
            rows[name.removesuffix("_ns")] = shown.value(name, value)
        elif not (name in rows or (isinstance(value, dt.datetime) and _ns(value) in instants)):
            rows[name] = shown.value(name, value)
    return list(rows.items())


def _ns(when: Any) -> int | None:
    """Return the instant of a ``pandas.Timestamp``, in its own words."""
    return int(when.as_unit("ns").value) if hasattr(when, "as_unit") else None


def _decimals(record: Record) -> int:
    """Return the decimals of a record's prices: those it was given, more where one of its prices has more."""
    return max(getattr(record, "decimals", None) or 0, decimals_needed(_prices(record.asdict())))


def _prices(values: Mapping[str, Any]) -> Iterator[float]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _prices(value)
        elif role_of(str(name)) is Role.PRICE and isinstance(value, (int, float)):
            yield value
