"""A recording in any file format: raw frames of a venue, or tracks of rows.

A *frame recording* holds a venue's own messages and is played verbatim. A *row recording* holds trades,
quotes or bars, one track a symbol, and is played over mdnb's own wire protocol.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mdnb.instruments import Instrument
from mdnb.timeframes import Grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["QUOTE_FIELDS", "Damage", "Frame", "Recording", "Row", "RowChannel", "Track", "tick_size"]

Row = tuple[Any, ...]
"""A TradeRow, a QuoteRow or a BarRow; a bar that is not closed has a ninth element, False."""

QUOTE_FIELDS = 5
"""How many elements a quote has: by these it is told from the trades that it may stand among."""

Frame = tuple[int, str | bytes]
"""``(time of receipt in UTC epoch ns, frame)``."""

RowChannel = Literal["trades", "quotes", "bars"]
_SAMPLE_ROWS = 5000
"""Rows that are looked at to learn a symbol's tick size and whether it trades whole lots."""

_DISTINCT_FOR_COARSE_TICK = 20


@dataclasses.dataclass(slots=True)
class Damage:
    """Unreadable parts of a file, skipped and counted: a truncated last line, a malformed row."""

    count: int = 0
    first: str = ""

    def note(self, what: str) -> None:
        """Count one more; the description of the first one is kept."""
        self.count += 1
        self.first = self.first or what

    def forget(self) -> None:
        """Reset the count."""
        self.count, self.first = 0, ""

    def __str__(self) -> str:
        return f"{self.count} unreadable left out, the first: {self.first}" if self.count else ""


@dataclasses.dataclass(frozen=True, slots=True)
class Track:
    """One symbol's rows.

    Attributes
    ----------
    symbol
        ``""`` where the file does not say which: any name will do.
    channel
        What the rows are.
    rows
        Opens the file and yields the rows, oldest first, in constant memory.
    timeframe, step_ns
        Of bars; ``""`` and 0 otherwise.
    weight
        Grows with the amount of data; decides which track is the busiest.
    root
        A future's root symbol, ``""`` for all else.
    has_quotes
        Whether quotes stand among its trades.
    instrument
        What is traded, where the file says it.
    starts_ns
        Returns when each bar begins, where that is known without reading the rows.
    grid
        Where its bars end, under hours that may cut one short; None: each `step_ns` after its start.
    known_ns
        Returns when it became known what happened, or ended, at an instant; None: at once.
    is_priced
        Whether its bars are of quotes, at the price that was asked for.
    """

    symbol: str
    channel: RowChannel
    rows: Callable[[], Iterator[Row]]
    timeframe: str = ""
    step_ns: int = 0
    weight: int = 0
    root: str = ""
    has_quotes: bool = False
    instrument: Instrument | None = None
    starts_ns: Callable[[], NDArray[np.int64]] | None = None
    grid: Grid | None = None
    known_ns: Callable[[int], int] | None = None
    is_priced: bool = False

    def played_ns(self, time_ns: int) -> int:
        """Return when a row of an instant is played: a bar at its end."""
        span = None if self.grid is None else self.grid.span(time_ns)
        end_ns = time_ns + self.step_ns if span is None else span[1]
        return end_ns if self.known_ns is None else self.known_ns(end_ns)

    def sample(self) -> list[Row]:
        """Return the first rows."""
        return list(itertools.islice(self.rows(), _SAMPLE_ROWS))


@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    """A recording, opened.

    Attributes
    ----------
    path, form
        The file, and the name of its format.
    dialect
        Names the decoder of what will be sent.
    ids
        What trade ids promise, as in `mdnb.feeds.base.Feed`.
    has_trades
        False where it holds quotes or bars only.
    symbols
        Those known to be in it; more may follow later in a frame recording. None where it does not name its
        only one: any name will do.
    tracks
        Of a row recording.
    frames
        Of a frame recording: opens the file and yields each frame, in constant memory.
    prices
        Of a frame recording: some prices of each symbol, as the venue wrote them; those of frames that do not
        name theirs under ``""``.
    damage
        What reading has left out so far.
    until_ns
        Until when time is to pass behind the last row, UTC epoch nanoseconds; 0 where the file does not tell.
    """

    path: Path
    form: str
    dialect: str
    ids: Literal["sequential", "unique", "none"]
    has_trades: bool
    symbols: tuple[str, ...]
    tracks: tuple[Track, ...] = ()
    frames: Callable[[], Iterator[Frame]] | None = None
    prices: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    damage: Damage = dataclasses.field(default_factory=Damage)
    until_ns: int = 0


def tick_size(prices: Sequence[float]) -> float | None:
    """Return the price step that a sample of prices suggests; None where there are no prices.

    It is one unit of the last decimal place in use. Among at least 20 different prices that are all multiples
    of 5 or 25 such units, it is that.

    Examples
    --------
    >>> tick_size([105433.6, 105410.1]), tick_size([1667.0 + 0.25 * i for i in range(40)])
    (0.1, 0.25)
    """
    seen = {price for price in prices if price == price}
    if not seen:
        return None
    places = max(_decimals(price) for price in seen)
    units = [round(abs(price) * 10**places) for price in seen]
    step = 1
    if len(seen) >= _DISTINCT_FOR_COARSE_TICK:
        step = next((coarse for coarse in (25, 5) if all(unit % coarse == 0 for unit in units)), 1)
    return float(step / 10**places)


def _decimals(price: float) -> int:
    # repr is the shortest text that reads back as the same float: what the venue wrote, without its zeros.
    exponent = Decimal(repr(price)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
