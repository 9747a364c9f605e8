"""Every error that mdnb raises, in one tree.

::

    MdnbError
    ├── TimeframeError      (KeyError, ValueError)   unknown, senseless or not kept
    ├── SymbolError         (KeyError, ValueError)   the feed or the suite does not know the symbol
    ├── OptionError         (ValueError)             a value outside what is allowed, an unknown option
    ├── FeedError           (ConnectionError)        a feed cannot be found, opened or kept open
    │   └── FeedRefusedError                         the venue refused us: trying again will not help
    ├── NoDataError         (LookupError)            nothing has arrived yet
    ├── ClosedError         (RuntimeError)           used after close() or disconnect()
    ├── RuntimeUseError     (RuntimeError)           called from a thread where it would dead-lock
    ├── WaitTimeoutError    (TimeoutError)           a wait ended before the thing happened
    ├── DataImportError     (ValueError)             a file is not understood; nothing was changed
    ├── DataExportError     (OSError)                a file could not be written; the old one is intact
    └── MissingExtraError   (ImportError)            an optional package is needed; names the extra

Each also derives from the builtin that fits, so ``except ValueError`` keeps working. A message says
what was given, what is allowed and what to do next.

Examples
--------
>>> from mdnb.errors import MdnbError, TimeframeError
>>> issubclass(TimeframeError, MdnbError) and issubclass(TimeframeError, ValueError)
True
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ClosedError",
    "DataExportError",
    "DataImportError",
    "FeedError",
    "FeedRefusedError",
    "MdnbError",
    "MissingExtraError",
    "NoDataError",
    "OptionError",
    "RuntimeUseError",
    "SymbolError",
    "TimeframeError",
    "WaitTimeoutError",
    "did_you_mean",
    "suggest",
]


class MdnbError(Exception):
    """Base of every error raised by mdnb."""

    def __str__(self) -> str:
        # KeyError shows its argument quoted and escaped; a sentence should read as one.
        return str(self.args[0]) if len(self.args) == 1 else super().__str__()


class TimeframeError(MdnbError, KeyError, ValueError):
    """A timeframe name is not understood, makes no sense, or is not kept by this manager."""


class SymbolError(MdnbError, KeyError, ValueError):
    """The feed, or the suite, does not know this symbol."""


class OptionError(MdnbError, ValueError):
    """An option is unknown or its value is outside what is allowed."""


class FeedError(MdnbError, ConnectionError):
    """A feed cannot be found, opened, understood or kept open."""


class FeedRefusedError(FeedError):
    """The venue refused the connection or the subscription for good; retrying will not help."""


class NoDataError(MdnbError, LookupError):
    """Nothing has arrived yet that would answer the call; the message tells the connection's state."""


class ClosedError(MdnbError, RuntimeError):
    """The suite, live market or chart was closed before this call."""


class RuntimeUseError(MdnbError, RuntimeError):
    """A blocking call was made where it would wait for itself, such as on the background loop."""


class WaitTimeoutError(MdnbError, TimeoutError):
    """A wait ended before what was waited for happened."""


class DataImportError(MdnbError, ValueError):
    """A file is not understood or not safe to read. Nothing held was changed."""


class DataExportError(MdnbError, OSError):
    """A file could not be written. A file that stood there before is intact."""


class MissingExtraError(MdnbError, ImportError):
    """An optional package is needed for this; the message names the extra to install."""


def suggest(given: object, allowed: Iterable[str]) -> str:
    """Return the end of an error message: a near miss if there is one, and all that is allowed.

    Parameters
    ----------
    given
        What the caller wrote.
    allowed
        Every name that would have been accepted.

    Returns
    -------
    str
        One or two sentences.

    Examples
    --------
    >>> suggest("1mn", ["1min", "5min"])
    "Did you mean '1min'? Allowed: 1min, 5min."
    """
    names = list(allowed)
    return f"{did_you_mean(given, names)}Allowed: {', '.join(names) if names else 'none'}."


def did_you_mean(given: object, allowed: Iterable[str]) -> str:
    """Return the sentence that names a near miss, with a blank behind it; empty where there is none.

    Examples
    --------
    >>> did_you_mean("mnq", ["MNQ", "MES"])
    "Did you mean 'MNQ'? "
    """
    names = {name.casefold(): name for name in allowed}
    near = difflib.get_close_matches(str(given).casefold(), names, n=1)
    return f"Did you mean {names[near[0]]!r}? " if near else ""
