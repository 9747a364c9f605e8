"""What can go wrong at a venue, as data for `tests.venues.faulty_server`."""

from __future__ import annotations

import dataclasses

__all__ = [
    "Busy",
    "ClockOffset",
    "Drop",
    "Duplicate",
    "Expiry",
    "Fault",
    "HalfOpen",
    "HistoryFault",
    "Lacks",
    "Loss",
    "Malformed",
    "Mute",
    "Reorder",
    "Restart",
    "SequenceGap",
    "Slow",
    "SlowHistory",
    "Stretch",
    "TapeFault",
]


@dataclasses.dataclass(frozen=True)
class TapeFault:
    """What happens at a trade of the tape; ``at``: the one before which it does."""

    at: int


@dataclasses.dataclass(frozen=True)
class Stretch(TapeFault):
    """What goes on for so many trades."""

    count: int

    def covers(self, place: int) -> bool:
        """Return whether a trade of the tape is one of them."""
        return self.at <= place < self.at + self.count


@dataclasses.dataclass(frozen=True)
class Loss(TapeFault):
    """There is no connection until so many trades have passed."""

    misses: int = 0


@dataclasses.dataclass(frozen=True)
class HistoryFault:
    """What happens to so many questions to the history; ``first``: the one, from 0, at which it begins."""

    first: int
    count: int

    def covers(self, number: int) -> bool:
        """Return whether a question is one of them."""
        return self.first <= number < self.first + self.count


Fault = TapeFault | HistoryFault


# Of the stream


class Drop(Loss):
    """The connection breaks."""


class Restart(Loss):
    """The connection is closed properly (1012), and nobody listens at all meanwhile."""


class HalfOpen(TapeFault):
    """The connection stands, and nothing comes over it any more; whoever connects anew is served."""


class Mute(Stretch):
    """Nothing is sent for so many trades, no heartbeat either; then they come all at once."""


@dataclasses.dataclass(frozen=True)
class Slow(Stretch):
    """So many trades come each so many seconds late."""

    seconds: float


@dataclasses.dataclass(frozen=True)
class Duplicate(TapeFault):
    """A trade comes so many times more."""

    times: int = 1


class Expiry(TapeFault):
    """Whoever has logged in until then has to do so again."""


@dataclasses.dataclass(frozen=True)
class Reorder(Stretch):
    """So many trades come the last one first."""

    count: int = 2


@dataclasses.dataclass(frozen=True)
class Malformed(TapeFault):
    """A frame that is none."""

    text: str = '{"e":"trades","s":'


@dataclasses.dataclass(frozen=True)
class SequenceGap(Stretch):
    """So many trades never come live."""

    count: int = 1


@dataclasses.dataclass(frozen=True)
class ClockOffset(TapeFault):
    """From here on all times are so many seconds off."""

    seconds: float


# Of the history


@dataclasses.dataclass(frozen=True)
class Busy(HistoryFault):
    """So many questions are refused: 429, 503 or another status, with the seconds to wait where named."""

    status: int = 429
    retry_after: float | None = None


@dataclasses.dataclass(frozen=True)
class SlowHistory(HistoryFault):
    """So many questions are answered after so many trades have passed."""

    trades: int


@dataclasses.dataclass(frozen=True)
class Lacks(Stretch):
    """The history does not know so many trades of the tape."""

    count: int = 1
