"""Numbers as people and vendors write them, to float64: ``1,234.5``, ``13,279``, ``70.21K``, ``$12``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import DataImportError, OptionError
from mdnb.io.notes import refuse, row_list

__all__ = ["Style", "style_of", "to_numbers"]

_PLAIN: Final = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$"
_WORDS: Final = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_CURRENCY: Final = "[$€£¥₿]"
_BLANK: Final = r"([0-9])[ '\x{00a0}\x{202f}]([0-9]{3})\b"
_GROUPED: Final = {
    # In India thousands of thousands stand in twos.
    ",": r"^[(]?[+-]?\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?[)]?[KMBTkmbt]?$",
    ".": r"^[(]?[+-]?\d{1,3}(?:\.\d{3})+(?:,\d*)?[)]?[KMBTkmbt]?$",
}
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

    def __str__(self) -> str:
        """Return it for people; empty where it is what computers read."""
        if self.is_plain:
            return ""
        return f"decimal {self.decimal!r}" + (f", thousands {self.thousands!r}" if self.thousands else "")


def style_of(
    columns: Mapping[str, Any], decimal: str | None, where: str, *, may_be_european: bool = False
) -> Style:
    """Return how the columns of a file write numbers.

    Parameters
    ----------
    columns
        Those of text are looked at.
    decimal
        The decimal sign where the caller says it.
    may_be_european
        Whether a dot may stand between thousands though no comma is seen: where commas do not separate cells.

    Raises
    ------
    DataImportError
        When ``1,234`` may be a thousand or one and a bit, and nothing tells which.

    Examples
    --------
    >>> style_of({"open": pa.array(["11,25", "9,75"]), "volume": pa.array(["1.200", "950"])}, None, "x.csv")
    Style(decimal=',', thousands='.')
    >>> style_of({"open": pa.array(["1,234.50"])}, None, "x.csv")
    Style(decimal='.', thousands=',')
    """
    if decimal not in {None, ".", ","}:
        raise OptionError(f"decimal={decimal!r}: '.' or ',' is needed.")
    texts = {name: column for name, column in columns.items() if pa.types.is_string(column.type)}
    with_sign = {
        sign: [name for name, column in texts.items() if pc.any(pc.match_substring(column, sign)).as_py()]
        for sign in ",."
    }
    # What was read as numbers already has dots for decimals.
    is_read = any(pa.types.is_floating(one.type) for one in columns.values())
    if decimal is not None:
        other = "," if decimal == "." else "."
        return Style(decimal, other if with_sign[other] else "")
    if with_sign[","]:
        dotted = [texts[name] for name in with_sign["."]]
        by_dot = is_read or bool(dotted and not _only_in_groups(dotted))
        return _with_commas([texts[name] for name in with_sign[","]], where, by_dot, bool(dotted) or is_read)
    if may_be_european and with_sign["."]:
        shown = _only_in_groups([texts[name] for name in with_sign["."]])
        if shown:
            raise _unclear(shown, where)
    return Style()


def _with_commas(columns: Sequence[Any], where: str, by_dot: bool, has_dots: bool) -> Style:
    """Return the style where some have commas; ``by_dot``: others surely have a dot for decimals."""
    shown = ""
    for column in columns:
        for text in pc.unique(column).to_pylist():
            if text is None or "," not in text:
                continue
            shown = shown or text
            if "." in text:
                last = "," if text.rfind(",") > text.rfind(".") else "."
                return Style(last, "." if last == "," else ",")
            digits = text.strip().lstrip("+-$€£(").rstrip(")%KMBTkmbt ")
            if _GROUPS.fullmatch(digits) is None or digits.startswith("0"):
                return Style(",", "." if has_dots else "")
            if digits.count(",") > 1:
                return Style(".", ",")
    if by_dot:
        # A dot is in other cells: of the same file, 1,234 is a thousand.
        return Style(".", ",")
    raise _unclear(shown, where)


def _only_in_groups(columns: Sequence[Any]) -> str:
    """Return a number whose dot may stand between thousands, where each of them is so."""
    shown = ""
    for column in columns:
        dotted = column.filter(pc.fill_null(pc.match_substring(column, "."), fill_value=False))
        if not pc.all(pc.match_substring_regex(dotted, r"^[+-]?\d{1,3}(?:\.\d{3})+$")).as_py():
            return ""
        # 1.234.567 has two dots, and 0.123 is no thousand.
        if pc.any(pc.match_substring_regex(dotted, r"^[+-]?0")).as_py():
            return ""
        shown = shown or str(dotted[0].as_py())
    return shown


def _unclear(shown: str, where: str) -> DataImportError:
    problem = f"{shown!r} may be a thousand or a decimal number"
    return refuse(where, problem, "Give decimal='.' or decimal=','.")


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
            problem = f"the column {name!r} holds no numbers ({column.type})"
            raise refuse(where, problem, "Name another one: columns=.") from error
        return made
    if style.is_plain and (fast := _cast(column)) is not None:
        return fast
    if not style.thousands or not pc.any(pc.match_substring(column, style.thousands)).as_py():
        plain = pc.replace_substring(column, ",", ".") if style.decimal == "," else column
        if (fast := _cast(plain)) is not None:
            return fast
    texts = pc.utf8_trim_whitespace(pc.replace_substring_regex(column, _CURRENCY, ""))
    for _ in range(4):  # one between three digits each
        texts = pc.replace_substring_regex(texts, _BLANK, r"\1\2")
    if style.thousands:
        grouped = pc.match_substring_regex(texts, _GROUPED[style.thousands])
        odd = pc.and_(pc.match_substring(texts, style.thousands), pc.invert(grouped))
        odd_rows = np.flatnonzero(pc.fill_null(odd, fill_value=False).to_numpy(zero_copy_only=False))
        if len(odd_rows):
            raise _no_number(column, name, odd_rows, where)
        texts = pc.replace_substring(texts, style.thousands, "")
    if style.decimal == ",":
        texts = pc.replace_substring(texts, ",", ".")
    # Accountants write what is below zero in brackets.
    texts = pc.replace_substring_regex(texts, r"^\((.*)\)$", r"-\1")
    texts = pc.replace_substring_regex(texts, r"^\+", "")
    word = pc.utf8_upper(pc.replace_substring_regex(texts, r"^.*?([KMBTkmbt]?)$", r"\1"))
    scale = np.ones(len(texts))
    for sign, factor in _WORDS.items():
        scale[pc.fill_null(pc.equal(word, sign), fill_value=False).to_numpy(zero_copy_only=False)] = factor
    texts = pc.replace_substring_regex(texts, "[KMBTkmbt]$", "")
    texts = pc.if_else(pc.equal(texts, ""), None, texts)
    numbers = _cast(texts)
    if numbers is None:
        fits = pc.fill_null(pc.match_substring_regex(texts, _PLAIN), fill_value=True)
        raise _no_number(column, name, np.flatnonzero(~fits.to_numpy(zero_copy_only=False)), where)
    # Of decimals in text a product may miss the number that is meant by its last bit.
    made, exact = numbers * scale, np.round(numbers * scale)
    return np.where((scale > 1) & (np.abs(made - exact) < 1e-6 * scale), exact, made)


def _no_number(column: Any, name: str, bad: np.ndarray, where: str) -> DataImportError:
    first = str(column[int(bad[0])].as_py())[:60] if len(bad) else "a cell"
    problem = f"{first!r} in {name!r} ({row_list(bad)}) is no number"
    remedy = (
        "Put these rows right, name another column (columns=), or say the sign: decimal='.' or decimal=','."
    )
    return refuse(where, problem, remedy)


def _cast(texts: Any) -> np.ndarray | None:
    try:
        made: np.ndarray = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return made
