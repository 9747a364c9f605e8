"""Records: an equality in which nan equals nan, how they are shown, and how our own code makes them."""

from __future__ import annotations

import ast
import copy
import dataclasses
import importlib
import itertools
import pickle
import pkgutil
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, strategies as st

import mdnb
from mdnb.analysis.trend import TimeframeTrend
from mdnb.depth import BookLevel, OrderBookView
from mdnb.instruments import Instrument
from mdnb.number_format import decimals_needed, number_text, price_text, size_text
from mdnb.records import FrozenDict, Record, Role, role_of
from mdnb.runtime.live.records import quote_of, tick_of
from mdnb.types import Bar, MarketSnapshot, Price, Quote, Tick
from tests.manager.hand import START, HandFeed, minutes, trade

PACKAGE = Path(mdnb.__file__).parent
_POSITIONS = 5
TIME = START + 123_456_789


def kinds() -> list[type[Record]]:
    """Return every kind of record there is, of every module of the package."""
    for module in pkgutil.walk_packages([str(PACKAGE)], "mdnb."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    def below(kind: type[Record]) -> Iterator[type[Record]]:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    # A dataclass with slots is made anew, and the first one is a subclass still.
    made = {(kind.__module__, kind.__name__): kind for kind in below(Record) if "__slots__" in vars(kind)}
    return [kind for (module, _), kind in sorted(made.items()) if module.startswith("mdnb.")]


KINDS = kinds()


def fields(kind: type[Record]) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)  # type: ignore[arg-type]  # every record is a dataclass


def made_of(kind: type[Record], number: float) -> Record:
    """Return a record whose floats are all the same number, each an object of its own."""

    def value(field: dataclasses.Field[Any]) -> Any:
        text = str(field.type)
        if text == "float":
            return number + 0.0
        if text.startswith("tuple[float"):
            return number + 0.0, number + 0.0
        if "TimeframeTrend" in text:
            return FrozenDict({"1min": made_of(TimeframeTrend, number)})
        if field.name == "method":
            return "tau"
        if field.name in ("weights", "readings"):
            return FrozenDict({"1min": number + 0.0})
        if text.startswith("Mapping"):
            return FrozenDict({"price": number + 0.0} if "float" in text or "Any" in text else {"a": 1})
        if text.startswith("int"):
            return TIME if field.name.endswith("_ns") else 3
        return {"bool": True, "str": "UTC"}.get(text) or (() if text.startswith("tuple") else None)

    given_values = {field.name: value(field) for field in fields(kind) if field.name != "decimals"}
    return kind(**given_values)


def shown(record: Record) -> dict[str, str]:
    """Return the table that a notebook shows, by name."""
    cells = re.findall(r"<th[^>]*>(.*?)</th><td[^>]*>(.*?)</td>", record._repr_html_())
    return dict(cells)


# Equality


def test_there_are_the_records_that_we_know() -> None:
    names = {kind.__name__ for kind in KINDS}
    assert {"Tick", "Quote", "Bar", "MarketSnapshot", "OrderBookView", "Accounting", "Gap"} <= names
    assert {"DataFault", "CleanupReport", "DataStatistics", "TimeframeTrend", "ImportResult"} <= names


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_record_equals_one_with_the_same_values_also_where_they_are_nan(kind: type[Record]) -> None:
    for number in (1.5, float("nan")):
        # Floats of their own: Python 3.12 and before call one and the same nan equal to itself.
        record, other = made_of(kind, float(str(number))), made_of(kind, float(str(number)))
        assert record == other
        assert hash(record) == hash(other)
        assert pickle.loads(pickle.dumps(record)) == copy.deepcopy(record) == record
    assert made_of(kind, 1.5) != made_of(kind, 1.5).asdict()
    assert "__eq__" not in vars(kind), "give its dataclass eq=False: Record has the equality"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_record_differs_where_one_value_does(kind: type[Record]) -> None:
    record = made_of(kind, float("nan"))
    for field in fields(kind):
        if field.compare:
            other: Any = dataclasses.replace(record, **{field.name: "another"})  # type: ignore[type-var]  # as above
            assert record != other, field.name
    floats = any("float" in str(field.type) for field in fields(kind))
    assert (made_of(kind, float("nan")) == made_of(kind, 1.5)) is not floats


def test_a_record_can_be_a_key_and_is_one_of_a_kind() -> None:
    tick = Tick("MNQ", TIME, float("nan"), 1.0)
    assert {tick: 1}[Tick("MNQ", TIME, float("nan"), 1)] == 1
    assert len({tick, Tick("MNQ", TIME, float("nan"), 1.0), Tick("MNQ", TIME, 1.0, 1.0)}) == 2


def test_how_a_record_is_shown_is_no_part_of_what_it_is() -> None:
    assert Tick("MNQ", TIME, 1.5, 1.0, decimals=2) == Tick("MNQ", TIME, 1.5, 1.0)
    assert "decimals" not in repr(Tick("MNQ", TIME, 1.5, 1.0, decimals=2))
    assert "decimals" not in Tick("MNQ", TIME, 1.5, 1.0, decimals=2)


# Being shown


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_figure_says_by_its_name_what_it_is(kind: type[Record]) -> None:
    """A float without a role would be shown to six digits: 75888.17 as 75,888.2."""
    floats = [
        field.name for field in fields(kind) if "float" in str(field.type) and "Map" not in str(field.type)
    ]
    properties = {name: value for name, value in vars(kind).items() if isinstance(value, property)}
    floats += [
        name for name, value in properties.items() if "float" in str(value.fget.__annotations__["return"])
    ]
    unknown = [name for name in floats if role_of(name) is None and name != "null_band"]
    assert not unknown
    times = [field.name for field in fields(kind) if field.name.endswith("_ns")]
    assert all(role_of(name) is Role.TIME for name in times)
    # Each instant can be read as a time too, under the name that is shown.
    assert all(hasattr(kind, name.removesuffix("_ns")) or name == "time_ns" for name in times)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_record_shows_nanoseconds(kind: type[Record]) -> None:
    record = made_of(kind, 1.5)
    for text in (record._repr_html_(), str(record)):
        assert f"{TIME:,}" not in text
        assert str(TIME) not in text
    if any(field.name.endswith("_ns") for field in fields(kind)) and kind.__name__ != "TimeframeAlignment":
        assert "2026-03-02 14:00:00.123456789+00:00" in record._repr_html_()


def test_prices_have_the_decimals_of_the_instrument_and_times_the_zone() -> None:
    bitcoin = Instrument("BTC-USD", 0.01)
    quote = quote_of((TIME, 75888.1, 0.25, 75888.17, 3.0), bitcoin, "America/Chicago", age=0.25)
    assert shown(quote) == {
        "symbol": "BTC-USD",
        "time": "2026-03-02 08:00:00.123456789-06:00",
        "bid": "75,888.10",
        "bid_size": "0.25",
        "ask": "75,888.17",
        "ask_size": "3",
        "age": "0.250 s",
        "spread": "0.07",
        "mid": "75,888.135",
    }
    tick = tick_of((TIME, 20959.75, 2.0, 1, -1, 1_234_567), Instrument("MNQ", 0.25), "UTC")
    assert shown(tick)["price"] == "20,959.75"
    assert shown(tick)["size"] == "2"
    assert shown(tick)["trade_id"] == "1234567"
    assert "price=20,959.75" in str(tick)
    assert "price=20959.75" in repr(tick)


def test_without_a_tick_size_decimals_are_those_of_the_prices() -> None:
    quote = Quote("SHIB-USD", TIME, 1.2e-5, 1e9, 1.21e-5, 12.0)
    assert (shown(quote)["bid"], shown(quote)["ask"]) == ("0.0000120", "0.0000121")
    assert (shown(quote)["bid_size"], shown(quote)["spread"]) == ("1,000,000,000", "0.0000001")
    bar = Bar("X", "1min", TIME, 1.5, 2.25, 1.0, 2.0, 3.0, 4, vwap=1.7512345)
    assert [shown(bar)[name] for name in ("open", "high", "low", "close", "vwap")] == [
        "1.50",
        "2.25",
        "1.00",
        "2.00",
        "1.751",
    ]
    assert shown(Bar("X", "1min", TIME, 1.0, 1.0, 1.0, 1.0, 0.0, 0))["vwap"] == "–"


def test_a_price_is_a_float_and_shows_its_decimals() -> None:
    price = Price(75888.1, symbol="BTC-USD", decimals=2)
    assert (price, f"{price}", repr(price), price._repr_html_()) == (
        75888.1,
        "75888.10",
        "75888.10",
        "75,888.10",
    )
    assert f"{price:.1f}" == "75888.1"
    assert float(repr(price)) == price
    assert repr(Price(1.2e-5)) == "0.000012"
    assert repr(Price(75888.123, decimals=2)) == "75888.123"
    again = pickle.loads(pickle.dumps(price))
    assert (again, again.decimals, again.symbol) == (price, 2, "BTC-USD")


def test_an_order_book_is_shown_as_a_ladder() -> None:
    bids, asks = ((BookLevel(100.5, 2.0, decimals=2),), (BookLevel(100.75, 1.5, decimals=2),))
    view = OrderBookView("<X>", TIME, bids, asks, 0.1, decimals=2)
    page = view._repr_html_()
    assert "<td>ask</td><td>100.75</td><td>1.5</td>" in page
    assert "<td>bid</td><td>100.50</td><td>2.0</td>" in page
    assert "&lt;X&gt; 2026-03-02 14:00:00.123456789+00:00" in page
    assert shown(bids[0]) == {"price": "100.50", "size": "2"}
    assert "no levels" in OrderBookView("X", TIME, (), ())._repr_html_()


@given(st.decimals(min_value="0.000001", max_value="999999", places=6, allow_nan=False, allow_infinity=False))
def test_decimals_needed_are_those_that_were_written(written: Decimal) -> None:
    needed = decimals_needed([float(written)])
    assert Decimal(f"{float(written):.{needed}f}") == written
    assert needed == 0 or Decimal(f"{float(written):.{needed - 1}f}") != written
    assert Decimal(price_text(float(written), needed).replace(",", "")) == written
    assert Decimal(size_text(float(written)).replace(",", "")) == written


def test_what_is_no_number_is_a_dash() -> None:
    texts = [price_text(float("nan"), 2), size_text(float("inf")), number_text(float("nan"))]
    assert texts == ["–", "–", "–"]
    assert size_text(1e-12) == "1e-12"
    assert number_text(12_345_678.9) == "12,345,678.90"


# A running market


def test_the_records_of_a_market_show_its_decimals_and_its_zone() -> None:
    feed = HandFeed(minutes(-5, 5), instrument=Instrument("X", 0.01))
    with mdnb.live("X", ["1min"], feed=feed, initial_days=1, tz="America/Chicago", progress=False) as market:
        market.data.subscribe_to_level2()
        feed.trades(trade(1, 75888.1, 0.5, 1))
        feed.quotes((START, 75888.1, 1.0, 75888.17, 2.0))
        feed.depth([(75888.1, 1.0)], [(75888.17, 1.0)])
        data = market.data
        snapshot = data.get_market_snapshot()
        assert isinstance(snapshot, MarketSnapshot)
        assert snapshot.session_start == pd.Timestamp(snapshot.session_start_ns, tz="UTC")
        pages = {
            "quote": data.get_current_quote()._repr_html_(),
            "tick": data.get_latest_tick()._repr_html_(),
            "recent": data.get_recent_ticks(1)[0]._repr_html_(),
            "price": data.get_current_price()._repr_html_(),
            "snapshot": snapshot._repr_html_(),
            "book": data.get_order_book()._repr_html_(),
            "level": data.get_order_book().bids[0]._repr_html_(),
            "bar": market["1min"].forming._repr_html_(),  # type: ignore[union-attr]  # a bar is being made
            "statistics": data.get_tick_statistics()._repr_html_(),
            "card": market._repr_html_(),
        }
        stats = shown(data.get_timeframe_stats("1min"))
    assert [name for name, page in pages.items() if "75,888.10" not in page] == []
    assert all("75,888.17" in pages[name] for name in ("quote", "snapshot", "book"))
    assert all("2026-03-02 08:00:0" in pages[name] for name in ("quote", "tick", "snapshot", "bar"))
    assert (stats["last_update"], stats["bars_in_memory"]) == ("2026-03-02 08:00:01-06:00", "6")


@pytest.mark.parametrize("source", ["trades", "quotes"])
def test_a_market_without_a_tick_size_shows_the_decimals_seen(source: str) -> None:
    feed = HandFeed(instrument=Instrument("X"))
    feed.source = source  # type: ignore[assignment]  # one of those allowed
    with mdnb.live("X", ["1min"], feed=feed, initial_days=0, progress=False) as market:
        assert market.data.engine.instrument.decimals == 2
        if source == "trades":
            feed.trades(trade(1, 1.2e-5, 1e6, 1))
        else:
            feed.quotes((START, 1.1e-5, 1.0, 1.2e-5, 2.0))
        assert market.data.engine.instrument.decimals == 6
        for page in (market._repr_html_(), market["1min"]._repr_html_()):
            # The middle of the two quotes lies between two prices.
            assert ("0.000012" if source == "trades" else "0.0000115") in page
        if source == "trades":
            # Once more decimals were seen they stay, though 64 updates may pass before they are.
            feed.trades(trade(2, 1.25e-5, 1e6, 2))
            assert shown(market.data.get_latest_tick())["price"] == "0.0000125"
            for i in range(70):
                feed.trades(trade(3 + i / 100, 1.2e-5, 1e6, 3 + i))
            assert market.data.engine.instrument.decimals == 7
            assert shown(market.data.get_latest_tick())["price"] == "0.0000120"


def test_a_live_frame_shows_counts_and_whole_lots_without_decimals() -> None:
    feed = HandFeed(minutes(-3, 3), instrument=Instrument("X", 0.25, whole_lots=True))
    with mdnb.live("X", ["1min"], feed=feed, initial_days=1, progress=False) as market:
        page = market["1min"]._repr_html_()
    assert "<td>100.50</td>" in page
    assert "<td>10</td>" in page
    assert "<td>5</td>" in page
    assert "10.00" not in page


# How our code makes them


def calls() -> Iterator[tuple[str, ast.Call]]:
    names = {kind.__name__ for kind in KINDS} | {"Price", "BarColumns"}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield f"{path.relative_to(PACKAGE)}:{node.lineno} {node.func.id}", node


def test_records_are_made_by_keyword_from_six_fields_up() -> None:
    found = dict(calls())
    assert len(found) > len(KINDS)
    by_position = [
        where
        for where, call in found.items()
        if len(call.args) > _POSITIONS or any(isinstance(each, ast.Starred) for each in call.args)
    ]
    assert not by_position, "two floats exchanged by position are seen by nobody"


def test_ticks_quotes_and_bars_are_made_in_one_place_each() -> None:
    places = {
        kind: sorted({where.split(":")[0] for where, _ in calls() if where.endswith(f" {kind}")})
        for kind in ("Tick", "Quote", "Bar", "Price", "OrderBookView")
    }
    assert set(itertools.chain(*places.values())) == {"runtime/live/records.py"}, places


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -37.63, 0.0, 1e-9, 1e9, 1e-13])
def test_a_price_is_printed_as_the_number_it_is(value: float) -> None:
    price = Price(value, decimals=2)
    assert repr(float(repr(price))) == repr(value)
    again = pickle.loads(pickle.dumps(price))
    assert (type(again), again.decimals, repr(again)) == (Price, 2, repr(price))


def test_a_price_is_never_shown_as_nothing_and_nothing_has_no_sign() -> None:
    tiny = Tick("X", 0, 1e-13, 1.0)
    assert "price=1e-13" in str(tiny)
    zero = Tick("X", 0, -0.0, -0.0)
    assert "price=0, size=0" in str(zero)
    assert "-37.63" in str(Quote("CL", 0, -37.63, 1.0, float("nan"), 0.0))


def test_a_notebook_keeps_a_record_as_text_as_it_is_printed() -> None:
    from IPython.lib.pretty import pretty

    quote = Quote("MNQ", 1_795_907_000_000_000_000, 20_959.5, 1.0, 20_959.75, 2.0, decimals=2)
    text = pretty(quote)
    assert text == str(quote)
    assert "20,959.75" in text
    assert "1795907" not in text
