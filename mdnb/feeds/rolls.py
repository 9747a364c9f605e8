"""Which contract a continuous symbol stands for: now, and before each of its rolls."""

from __future__ import annotations

import dataclasses
import itertools

from mdnb.errors import SymbolError

__all__ = ["ContractHistory", "Roll"]


@dataclasses.dataclass(frozen=True, slots=True)
class Roll:
    """The seam between two contracts of a continuous symbol.

    Attributes
    ----------
    symbol
        As it was asked for.
    at_ns
        The market's time from which on the new contract counts, UTC epoch nanoseconds.
    old, new
        The contracts, as the venue calls them. Prices on both sides of the seam are as they were traded.
    """

    symbol: str
    at_ns: int
    old: str
    new: str


class ContractHistory:
    """Contracts of symbols over time.

    Examples
    --------
    >>> contracts = ContractHistory()
    >>> contracts.begin("MNQ", "CON.F.US.MNQ.Z25")
    >>> contracts.roll("MNQ", "CON.F.US.MNQ.H26", 50)
    Roll(symbol='MNQ', at_ns=50, old='CON.F.US.MNQ.Z25', new='CON.F.US.MNQ.H26')
    >>> contracts.contract("MNQ"), contracts.contract("MNQ", 49)
    ('CON.F.US.MNQ.H26', 'CON.F.US.MNQ.Z25')
    >>> contracts.spans("MNQ", 10, 90)
    [('CON.F.US.MNQ.Z25', 10, 50), ('CON.F.US.MNQ.H26', 50, 90)]
    """

    def __init__(self) -> None:
        self.rolls: tuple[Roll, ...] = ()
        self._now: dict[str, str] = {}

    def begin(self, symbol: str, contract: str) -> None:
        """Let a symbol stand for a contract, from the beginning on."""
        self._now[symbol] = contract

    def roll(self, symbol: str, contract: str, at_ns: int) -> Roll:
        """Let a symbol stand for another contract from an instant on; return the seam."""
        made = Roll(symbol, at_ns, self.contract(symbol), contract)
        self._now[symbol] = contract
        self.rolls += (made,)
        return made

    def contract(self, symbol: str, at_ns: int | None = None) -> str:
        """Return the contract that a symbol stands for at an instant; now where none is named.

        Raises
        ------
        SymbolError
            When nothing is known of the symbol.
        """
        if symbol not in self._now:
            raise SymbolError(f"no contract of {symbol!r} is known; open the feed for it first")
        later = [roll for roll in self.rolls if roll.symbol == symbol and at_ns is not None]
        return next(
            (roll.old for roll in later if at_ns is not None and at_ns < roll.at_ns), self._now[symbol]
        )

    def spans(self, symbol: str, start_ns: int, end_ns: int) -> list[tuple[str, int, int]]:
        """Return the parts of ``[start_ns, end_ns)``, each with its contract, oldest first."""
        seams = [
            roll.at_ns for roll in self.rolls if roll.symbol == symbol and start_ns < roll.at_ns < end_ns
        ]
        edges = [start_ns, *seams, end_ns]
        return [
            (self.contract(symbol, first), first, last)
            for first, last in itertools.pairwise(edges)
            if first < last
        ]
