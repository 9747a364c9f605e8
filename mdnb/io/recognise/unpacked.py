"""The text of a file, whatever it was packed and encoded with; bounded."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import PurePath
from typing import IO, Any, Final, NamedTuple

import pyarrow as pa

from mdnb.errors import DataImportError
from mdnb.io.notes import refuse
from mdnb.io.progress import step
from mdnb.io.source import LARGEST_FILE_BYTES, open_plain

__all__ = ["Unpacked", "unpacked"]

_FREE_BYTES: Final = 64 * 1024**2
_HIGHEST_RATIO: Final = 100
_CHUNK_BYTES: Final = 1024**2
_START_BYTES: Final = 4096
# Our own; of others, JSON behind the time when it came, or an address that was connected to.
_RECORDING: Final = re.compile(rb'\s*(?:\{"mdnb_recording"|\d{9,19}(?:\.\d{1,9})?:? [{\[]|\w+://\S+ <-)')
_BROKEN: Final = (
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    RuntimeError,
    pa.ArrowException,
)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _zstd(file: IO[bytes]) -> Any:
    return pa.CompressedInputStream(pa.PythonFile(file), "zstd")


_PACKED: Final[tuple[tuple[bytes, str, Callable[[IO[bytes]], Any]], ...]] = (
    (b"\x1f\x8b", "gzip", lambda file: gzip.GzipFile(fileobj=file)),
    (b"BZh", "bzip2", bz2.BZ2File),
    (b"\xfd7zXZ\x00", "xz", lzma.LZMAFile),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd),
)


class Unpacked(NamedTuple):
    """A file's content.

    Attributes
    ----------
    data
        Its bytes, unpacked; text as UTF-8 without a byte order mark.
    where
        The file, for messages.
    name
        Its name, of a zip archive that of the file within.
    said
        How it was packed and encoded, where that is worth a word.
    """

    data: bytes
    where: str
    name: str
    said: tuple[str, ...]


def unpacked(filename: str | os.PathLike[str]) -> Unpacked:
    """Return the content of a file: plain, or packed with gzip, bzip2, xz, zstd or as the one file of a zip.

    It is told by the first bytes, not by the name. At most 64 MiB, or 100 times the size of the file, are
    unpacked.

    Raises
    ------
    DataImportError
        It cannot be opened, is packed wrongly or too tightly, is a recording of a feed, or a zip archive
        holds several files.
    """
    file, path, size = open_plain(filename)
    where, name, said = str(path), path.name, list[str]()
    with file:
        head = file.read(_START_BYTES)
        file.seek(0)
        # One whose writer goes on, or was killed, plays as well, however large it is.
        _refuse_recording(_start(head), where)
        try:
            if head.startswith(b"PK\x03\x04") and not _is_workbook(file):
                name, data = _zipped(file, where, size)
                said.append("zip")
            else:
                how = next(((word, open_) for magic, word, open_ in _PACKED if head.startswith(magic)), None)
                if how is None:
                    data = file.read(size + 1)
                else:
                    said.append(how[0])
                    with how[1](file) as stream:
                        data = _bounded(stream, file, where, size)
        except DataImportError:
            raise
        except MemoryError as error:
            raise refuse(where, "it does not fit into memory", "Split the file.") from error
        except _BROKEN as error:
            raise refuse(where, f"it cannot be unpacked ({error})", "Fetch it again.") from error
    text = _as_utf8(data, where, said)
    _refuse_recording(text, where)
    return Unpacked(text, where, name, tuple(said))


def _start(head: bytes) -> bytes:
    """Return what a file begins with, unpacked where our recorder may have packed it."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, _START_BYTES)
    except zlib.error:
        return head


def _refuse_recording(text: bytes, where: str) -> None:
    if _RECORDING.match(text, 0, _START_BYTES):
        raise refuse(where, "it is a recording of a feed's messages", f"Play it: feed='replay:{where}'.")


def _is_workbook(file: IO[bytes]) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return "[Content_Types].xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False
    finally:
        file.seek(0)


def _zipped(file: IO[bytes], where: str, size: int) -> tuple[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        held = [
            one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX")
        ]
        if len(held) != 1:
            names = ", ".join(one.filename for one in held[:10]) or "nothing"
            raise refuse(where, f"it holds {len(held)} files ({names})", "Take out the one that is meant.")
        with archive.open(held[0]) as stream:
            return held[0].filename, _bounded(stream, file, where, size)


def _bounded(stream: Any, file: IO[bytes], where: str, size: int) -> bytes:
    limit = min(max(_FREE_BYTES, _HIGHEST_RATIO * size), LARGEST_FILE_BYTES)
    held = io.BytesIO()
    while part := stream.read(_CHUNK_BYTES):
        held.write(part)
        if held.tell() > limit:
            problem = f"its {size:,} bytes unpack to more than {limit:,}"
            raise refuse(where, problem, "Unpack it yourself, then look.")
        step(file.tell(), size, f"unpacking {PurePath(where).name}")
    return held.getvalue()


def _as_utf8(data: bytes, where: str, said: list[str]) -> bytes:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            if encoding == "utf-8":
                return data[len(mark) :]
            said.append(encoding.upper())
            try:
                return data.decode(encoding).encode()
            except UnicodeDecodeError as error:
                raise refuse(
                    where, f"it is no sound {encoding.upper()} ({error.reason})", "Save it as UTF-8."
                ) from error
    return data
