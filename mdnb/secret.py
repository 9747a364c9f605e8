"""A secret that nothing shows: a key, a password, a token."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn

from mdnb.errors import OptionError

__all__ = ["Secret"]


class Secret:
    """Text that is handed out by `reveal` alone.

    Its repr, its text and its format are a mask, so that neither a traceback with all variables nor a log has
    it; it is no text, so that it cannot be joined to one or written as JSON; it cannot be pickled.

    Parameters
    ----------
    text
        What is secret.

    Raises
    ------
    OptionError
        When it is no text, or there is nothing in it.

    Examples
    --------
    >>> key = Secret("PK0123456789")
    >>> key, f"{key}", [str(key)]
    (Secret(***), 'Secret(***)', ['Secret(***)'])
    >>> key.reveal()
    'PK0123456789'
    """

    __slots__ = ("_reveal",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not text.strip():
            kind = type(text).__name__ if not isinstance(text, str) else "text without a letter"
            # Tracebacks show variables.
            text = ""
            raise OptionError(f"a secret is made of text; got {kind}")
        stripped = text.strip()
        # In a variable of a function and in no attribute: nothing that lists attributes comes across it.
        self._reveal: Callable[[], str] = lambda: stripped

    @classmethod
    def from_environment(cls, name: str) -> Secret | None:
        """Return what an environment variable holds; None where it is not set, or empty."""
        return cls(os.environ[name]) if os.environ.get(name, "").strip() else None

    def reveal(self) -> str:
        """Return the text. Let no variable hold it: a traceback may show it."""
        return self._reveal()

    def __repr__(self) -> str:
        return "Secret(***)"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled: it would lie there for all to read")
