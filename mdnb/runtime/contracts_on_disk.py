"""Of which contracts the bars on disk are: a small file beside the folders of their timeframes."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from mdnb.errors import MdnbError
from mdnb.io.atomic import atomic_write
from mdnb.io.paths import safe_name
from mdnb.runtime.cache_folder import CacheFolder
from mdnb.runtime.live.symbol_state import SymbolState

__all__ = ["keep_contracts", "learn_contracts"]

_NAME = "contracts.json"
_LARGEST_BYTES = 262_144
_log = logging.getLogger("mdnb")


class _Kept(msgspec.Struct):
    spans: Sequence[tuple[int, str]]
    until_ns: int


_read = msgspec.json.Decoder(_Kept).decode


def keep_contracts(engine: SymbolState) -> None:
    """Write of which contracts the bars on disk are, where the symbol stands for such."""
    with engine.lock:
        stores = [overflow.segments for overflow in engine.overflow.values()]
    until_ns = max((last for store in stores if (last := store.last_ns) is not None), default=None)
    with engine.lock:
        spans = engine.contracts.spans(until_ns) if until_ns is not None and engine.contracts else []
    if until_ns is None or not spans:
        return
    try:
        with atomic_write(stores[0].folder.parent / _NAME) as file:
            file.write(msgspec.json.encode(_Kept(spans, until_ns)))
    except (MdnbError, OSError) as error:
        _log.warning("%s: of which contracts the bars on disk are is not kept: %s", engine.symbol, error)


def learn_contracts(engine: SymbolState, folder: CacheFolder) -> None:
    """Take over of which contracts the bars in a symbol's folder are; of one that says nothing, nothing."""
    if folder.is_temporary:
        return
    path = folder.root / safe_name(engine.symbol) / _NAME
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
            return
        kept = _read(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("%s: %s does not say of which contracts the bars are: %s", engine.symbol, path, error)
        return
    with engine.lock:
        engine.contracts.learn(kept.spans, kept.until_ns)
