"""What the footer of a store's file tells: how many rows, from when to when."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from mdnb.errors import DataImportError
from mdnb.io.schema import INDEX_NAME

__all__ = ["Footers", "PartFooter"]


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
        self._known: dict[Path, tuple[tuple[int, int], PartFooter]] = {}

    def of(self, path: Path) -> PartFooter:
        """Return what the footer of a file tells.

        Raises
        ------
        DataImportError
            It does not read.
        FileNotFoundError
            It has gone.
        """
        status = path.stat()
        look = status.st_size, status.st_mtime_ns
        held = self._known.get(path)
        if held is None or held[0] != look:
            held = self._known[path] = look, _read(path, status.st_size)
        return held[1]


def _read(path: Path, size: int) -> PartFooter:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer: Any = pq.read_metadata(path)
        place = footer.schema.names.index(INDEX_NAME)
        time = footer.schema.to_arrow_schema().field(INDEX_NAME).type
        edges = []
        for at in range(footer.num_row_groups):
            found = footer.row_group(at).column(place).statistics
            edges += [pa.scalar(one, time).cast(pa.int64()).as_py() for one in (found.min, found.max)]
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, AttributeError) as error:
        raise DataImportError(f"{path} is no file of a store: {str(error)[:200]}. Move it away.") from error
    return PartFooter(footer.num_rows, min(edges, default=0), max(edges, default=0), size)
