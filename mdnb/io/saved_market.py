"""The container of a saved market: a ZIP archive whose files are not packed, with a manifest in it.

``manifest.json`` says what the others are, how long, and their SHA-256; bars, trades and quotes are Parquet,
which any program reads that takes the archive apart. Nothing in it is packed by the archive, so nothing can
grow; whatever is not as this module writes it is refused before it is looked at.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from mdnb.errors import DataExportError, DataImportError
from mdnb.io.atomic import atomic_write
from mdnb.io.manifest import FORMAT, Manifest, SavedMember, SavedSymbol
from mdnb.io.member import Member
from mdnb.io.notes import refuse
from mdnb.io.schema import version
from mdnb.io.source import open_plain

__all__ = [
    "SavedMarket",
    "begins_as_saved_market",
    "is_saved_market",
    "open_saved_market",
    "write_saved_market",
]

_MANIFEST: Final = "manifest.json"
_MAGIC: Final = b"PK\x03\x04"
_FIRST_NAME: Final = struct.Struct("<4s22xHH")
_END: Final = struct.Struct("<4s4H2LH")
_END_MAGIC: Final = b"PK\x05\x06"
_MOST_MEMBERS: Final = 3_001
_LARGEST_DIRECTORY_BYTES: Final = 512 * 1024
_LARGEST__MANIFEST_BYTES: Final = 16 * 1024**2
_LARGEST_MEMBER_BYTES: Final = 512 * 1024**2
_NAME: Final = re.compile(r"(?:bars|trades|quotes)/\d{1,4}\.parquet")
# The same whoever writes it and when: of two files with one content one is enough.
_NO_DATE: Final = (1980, 1, 1, 0, 0, 0)
_AGAIN: Final = "Fetch it again, or save it again: live.save(...)."


class _Version(msgspec.Struct):
    mdnb_market: int


class SavedMarket:
    """A saved market that was opened: its manifest is read and its files are there.

    Attributes
    ----------
    path
        The container.
    manifest
        What it holds.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest

    def __repr__(self) -> str:
        symbols = ", ".join(each.symbol for each in self.manifest.symbols)
        return f"<saved market {self.path.name}: {symbols}>"

    def symbol(self, symbol: str) -> SavedSymbol | None:
        """Return what is held of a symbol; None where it is not there."""
        return next((each for each in self.manifest.symbols if each.symbol == symbol), None)

    def member(self, name: str) -> Member:
        """Return a file of the container, which has to be as the manifest says.

        Raises
        ------
        DataImportError
            It is not, or cannot be read any more.
        """
        told = self.manifest.members.get(name)
        if told is None:
            raise refuse(str(self.path), f"its manifest does not name {name[:80]!r}", _AGAIN)
        with _archive(self.path) as archive:
            if archive.getinfo(name).file_size != told.bytes:
                raise refuse(str(self.path), f"{name} is not as long as its manifest says", _AGAIN)
            data = archive.read(name)
        if hashlib.sha256(data).hexdigest() != told.sha256.lower():
            raise refuse(str(self.path), f"{name} is damaged: its SHA-256 is another one", _AGAIN)
        return Member(f"{self.path}, {name}", data)


def is_saved_market(filename: str | os.PathLike[str]) -> bool:
    """Return whether a file begins as `write_saved_market` writes it; False where it cannot be opened.

    Examples
    --------
    >>> is_saved_market("/nowhere.mdnb")
    False
    """
    try:
        file, _, _ = open_plain(filename)
    except DataImportError:
        return False
    with file:
        return begins_as_saved_market(file.read(_FIRST_NAME.size + len(_MANIFEST)))


def begins_as_saved_market(head: bytes) -> bool:
    """Return whether the first bytes of a file are a container's: the manifest comes first."""
    if len(head) < _FIRST_NAME.size or not head.startswith(_MAGIC):
        return False
    length = _FIRST_NAME.unpack(head[: _FIRST_NAME.size])[1]
    return length == len(_MANIFEST) and head[_FIRST_NAME.size :].startswith(_MANIFEST.encode())


def write_saved_market(
    filename: str | os.PathLike[str], manifest: Manifest, members: Mapping[str, bytes]
) -> Path:
    """Write a container, whole or not at all; what it says of its files is filled in.

    Parameters
    ----------
    members
        The files by name, such as ``bars/0.parquet``.

    Raises
    ------
    DataExportError
        The file cannot be written; an old one is intact.
    """
    told = {
        name: SavedMember(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in members.items()
    }
    whole = msgspec.structs.replace(manifest, version=FORMAT, written_by=version(), members=told)
    text = msgspec.json.format(msgspec.json.encode(whole), indent=1)
    for name, data in {_MANIFEST: text, **members}.items():
        most = _LARGEST__MANIFEST_BYTES if name == _MANIFEST else _LARGEST_MEMBER_BYTES
        if len(data) > most:
            raise DataExportError(
                f"{name} of {Path(filename).name} would have {len(data):,} bytes, and at most {most:,} are"
                " read again. Hold fewer bars (max_bars_per_timeframe=), or save symbols one by one."
            )
    with atomic_write(filename) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {_MANIFEST: text, **members}.items():
            archive.writestr(zipfile.ZipInfo(name, _NO_DATE), data)
    return Path(filename).expanduser()


def open_saved_market(filename: str | os.PathLike[str]) -> SavedMarket:
    """Open a container: its list of files and its manifest are judged, nothing else is read.

    Raises
    ------
    DataImportError
        It is no sound container, is made to harm, or of a later version.
    """
    file, path, _ = open_plain(filename)
    file.close()
    with _archive(path) as archive:
        manifest = _manifest(archive, str(path))
        held = {one.filename: one.file_size for one in archive.infolist() if one.filename != _MANIFEST}
    missing = manifest.members.keys() - held
    if missing:
        raise refuse(str(path), f"it lacks {', '.join(sorted(missing))[:200]}", _AGAIN)
    unknown = held.keys() - manifest.members.keys()
    if unknown:
        problem = f"it holds what its manifest does not name: {', '.join(sorted(unknown))[:200]}"
        raise refuse(str(path), problem, _AGAIN)
    return SavedMarket(path, manifest)


def _manifest(archive: zipfile.ZipFile, where: str) -> Manifest:
    if _MANIFEST not in archive.NameToInfo:
        raise refuse(where, f"it has no {_MANIFEST}: it is no saved market", _AGAIN)
    size = archive.getinfo(_MANIFEST).file_size
    if size > _LARGEST__MANIFEST_BYTES:
        problem = f"its manifest has {size:,} bytes; at most {_LARGEST__MANIFEST_BYTES:,} are read"
        raise refuse(where, problem, _AGAIN)
    text = archive.read(_MANIFEST)
    try:
        # Before the rest, which a later version may have otherwise.
        found = msgspec.json.decode(text, type=_Version).mdnb_market
        if found > FORMAT:
            problem = f"it is of version {found} of the format, and this mdnb reads up to {FORMAT}"
            raise refuse(where, problem, "Install a newer mdnb: pip install -U mdnb.")
        if found < 1:
            raise refuse(where, f"it says that it is of version {found} of the format", _AGAIN)
        made = msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        if isinstance(error, DataImportError):
            raise
        raise refuse(where, f"its manifest is not understood ({str(error)[:200]})", _AGAIN) from error
    names = [each.symbol for each in made.symbols]
    if not names or len(set(names)) < len(names) or not all(names):
        raise refuse(where, "its manifest names no symbol, or one twice", _AGAIN)
    for each in made.symbols:
        for name in filter(None, (each.bars, each.trades, each.quotes)):
            if name not in made.members:
                raise refuse(where, f"its manifest does not say what {name[:80]!r} is", _AGAIN)
    return made


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open the archive, its list of files judged; whatever goes wrong is a DataImportError."""
    file, _, size = open_plain(path)
    where = str(path)
    with file:
        try:
            _check_directory(file, size, where)
            with zipfile.ZipFile(file) as archive:
                _check_members(archive, size, where)
                yield archive
        except DataImportError:
            raise
        except MemoryError as error:
            raise refuse(where, "it does not fit into memory", _AGAIN) from error
        except (
            zipfile.BadZipFile,
            zipfile.LargeZipFile,
            OSError,
            EOFError,
            RuntimeError,
            NotImplementedError,
            ValueError,
            KeyError,
            struct.error,
            OverflowError,
        ) as error:
            reason = str(error)[:200] or type(error).__name__
            raise refuse(where, f"it is no sound container ({reason})", _AGAIN) from error


def _check_directory(file: BinaryIO, size: int, where: str) -> None:
    """Refuse an archive whose list of files is long, before it is read."""
    file.seek(max(0, size - _END.size))
    tail = file.read(_END.size)
    file.seek(0)
    if len(tail) < _END.size or not tail.startswith(_END_MAGIC):
        raise refuse(where, "it is cut off, or something was added to it: it is no sound container", _AGAIN)
    _, disk, first_disk, here, entries, length, start, comment = _END.unpack(tail)
    if disk or first_disk or comment or here != entries:
        raise refuse(where, "it is no container that mdnb has written", _AGAIN)
    if entries > _MOST_MEMBERS or length > _LARGEST_DIRECTORY_BYTES:
        problem = f"it lists {entries:,} files in {length:,} bytes; at most {_MOST_MEMBERS:,} are read"
        raise refuse(where, problem, _AGAIN)
    if start + length + _END.size != size:
        raise refuse(where, "its list of files is not where it has to be", _AGAIN)


def _check_members(archive: zipfile.ZipFile, size: int, where: str) -> None:
    seen: set[str] = set()
    total = 0
    for one in archive.infolist():
        name = one.filename
        shown = repr(name[:80])
        if name in seen:
            raise refuse(where, f"it holds {shown} twice", _AGAIN)
        seen.add(name)
        if name != _MANIFEST and _NAME.fullmatch(name) is None:
            raise refuse(where, f"it holds {shown}, which no saved market has", _AGAIN)
        if one.flag_bits & 0x1:
            raise refuse(where, f"{shown} is encrypted", "A saved market has no password.")
        if one.compress_type != zipfile.ZIP_STORED or one.compress_size != one.file_size:
            raise refuse(where, f"{shown} is packed, which nothing in a saved market is", _AGAIN)
        if one.file_size > _LARGEST_MEMBER_BYTES:
            problem = f"{shown} has {one.file_size:,} bytes; at most {_LARGEST_MEMBER_BYTES:,} are read"
            raise refuse(where, problem, _AGAIN)
        total += one.file_size
    if total > size:
        raise refuse(where, f"its {size:,} bytes claim to hold {total:,}", _AGAIN)
