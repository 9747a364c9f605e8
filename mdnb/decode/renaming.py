"""A decoder that gives symbols the names they were asked for by, where a venue has others."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import TypeVar

import msgspec

from mdnb.rows import LOST_LINE, Batch, ContractChange, Decoder, SeamPrices

__all__ = ["RenamingDecoder", "RollingDecoder", "roll_frame", "seam_prices_frame"]

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


class RollingDecoder:
    """Decodes the frames of a recording, and those of its own, which no venue sends.

    These tell where symbols went from one contract to the next, see `roll_frame`, what both were worth, see
    `seam_prices_frame`, and where the connection was lost: frames that no venue sends.

    Parameters
    ----------
    decoder
        Decodes the venue's frames.
    names
        A venue's name to the one that it was asked for by: what the decoder goes by. It is changed.

    Examples
    --------
    >>> from mdnb.decode.wire import Decoder as WireDecoder
    >>> names = {"Z25": "MNQ"}
    >>> made = RollingDecoder(RenamingDecoder(WireDecoder(), names), names)
    >>> made.feed([roll_frame(ContractChange("MNQ", 7, "Z25", "H26"))]).rolls[0].new, names
    ('H26', {'H26': 'MNQ'})
    """

    __slots__ = ("_decoder", "_names")

    def __init__(self, decoder: Decoder, names: MutableMapping[str, str]) -> None:
        self._decoder = decoder
        self._names = names

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together: those of a venue, or one of the recording's own."""
        own = frames[0] if len(frames) == 1 else ""
        said = LOST_LINE if own == LOST_LINE else _said_in(own)
        if said is None:
            return self._decoder.feed(frames)
        batch = Batch()
        batch.frames = batch.control = 1
        if isinstance(said, SeamPrices):
            batch.seam_prices = (said,)
        elif isinstance(said, ContractChange):
            self._names.pop(said.old, None)
            self._names[said.new] = said.symbol
            batch.rolls = (said,)
        else:
            batch.has_lost_line = True
        return batch


_ROLL, _PRICES = '{"mdnb_roll":', '{"mdnb_roll_prices":'


class _Roll(msgspec.Struct):
    mdnb_roll: ContractChange


class _Prices(msgspec.Struct):
    mdnb_roll_prices: SeamPrices


_read = msgspec.json.Decoder(_Roll).decode
_read_prices = msgspec.json.Decoder(_Prices).decode


def roll_frame(change: ContractChange) -> str:
    """Return a roll as a frame of a recording."""
    return msgspec.json.encode(_Roll(change)).decode()


def seam_prices_frame(prices: SeamPrices) -> str:
    """Return what both contracts of a roll were worth as a frame of a recording."""
    return msgspec.json.encode(_Prices(prices)).decode()


def _said_in(frame: object) -> ContractChange | SeamPrices | None:
    """Return what a frame of the recording's own says; None where it is the venue's."""
    if not isinstance(frame, str) or not frame.startswith((_ROLL, _PRICES)):
        return None
    try:
        return _read(frame).mdnb_roll if frame.startswith(_ROLL) else _read_prices(frame).mdnb_roll_prices
    except msgspec.DecodeError:
        # The venue's decoder says what is wrong with it.
        return None


def _renamed(rows: dict[str, _Rows], names: Mapping[str, str]) -> dict[str, _Rows]:
    return {names.get(name, name): held for name, held in rows.items()} if rows else rows
