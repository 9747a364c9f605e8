"""`Member`: a file within a container, which readers take where they take a file's name."""

from __future__ import annotations

import dataclasses

__all__ = ["Member"]


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """A file that is held in memory.

    Attributes
    ----------
    where
        What it is called in messages: the container, and its name within.
    data
        Its bytes.

    Examples
    --------
    >>> str(Member("btc.mdnb, bars/0.parquet", b""))
    'btc.mdnb, bars/0.parquet'
    """

    where: str
    data: bytes = dataclasses.field(repr=False)

    def __str__(self) -> str:
        return self.where
