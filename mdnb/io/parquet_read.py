"""Reading bars from a Parquet file that may be malicious.

753 bytes of Parquet can decode to a gigabyte. So the footer is judged before anything is decoded: how many
rows for how many bytes, which columns of which types. Only plain numeric and time columns are ever decoded;
of text, the timeframe and the symbol, nothing but the footer's statistics is looked at. Pages carry
checksums where the writer added them, as ours does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mdnb.errors import DataImportError, OptionError
from mdnb.io.assemble import ColumnNames, to_bars
from mdnb.io.change_log import CHANGES_KEY, changes_from_text
from mdnb.io.contract_names import contracts_of_runs
from mdnb.io.file_bars import FileBars
from mdnb.io.instants import Closings, parse_closings, parse_times
from mdnb.io.marks import BarMarks, parse_marks
from mdnb.io.member import Member
from mdnb.io.notes import Note, note, refuse
from mdnb.io.parquet_footer import Footer, read_footer
from mdnb.io.progress import reading, step
from mdnb.io.read_options import ReadOptions
from mdnb.io.schema import CLOSED_AT, COLUMNS, CONTRACT, INDEX_NAME, MARKS, PRICES, plain_attributes
from mdnb.io.source import check_zone, open_plain
from mdnb.io.stacked import SYMBOL, TIMEFRAME, chosen_symbol, key_of, wanted_of
from mdnb.stores.amendments import Changes

__all__ = [
    "METADATA_KEY",
    "TIMEFRAME_COLUMN",
    "check_rows",
    "parquet_bars",
    "parquet_bars_of",
    "parquet_timeframes",
    "read_parquet",
    "read_timeframes",
]

METADATA_KEY: Final = b"mdnb"
TIMEFRAME_COLUMN: Final = TIMEFRAME
_TIMES: Final = frozenset({INDEX_NAME, CLOSED_AT})

_MOST_ROWS: Final = 100_000_000
_FREE_ROWS: Final = 2_000_000
_ROWS_A_BYTE: Final = 8
_BYTES_A_ROW: Final = 24  # of one column as the footer states it; the widest type read has 16
_FREE_CHUNK_BYTES: Final = 4 * 1024**2
_LARGEST_METADATA_BYTES: Final = 1024**2
_BATCH_ROWS: Final = 65_536
_LONGEST_TEXT: Final = 64


def read_parquet(
    filename: str | os.PathLike[str],
    *,
    timeframe: str | None = None,
    date_column: str = INDEX_NAME,
    price_columns: Sequence[str] = PRICES,
    volume_column: str | None = "volume",
    tz: str | tzinfo | None = None,
    positive_prices: bool = True,
    symbol: str | None = None,
) -> pd.DataFrame:
    """Read bars of one timeframe from a Parquet file, whoever wrote it.

    Parameters
    ----------
    filename
        A file on this machine, never a URL.
    timeframe
        Which one, where the file holds several.
    date_column, price_columns, volume_column, positive_prices
        As in :func:`mdnb.io.csv.read_csv`. Times are timestamps, dates, or whole numbers since 1970;
        ``closed_at`` is taken where it is timestamps, marks where they are bool.
    tz
        The zone of times without one, and of the frame returned. Default: the file's own, else UTC.
    symbol
        Which one, where the file holds several.

    Returns
    -------
    pandas.DataFrame
        A bar frame, oldest first, one row a time, with the symbol, timeframe and source the file names;
        ``attrs["notes"]`` lists what was put right.

    Raises
    ------
    DataImportError
        The file is not sound, is made to fill the memory, lacks a column or has it in another type, holds
        several timeframes or symbols that cannot be told apart, or a value is missing, not finite or
        negative.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "bars.parquet"
    >>> times = pd.date_range("2026-03-02 09:30", periods=2, freq="1min", tz="America/Chicago")
    >>> bars = pd.DataFrame({"open": 1.5, "high": 2, "low": 1, "close": 2, "volume": 7}, index=times)
    >>> bars.to_parquet(path)
    >>> read_parquet(path, date_column="__index_level_0__").index.dtype
    datetime64[us, America/Chicago]
    """
    names = ColumnNames.of(date_column, price_columns, volume_column)
    how = ReadOptions(tz=tz, positive_prices=positive_prices, symbol=symbol)
    return parquet_bars(filename, timeframe, how, names).frame()


def read_timeframes(
    filename: str | os.PathLike[str],
    *,
    tz: str | tzinfo | None = None,
    positive_prices: bool = True,
    symbol: str | None = None,
) -> dict[str, pd.DataFrame]:
    """Read every timeframe of a file that :func:`mdnb.io.parquet.write_timeframes` wrote.

    Parameters
    ----------
    filename, tz, positive_prices, symbol
        As in :func:`read_parquet`.

    Returns
    -------
    dict of str to pandas.DataFrame
        Bar frames by timeframe, in the order they were written.

    Raises
    ------
    DataImportError
        As :func:`read_parquet`; also if the file does not name its timeframe.
    """
    how = ReadOptions(tz=tz, positive_prices=positive_prices, symbol=symbol)
    with _opened(filename, symbol) as source:
        if list(source.groups) == [""]:
            raise refuse(
                source.where, "it does not say of which timeframe its bars are", "Use read_parquet()."
            )
        return {name: _bars(source, name, ColumnNames(), how).frame() for name in source.groups}


def parquet_bars(
    filename: str | os.PathLike[str] | Member,
    timeframe: str | None,
    how: ReadOptions,
    names: ColumnNames | None = None,
) -> FileBars:
    """Return the bars of one timeframe of a Parquet file in columns; see :func:`read_parquet`."""
    with _opened(filename, how.symbol, how.prefers) as source:
        wanted = wanted_of(list(source.groups), timeframe, source.where)
        return _bars(source, wanted, names or ColumnNames(), how, of=timeframe or wanted)


def parquet_bars_of(
    filename: str | os.PathLike[str] | Member, kept: Collection[str], how: ReadOptions
) -> dict[str, FileBars]:
    """Return the bars of every timeframe that a file names and that is kept, in columns, by timeframe.

    The file is opened once. A file that names no timeframe gives none.

    Raises
    ------
    DataImportError
        As :func:`read_parquet`.
    """
    with _opened(filename, how.symbol, how.prefers) as source:
        return {name: _bars(source, name, ColumnNames(), how) for name in source.groups if name in kept}


def parquet_timeframes(
    filename: str | os.PathLike[str] | Member, *, symbol: str | None = None, prefers: str | None = None
) -> tuple[str, ...]:
    """Return the timeframes that a file names."""
    with _opened(filename, symbol, prefers) as source:
        return tuple(source.groups)


class _Source(NamedTuple):
    """An open file whose footer was found harmless."""

    file: Any
    footer: Footer
    where: str
    about: Mapping[str, Any]  # what our own writer left in the metadata
    groups: Mapping[str, list[int]]  # row groups by timeframe; "" where none is named


@contextlib.contextmanager
def _opened(
    filename: str | os.PathLike[str] | Member, symbol: str | None = None, prefers: str | None = None
) -> Iterator[_Source]:
    """Open a file, judge its footer, and turn whatever goes wrong while it is read into DataImportError."""
    handle, path, size = open_plain(filename)
    where = str(path)
    with handle:
        try:
            footer = read_footer(handle, size, where)
            check_rows(footer, size, where)
            about, numbers = _of_symbol(footer, _about(footer), where, symbol, prefers)
            groups = _groups(footer, about, where, numbers)
            file = pq.ParquetFile(handle, page_checksum_verification=True, arrow_extensions_enabled=False)
            yield _Source(file, footer, where, about, groups)
        except (DataImportError, OptionError):
            raise
        except MemoryError as error:
            raise refuse(where, "it does not fit into memory", "Split the file.") from error
        except (pa.ArrowException, OSError, OverflowError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise refuse(
                where, f"it is not a sound Parquet file ({reason})", "Fetch or write it again."
            ) from error


def check_rows(footer: Footer, size: int, where: str) -> None:
    """Refuse a file that claims more rows than one of its size has."""
    limit = min(max(_FREE_ROWS, _ROWS_A_BYTE * size), _MOST_ROWS)
    if footer.rows > limit:
        problem = f"its {size:,} bytes claim {footer.rows:,} rows; at most {limit:,} are read"
        raise refuse(where, problem, "Split it if it is sound.")


def _of_symbol(
    footer: Footer, about: Mapping[str, Any], where: str, symbol: str | None, prefers: str | None
) -> tuple[Mapping[str, Any], list[int]]:
    """Return the row groups of the symbol that is meant, and what the metadata say of it."""
    numbers = list(range(len(footer.groups)))
    texts = _texts_of_groups(footer, SYMBOL, where)
    described = about.get("symbols")
    described = described if isinstance(described, dict) else {}
    held = list(dict.fromkeys([*described, *(texts or ())]))
    chosen = chosen_symbol(held, where, symbol=symbol, prefers=prefers)
    if chosen is None:
        told = plain_attributes(about).get("symbol")
        if symbol is not None and told is not None and told != symbol:
            raise refuse(where, f"it has no symbol {symbol!r}", f"It has {told}.")
        return about, numbers
    if texts:
        numbers = [number for number, text in zip(numbers, texts, strict=True) if text == chosen]
    own = described.get(chosen)
    return {**about, "symbol": chosen, **({"timeframes": own} if isinstance(own, dict) else {})}, numbers


def _groups(
    footer: Footer, about: Mapping[str, Any], where: str, numbers: Sequence[int]
) -> dict[str, list[int]]:
    """Return the row groups of each timeframe, from the footer's statistics; ``""`` where none is named."""
    texts = _texts_of_groups(footer, TIMEFRAME_COLUMN, where)
    described = _described(about)
    if texts is None or not (texts or described):
        return {str(plain_attributes(about).get("timeframe", "")): list(numbers)}
    found: dict[str, list[int]] = {name: [] for name in described}
    for number in numbers:
        found.setdefault(texts[number], []).append(number)
    return found


def _texts_of_groups(footer: Footer, name: str, where: str) -> list[str] | None:
    """Return the one text that a column holds in each row group; None where there is no such column."""
    if footer.groups and not any(name in group.chunks for group in footer.groups):
        return None
    texts: list[str] = []
    for group in footer.groups:
        only = group.chunks[name].only_value if name in group.chunks else None
        if only is None or len(only) > _LONGEST_TEXT:
            raise refuse(
                where,
                f"its column {name!r} mixes values within row groups, or does not say which",
                f"Select one {name} with pandas or polars first, and leave the column out.",
            )
        texts.append(only.decode(errors="replace"))
    return texts


def _about(footer: Footer) -> dict[str, Any]:
    """Return what our own writer left in the metadata; what it could not have written is not believed."""
    raw = footer.metadata.get(METADATA_KEY, b"{}")
    if len(raw) > _LARGEST_METADATA_BYTES:
        return {}
    try:
        about = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}


def _described(about: Mapping[str, Any]) -> Mapping[str, Any]:
    described = about.get("timeframes")
    return described if isinstance(described, dict) else {}


def _bars(
    source: _Source,
    timeframe: str,
    names: ColumnNames,
    how: ReadOptions,
    of: str | None = None,
) -> FileBars:
    where, groups = source.where, source.groups[timeframe]
    schema = source.file.schema_arrow
    places = names.locate(schema.names, where)
    own = _described(source.about).get(timeframe)
    places.pop(CONTRACT, None)  # text; the metadata has it, too
    for name in ("vwap", CLOSED_AT, *MARKS):
        if isinstance(own, dict) and own.get(name) is False:
            places.pop(name, None)  # only there because another timeframe of the file has it
    # By this name another program may mean anything.
    odd = CLOSED_AT in places and not _is_closing(schema, places[CLOSED_AT])
    if odd:
        del places[CLOSED_AT]
    strange = [name for name in MARKS if name in places and not _is_mark(schema, places[name])]
    for name in strange:
        del places[name]
    columns = {ours: schema.names[place] for ours, place in places.items()}
    _check_columns(source, columns, groups)
    zone = _zone(schema.field(places[INDEX_NAME]).type, how.tz, where)
    attributes: dict[str, object] = {"source": "parquet", **plain_attributes(source.about)}
    if timeframe:
        attributes |= {"timeframe": timeframe, **plain_attributes(own)}
    if not groups:
        held = (*COLUMNS, "vwap") if "vwap" in columns else COLUMNS
        return FileBars(
            time_us=np.empty(0, np.int64),
            values={name: np.empty(0) for name in held},
            tz="UTC" if zone is None else zone,
            attributes=attributes,
            notes=[],
            closed_us=np.empty(0, np.int64) if CLOSED_AT in columns else None,
            marks={name: np.empty(0, bool) for name in MARKS if name in columns},
        )
    times, values = _decode(source, columns, groups)
    instants = parse_times(
        times[INDEX_NAME], date_format=None, tz=zone, where=where, column=columns[INDEX_NAME]
    )
    closings: Closings | None = None
    if odd or CLOSED_AT in columns:
        closings = parse_closings(
            times.get(CLOSED_AT), instants.time_us, date_format=None, tz=zone, where=where
        )
    told, damaged = _changes(source, timeframe)
    marks: dict[str, np.ndarray] = {name: values.pop(name) == 1.0 for name in MARKS if name in columns}
    made = to_bars(
        instants,
        values,
        closings=closings,
        marks=BarMarks(marks, parse_marks(dict.fromkeys(strange)).notes),
        tz=zone,
        where=where,
        positive_prices=how.positive_prices,
        attributes=attributes,
        timeframe=of or timeframe,
        first_counts=how.first_counts,
        keeps_order=how.keeps_order,
    )
    runs = (own if isinstance(own, dict) else source.about).get("contracts")
    contracts = contracts_of_runs(runs, made.time_us)
    return dataclasses.replace(made, changes=told, contracts=contracts, notes=[*made.notes, *damaged])


def _changes(source: _Source, timeframe: str) -> tuple[Changes | None, list[Note]]:
    """Return what the bars were before they changed, and what to say where that is damaged."""
    raw = source.footer.metadata.get(CHANGES_KEY)
    if raw is None:
        return None, []
    told = changes_from_text(raw)
    if told is None:
        text = "what the bars were before they changed is damaged in this file and was not taken"
        return None, [note("damaged_changes", text)]
    several = isinstance(source.about.get("symbols"), dict)
    key = key_of(str(source.about.get("symbol", "")) if several else "", timeframe)
    return told.get(key, told.get("")), []


def _is_closing(schema: Any, place: int) -> bool:
    name = schema.names[place]
    return schema.names.count(name) == 1 and bool(pa.types.is_timestamp(schema.field(name).type))


def _is_mark(schema: Any, place: int) -> bool:
    name = schema.names[place]
    return schema.names.count(name) == 1 and bool(pa.types.is_boolean(schema.field(name).type))


def _zone(kind: Any, tz: str | tzinfo | None, where: str) -> str | tzinfo | None:
    if tz is not None or not pa.types.is_timestamp(kind) or kind.tz is None:
        return tz
    try:
        check_zone(kind.tz)
    except OptionError as error:
        raise refuse(where, f"it names the zone {kind.tz[:40]!r}, which is not known", "Pass tz=.") from error
    return str(kind.tz)


def _check_columns(source: _Source, columns: Mapping[str, str], groups: Sequence[int]) -> None:
    schema, where = source.file.schema_arrow, source.where
    for ours, name in columns.items():
        if schema.names.count(name) != 1:
            raise refuse(where, f"it has two columns {name!r}", "Keep one.")
        kind = schema.field(name).type
        if not (_is_time(kind) if ours in _TIMES else ours in MARKS or _is_number(kind)):
            needed = (
                "Times are timestamps, dates or whole numbers." if ours in _TIMES else "Numbers are needed."
            )
            raise refuse(where, f"the column {name!r} is {str(kind)[:80]}", needed)
        for number in groups:
            group = source.footer.groups[number]
            stated = group.chunks[name].uncompressed_bytes if name in group.chunks else -1
            if not 0 <= stated <= _FREE_CHUNK_BYTES + _BYTES_A_ROW * group.rows:
                raise refuse(
                    where, f"{stated:,} bytes for {group.rows:,} values of {name!r}", "Write it again."
                )


def _is_time(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_integer(kind))


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal128(kind))


def _decode(
    source: _Source, columns: Mapping[str, str], groups: Sequence[int]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Decode small batches, never more rows than the footer stated and the guards let through."""
    rows = sum(source.footer.groups[number].rows for number in groups)
    values = {ours: np.empty(rows) for ours in columns if ours not in _TIMES}
    times: dict[str, list[Any]] = {ours: [] for ours in columns if ours in _TIMES}
    done = 0
    names = list(columns.values())
    for batch in source.file.iter_batches(_BATCH_ROWS, row_groups=list(groups), columns=names):
        end = done + batch.num_rows
        if end > rows:
            raise refuse(source.where, f"it holds more than the {rows:,} rows it states", "Write it again.")
        for ours, parts in times.items():
            parts.append(batch.column(columns[ours]))
        for ours, target in values.items():
            target[done:end] = batch.column(columns[ours]).cast(pa.float64()).to_numpy(zero_copy_only=False)
        done = end
        step(done, rows, reading(source.where))
    if done != rows:
        raise refuse(source.where, f"it holds {done:,} rows and states {rows:,}", "Write it again.")
    return {ours: pa.chunked_array(parts) for ours, parts in times.items()}, values
