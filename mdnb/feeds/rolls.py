"""Which contract a continuous symbol stands for: now, and before each of its rolls."""

from __future__ import annotations

import dataclasses
import itertools

from mdnb.errors import SymbolError

__all__ = ["ContractHistory", "Seam"]

_UNKNOWN = (float("nan"), float("nan"))


@dataclasses.dataclass(frozen=True, slots=True)
class Seam:
    """The seam between two contracts of a continuous symbol.

    Attributes
    ----------
    symbol
        As it was asked for.
    at_ns
        The market's time from which on the new contract counts, UTC epoch nanoseconds.
    old, new
        The contracts, as the venue calls them. Prices on both sides of the seam are as they were traded.
    old_price, new_price
        What both were worth at one time just before it; ``nan`` where that is not known.
    """

    symbol: str
    at_ns: int
    old: str
    new: str
    old_price: float = float("nan")
    new_price: float = float("nan")


class ContractHistory:
    """Contracts of symbols over time.

    Examples
    --------
    >>> contracts = ContractHistory()
    >>> contracts.begin("MNQ", "CON.F.US.MNQ.Z25")
    >>> contracts.roll("MNQ", "CON.F.US.MNQ.H26", 50).old
    'CON.F.US.MNQ.Z25'
    >>> contracts.contract("MNQ"), contracts.contract("MNQ", 49)
    ('CON.F.US.MNQ.H26', 'CON.F.US.MNQ.Z25')
    >>> contracts.spans("MNQ", 10, 90)
    [('CON.F.US.MNQ.Z25', 10, 50), ('CON.F.US.MNQ.H26', 50, 90)]
    """

    def __init__(self) -> None:
        self.rolls: tuple[Seam, ...] = ()
        self._now: dict[str, str] = {}

    def knows(self, symbol: str) -> bool:
        """Return whether a symbol stands for contracts."""
        return symbol in self._now

    def begin(self, symbol: str, contract: str) -> None:
        """Let a symbol stand for a contract, from the beginning on."""
        self._now[symbol] = contract

    def roll(self, symbol: str, contract: str, at_ns: int) -> Seam:
        """Let a symbol stand for another contract from an instant on; return the seam."""
        made = Seam(symbol, at_ns, self.contract(symbol), contract)
        self._now[symbol] = contract
        self.rolls += (made,)
        return made

    def take_back(self, symbol: str) -> None:
        """Forget a symbol's newest roll: it did not come off."""
        made = next(roll for roll in reversed(self.rolls) if roll.symbol == symbol)
        self.rolls = tuple(roll for roll in self.rolls if roll is not made)
        self._now[symbol] = made.old

    def before(self, symbol: str, contract: str, at_ns: int, prices: tuple[float, float] = _UNKNOWN) -> Seam:
        """Let a symbol have stood for another contract up to an instant, before the first that is known.

        Parameters
        ----------
        prices
            What that contract, and the one after it, were worth just before.

        Examples
        --------
        >>> contracts = ContractHistory()
        >>> contracts.begin("MNQ", "H26")
        >>> roll = contracts.before("MNQ", "Z25", 50, (100.0, 103.0))
        >>> contracts.first("MNQ"), contracts.spans("MNQ", 0, 90)
        ('Z25', [('Z25', 0, 50), ('H26', 50, 90)])
        """
        old_price, new_price = prices
        made = Seam(
            symbol=symbol,
            at_ns=at_ns,
            old=contract,
            new=self.first(symbol),
            old_price=old_price,
            new_price=new_price,
        )
        self.rolls = (made, *self.rolls)
        return made

    def seam(self, symbol: str, at_ns: int) -> Seam | None:
        """Return the newest seam of a symbol at an instant; None where there is none."""
        held = (roll for roll in reversed(self.rolls) if (roll.symbol, roll.at_ns) == (symbol, at_ns))
        return next(held, None)

    def price(self, roll: Seam, old_price: float, new_price: float) -> None:
        """Note what both contracts of a roll were worth."""
        priced = dataclasses.replace(roll, old_price=old_price, new_price=new_price)
        self.rolls = tuple(priced if one == roll else one for one in self.rolls)

    def first(self, symbol: str) -> str:
        """Return the oldest contract that is known of a symbol."""
        return next((roll.old for roll in self.rolls if roll.symbol == symbol), self._now[symbol])

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
