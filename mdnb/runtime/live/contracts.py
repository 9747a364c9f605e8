"""Which contract a continuous symbol stands for over its time, and what its series is without the seams."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from mdnb.errors import NoDataError, OptionError
from mdnb.feeds.base import Feed
from mdnb.types import Roll, timestamp

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Adjustment", "Contracts", "Span", "adjustment"]

Adjustment: TypeAlias = Literal["difference", "ratio"]

Span: TypeAlias = tuple[int, str]
"""Since when a contract counts, UTC epoch nanoseconds, and its name."""

_PRICES = ("open", "high", "low", "close", "vwap")
_NEVER, _NO_LIMIT = -(2**63), 2**63 - 1


def adjustment(given: object) -> Adjustment | None:
    """Return how a series is to be adjusted: True is by the difference, False and None not at all.

    Raises
    ------
    OptionError
        When it is something else.

    Examples
    --------
    >>> adjustment(True), adjustment("ratio"), adjustment(False)
    ('difference', 'ratio', None)
    """
    if given is None or given is False:
        return None
    if given is True or given == "difference":
        return "difference"
    if given == "ratio":
        return "ratio"
    raise OptionError(f"back_adjust must be True, 'difference', 'ratio' or False; got {given!r}")


class Contracts:
    """The contracts of one symbol; false where it is one itself, or nothing of the kind.

    What the feed says counts from its first seam on. Of bars of before, and of a feed that says nothing, that
    counts which files said that they came from.

    Attributes
    ----------
    rolls
        Its seams as far as the feed tells them, oldest first.

    Examples
    --------
    >>> contracts = Contracts()
    >>> contracts.set("H26", [Roll("MNQ", 50, "Z25", "H26", 100.0, 103.0)])
    >>> contracts.of(49), contracts.of(50), contracts.since_ns
    ('Z25', 'H26', 50)
    """

    def __init__(self) -> None:
        self.rolls: tuple[Roll, ...] = ()
        self._now = ""
        self._told: list[Span] = []
        self._told_until_ns = _NEVER
        # Since when each but the first of these names counts.
        self._seams: list[int] = []
        self._names = [""]

    def __bool__(self) -> bool:
        return bool(self._now or self._told)

    @property
    def since_ns(self) -> int:
        """Since when it stands for the contract of now."""
        return self.rolls[-1].time_ns if self.rolls else _NEVER

    def set(self, now: str, rolls: Sequence[Roll]) -> None:
        """Take what the feed says: the contract of now, and the seams, oldest first.

        What was seen here of the prices at a seam stays, where the feed does not know them.
        """
        seen = {(roll.time_ns, roll.new): roll for roll in self.rolls if math.isfinite(roll.difference)}
        self.rolls = tuple(
            roll if math.isfinite(roll.difference) else seen.get((roll.time_ns, roll.new), roll)
            for roll in rolls
        )
        self._now = now
        self._put_together()

    def learn(self, spans: Sequence[Span], until_ns: int) -> None:
        """Take what is written with older bars: of which contracts they are.

        Parameters
        ----------
        spans
            The start of the first bar of each contract, UTC epoch nanoseconds, and its name; oldest first.
        until_ns
            The start of the last of these bars.

        Examples
        --------
        >>> contracts = Contracts()
        >>> contracts.set("H26", [])
        >>> contracts.learn([(10, "U25"), (20, "Z25")], 30)
        >>> [contracts.of(ns) for ns in (10, 25, 30, 31)], contracts.rolls
        (['U25', 'Z25', 'Z25', 'H26'], ())
        """
        self._told = sorted({*self._told, *spans})
        self._told_until_ns = max(self._told_until_ns, until_ns)
        self._put_together()

    def learn_of(self, times_ns: NDArray[np.int64], names: NDArray[np.object_]) -> None:
        """Take of which contract each of some bars is, oldest first; ``""`` where that is not told."""
        begins = np.flatnonzero(np.concatenate(([True], names[1:] != names[:-1]))) if len(names) else ()
        spans = [(int(times_ns[at]), str(names[at])) for at in begins if names[at]]
        if spans:
            self.learn(spans, int(times_ns[-1]))

    def spans(self, until_ns: int) -> list[Span]:
        """Return each contract with since when it counts, up to an instant; the first one always did."""
        starts = [_NEVER, *self._seams]
        return [span for span in zip(starts, self._names, strict=True) if span[0] <= until_ns]

    def _put_together(self) -> None:
        """Make one series of what the feed says and of what was written with older bars."""
        seams = [roll.time_ns for roll in self.rolls]
        names = [*(roll.old for roll in self.rolls), self._now]
        until = seams[0] if seams else _NO_LIMIT
        told = [(start, name) for start, name in self._told if start < until]
        if told:
            # Behind the last of these bars the feed counts, though its first seam may be later still.
            end = min(self._told_until_ns + 1, until)
            seams = [*(start for start, _ in told[1:]), end, *(seam for seam in seams if seam > end)]
            later = names[len(names) - (len(seams) - len(told)) - 1 :]
            names = [*(name for _, name in told), *later]
        changes = [at for at in range(1, len(names)) if names[at] != names[at - 1]]
        self._names = [names[0], *(names[at] for at in changes)]
        self._seams = [seams[at - 1] for at in changes]

    def follow(self, feed: Feed, symbol: str, tz: str) -> None:
        """Take over which contracts a symbol stands for, as its feed says it; ``tz``: as of `mdnb.Roll`."""
        now = feed.contract(symbol)
        seams = [
            Roll(
                symbol=symbol,
                time_ns=roll.at_ns,
                old=roll.old,
                new=roll.new,
                old_price=roll.old_price,
                new_price=roll.new_price,
                tz=tz,
            )
            for roll in feed.rolls
            if roll.symbol == symbol
        ]
        if now:
            self.set(now, seams)

    def price(self, at: int, old_price: float, new_price: float) -> None:
        """Note what both contracts of a seam were worth; ``at`` counts the seams, -1 is the last."""
        priced = self.rolls[at].priced(old_price, new_price)
        rolls = list(self.rolls)
        rolls[at] = priced
        self.rolls = tuple(rolls)

    def price_seam(self, at_ns: int, old_price: float, new_price: float) -> None:
        """Note what both contracts of the newest seam of an instant were worth; nothing without one."""
        at = next((at for at in range(len(self.rolls) - 1, -1, -1) if self.rolls[at].time_ns == at_ns), None)
        if at is not None:
            self.price(at, old_price, new_price)

    def of(self, ts_ns: int) -> str:
        """Return the contract of an instant."""
        return self._names[bisect.bisect_right(self._seams, ts_ns)]

    def column(self, times_ns: NDArray[np.int64]) -> NDArray[np.object_]:
        """Return the contract of each of several instants."""
        names = np.array(self._names, dtype=object)
        found: NDArray[np.object_] = names[np.searchsorted(self._seams, times_ns, side="right")]
        return found

    def stretches(self, tz: str) -> tuple[tuple[str, str], ...]:
        """Return each contract with when it began, as text; the first one's is empty: it is not known."""
        begins = ["", *(str(timestamp(seam, tz)) for seam in self._seams)]
        return tuple(zip(begins, self._names, strict=True))

    def adjust(
        self, frame: pd.DataFrame, how: Adjustment, until_ns: int = _NO_LIMIT
    ) -> tuple[pd.DataFrame, list[Roll]]:
        """Shift the prices before each seam, in place, so that the series has no jump there.

        The contract of now keeps its prices. Volume stays as it was traded. A bar is shifted by where it
        begins.

        Parameters
        ----------
        until_ns
            Later seams are not known yet.

        Returns
        -------
        pd.DataFrame, list of Roll
            The frame, and the seams by which it was shifted.

        Raises
        ------
        NoDataError
            When it is not known what both contracts of a seam inside the frame were worth, or one of them
            was worth nothing or less, which has no ratio.
        """
        times = frame.index.as_unit("ns").asi8  # type: ignore[attr-defined]  # the index of bars is of times
        known = {roll.time_ns for roll in self.rolls}
        for seam, old, new in zip(self._seams, self._names, self._names[1:], strict=False):
            if seam not in known and (times < seam).any() and (times >= seam).any():
                raise NoDataError(
                    f"these bars are of {old} and of {new or 'a contract that is not known'}, by the file"
                    " that they came from, and what both were worth where they meet is not known: ask for"
                    " bars of one of them, start_time=, end_time=, or without back_adjust"
                )
        shift = np.zeros(len(times)) if how == "difference" else np.ones(len(times))
        made = []
        for roll in self.rolls:
            before = times < roll.time_ns
            if not before.any() or roll.time_ns > until_ns:
                continue
            made.append(roll)
            if how == "ratio" and (roll.old_price <= 0 or roll.new_price <= 0):
                raise NoDataError(
                    f"{roll.symbol} rolled at {roll.time} from {roll.old}, worth {roll.old_price:g}, to "
                    f"{roll.new}, worth {roll.new_price:g}: there is no ratio of prices that are not above"
                    " zero; ask for back_adjust='difference'"
                )
            step = roll.difference if how == "difference" else roll.ratio
            if not math.isfinite(step):
                raise NoDataError(
                    f"{roll.symbol} rolled at {roll.time} from {roll.old} to {roll.new}, and what both were"
                    " worth then is not known: ask for bars since then, start_time=, or without back_adjust"
                )
            shift[before] = shift[before] + step if how == "difference" else shift[before] * step
        for name in _PRICES:
            if name in frame:
                frame[name] = frame[name] + shift if how == "difference" else frame[name] * shift
        return frame, made
