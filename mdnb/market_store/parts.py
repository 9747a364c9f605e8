"""One Parquet file of a store: written whole or not at all, and read as far as it is needed."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mdnb.errors import DataImportError
from mdnb.io.schema import INDEX_NAME

__all__ = [
    "TEMPORARY_SUFFIX",
    "DamagedPartError",
    "as_import_error",
    "joined_name",
    "list_parts",
    "part_name",
    "part_number",
    "read_parts",
    "sync_folder",
    "write_part",
]

TEMPORARY_SUFFIX: Final = ".mdnb-tmp"
_ROW_GROUP: Final = 16_384
_NAME: Final = re.compile(r"part-(\d{12,})(?:\.whole)?\.parquet")


class DamagedPartError(DataImportError):
    """What is in a file is not what a store writes: it will never read."""


def as_import_error(error: Exception, sentence: str) -> DataImportError:
    """Return the error of a file that did not read: damage, or that the system did not let it be read.

    Examples
    --------
    >>> as_import_error(OSError(24, "Too many open files"), "x does not read.")
    DataImportError('x does not read.')
    >>> as_import_error(OSError("Couldn't deserialize thrift"), "x does not read.")
    DamagedPartError('x does not read.')
    """
    import pyarrow as pa

    is_system = isinstance(error, (MemoryError, pa.ArrowMemoryError, pa.ArrowCancelled))
    is_system |= isinstance(error, OSError) and error.errno is not None
    return DataImportError(sentence) if is_system else DamagedPartError(sentence)


def write_part(path: Path, table: Any, scratch: Path) -> int:
    """Write a file in the place of the one that is there; return its size.

    The bytes go to another file, are forced to disk and only then take the name: readers find the one or the
    other, and so does who comes after a kill.

    Parameters
    ----------
    scratch
        The folder of that other file, on the same disk: in the tree some readers would stumble over it.

    Raises
    ------
    OSError
        The disk does not take it; what was there is as it was.
    """
    import pyarrow.parquet as pq

    temporary = scratch / f"{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
            pq.write_table(table, file, compression="zstd", row_group_size=_ROW_GROUP)
            file.flush()
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return size


def sync_folder(folder: Path) -> None:
    """Force the entries of a folder to disk, where the system can."""
    if os.name == "nt":  # a folder cannot be opened there; the rename itself is journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse that
        pass
    finally:
        os.close(descriptor)


def list_parts(folder: Path) -> list[Path]:
    """Return the files of a partition by name; others than ours, and links, are none."""
    try:
        # One that was exchanged meanwhile may have been listed as it was being emptied.
        now, was, listed = folder.stat().st_ino, -1, list[Path]()
        while was != now:
            was, listed = now, sorted(folder.iterdir())
            now = folder.stat().st_ino
    except FileNotFoundError:
        return []
    return [path for path in listed if _NAME.fullmatch(path.name) and not path.is_symlink()]


def part_name(number: int) -> str:
    """Return the name of a file; those of a partition are read in their order.

    Examples
    --------
    >>> part_name(7)
    'part-000000000007.parquet'
    """
    return f"part-{number:012d}.parquet"


def joined_name(path: Path) -> str:
    """Return the name of the file that others up to one are joined into: behind theirs, and none of them.

    Whoever has listed these and opens them one by one must not come upon all of it under the last name.

    Examples
    --------
    >>> joined_name(Path("part-000000000007.parquet"))
    'part-000000000007.whole.parquet'
    """
    return f"part-{part_number(path):012d}.whole.parquet"


def part_number(path: Path) -> int:
    """Return the number in a file's name.

    Examples
    --------
    >>> part_number(Path("part-000000000007.whole.parquet"))
    7
    """
    found = _NAME.fullmatch(path.name)
    assert found is not None
    return int(found[1])


def read_parts(
    paths: Sequence[Path],
    schema: Any,
    start: int | None = None,
    end: int | None = None,
    names: Sequence[str] = (),
) -> Any:
    """Return what files hold of a span of time; only the row groups and columns that it needs are read.

    Parameters
    ----------
    schema
        What a file has to hold; others are refused.
    start, end
        In the unit of their times since 1970, both included; None is no bound.
    names
        Which columns; all by default.

    Raises
    ------
    DamagedPartError
        A file is none of a store.
    DataImportError
        A file cannot be read just now.
    FileNotFoundError
        A file has gone.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds

    wanted = list(names) or schema.names
    time = schema.field(INDEX_NAME).type
    chosen = None
    for bound, is_start in ((start, True), (end, False)):
        if bound is not None:
            value = pa.scalar(bound, pa.int64()).cast(time)
            one = ds.field(INDEX_NAME) >= value if is_start else ds.field(INDEX_NAME) <= value
            chosen = one if chosen is None else chosen & one
    tables = []
    for path in paths:
        try:
            found = ds.dataset(str(path), schema=schema, format="parquet")
            tables.append(found.to_table(columns=wanted, filter=chosen))
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            sentence = (
                f"{path} does not read: {reason}. It was left as it is; move it away to read the others."
            )
            raise as_import_error(error, sentence) from error
    empty = schema.empty_table().select(wanted)
    return pa.concat_tables([empty, *tables])
