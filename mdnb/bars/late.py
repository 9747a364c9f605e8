"""Late trades: closed bars are amended, and the coarser ones rebuilt from the finer ones."""

from __future__ import annotations

from mdnb.bars.node import Node
from mdnb.bars.refold import ChangedBars, Piece, put_closed
from mdnb.rows import BarRow

__all__ = ["amend_bars"]

_NO_START = 2**63 - 1


def amend_bars(
    root: Node, row: BarRow, end_ns: int, settled_ns: int, newest_ns: int | None = None
) -> ChangedBars:
    """Merge late trades into the closed root bar that starts with them, and into every coarser bar.

    Parameters
    ----------
    row
        The trades as a bar; they count as the newest of its interval.
    end_ns
        When that ends.
    settled_ns
        Every bar that ended by then is closed.
    newest_ns
        When the newest trade held was made, where these are newer than all of them.
    """
    piece = Piece.late(row, end_ns)
    if newest_ns is not None:
        piece = Piece(row, newest_ns, _NO_START, newest_ns, _NO_START)
    return put_closed(root, [piece], settled_ns, None)
