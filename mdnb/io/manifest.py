"""`Manifest`: what a saved market says of itself, in the words of its ``manifest.json``."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from mdnb.instruments import Instrument

__all__ = [
    "FORMAT",
    "Manifest",
    "SavedAlert",
    "SavedChart",
    "SavedDrawing",
    "SavedFinding",
    "SavedGap",
    "SavedInstrument",
    "SavedMark",
    "SavedMember",
    "SavedPosition",
    "SavedRoll",
    "SavedSymbol",
]

FORMAT = 1
"""The version that is written, and the newest that is read."""


_Ns = Annotated[int, Meta(ge=-(2**62), le=2**62)]
_Moment = Annotated[int, Meta(ge=1, le=2**62)]
_Count = Annotated[int, Meta(ge=0, le=2**53)]
_Step = Annotated[float, Meta(gt=0, le=1e18)]
_Name = Annotated[str, Meta(min_length=1, max_length=200)]


class SavedMember(msgspec.Struct, kw_only=True):
    """A file of the container: how long it is, and its SHA-256 in hexadecimal digits."""

    bytes: _Count
    sha256: str


class SavedInstrument(msgspec.Struct, kw_only=True):
    """An instrument; see `mdnb.Instrument`."""

    tick_size: _Step | None = None
    whole_lots: bool = False
    calendar: str | None = None
    timezone: str = "UTC"
    point_value: _Step | None = None
    description: str = ""
    price_decimals: Annotated[int, Meta(ge=0, le=18)] | None = None
    positive_prices: bool = True

    @classmethod
    def of(cls, instrument: Instrument) -> SavedInstrument:
        """Return what is kept of an instrument."""
        return cls(**{name: getattr(instrument, name) for name in cls.__struct_fields__})

    def named(self, symbol: str) -> Instrument:
        """Return the instrument, under a name."""
        return Instrument(symbol=symbol, **msgspec.structs.asdict(self))


class SavedRoll(msgspec.Struct, kw_only=True):
    """A seam between two contracts; see `mdnb.Roll`. Prices that are not known are None."""

    time_ns: _Ns
    old: str
    new: str
    old_price: float | None = None
    new_price: float | None = None


class SavedFinding(msgspec.Struct, kw_only=True):
    """Something that was noted of the data: a gap, a late trade, a roll; `values` are its figures."""

    type: str
    description: str
    time_ns: _Ns
    count: _Count = 1
    values: dict[str, float] = {}


class SavedGap(msgspec.Struct, kw_only=True):
    """Between which times trades were missed, or may have been; see `mdnb.types.Gap`."""

    start_ns: _Ns
    end_ns: _Ns
    reason: str = "reconnect"


class SavedSymbol(msgspec.Struct, kw_only=True):
    """One symbol.

    Attributes
    ----------
    bars, trades, quotes
        Names of members; empty where there are none.
    always_open
        Whether it trades around the clock, whatever the instrument's calendar says.
    hours
        When it trades, where that is no calendar: open and close in UTC epoch nanoseconds, and the trading
        day as days since 1970.
    contract
        That a continuous symbol stood for at last.
    gaps
        What is lost, or was not settled when it was saved.
    """

    symbol: _Name
    instrument: SavedInstrument
    bars: str = ""
    trades: str = ""
    quotes: str = ""
    always_open: bool = False
    hours: list[tuple[_Ns, _Ns, Annotated[int, Meta(ge=-200_000, le=200_000)]]] = []
    contract: str = ""
    rolls: list[SavedRoll] = []
    findings: list[SavedFinding] = []
    gaps: list[SavedGap] = []


class SavedAlert(msgspec.Struct, kw_only=True):
    """An alert; see `mdnb.Alert`."""

    symbol: str
    direction: str
    price: float | None = None
    event: str | None = None
    message: str
    once: bool = True
    active: bool = True


class SavedDrawing(msgspec.Struct, kw_only=True):
    """A drawing on a chart, its times in UTC epoch microseconds.

    Attributes
    ----------
    low, high
        Prices; where a kind is given, the one it begins at and the one it ends at.
    kind
        One of `mdnb.widgets.figure.drawn_shapes.KINDS`; empty for a line, and for a rectangle where there
        are times: all that the first versions had.
    text
        What a text says.
    """

    low: float
    high: float | None = None
    start_us: _Ns | None = None
    end_us: _Ns | None = None
    kind: str = ""
    text: str = ""


class SavedMark(msgspec.Struct, kw_only=True):
    """A mark of a trade or a signal."""

    time_ns: _Ns
    side: str
    price: float | None = None
    text: str = ""


class SavedPosition(msgspec.Struct, kw_only=True):
    """A position that a chart showed: prices as the symbol has them, and money a point is worth."""

    entry: float
    size: float
    point_value: float = 1.0


class SavedChart(msgspec.Struct, kw_only=True):
    """A chart that was open: what it showed, and what was drawn on each symbol."""

    symbol: str
    timeframe: str
    kind: str = "candles"
    overlays: list[str] = []
    volume: bool = True
    quotes: bool = False
    drawings: dict[str, list[SavedDrawing]] = {}
    marks: dict[str, list[SavedMark]] = {}
    positions: dict[str, SavedPosition] = {}


class Manifest(msgspec.Struct, kw_only=True, rename={"version": "mdnb_market"}):
    """What a saved market holds.

    Attributes
    ----------
    version
        Of the format.
    written_by
        The version of mdnb that wrote it.
    saved_ns
        The market's time when it was saved, UTC epoch nanoseconds.
    source, quote_price
        What the bars were made of; see `mdnb.Feed`.
    feed, venue
        The name of the feed, without its address or options, and the venue's.
    config
        Options of the data manager: numbers and switches.
    members
        The files of the container but this one, by name.
    """

    version: int = FORMAT
    written_by: str = ""
    saved_ns: _Moment
    tz: str = "UTC"
    timeframes: Annotated[list[str], Meta(min_length=1, max_length=127)]
    source: str = "trades"
    quote_price: str = "mid"
    feed: str = ""
    venue: str = ""
    config: dict[str, bool | int | float] = {}
    symbols: Annotated[list[SavedSymbol], Meta(min_length=1, max_length=1000)]
    alerts: list[SavedAlert] = []
    charts: list[SavedChart] = []
    members: dict[str, SavedMember] = {}
