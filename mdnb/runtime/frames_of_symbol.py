"""Which frames of a connection that several symbols share are one symbol's."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mdnb.decode.message_numbers import COUNTED
from mdnb.errors import OptionError
from mdnb.feeds.base import Feed
from mdnb.rows import Batch, Decoder
from mdnb.runtime.feed_decoder import decoder_of

__all__ = ["FramesOfSymbol", "frames_of"]


def frames_of(feed: Feed, symbol: str, followed: Collection[str]) -> FramesOfSymbol:
    """Return what tells which of a feed's frames are one symbol's.

    Raises
    ------
    OptionError
        When the venue numbers the frames of a connection, so that a part of them would look torn.
    """
    if feed.dialect in COUNTED:
        raise OptionError(
            f"the messages of this feed are numbered through all symbols: those of {symbol} alone would"
            " look as if some were lost. Record all with live.record(path), or follow it in another market"
        )
    return FramesOfSymbol(decoder_of(feed), symbol, followed, feed.names)


class FramesOfSymbol:
    """Tells of each frame whether it belongs to one symbol.

    That is where rows of the symbol are in it, be it with rows of others: it cannot be taken apart. One
    without any rows, such as a heartbeat or what cannot be read, belongs to all, unless it names others
    alone.

    Parameters
    ----------
    decoder
        Reads frames under the names that symbols were asked for by; nobody else's.
    symbol
        Whose frames.
    followed
        All symbols of the connection.
    names
        The venue's name of each to the one it was asked for by, where they differ; may change.

    Examples
    --------
    >>> from mdnb.decode.wire import Decoder as WireDecoder
    >>> is_of = FramesOfSymbol(WireDecoder(), "MES", ["MNQ", "MES"], {})
    >>> [is_of(f'{{"e":"trades","s":"{name}","r":[[5,589.25,2.0,1,-1,7]]}}') for name in ("MES", "MNQ")]
    [True, False]
    >>> is_of('{"e":"clock","t":5}'), is_of('{"e":"trades","s":"MNQ","r":[]}')
    (True, False)
    """

    def __init__(
        self, decoder: Decoder, symbol: str, followed: Collection[str], names: Mapping[str, str]
    ) -> None:
        self._decoder = decoder
        self._symbol = symbol
        self._followed = frozenset(followed)
        self._names = names

    def __call__(self, frame: str | bytes) -> bool:
        """Return whether the next frame of the connection is the symbol's."""
        batch = self._decoder.feed([frame])
        symbols = _symbols_of(batch) or self._named_in(frame)
        return not symbols or self._symbol in symbols

    def _named_in(self, frame: str | bytes) -> set[str]:
        text = frame if isinstance(frame, str) else bytes(frame).decode("utf-8", "replace")
        known = {name: name for name in self._followed} | dict(self._names)
        return {asked for name, asked in known.items() if asked in self._followed and f'"{name}"' in text}


def _symbols_of(batch: Batch) -> set[str]:
    barred = (symbol for symbol, _ in batch.bars)
    return {*batch.trades, *batch.quotes, *batch.depth, *batch.changes, *barred}
