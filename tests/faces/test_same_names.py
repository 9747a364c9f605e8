"""The four faces, of a live market, a suite and a symbol of each, have the same names and arguments."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from mdnb.manager import RealtimeDataManager
from mdnb.manager.forward import Forward, LaterValue, Plain, PlainValue
from mdnb.market import LiveMarket, LiveSymbol
from mdnb.suite import SuiteSymbol, TradingSuite
from mdnb.sync_manager import SyncDataManager

# What differs, and why: everything else is the same on all four.
ONLY = {
    "LiveMarket": {
        "close": "the plain face is closed, the awaited one disconnected",
        "of": "another symbol, typed",
    },
    "LiveSymbol": {},
    "TradingSuite": {
        "create": "a suite is awaited into being; a live market is made by mdnb.live",
        "disconnect": "the plain face is closed, the awaited one disconnected",
        "of": "another symbol, typed",
    },
    "SuiteSymbol": {},
}
AWAITED = {
    "price", "last", "quote", "bid", "ask",
    "alignment", "add_timeframe", "remove_timeframe", "export", "load", "load_ticks", "record", "depth",
    "on", "once", "off", "save", "wait_for", "wait_ended",
}  # fmt: skip
"""What may have to wait: plain on the plain faces, awaited on the others."""
ITERATORS = {"events"}
"""An iterator here, an asynchronous one there."""
FACES = (LiveMarket, LiveSymbol, TradingSuite, SuiteSymbol)


def _names(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def _raw(kind: type, name: str) -> Any:
    return next(vars(base)[name] for base in kind.__mro__ if name in vars(base))


def _method(kind: type, name: str) -> Any:
    raw = _raw(kind, name)
    if isinstance(raw, Forward | Plain):
        return inspect.unwrap(raw.method)
    return raw.fget if isinstance(raw, property) else raw


def _parameters(method: Any) -> list[tuple[str, Any, Any, Any]]:
    taken = inspect.signature(method).parameters.values()
    return [(each.name, each.kind, each.default, each.annotation) for each in taken if each.name != "self"]


@pytest.mark.parametrize("kind", FACES)
def test_a_face_has_the_names_of_all_faces_and_those_listed(kind: type) -> None:
    shared = set.intersection(*(_names(each) for each in FACES))
    assert _names(kind) - shared == set(ONLY[kind.__name__])
    wanted = {"export", "load", "alignment", "price", "quote", "bid", "ask", "last", "chart", "panel"}
    wanted |= {"dashboard", "on", "off", "once", "wait_for", "events", "accounting", "wait_ended"}
    wanted |= {"timeframes", "add_timeframe", "remove_timeframe", "alert", "alerts", "depth", "tape", "watch"}
    assert wanted <= shared


@pytest.mark.parametrize("name", sorted(set.intersection(*(_names(each) for each in FACES))))
def test_a_name_takes_the_same_arguments_on_all_faces(name: str) -> None:
    raws = [_raw(kind, name) for kind in FACES]
    if isinstance(raws[0], PlainValue):
        assert [type(raw) for raw in raws] == [PlainValue, PlainValue, LaterValue, LaterValue]
        assert name in AWAITED
        return
    taken = [_parameters(_method(kind, name)) for kind in FACES]
    assert taken.count(taken[0]) == len(FACES)
    plain, awaited = _method(LiveMarket, name), _method(TradingSuite, name)
    hints = [method.__annotations__["return"] for method in (plain, awaited)]
    if name == "playback":
        assert hints == ["PlainPlayback", "AwaitedPlayback"]
        return
    if name in ITERATORS:
        assert hints == ["Iterator[Event]", "AsyncIterator[Event]"]
        return
    assert hints[0] == hints[1]
    waits = inspect.iscoroutinefunction(awaited)
    assert waits == (name in AWAITED)
    if waits and name not in {"on", "once", "off", "wait_for"}:  # these have two ways of being called back
        assert isinstance(raws[0], Plain)
        assert plain is awaited


def test_the_two_managers_have_the_same_names_and_arguments() -> None:
    assert _names(SyncDataManager) == _names(RealtimeDataManager)
    for name in _names(SyncDataManager):
        assert _method(SyncDataManager, name) is _method(RealtimeDataManager, name) or isinstance(
            _raw(SyncDataManager, name), property
        )
        waits = inspect.iscoroutinefunction(_method(RealtimeDataManager, name))
        assert isinstance(_raw(SyncDataManager, name), Plain) == waits


@pytest.mark.parametrize("kind", FACES)
def test_every_name_of_a_face_is_told_of(kind: type) -> None:
    silent = [name for name in _names(kind) if not (inspect.getdoc(_raw(kind, name)) or "").strip()]
    assert not silent
