"""Reader of Databento's files, DBN: trades, best bids and asks, and bars; plain, or packed with zstd or gzip.

Reading is the work of ``databento-dbn``, the extra ``mdnb[databento]``. What its records mean, by
Databento's documentation (databento.com/docs, schemas and data formats):

* Prices are whole numbers of 1e-9, made into the floats nearest to them; an undefined one is the largest
  integer.
* Of the two times the venue's is taken, ``ts_event``, and the capture's, ``ts_recv``, where that is
  undefined. Best prices by the second or the minute (``bbo``) are dated by the end of their interval, which
  is their ``ts_recv``. A file is in the order of ``ts_recv``, so that a row may be a little older than the
  one before it.
* ``side`` of a trade is the taker's: ``B`` bought, ``A`` sold. Trades have no id: ``sequence`` is a
  packet's.
* ``tbbo`` and ``mbp-1`` have the best prices in each record; these come as quotes where they changed,
  before the trade of the same record. Of ``mbo`` the trades alone are read.
* A bar begins at its ``ts_event``; how many trades it is made of is not told.
* Instruments are numbers. Their names stand in the file's metadata, each for some days, or in records
  between.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from mdnb.errors import FeedError
from mdnb.feeds.replay.files import open_binary
from mdnb.feeds.replay.recording import QUOTE_FIELDS, Damage, Row, RowChannel, Track

__all__ = ["dbn_tracks", "is_dbn"]

_MAGIC = b"DBN"
_ZSTD = b"\x28\xb5\x2f\xfd"
_CHUNK = 65_536
_WORD = 4
"""Bytes of which records are long a multiple."""

_SURVEY_RECORDS = 200_000
"""Records looked at, at most, to find the symbols of a file and what there is of them."""

_NO_PRICE = 2**63 - 1
_NO_TIME = 2**64 - 1
_NO_SIZE = 2**32 - 1
_LAST_NS = 2**63 - 1
_TIME = "a time"
_SCALE = 1_000_000_000
_DAY_NS = 86_400 * _SCALE
_EPOCH = dt.date(1970, 1, 1)
_TIMEFRAMES = {32: ("1sec", _SCALE), 33: ("1min", 60 * _SCALE), 34: ("1hour", 3600 * _SCALE)}
_DAILY = ("1day", _DAY_NS)
_STEPS = dict((*_TIMEFRAMES.values(), _DAILY))
_SIDES = {"B": 1, "A": -1}
_NAN = float("nan")
# ESH1, 6EZ24; a calendar spread has two of them.
_EXPIRY = re.compile(r"([A-Z0-9]{1,4}?)[FGHJKMNQUVXZ]\d{1,2}")
_CONTINUOUS = re.compile(r"([A-Z0-9]{1,4})\.[cnv]\.\d+")

_Found = tuple[str, str, Row]
"""Symbol, timeframe of a bar or ``""``, row."""


def is_dbn(path: Path, start: bytes) -> bool:
    """Return whether a file that starts with these bytes is DBN."""
    if not start.startswith(_ZSTD):
        return start.startswith(_MAGIC)
    try:
        with _unpacked(path) as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def dbn_tracks(path: Path, damage: Damage) -> tuple[Track, ...]:
    """Return one track for each symbol of a file, or for each of its timeframes of bars.

    Raises
    ------
    FeedError
        When ``databento-dbn`` is not installed, or the file holds nothing that can be played.
    """
    counts: Counter[tuple[str, str]] = Counter()
    kinds: set[tuple[str, int]] = set()
    look = Damage()
    for symbol, timeframe, row in _rows(path, look, limit=_SURVEY_RECORDS):
        counts[symbol, timeframe] += 1
        kinds.add((symbol, len(row)))
    if not counts and look.count:
        raise FeedError(f"nothing of {path.name} can be read: {look.first}")
    if not counts:
        raise FeedError(
            f"{path.name} holds no trades, best prices or bars; of Databento's schemas these are played: "
            "trades, tbbo, mbp-1, mbp-10, mbo (its trades), bbo-1s, bbo-1m, cmbp-1, cbbo and ohlcv"
        )
    return tuple(
        _track(path, symbol, timeframe, count, kinds, damage) for (symbol, timeframe), count in counts.items()
    )


def _track(
    path: Path, symbol: str, timeframe: str, count: int, kinds: set[tuple[str, int]], damage: Damage
) -> Track:
    def rows() -> Iterator[Row]:
        for name, of, row in _rows(path, damage):
            if name == symbol and of == timeframe:
                yield row

    has_trades, has_quotes = (symbol, _TRADE_FIELDS) in kinds, (symbol, QUOTE_FIELDS) in kinds
    channel: RowChannel = "bars" if timeframe else "trades" if has_trades else "quotes"
    expiry = _EXPIRY.fullmatch(symbol) or _CONTINUOUS.fullmatch(symbol)
    return Track(
        symbol=symbol,
        channel=channel,
        rows=rows,
        timeframe=timeframe,
        step_ns=_STEPS.get(timeframe, 0),
        weight=count,
        root=expiry.group(1) if expiry else "",
        has_quotes=channel == "trades" and has_quotes,
    )


_TRADE_FIELDS = 6


def _library(path: Path) -> Any:
    try:
        import databento_dbn
    except ImportError as error:
        raise FeedError(
            f"{path.name} is a file of Databento's: reading it needs databento-dbn, which is not installed: "
            "pip install 'mdnb[databento]'"
        ) from error
    return databento_dbn


def _unpacked(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        packed = file.read(len(_ZSTD)) == _ZSTD
    if not packed:
        return open_binary(path)  # type: ignore[return-value]  # both of its kinds read bytes
    import pyarrow as pa

    made: BinaryIO = pa.input_stream(str(path), compression="zstd")
    return made


def _parts(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked, up to where it is torn; then raises what says so."""
    at, torn = 0, None
    with _unpacked(path) as file:
        try:
            while part := file.read(_CHUNK):
                at += len(part)
                yield part
        except (OSError, EOFError, zlib.error) as error:
            torn = error
    if torn is None:
        return
    # Of the part that it was torn in, what came before: it is unpacked in blocks, and asked for in bytes.
    with _unpacked(path) as file:
        while at > 0:
            at -= len(file.read(min(at, _CHUNK)))
        with contextlib.suppress(OSError, EOFError, zlib.error):
            while part := file.read(1):
                yield part
    raise torn


def _records(path: Path, damage: Damage) -> Iterator[Any]:
    """Yield the metadata, then each record; what cannot be read is noted in ``damage``."""
    dbn = _library(path)
    decoder = dbn.DBNDecoder()
    metadata: Any = None
    number = 0
    try:
        for part in _parts(path):
            before = decoder.buffer()
            decoder.write(part)
            try:
                found = decoder.decode()
            except dbn.DBNError as error:
                for record in _up_to_damage(dbn, metadata, before + part):
                    number += 1
                    yield record
                damage.note(f"{path.name} after record {max(number - 1, 0)}: {error}")
                return
            metadata = metadata or next(iter(found), None)
            number += len(found)
            yield from found
    except (OSError, EOFError, zlib.error) as error:
        damage.note(f"{path.name} after record {max(number - 1, 0)}: {error}")
        return
    if decoder.buffer():
        damage.note(f"the end of {path.name}, which is cut off after record {max(number - 1, 0)}")


def _up_to_damage(dbn: Any, metadata: Any, data: bytes) -> Iterator[Any]:
    """Yield the records of a part of a file that stand before one that cannot be read."""
    if metadata is None:
        decoder = dbn.DBNDecoder()
    else:
        decoder = dbn.DBNDecoder(has_metadata=False, ts_out=metadata.ts_out, input_version=metadata.version)
    with contextlib.suppress(dbn.DBNError):
        for at in range(0, len(data), _WORD):
            decoder.write(data[at : at + _WORD])
            yield from decoder.decode()


def _rows(path: Path, damage: Damage, limit: int | None = None) -> Iterator[_Found]:
    """Yield each row of a file, in its order."""
    records = _records(path, damage)
    metadata = next(records, None)
    if metadata is None:
        return
    names = _Names(metadata)
    last: dict[int, tuple[float, float, float, float]] = {}
    for record in itertools.islice(records, limit):
        if hasattr(record, "stype_out_symbol"):
            names.learn(record)
            continue
        lacking = _lacking(record)
        if lacking:
            damage.note(f"a record of {path.name} without {lacking}")
        # The best prices of a trade without a price are good ones.
        made = [] if lacking == _TIME else _rows_of(record, last)
        if made:
            symbol = names.of(record.instrument_id, _time(record))
            for timeframe, row in made:
                yield symbol, timeframe, row


def _lacking(record: Any) -> str:
    """Return what a trade, a quote or a bar is of no use without; empty where it has all."""
    is_bar = hasattr(record, "volume") and hasattr(record, "open")
    is_trade = str(getattr(record, "action", "")) == "T"
    if not (is_bar or is_trade or hasattr(record, "levels")):
        return ""
    if not 0 < _time(record) < _LAST_NS:
        return _TIME
    if is_bar and _NO_PRICE in (record.open, record.high, record.low, record.close):
        return "prices"
    if is_trade and record.price == _NO_PRICE:
        return "a price"
    return "a size" if is_trade and record.size == _NO_SIZE else ""


def _rows_of(record: Any, last: dict[int, tuple[float, float, float, float]]) -> list[tuple[str, Row]]:
    """Return what a record tells: nothing, a bar, a quote, a trade, or a quote and a trade."""
    if hasattr(record, "volume") and hasattr(record, "open"):
        if _NO_PRICE in (record.open, record.high, record.low, record.close):
            return []
        timeframe, _ = _TIMEFRAMES.get(int(record.rtype), _DAILY)
        prices = [price / _SCALE for price in (record.open, record.high, record.low, record.close)]
        return [(timeframe, (record.ts_event, *prices, float(record.volume), 0, _NAN))]
    made: list[tuple[str, Row]] = []
    levels = getattr(record, "levels", None)
    if levels:
        best = levels[0]
        quote = (*_side(best.bid_px, best.bid_sz), *_side(best.ask_px, best.ask_sz))
        known = last.get(record.instrument_id)
        # As text, for nan is not equal to itself.
        if repr(quote) != repr(known) and (quote[0] == quote[0] or quote[2] == quote[2]):
            last[record.instrument_id] = quote
            made.append(("", (_time(record), *quote)))
    is_trade = str(getattr(record, "action", "")) == "T"
    if is_trade and record.price != _NO_PRICE and record.size != _NO_SIZE:
        side = _SIDES.get(str(record.side), 0)
        made.append(("", (_time(record), record.price / _SCALE, float(record.size), 1, side, -1)))
    return made


def _time(record: Any) -> int:
    """Return the time of a record: the venue's, but of best prices by the interval that of its end."""
    captured: int = getattr(record, "ts_recv", _NO_TIME)
    is_interval = captured != _NO_TIME and not hasattr(record, "action")
    at_ns: int = captured if is_interval or record.ts_event == _NO_TIME else record.ts_event
    return at_ns


def _side(price: int, size: int) -> tuple[float, float]:
    if price == _NO_PRICE:
        return _NAN, _NAN
    return price / _SCALE, _NAN if size == _NO_SIZE else float(size)


class _Names:
    """The names of a file's instruments, each from one day to another."""

    def __init__(self, metadata: Any) -> None:
        self._spans: dict[int, list[tuple[int, int, str]]] = {}
        for name, intervals in metadata.mappings.items():
            for interval in intervals:
                start, end = (_midnight(interval[key]) for key in ("start_date", "end_date"))
                symbol = str(interval["symbol"])
                # As a rule numbers by names; somebody who asked by numbers has it the other way round.
                number, name_ = (symbol, name) if symbol.isdigit() else (name, symbol)
                if number.isdigit():
                    self._spans.setdefault(int(number), []).append((start, end, name_))

    def learn(self, record: Any) -> None:
        """Take a name that stands between the records, as in files that were written live."""
        told = (record.stype_out_symbol, record.stype_in_symbol)
        name = next((name for name in told if name and not name.isdigit()), "")
        if name:
            self._spans[record.instrument_id] = [(0, _NO_TIME, name)]

    def of(self, instrument: int, at_ns: int) -> str:
        """Return an instrument's name at a time; its number where it has none."""
        spans = self._spans.get(instrument, ())
        return next((name for start, end, name in spans if start <= at_ns < end), str(instrument))


def _midnight(day: dt.date) -> int:
    return (day - _EPOCH).days * _DAY_NS
