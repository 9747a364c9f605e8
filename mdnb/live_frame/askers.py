"""Finds which library is reading a `LiveFrame`: most read it column by column, while bars change.

A library that takes a frame asks ``isinstance(it, pandas.DataFrame)`` and then reads its columns one after
the other. Between two reads a bar may close: the index would be of one moment, the prices of the next. So
the answer depends on who asks. Those that take everything in one step are given it, those known to read in
pieces are refused with the name of what to hand over, and everybody else hears the truth: it is no frame.
"""

from __future__ import annotations

import functools
import sys
from types import CodeType, FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["asks_before_pieces", "reads_in_pieces", "takes_at_once"]

_IN_PIECES = frozenset({"pandas", "pyarrow", "seaborn", "mplfinance", "statsmodels"})
# `polars.DataFrame` takes the Arrow stream, which is one step; `polars.from_pandas` does not.
_IN_PIECES_MODULES = ("polars.convert.",)
# Where pandas itself asks ``isinstance(it, DataFrame)`` of what it is given. Elsewhere its compiled code asks
# for the class too, and cannot take an error for an answer; there the first attribute read is refused.
_PANDAS_ASKS = (
    "pandas._testing.",
    "pandas.core.frame",
    "pandas.core.generic",
    "pandas.core.interchange.",
    "pandas.core.reshape.",
    "pandas.core.series",
)
_CONSTRUCTS = "pandas.core.frame"


@functools.cache
def _constructor() -> CodeType:
    import pandas as pd

    code: CodeType = pd.DataFrame.__init__.__code__
    return code


@functools.cache
def reads_in_pieces(module: object) -> str | None:
    """Return a module's library where it is known to read frames in several steps, else None.

    Parameters
    ----------
    module
        The ``__name__`` among the globals of who asks.

    Examples
    --------
    >>> reads_in_pieces("seaborn.relational"), reads_in_pieces("__main__")
    ('seaborn', None)
    """
    if not isinstance(module, str):
        return None
    library = module.partition(".")[0]
    return library if library in _IN_PIECES or module.startswith(_IN_PIECES_MODULES) else None


def asks_before_pieces(module: object) -> str | None:
    """Return the library where it asks whether it is a frame in order to read it in several steps."""
    library = reads_in_pieces(module)
    return None if library == "pandas" and not str(module).startswith(_PANDAS_ASKS) else library


def takes_at_once(asker: FrameType) -> type[pd.DataFrame] | None:
    """Return `pandas.DataFrame` where who asks takes a whole frame in one step, else None.

    The constructor ``pandas.DataFrame(it)`` takes the frame's manager; narwhals, by which plotly reads
    frames, takes what ``__narwhals_dataframe__`` gives.
    """
    module = str(asker.f_globals.get("__name__"))
    at_once = module.startswith("narwhals.") or (module == _CONSTRUCTS and asker.f_code is _constructor())
    return sys.modules["pandas"].DataFrame if at_once else None
