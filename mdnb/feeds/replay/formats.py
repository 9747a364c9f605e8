"""Formats of recordings: detected from the content, then opened."""

from __future__ import annotations

import functools
import json
import re
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from mdnb.errors import FeedError, suggest
from mdnb.feeds.replay.dbn import dbn_tracks, is_dbn
from mdnb.feeds.replay.detect_venue import VENUES, Venue, by_address, by_frames, survey, unmarked
from mdnb.feeds.replay.files import head
from mdnb.feeds.replay.frame_files import (
    cryptofeed_address,
    cryptofeed_frames,
    hftbacktest_frames,
    mdnb_frames,
    mdnb_header,
)
from mdnb.feeds.replay.json_rows import candle_step, candles, ccxt_trades, kraken_trades
from mdnb.feeds.replay.quantconnect_lean import Price, is_lean, lean_tracks, members
from mdnb.feeds.replay.recording import Damage, Frame, Recording, Row, Track
from mdnb.timeframes import Timeframe

__all__ = [
    "UNDERSTOOD",
    "UnknownFormatError",
    "contracts_of",
    "dialect_of",
    "names_of",
    "open_recording",
    "symbols_of",
]

UNDERSTOOD = (
    "recordings of mdnb (Recorder), of hftbacktest (lines '<ns> <json>') and of cryptofeed "
    "('<seconds>: <frame>'), all of a known venue; LEAN zips of ticks, seconds or minutes; Kraken's REST "
    "Trades and OHLC; ccxt trades; lists of candles (ccxt, freqtrade, Binance's klines); plain or gzip; "
    "Databento's DBN, also packed with zstd (pip install 'mdnb[databento]')"
)

_HFTBACKTEST = re.compile(rb"\d{16,19} [\[{]")
_CRYPTOFEED = re.compile(rb"(?:\w+://\S+ (?:<->|<-|->) [\d.]+|\d{9,11}(?:\.\d+)?: )")
_ZIP = b"PK\x03\x04"
_MDNB = re.compile(rb'\{\s*"mdnb_recording"\s*:')
_KRAKEN_REST = re.compile(r'"result"\s*:\s*\{\s*"([^"]+)"\s*:\s*(?=\[)')


class UnknownFormatError(FeedError):
    """A file is none of these recordings; another reader may know it."""


class _FrameFile(NamedTuple):
    form: str
    read: Callable[[Path, Damage], Iterator[Frame]]
    venue: Venue
    symbols: tuple[str, ...] = ()
    names: Mapping[str, str] = types.MappingProxyType({})


def contracts_of(path: Path) -> Mapping[str, str]:
    """Return the contracts that symbols of a recording stood for at its beginning."""
    return mdnb_header(path).contracts if _MDNB.match(_start(path)) else {}


def names_of(path: Path) -> Mapping[str, str]:
    """Return the venue's names of the symbols of a recording to those that they were recorded under."""
    return mdnb_header(path).names if _MDNB.match(_start(path)) else {}


def symbols_of(path: Path) -> tuple[str, ...]:
    """Return the symbols that a recording of mdnb's own was made of; of any other file none."""
    return tuple(mdnb_header(path).symbols) if _MDNB.match(_start(path)) else ()


def dialect_of(path: Path, dialect: str | None = None) -> str:
    """Return the dialect in which a recording will be played; a short look at the file is enough.

    Raises
    ------
    FeedError
        As `open_recording`.
    """
    start = _start(path)
    frames = _frame_file(path, start, dialect)
    if frames is None and start[:1] not in (b"P", b"{", b"[") and not is_dbn(path, start):
        raise _unknown(path)
    return frames.venue.dialect if frames else "mdnb"


def open_recording(
    path: Path,
    wanted: Collection[str] = (),
    *,
    dialect: str | None = None,
    price: Price = "mid",
    timezone: str | None = None,
) -> Recording:
    """Open a recording; its format is detected from its content.

    Parameters
    ----------
    path
        The file.
    wanted
        Symbols to look for in a frame recording.
    dialect
        Of a frame recording whose venue cannot be detected.
    price, timezone
        See `mdnb.feeds.replay.quantconnect_lean.lean_tracks`.

    Raises
    ------
    FeedError
        When the file cannot be opened or its format is none that is understood.
    """
    start = _start(path)
    frames = _frame_file(path, start, dialect)
    if frames is not None:
        return _frames(path, frames, wanted)
    damage = Damage()
    if start.startswith(_ZIP):
        if not is_lean(path):
            raise _unknown(path, members(path))
        return _rows(path, "LEAN zip", lean_tracks(path, price, timezone, damage), "none", damage)
    if is_dbn(path, start):
        return _rows(path, "Databento DBN", dbn_tracks(path, damage), "none", damage)
    if start[:1] in (b"{", b"["):
        return _json(path, head(path).decode("utf-8", "replace"), damage)
    raise _unknown(path)


def _start(path: Path) -> bytes:
    return head(path).lstrip(b"\xef\xbb\xbf \t\r\n")


def _unknown(path: Path, held: Collection[str] = ()) -> UnknownFormatError:
    told = f"the format of {path.name} is none that is understood"
    told += f" (it holds {', '.join(held)})" if held else ""
    return UnknownFormatError(f"{told}. Understood: {UNDERSTOOD}.")


def _frame_file(path: Path, start: bytes, dialect: str | None) -> _FrameFile | None:
    """Return how to read a recording of frames, None for one of rows."""
    if dialect is not None and dialect not in VENUES:
        raise FeedError(f"there is no dialect {dialect!r}. {suggest(dialect, VENUES)}")
    if _MDNB.match(start):
        header = mdnb_header(path)
        venue = VENUES.get(dialect or header.dialect) or unmarked(header.dialect)
        return _FrameFile("mdnb recording", mdnb_frames, venue, tuple(header.symbols), header.names)
    if _HFTBACKTEST.match(start):
        form, read, address = "hftbacktest lines", hftbacktest_frames, ""
    elif _CRYPTOFEED.match(start):
        form, read, address = "cryptofeed recording", cryptofeed_frames, cryptofeed_address(path)
    else:
        return None
    told = VENUES[dialect] if dialect else by_address(address)
    told = told or by_frames(frame for _, frame in islice(read(path, Damage()), 1000))
    if told is None:
        known = ", ".join(VENUES)
        raise FeedError(
            f"{path.name} is a {form}, and its venue is not recognised: give dialect=, one of {known}"
        )
    return _FrameFile(form, read, told)


def _frames(path: Path, file: _FrameFile, wanted: Collection[str]) -> Recording:
    damage = Damage()
    found = survey(file.read(path, Damage()), file.venue, set(wanted) - set(file.symbols))
    prices = {file.names.get(name, name): held for name, held in found.prices.items()}
    named = tuple(symbol for symbol in file.symbols if symbol not in prices)
    return Recording(
        path=path,
        form=file.form,
        dialect=file.venue.dialect,
        ids=file.venue.ids,
        has_trades=found.has_trades or file.venue.dialect not in VENUES,
        symbols=(*filter(None, prices), *named),
        frames=functools.partial(file.read, path, damage),
        prices=prices,
        damage=damage,
    )


def _rows(path: Path, form: str, tracks: tuple[Track, ...], ids: Any, damage: Damage) -> Recording:
    return Recording(
        path=path,
        form=form,
        dialect="mdnb",
        ids=ids,
        has_trades=any(track.channel == "trades" for track in tracks),
        symbols=tuple(track.symbol for track in tracks if track.symbol),
        tracks=tracks,
        damage=damage,
    )


def _json(path: Path, start: str, damage: Damage) -> Recording:
    weight = path.stat().st_size
    if rest := _KRAKEN_REST.search(start):
        symbol, skip = rest.group(1), rest.end()
        first = _first_element(start[skip:])
        if isinstance(first, list) and len(first) in (6, 7) and isinstance(first[0], str):
            rows = functools.partial(kraken_trades, path, damage, skip)
            ids = "sequential" if len(first) == 7 else "none"
            return _rows(
                path, "Kraken REST Trades", (Track(symbol, "trades", rows, weight=weight),), ids, damage
            )
        if isinstance(first, list) and len(first) == 8:
            return _candles(path, "Kraken REST OHLC", symbol, skip, True, damage)
        raise _unknown(path)
    first = _first_element(start)
    if isinstance(first, list) and len(first) == 7 and first[3] in ("buy", "sell", None):
        trades = functools.partial(ccxt_trades, path, damage, start.index("["))
        return _rows(path, "ccxt trades", (Track("", "trades", trades, weight=weight),), "unique", damage)
    if isinstance(first, dict) and {"timestamp", "price", "amount"} <= first.keys():
        trades = functools.partial(ccxt_trades, path, damage, start.index("["))
        symbol = str(first.get("symbol") or "")
        return _rows(path, "ccxt trades", (Track(symbol, "trades", trades, weight=weight),), "unique", damage)
    if isinstance(first, list) and len(first) in (6, 12) and isinstance(first[0], int):
        return _candles(path, "list of candles", "", start.index("["), False, damage)
    raise _unknown(path)


def _candles(path: Path, form: str, symbol: str, skip: int, last_is_open: bool, damage: Damage) -> Recording:
    timeframe = candle_step(candles(path, Damage(), skip, last_is_open), path)
    step = round(Timeframe.parse(timeframe).seconds) * 1_000_000_000
    read: Callable[[], Iterator[Row]] = functools.partial(candles, path, damage, skip, last_is_open)
    track = Track(
        symbol=symbol,
        channel="bars",
        rows=read,
        timeframe=timeframe,
        step_ns=step,
        weight=path.stat().st_size,
    )
    return _rows(path, form, (track,), "none", damage)


def _first_element(text: str) -> Any:
    """Return the first element of the array that the text begins with, None where there is none whole."""
    inner = text[text.find("[") + 1 :].lstrip()
    try:
        return json.JSONDecoder().raw_decode(inner)[0]
    except (ValueError, RecursionError):
        return None
