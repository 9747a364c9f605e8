"""Counter-based random numbers: a pure function of a key and a counter.

Everything random in the simulator is drawn here, so that any minute of any market can be made without
the ones before it. Integer arithmetic and ready-made tables only: the numbers are the same whatever is
asked together with what, and do not hang on the version of a generator.
"""

from __future__ import annotations

import hashlib
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NORMAL", "TABLE_BITS", "gaussian", "key_of", "scatter", "table_index", "uniform"]

TABLE_BITS = 12
"""Tables of quantiles have 2**12 entries."""

NORMAL: NDArray[np.float64] = np.array(
    [NormalDist().inv_cdf((i + 0.5) / 2**TABLE_BITS) for i in range(2**TABLE_BITS)]
)
"""Quantiles of the standard normal distribution."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_FIELD = np.uint64(0xFFFF)


def key_of(seed: int, *names: object) -> int:
    """Return a 64-bit key for a seed and what the numbers are for.

    Examples
    --------
    >>> key_of(7, "NQ", "returns") == key_of(7, "NQ", "returns") != key_of(8, "NQ", "returns")
    True
    """
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def scatter(key: int, counters: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return 64 random bits for each counter value.

    The mixing function of SplitMix64 (Steele, Lea, Flood, *Fast Splittable Pseudorandom Number
    Generators*, OOPSLA 2014), used as a counter-based generator.

    Examples
    --------
    >>> scatter(0, np.array([1])).tolist()
    [16294208416658607535]
    """
    bits: NDArray[np.uint64] = counters.astype(np.uint64)
    bits *= _GOLDEN
    bits += np.uint64(key)
    bits ^= bits >> np.uint64(30)
    bits *= _FIRST
    bits ^= bits >> np.uint64(27)
    bits *= _SECOND
    bits ^= bits >> np.uint64(31)
    return bits


def table_index(bits: NDArray[np.uint64], field: int) -> NDArray[np.intp]:
    """Return the 12-bit number in field 0 to 4 of each word: an index into a table of quantiles."""
    return ((bits >> np.uint64(field * TABLE_BITS)) & np.uint64(2**TABLE_BITS - 1)).astype(np.intp)


def uniform(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return float64 in [0, 1) from the upper 53 bits."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def gaussian(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return numbers of mean 0 and variance 1, nearly normal: the sum of four uniform ones.

    Sums of 16-bit fields (Irwin-Hall) are exact, so no mathematical library can make them differ.
    """
    total = bits & _FIELD
    for shift in (16, 32, 48):
        total = total + ((bits >> np.uint64(shift)) & _FIELD)
    # Mean 4 * 65535 / 2, variance 4 * (65536**2 - 1) / 12.
    return (total.astype(np.float64) - 131_070.0) / 37_837.22
