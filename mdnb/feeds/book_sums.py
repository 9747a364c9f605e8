"""What venues add an order book up to, so that whoever keeps one knows whether it is theirs."""

from __future__ import annotations

import functools
import itertools
import zlib

from mdnb.rows import BookSum, Levels

__all__ = ["kraken_sum", "sums_of"]

_MOST_DECIMALS = 10
_KRAKEN_LEVELS = 10


def kraken_sum(digits: tuple[int, int], bids: Levels, asks: Levels) -> int:
    """Return the CRC-32 of ten prices and sizes a side, asks first, without points and leading zeros.

    As docs.kraken.com says of the books of both versions of its interface.

    Parameters
    ----------
    digits
        With how many decimals the venue writes prices, and sizes.
    bids, asks
        Best first.

    Examples
    --------
    >>> kraken_sum((1, 2), [(99.5, 1.25)], [(100.0, 2.0)]) == zlib.crc32(b"1000200995125")
    True
    """
    text = "".join(
        f"{value:.{places}f}".replace(".", "").lstrip("0")
        for side in (asks, bids)
        for level in side[:_KRAKEN_LEVELS]
        for value, places in zip(level, digits, strict=True)
    )
    return zlib.crc32(text.encode())


def sums_of(dialect: str) -> tuple[BookSum, ...]:
    """Return what the checksum may be in a recording of a venue's frames; none where it tells no sum.

    A recording does not say with how many decimals the venue writes its numbers.
    """
    if dialect not in ("kraken", "kraken_v1"):
        return ()
    places = range(_MOST_DECIMALS + 1)
    # Sizes have eight nearly always, so those come first.
    digits = sorted(itertools.product(places, places), key=lambda one: one[1] != 8)
    return tuple(functools.partial(kraken_sum, one) for one in digits)
