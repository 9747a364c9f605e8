"""Questions of long columns of times that are in order already, which hashes and sorts answer slowly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["distinct", "is_among", "is_in_order"]


def is_in_order(times: NDArray[Any]) -> bool:
    """Return whether no time is before the one ahead of it.

    Examples
    --------
    >>> is_in_order(np.array([1, 2, 2])), is_in_order(np.array([2, 1]))
    (True, False)
    """
    return bool((times[1:] >= times[:-1]).all())


def is_among(times: NDArray[Any], others: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which times are among others: as ``numpy.isin``, and faster where both are in order.

    Examples
    --------
    >>> is_among(np.array([1, 2, 5]), np.array([2, 3, 5])).tolist()
    [False, True, True]
    """
    if not len(times) or not len(others):
        return np.zeros(len(times), dtype=bool)
    if len(times) == len(others) and np.array_equal(times, others):
        return np.ones(len(times), dtype=bool)
    if not is_in_order(others):
        others = np.sort(others)
    at = np.searchsorted(others, times)
    np.minimum(at, len(others) - 1, out=at)
    return np.asarray(others[at] == times)


def distinct(times: NDArray[Any]) -> NDArray[Any]:
    """Return the different times, in order: as ``numpy.unique``.

    Examples
    --------
    >>> distinct(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    if not is_in_order(times):
        times = np.sort(times)
    is_first = np.ones(len(times), dtype=bool)
    np.not_equal(times[1:], times[:-1], out=is_first[1:])
    return times if is_first.all() else times[is_first]
