"""A decoder that gives symbols the names they were asked for by, where a venue has others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from mdnb.rows import Batch, Decoder

__all__ = ["RenamingDecoder"]

_Rows = TypeVar("_Rows")


class RenamingDecoder:
    """Decodes as another does, and renames.

    Parameters
    ----------
    decoder
        Does the work.
    names
        A venue's name to the one that it was asked for by; may grow.

    Examples
    --------
    >>> from mdnb.decode.wire import Decoder as WireDecoder
    >>> made = RenamingDecoder(WireDecoder(), {"BTCUSD": "BTC/USD"})
    >>> list(made.feed(['{"e":"trades","s":"BTCUSD","r":[[5,21589.25,2.0,1,-1,7]]}']).trades)
    ['BTC/USD']
    """

    __slots__ = ("_decoder", "_names")

    def __init__(self, decoder: Decoder, names: Mapping[str, str]) -> None:
        self._decoder = decoder
        self._names = names

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        batch = self._decoder.feed(frames)
        names = self._names
        batch.trades = _renamed(batch.trades, names)
        batch.quotes = _renamed(batch.quotes, names)
        if batch.depth:
            batch.depth = _renamed(batch.depth, names)
        if batch.changes:
            batch.changes = _renamed(dict(batch.changes), names)
        if batch.bars:
            batch.bars = {(names.get(name, name), tf): rows for (name, tf), rows in batch.bars.items()}
        return batch


def _renamed(rows: dict[str, _Rows], names: Mapping[str, str]) -> dict[str, _Rows]:
    return {names.get(name, name): held for name, held in rows.items()} if rows else rows
