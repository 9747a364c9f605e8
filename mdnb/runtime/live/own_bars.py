"""The feed's own bars on their way into those that are kept: each once, and a correction in its place."""

from __future__ import annotations

from collections.abc import Sequence

from mdnb.bars.cascade import Cascade
from mdnb.bars.node import fold_rows
from mdnb.bars.refold import is_gone
from mdnb.rows import BarRow
from mdnb.stores.columns import FILLED

__all__ = ["OwnBars"]

_KEPT = 10_000


class OwnBars:
    """Puts a feed's own closed bars into the finest timeframe, whose bars they are, or are a part of.

    A venue tells a bar again after a reconnect, and another time when it has corrected it: such a bar takes
    the place of the one before, and is not added to it.

    Parameters
    ----------
    cascade
        Where they go.

    Attributes
    ----------
    again
        How many came that were held already, as they were.
    gone
        How many came again of which too little is held to know what is new in them.
    """

    def __init__(self, cascade: Cascade) -> None:
        self.again = 0
        self.gone = 0
        self._cascade = cascade
        self._name = ""
        # Those finer than the finest timeframe: of that alone nobody else holds them.
        self._parts: dict[int, BarRow] = {}
        self._newest = -(2**63)

    def push(self, name: str, rows: Sequence[BarRow]) -> None:
        """Take closed bars of one of the feed's timeframes, in order of arrival."""
        cascade = self._cascade
        if name != self._name:
            self._name, self._parts, self._newest = name, {}, -(2**63)
        is_part = name != cascade.root.name
        newest = max(self._newest, cascade.root.closed_to - 1 if not is_part else self._newest)
        for row in rows:
            if row[0] <= newest:
                break
            newest = row[0]
        else:
            cascade.push_bars(rows)
            self._remember(rows, is_part=is_part)
            return
        for row in rows:
            before = self._parts.get(row[0]) if is_part else self._held(row[0])
            if before is None and is_gone(cascade.root.log, row[0]):
                self.gone += 1
            elif before is None:
                cascade.push_bars([row])
            elif before[:7] == row[:7]:
                self.again += 1
            elif is_part:
                self._put_part(row)
            else:
                cascade.replace(row, before)
            self._remember([row], is_part=is_part)

    def _remember(self, rows: Sequence[BarRow], *, is_part: bool) -> None:
        self._newest = max((self._newest, *(row[0] for row in rows)))
        if is_part:
            self._parts.update((row[0], row) for row in rows)
            # Those that came first are the oldest.
            while len(self._parts) > _KEPT:
                del self._parts[next(iter(self._parts))]

    def _held(self, start_ns: int) -> BarRow | None:
        root = self._cascade.root
        if root.start == start_ns:
            return root.as_row()
        at = root.log.find(start_ns)
        row, flags = root.log.row(at) if at < len(root.log) else (None, 0)
        return row if row is not None and row[0] == start_ns and not flags & FILLED else None

    def _put_part(self, row: BarRow) -> None:
        """Put a corrected bar into the one of which it is a part, where all that made that is remembered."""
        span = self._cascade.root.grid.span(row[0])
        held = None if span is None else self._held(span[0])
        if span is None or held is None:
            self.gone += 1
            return
        parts = [part for start, part in sorted(self._parts.items()) if span[0] <= start < span[1]]
        if fold_rows(parts, span[0])[5:7] != held[5:7]:
            self.gone += 1
            return
        whole = [row if part[0] == row[0] else part for part in parts]
        self._cascade.replace(fold_rows(whole, span[0]), held)
