"""A venue's symbols under one spelling, ``BTC/USD``; others are understood, too."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import re
from collections.abc import Iterable, Iterator

from mdnb.errors import SymbolError
from mdnb.instruments import Instrument

__all__ = ["SymbolList", "VenueSymbol", "symbol_key"]

_SEPARATORS = re.compile(r"[-/_:\s]")
_OTHER_NAMES = {"XBT": "BTC", "XDG": "DOGE"}


@dataclasses.dataclass(frozen=True, slots=True)
class VenueSymbol:
    """A symbol as a venue lists it.

    Parameters
    ----------
    name
        The venue's own on its stream.
    base, quote
        What is traded, and in what it is paid for; of shares, which have one name only, the latter is empty.
    tick_size
        Smallest price step, None where the venue does not say.
    lot_size
        Smallest step of sizes, None where the venue does not say.
    settle
        In what a perpetual or a future is settled; empty for spot.
    expiry
        Of a future, as ``251226``; empty else.
    history_name
        Its name in the venue's history, where that is another.
    description
        A few words for people.

    Examples
    --------
    >>> VenueSymbol("BTCUSDT", "BTC", "USDT").spelling
    'BTC/USDT'
    >>> VenueSymbol("BTC-USDT-SWAP", "BTC", "USDT", settle="USDT").spelling
    'BTC/USDT:USDT'
    """

    name: str
    base: str
    quote: str
    tick_size: float | None = None
    lot_size: float | None = None
    settle: str = ""
    expiry: str = ""
    history_name: str = ""
    description: str = ""

    @property
    def spelling(self) -> str:
        """The spelling that is the same at all venues: ``BASE/QUOTE``, ``BASE/QUOTE:SETTLE-EXPIRY``.

        ``BASE`` alone where nothing is named that it is paid for in, as with futures of an exchange.
        """
        settled = f":{self.settle}" if self.settle else ""
        pair = f"{self.base}/{self.quote}" if self.quote else self.base
        return f"{pair}{settled}{'-' * bool(self.expiry)}{self.expiry}"

    def instrument(self, asked: str) -> Instrument:
        """Return it as an instrument, under the name that it was asked for by."""
        return Instrument(asked, self.tick_size, description=self.description or self.spelling)


_WELL_KNOWN = ("BTC/", "ETH/", "AAPL", "MNQ")


class SymbolList:
    """The symbols that a venue lists.

    Parameters
    ----------
    venue
        Its name, for messages.
    listed
        Its symbols; of two with one spelling the first is found by it.

    Examples
    --------
    >>> bitcoin, ether = VenueSymbol("BTC/USD", "BTC", "USD"), VenueSymbol("ETH/USD", "ETH", "USD")
    >>> listed = SymbolList("Kraken", [bitcoin, ether])
    >>> {listed.find(text).name for text in ("BTC/USD", "BTC-USD", "btcusd", "XBT/USD")}
    {'BTC/USD'}
    >>> listed.find("BTC/USDT")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    mdnb.errors.SymbolError: Kraken does not list 'BTC/USDT'. Did you mean 'BTC/USD' ...? It lists 2 symbols.
    """

    def __init__(self, venue: str, listed: Iterable[VenueSymbol]) -> None:
        self.venue = venue
        self._listed: dict[str, VenueSymbol] = {}
        self._found: dict[str, list[VenueSymbol]] = {}
        for symbol in listed:
            self._listed.setdefault(symbol.name, symbol)
            self._found.setdefault(symbol_key(symbol.spelling), []).append(symbol)
            self._found.setdefault(symbol_key(symbol.name), []).append(symbol)

    def __iter__(self) -> Iterator[VenueSymbol]:
        return iter(self._listed.values())

    def __len__(self) -> int:
        return len(self._listed)

    def find(self, text: str) -> VenueSymbol:
        """Return the symbol that somebody means.

        Raises
        ------
        SymbolError
            When the venue does not list it; the message names what is near.
        """
        if text in self._listed:
            return self._listed[text]
        asked = _parted(text)
        for found in self._found.get(symbol_key(text), ()):
            # EUR/TUSD is not EURT/USD.
            if asked <= _parted(found.spelling) or asked <= _parted(found.name):
                return found
        raise SymbolError(f"{self.venue} does not list {text!r}. {self._near(text)}")

    def _near(self, text: str) -> str:
        close = difflib.get_close_matches(symbol_key(text), self._found, n=3, cutoff=0.6)
        names = list(dict.fromkeys(repr(self._found[key][0].spelling) for key in close))
        counted = f"It lists {len(self)} symbols"
        if names:
            return f"Did you mean {' or '.join(names)}? {counted}."
        if not self._listed:
            return f"{counted}."
        # Where nothing is near, one that most know shows how they are spelled.
        spelled = [symbol.spelling for symbol in self]
        known = next((one for one in spelled if one.startswith(_WELL_KNOWN)), spelled[0])
        return f"{counted}, such as {known!r}."


def _parts(text: str) -> list[str]:
    return [_OTHER_NAMES.get(part, part) for part in _SEPARATORS.split(text.upper()) if part]


def _parted(text: str) -> frozenset[int]:
    """Return where a spelling has its separators, as places in what `symbol_key` makes of it."""
    return frozenset(itertools.accumulate(map(len, _parts(text)[:-1])))


def symbol_key(text: str) -> str:
    """Return a spelling without what differs from venue to venue.

    Examples
    --------
    >>> symbol_key("BTC/USD"), symbol_key("xbt-usd"), symbol_key("BTCUSD")
    ('BTCUSD', 'BTCUSD', 'BTCUSD')
    """
    joined = "".join(_parts(text))
    for other, usual in _OTHER_NAMES.items():
        if joined.startswith(other):
            joined = usual + joined.removeprefix(other)
    return joined
