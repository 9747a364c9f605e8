"""Reads the footer of a Parquet file, so that a file can be checked before it is decoded.

pyarrow hands out a footer's statistics through calls that end the process when the footer is damaged
(``terminate called after throwing an instance of 'parquet::ParquetException'``), and with it the kernel and
the feed. The footer is one Thrift structure in compact encoding, of which a few fields are needed here:
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, Final, NamedTuple

from mdnb.io.notes import refuse

__all__ = ["Chunk", "Footer", "RowGroup", "read_footer"]

_MAGIC: Final = b"PAR1"
_LARGEST_FOOTER_BYTES: Final = 4 * 1024**2
_DEEPEST: Final = 16
_AGAIN: Final = "Fetch or write it again."

# Types of the compact encoding.
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 7, 8, 12
_INTEGERS: Final = frozenset({4, 5, 6})
_LISTS: Final = frozenset({9, 10})


class Chunk(NamedTuple):
    """One column of a row group."""

    uncompressed_bytes: int
    only_value: bytes | None  # where the statistics say that all values are this one


class RowGroup(NamedTuple):
    """Rows that are stored together; columns by their dotted path."""

    rows: int
    chunks: Mapping[str, Chunk]


class Footer(NamedTuple):
    """What is asked of a footer."""

    rows: int
    groups: tuple[RowGroup, ...]
    metadata: Mapping[bytes, bytes]


class _BrokenError(Exception):
    """The bytes are not what they claim to be."""


def read_footer(file: BinaryIO, size: int, where: str) -> Footer:
    """Read the footer of a file of ``size`` bytes; leaves the position at the start.

    Raises
    ------
    DataImportError
        The file is no Parquet file, is cut off, or its footer is damaged or larger than 4 MiB.
    """
    head = file.read(len(_MAGIC))
    tail = b""
    if size >= 12:
        file.seek(size - 8)
        tail = file.read(8)
    if head != _MAGIC or tail[4:] != _MAGIC:
        raise refuse(where, "it ends in the middle" if head == _MAGIC else "it is not a Parquet file", _AGAIN)
    length = int.from_bytes(tail[:4], "little")
    if length > min(size - 12, _LARGEST_FOOTER_BYTES):
        raise refuse(where, f"its footer claims {length:,} bytes", _AGAIN)
    file.seek(size - 8 - length)
    data = file.read(length)
    file.seek(0)
    try:
        footer = _footer(_Thrift(data).struct(0))
    except (_BrokenError, IndexError) as error:
        raise refuse(where, f"its footer is damaged ({error})", _AGAIN) from error
    if footer.rows < 0 or any(group.rows < 0 for group in footer.groups):
        raise refuse(where, "it claims less than no rows", _AGAIN)
    if sum(group.rows for group in footer.groups) != footer.rows:
        raise refuse(where, "its row counts contradict each other", _AGAIN)
    return footer


class _Thrift:
    """Reads the compact encoding: a structure becomes a dict by field number."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self, depth: int) -> dict[int, Any]:
        if depth > _DEEPEST:
            raise _BrokenError("nested too deep")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            kind = head & 0x0F
            number = number + (head >> 4) if head >> 4 else self._integer()
            fields[number] = kind == _TRUE if kind in {_TRUE, _FALSE} else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind in _LISTS:
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in {_TRUE, _FALSE, _BYTE}:  # a flag in a list takes a byte
            return self._byte()
        if kind == _DOUBLE:
            return self._bytes(8)
        raise _BrokenError(f"unknown type {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 != 15 else self._varint()
        if count > len(self._data) - self._at:  # each entry takes a byte at least
            raise _BrokenError(f"a list of {count} entries")
        return [self._value(head & 0x0F, depth + 1) for _ in range(count)]

    def _byte(self) -> int:
        value = self._data[self._at]
        self._at += 1
        return value

    def _bytes(self, count: int) -> bytes:
        value = self._data[self._at : self._at + count]
        if len(value) != count:
            raise _BrokenError("cut off")
        self._at += count
        return value

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise _BrokenError("a number too large")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)  # zigzag


def _footer(fields: Mapping[int, Any]) -> Footer:
    groups = tuple(_group(_as(dict, group)) for group in _as(list, fields.get(4, [])))
    pairs = [_as(dict, pair) for pair in _as(list, fields.get(5, []))]
    metadata = {_as(bytes, pair.get(1, b"")): _as(bytes, pair.get(2, b"")) for pair in pairs}
    return Footer(_as(int, fields.get(3)), groups, metadata)


def _group(fields: Mapping[int, Any]) -> RowGroup:
    chunks: dict[str, Chunk] = {}
    for chunk in _as(list, fields.get(1)):
        about = _as(dict, _as(dict, chunk).get(3))
        path = ".".join(_as(bytes, part).decode(errors="replace") for part in _as(list, about.get(3)))
        if path in chunks:
            raise _BrokenError(f"two columns {path[:40]!r}")
        chunks[path] = Chunk(_as(int, about.get(6)), _only_value(_as(dict, about.get(12, {}))))
    return RowGroup(_as(int, fields.get(3)), chunks)


def _only_value(statistics: Mapping[int, Any]) -> bytes | None:
    high = statistics.get(5, statistics.get(1))
    low = statistics.get(6, statistics.get(2))
    exact = statistics.get(7, True) and statistics.get(8, True)
    if isinstance(low, bytes) and low == high and exact and not statistics.get(3):
        return low
    return None


def _as(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise _BrokenError("a field is missing or of another type")
    return value
