"""Of which feed a symbol's live bars in a store are: a small file in its hidden folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from mdnb.errors import DataExportError
from mdnb.io.atomic import atomic_write
from mdnb.io.paths import safe_name
from mdnb.market_store.layout import HIDDEN

__all__ = ["check_feed", "keep_feed"]

_LARGEST_BYTES: Final = 4096


class _Mark(msgspec.Struct):
    name: str
    source: str

    def __str__(self) -> str:
        return (
            f"{self.name} (bars of {self.source})" if self.source != "bars" else f"{self.name} (its own bars)"
        )


_read = msgspec.json.Decoder(_Mark).decode


def check_feed(base: Path, symbol: str, name: str, source: str) -> None:
    """Refuse a store that holds a symbol's bars of another feed.

    Raises
    ------
    DataExportError
        It does; nothing was changed.
    """
    held, mark = _held(base, symbol), _Mark(name, source)
    if held is not None and held != mark:
        raise DataExportError(
            f"the store {base} holds {symbol} of {held}, and this is {mark}: they would be mixed."
            " Give another folder (store=)."
        )


def keep_feed(base: Path, symbol: str, name: str, source: str) -> None:
    """Write of which feed a symbol's bars are, where that is not there yet.

    Raises
    ------
    DataExportError, OSError
        It cannot be written.
    """
    mark = _Mark(name, source)
    if _held(base, symbol) != mark:
        with atomic_write(_path(base, symbol)) as file:
            file.write(msgspec.json.encode(mark))


def _path(base: Path, symbol: str) -> Path:
    return base / HIDDEN / f"feed-{safe_name(symbol)}.json"


def _held(base: Path, symbol: str) -> _Mark | None:
    path = _path(base, symbol)
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
            return None
        return _read(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
