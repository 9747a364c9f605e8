"""Changes of an order book that could not be read, at venues that do not number them.

Where a venue numbers its changes, or tells what the book adds up to, the next one shows that one is missing.
Elsewhere nothing does: the book would be taken for whole. Of whose book a frame was is read from its text, as
far as that can be seen in what cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mdnb.rows import Batch, DepthUpdate

__all__ = ["BookOf", "book_in", "tear"]

BookOf = Callable[[str], str]
"""Returns the symbol whose book a text is of; ``""`` where it is of none."""


def book_in(frame: str, symbol: str) -> BookOf:
    """Return what finds the symbol in the text of a frame of an order book.

    Parameters
    ----------
    frame
        A regular expression that stands in frames of order books alone; blanks stand for any space.
    symbol
        One whose group is the symbol.

    Examples
    --------
    >>> book_of = book_in('"type": "change"', '"pair": "([^"]+)"')
    >>> book_of('{"type":"change","pair":"BTC-USD","bid'), book_of('{"type":"trade","pair":"BTC-USD"}')
    ('BTC-USD', '')
    """
    is_book, named = (re.compile(one.replace(" ", r"\s*")) for one in (frame, symbol))

    def book_of(text: str) -> str:
        found = named.search(text) if is_book.search(text) else None
        return "" if found is None or len(found[1]) > 64 else found[1]

    return book_of


def tear(batch: Batch, symbol: str) -> None:
    """Note that a change of a symbol's book is missing here; nothing where there is no symbol."""
    if symbol:
        batch.depth.setdefault(symbol, []).append(DepthUpdate(0, False, [], [], is_torn=True))
