"""Numbers as people and vendors write them, to float64: ``1,234.5``, ``13,279``, ``70.21K``, ``$12``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import OptionError
from mdnb.io.notes import refuse, row_list

__all__ = ["Style", "style_of", "to_numbers"]

_PLAIN: Final = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$"
_WORDS: Final = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_CURRENCY: Final = "[$€£¥₿\u00a0\u202f ']"
_GROUPS: Final = re.compile(r"^[+-]?\d{1,3}(?:([.,])\d{3})+$")


@dataclasses.dataclass(frozen=True, slots=True)
class Style:
    """How a file writes numbers.

    Attributes
    ----------
    decimal, thousands
        The signs; ``thousands`` is empty where none is used.
    """

    decimal: str = "."
    thousands: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it is what computers read."""
        return self.decimal == "." and not self.thousands


def style_of(columns: Sequence[Any], decimal: str | None, where: str) -> Style:
    """Return how the columns of a file write numbers.

    Parameters
    ----------
    columns
        Text, prices first.
    decimal
        The decimal sign where the caller says it.

    Raises
    ------
    DataImportError
        When ``1,234`` may be a thousand or one and a bit, and nothing tells which.

    Examples
    --------
    >>> style_of([pa.array(["11,25", "9,75"]), pa.array(["1.200", "950"])], None, "x.csv")
    Style(decimal=',', thousands='.')
    >>> style_of([pa.array(["1,234.50"])], None, "x.csv")
    Style(decimal='.', thousands=',')
    """
    if decimal not in (None, ".", ","):
        raise OptionError(f"decimal={decimal!r}: '.' or ',' is needed.")
    texts = [column for column in columns if pa.types.is_string(column.type)]
    commas = [column for column in texts if pc.any(pc.match_substring(column, ",")).as_py()]
    dots = any(pc.any(pc.match_substring(column, ".")).as_py() for column in texts)
    if decimal is not None:
        other = "," if decimal == "." else "."
        return Style(decimal, other if (commas if other == "," else dots) else "")
    if not commas:
        return Style()
    for column in commas:
        for text in pc.unique(column).to_pylist():
            if text is None or "," not in text:
                continue
            if "." in text:
                last = "," if text.rfind(",") > text.rfind(".") else "."
                return Style(last, "." if last == "," else ",")
            digits = text.strip().lstrip("+-$€£").rstrip("%KMBTkmbt ")
            if _GROUPS.fullmatch(digits) is None or digits.startswith("0"):
                return Style(",", "." if dots else "")
            if digits.count(",") > 1:
                return Style(".", ",")
    if dots:
        # A dot is in other cells: of the same file, 1,234 is a thousand.
        return Style(".", ",")
    shown = next(text for text in commas[0].to_pylist() if text and "," in text)
    raise refuse(
        where, f"{shown!r} may be a thousand or a decimal number", "Give decimal='.' or decimal=','."
    )


def to_numbers(columns: Mapping[str, Any], style: Style, where: str) -> dict[str, np.ndarray]:
    """Return columns as float64; an empty cell is ``nan``.

    Raises
    ------
    DataImportError
        A cell is no number; the rows are named.

    Examples
    --------
    >>> to_numbers({"volume": pa.array(["70.21K", "1.2M", None])}, Style(), "x.csv")["volume"].tolist()
    [70210.0, 1200000.0, nan]
    """
    return {name: _numbers(column, name, style, where) for name, column in columns.items()}


def _numbers(column: Any, name: str, style: Style, where: str) -> np.ndarray:
    if not pa.types.is_string(column.type):
        try:
            made: np.ndarray = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise refuse(
                where, f"the column {name!r} holds no numbers ({column.type})", "Name another one: columns=."
            ) from error
        return made
    texts = column
    if style.is_plain and (fast := _cast(texts)) is not None:
        return fast
    texts = pc.replace_substring_regex(texts, _CURRENCY, "")
    if style.thousands:
        texts = pc.replace_substring(texts, style.thousands, "")
    if style.decimal == ",":
        texts = pc.replace_substring(texts, ",", ".")
    # Accountants write what is below zero in brackets.
    texts = pc.replace_substring_regex(texts, r"^\((.*)\)$", r"-\1")
    texts = pc.replace_substring_regex(texts, r"^\+", "")
    word = pc.utf8_upper(pc.utf8_slice_codeunits(texts, -1, 2**31 - 1))
    scale = np.ones(len(texts))
    has_word = pc.fill_null(pc.is_in(word, pa.array(list(_WORDS))), False).to_numpy(zero_copy_only=False)
    if has_word.any():
        for sign, factor in _WORDS.items():
            scale[pc.fill_null(pc.equal(word, sign), False).to_numpy(zero_copy_only=False)] = factor
        texts = pc.replace_substring_regex(texts, "[KMBTkmbt]$", "")
    texts = pc.if_else(pc.equal(texts, ""), None, texts)
    numbers = _cast(texts)
    if numbers is None:
        fits = pc.fill_null(pc.match_substring_regex(texts, _PLAIN), True).to_numpy(zero_copy_only=False)
        bad = np.flatnonzero(~fits)
        first = column[int(bad[0])].as_py()[:60] if len(bad) else ""
        raise refuse(
            where,
            f"{first!r} in {name!r} ({row_list(bad)}) is no number",
            "Put these rows right, or name another column: columns=.",
        )
    # Of decimals in text a product may miss the number that is meant by its last bit.
    exact = np.round(numbers * scale) if has_word.any() else numbers
    return np.where(has_word & (np.abs(numbers * scale - exact) < 1e-6 * scale), exact, numbers * scale)


def _cast(texts: Any) -> np.ndarray | None:
    try:
        made: np.ndarray = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return made
