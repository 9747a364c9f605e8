"""Feeds by name: ``"sim://?speed=60&seed=7"`` becomes a feed.

A name is ``NAME``, ``NAME:TARGET`` or ``NAME://TARGET``, with options after a question mark. Feeds of
other packages are found under the entry point group ``mdnb.feeds``: the entry point's name is the feed's
name, its object a subclass of `mdnb.feeds.base.Feed`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import math
import os
import re
import types
import typing
from typing import Any
from urllib.parse import unquote

from mdnb.errors import FeedError, MdnbError, suggest
from mdnb.feeds.base import Feed
from mdnb.secret import Secret

__all__ = [
    "BUILT_IN",
    "DEFAULT_FEED",
    "ENTRY_POINTS",
    "ENVIRONMENT",
    "feed_class",
    "known_feeds",
    "make_feed",
]

BUILT_IN: dict[str, str] = {
    "alpaca": "mdnb.feeds.venues.alpaca:AlpacaFeed",
    "binance": "mdnb.feeds.venues.binance:BinanceFeed",
    "binance_futures": "mdnb.feeds.venues.binance:BinanceFuturesFeed",
    "bybit": "mdnb.feeds.venues.bybit:BybitFeed",
    "ccxt": "mdnb.feeds.venues.ccxt:CcxtFeed",
    "coinbase": "mdnb.feeds.venues.coinbase:CoinbaseFeed",
    "hyperliquid": "mdnb.feeds.venues.hyperliquid:HyperliquidFeed",
    "kraken": "mdnb.feeds.venues.kraken:KrakenFeed",
    "okx": "mdnb.feeds.venues.okx:OkxFeed",
    "projectx": "mdnb.feeds.venues.projectx:ProjectXFeed",
    "replay": "mdnb.recordings:RecordingFeed",
    "sim": "mdnb.feeds.simulator:SimulatorFeed",
}
"""Name to ``module:class``; imported when asked for."""

DEFAULT_FEED = "sim"
ENVIRONMENT = "MDNB_FEED"
"""The environment variable that names the feed where the caller names none."""

ENTRY_POINTS = "mdnb.feeds"

_NAME = re.compile(r"(?P<name>[A-Za-z][\w.-]*)(?::(?://)?(?P<target>.*))?", re.DOTALL)
_PLAIN: dict[Any, Any] = {"str": str, "int": int, "float": float, "bool": bool}
_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def make_feed(name: str | None = None, **overrides: Any) -> Feed:
    """Return a new feed for a name such as ``"sim://?speed=60"`` or ``"replay:day.jsonl?speed=10"``.

    Parameters
    ----------
    name
        None: what the environment variable ``MDNB_FEED`` says, or else the simulator.
    **overrides
        Options that win over those in the name; they need not be text.

    Raises
    ------
    FeedError
        When no feed has the name, or an option is unknown or cannot be understood; the message lists what
        is allowed.

    Examples
    --------
    >>> make_feed("sim://?speed=60&seed=7", rate=2)
    SimulatorFeed(seed=7, speed=60, start='now', hours='auto', rate=2)
    >>> make_feed("sim?sped=60")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    mdnb.errors.FeedError: feed 'sim' has no option 'sped'. Did you mean 'speed'? Allowed: seed, ...
    """
    try:
        return _made(name or os.environ.get(ENVIRONMENT) or DEFAULT_FEED, overrides)
    except MdnbError as error:
        if not name and os.environ.get(ENVIRONMENT):
            error.args = (f"{error} The feed is named by {ENVIRONMENT} of the environment.",)
        # Some tracebacks show variables, and what is in these may be a credential.
        name, overrides = None, {}
        raise error.with_traceback(None) from error.__cause__


def _made(given: str, overrides: dict[str, Any]) -> Feed:
    head, _, query = given.partition("?")
    match = _NAME.fullmatch(head)
    if match is None:
        raise FeedError(f"{_shown(head)} is not the name of a feed. {suggest(head, known_feeds())}")
    kind, target = match["name"], match["target"] or ""
    made = feed_class(kind)
    accepted = _accepted(made)
    options: dict[str, Any] = {}
    for part in filter(None, query.split("&")):
        key, _, text = part.partition("=")
        if key in options:
            raise FeedError(f"feed {kind!r} is given its option {key!r} twice: write it once, {key}=...")
        options[key] = _understood(kind, key, unquote(text), accepted)
    for key in overrides:
        if key not in accepted:
            raise FeedError(_no_option(kind, key, accepted))
    first = next(iter(accepted.values()), None)
    if target:
        if first is None or first.default is not inspect.Parameter.empty:
            hint = f". An address is an option: '{kind}?url=...'" if "url" in accepted else ""
            raise FeedError(
                f"feed {kind!r} takes nothing between its name and its options; got {_shown(target)}{hint}"
            )
        options[first.name] = target
    options |= overrides
    for key, parameter in accepted.items():
        if parameter.default is inspect.Parameter.empty and key not in options:
            raise FeedError(f"feed {kind!r} needs {key!r}: write '{kind}:{key.upper()}'")
    return made(**options)


def known_feeds() -> list[str]:
    """Return the names of all feeds that are installed.

    Examples
    --------
    >>> "sim" in known_feeds()
    True
    """
    return sorted({*BUILT_IN, *(point.name for point in importlib.metadata.entry_points(group=ENTRY_POINTS))})


def feed_class(name: str) -> type[Feed]:
    """Return the class of a feed by its name, without anything after it.

    Raises
    ------
    FeedError
        When no feed has the name, or it cannot be loaded.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found: Any = getattr(importlib.import_module(module), attribute)
    else:
        points = importlib.metadata.entry_points(group=ENTRY_POINTS, name=name)
        if not points:
            raise FeedError(f"there is no feed {name!r}. {suggest(name, known_feeds())}")
        point = next(iter(points))
        try:
            found = point.load()
        except (ImportError, AttributeError) as error:
            raise FeedError(f"feed {name!r} ({point.value}) cannot be loaded: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Feed)):
        raise FeedError(f"feed {name!r} is {found!r}, which does not derive from mdnb.feeds.base.Feed")
    return found


def _accepted(made: type[Feed]) -> dict[str, inspect.Parameter]:
    try:
        signature = inspect.signature(made.__init__, eval_str=True)
    except NameError:
        # Some annotation is imported for the type checker only; the plain ones can still be told by name.
        signature = inspect.signature(made.__init__)
    parameters = list(signature.parameters.values())[1:]
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {parameter.name: parameter for parameter in parameters if parameter.kind in named}


def _no_option(kind: str, key: str, accepted: dict[str, inspect.Parameter]) -> str:
    return f"feed {kind!r} has no option {key!r}. {suggest(key, accepted)}"


def _not_in_name(kind: str, key: str, *, is_secret: bool) -> str:
    # What was given may be a credential.
    how = f"feed=mdnb.make_feed({kind!r}, {key}=...)"
    named = f"option {key!r} of feed {kind!r}"
    said = f"{named} must be given as an argument of make_feed, not in its name: {how}"
    return f"{said}, or in a variable of the environment, which 'mdnb feeds' names" if is_secret else said


def _understood(kind: str, key: str, text: str, accepted: dict[str, inspect.Parameter]) -> Any:
    if key not in accepted:
        raise FeedError(_no_option(kind, key, accepted))
    annotation = _PLAIN.get(accepted[key].annotation, accepted[key].annotation)
    if Secret in _alternatives(annotation):
        raise FeedError(_not_in_name(kind, key, is_secret=True))
    for allowed in _alternatives(annotation):
        try:
            return _convert(allowed, text)
        except ValueError:
            continue
    spelled = _spelled(annotation)
    if not spelled:
        raise FeedError(_not_in_name(kind, key, is_secret=False))
    raise FeedError(f"option {key!r} of feed {kind!r} must be {spelled}; got {_shown(text)}")


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return typing.get_args(annotation)
    return (annotation,)


def _convert(kind: Any, text: str) -> Any:
    """Return what the text stands for; raise ValueError where it cannot be a ``kind``."""
    if typing.get_origin(kind) is typing.Literal:
        return text if text in typing.get_args(kind) else _fail()
    if kind is bool:
        return _WORDS[text.lower()] if text.lower() in _WORDS else _fail()
    if kind is int:
        return int(text)
    if kind is float:
        number = float(text)
        return number if math.isfinite(number) else _fail()
    # An option that is no text, number or choice can only be given as an override.
    return text if kind in (str, inspect.Parameter.empty, Any) else _fail()


def _fail() -> Any:
    raise ValueError


def _spelled(annotation: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    spelled = []
    for allowed in _alternatives(annotation):
        if typing.get_origin(allowed) is typing.Literal:
            spelled += [repr(value) for value in typing.get_args(allowed)]
        elif allowed in names:
            spelled.append(names[allowed])
    return " or ".join(spelled)


def _shown(text: str) -> str:
    # It must not fill the screen; and behind a stroke it may be an address, whose path may be a token.
    head, stroke, _ = text.partition("/")
    text = head.rpartition("@")[2] + "/..." if stroke else text
    return repr(text if len(text) <= 80 else text[:77] + "...")
