"""Which sale conditions of US shares keep a trade out of a bar's prices, or out of its volume.

Sources: the table of conditions that the securities information processors publish with their feeds (CTS
specification, "Trade Conditions"; UTP Trade Data Feed specification, "Sale Condition Modifiers": columns
"update high/low", "update last", "update volume"), of which Alpaca says that its minutes follow it
(alpaca.markets/learn-api/stock-minute-bars, and its forum, threads 12417, 13850 and 18440, which names where
minutes differ from it). The table itself was read there and in its users' words, not in the specifications.

* Of several conditions each counts: what one of them leaves out is left out.
* The tables are for a day's figures. Where minutes differ from it Alpaca's words are followed: a corrected
  consolidated close (``9``) is no trade of its minute, and trades of the extended hours (``T``) make the bars
  of these hours.
* What the tables make depend on the rest of the day ("updates last if it is the only one") is left out of
  open and close. Conditions that are not listed, and new ones, leave nothing out.
"""

from __future__ import annotations

import functools

from mdnb.rows import NOT_LAST, NOT_RANGE, NOT_VOLUME

__all__ = ["CTA", "UTP", "sale_marks"]

_NO_PRICE = NOT_LAST | NOT_RANGE
_NOTHING = _NO_PRICE | NOT_VOLUME

_BOTH = {
    "C": _NO_PRICE,  # cash sale
    "H": _NO_PRICE,  # price variation
    "I": _NO_PRICE,  # odd lot
    "M": _NOTHING,  # the market center's official close
    "N": _NO_PRICE,  # next day
    "P": NOT_LAST,  # prior reference price
    "Q": _NOTHING,  # the market center's official open
    "R": _NO_PRICE,  # seller
    "U": _NO_PRICE,  # extended hours, sold out of sequence
    "V": _NO_PRICE,  # contingent
    "Z": NOT_LAST,  # sold, out of sequence: reported late
    "4": NOT_LAST,  # derivatively priced
    "7": _NO_PRICE,  # qualified contingent
    "9": _NOTHING,  # corrected consolidated close
}

CTA = _BOTH | {
    "B": _NO_PRICE,  # average price
}
"""Tapes A and B: conditions that leave something out, and what."""

UTP = _BOTH | {
    "G": NOT_LAST,  # bunched, sold: reported late
    "W": _NO_PRICE,  # average price
    "2": NOT_LAST,  # stopped, sold last
    "3": NOT_LAST,  # stopped, sold out of sequence
}
"""Tape C: the same of the other processor, whose ``B`` is a bunched trade."""


@functools.lru_cache(maxsize=4096)
def sale_marks(tape: str, conditions: tuple[str, ...]) -> int:
    """Return what a trade of these conditions does not count for; 0 where it counts in full.

    Parameters
    ----------
    tape
        ``A``, ``B`` or ``C``. Of any other one what either processor leaves out is left out.

    Examples
    --------
    >>> sale_marks("C", ("@",)), sale_marks("C", ("@", "I")) == NOT_LAST | NOT_RANGE
    (0, True)
    >>> sale_marks("A", (" ", "Z")) == NOT_LAST, sale_marks("C", ("B",)), sale_marks("A", ("B",)) > 0
    (True, 0, True)
    """
    tables = {"A": (CTA,), "B": (CTA,), "C": (UTP,)}.get(tape, (CTA, UTP))
    marks = 0
    for condition in conditions:
        for table in tables:
            marks |= table.get(condition, 0)
    return marks
