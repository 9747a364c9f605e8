"""Whatever goes wrong in reading a file of others is a `DataImportError`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pyarrow as pa

from mdnb.errors import DataImportError, OptionError
from mdnb.io.notes import refuse

__all__ = ["told_as_refusal"]


@contextlib.contextmanager
def told_as_refusal(filename: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what runs out, or what pyarrow, pandas and JSON raise of a file, into one error that names it.

    Raises
    ------
    DataImportError
        Instead of these.
    """
    where = str(filename)[:300]
    try:
        yield
    except (DataImportError, OptionError):
        raise
    except MemoryError as error:
        raise refuse(where, "it does not fit into memory", "Split the file.") from error
    except RecursionError as error:
        raise refuse(where, "it is nested too deep", "A table of bars is needed.") from error
    except (pa.ArrowException, ValueError, OverflowError, OSError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise refuse(
            where, f"it is not understood ({reason})", "Fetch it again, or save it as CSV."
        ) from error
