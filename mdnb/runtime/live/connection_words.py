"""What a feed says of its connection, in the words that everything else here goes by.

A feed of one's own may say "connected" where it means "reconnected", or tell of a loss only once it is
over. Here alone that is put right: whoever repairs, counts, draws or tells of outages hears of each loss, and
of each return.
"""

from __future__ import annotations

from mdnb.errors import suggest

__all__ = ["STATUSES", "TOLD_LATE", "ConnectionWords", "unknown_word"]

STATUSES = ("connecting", "connected", "disconnected", "reconnecting", "reconnected", "stale", "closed")
"""All that a feed may say."""

TOLD_LATE = "told of only afterwards"
"""Detail of a loss that the feed did not tell of itself."""

_BACK = ("connected", "reconnected")
_TRIES = ("connecting", "reconnecting")


class ConnectionWords:
    """Knows whether a connection is up, and so what a feed means.

    Examples
    --------
    >>> words = ConnectionWords()
    >>> words.meant("connected"), words.meant("disconnected"), words.meant("connected")
    (('connected',), ('disconnected',), ('reconnected',))
    >>> words.meant("reconnected")
    ('disconnected', 'reconnected')
    """

    def __init__(self) -> None:
        self._was_up = self._is_up = self._has_ended = False

    def meant(self, status: str) -> tuple[str, ...]:
        """Return what has happened, oldest first; nothing where the word is unknown (`unknown_word`)."""
        if status not in STATUSES:
            return ()
        if status in _BACK:
            if not self._was_up:
                self._was_up = self._is_up = True
                return ("connected",)
            was_away = status == "reconnected" or self._has_ended
            lost, self._is_up, self._has_ended = not self._is_up, True, False
            if lost:
                return ("reconnected",)
            # Data may be missing: whatever is back was away.
            return ("disconnected", "reconnected") if was_away else ("connected",)
        if status in _TRIES:
            told = ("reconnecting" if self._was_up else "connecting",)
            lost, self._is_up = self._is_up, False
            return ("disconnected", *told) if lost else told
        if status == "disconnected":
            self._is_up = False
        self._has_ended = status == "closed"
        # One that is stale may come alive without anything lost.
        return (status,)


def unknown_word(status: object) -> str:
    """Return a sentence on a word that says nothing.

    Examples
    --------
    >>> unknown_word("conected")
    "the feed said 'conected' of its connection, which says nothing. Did you mean 'connected'? ..."
    """
    return (
        f"the feed said {str(status)[:40]!r} of its connection, which says nothing. "
        f"{suggest(str(status), STATUSES)}"
    )
