"""Memory for columns: returned to the system as soon as it is unused, and resident only where touched."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["allocate"]

_MAPPED_BYTES = 1 << 18


def allocate(dtype: np.dtype[Any] | str, shape: int | tuple[int, ...]) -> NDArray[Any]:
    """Return an array whose content is undefined.

    Large ones are anonymous mappings: the allocator would keep the pages of a freed buffer, and a store that
    grows by doubling would then hold twice what it needs.

    Examples
    --------
    >>> allocate("f8", (2, 3)).shape
    (2, 3)
    """
    kind = np.dtype(dtype)
    count = int(np.prod(shape))
    if count * kind.itemsize < _MAPPED_BYTES:
        return np.empty(shape, dtype=kind)
    return np.frombuffer(mmap.mmap(-1, count * kind.itemsize), dtype=kind, count=count).reshape(shape)
