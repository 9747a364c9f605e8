"""File names: from a symbol to a name that is safe on every system, and no way out of a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from mdnb.errors import OptionError, SymbolError

__all__ = ["default_name", "inside", "is_lines", "is_tabbed", "local_path", "safe_name", "symbol_of"]

_LONGEST_NAME: Final = 120
_RESERVED: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE
)
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:/")


def safe_name(symbol: str) -> str:
    """Return ``symbol`` as a file name: percent-encoded, one name a symbol, readable where it can be.

    Raises
    ------
    SymbolError
        Empty, ``.``, ``..`` or longer than 120 characters once encoded.

    Examples
    --------
    >>> safe_name("MNQ"), safe_name("BTC/USD"), safe_name("../etc"), safe_name("CON")
    ('MNQ', 'BTC%2FUSD', '%2E.%2Fetc', '%43ON')
    """
    if symbol in {"", ".", ".."}:
        raise SymbolError(f"{symbol!r} cannot name a file. A symbol is a text such as 'MNQ' or 'BTC/USD'.")
    # quote() leaves letters, digits and _.-~ alone; ~ at the start means a home folder to a shell.
    name = quote(symbol, safe="", errors="surrogatepass").replace("~", "%7E")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if name.endswith("."):
        name = name[:-1] + "%2E"
    if _RESERVED.fullmatch(unquote(name)):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if len(name) > _LONGEST_NAME:
        raise SymbolError(
            f"The symbol {symbol[:40]!r}... needs {len(name)} characters as a file name; "
            f"at most {_LONGEST_NAME} are safe everywhere."
        )
    return name


def symbol_of(name: str) -> str:
    """Return the symbol that :func:`safe_name` made ``name`` of.

    Examples
    --------
    >>> symbol_of("BTC%2FUSD")
    'BTC/USD'
    """
    return unquote(name, errors="surrogatepass")


def default_name(symbol: str, timeframe: str, suffix: str) -> str:
    """Return the file name of one timeframe of one symbol; ``suffix`` as in ``"csv"``.

    Examples
    --------
    >>> default_name("BTC/USD", "1min", "parquet")
    'BTC%2FUSD_1min.parquet'
    """
    return f"{safe_name(symbol)}_{safe_name(timeframe)}.{suffix.lstrip('.')}"


def inside(folder: str | os.PathLike[str], name: str) -> Path:
    """Return ``folder/name``, refusing a name that leads out of the folder, by ``..`` or by a link.

    Raises
    ------
    OptionError
        The path would not lie directly inside ``folder``.
    """
    base = Path(folder).resolve()
    path = base / name if "\0" not in name else base
    if path == base or path.parent != base or not path.resolve().is_relative_to(base):
        raise OptionError(f"{name!r} is not a plain file name inside {base}; make one with safe_name().")
    return path


def is_tabbed(filename: str | os.PathLike[str]) -> bool:
    """Return whether the name says that tabs separate the cells.

    Examples
    --------
    >>> is_tabbed("bars.tsv.gz"), is_tabbed("bars.csv")
    (True, False)
    """
    return _ends(filename, (".tsv",))


def is_lines(filename: str | os.PathLike[str]) -> bool:
    """Return whether the name says that each line is a JSON object of its own.

    Examples
    --------
    >>> is_lines("bars.jsonl"), is_lines("bars.ndjson.gz"), is_lines("bars.json")
    (True, True, False)
    """
    return _ends(filename, (".jsonl", ".ndjson"))


def _ends(filename: str | os.PathLike[str], endings: tuple[str, ...]) -> bool:
    return os.fsdecode(filename).lower().removesuffix(".gz").removesuffix(".zst").endswith(endings)


def local_path(filename: str | os.PathLike[str]) -> Path:
    """Return ``filename`` as a path on this machine, ``~`` expanded.

    Raises
    ------
    OptionError
        It is a URL (nothing is ever fetched), empty, or holds a NUL character.
    """
    try:
        text = os.fsdecode(filename)
    except TypeError:
        text = ""
    if not text.strip() or "\0" in text:
        raise OptionError(f"{filename!r} is not a file name. Give a path such as 'mnq_1min.csv'.")
    if _URL.match(text):
        raise OptionError(
            f"{text[:80]!r} is a URL; files are read and written on this machine only. Download it first, "
            "then give the path."
        )
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise OptionError(f"{text!r}: {error}") from error
