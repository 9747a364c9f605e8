"""Whether coarser bars that are being made are still partial when bars are imported below them."""

from __future__ import annotations

from mdnb.bars.node import Node
from mdnb.rows import BarRow

__all__ = ["finer_partials", "is_still_partial"]

_NEVER = -(2**63)
_REPAIRING = 8


def finer_partials(nodes: list[Node]) -> set[str]:
    """Return the timeframes below some whose open bars have partial ones among their closed finer bars."""
    found: set[str] = set()
    for node in nodes:
        if node.parent is not None and node.is_open and _lacks(node):
            found.add(node.name)
        found |= finer_partials(node.children)
    return found


def is_still_partial(node: Node, rows: list[BarRow], *, by_finer: bool) -> bool:
    """Return whether an open bar is partial as its closed finer ones are now.

    Parameters
    ----------
    rows
        These, oldest first.
    by_finer
        Whether it had partial ones among them before: then it may be partial only for them.
    """
    assert node.parent is not None
    if _lacks(node) or not node.partial or not by_finer:
        return node.partial or _lacks(node)
    # It may lack its beginning besides.
    begins_amid = rows[0][0] > node.start and node.parent.log.row(0)[0][0] == rows[0][0]
    return begins_amid or (node.known_from != _NEVER and node.start < node.known_from)


def _lacks(node: Node) -> bool:
    assert node.parent is not None
    log = node.parent.log
    begin = log.find(node.start)
    # What may still come marks it when it closes.
    return any(not log.row(begin + at)[1] & _REPAIRING for at in log.partial(begin, log.find(node.edge)))
