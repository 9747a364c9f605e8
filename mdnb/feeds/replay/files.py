"""Reading files in constant memory: lines, and the elements of one long JSON array."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mdnb import datasets
from mdnb.errors import FeedError
from mdnb.feeds.file_lock import is_being_written
from mdnb.feeds.replay.recording import Damage

__all__ = ["MAX_LINE", "array_elements", "head", "lines", "open_binary"]

MAX_LINE = 4 * 2**20
"""Longer lines are refused: no venue sends such frames, and they could fill the memory."""

_CHUNK = 65_536
_GZIP = b"\x1f\x8b"
_TORN = (EOFError, zlib.error, gzip.BadGzipFile)
_SEPARATORS = re.compile(r"[\s,]*")
# Fractions stay text: the reader decides whether they are a price or a time.
_JSON = json.JSONDecoder(parse_float=str, parse_constant=str)


def open_binary(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """Open a file, unpacked if it is gzip.

    Raises
    ------
    FeedError
        When it cannot be opened.
    """
    # A pipe without a writer would block for ever.
    if path.exists() and not path.is_file():
        raise FeedError(f"cannot open the recording {path}: it is a folder, a pipe or a device, not a file")
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
        return gzip.open(path, "rb") if packed else path.open("rb")
    except ValueError as error:  # a NUL character in its name
        raise FeedError(f"cannot open the recording {str(path)!r}: {error}") from error
    except OSError as error:
        named = str(path) in datasets.names() and not path.exists()
        hint = f". Did you mean 'dataset:{path}'?" if named else ""
        raise FeedError(f"cannot open the recording {path}: {error.strerror or error}{hint}") from error


def head(path: Path, size: int = _CHUNK) -> bytes:
    """Return the first bytes, unpacked; fewer where the file is short or torn."""
    with open_binary(path) as file:
        held = bytearray()
        try:
            # A torn gzip raises only once what it holds has been read, so read on in steps.
            while len(held) < size and (part := file.read1(size - len(held))):
                held += part
        except _TORN:
            pass
        return bytes(held)


def lines(path: Path, damage: Damage) -> Iterator[bytes]:
    """Yield each line without its end; a torn end of the file is noted in ``damage``.

    One of a recording that goes on is no damage: what comes after it is still to be written.
    """
    number = 0
    with open_binary(path) as file:
        while True:
            try:
                line = file.readline(MAX_LINE)
            except _TORN as error:
                if not isinstance(error, EOFError) or not is_being_written(path):
                    damage.note(f"the end of {path.name}, which is torn after line {number}")
                return
            if not line:
                return
            number += 1
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                raise FeedError(
                    f"line {number} of {path.name} is longer than {MAX_LINE} bytes: no recording of ours"
                )
            yield line.rstrip(b"\r\n")


def array_elements(path: Path, damage: Damage, skip: int = 0) -> Iterator[Any]:
    """Yield the elements of the JSON array whose ``[`` is ``skip`` characters into the file.

    Elements must be arrays or objects. Numbers with a fraction come as text.
    """
    with open_binary(path) as file:
        parts = _text_parts(file)
        held, at = "", skip + 1
        while len(held) < at and (more := next(parts, "")):
            held += more
        while True:
            at = _SEPARATORS.match(held, at).end()  # type: ignore[union-attr]  # it matches the empty string
            if held[at : at + 1] == "]":
                return
            try:
                element, at = _JSON.raw_decode(held, at)
            except RecursionError as error:
                raise FeedError(f"{path.name} is nested too deep: no recording") from error
            except ValueError:
                more = next(parts, "")
                if not more or len(held) - at > MAX_LINE:
                    damage.note(f"the end of {path.name}, which is cut off")
                    return
                held, at = held[at:] + more, 0
                continue
            yield element


def _text_parts(file: gzip.GzipFile | io.BufferedReader) -> Iterator[str]:
    """Yield the file's text up to its end, or to where it is torn."""
    # Not a TextIOWrapper: one that meets the torn end drops what it has read of the part before.
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    with contextlib.suppress(*_TORN):
        while packed := file.read1(_CHUNK):
            if text := decode(packed):
                yield text
