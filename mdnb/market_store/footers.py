"""What the footer of a store's file tells: how many rows, from when to when."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from mdnb.io.schema import INDEX_NAME
from mdnb.market_store.parts import as_import_error

__all__ = ["FileState", "Footers", "PartFooter", "state_of"]


class FileState(NamedTuple):
    """By what a file that was read is known again; another one of its name differs in one of these.

    Attributes
    ----------
    inode, size, changed_ns
        As the system tells them.
    """

    inode: int
    size: int
    changed_ns: int


def state_of(path: Path) -> FileState:
    """Return by what a file is known again.

    Raises
    ------
    FileNotFoundError
        It has gone.
    """
    status = path.stat()
    return FileState(status.st_ino, status.st_size, status.st_mtime_ns)


class PartFooter(NamedTuple):
    """A file.

    Attributes
    ----------
    rows
        How many it holds.
    first, last
        The least and the greatest time among them, in the file's unit since 1970.
    bytes
        Its size.
    """

    rows: int
    first: int
    last: int
    bytes: int


class Footers:
    """The footers of files, each read once as long as the file is as it was."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[FileState, PartFooter]] = {}

    def of(self, path: Path) -> PartFooter:
        """Return what the footer of a file tells.

        Raises
        ------
        DataImportError
            It does not read.
        FileNotFoundError
            It has gone.
        """
        state = state_of(path)
        held = self._known.get(path)
        if held is None or held[0] != state:
            held = self._known[path] = state, _read(path, state.size)
        return held[1]


def _read(path: Path, size: int) -> PartFooter:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer: Any = pq.read_metadata(path)
        place = footer.schema.names.index(INDEX_NAME)
        time = footer.schema.to_arrow_schema().field(INDEX_NAME).type
        edges = []
        for at in range(footer.num_row_groups if footer.num_rows else 0):
            found = footer.row_group(at).column(place).statistics
            edges += [pa.scalar(one, time).cast(pa.int64()).as_py() for one in (found.min, found.max)]
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, AttributeError) as error:
        sentence = f"{path} is no file of a store: {str(error)[:200].rstrip('.')}. Move it away."
        raise as_import_error(error, sentence) from error
    return PartFooter(footer.num_rows, min(edges, default=0), max(edges, default=0), size)
