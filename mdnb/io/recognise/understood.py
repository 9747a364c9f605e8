"""`Understood`: what a file was taken for, in one line."""

from __future__ import annotations

import dataclasses

__all__ = ["Understood"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a file was taken for.

    Attributes
    ----------
    vendor
        Whose files are so; empty where that is not known.
    kind
        ``"text"``, ``"JSON"``, ``"Parquet"``, … with what else is to say of the form: separator, header or
        none, how it was packed.
    columns
        Our name of each column that was read to the file's own, or its place.
    times
        How the times were understood, with the zone.
    numbers
        How numbers are written, where that is not as computers write them.
    order
        ``"oldest first"``, ``"newest first"`` or ``"unsorted"``, as the file has it.
    timeframe
        The bar size found; None for trades, and where there is none.
    symbols
        Those that the file names.
    rows
        How many rows were read.
    """

    vendor: str = ""
    kind: str
    columns: dict[str, str]
    times: str
    numbers: str = ""
    order: str = "oldest first"
    timeframe: str | None = None
    symbols: tuple[str, ...] = ()
    rows: int = 0

    def __str__(self) -> str:
        """Return it in one line."""
        columns = ", ".join(
            ours if ours == theirs else f"{ours}={theirs}" for ours, theirs in self.columns.items()
        )
        parts = [
            f"{self.vendor}, {self.kind}" if self.vendor else self.kind,
            f"columns {columns}" if columns else "",
            self.times,
            self.numbers,
            self.order,
            f"{self.timeframe} bars" if self.timeframe else "",
            f"{self.rows:,} rows" + (f" of {', '.join(self.symbols)}" if self.symbols else ""),
        ]
        return "; ".join(part for part in parts if part)
