"""Ending a gzip file properly whose writer was killed, so that it can be continued.

A writer that flushes ends what it packed with the empty stored block ``00 00 00 ff ff`` on the edge of a byte
(RFC 1951, 3.2.4). There it can be closed: by an empty last block, a check sum and the size (RFC 1952).
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import BinaryIO

__all__ = ["close_torn_gzip"]

_GZIP = 31
"""What zlib calls the format of gzip, with its header and check sum."""
_FLUSHED = b"\x00\x00\xff\xff"
_LAST_BLOCK = b"\x03\x00"
_CHUNK = 2**16
_WINDOW = 2**20


def close_torn_gzip(file: BinaryIO, path: Path) -> bytes | None:
    r"""Close the last member of a gzip file where its writer last flushed it.

    Parameters
    ----------
    file
        The file, open for appending.
    path
        The same file, to be read.

    Returns
    -------
    bytes or None
        What the writer had packed but not flushed, which is no longer in the file; empty for an unhurt file,
        which stays as it was. None where the file is damaged in another way; it stays as it was, too.

    Examples
    --------
    >>> import gzip, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "torn.gz"
    >>> with path.open("wb") as raw:
    ...     packed = gzip.GzipFile("", "wb", 6, raw)
    ...     _ = packed.write(b"one\n"), packed.flush(), packed.write(b"two\n"), packed.flush()
    >>> with path.open("ab") as raw:
    ...     close_torn_gzip(raw, path)
    b''
    >>> gzip.decompress(path.read_bytes())
    b'one\ntwo\n'
    """
    try:
        start = _torn_member(path)
    except zlib.error:
        return None
    if start is None:
        return b""
    for end in _flushes(path, start):
        closed = _closing(path, start, end)
        if closed is not None:
            closing, size = closed
            rest = _readable(path, start, size)
            file.truncate(end)
            file.write(closing)
            file.flush()
            return rest
    rest = _readable(path, start, 0)
    file.truncate(start)
    return rest


def _torn_member(path: Path) -> int | None:
    """Return where the member begins that does not end; None where all do."""
    with path.open("rb") as file:
        start = 0
        packed = file.read(_CHUNK)
        while packed:
            unpack = zlib.decompressobj(_GZIP)
            while not unpack.eof:
                unpack.decompress(packed)
                if unpack.eof:
                    break
                packed = file.read(_CHUNK)
                if not packed:
                    return start
            packed = unpack.unused_data
            start = file.tell() - len(packed)
            packed = packed or file.read(_CHUNK)
    return None


def _flushes(path: Path, start: int) -> list[int]:
    """Return where flushes may have ended, the last one first, of the last that there are."""
    size = path.stat().st_size
    found: list[int] = []
    with path.open("rb") as file:
        at = size
        while at > start and not found:
            low = max(start, at - _WINDOW)
            file.seek(low)
            held = file.read(at - low + len(_FLUSHED) - 1)
            place = held.rfind(_FLUSHED)
            while place >= 0:
                found.append(low + place + len(_FLUSHED))
                place = held.rfind(_FLUSHED, 0, place + len(_FLUSHED) - 1)
            at = low
    return found


def _closing(path: Path, start: int, end: int) -> tuple[bytes, int] | None:
    """Return what closes the member there, and how much it holds; None where it cannot be closed."""
    unpack = zlib.decompressobj(_GZIP)
    check, size = 0, 0
    with path.open("rb") as file:
        file.seek(start)
        while (left := end - file.tell()) > 0:
            part = unpack.decompress(file.read(min(left, _CHUNK)))
            check, size = zlib.crc32(part, check), size + len(part)
    closing = _LAST_BLOCK + check.to_bytes(4, "little") + (size % 2**32).to_bytes(4, "little")
    try:
        # The four bytes may stand in the midst of packed data by chance.
        unpack.decompress(closing)
    except zlib.error:
        return None
    return (closing, size) if unpack.eof and not unpack.unused_data else None


def _readable(path: Path, start: int, skip: int) -> bytes:
    """Return what can be unpacked of a member that does not end, without its first bytes."""
    unpack = zlib.decompressobj(_GZIP)
    held = bytearray()
    with path.open("rb") as file:
        file.seek(start)
        for packed in iter(lambda: file.read(_CHUNK), b""):
            part = unpack.decompress(packed)
            held += part[skip:]
            skip = max(skip - len(part), 0)
    return bytes(held)
