"""`LiveFrame`: the live bars of one timeframe, as a pandas frame that is always current."""

from __future__ import annotations

import copy
import functools
import html
import operator
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, overload

from mdnb.errors import suggest
from mdnb.frozen import FixedMapping
from mdnb.live_frame.askers import asks_before_pieces, reads_in_pieces, takes_at_once
from mdnb.live_frame.masks import Locator, choose
from mdnb.live_frame.pandas_names import PandasNames, pandas_names
from mdnb.live_frame.table import formatters
from mdnb.number_format import price_text, size_text
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.types import Bar, timestamp

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LiveFrame"]

_ROWS_SHOWN = 8
_OWN = ("closed", "forming", "frame", "symbol", "timeframe", "head", "tail", "loc", "iloc", "at", "iat")
_MISSING = object()
_WRITE = frozenset({"insert", "isetitem", "pop", "set_flags", "update"})
# Methods of pandas that have ``inplace=``.
_MAY_WRITE = frozenset(
    {"bfill", "clip", "drop", "drop_duplicates", "dropna", "eval", "ffill", "fillna", "interpolate", "mask"}
    | {"query", "rename", "rename_axis", "replace", "reset_index", "set_index", "sort_index", "sort_values"}
    | {"where"}
)
_GUESSES = (
    dict.fromkeys(("bars", "data", "dataframe", "df", "get_bars", "get_data", "pandas"), "frame")
    | dict.fromkeys(("snapshot", "table", "to_dataframe", "to_df", "to_frame", "to_pandas"), "frame")
    | dict.fromkeys(("bar", "current", "last", "latest", "live", "open_bar"), "forming")
    | dict.fromkeys(("complete", "completed", "finished", "history"), "closed")
)
"""What somebody may try first, and what it is called."""


def _column(frame: pd.DataFrame, name: str) -> Any:
    from mdnb.live_frame.column import column_of  # needs pandas, which `import mdnb` does without

    return column_of(frame[name])


def _binary(operate: Callable[[Any, Any], Any]) -> Callable[[LiveFrame, Any], pd.DataFrame]:
    return lambda self, other: self._with(operate, other)


def _reflected(operate: Callable[[Any, Any], Any]) -> Callable[[LiveFrame, Any], pd.DataFrame]:
    return lambda self, other: operate(other, self.frame)


class LiveFrame(PandasNames):
    """A view of the live bars of one timeframe.

    It is used like a ``pandas.DataFrame`` that is made anew on each use: ``live["1min"].tail()``,
    ``live["1min"]["close"]``, ``live["1min"] * 2``, ``pandas.DataFrame(live["1min"])``,
    ``plotly.express.line(live["1min"], y="close")``. Two uses may see two moments. Keep one with `frame`:
    ``bars = live["1min"].frame`` stays as it is, is yours to change, and is what functions need that read
    a frame piece by piece, such as ``pandas.concat`` and ``pandas.merge``; they refuse a live one and say so.

    A mask made a moment earlier is aligned by its times: ``live["1min"][mask]`` and ``.loc[mask]`` leave out
    the rows that the mask does not know.

    Attributes
    ----------
    timeframe
        By its canonical name.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as live:
    ...     rising = live["1min"]["close"] > live["1min"]["open"]
    ...     type(live["1min"][rising]).__name__, type(live["1min"].frame).__name__
    ('DataFrame', 'DataFrame')
    """

    __slots__ = ("__weakref__", "_engine", "timeframe")

    _engine: SymbolState
    timeframe: str
    __pandas_priority__ = 5000  # above a frame's 4000: pandas lets our operators do it
    __hash__ = None  # type: ignore[assignment]  # as a frame's: it is compared by its values

    def __init__(self, engine: SymbolState, timeframe: str) -> None:
        put = object.__setattr__
        put(self, "_engine", engine)
        put(self, "timeframe", engine.canonical(timeframe))

    @property
    def symbol(self) -> str:
        """Whose bars they are."""
        return self._engine.symbol

    @property
    def frame(self) -> pd.DataFrame:
        """The bars as they are now, oldest first, the forming one last; yours to keep and change."""
        return self._engine.frame(self.timeframe)

    @property
    def attrs(self) -> dict[Any, Any]:
        """What the bars of this moment are marked with; nothing is written to it."""
        return FixedMapping(self.frame.attrs, f"Change a copy of this moment: bars = {self._way}.frame")

    @property
    def closed(self) -> pd.DataFrame:
        """The closed bars only."""
        return self._engine.frame(self.timeframe, closed_only=True)

    @property
    def forming(self) -> Bar | None:
        """The bar that is being made; None where there is none."""
        self._engine.wanted()
        row = self._engine.forming(self.timeframe)
        return None if row is None else self._engine.bar(self.timeframe, row, closed=False)

    # -- as a frame: attributes, rows, columns --------------------------------------------------------

    def head(self, n: int = 5) -> pd.DataFrame:
        """Return the oldest bars held."""
        return self.frame.head(n)

    def tail(self, n: int = 5) -> pd.DataFrame:
        """Return the newest bars, the forming one last."""
        return self.frame.tail(n)

    @property
    def loc(self) -> Locator:
        """Rows and columns by their labels."""
        return Locator(self._make, "loc", self._way)

    @property
    def iloc(self) -> Locator:
        """Rows and columns by their positions."""
        return Locator(self._make, "iloc", self._way)

    @property
    def at(self) -> Locator:
        """One value by its labels."""
        return Locator(self._make, "at", self._way)

    @property
    def iat(self) -> Locator:
        """One value by its position."""
        return Locator(self._make, "iat", self._way)

    def _make(self) -> pd.DataFrame:
        return self._engine.frame(self.timeframe)

    @property
    def _way(self) -> str:
        return f'live["{self.timeframe}"]'

    def __getattr__(self, name: str) -> Any:
        library = reads_in_pieces(sys._getframe(1).f_globals.get("__name__"))
        if library is not None:
            return self._for_library(name, library, sys._getframe(1))
        if name.startswith("_"):
            raise AttributeError(f"a LiveFrame has no {name!r}")
        if name in _WRITE:
            self._refuse_writing(f"{name}(...)")
        frame = self.frame
        if name in frame:
            return _column(frame, name)
        found = getattr(frame, name, _MISSING)
        if found is _MISSING:
            raise AttributeError(self._no_such(name))
        return self._unless_in_place(found, name) if name in _MAY_WRITE else found

    def _for_library(self, name: str, library: str, asker: FrameType) -> Any:
        if name == "_mgr" and takes_at_once(asker):
            return self.frame._mgr  # read by the constructor of pandas
        if name.startswith("__"):
            # Whether it has this or that of a protocol anybody may ask.
            raise AttributeError(f"a LiveFrame has no {name!r}")
        # Among others `_typ`, by which pandas knows its own.
        raise self._refusal(library)

    def _no_such(self, name: str) -> str:
        right = _GUESSES.get(name)
        if right is not None:
            return f"a LiveFrame has no {name!r}; it is {self._way}.{right} (.frame: the bars as a DataFrame)"
        near = suggest(name, [*_OWN, *pandas_names()]).partition("Allowed:")[0].strip()
        return f"neither a LiveFrame nor its .frame, a DataFrame, has {name!r}. {near}".strip()

    @overload
    def __getitem__(self, key: str) -> pd.Series[float]: ...
    @overload
    def __getitem__(self, key: list[str] | slice | pd.Series[bool] | pd.DataFrame) -> pd.DataFrame: ...
    @overload
    def __getitem__(self, key: Any) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        frame = self.frame
        return _column(frame, key) if type(key) is str else choose(frame.__getitem__, frame, key, self._way)

    def __len__(self) -> int:
        return len(self.frame)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.frame)

    def __contains__(self, name: object) -> bool:
        return name in self.frame

    def __bool__(self) -> bool:
        return bool(self.frame)

    # -- nothing is written to it ---------------------------------------------------------------------

    def _refuse_writing(self, what: str) -> NoReturn:
        raise TypeError(
            f"{self._way} shows live bars, which nobody writes to: {what} would be lost with the next bar. "
            f"Change a copy of this moment: bars = {self._way}.frame"
        )

    def _unless_in_place(self, method: Any, name: str) -> Any:
        @functools.wraps(method)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if kwargs.get("inplace"):
                self._refuse_writing(f"{name}(..., inplace=True)")
            return method(*args, **kwargs)

        return checked

    def __setitem__(self, key: Any, value: Any) -> None:
        self._refuse_writing(f"[{key!r}] = ...")

    def __delitem__(self, key: Any) -> None:
        self._refuse_writing(f"del [{key!r}]")

    def __setattr__(self, name: str, value: Any) -> None:
        self._refuse_writing(f".{name} = ...")

    def __delattr__(self, name: str) -> None:
        self._refuse_writing(f"del .{name}")

    # -- in other libraries' hands --------------------------------------------------------------------

    @property  # type: ignore[misc]  # who asks may read it, nobody may write it
    def __class__(self) -> Any:
        asker = sys._getframe(1)
        taken = takes_at_once(asker)
        if taken is not None:
            return taken
        library = asks_before_pieces(asker.f_globals.get("__name__"))
        if library is not None:
            raise self._refusal(library)
        return LiveFrame

    def _refusal(self, library: str) -> TypeError:
        return TypeError(
            f"{library} would read {self._way} piece by piece while its bars move on. "
            f"Hand over the bars of one moment: {self._way}.frame"
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.frame.__array__(*args, **kwargs)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(out, LiveFrame) for out in kwargs.get("out", ())):
            self._refuse_writing("out=")
        frame = self.frame
        plain = [self._of_this_moment(one, frame) for one in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        return self.frame.__arrow_c_stream__(requested_schema)

    def __narwhals_dataframe__(self) -> Any:
        # Narwhals alone asks for it, so it is loaded; mdnb does without.
        return sys.modules["narwhals"].from_native(self.frame, eager_only=True)._compliant_frame

    def __copy__(self) -> pd.DataFrame:
        return self.frame

    def __deepcopy__(self, memo: dict[int, Any]) -> pd.DataFrame:
        return self.frame

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        # Whoever reads it needs no mdnb: it is a frame then.
        return copy.copy, (self.frame,)

    # -- operators ------------------------------------------------------------------------------------

    def _of_this_moment(self, other: Any, frame: pd.DataFrame) -> Any:
        """Return the same bars as the same frame, whatever came meanwhile; other live bars as a frame."""
        if not isinstance(other, LiveFrame):
            return other
        same = other._engine is self._engine and other.timeframe == self.timeframe
        return frame if same else other.frame

    def _with(self, operate: Callable[[Any, Any], Any], other: Any) -> pd.DataFrame:
        frame = self.frame
        made: pd.DataFrame = operate(frame, self._of_this_moment(other, frame))
        return made

    __eq__ = _binary(operator.eq)  # type: ignore[assignment]  # a frame of answers, as pandas gives
    __ne__ = _binary(operator.ne)  # type: ignore[assignment]
    __lt__ = _binary(operator.lt)
    __le__ = _binary(operator.le)
    __gt__ = _binary(operator.gt)
    __ge__ = _binary(operator.ge)
    __add__, __radd__ = _binary(operator.add), _reflected(operator.add)
    __sub__, __rsub__ = _binary(operator.sub), _reflected(operator.sub)
    __mul__, __rmul__ = _binary(operator.mul), _reflected(operator.mul)
    __truediv__, __rtruediv__ = _binary(operator.truediv), _reflected(operator.truediv)
    __floordiv__, __rfloordiv__ = _binary(operator.floordiv), _reflected(operator.floordiv)
    __mod__, __rmod__ = _binary(operator.mod), _reflected(operator.mod)
    __pow__, __rpow__ = _binary(operator.pow), _reflected(operator.pow)
    __divmod__, __rdivmod__ = _binary(divmod), _reflected(divmod)
    __matmul__, __rmatmul__ = _binary(operator.matmul), _reflected(operator.matmul)
    __and__, __rand__ = _binary(operator.and_), _reflected(operator.and_)
    __or__, __ror__ = _binary(operator.or_), _reflected(operator.or_)
    __xor__, __rxor__ = _binary(operator.xor), _reflected(operator.xor)

    def __neg__(self) -> pd.DataFrame:
        return -self.frame

    def __pos__(self) -> pd.DataFrame:
        return +self.frame

    def __invert__(self) -> pd.DataFrame:
        return ~self.frame

    def __abs__(self) -> pd.DataFrame:
        return abs(self.frame)

    def __round__(self, decimals: int = 0) -> pd.DataFrame:
        return round(self.frame, decimals)

    # -- shown, and completed -------------------------------------------------------------------------

    def __dir__(self) -> list[str]:
        # Of the class: an editor asks at every key, and a frame of now has no other names.
        return sorted({*object.__dir__(self), *_OWN, *pandas_names()})

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._engine.frame(self.timeframe, 0).columns)

    def _summary(self, count: int) -> str:
        engine = self._engine
        last = engine.last_trade
        when = timestamp(last[0], engine.tz).strftime("%Y-%m-%d %H:%M:%S %Z") if last else "no data yet"
        return f"{self.symbol} · {self.timeframe} · {count:,} bars · last update {when} · {engine.status()}"

    def _forming_text(self) -> str:
        bar = self.forming
        if bar is None:
            return "no bar is forming"
        places = self._engine.instrument.decimals
        prices = zip("OHLC", (bar.open, bar.high, bar.low, bar.close), strict=True)
        shown = " ".join(f"{letter} {price_text(price, places)}" for letter, price in prices)
        return f"forming since {bar.timestamp.strftime('%H:%M:%S')}: {shown} V {size_text(bar.volume)}"

    def _shown(self) -> pd.DataFrame:
        return self._engine.frame(self.timeframe, _ROWS_SHOWN)

    def __repr__(self) -> str:
        shown = self._shown()
        table = shown.to_string(formatters=formatters(shown, self._engine.instrument))
        return f"{self._summary(len(self))}\n{table}\n{self._forming_text()}"

    def _repr_html_(self) -> str:
        shown = self._shown()
        table = shown.to_html(formatters=formatters(shown, self._engine.instrument), border=0)
        return (
            f"<div><strong>{html.escape(self._summary(len(self)))}</strong>{table}"
            f"<small>{html.escape(self._forming_text())}</small></div>"
        )
