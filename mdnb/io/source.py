"""Opening a file for import: local, a regular file, of bounded size."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from datetime import tzinfo
from pathlib import Path
from typing import Any, BinaryIO, Final

from mdnb.errors import DataImportError, OptionError
from mdnb.io.member import Member
from mdnb.io.notes import refuse
from mdnb.io.paths import local_path
from mdnb.io.progress import step
from mdnb.io.schema import zone_dtype

__all__ = ["LARGEST_FILE_BYTES", "AssumedZone", "check_zone", "open_plain", "read_text_bytes"]

LARGEST_FILE_BYTES: Final = 2 * 1024**3
_FREE_BYTES: Final = 64 * 1024**2
_HIGHEST_RATIO: Final = 100
_CHUNK_BYTES: Final = 1024**2
_PACKED: Final = {".gz": "gzip", ".zst": "zstd"}
_MAGIC: Final = {
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "compressed with gzip; its name must end in .gz",
    b"PK\x03\x04": "a zip archive or a spreadsheet; save it as plain text",
    b"ARROW1": "an Arrow file",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; its name must end in .zst",
    b"BZh": "compressed with bzip2; unpack it",
    b"\xfd7zXZ": "compressed with xz; unpack it",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
}


class AssumedZone(str):
    """The name of a zone that nobody gave: of times that are taken for its own it is said."""

    __slots__ = ()


def check_zone(tz: str | tzinfo | None) -> None:
    """Raise OptionError where ``tz`` is no zone, before any work is done."""
    if tz is not None:
        zone_dtype(tz)


def open_plain(filename: str | os.PathLike[str] | Member) -> tuple[BinaryIO, Path, int]:
    """Open a plain file of at most 2 GiB, or a member of one; return it, its path and its size in bytes.

    Raises
    ------
    DataImportError
        It is a URL, is missing, is not a plain file, is too large or cannot be read.
    """
    if isinstance(filename, Member):
        return io.BytesIO(filename.data), Path(filename.where), len(filename.data)
    try:
        path = local_path(filename)
    except OptionError as error:
        raise DataImportError(str(error)) from error
    try:
        # A pipe without a writer would block in open() for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        folder = f"; the folder {path.parent} does not exist" if not path.parent.is_dir() else ""
        reason = f"the file cannot be opened ({error.strerror}{folder})"
        raise refuse(str(path), reason, f"Relative names start at {Path.cwd()}.") from error
    status = os.fstat(descriptor)
    problem = ""
    if not stat.S_ISREG(status.st_mode):
        problem = "it is a folder, a pipe or a device, not a file"
    elif status.st_size > LARGEST_FILE_BYTES:
        problem = f"it has {status.st_size:,} bytes; at most {LARGEST_FILE_BYTES:,} are read"
    if problem:
        os.close(descriptor)
        raise refuse(str(path), problem, "Give one file of bars, or several smaller ones in turn.")
    return os.fdopen(descriptor, "rb"), path, status.st_size


def read_text_bytes(filename: str | os.PathLike[str]) -> tuple[bytes, str]:
    """Return the bytes of a text file, and its path for messages.

    A name that ends in ``.gz`` or ``.zst`` is unpacked, up to 64 MiB or 100 times its size, whichever is
    more. Nothing else is unpacked, whatever the content looks like.

    Raises
    ------
    DataImportError
        As :func:`open_plain`; also if the text is empty, binary, or grows beyond these limits.
    """
    file, path, size = open_plain(filename)
    where = str(path)
    with file:
        try:
            ending = path.suffix.lower()
            data = _unpacked(file, where, size, ending) if ending in _PACKED else file.read(size + 1)
        except OSError as error:
            raise refuse(where, f"it cannot be read ({error.strerror})", "Try again.") from error
        except MemoryError as error:
            raise refuse(where, "it does not fit into memory", "Split the file.") from error
    for magic, what in _MAGIC.items():
        if data.startswith(magic):
            raise refuse(where, f"it is {what}", "Plain text is needed here.")
    if b"\0" in data[:_CHUNK_BYTES]:
        raise refuse(where, "it holds NUL characters and is not text", "Plain UTF-8 text is needed here.")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data or data.isspace():
        raise refuse(where, "it is empty", "A file of bars is needed.")
    return data, where


def _unpacked(file: BinaryIO, where: str, size: int, ending: str) -> bytes:
    limit = min(max(_FREE_BYTES, _HIGHEST_RATIO * size), LARGEST_FILE_BYTES)
    unpacked = bytearray()
    kind = _PACKED[ending]
    try:
        with _opened(file, kind) as stream:
            while part := stream.read(_CHUNK_BYTES):
                if len(unpacked) + len(part) > limit:
                    raise refuse(
                        where,
                        f"its {size:,} bytes unpack to more than {limit:,}",
                        "Unpack it yourself, then look.",
                    )
                unpacked += part
                step(file.tell(), size, f"unpacking {Path(where).name}")
    except DataImportError:
        raise
    except (EOFError, OSError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk says so, and not the content
        raise refuse(where, f"it is not a sound {kind} file ({error})", "Fetch it again.") from error
    return bytes(unpacked)


def _opened(file: BinaryIO, kind: str) -> Any:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=file, mode="rb")
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(file, "rb"), "zstd")
