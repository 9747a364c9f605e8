"""`FileBars`: bars read from a file, checked, in columns; a frame only where a caller wants one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import tzinfo
from typing import Final

import numpy as np
import pandas as pd

from mdnb.io.notes import Note
from mdnb.io.schema import CLOSED_AT, CONTRACT, INDEX_NAME, MARKS, zone_dtype
from mdnb.stores.amendments import Changes
from mdnb.stores.columns import AMENDED, FILLED, PARTIAL, BarColumns

__all__ = ["FileBars"]

_FLAGS: Final = {"partial": PARTIAL, "filled": FILLED, "amended": AMENDED}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileBars:
    """Bars of one timeframe, oldest first; of tick, volume and dollar bars several may be of one time.

    Attributes
    ----------
    time_us
        int64, shape (n,): opening times, UTC epoch microseconds.
    values
        float64 columns of shape (n,) in the order of a bar frame; ``vwap`` only where the file has it.
    tz
        The zone of a frame made of them.
    attributes
        What the file says of them: symbol, timeframe, source, and whether the last one was being made.
    notes
        What was put right.
    closed_us
        int64, shape (n,): when each was closed, UTC epoch microseconds, `NOT_A_TIME` where that is unknown;
        None where the file does not tell.
    marks
        bool, shape (n,), by the names in `MARKS`: what is not so of whole bars; only those the file has.
    contracts
        Text, shape (n,): of which contract of a continuous symbol each is, ``""`` where that is not told;
        None where the file does not tell it of any.
    changes
        What they were before they changed; None where the file does not tell.
    """

    time_us: np.ndarray
    values: Mapping[str, np.ndarray]
    tz: str | tzinfo
    attributes: Mapping[str, object]
    notes: list[Note]
    closed_us: np.ndarray | None = None
    marks: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    contracts: np.ndarray | None = None
    changes: Changes | None = None

    def __len__(self) -> int:
        return len(self.time_us)

    def frame(self) -> pd.DataFrame:
        """Return a bar frame; ``attrs`` has the attributes, and the notes."""
        index = pd.DatetimeIndex(self.time_us, dtype=zone_dtype(self.tz), name=INDEX_NAME)
        made = pd.DataFrame(dict(self.values), index=index, copy=False)
        for name in MARKS:
            if name in self.marks:
                made[name] = self.marks[name]
        if self.contracts is not None:
            made[CONTRACT] = pd.Series(self.contracts, index=index, dtype="str")
        if self.closed_us is not None:
            made[CLOSED_AT] = pd.DatetimeIndex(self.closed_us, dtype=index.dtype)
        made.attrs = {"notes": self.notes}
        made.attrs.update(self.attributes)
        return made

    def time(self, row: int) -> pd.Timestamp:
        """Return the opening time of a row, in the zone of the frame."""
        return pd.Timestamp(int(self.time_us[row]), unit="us", tz="UTC").tz_convert(self.tz)

    def closed(self) -> FileBars:
        """Return them without the one that was being made when they were written."""
        forming = self.forming()
        if not forming.any():
            return self
        return self.where(~forming)

    def where(self, chosen: np.ndarray) -> FileBars:
        """Return some of them; bool, shape (n,)."""
        attributes = self.attributes
        if attributes.get("forming") and not chosen[-1:].all():
            # It was the last one.
            attributes = {**attributes, "forming": False}
        return dataclasses.replace(
            self,
            time_us=self.time_us[chosen],
            values={name: held[chosen] for name, held in self.values.items()},
            closed_us=None if self.closed_us is None else self.closed_us[chosen],
            marks={name: held[chosen] for name, held in self.marks.items()},
            contracts=None if self.contracts is None else self.contracts[chosen],
            attributes=attributes,
        )

    def forming(self) -> np.ndarray:
        """Return which of them were being made when they were written; bool, shape (n,)."""
        forming = np.zeros(len(self), dtype=bool)
        if "forming" in self.marks:
            # Rows of several files in one, or a part of a file: each row tells of itself.
            forming |= self.marks["forming"]
        elif self.attributes.get("forming"):
            forming[-1:] = True
        return forming

    def columns(self) -> BarColumns:
        """Return them as a store holds bars; ``vwap`` is ``nan`` where the file has none.

        A store notes no closing before 1970: such a bar counts as closed at its end and the grace.
        """
        count = len(self)
        vwap = self.values.get("vwap")
        flags = np.zeros(count, dtype=np.uint8)
        for name, flag in _FLAGS.items():
            if name in self.marks:
                flags[self.marks[name]] |= flag
        return BarColumns(
            time_us=self.time_us,
            open=self.values["open"],
            high=self.values["high"],
            low=self.values["low"],
            close=self.values["close"],
            volume=self.values["volume"],
            vwap=np.full(count, np.nan) if vwap is None else vwap,
            tick_count=self.values["tick_count"].astype(np.int64),
            flags=flags,
            first=0,
            forming=False,
            generation=0,
            closed_us=self._noted(),
        )

    def _noted(self) -> np.ndarray:
        """Return when each was closed, 0 where that is not noted."""
        if self.closed_us is None:
            return np.zeros(len(self), dtype=np.int64)
        noted: np.ndarray = np.maximum(self.closed_us, 0)
        return noted
