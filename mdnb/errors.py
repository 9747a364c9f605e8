"""Every error that mdnb raises, in one tree.

::

    MdnbError
    ├── TimeframeError      (KeyError, ValueError)   unknown, senseless or not kept
    ├── SymbolError         (KeyError, ValueError)   the feed or the suite does not know the symbol
    ├── OptionError         (ValueError)             a value outside what is allowed, an unknown option
    ├── FeedError           (ConnectionError)        a feed cannot be found, opened or kept open
    │   ├── FeedBusyError                            not now: the venue asks us to come back later
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
    "FeedBusyError",
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
    "not_followed",
    "suggest",
]


class MdnbError(Exception):
    """Base of every error raised by mdnb.

    Examples
    --------
    >>> import mdnb
    >>> try:
    ...     mdnb.live("mnq")
    ... except mdnb.MdnbError as error:
    ...     print(type(error).__name__)
    SymbolError
    """

    def __str__(self) -> str:
        # KeyError shows its argument quoted and escaped; a sentence should read as one.
        return str(self.args[0]) if len(self.args) == 1 else super().__str__()


class TimeframeError(MdnbError, KeyError, ValueError):
    """A timeframe name is not understood, makes no sense, or is not kept by this manager.

    Examples
    --------
    >>> import mdnb
    >>> mdnb.Timeframe.parse("1mn")
    Traceback (most recent call last):
    mdnb.errors.TimeframeError: '1mn' is not a timeframe. Understood: N followed by sec, min, hour, ...
    """


class SymbolError(MdnbError, KeyError, ValueError):
    """The feed, or the suite, does not know this symbol.

    Examples
    --------
    >>> import mdnb
    >>> mdnb.live("mnq")
    Traceback (most recent call last):
    mdnb.errors.SymbolError: the simulator does not know 'mnq'. Did you mean 'MNQ'? Allowed: MNQ, ...
    """


class OptionError(MdnbError, ValueError):
    """An option is unknown or its value is outside what is allowed.

    Examples
    --------
    >>> import mdnb
    >>> mdnb.live("MNQ", initial_days=-1)
    Traceback (most recent call last):
    mdnb.errors.OptionError: initial_days must be between 0 and 3660; got -1
    """


class FeedError(MdnbError, ConnectionError):
    """A feed cannot be found, opened, understood or kept open.

    Examples
    --------
    >>> import mdnb
    >>> mdnb.make_feed("simm://")
    Traceback (most recent call last):
    mdnb.errors.FeedError: there is no feed 'simm'. Did you mean 'sim'? Allowed: ...
    """


class FeedBusyError(FeedError):
    """The venue will not answer now (too many requests, maintenance), but later.

    Parameters
    ----------
    message
        What it said.
    retry_after
        The seconds it asks for; 0 where it names none.

    Examples
    --------
    >>> import mdnb
    >>> mdnb.FeedBusyError("HTTP 429: too many requests", retry_after=2.0).retry_after
    2.0
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FeedRefusedError(FeedError):
    """The venue refused the connection or the subscription for good; retrying will not help.

    Parameters
    ----------
    message
        What it said.
    code
        The number that it gave to that; 0 where there is none, or it is not known.

    Examples
    --------
    >>> import mdnb
    >>> issubclass(mdnb.FeedRefusedError, mdnb.FeedError)  # ``except FeedError`` catches it, too
    True
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class NoDataError(MdnbError, LookupError):
    """No data has arrived yet to answer the call; the message states the connection's status.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.live("MNQ", "1min", initial_days=0) as live:
    ...     try:
    ...         live.data.validate_imported_data("1min")
    ...     except mdnb.NoDataError as error:
    ...         print(error)
    no 1min bar of MNQ is held; import some first
    """


class ClosedError(MdnbError, RuntimeError):
    """The suite, live market or chart was closed before this call.

    Examples
    --------
    >>> import mdnb
    >>> live = mdnb.live("MNQ", "1min", initial_days=0)
    >>> live.close()
    >>> live.price
    Traceback (most recent call last):
    mdnb.errors.ClosedError: the market of MNQ was closed; make a new one
    """


class RuntimeUseError(MdnbError, RuntimeError):
    """A call was made where it would wait for ever: on the background loop itself, or in a forked process.

    Examples
    --------
    >>> import mdnb
    >>> from mdnb.runtime.process.bridge import await_call
    >>> async def blocks():
    ...     mdnb.live("MNQ")
    >>> mdnb.run(await_call(blocks()))
    Traceback (most recent call last):
    mdnb.errors.RuntimeUseError: ...
    """


class WaitTimeoutError(MdnbError, TimeoutError):
    """A wait ran into its timeout.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.live("MNQ", "1min", initial_days=0) as live:
    ...     live.wait_for("data_gap", timeout=0.01)
    Traceback (most recent call last):
    mdnb.errors.WaitTimeoutError: no DATA_GAP event within 0.01 s
    """


class DataImportError(MdnbError, ValueError):
    """A file is not understood or not safe to read. Nothing held was changed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import mdnb
    >>> with tempfile.TemporaryDirectory() as folder, mdnb.live("MNQ", "1min", initial_days=0) as live:
    ...     file = pathlib.Path(folder, "prices.csv")
    ...     _ = file.write_text("a,b,c")
    ...     live.load(file, "1min")
    Traceback (most recent call last):
    mdnb.errors.DataImportError: ...prices.csv: it holds names of columns and no rows. A file of bars ...
    """


class DataExportError(MdnbError, OSError):
    """A file could not be written. A file that stood there before is intact.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.live("MNQ", "1min", initial_days=0.1) as live:
    ...     live.export("no-such-folder/bars.parquet")
    Traceback (most recent call last):
    mdnb.errors.DataExportError: ...bars.parquet was not written: the folder ... does not exist. ...
    """


class MissingExtraError(MdnbError, ImportError):
    """An optional package is needed for this; the message names the extra to install.

    Examples
    --------
    >>> import mdnb
    >>> issubclass(mdnb.MissingExtraError, ImportError)  # ``chart.export("mnq.png")`` may raise it
    True
    """


def suggest(given: object, allowed: Iterable[str]) -> str:
    """Return the end of an error message: the closest allowed name, if one is close, and all allowed names.

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
    """Return "Did you mean ...? " with the closest name, or an empty text.

    Examples
    --------
    >>> did_you_mean("mnq", ["MNQ", "MES"])
    "Did you mean 'MNQ'? "
    """
    names = {name.casefold(): name for name in allowed}
    near = difflib.get_close_matches(str(given).casefold(), names, n=1)
    return f"Did you mean {names[near[0]]!r}? " if near else ""


def not_followed(symbol: object, symbols: Iterable[str]) -> SymbolError:
    """Return the error for a symbol that a market does not follow.

    Examples
    --------
    >>> print(not_followed("mes", ["MNQ", "MES"]))
    'mes' is not followed here. Did you mean 'MES'? Allowed: MNQ, MES.
    """
    return SymbolError(f"{symbol!r} is not followed here. {suggest(symbol, symbols)}")
