"""`ChartOptions`: the options of a chart, each declared once, and validated."""

from __future__ import annotations

import dataclasses
import inspect
import re
import zoneinfo
from collections.abc import Callable, Iterable
from typing import Any, TypedDict, TypeVar

from mdnb.errors import OptionError, suggest
from mdnb.widgets.figure.series import Overlay, parse_overlays
from mdnb.widgets.page.theme import PALETTES, THEMES

__all__ = [
    "FRONTENDS",
    "KINDS",
    "MOST_BARS",
    "ZONES",
    "ChartOptions",
    "ChartOptionsDict",
    "EachChartOptionsDict",
    "Overlays",
    "lists_options",
]

FRONTENDS = ("fast", "stock")
KINDS = ("candles", "hollow", "ohlc", "line", "area", "heikin-ashi")
"""How bars are drawn."""
ZONES = ("exchange", "local")
"""Time zones by what they are: the exchange's, and that of whoever looks."""
MOST_BARS = {"fast": 50_000, "stock": 5_000}
"""How many bars a front end is given: plotly's own draws all of them each time."""

Overlays = Iterable[str | Overlay] | str | Overlay
"""Indicators and live lines, such as ``["ema(20)", "vwap"]``."""
F = TypeVar("F", bound=Callable[..., Any])


class EachChartOptionsDict(TypedDict, total=False):
    """The types of the options that charts side by side share; see `ChartOptions`."""

    bars: int
    fps: float
    theme: str
    palette: str
    static: bool
    quotes: bool
    frontend: str
    kind: str
    overlays: Overlays
    volume: bool
    tz: str | None


class ChartOptionsDict(EachChartOptionsDict, total=False):
    """The types of a chart's options, for functions that hand them on: ``**options: Unpack[...]``."""

    height: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChartOptions:
    """The options of a chart; `dataclasses.replace` checks anew.

    Parameters
    ----------
    bars
        How many bars are held to be shown, 2..50,000 (``frontend="stock"``: ..5,000); about the newest 180
        are in view at first.
    fps
        Redraws a second at the most, above 0, up to 120.
    theme
        ``auto`` follows the page; ``dark`` or ``light``.
    palette
        ``default`` or ``colorblind``.
    height
        Pixels, 120..4000.
    static
        Add a picture for pages without a kernel (GitHub, nbviewer).
    quotes
        Draw lines at bid and ask.
    frontend
        ``fast``: our own, or plotly's where the page says that it cannot run ours; ``stock``: plotly's, at
        most twice a second.
    kind
        ``candles``, ``hollow`` (rising bodies are not filled), ``ohlc``, ``line``, ``area`` or
        ``heikin-ashi``.
    overlays
        Indicators, such as ``["ema(20)", "vwap", "rsi(14)"]``; see `LiveChart.set_overlays`.
    volume
        Draw volume in a pane below.
    tz
        Zone of the labels: a name, ``exchange``, ``local`` for that of whoever looks; default the source's.

    Attributes
    ----------
    indicators
        The overlays, understood.

    Raises
    ------
    OptionError
        When an option is outside what is allowed.

    Examples
    --------
    >>> options = ChartOptions.of(overlays="EMA(20)", kind="line")
    >>> options.bars, options.kind, [str(one) for one in options.indicators]
    (1000, 'line', ['ema(20)'])
    >>> ChartOptions.of(heigth=300)
    Traceback (most recent call last):
    mdnb.errors.OptionError: a chart has no option 'heigth'. Did you mean 'height'? Allowed: bars, fps, ...
    """

    bars: int = 1000
    fps: float = 20.0
    theme: str = "auto"
    palette: str = "default"
    height: int = 460
    static: bool = True
    quotes: bool = False
    frontend: str = "fast"
    kind: str = "candles"
    overlays: Overlays = ()
    volume: bool = True
    tz: str | None = None
    indicators: tuple[Overlay, ...] = dataclasses.field(init=False, repr=False)

    @classmethod
    def of(cls, **given: Any) -> ChartOptions:
        """Return the options with those given, which may come from a user.

        Raises
        ------
        OptionError
            When one is unknown or outside what is allowed.
        """
        names = [field.name for field in _fields()]
        for name in given:
            if name not in names:
                raise OptionError(f"a chart has no option {name!r}. {suggest(name, names)}")
        return cls(**given)

    def __post_init__(self) -> None:
        """Check every option, and understand the overlays."""
        _check_choice("front end", self.frontend, FRONTENDS)
        _check_choice("theme", self.theme, THEMES)
        _check_choice("palette", self.palette, PALETTES)
        _check_choice("kind of chart", self.kind, KINDS)
        for name in ("static", "quotes", "volume"):
            flag = getattr(self, name)
            if not isinstance(flag, bool):
                raise OptionError(f"{name} must be True or False; got {flag!r}")
        most = MOST_BARS[self.frontend]
        if not _is_whole(self.bars, 2, most):
            raise OptionError(f"bars must be a whole number from 2 to {most}; got {self.bars!r}")
        if isinstance(self.fps, bool) or not isinstance(self.fps, (int, float)) or not 0 < self.fps <= 120:
            raise OptionError(f"fps must be above 0 and at most 120; got {self.fps!r}")
        if not _is_whole(self.height, 120, 4000):
            raise OptionError(
                f"height must be a whole number of pixels from 120 to 4000; got {self.height!r}"
            )
        _check_zone(self.tz)
        # Past the guard of a frozen dataclass; an iterator would be at its end the next time.
        object.__setattr__(self, "indicators", parse_overlays(self.overlays))
        object.__setattr__(self, "overlays", self.indicators)


def _fields() -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(ChartOptions) if field.init]


def lists_options(function: F) -> F:
    """Let signature and documentation of a function that takes ``**options`` list each of them.

    Notebooks complete and explain calls by them. Options that the function takes by itself stay as they are.

    Examples
    --------
    >>> @lists_options
    ... def draw(timeframe, *, height=320, **options): ...
    >>> list(inspect.signature(draw).parameters)[:4], inspect.signature(draw).parameters["kind"].default
    (['timeframe', 'height', 'bars', 'fps'], 'candles')
    """
    shown = inspect.signature(function)
    own = [one for one in shown.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    listed = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
        )
        for field in _fields()
        if field.name not in shown.parameters
    ]
    if function.__doc__:
        function.__doc__ = _documented(inspect.cleandoc(function.__doc__), {one.name for one in listed})
    function.__signature__ = shown.replace(parameters=[*own, *listed])  # type: ignore[attr-defined]  # inspect reads it
    return function


def _documented(doc: str, names: set[str]) -> str:
    """Return a documentation with what `ChartOptions` says of these options in place of ``**options``."""
    told = (inspect.getdoc(ChartOptions) or "").partition("----------\n")[2].partition("\n\n")[0]
    parts = re.findall(r"^\w+\n(?: {4}.*\n?)+", told, flags=re.MULTILINE)
    listed = "".join(part.rstrip() + "\n" for part in parts if part.partition("\n")[0] in names)
    return re.sub(r"^\*\*options\n(?: {4}.*\n?)+", lambda _: listed, doc, flags=re.MULTILINE)


def _check_choice(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise OptionError(f"there is no {name} {value!r}. {suggest(str(value), allowed)}")


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _check_zone(tz: Any) -> None:
    if tz is None or tz in ZONES:
        return
    try:
        zoneinfo.ZoneInfo(tz)
    except (TypeError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        raise OptionError(
            f"there is no time zone {tz!r}. Name one such as 'America/New_York' or 'UTC', or write "
            "'exchange' or 'local'"
        ) from None
