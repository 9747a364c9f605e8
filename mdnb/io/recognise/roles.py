"""What the columns of a table mean: by their names or, without names, by what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

__all__ = ["BAR_PRICES", "ROLES", "is_header", "is_in_utc", "plain_name", "repeated", "roles_by_name"]

BAR_PRICES: Final = ("open", "high", "low", "close")

ROLES: Final[dict[str, tuple[str, ...]]] = {
    # Names of the same meaning, the likeliest first.
    "epoch": ("unix", "unixtimestamp", "unixtime", "epoch", "opentimestamp"),
    "time": (
        "timestamp",
        "datetime",
        "opentime",
        "time",
        "date",
        "tsevent",
        "startdate",
        "starttime",
        "start",
        "begin",
        "bucket",
        "gmttime",
        "localtime",
        "ts",
        "t",
        "dt",
        "datum",
        "zeit",
        "fecha",
        "dateheure",
        "data",
        "day",
        "tradingday",
        "index",
        "dtyyyymmdd",
        "ticks",
        "exchtimestamp",
        "transacttime",
        "transactiontime",
        "tradetime",
        "tradetimestamp",
        "exectime",
        "eventtime",
        "tsrecv",
    ),
    "open": (
        "open",
        "o",
        "openprice",
        "priceopen",
        "first",
        "opening",
        "openingprice",
        "eröffnung",
        "erster",
        "startkurs",
    ),
    "high": ("high", "h", "highprice", "pricehigh", "max", "hoch", "höchst", "tageshoch", "dayhigh"),
    "low": ("low", "l", "lowprice", "pricelow", "min", "tief", "tiefst", "tagestief", "daylow"),
    "close": (
        "close",
        "c",
        "closeprice",
        "priceclose",
        "last",
        "closing",
        "closelast",
        "lastprice",
        "price",
        "settle",
        "schluss",
        "schlusskurs",
        "letzter",
    ),
    "volume": (
        "volume",
        "vol",
        "v",
        "totalvolume",
        "basevolume",
        "volumefrom",
        "volumebtc",
        "tradedvolume",
        "totaltradequantity",
        "sharestraded",
        "contracts",
        "qty",
        "quantity",
        "volumen",
        "stücke",
        "stuecke",
        "umsatz",
    ),
    "tick_volume": ("tickvol", "tickvolume"),
    "tick_count": (
        "tickcount",
        "trades",
        "tradecount",
        "numberoftrades",
        "nooftrades",
        "count",
        "barcount",
        "transactions",
        "n",
    ),
    "vwap": ("vwap", "vw", "wap", "average", "weightedaverage"),
    "symbol": ("symbol", "ticker", "sym", "pair", "instrument", "asset", "contract", "code", "product"),
    "timeframe": ("timeframe", "per", "interval", "period"),
    "clock": ("time", "timeofday", "zeit", "uhrzeit", "hour", "timestamp"),
    # Of ticks and quotes.
    "price": ("price", "p", "lastprice", "tradeprice", "px", "last"),
    "size": ("size", "amount", "qty", "quantity", "q", "volume", "vol", "v", "lastsize", "tradesize"),
    "side": ("side", "takerside", "isbuyermaker", "aggressor", "direction", "buysell"),
    "id": ("id", "tradeid", "tid", "aggtradeid", "aggid"),
    "bid": ("bid", "bidprice", "bestbid", "bidpx", "bidclose"),
    "ask": ("ask", "askprice", "bestask", "askpx", "offer", "askclose"),
    "bid_size": ("bidsize", "bidvolume", "bidqty", "bestbidqty", "bidvol"),
    "ask_size": ("asksize", "askvolume", "askqty", "bestaskqty", "askvol"),
}

_TIME_WORDS: Final = re.compile(
    r"(?P<zone>utc|gmt)?(?P<what>[a-z]+?)(?P<behind>utc|gmt|z|eet|cet|est|edt|et|local)?(?:ms|us|ns|sec|s)?$"
)
_DATES: Final = ("date", "datum", "fecha", "day", "tradingday", "data", "dtyyyymmdd")
_CLOCKS: Final = frozenset(ROLES["clock"])
_NOT_PLAIN: Final = re.compile(r"[\W_]+")
_NUMBERED: Final = re.compile(r"^\s*\d+[a-z]?\. ")  # Alpha Vantage: "1. open", "4a. close (USD)"
_BASE_VOLUME: Final = re.compile(r"^volume([a-z0-9]{2,6})$")
_QUOTES: Final = frozenset(
    {"usd", "usdt", "usdc", "busd", "eur", "gbp", "jpy", "krw", "quote", "to", "ma", "pct"}
)


def plain_name(name: str) -> str:
    """Return a column's name in small letters, without blanks, brackets and signs.

    Examples
    --------
    >>> plain_name("<TICKVOL>"), plain_name(" Open Price "), plain_name("1. open")
    ('tickvol', 'openprice', 'open')
    """
    return _NOT_PLAIN.sub("", _NUMBERED.sub("", name)).casefold()


def is_in_utc(name: str) -> bool:
    """Return whether the name of a column of times says that they are in UTC.

    Examples
    --------
    >>> is_in_utc("time_utc"), is_in_utc("Gmt time"), is_in_utc("Date (UTC)"), is_in_utc("local time")
    (True, True, True, False)
    """
    found = _TIME_WORDS.match(plain_name(name))
    said = found is not None and (found["zone"] or found["behind"])
    return said in ("utc", "gmt")


def _bare_time(name: str) -> str:
    """Return the plain name of a column of times without what it says of zone and unit: time_utc, ts_ms."""
    found = _TIME_WORDS.match(name)
    return found["what"] if found is not None and len(found["what"]) > 1 else name


def roles_by_name(names: Sequence[str], wanted: Iterable[str]) -> dict[str, int]:
    """Return the place of the column for each role that is there, the likeliest name of each first.

    Parameters
    ----------
    names
        As the file calls its columns.
    wanted
        Roles of `ROLES`; a column has one of them at most, and those named first choose first.

    Examples
    --------
    >>> roles_by_name(["<DATE>", "<TIME>", "<OPEN>", "<CLOSE>"], ["time", "clock", "open", "close"])
    {'time': 0, 'clock': 1, 'open': 2, 'close': 3}
    """
    plain = [plain_name(name) for name in names]
    exact = {name: place for place, name in reversed(list(enumerate(names)))}
    places: dict[str, int] = {}
    for role in wanted:
        taken = set(places.values())
        free = {name: place for place, name in reversed(list(enumerate(plain))) if place not in taken}
        # Of Binance's "L" and "l" the small one is the low.
        free |= {name: exact[name] for name in free.keys() & exact.keys() if exact[name] not in taken}
        # A clock stands beside a date, and only there.
        if role == "clock" and ("time" not in places or plain[places["time"]] not in _DATES):
            continue
        if (place := _place_of(role, free)) is not None:
            places[role] = place
    if "time" not in places and len(plain) > 1 and plain[0] == "":
        places["time"] = 0  # as pandas writes an index without a name
    return places


def _place_of(role: str, free: Mapping[str, int]) -> int | None:
    if role == "time" and _CLOCKS & free.keys():
        # Of a date and a clock the date comes first.
        for name in _DATES:
            if name in free:
                return free[name]
    if role == "volume":
        # Of two volumes that of the coin, such as volume_btc, not that of the money.
        of_base = [place for name, place in free.items() if _is_of_base(name)]
        if of_base and sum(name.startswith("volume") for name in free) > 1:
            return min(of_base)
    found = next((free[name] for name in ROLES[role] if name in free), None)
    if found is None and role == "time":
        bare = {_bare_time(name): free[name] for name in reversed(list(free))}
        found = next((bare[name] for name in ROLES[role] if name in bare), None)
    return found


def _is_of_base(name: str) -> bool:
    found = _BASE_VOLUME.match(name)
    return found is not None and found[1] not in _QUOTES and not found[1].isdigit()


def repeated(names: Sequence[str], places: Mapping[str, int]) -> dict[str, list[int]]:
    """Return the places of each role whose column's name is there more than once.

    Examples
    --------
    >>> repeated(["time", "close", "Close"], {"time": 0, "close": 1})
    {'close': [1, 2]}
    """
    plain = [plain_name(name) for name in names]
    same = {
        role: [at for at, name in enumerate(plain) if name == plain[place]]
        for role, place in places.items()
        if len(plain[place]) > 1
    }
    return {role: held for role, held in same.items() if len(held) > 1}


def is_header(cells: Sequence[str]) -> bool:
    """Return whether the cells of a line are names of columns of bars, trades or quotes.

    Examples
    --------
    >>> is_header(["Date", "Price", "Open", "High", "Low", "Vol."]), is_header(["2024-01-02", "1", "2"])
    (True, False)
    """
    found = roles_by_name(cells, ["epoch", "time", *BAR_PRICES])
    has_time = "time" in found or "epoch" in found
    if has_time and found.keys() >= set(BAR_PRICES):
        return True
    ticks: Mapping[str, int] = roles_by_name(cells, ["epoch", "time", "price", "size", "bid", "ask"])
    has_time = "time" in ticks or "epoch" in ticks
    return has_time and ("price" in ticks or {"bid", "ask"} <= ticks.keys())
