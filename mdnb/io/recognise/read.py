"""`read`: a frame of bars from a file that anybody wrote."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

import pandas as pd

from mdnb.io.progress import ProgressOption, reporting
from mdnb.io.recognise.bars import recognised_bars
from mdnb.io.recognise.given import Given

__all__ = ["FileFrame", "read"]


class FileFrame(pd.DataFrame):
    """A frame that was read from a file: where it is shown, its first line says what that was taken for.

    What is made of it is a plain frame of pandas.
    """

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        """Return what was understood, then the frame."""
        return f"{self.attrs.get('understood', '')}\n{super().__repr__()}".lstrip("\n")

    def _repr_html_(self) -> str | None:
        frame: Any = pd.DataFrame(self)
        shown: str | None = frame._repr_html_()
        said = html.escape(str(self.attrs.get("understood", "")))
        return f"<div>{said}</div>{shown}" if shown is not None and said else shown


def read(
    filename: str | os.PathLike[str],
    timeframe: str | None = None,
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
    on_conflict: str = "error",
    progress: ProgressOption = None,
) -> pd.DataFrame:
    """Read the bars of a file: what it is is recognised, said in the first line, and never guessed.

    Text with any separator, with or without a header, banner and footer; JSON in any wrapping, JSON lines;
    Parquet, Feather, Arrow, workbooks (extra ``xlsx``); packed with gzip, bzip2, xz, zstd or zip.

    Parameters
    ----------
    filename
        A file on this machine.
    timeframe
        What the bars are of; by default the bar size found.
    symbol
        Which one, where the file holds several.
    tz
        The zone of times without an offset, and of the frame; by default that in which the vendor is known
        to write them, which is said, and UTC for the frame. Dates of daily bars need none.
    date_format
        A ``strptime`` format, or ``epoch_s``, ``epoch_ms``, ``epoch_us``, ``epoch_ns``. Needed where day and
        month cannot be told apart.
    columns
        The file's names, or places from 0, of ``time``, ``clock`` (the time of day, where dates stand alone),
        ``open``, ``high``, ``low``, ``close``, ``volume``, ``tick_count``, ``vwap``, ``symbol``.
    header
        Whether a line names the columns.
    separator, decimal
        What stands between cells; ``"."`` or ``","``.
    price_scale
        What prices are to be multiplied with.
    positive_prices
        Whether a price of zero or less refuses the file: ``False`` for spreads, and oil in April 2020.
    on_conflict
        Where rows of one time differ: ``"error"`` refuses the file, ``"keep"`` takes the first row,
        ``"replace"`` the last.
    progress
        None: a bar on the terminal or under the cell once it takes longer than a second; True: at once,
        wherever the errors go; False: none. Or a function of ``(done, total, text)``, called from whichever
        thread works; what it raises ends the reading.

    Returns
    -------
    pandas.DataFrame
        A bar frame, oldest first: index ``timestamp`` (``datetime64[us, tz]``, the opening times), float64
        ``open high low close volume tick_count``, ``vwap`` where the file has it. Dates are midnight of the
        day.
        ``attrs`` has ``understood`` (one line), ``notes`` (what was put right, left out or assumed),
        ``timeframe`` and ``symbol`` where they are known.

    Raises
    ------
    OptionError
        An argument is not allowed.
    DataImportError
        The file is not understood, a value is not possible, or something has to be said that the file does
        not tell: the message names the argument.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "bars.csv"
    >>> rows = "Datum;Open;High;Low;Last", "04.03.2024;10,5;11,25;9,75;11", "05.03.2024;11;12;10,5;11,5"
    >>> _ = path.write_text(chr(10).join(rows))
    >>> frame = read(path)
    >>> frame["close"].tolist(), frame.attrs["timeframe"]
    ([11.0, 11.5], '1day')
    """
    given = Given(
        timeframe=timeframe,
        symbol=symbol,
        tz=tz,
        date_format=date_format,
        columns=columns,
        header=header,
        separator=separator,
        decimal=decimal,
        price_scale=price_scale,
        positive_prices=positive_prices,
        on_conflict=on_conflict,
    )
    with reporting(progress):
        made = recognised_bars(filename, given)
    plain = made.bars.frame()
    frame = FileFrame(plain)
    frame.attrs = {**plain.attrs, "understood": str(made.understood)}
    return frame
