"""Export and import of bars: CSV, JSON, Parquet, Arrow, workbooks. Pure functions between files and frames.

Every reader gives the same frame for the same bars, and every writer puts the whole file in place or
nothing. Names are resolved when they are first used, since pandas and pyarrow are slow to import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mdnb.io.arrow import read_arrow, write_arrow
    from mdnb.io.csv import read_csv, write_csv
    from mdnb.io.formats import format_of, read_bars, write_bars
    from mdnb.io.json import read_json, write_json
    from mdnb.io.parquet import read_parquet, read_timeframes, write_parquet, write_timeframes
    from mdnb.io.paths import default_name, safe_name
    from mdnb.io.schema import empty_frame, normalise
    from mdnb.io.xlsx import write_xlsx

__all__ = [
    "default_name",
    "empty_frame",
    "format_of",
    "normalise",
    "read_arrow",
    "read_bars",
    "read_csv",
    "read_json",
    "read_parquet",
    "read_timeframes",
    "safe_name",
    "write_arrow",
    "write_bars",
    "write_csv",
    "write_json",
    "write_parquet",
    "write_timeframes",
    "write_xlsx",
]

_MODULES: Final = {
    "default_name": "paths",
    "empty_frame": "schema",
    "format_of": "formats",
    "normalise": "schema",
    "read_arrow": "arrow",
    "read_bars": "formats",
    "read_csv": "csv",
    "read_json": "json",
    "read_parquet": "parquet",
    "read_timeframes": "parquet",
    "safe_name": "paths",
    "write_arrow": "arrow",
    "write_bars": "formats",
    "write_csv": "csv",
    "write_json": "json",
    "write_parquet": "parquet",
    "write_timeframes": "parquet",
    "write_xlsx": "xlsx",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
