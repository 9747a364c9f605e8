"""What can go wrong at a venue, as data for `tests.venues.faulty_server`."""

from __future__ import annotations

import dataclasses

__all__ = [
    "Bomb",
    "Busy",
    "ClockOffset",
    "Drop",
    "Duplicate",
    "Expiry",
    "Fault",
    "Fragment",
    "HalfOpen",
    "HistoryFault",
    "Lacks",
    "Loss",
    "LostBook",
    "Malformed",
    "Merge",
    "Mute",
    "Oversize",
    "Refuse",
    "Reorder",
    "Repeat",
    "Restart",
    "SequenceGap",
    "Slow",
    "SlowHistory",
    "Split",
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
    """There is no connection until so many trades have passed, or all."""

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


@dataclasses.dataclass(frozen=True)
class Refuse(Loss):
    """The connection breaks, and the handshake of the next ones is refused with an HTTP status."""

    status: int = 500


class HalfOpen(TapeFault):
    """The connection stands, and nothing comes over it any more; whoever connects anew is served."""


class Mute(Stretch):
    """For so many trades none is sent, no change of the book and no heartbeat either; then all come at once.

    Pings and requests are answered; what was kept for a connection is lost with it.
    """


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
class LostBook(Stretch):
    """So many changes of the order book never come."""

    count: int = 1


@dataclasses.dataclass(frozen=True)
class ClockOffset(TapeFault):
    """From here on all times are so many seconds off."""

    seconds: float


class Split(Stretch):
    """While so many trades are sent, what goes over the line goes a few bytes at a time."""


class Merge(Stretch):
    """While so many trades are sent nothing goes over the line; then all frames go as one piece."""


class Fragment(Stretch):
    """So many trades come in messages of several WebSocket frames each, a few letters a frame."""


@dataclasses.dataclass(frozen=True)
class Oversize(TapeFault):
    """A frame of so many bytes."""

    size: int = 2**25


@dataclasses.dataclass(frozen=True)
class Bomb(TapeFault):
    """A packed frame, as of permessage-deflate, which nobody agreed to; unpacked it has so many bytes."""

    size: int = 10**8


@dataclasses.dataclass(frozen=True)
class Repeat(TapeFault):
    """Whoever subscribes from here on is sent the newest so many trades of before once more."""

    count: int = 30


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
