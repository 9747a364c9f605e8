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

__all__ = ["Adjustment", "Contracts", "adjustment"]

Adjustment: TypeAlias = Literal["difference", "ratio"]

_PRICES = ("open", "high", "low", "close", "vwap")
_NEVER = -(2**63)


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

    Attributes
    ----------
    rolls
        Its seams, oldest first.

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
        self._seams: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._now)

    @property
    def since_ns(self) -> int:
        """Since when it stands for the contract of now."""
        return self._seams[-1] if self._seams else _NEVER

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
        self._seams = [roll.time_ns for roll in self.rolls]

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

    def of(self, ts_ns: int) -> str:
        """Return the contract of an instant."""
        at = bisect.bisect_right(self._seams, ts_ns)
        return self._now if at == len(self.rolls) else self.rolls[at].old

    def column(self, times_ns: NDArray[np.int64]) -> NDArray[np.object_]:
        """Return the contract of each of several instants."""
        names = np.array([*(roll.old for roll in self.rolls), self._now], dtype=object)
        found: NDArray[np.object_] = names[np.searchsorted(self._seams, times_ns, side="right")]
        return found

    def stretches(self, tz: str) -> tuple[tuple[str, str], ...]:
        """Return each contract with when it began, as text; the first one's is empty: it is not known."""
        begins = ["", *(str(timestamp(roll.time_ns, tz)) for roll in self.rolls)]
        names = [*(roll.old for roll in self.rolls), self._now]
        return tuple(zip(begins, names, strict=True))

    def adjust(self, frame: pd.DataFrame, how: Adjustment) -> pd.DataFrame:
        """Shift the prices before each seam, in place, so that the series has no jump there.

        The contract of now keeps its prices. Volume stays as it was traded.

        Raises
        ------
        NoDataError
            When it is not known what both contracts of a seam inside the frame were worth.
        """
        times = frame.index.as_unit("ns").asi8  # type: ignore[attr-defined]  # the index of bars is of times
        shift = np.zeros(len(times)) if how == "difference" else np.ones(len(times))
        for roll in self.rolls:
            before = times < roll.time_ns
            if not before.any():
                continue
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
        return frame
