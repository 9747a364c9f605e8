"""What imported bars were before they changed: told to the log of the bars, and to the coarser ones."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mdnb.bars.node import Node, fold_rows
from mdnb.bars.refold import closed_rows
from mdnb.ordered_times import is_among
from mdnb.rows import BarRow
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.stores.amendments import Amendment, Changes
from mdnb.stores.bars import BarStore
from mdnb.stores.columns import AMENDED, FILLED, PARTIAL, BarColumns, same_bars

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fold_changes", "put_in_later", "take_changes"]

_NS_PER_US = 1000
_Step: TypeAlias = tuple[int, int, Amendment | None]
"""When a bar changed (us), where it begins (ns), and what it was before; None where there was none."""


def put_in_later(log: BarStore) -> dict[int, int]:
    """Return the bars that a late trade had put in: when each begins (ns) and was closed (us)."""
    bars = log.columns(0, len(log))
    late = (bars.flags & AMENDED > 0) & ~is_among(bars.time_us, log.amendments.closed_before())
    return dict(zip((bars.time_us[late] * _NS_PER_US).tolist(), bars.closed_us[late].tolist(), strict=True))


def take_changes(
    log: BarStore,
    changes: Changes,
    bars: BarColumns,
    chosen_us: NDArray[np.int64],
    *,
    added: bool = True,
    began_us: int = 0,
) -> Changes:
    """Tell a log what bars of a file were before they changed; return what it took.

    Parameters
    ----------
    bars
        Of the file.
    chosen_us
        Starts of those that are held now. Of others, one that is the same as the one held is told of, too.
        What bars were that stood here before is known here: nothing is told of those that were replaced, or
        of which changes are known.
    added
        Whether some of these were not held before. Where none was, and nothing is told of those that were,
        what the file does not tell is known here, as of a market's own file.
    began_us
        Since when bars can have been read here; 0 where that is not so. Those that were held are from then
        on what they were.
    """
    known = log.amendments.starts() | log.amendments.overwritten()
    same, _ = same_bars(bars, log.columns(0, len(log)))
    starts = {int(us) * _NS_PER_US for us in (*bars.time_us[same], *chosen_us)} - known
    # What they became is here now, and is read now: none can change later than that.
    now_us = log.known_at() // _NS_PER_US or 2**62
    new, held_us = log.amendments.added(), began_us or now_us
    told = (one for one in changes.kept if one.row[0] in starts)
    kept = tuple(
        one._replace(known_us=min(one.known_us, now_us if one.row[0] in new else held_us)) for one in told
    )
    kept = tuple(sorted(kept, key=lambda one: one.known_us))
    is_new = bool(kept) or (bool(starts) and (added or not log.known_at()))
    taken = Changes(kept, min(changes.lost_us, now_us) if is_new else Changes(()).lost_us)
    log.amendments.take(taken, began_us)
    return taken


def fold_changes(engine: SymbolState, node: Node, finer_ns: Collection[int]) -> None:
    """Tell what the coarser bars made of bars with changes were, each time one of these changed.

    Only of a bar that is what its finer ones add up to; what is known of its changes already stays, and so
    does what stood in its place.
    """
    assert node.parent is not None
    finer, log = engine.log(node.parent.name), engine.log(node.name)
    told = finer.amendments.changes().kept
    known = log.amendments.starts() | log.amendments.overwritten()
    begins = {span for at in finer_ns if (span := node.grid.span(at)) is not None and span[0] not in known}
    inside: dict[tuple[int, int], list[_Step]] = {span: [] for span in begins}
    # One that was put in may have changed at the same instant, but later.
    steps: list[_Step] = [(us, at, None) for at, us in put_in_later(finer).items()]
    steps += [(one.known_us, one.row[0], one) for one in told]
    for step in sorted(steps, key=lambda one: one[0]):
        span = node.grid.span(step[1])
        if span in inside:
            inside[span].append(step)
    made: list[Amendment] = []
    new, began_us = log.amendments.added(), engine.cascade.closing.began_ns // _NS_PER_US
    for span, ones in inside.items():
        at = log.find(span[0])
        if at == len(log) or (held := log.row(at))[0][0] != span[0]:
            continue
        rows = {row[0]: row for row in closed_rows(finer, *span)}
        if rows and fold_rows(list(rows.values()), span[0])[1:5] == held[0][1:5]:
            closed_us = max(int(log.closed_us(at + 1)[at]), span[1] // _NS_PER_US)
            first, last = finer.find(span[0]), finer.find(span[1])
            partial = {finer.row(first + at)[0][0] for at in finer.partial(first, last)}
            earlier = _earlier(rows, partial, ones, span[0], closed_us, held[1])
            latest_us = 2**62 if span[0] in new else began_us or 2**62
            made += [one._replace(known_us=min(one.known_us, latest_us)) for one in earlier]
    if made:
        made.sort(key=lambda one: one.known_us)
        log.amendments.take(Changes(tuple(made)))
    for child in node.children:
        if made:
            fold_changes(engine, child, {one.row[0] for one in made} | {begin for begin, _ in begins})


def _earlier(
    rows: dict[int, BarRow],
    partial: set[int],
    steps: list[_Step],
    start_ns: int,
    closed_us: int,
    flags: int,
) -> list[Amendment]:
    """Return what a coarser bar was before each change of its finer ones since it had closed.

    Parameters
    ----------
    partial
        The starts of the finer ones that are partial.
    """
    made: list[Amendment] = []
    by_finer = bool(partial)
    flat: int | None = None
    for known_us, at, former in reversed(steps):
        # A flat one counts where there is no other: the coarser bar was flat, too, and followed as it did.
        if at not in rows and at != flat:
            continue
        # Where nobody had traded, the coarser bar had nothing of it.
        if former is None or former.flags & FILLED:
            rows.pop(at, None)
            partial.discard(at)
            flat = at if not rows else None
        else:
            rows[at] = former.row
            (partial.add if former.flags & PARTIAL else partial.discard)(at)
        if known_us <= closed_us:
            continue
        if rows:
            was = flags & ~PARTIAL if by_finer and not partial else flags
            made.append(Amendment(known_us, fold_rows(list(rows.values()), start_ns), was))
        elif former is not None:
            made.append(Amendment(known_us, (start_ns, *former.row[1:]), former.flags))
    return made[::-1]
