"""`read_ticks`: a frame of trades or quotes from a file that anybody wrote."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import tzinfo

import numpy as np
import pandas as pd

from mdnb.io.progress import ProgressOption, reporting
from mdnb.io.recognise.given import Given
from mdnb.io.recognise.read import FileFrame
from mdnb.io.recognise.ticks import recognised_ticks
from mdnb.io.schema import INDEX_NAME, zone_dtype

__all__ = ["read_ticks"]


def read_ticks(
    filename: str | os.PathLike[str],
    *,
    symbol: str | None = None,
    tz: str | tzinfo | None = None,
    date_format: str | None = None,
    columns: Mapping[str, str | int] | None = None,
    header: bool | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    price_scale: float | None = None,
    positive_prices: bool = True,
    progress: ProgressOption = None,
) -> pd.DataFrame:
    """Read the trades or quotes of a file: recognised, and said in the first line, as `mdnb.read` does bars.

    Parameters
    ----------
    filename, symbol, tz, date_format, header, separator, decimal, price_scale, positive_prices, progress
        As in `mdnb.read`.
    columns
        The file's names, or places from 0, of ``time``, ``clock``, ``price``, ``size``, ``side``, ``id``,
        ``symbol``; of quotes ``bid``, ``ask``, ``bid_size``, ``ask_size``.

    Returns
    -------
    pandas.DataFrame
        Oldest first, ticks of one instant in the file's order: index ``timestamp`` (``datetime64[us, tz]``).
        Of trades float64 ``price size``, ``side`` (``"buy"``, ``"sell"`` or empty: who came to whom) and
        ``id`` where the file has them; of quotes ``bid ask`` with their sizes. ``attrs`` has ``kind``
        (``"trades"`` or ``"quotes"``), ``understood``, ``notes`` and ``symbol``.

    Raises
    ------
    OptionError
        An argument is not allowed.
    DataImportError
        The file is not understood, or something has to be said that it does not tell: the message names the
        argument.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "ticks.csv"
    >>> _ = path.write_text("timestamp,price,size,side" + chr(10) + "2024-03-04T15:00:00.5Z,10.25,2,buy")
    >>> frame = read_ticks(path)
    >>> frame["price"].tolist(), frame["side"].tolist(), frame.attrs["kind"]
    ([10.25], ['buy'], 'trades')
    """
    given = Given(
        symbol=symbol,
        tz=tz,
        date_format=date_format,
        columns=columns,
        header=header,
        separator=separator,
        decimal=decimal,
        price_scale=price_scale,
        positive_prices=positive_prices,
    )
    with reporting(progress):
        ticks = recognised_ticks(filename, given)
    index = pd.DatetimeIndex(ticks.time_us, dtype=zone_dtype("UTC" if tz is None else tz), name=INDEX_NAME)
    frame = FileFrame(dict(ticks.values), index=index)
    if ticks.side.any():
        frame["side"] = np.array(["", "buy", "sell"])[ticks.side]
    if ticks.ids is not None:
        frame["id"] = ticks.ids
    frame.attrs = {"kind": ticks.kind, "understood": str(ticks.understood), "notes": ticks.notes}
    if len(ticks.symbols) == 1:
        frame.attrs["symbol"] = ticks.symbols[0]
    return frame
