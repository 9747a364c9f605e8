"""What stays as it is says so, and what to do instead."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, strategies as st

import mdnb
from mdnb.analysis.indicators import Indicator
from mdnb.config import DataManagerConfig
from mdnb.frozen import FixedList, FixedMapping
from mdnb.instruments import Instrument
from mdnb.timeframes import Timeframe
from mdnb.types import Bar, Gap, Price, Quote, Tick
from mdnb.validate.rules import ValidationRules

FROZEN: tuple[Any, ...] = (
    Tick("X", 0, 1.0, 2.0),
    Quote("X", 0, 1.0, 1.0, 2.0, 1.0),
    Bar("X", "1min", 0, 1.0, 1.0, 1.0, 1.0, 1.0, 1),
    Gap("X", 0, 1, False, "reconnect"),
    DataManagerConfig(),
    Instrument("X"),
    Timeframe.parse("1min"),
    ValidationRules(),
    Indicator("ema"),
)


@pytest.mark.parametrize("record", FROZEN, ids=lambda one: type(one).__name__)
def test_a_frozen_record_says_that_it_is_one(record: Any) -> None:
    kind, field = type(record).__name__, dataclasses.fields(record)[0].name
    with pytest.raises(
        dataclasses.FrozenInstanceError, match=rf"^{kind} has no 'qqqq'; got 1\. It is frozen"
    ):
        record.qqqq = 1
    with pytest.raises(AttributeError, match=rf"^{kind}\.{field} is frozen; got 1\. dataclasses\.replace\("):
        setattr(record, field, 1)
    with pytest.raises(AttributeError, match=rf"Did you mean '{field}'\?"):
        setattr(record, f"{field}s" if not field.endswith("s") else f"{field}x", 1)
    for name in (field, "qqqq"):
        with pytest.raises(AttributeError, match="cannot be deleted"):
            delattr(record, name)
    for again in (copy.copy(record), copy.deepcopy(record), pickle.loads(pickle.dumps(record))):
        assert again == record
    assert dataclasses.replace(record) == record


def test_what_follows_from_fields_is_not_set() -> None:
    with pytest.raises(AttributeError, match=r"^Quote\.spread follows from its fields; got 3\.$"):
        FROZEN[1].spread = 3


def test_a_price_stays_as_it_is() -> None:
    price = Price(10.25, "X", 5, 0.5, "UTC", 2)
    with pytest.raises(AttributeError, match=r"^Price\.age is of the moment of the price; got 1\."):
        price.age = 1
    with pytest.raises(AttributeError, match=r"^Price has no 'agee'; got 1\. Did you mean 'age'\?"):
        price.agee = 1  # type: ignore[attr-defined]  # on purpose
    with pytest.raises(AttributeError, match=r"^Price\.age cannot be deleted"):
        del price.age
    for again in (copy.copy(price), copy.deepcopy(price), pickle.loads(pickle.dumps(price))):
        assert (again, type(again), again.age, again.symbol, again.decimals) == (price, Price, 0.5, "X", 2)


CHANGES: tuple[Callable[[Any], Any], ...] = (
    lambda held: held.append("5min"),
    lambda held: held.extend(["5min"]),
    lambda held: held.insert(0, "5min"),
    lambda held: held.remove("1min"),
    lambda held: held.pop(),
    lambda held: held.clear(),
    lambda held: held.sort(),
    lambda held: held.reverse(),
    lambda held: held.__setitem__(0, "5min"),
    lambda held: held.__delitem__(0),
    lambda held: held.__iadd__(["5min"]),
    lambda held: held.__imul__(2),
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_fixed_list_refuses_every_change(change: Callable[[Any], Any]) -> None:
    held = FixedList(["1min", "1hour"], "Do this.")
    with pytest.raises(TypeError, match=r"to change it would change nothing\. Do this\.$"):
        change(held)
    assert held == ["1min", "1hour"]


@given(st.lists(st.integers()))
def test_a_fixed_list_is_equal_to_a_list_and_its_copies_are_anybodys(values: list[int]) -> None:
    held = FixedList(values, "")
    assert held == values
    assert values == held
    assert ([*held, 1], held[:2], list(reversed(held))) == ([*values, 1], values[:2], values[::-1])
    for again in (copy.copy(held), copy.deepcopy(held), pickle.loads(pickle.dumps(held)), held.copy()):
        assert type(again) is list
        assert again == values


def test_a_fixed_mapping_refuses_every_change() -> None:
    held = FixedMapping({"a": 1}, "Do this.")
    for change in (
        lambda: held.__setitem__("b", 2),
        lambda: held.__delitem__("a"),
        lambda: held.update(b=2),
        lambda: held.setdefault("b", 2),
        lambda: held.pop("a"),
        held.popitem,
        held.clear,
        lambda: held.__ior__({"b": 2}),
    ):
        with pytest.raises(TypeError, match=r"would be lost\. Do this\.$"):
            change()
    assert held == {"a": 1} == copy.deepcopy(held)
    assert type(copy.copy(held)) is dict


def test_nothing_that_is_done_to_a_frame_comes_back() -> None:
    with mdnb.live("MNQ", ["1min"], initial_days=0.1, progress=False) as live:
        with pytest.raises(TypeError, match=r'Change a copy of this moment: bars = live\["1min"\]\.frame$'):
            live["1min"].attrs["mine"] = 1
        for bars in (live["1min"].frame, live.data.get_data("1min"), live["1min"].closed):
            bars.attrs["mine"] = 1
            bars.index.name = "when"
            bars.columns.name = "what"
        for bars in (live["1min"].frame, live.data.get_data("1min"), live["1min"].closed):
            assert (bars.index.name, bars.columns.name, "mine" in bars.attrs) == ("timestamp", None, False)
        live["1min"].index.name = "when"
        assert live["1min"].index.name == "timestamp"
        with pytest.raises(
            TypeError, match=r"Write live\.add_timeframe\('15min'\) or live\.remove_timeframe"
        ):
            live.timeframes.append("5min")
        assert live.timeframes == ["1min"]


def test_what_would_be_empty_by_its_arguments_is_an_error() -> None:
    with mdnb.live("MNQ", ["1min", "5min"], initial_days=0.1, progress=False) as live:
        last = live["1min"].index[-1]
        first = last - pd.Timedelta("5min")
        for options in ({}, {"with_times": True}, {"as_of": last}, {"with_contract": True}):
            assert len(live.data.get_data("1min", start_time=first, end_time=first, **options)) <= 1
            with pytest.raises(mdnb.OptionError, match=r"start_time=.* is after end_time=.*: no bar starts"):
                live.data.get_data("1min", start_time=last, end_time=first, **options)
        for nothing in ([], ()):
            with pytest.raises(mdnb.OptionError, match=r"timeframes names none to look at; .* 1min, 5min"):
                live.alignment(timeframes=nothing)


def test_what_listens_takes_no_attribute_that_it_has_not() -> None:
    with mdnb.live("MNQ", ["1min"], initial_days=0, progress=False) as live:
        for held in (live.on("new_bar", print), live.events("new_bar")):
            with pytest.raises(AttributeError, match="paused"):
                held.paused = True
            held.close()

    async def main() -> None:
        async with await mdnb.TradingSuite.create("MNQ", ["1min"], initial_days=0) as suite:
            for held in (await suite.on("new_bar", print), suite.events("new_bar")):
                with pytest.raises(AttributeError, match="paused"):
                    held.paused = True

    asyncio.run(main())
