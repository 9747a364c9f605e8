"""Of which feed the bars on disk are: a small file beside the folders of their timeframes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mdnb.errors import DataExportError, MdnbError
from mdnb.io.atomic import atomic_write
from mdnb.stores.segment_file import NAME_PREFIX

if TYPE_CHECKING:
    from mdnb.feeds.base import Feed

__all__ = ["FeedMark", "check_feed", "keep_feed", "mark_of"]

_NAME = "feed.json"
_LARGEST_BYTES = 4096
_log = logging.getLogger("mdnb")


class FeedMark(msgspec.Struct, frozen=True):
    """Which feed wrote bars: its name, and what it makes them of; no option such as speed or seed.

    Examples
    --------
    >>> str(FeedMark("Kraken", "trades"))
    'Kraken (bars of trades)'
    """

    name: str
    source: str

    def __str__(self) -> str:
        return (
            f"{self.name} (bars of {self.source})" if self.source != "bars" else f"{self.name} (its own bars)"
        )


def mark_of(feed: Feed) -> FeedMark:
    """Return what tells a feed from others."""
    return FeedMark(type(feed).__name__ if feed.offers is None else feed.offers.title, feed.source)


_read = msgspec.json.Decoder(FeedMark).decode


def check_feed(folder: Path, mark: FeedMark) -> None:
    """Refuse a symbol's folder that holds the bars of another feed.

    Raises
    ------
    DataExportError
        It does; nothing was changed.
    """
    held = _held(folder / _NAME)
    if held is not None and held != mark and any(folder.glob(f"*/{NAME_PREFIX}*")):
        raise DataExportError(
            f"{folder} holds bars of {held}, and these are of {mark}: they would be mixed."
            " Give another folder (disk_cache_path), or delete that one."
        )


def keep_feed(folder: Path, mark: FeedMark) -> None:
    """Write which feed the bars in a symbol's folder are of, where that is not there yet."""
    path = folder / _NAME
    if _held(path) == mark:
        return
    try:
        with atomic_write(path) as file:
            file.write(msgspec.json.encode(mark))
    except (MdnbError, OSError) as error:
        _log.warning("of which feed the bars in %s are is not kept: %s", folder, error)


def _held(path: Path) -> FeedMark | None:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
            return None
        return _read(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("%s does not say of which feed the bars are: %s", path, error)
        return None
