"""Reader of QuantConnect LEAN's zip files: ticks and bars of trades, ticks and bars of quotes.

A zip holds one day; the date stands in the names of its members, times are milliseconds since midnight::

    20131007_gc_tick_trade_201312.csv     time,price,size,exchange,condition,suspicious
    20140509_xauusd_tick_quote.csv        time,bid,ask            or   time,bid,bid size,ask,ask size,...
    20161008_btcusd_second_trade.csv      time,open,high,low,close,volume
    20140509_xauusd_minute_quote.csv      time,4 bid prices,bid size,4 ask prices,ask size

Midnight is New York's for shares, UTC-5 the year round for FXCM's currencies, UTC for all else (LEAN's
``market-hours-database.json``, ``dataTimeZone``; its gold and E-mini files of October 2013 show CME's halt
of 17:15 to 18:00 New York at 21:15 to 22:00). Prices of shares are in ten-thousandths. A zip of futures
has one member an expiry; each is a symbol of its own, such as ``GC201312``.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import io
import itertools
import re
import zipfile
import zlib
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from mdnb.errors import FeedError
from mdnb.feeds.replay.json_rows import exact_ns
from mdnb.feeds.replay.recording import Damage, Row, RowChannel, Track

__all__ = ["Price", "is_lean", "lean_tracks", "members"]

Price = Literal["bid", "ask", "mid"]

_MEMBER = re.compile(
    r"(\d{8})_([\w.-]+?)_(tick|second|minute)_(trade|quote)(?:_(\d{6,8}))?\.csv", re.IGNORECASE
)
_OLD_MEMBER = re.compile(r"(\d{8})_([\w.-]+?)_(trade|quote)_tick\.csv", re.IGNORECASE)
_STEPS = {"second": ("1sec", 1_000_000_000), "minute": ("1min", 60_000_000_000)}
_NAN = float("nan")
_SHARE_PRICE = 10_000
_SAMPLE_LINES = 200
_MOST_MEMBERS = 10_000
_SPOILT = (zipfile.BadZipFile, zlib.error, EOFError)


@dataclasses.dataclass(frozen=True, slots=True)
class _Member:
    """One csv of a zip: what its name says, and how its numbers are meant."""

    path: Path
    name: str
    day: dt.date
    ticker: str
    resolution: str
    kind: str
    expiry: str
    divisor: int = 1
    zone: str = "UTC"


def members(path: Path, most: int = 3) -> list[str]:
    """Return the names of the first files that a zip holds; none where it does not read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()[:most]
    except (*_SPOILT, OSError):
        return []


def is_lean(path: Path) -> bool:
    """Return whether a zip has a member that is named as LEAN's are; of one that does not read it may."""
    names = [name.rpartition("/")[2] for name in members(path, _MOST_MEMBERS)]
    if not names:
        return path.suffix.lower() != ".xlsx"
    return any(_MEMBER.fullmatch(name) or _OLD_MEMBER.fullmatch(name) for name in names)


def lean_tracks(path: Path, price: Price, zone: str | None, damage: Damage) -> tuple[Track, ...]:
    """Return one track for each csv of a LEAN zip.

    Parameters
    ----------
    path
        The zip.
    price
        Which side bars of quotes are made of; ``mid`` is the mean of the two sides' opens, highs, lows and
        closes, whose high may differ from the highest mid.
    zone
        IANA name of the time zone of the file's midnight; None for the rule above.

    Raises
    ------
    FeedError
        When it is no zip of LEAN's that is understood, or the zone is unknown.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            found = [(_member(path, info.filename), info.file_size) for info in archive.infolist()]
            members = [
                (_interpreted(archive, member, zone), size)
                for member, size in found
                if member is not None and size
            ]
    except (*_SPOILT, OSError, RuntimeError) as error:
        # RuntimeError: a member has a password, or is packed in a way that Python does not know.
        raise FeedError(f"{path.name} is no zip that can be read: {error}") from error
    if not members:
        raise FeedError(
            f"{path.name} is no LEAN file that is understood (it holds {', '.join(names[:3])}). Understood "
            "are ticks, seconds and minutes of trades and quotes, such as 20131007_gc_tick_trade_201312.csv"
        )
    return tuple(_track(member, size, price, damage) for member, size in members)


def _member(path: Path, name: str) -> _Member | None:
    base = name.rpartition("/")[2]
    if match := _MEMBER.fullmatch(base):
        day, ticker, resolution, kind, expiry = match.groups()
    elif match := _OLD_MEMBER.fullmatch(base):
        (day, ticker, kind), resolution, expiry = match.groups(), "tick", None
    else:
        return None
    try:
        date = dt.date.fromisoformat(day)
    except ValueError:
        return None
    return _Member(
        path=path,
        name=name,
        day=date,
        ticker=ticker.upper(),
        resolution=resolution.lower(),
        kind=kind.lower(),
        expiry=expiry or "",
    )


def _interpreted(archive: zipfile.ZipFile, member: _Member, zone: str | None) -> _Member:
    with archive.open(member.name) as file:
        rows = [line.split(b",") for line in itertools.islice(file, _SAMPLE_LINES)]
    # Shares are the only ones whose prices are whole numbers throughout, in ten-thousandths.
    whole = all(len(row) > 1 and row[1].isdigit() and int(row[1]) >= 100 for row in rows)
    share = whole and not member.expiry
    if zone is None:
        zone = "America/New_York" if share else "Etc/GMT+5" if "fxcm" in str(member.path).lower() else "UTC"
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise FeedError(
            f"there is no time zone {zone!r}; give an IANA name such as America/New_York"
        ) from error
    return dataclasses.replace(member, divisor=_SHARE_PRICE if share else 1, zone=zone)


def _track(member: _Member, size: int, price: Price, damage: Damage) -> Track:
    make: Callable[[list[str], Callable[[str], int], int], Row]
    channel: RowChannel = "bars"
    if member.resolution == "tick":
        channel = "trades" if member.kind == "trade" else "quotes"
        make = _trade if member.kind == "trade" else _quote
    else:
        make = _trade_bar if member.kind == "trade" else functools.partial(_quote_bar, price)
    timeframe, step = _STEPS.get(member.resolution, ("", 0))
    return Track(
        symbol=member.ticker + member.expiry,
        channel=channel,
        rows=functools.partial(_rows, member, make, damage),
        timeframe=timeframe,
        step_ns=step,
        weight=size,
        root=member.ticker if member.expiry else "",
        is_priced=channel == "bars" and member.kind != "trade",
    )


def _rows(
    member: _Member, make: Callable[[list[str], Callable[[str], int], int], Row], damage: Damage
) -> Iterator[Row]:
    to_ns = _time_reader(member.day, member.zone)
    with (
        zipfile.ZipFile(member.path) as archive,
        archive.open(member.name) as packed,
        io.TextIOWrapper(packed, "ascii", errors="replace") as file,
    ):
        number = 0
        try:
            for number, line in enumerate(file, 1):
                try:
                    row = make(line.rstrip("\r\n").split(","), to_ns, member.divisor)
                except (ValueError, IndexError):
                    damage.note(f"line {number} of {member.name}")
                    continue
                yield row
        except _SPOILT:
            damage.note(f"the end of {member.name}, which is damaged after line {number}")


def _time_reader(day: dt.date, zone: str) -> Callable[[str], int]:
    """Return what turns milliseconds since the wall clock's midnight into UTC nanoseconds."""
    info = zoneinfo.ZoneInfo(zone)
    midnight = dt.datetime.combine(day, dt.time())
    start = _utc_ns(midnight.replace(tzinfo=info))
    next_day = _utc_ns((midnight + dt.timedelta(days=1)).replace(tzinfo=info))
    if next_day - start == 86_400_000_000_000:
        return lambda text: start + exact_ns(text, 6)

    def over_a_change_of_the_clocks(text: str) -> int:
        ns = exact_ns(text, 6)
        wall = midnight + dt.timedelta(seconds=ns // 1_000_000_000)
        return _utc_ns(wall.replace(tzinfo=info)) + ns % 1_000_000_000

    return over_a_change_of_the_clocks


def _utc_ns(when: dt.datetime) -> int:
    since = when.astimezone(dt.UTC) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000


def _trade(cells: list[str], to_ns: Callable[[str], int], divisor: int) -> Row:
    return to_ns(cells[0]), _finite(cells[1], divisor), _finite(cells[2]), 1, 0, -1


def _quote(cells: list[str], to_ns: Callable[[str], int], divisor: int) -> Row:
    if len(cells) == 3:
        return to_ns(cells[0]), _finite(cells[1], divisor), _NAN, _finite(cells[2], divisor), _NAN
    bid, bid_size, ask, ask_size = (_or_nan(cell) for cell in cells[1:5])
    return to_ns(cells[0]), bid / divisor, bid_size, ask / divisor, ask_size


def _trade_bar(cells: list[str], to_ns: Callable[[str], int], divisor: int) -> Row:
    prices = [_finite(cell, divisor) for cell in cells[1:5]]
    return (to_ns(cells[0]), *prices, _finite(cells[5]), 0, _NAN)


def _quote_bar(price: Price, cells: list[str], to_ns: Callable[[str], int], divisor: int) -> Row:
    sides = [[_finite(cell, divisor) for cell in cells[first : first + 4]] for first in (1, 6)]
    prices = (
        [(bid + ask) / 2 for bid, ask in zip(*sides, strict=True)]
        if price == "mid"
        else sides[price == "ask"]
    )
    return (to_ns(cells[0]), *prices, 0.0, 0, _NAN)


def _finite(cell: str, divisor: int = 1) -> float:
    number = float(cell)
    if number - number != 0.0:
        raise ValueError(f"{cell!r} is not finite")
    return number if divisor == 1 else number / divisor


def _or_nan(cell: str) -> float:
    return _finite(cell) if cell else _NAN
