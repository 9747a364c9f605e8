"""What was wrong with a symbol's data, by kind: a flood of one is a single entry, and pushes out no other."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mdnb.records import timestamp
from mdnb.validate.findings import QualityFinding

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DataFault", "KeptFaults"]

_KEPT = 1000
_PAUSE_NS = 60 * 1_000_000_000


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DataFault(QualityFinding):
    """Something wrong with live data: a finding, with whose data and which timeframe it is.

    Of what comes trade by trade, those of one kind that follow each other within a minute are one: ``count``
    tells how many, `time` is the first one's, `last` the last one's, as are `description` and `values`.

    Attributes
    ----------
    symbol, timeframe
        Whose; the timeframe is empty where it is no bar.
    last_ns
        The last one's time, UTC epoch nanoseconds.
    """

    symbol: str = ""
    timeframe: str = ""
    last_ns: int = dataclasses.field(default=0, repr=False)

    @property
    def last(self) -> pd.Timestamp:
        """`last_ns` in the finding's zone."""
        return timestamp(self.last_ns, self.tz)

    def __str__(self) -> str:
        if self.timeframe or self.count == 1:
            return QualityFinding.__str__(self)
        return f"{self.type} at {self.timestamp}: {self.description} ({self.count:,} times until {self.last})"


@dataclasses.dataclass(slots=True)
class _Repeated:
    """A fault of which there is one entry, however often it is met: thousands a second may be."""

    first: DataFault
    number: int
    count: int
    last_ns: int
    description: str

    def as_fault(self) -> DataFault:
        return dataclasses.replace(
            self.first, count=self.count, last_ns=self.last_ns, description=self.description
        )


class KeptFaults:
    """The newest faults of each kind; iterates over them in the order in which they were last met.

    Examples
    --------
    >>> kept = KeptFaults()
    >>> for at in range(3):
    ...     fault = kept.add(DataFault("late", "came late", at, symbol="MNQ", last_ns=at), now_ns=at)
    >>> [(one.type, one.count, one.time_ns, one.last_ns) for one in kept]
    [('late', 3, 0, 2)]
    """

    def __init__(self) -> None:
        self._kinds: dict[str, collections.deque[tuple[int, DataFault]]] = {}
        self._met: dict[str, int] = {}
        self._number = itertools.count()
        # By what they are about; handlers fail on threads of their own.
        self._single: dict[str, _Repeated] = {}
        self._lock = threading.Lock()

    def keep_one(self, about: str, fault: DataFault) -> None:
        """Keep the first fault about something; of the others `meet_again` tells."""
        with self._lock:
            if about in self._single:  # two threads have met it for the first time
                self._single[about].count += fault.count
                return
            self._single[about] = _Repeated(
                fault, next(self._number), fault.count, fault.last_ns, fault.description
            )
            if len(self._single) > _KEPT:
                del self._single[next(iter(self._single))]

    def meet_again(self, about: str, description: str, time_ns: int) -> bool:
        """Count a fault as one with all before it that were about the same; return whether there is one."""
        with self._lock:
            held = self._single.get(about)
            if held is None:
                return False
            held.number = next(self._number)
            held.count += 1
            held.last_ns, held.description = time_ns, description
            return True

    def add(
        self, fault: DataFault, now_ns: int, *, always_one: bool = False, apart: bool = False
    ) -> DataFault:
        """Keep a fault, as one with those of its kind that came just before; return what is kept.

        Parameters
        ----------
        now_ns
            The market's time.
        always_one
            Whether there is one entry of the kind, however far apart they come.
        apart
            Whether it is an entry of its own, however soon after another one it comes.
        """
        kind = self._kinds.setdefault(fault.type, collections.deque(maxlen=_KEPT))
        follows = always_one or now_ns - self._met.get(fault.type, now_ns) <= _PAUSE_NS
        self._met[fault.type] = now_ns
        if kind and follows and not apart and not fault.timeframe and not kind[-1][1].timeframe:
            before = kind.pop()[1]
            fault = dataclasses.replace(
                fault,
                time_ns=min(before.time_ns, fault.time_ns),
                last_ns=max(before.last_ns, fault.last_ns),
                count=before.count + fault.count,
            )
        kind.append((next(self._number), fault))
        return fault

    def __iter__(self) -> Iterator[DataFault]:
        # Other threads read while the market goes on: each copy is made in one go.
        held = [one for kind in list(self._kinds.values()) for one in list(kind)]
        with self._lock:
            held += [(one.number, one.as_fault()) for one in self._single.values()]
        return iter([fault for _, fault in sorted(held, key=lambda one: one[0])])

    def __len__(self) -> int:
        return sum(map(len, list(self._kinds.values()))) + len(self._single)
