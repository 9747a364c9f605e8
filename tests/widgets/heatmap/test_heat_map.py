"""The heat map: what it holds is what the book was, what is sent and when, colours, options, pictures."""

from __future__ import annotations

import base64
import html.parser
import math
import re
import struct
import threading
import xml.etree.ElementTree as ET
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from ipywidgets import Widget

import mdnb
from mdnb.errors import OptionError, SymbolError
from mdnb.instruments import Instrument
from mdnb.market import LiveMarket
from mdnb.rows import DepthUpdate
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from mdnb.widgets.heatmap.depth_view import DepthView
from mdnb.widgets.heatmap.heat_map import HeatMap
from mdnb.widgets.heatmap.picture import png
from mdnb.widgets.heatmap.ring import BookColumn, HeatRing, column_of, unpack
from mdnb.widgets.heatmap.scale import ramp, shade
from mdnb.widgets.page.sender import sender
from mdnb.widgets.static_output.static_output import png_picture
from mdnb.widgets.tables.ladder import DepthLadder
from tests.manager.hand import HandFeed, open_market, trade

_EVIL = '<img src=x onerror="alert(1)">'
_SIZE = st.floats(0, 1e300, allow_subnormal=False)
_TICKS = st.integers(1, 400)
_SIDE = st.dictionaries(_TICKS, _SIZE, max_size=120)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let heat maps be drawn by the test and not by the sender's thread: what is sent can be counted."""
    monkeypatch.setattr(type(sender()), "add", lambda self, chart: None)


class _Sent(list[tuple[dict[str, Any], list[BookColumn]]]):
    """What a heat map sent: the message and the columns in its buffer."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> _Sent:
    made = _Sent()

    def send(self: HeatMap, content: dict[str, Any], buffers: list[bytes]) -> None:
        made.append((content, unpack(buffers[0])))

    monkeypatch.setattr(HeatMap, "send", send)
    return made


def _engine(tick_size: float | None = 0.25, status: str = "connected") -> SymbolState:
    engine = SymbolState(Instrument("X", tick_size), Sessions.always(), ["1min"])
    engine.bind_state(lambda: (status, 0.0))
    return engine


def _heat(engine: SymbolState, **options: Any) -> tuple[HeatMap, list[float]]:
    """Return a heat map and its clock, in intervals."""
    made, now = HeatMap(engine, **options), [1000.0]
    made._clock = lambda: now[0] * made._interval
    return made, now


def _as_book(column: BookColumn, step: float) -> tuple[dict[float, float], dict[float, float]]:
    levels = list(zip((column.ticks * step).tolist(), column.sizes.tolist(), strict=True))
    return dict(levels[: column.bids]), dict(levels[column.bids :])


def _heat_of(market: LiveMarket, **options: Any) -> HeatMap:
    view = market.depth(**options)
    assert isinstance(view, DepthView)
    return view.heat_map


# What it holds


@given(st.lists(st.tuples(st.integers(0, 14), _SIDE, _SIDE, st.booleans()), max_size=25), st.integers(20, 30))
def test_the_ring_holds_the_book_of_each_interval(
    steps: list[tuple[int, dict[int, float], dict[int, float], bool]], limit: int
) -> None:
    engine = _engine()
    heat, now = _heat(engine, columns=limit)
    expected: dict[int, tuple[dict[float, float], dict[float, float]]] = {}
    for pause, bids, asks, snapshot in steps:
        sides = [[(tick * 0.25, size) for tick, size in side.items()] for side in (bids, asks)]
        engine.apply_depth(DepthUpdate(0, snapshot, *sides))
        now[0] += pause
        heat.draw()
        index = int(now[0])
        if index in expected:
            continue
        missed = [] if not expected else list(range(max(expected) + 1, index))
        # A book nobody looked at for two seconds (8 intervals) is not known.
        before = expected[max(expected)] if expected and len(missed) <= 8 else ({}, {})
        expected.update(dict.fromkeys(missed, before))
        book = engine.order_book(100)
        expected[index] = tuple(
            {level.price: float(np.float32(min(level.size, 3.0e38))) for level in side}
            for side in (book.bids, book.asks)
        )  # type: ignore[assignment]  # two of them
        assert len(heat.columns()) <= limit
    held = {column.index: _as_book(column, 0.25) for column in heat.columns()}
    assert held == dict(sorted(expected.items())[-limit:])
    of_a_new_page = unpack(heat.get_state()["_held"])
    assert [column.index for column in of_a_new_page] == list(held)
    heat.close()


@given(st.lists(st.integers(1, 3000), max_size=40), st.integers(1, 50), st.integers(1, 10))
def test_a_ring_is_never_larger_than_allowed_and_has_no_holes(
    pauses: list[int], limit: int, patience: int
) -> None:
    ring, at = HeatRing(limit, patience), 0
    for pause in pauses:
        at += pause
        ring.add(column_of(at, [(at / 4, 1.0)], [(at / 4 + 0.25, 2.0)], 1.0, 0.25))
        assert len(ring) <= limit
        assert ring.nbytes <= limit * (24 + 2 * 8)
    indices = [column.index for column in ring.columns()]
    assert indices == list(range(at - len(indices) + 1, at + 1)) or not pauses
    assert ring.packed(at) == b""
    assert len(unpack(ring.packed(at - 1))) == bool(pauses)


def test_a_full_book_for_an_hour_takes_bounded_memory() -> None:
    engine = _engine()
    sides = [[((1000 - side * at) * 0.25, 1.0) for at in range(1, 150)] for side in (1, -1)]
    engine.apply_depth(DepthUpdate(0, True, *sides))
    heat, now = _heat(engine)
    sizes = set()
    for _ in range(4 * 3600):
        now[0] += 1
        heat.draw()
        sizes.add(heat._ring.nbytes)
    # 100 levels a side, 240 columns.
    assert max(sizes) == 240 * (24 + 200 * 8) < 400_000


def test_a_clock_that_was_set_back_begins_anew(sent: _Sent) -> None:
    heat, now = _heat(_engine())
    heat.note_shown()
    heat.draw()
    now[0] -= 100
    heat._sent_at = -math.inf
    heat.draw()
    assert [column.index for column in heat.columns()] == [900]
    assert [content["generation"] for content, _ in sent] == [0, 1]
    assert sent[-1][1][0].index == 900


def test_the_last_price_is_in_ticks_and_none_before_the_first_trade() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        heat = _heat_of(market)
        heat.draw()
        assert math.isnan(heat.columns()[-1].last)
        feed.trades(trade(0, 101.75, 1.0, 0))
        heat._clock = lambda: 4e9
        heat.draw()
        assert heat.columns()[-1].last == 407


def test_a_tick_size_that_nobody_tells_is_found_in_the_prices() -> None:
    engine = _engine(tick_size=None)
    heat, now = _heat(engine)
    heat.draw()
    engine.apply_depth(DepthUpdate(0, True, [(0.00012, 5.0)], [(0.000125, 7.0)]))
    now[0] += 1
    heat.draw()
    column = heat.columns()[-1]
    assert column.ticks.tolist() == [120, 125]
    settings = heat.get_state()["_settings"]
    assert (round(settings["step"], 9), settings["decimals"]) == (1e-6, 6)


def test_a_price_with_more_decimals_makes_the_ticks_finer(sent: _Sent) -> None:
    engine = _engine(tick_size=None)
    engine.apply_depth(DepthUpdate(0, True, [(100.0, 5.0)], [(101.0, 7.0)]))
    heat, now = _heat(engine)
    heat._on_message(heat, {"kind": "looks", "page": "a", "visible": True, "end": -1}, [])
    ticks = []
    for bid in (100.0, 100.25, 100.0):
        engine.apply_depth(DepthUpdate(0, True, [(bid, 5.0)], [(101.0, 7.0)]))
        now[0] += 1
        heat._sent_at = -math.inf
        heat.draw()
        ticks.append(heat.columns()[-1].ticks.tolist())
    assert ticks == [[100, 101], [10025, 10100], [10000, 10100]]
    assert len(heat.columns()) == 2, "those in coarser ticks are gone"
    assert [content["generation"] for content, _ in sent] == [0, 1, 1], "and a page is told so"
    assert [len(columns) for _, columns in sent] == [1, 1, 1]
    settings = heat.get_state()["_settings"]
    assert (settings["step"], settings["decimals"], settings["generation"]) == (0.01, 2, 1)


def test_prices_too_far_out_for_an_axis_are_left_out_and_levels_of_one_tick_added_up() -> None:
    column = column_of(1, [(10.0, 1.0), (9.98, 2.0)], [(1e12, 5.0)], 10.0, 0.25)
    assert (column.bids, column.ticks.tolist(), column.sizes.tolist()) == (1, [40], [3.0])


# When it is sent


def test_each_column_is_sent_once_while_somebody_looks_and_only_numbers(sent: _Sent) -> None:
    engine = _engine()
    engine.apply_depth(DepthUpdate(0, True, [(99.75, 4.0)], [(100.25, 1.0)]))
    heat, now = _heat(engine)
    heat.draw()
    assert not sent, "nobody looks"
    heat._on_message(heat, {"kind": "looks", "page": "a", "visible": True, "end": -1}, [])
    assert [column.index for column in sent[-1][1]] == [1000], "what is held comes at once"
    for _ in range(5):
        now[0] += 1
        heat._sent_at = -math.inf
        heat.draw()
        heat.draw()
    indices = [column.index for _, columns in sent for column in columns]
    assert indices == list(range(1000, 1006))
    content, (column,) = sent[-1]
    assert content == {
        "kind": "columns",
        "generation": 0,
        "first": 1000,
        "status": "live",
        "tone": "live",
    }
    assert len(column.pack()) == 24 + 2 * 8
    sent.clear()
    heat._on_message(heat, {"kind": "looks", "page": "a", "visible": False, "end": 1005}, [])
    for _ in range(5):
        now[0] += 1
        heat._sent_at = -math.inf
        heat.draw()
    assert not sent, "hidden"
    heat._on_message(heat, {"kind": "looks", "page": "a", "visible": True, "end": 1005}, [])
    assert [column.index for column in sent[-1][1]] == list(range(1006, 1011)), "and what it missed"


def test_one_of_two_pages_hidden_does_not_stop_the_other(sent: _Sent) -> None:
    heat, now = _heat(_engine())
    heat.draw()
    for page in ("a", "b"):
        heat._on_message(heat, {"kind": "looks", "page": page, "visible": True, "end": 1000}, [])
    heat._on_message(heat, {"kind": "looks", "page": "a", "visible": False, "end": 1000}, [])
    assert not sent
    now[0] += 1
    heat.draw()
    assert len(sent) == 1


def test_shown_by_a_cell_that_goes_on_it_is_sent_before_the_kernel_hears_of_the_page(sent: _Sent) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        view = market.depth()
        assert isinstance(view, DepthView)
        view._repr_mimebundle_()
        view.heat_map.draw()
        assert len(sent) == 1


def test_fps_bounds_the_messages_and_loses_no_column(sent: _Sent) -> None:
    heat, now = _heat(_engine(), fps=1, interval=0.05)
    assert heat.fps == 40, "looked at twice an interval"
    heat.note_shown()
    for _ in range(30):
        now[0] += 1
        heat.draw()
    assert len(sent) == 1
    heat._sent_at = -math.inf
    heat.draw()
    assert [column.index for _, columns in sent for column in columns] == list(range(1001, 1031))


@pytest.mark.parametrize(
    "message", [None, [], "looks", {"kind": "what"}, {"kind": "need"}, {"kind": "looks"}]
)
def test_whatever_a_page_says_is_survived(message: Any) -> None:
    heat, _ = _heat(_engine())
    heat._on_message(heat, message, [])
    heat._on_message(heat, {"kind": "need", "end": message}, [])
    heat.draw()


def test_a_page_that_missed_columns_or_has_those_of_another_clock_gets_what_it_needs(sent: _Sent) -> None:
    heat, now = _heat(_engine())
    heat.note_shown()
    for _ in range(10):
        now[0] += 1
        heat._sent_at = -math.inf
        heat.draw()
    for end, first in ((1005, 1006), (5000, 1001), (-1, 1001)):
        heat._on_message(heat, {"kind": "need", "end": end}, [])
        assert [column.index for column in sent[-1][1]] == list(range(first, 1011))


def test_closing_the_market_is_told_with_the_book_as_it_ended_and_ends_it(sent: _Sent) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        heat = _heat_of(market)
        heat.note_shown()
        heat._clock = lambda: 4e9
        feed.depth([(99.75, 4.0)], [(100.25, 1.0)])
        heat.draw()
        feed.depth([(99.5, 6.0)], [(100.5, 2.0)])
        engine = market.data.engine
    assert len(engine._listeners) == 2
    heat.draw()
    heat.draw()
    content, (column,) = sent[-1]
    assert (content["status"], content["tone"]) == ("closed", "dead")
    assert _as_book(column, 0.25) == ({99.5: 6.0}, {100.5: 2.0})
    assert len(sent) == 2
    assert len(engine._listeners) == 1
    heat.close()
    heat.close()


# Colours


def _lightness(colour: str) -> float:
    """CIE 1976 L*."""
    coded = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in coded]
    y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 116 * (y ** (1 / 3) if y > (6 / 29) ** 3 else y / (3 * (6 / 29) ** 2) + 4 / 29) - 16


# G. Machado, M. Oliveira, L. Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency", 2009: severity 1, on linear RGB.
_DEFICIENCIES = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def _seen_as(colour: str, kind: str) -> str:
    coded = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(_DEFICIENCIES[kind]) @ linear, 0, 1)
    again = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * value):02x}" for value in again)


@pytest.mark.parametrize("palette", ["colorblind", "default"])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_more_is_lighter_on_dark_and_darker_on_light_for_every_eye(theme: str, palette: str) -> None:
    colours = ramp(theme, palette)
    sign = 1 if theme == "dark" else -1
    for kind in (None, *_DEFICIENCIES):
        seen = [colour if kind is None else _seen_as(colour, kind) for colour in colours]
        steps = sign * np.diff([_lightness(colour) for colour in seen])
        assert steps.min() > -0.3, kind
        assert steps[:-1].max() < 4 * steps.mean(), kind
    assert abs(_lightness(colours[-1]) - _lightness(colours[0])) > 75


@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=200))
def test_a_larger_size_is_never_lower_in_the_scale(sizes: list[float]) -> None:
    places, _, _ = shade(np.sort(np.array([0.0, *sizes])))
    assert places[0] == 0
    assert (np.diff(places) >= 0).all()
    assert 0 < places[1] <= places[-1] <= 1


# What may be given


def test_what_is_not_allowed_is_refused_with_what_is() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        bad: list[tuple[dict[str, Any], str]] = [
            ({"interval": 0}, "at least 0.05"),
            ({"interval": 61}, "at most 60"),
            ({"interval": "1"}, "interval"),
            ({"interval": math.nan}, "interval"),
            ({"columns": 19}, "from 20 to 1000"),
            ({"columns": 1001}, "from 20 to 1000"),
            ({"columns": 2.5}, "whole number"),
            ({"fps": 0}, "above 0"),
            ({"fps": True}, "fps"),
            ({"palette": "pink"}, "colorblind"),
            ({"levels": 101}, "at most 100"),
            ({"levels": 0}, "at least 1"),
            ({"heat_map": "no"}, "True or False"),
        ]
        for options, words in bad:
            with pytest.raises(OptionError, match=words):
                market.depth(**options)
        with pytest.raises(OptionError, match="160 to 2000"):
            HeatMap(market.data.engine, height=100)
        assert not market.data.engine._listeners


def test_every_option_does_something(sent: _Sent) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        view = market.depth(levels=3, interval=0.5, columns=60, fps=5, palette="default")
        assert isinstance(view, DepthView)
        settings = view.heat_map.get_state()["_settings"]
        assert (settings["levels"], settings["interval"], settings["columns"]) == (3, 0.5, 60)
        assert settings["themes"]["dark"]["ramp"] == list(ramp("dark", "default"))
        assert view.ladder.fps == 5
        assert view.heat_map._send_pause == 0.2
        assert len(view.state().rows) == 6
        assert isinstance(market.depth(heat_map=False), DepthLadder)


def test_a_view_closes_both(sent: _Sent) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        view = market.depth()
        assert len(market.data.engine._listeners) == 2
        view.close()
        assert not market.data.engine._listeners
        view.close()


def test_a_constructor_that_fails_leaves_nothing_behind() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        with pytest.raises(OptionError):
            market.depth(fps=0)
        assert not market.data.engine._listeners


# For pages without a kernel


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)


def test_a_page_without_a_kernel_gets_a_small_picture_and_the_ladder_escaped() -> None:
    feed = HandFeed(instrument=Instrument(_EVIL, 0.25))
    with open_market(feed) as market:
        view = market.depth()
        assert isinstance(view, DepthView)
        heat, now = view.heat_map, [4_000_000_000.0]
        heat._clock = lambda: now[0]
        generator = np.random.default_rng(1)
        for _ in range(300):
            now[0] += 0.25
            mid = 20_000 + generator.integers(-40, 40)
            sides = [
                [((mid + sign * at) / 4, float(generator.integers(1, 90))) for at in range(1, 101)]
                for sign in (-1, 1)
            ]
            market.data.engine.apply_depth(DepthUpdate(0, True, *sides))
            heat.draw()
        data: Any = view._repr_mimebundle_()
        assert set(data) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
        assert sum(len(value) for value in data.values()) < 200_000
        parser = _Tags()
        parser.feed(data["text/html"])
        assert parser.tags == {"div", "img", "table", "caption", "thead", "tbody", "tr", "th", "td"}
        coded = re.search(r'src="data:image/png;base64,([^"]+)"', data["text/html"])
        assert coded is not None
        assert base64.b64decode(coded[1]) == png_picture(heat.picture())
        assert _EVIL not in data["text/html"]
        assert data["text/plain"].splitlines()[0].startswith(_EVIL)
        best = market.data.engine.order_book(1)
        assert f"bid {best.best_bid:,.2f} · ask {best.best_ask:,.2f}" in view.to_html()
        drawn, _ = heat._repr_mimebundle_()
        assert base64.b64decode(drawn["image/png"]) == png_picture(heat.picture())
        for theme in ("dark", "light"):
            ET.fromstring(heat.picture(theme))


def test_a_picture_before_any_book_says_so() -> None:
    heat, _ = _heat(_engine())
    assert "no order book yet" in heat.to_html()
    heat.draw()
    assert "no order book yet" in heat.to_html()


def test_a_png_has_the_pixels_it_was_given() -> None:
    pixels = np.arange(12).reshape(3, 4)
    made = png(pixels, [f"#{i:02x}{i:02x}{i:02x}" for i in range(12)])
    chunks, at = {}, 8
    while at < len(made):
        (length,) = struct.unpack_from(">I", made, at)
        name, body = made[at + 4 : at + 8], made[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", made, at + 8 + length)[0] == zlib.crc32(name + body)
        chunks[name] = body
        at += 12 + length
    assert struct.unpack(">IIBB", chunks[b"IHDR"][:10]) == (4, 3, 8, 3)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(3, 5)
    assert np.array_equal(rows[:, 1:], pixels)
    assert not rows[:, 0].any()


def test_a_plain_caller_makes_the_views_in_its_own_thread() -> None:
    """Marimo sends its page those alone."""
    threads: list[threading.Thread] = []
    with mdnb.live("MNQ", ["1min"], feed="sim://?seed=3", initial_days=0, progress=False) as market:
        Widget.on_widget_constructed(lambda _made: threads.append(threading.current_thread()))
        try:
            view = market.depth(levels=5)
        finally:
            Widget.on_widget_constructed(None)
        assert view.symbol == "MNQ"
        with pytest.raises(SymbolError):
            market.depth(symbol="MES")
    assert len(threads) > 2
    assert set(threads) == {threading.current_thread()}
