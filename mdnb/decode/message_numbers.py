"""Order books of a venue that numbers the messages of a connection, and not the updates of a book."""

from __future__ import annotations

__all__ = ["COUNTED", "MessageNumbers"]

COUNTED = frozenset({"coinbase_advanced", "gemini"})
"""The dialects that do so."""


class MessageNumbers:
    """Says what each update of a book follows, where numbers count the messages of all channels.

    A number that is left out may have been an update of any book: each one's next update follows it, and so
    follows something that never came.

    Attributes
    ----------
    awaited
        The number of the message that comes next, where none is lost; -1 before the first.

    Examples
    --------
    >>> numbers = MessageNumbers()
    >>> numbers.see(0)
    >>> numbers.ids("BTC-USD", whole=True)
    (-1, 0)
    >>> numbers.see(1), numbers.see(2)
    (None, None)
    >>> numbers.ids("BTC-USD", whole=False)
    (0, 2)
    >>> numbers.see(5)
    >>> numbers.ids("BTC-USD", whole=False), numbers.ids("BTC-USD", whole=False)
    ((4, 5), (5, 5))
    """

    __slots__ = ("_books", "_lost", "awaited")

    def __init__(self) -> None:
        self.awaited = -1
        self._lost = -1
        self._books: dict[str, int] = {}

    def see(self, number: int) -> None:
        """Note the number of a message, before what is in it; of one that says none, -1, nothing is known."""
        if number < 0 or number == self.awaited - 1:
            return
        if number < self.awaited:
            # Another connection counts from its own beginning.
            self._lost = -1
            self._books.clear()
        elif number > self.awaited >= 0:
            self._lost = number - 1
        self.awaited = number + 1

    def refuse(self) -> None:
        """Take the message that was seen last for one that never came: what it said of a book is not known.

        Examples
        --------
        >>> numbers = MessageNumbers()
        >>> numbers.see(0)
        >>> numbers.ids("BTC-USD", whole=True)
        (-1, 0)
        >>> numbers.see(1), numbers.refuse(), numbers.see(2)
        (None, None, None)
        >>> numbers.ids("BTC-USD", whole=False)
        (1, 2)
        """
        self.awaited = max(self.awaited - 1, -1)

    def ids(self, symbol: str, *, whole: bool) -> tuple[int, int]:
        """Return the numbers of the update that one in this message follows, and of this one.

        Parameters
        ----------
        whole
            Whether it is a snapshot, which follows none.
        """
        before = self._books.get(symbol, -1)
        number = self.awaited - 1 if self.awaited > 0 else -1
        if number >= 0:
            self._books[symbol] = number
        return -1 if whole or before < 0 else max(before, self._lost), number
