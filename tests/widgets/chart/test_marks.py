"""Marks and alerts of a chart without a page: what is checked, what is sent, what a snapshot has."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mdnb.errors import ClosedError, OptionError
from mdnb.instruments import Instrument
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from mdnb.stores.columns import columns_from_rows
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.chart.marks import MOST_MARKS, Mark
from mdnb.widgets.page.sender import sender
from mdnb.widgets.static_output.static_annotations import bar_of
from tests.widgets.chart.charts import Wire
from tests.widgets.sources import MINUTE_NS, HandSource, row


class Page:
    """What a page holds of the marks: it takes messages as `takeSigns` of the front end does."""

    def __init__(self, chart: LiveChart, wire: Wire) -> None:
        self.chart, self.wire = chart, wire
        self.read = 0
        self.missed = False
        self.take(chart.get_state()["_signs"])

    def take(self, message: dict[str, Any]) -> None:
        if message["before"] is not None and message["before"] != self.version:
            self.missed = True
            return
        rows = list(zip(*(message["marks"][name] for name in ("time", "side", "price", "text")), strict=True))
        self.marks = rows if message["before"] is None else [*self.marks, *rows]
        self.version, self.alerts = message["version"], message["alerts"]

    def look(self) -> list[tuple[Any, ...]]:
        """Draw, take what came, ask for what was missed."""
        with self.chart._mdnb.state.lock:
            self.chart.draw()
        while self.read < len(self.wire.messages):
            message = self.wire.messages[self.read][0]
            self.read += 1
            if message["kind"] == "signs":
                self.take(message)
        if self.missed:
            self.missed = False
            self.chart._on_message(self.chart, {"kind": "signs", "version": self.version}, [])
            return self.look()
        return self.marks


def _as_sent(mark: Mark) -> tuple[Any, ...]:
    return (mark.time_ns / 1e6, mark.side, mark.price, mark.text)


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("mark"), st.integers(0, 60)),
        st.tuples(st.just("frame"), st.integers(0, 5)),
        st.tuples(st.just("remove"), st.integers(0, 20)),
        st.sampled_from([("clear", 0), ("look", 0), ("reload", 0), ("miss", 0), ("hide", 0), ("show", 0)]),
    ),
    max_size=25,
)


@given(_steps)
def test_a_page_has_the_marks_that_python_has(steps: list[tuple[str, int]]) -> None:
    chart = LiveChart(HandSource(), "1min", theme="light", bars=100, static=False)
    sender().remove(chart)
    wire = Wire(chart)
    page = Page(chart, wire)
    held: list[Mark] = []
    for step, number in steps:
        if step == "mark":
            held.append(chart.mark(number * 60, f"n{number}"))
        elif step == "frame":
            times = [pd.Timestamp(60 * at, unit="s", tz="UTC") for at in range(number)]
            held += chart.mark_trades(pd.DataFrame({"time": times, "side": "buy"}))
        elif step == "remove" and number < len(held):
            held.pop(number).remove()
        elif step == "clear":
            held = []
            chart.clear_marks()
        elif step == "look":
            page.look()
        elif step == "reload":
            page = Page(chart, wire)
            page.read = len(wire.messages)
        elif step == "miss":
            chart.draw()
            page.read = len(wire.messages)
        elif step in ("hide", "show"):
            chart._on_message(chart, {"kind": "visible", "page": "a", "visible": step == "show"}, [])
    chart._on_message(chart, {"kind": "visible", "page": "a", "visible": True}, [])
    page.look()
    chart._on_message(chart, {"kind": "signs", "version": page.version}, [])
    assert page.look() == [_as_sent(mark) for mark in held]
    messages = len(wire.messages)
    page.look()
    chart._on_message(chart, {"kind": "signs", "version": page.version}, [])
    assert len(wire.messages) == messages, "nothing is said twice"
    chart.close()


def test_nothing_of_marks_is_sent_to_what_nobody_sees_nor_with_a_tick(
    chart: LiveChart, source: HandSource
) -> None:
    wire = Wire(chart)
    chart._on_message(chart, {"kind": "visible", "page": "a", "visible": False}, [])
    chart.mark(60.0)
    chart.draw()
    assert not wire.messages
    chart._on_message(chart, {"kind": "visible", "page": "a", "visible": True}, [])
    assert [content["kind"] for content, _ in wire.messages] == ["signs"]
    source.tick(102.0)
    chart.draw()
    assert [content["kind"] for content, _ in wire.messages] == ["signs", "delta"]
    source.state = "closed"
    chart.draw()
    chart.mark(120.0)
    assert wire.messages[-1][0]["marks"]["time"] == [120_000.0]


def test_a_mark_knows_itself(chart: LiveChart) -> None:
    at = dt.datetime(2026, 11, 23, 9, 30, tzinfo=dt.UTC)
    mark = chart.mark(at, "in", side="buy", price=np.float64(100.25))
    assert (mark.time_ns, mark.price) == (int(at.timestamp()) * 10**9, 100.25)
    assert mark.time == at
    assert str(mark.time.tz) == "America/Chicago"
    assert chart.mark(at.isoformat()).time_ns == chart.mark(at.timestamp()).time_ns == mark.time_ns


def test_a_frame_is_marked_whole_or_not_at_all(chart: LiveChart) -> None:
    index = pd.date_range("1970-01-01 00:10", periods=3, freq="5min", tz="UTC")
    frame = pd.DataFrame(
        {"side": ["buy", "sell", "note"], "price": [1.0, np.nan, 3.0], "pnl": 5.0}, index=index
    )
    made = chart.mark_trades(frame)
    assert [(mark.time_ns // MINUTE_NS, mark.side, mark.price, mark.text) for mark in made] == [
        (10, "buy", 1.0, ""),
        (15, "sell", None, ""),
        (20, "note", 3.0, ""),
    ]
    named = frame.reset_index(names="time").assign(text=["a", None, 7])
    assert [mark.text for mark in chart.mark_trades(named)] == ["a", "", "7"]
    for wrong, message in (
        (
            frame.assign(side=["buy", "selll", "buy"]),
            r"row 1 of the frame: there is no side 'selll'\. Did you",
        ),
        (frame.assign(time=[index[0], pd.NaT, index[1]]), "row 1 of the frame: a mark needs a time"),
        (frame.drop(columns="side"), "needs a column 'side'"),
        (frame.assign(price="high"), "row 0 of the frame: price must be a finite number"),
        (pd.DataFrame({"side": ["buy"] * (MOST_MARKS + 1)}), "at most 10,000 marks"),
        ([("buy", 1.0)], "takes a pandas DataFrame; got list"),
    ):
        with pytest.raises(OptionError, match=message):
            chart.mark_trades(wrong)
    assert len(chart._mdnb.annotations.marks.held()[1]) == 6


def test_the_first_marks_go_where_there_are_too_many(chart: LiveChart) -> None:
    chart.mark_trades(pd.DataFrame({"side": "buy", "time": np.arange(float(MOST_MARKS))}))
    last = chart.mark(5.0)
    held = chart._mdnb.annotations.marks.held()[1]
    assert len(held) == MOST_MARKS
    assert (held[0].time_ns, held[-1]) == (1_000_000_000, last)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": None}, "a mark needs a time"),
        ({"time": "noon"}, "'noon' is not an instant"),
        ({"text": 5}, "text must be a text of at most 200 letters; got 5"),
        ({"text": "x" * 201}, "at most 200"),
        ({"side": "bye"}, "there is no side 'bye'. Did you mean 'buy'"),
        ({"side": None}, "there is no side None"),
        ({"price": float("inf")}, "price must be a finite number or None; got inf"),
        ({"price": True}, "price must be"),
    ],
)
def test_options_are_checked(chart: LiveChart, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        chart.mark(**{"time": 60.0, **options})


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=20, unique=True).map(sorted),
    st.integers(-30, 60 * 60),
)
def test_a_mark_stands_at_the_bar_that_holds_its_time(minutes: list[int], seconds: int) -> None:
    held = columns_from_rows([row(minute) for minute in minutes])
    before = [at for at, minute in enumerate(minutes) if minute * 60 <= seconds]
    expected = before[-1] if before and seconds < (minutes[-1] + 1) * 60 else None
    assert bar_of(seconds * 10**9, held, "1min") == expected


def test_a_snapshot_has_them(chart: LiveChart, source: HandSource) -> None:
    chart.mark(10 * 60 + 5, "<b>in", side="buy", price=100.5)
    chart.mark(10 * 60 + 30, "more", side="buy")
    chart.mark(20 * 60, "out", side="sell")
    chart.mark(-100.0, "before all bars")
    chart.mark(60 * 60, "after all bars")
    still = chart.snapshot()
    assert [trace.name for trace in still.data[4:]] == ["buy", "price", "sell"]
    buy, price, sell = still.data[4:]
    assert (list(buy.x), list(price.x), list(sell.x)) == ([10, 10], [10], [20])
    assert buy.y[1] < buy.y[0] < source.rows[10][3]
    assert sell.y[0] > source.rows[20][2]
    assert list(price.y) == [100.5]
    assert list(buy.text) == ["&lt;b&gt;in", "more"]
    assert "after all bars" not in chart.to_html(include_plotlyjs=False)
    assert "more" in chart.to_html(include_plotlyjs=False)
    assert len(chart.data) == 4


def _engine() -> SymbolState:
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ["1min"])
    engine.bind_state(lambda: ("connected", 0.0))
    with engine.lock:
        engine.cascade.push_rows([(at * MINUTE_NS, 100.0 + at, 1.0, 1, 0, at) for at in range(20)])
        engine.last_trade = (19 * MINUTE_NS, 119.0, 1.0, 1, 0, 19)
    return engine


def test_alerts_of_the_symbol_are_sent_to_all_its_charts() -> None:
    engine = _engine()
    charts = [LiveChart(engine, "1min", theme="dark", static=False) for _ in range(2)]
    wires = []
    for chart in charts:
        sender().remove(chart)
        wires.append(Wire(chart))
    alert = charts[0].alert(above=119.5, message="<img>")
    assert engine.alerts.listed() == [alert]
    for chart, wire in zip(charts, wires, strict=True):
        chart.draw()
        (told,) = [content for content, _ in wire.messages if content["kind"] == "signs"]
        assert told["alerts"] == [
            {
                "id": alert.id,
                "price": 119.5,
                "message": "<img>",
                "active": True,
                "fired": 0,
                "at": None,
                "trade": None,
            }
        ]
    with engine.lock:
        engine.alerts.take([(20 * MINUTE_NS, 120.0, 1.0, 1, 0, 20)], engine.last_trade)
    charts[1].draw()
    (told,) = [content for content, _ in wires[1].messages if content["kind"] == "signs"][-1]["alerts"]
    assert (told["active"], told["fired"], told["at"], told["trade"]) == (False, 1, 20 * 60_000.0, 120.0)
    lines = [shape for shape in charts[0].snapshot().layout.shapes if shape.name == "mdnb-alert"]
    assert [(line.y0, line.opacity) for line in lines] == [(119.5, 0.45)]
    engine.alerts.close()
    with pytest.raises(ClosedError):
        charts[0].alert(100.0)
    for chart in charts:
        chart.close()


def test_a_picture_has_marks_at_their_bars_and_alerts_at_their_prices() -> None:
    engine = _engine()
    chart = LiveChart(engine, "1min", theme="light")
    sender().remove(chart)
    plain = len(chart.picture())
    for side, minute in (("buy", 5), ("sell", 10), ("note", 15)):
        chart.mark(minute * 60.0, f"<{side}>", side=side, price=100.0 + minute)
    chart.mark(-60.0, "before all bars")
    chart.alert(above=119.5)
    chart.alert(above=1_000.0)
    tree = ET.fromstring(chart.picture())  # our own text
    texts = {node.text: node for node in tree.iter() if node.tag.endswith("text")}
    assert {"<buy>", "<sell>", "<note>", "119.50"} <= texts.keys()
    assert not {"before all bars", "1,000.00"} & texts.keys()
    xs = [float(texts[f"<{side}>"].attrib["x"]) for side in ("buy", "sell", "note")]
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    # A number of the axis tells where prices are: higher ones higher up.
    y = {name: float(texts[name].attrib["y"]) for name in ("<buy>", "<sell>", "<note>", "119.50")}
    assert y["<buy>"] > y["<sell>"] > y["<note>"] > y["119.50"]
    for i in range(1_000):
        chart.mark(60.0 * (i % 20), "x" * 200)
    assert len(chart.picture()) < plain + 60_000
    chart.close()


def test_another_symbol_has_marks_of_its_own() -> None:
    sources = {name: HandSource(symbol=name) for name in ("MNQ", "MES")}
    chart = LiveChart(sources["MNQ"], "1min", theme="light", static=False, sources=sources)
    sender().remove(chart)
    page = Page(chart, Wire(chart))
    ours = chart.mark(60.0, "ours")
    assert page.look() == [_as_sent(ours)]
    chart.set_symbol("MES")
    assert page.look() == []
    theirs = chart.mark(120.0, "theirs")
    assert (ours.symbol, theirs.symbol) == ("MNQ", "MES")
    assert page.look() == [_as_sent(theirs)]
    ours.remove()
    more = chart.mark(180.0)
    assert page.look() == [_as_sent(theirs), _as_sent(more)]
    chart.set_symbol("MNQ")
    assert page.look() == []
    chart.close()


def test_a_source_without_alerts_says_so(chart: LiveChart) -> None:
    assert chart.get_state()["_signs"]["alerts"] == []
    with pytest.raises(OptionError, match="a HandSource, has no alerts"):
        chart.alert(100.0)
