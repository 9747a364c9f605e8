"""Rows of any file of ticks or bars that `mdnb.read_ticks` or `mdnb.read` reads, to be played."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mdnb.errors import DataImportError, FeedError
from mdnb.feeds.replay.recording import Recording, Row, RowChannel, Track
from mdnb.timeframes import Timeframe, in_order

if TYPE_CHECKING:
    import numpy as np

    from mdnb.io.file_bars import FileBars
    from mdnb.io.recognise.given import Given
    from mdnb.io.recognise.ticks import FileTicks

__all__ = ["bar_rows", "recording_of_file"]

_AT_A_TIME = 16_384
_NAN = float("nan")
_LONGEST_ID = 18


def recording_of_file(path: Path, wanted: Sequence[str], given: Given) -> Recording:
    """Return the rows of a file that any program wrote.

    Parameters
    ----------
    wanted
        The symbols to look for, where the file holds several.
    given
        What the caller says of the file; of its times, columns and signs.

    Raises
    ------
    FeedError
        When the file is not understood, or needs something said: the message names the option.
    """
    made: dict[str, Track] = {}
    ids: Literal["unique", "none"] = "none"
    for symbol in wanted or (None,):
        track, with_ids = _track(path, symbol, given)
        made[track.symbol] = track
        ids = "unique" if with_ids else ids
    tracks = tuple(made.values())
    return Recording(
        path=path,
        form=f"file of {tracks[0].channel}",
        dialect="mdnb",
        ids=ids,
        has_trades=any(track.channel == "trades" for track in tracks),
        symbols=tuple(track.symbol for track in tracks if track.symbol),
        tracks=tracks,
    )


def _track(path: Path, symbol: str | None, given: Given) -> tuple[Track, bool]:
    """Return a symbol's rows, and whether its trades have ids."""
    try:
        return _bar_track(path, symbol, given), False
    except DataImportError as error:
        no_bars = error
    from mdnb.io.recognise.ticks import recognised_ticks

    try:
        ticks = recognised_ticks(path, given, preferred_symbol=symbol)
    except DataImportError as error:
        # Of a file of bars what its own reader asks for counts.
        why = no_bars if "it holds bars, not ticks" in str(error) else error
        if "it has no column for" not in str(no_bars) and "not bars" not in str(no_bars):
            why = no_bars
        raise FeedError(f"{path.name} cannot be played: {_without_import(why)}") from error
    return _tick_track(ticks)


def _without_import(error: DataImportError) -> str:
    return str(error).removesuffix(" Nothing was imported.")


def _bar_track(path: Path, symbol: str | None, given: Given) -> Track:
    bars = _bars_of(path, symbol, given)
    name = given.timeframe or str(bars.attributes.get("timeframe") or "")
    if not name:
        raise FeedError(
            f"{path.name} cannot be played: its bars do not show which timeframe they are of."
            " Say it: timeframe='1min'"
        )
    timeframe = Timeframe.parse(name)
    if timeframe.is_activity or not timeframe.step_ns:
        raise FeedError(
            f"{path.name} cannot be played: when {timeframe.name} bars end they do not tell. Put them into a"
            f" market instead: live.load({path.name!r})"
        )
    bars = bars.closed()
    return Track(
        symbol=str(bars.attributes.get("symbol") or ""),
        channel="bars",
        rows=functools.partial(bar_rows, bars),
        timeframe=timeframe.name,
        step_ns=timeframe.step_ns,
        weight=len(bars),
        starts_ns=lambda: bars.time_us * 1000,
    )


def _bars_of(path: Path, symbol: str | None, given: Given) -> FileBars:
    from mdnb.io.formats import bars_of_timeframes, timeframes_in
    from mdnb.io.read_options import ReadOptions
    from mdnb.io.recognise.arrow_table import sheets_of_timeframes
    from mdnb.io.recognise.bars import recognised_bars
    from mdnb.io.recognise.exported import is_like_an_export, names_timeframes

    if is_like_an_export(path) and names_timeframes(path):
        found = timeframes_in(path, symbol=given.symbol, prefers=symbol)
        held = in_order(name for name in found if name)
        playable = [name for name in held if not Timeframe.parse(name).is_activity]
        if given.timeframe or playable:
            name = given.timeframe or playable[0]
            how = ReadOptions(
                tz=given.tz, positive_prices=given.positive_prices, symbol=given.symbol, prefers=symbol
            )
            return bars_of_timeframes(path, name, how)[name]
    if path.suffix.lower() == ".xlsx" and given.timeframe is None:
        playable = [name for name in sheets_of_timeframes(path) if not Timeframe.parse(name).is_activity]
        given = dataclasses.replace(given, prefers=playable[0] if playable else None)
    return recognised_bars(path, given, preferred_symbol=symbol).bars


def bar_rows(bars: FileBars) -> Iterator[Row]:
    """Yield bars as rows, oldest first.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from mdnb.io.recognise.bars import recognised_bars
    >>> from mdnb.io.recognise.given import Given
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "bars.csv"
    >>> _ = path.write_text("time,open,high,low,close,volume" + chr(10) + "2026-03-02T09:30Z,1,2,1,2,5")
    >>> list(bar_rows(recognised_bars(path, Given(timeframe="1min")).bars))
    [(1772443800000000000, 1.0, 2.0, 1.0, 2.0, 5.0, 0, nan)]
    """
    held = bars.columns()
    names = ("open", "high", "low", "close", "volume", "tick_count")
    has_vwap = "vwap" in bars.values
    for start in range(0, len(held), _AT_A_TIME):
        part = held.part(start, start + _AT_A_TIME)
        columns = [(part.time_us * 1000).tolist(), *(getattr(part, name).tolist() for name in names)]
        turnover = part.turnover.tolist() if has_vwap else [_NAN] * len(part)
        yield from zip(*columns, turnover, strict=True)


def _tick_track(ticks: FileTicks) -> tuple[Track, bool]:
    symbol = ticks.symbols[0] if len(ticks.symbols) == 1 else ""
    channel: RowChannel = "trades" if ticks.kind == "trades" else "quotes"
    if channel == "quotes":
        read = functools.partial(_quotes, ticks)
        return Track(symbol=symbol, channel=channel, rows=read, weight=len(ticks)), False
    numbers = _whole_ids(ticks.ids)
    trades = functools.partial(_trades, ticks, numbers)
    return Track(symbol=symbol, channel=channel, rows=trades, weight=len(ticks)), numbers is not None


def _whole_ids(ids: np.ndarray | None) -> list[int] | None:
    """Return ids as numbers; None where one of them is none."""
    if ids is None:
        return None
    texts = [str(one) for one in ids]
    if not all(text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID for text in texts):
        return None
    return [int(text) for text in texts]


def _trades(ticks: FileTicks, numbers: Sequence[int] | None) -> Iterator[Row]:
    values: Any = ticks.values
    for start in range(0, len(ticks), _AT_A_TIME):
        cut = slice(start, start + _AT_A_TIME)
        times = (ticks.time_us[cut] * 1000).tolist()
        count = len(times)
        sizes = values["size"][cut].tolist() if "size" in values else [0.0] * count
        ids = numbers[cut] if numbers is not None else [-1] * count
        prices, sides = values["price"][cut].tolist(), ticks.side[cut].tolist()
        yield from zip(times, prices, sizes, [1] * count, sides, ids, strict=True)


def _quotes(ticks: FileTicks) -> Iterator[Row]:
    values: Any = ticks.values
    names = ("bid", "bid_size", "ask", "ask_size")
    for start in range(0, len(ticks), _AT_A_TIME):
        cut = slice(start, start + _AT_A_TIME)
        times = (ticks.time_us[cut] * 1000).tolist()
        columns = [values[name][cut].tolist() if name in values else [0.0] * len(times) for name in names]
        yield from zip(times, *columns, strict=True)
