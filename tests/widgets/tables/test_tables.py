"""Live tables over the whole path behind the socket: what they show, when they send, what they escape."""

from __future__ import annotations

import html.parser
import json
from typing import Any

import pytest

from mdnb.errors import FeedError, OptionError, SymbolError, TimeframeError
from mdnb.instruments import Instrument
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from mdnb.widgets.page.sender import sender
from mdnb.widgets.tables.base import LiveTable
from mdnb.widgets.tables.state import TableState
from mdnb.widgets.tables.tape import Tape
from mdnb.widgets.tables.watch import WatchList
from tests.manager.hand import START, HandFeed, minutes, open_market, trade

_EVIL = '<img src=x onerror="alert(1)">'


class _Sent(list[dict[str, Any]]):
    """What a table sent, in place of the page's side of the connection."""


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tables be drawn by the test and not by the sender's thread, so that what is sent can be counted."""
    monkeypatch.setattr(type(sender()), "add", lambda self, chart: None)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> _Sent:
    made = _Sent()

    def send(self: LiveTable, message: dict[str, Any], buffers: object = None) -> None:
        # Not what every widget tells of itself when it is made, nor the count of views.
        if self._is_begun() and message["state"].keys() != {"_view_count"}:
            made.append(message)

    monkeypatch.setattr(LiveTable, "_send", send)
    return made


def _columns(state: TableState, *names: str) -> list[tuple[str, ...]]:
    at = [[column.name.split()[0] for column in state.columns].index(name) for name in names]
    return [tuple(row.cells[i].text for i in at) for row in state.rows if row.tone != "blank"]


def _fact(state: TableState, name: str) -> str:
    return dict(state.facts)[name].text


# What they show


def test_the_tape_has_the_newest_trades_newest_on_top_with_sign_and_colour() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        tape = market.tape(rows=3)
        feed.trades(*(trade(at, 100 + at * 0.25, at + 1, at, side=(1, -1, 0)[at % 3]) for at in range(5)))
        state = tape.state()
        assert _columns(state, "Time", "Price", "Size", "Side") == [
            ("14:00:04.000", "101.00", "5", "▼ sell"),
            ("14:00:03.000", "100.75", "4", "▲ buy"),
            ("14:00:02.000", "100.50", "3", "–"),
        ]
        assert [row.cells[3].tone for row in state.rows] == ["down", "up", "muted"]
        ticks = market.data.get_recent_ticks(3)[::-1]
        assert [float(price) for (price,) in _columns(state, "Price")] == [tick.price for tick in ticks]


def test_a_tape_never_holds_more_rows_than_asked_for() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        tape = market.tape(rows=50)
        sizes = []
        for at in range(0, 5000, 500):
            feed.trades(*(trade(i * 0.01, 100.0 + i % 7, 1.0, i) for i in range(at, at + 500)))
            sizes.append((len(tape.state().rows), len(json.dumps(tape.state().message()))))
        assert {rows for rows, _ in sizes} == {50}
        assert max(size for _, size in sizes) < 1.01 * min(size for _, size in sizes) < 7000


def test_the_tape_tells_which_trades_are_in_no_bar() -> None:
    feed = HandFeed()
    with open_market(feed, max_lateness_seconds=1.0) as market:
        feed.trades(trade(0, 100.0, number=0), trade(600, 101.0, number=1))
        feed.trades(trade(5, 99.0, number=2))
        newest = market.tape(rows=2).state().rows[0].cells
        assert market.data.get_recent_ticks(1)[0].flag == "refused"
        assert (newest[1].text, newest[3].text) == ("99.00", "▲ buy !")
        assert "in no bar" in newest[3].hint


def test_the_tape_marks_trades_that_came_late() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        # Below a minute apart, so that all are in the bars; the one that follows is in order again.
        at = {0: 59.0, 1: 61.0, 2: 60.5, 3: 61.0, 4: 59.5}
        feed.trades(*(trade(seconds, 100.0 + number, number=number) for number, seconds in at.items()))
        tape = market.tape(rows=4)
        marks = [row.cells[3].text.partition("y")[2].strip() for row in tape.state().rows]
        assert marks == ["late", "", "late", ""]
        assert "late" in tape.state().rows[0].cells[3].hint
        assert market.price == 103.0


def test_times_are_in_the_markets_zone_and_prices_in_its_ticks() -> None:
    engine = SymbolState(Instrument("X", 0.001), Sessions.always(), ["1min"], tz="America/Chicago")
    engine.ticks.extend([trade(0.0015, 1.5, 0.25)])
    state = Tape(engine).state()
    assert next(column.name for column in state.columns) == "Time CST"
    assert _columns(state, "Time", "Price", "Size") == [("08:00:00.001", "1.500", "0.25")]


def test_the_ladder_has_asks_above_bids_and_the_figures_of_the_book() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        ladder = market.depth(levels=3, heat_map=False)
        assert "depth" in market.data.get_subscriptions()
        assert "depth" in feed.subscribed
        assert "waiting" in ladder.state().note
        feed.depth([(99.75, 4.0), (99.5, 8.0)], [(100.25, 1.0), (100.5, 2.0), (101.0, 1.0), (102.0, 9.0)])
        state, book = ladder.state(), market.data.get_order_book(3)
        assert _columns(state, "Side", "Price", "Size", "Sum") == [
            ("ask", "101.00", "1", "4"),
            ("ask", "100.50", "2", "3"),
            ("ask", "100.25", "1", "1"),
            ("bid", "99.75", "4", "4"),
            ("bid", "99.50", "8", "12"),
        ]
        assert [row.cells[2].share for row in state.rows[:5]] == [1 / 8, 2 / 8, 1 / 8, 4 / 8, 1.0]
        # Three rows a side whatever is held, so that the middle stays where it is.
        assert [row.tone == "blank" for row in state.rows] == [False] * 5 + [True]
        assert _fact(state, "spread") == "0.50" == f"{book.spread:.2f}"
        assert _fact(state, "imbalance") == "▲ +50 %"
        assert book.imbalance == 0.5
        assert state.note == ""


def test_a_ladder_of_a_market_that_has_its_book_subscribes_no_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        market.data.subscribe_to_level2()

        async def refuse(symbol: str, channels: object) -> None:
            raise AssertionError("subscribed again")

        monkeypatch.setattr(feed, "subscribe", refuse)
        market.depth(heat_map=False)


def test_a_feed_without_order_book_says_so_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = HandFeed()

    async def refuse(symbol: str, channels: object) -> None:
        raise FeedError("no order book here")

    with open_market(feed) as market:
        monkeypatch.setattr(feed, "subscribe", refuse)
        for _ in range(2):
            with pytest.raises(FeedError, match="no order book here"):
                market.depth(heat_map=False)


def test_an_order_book_that_was_lost_is_shown_empty(sent: _Sent) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        ladder = market.depth(levels=2, heat_map=False)
        ladder._view_count = 1
        feed.depth([(99.75, 4.0)], [(100.25, 1.0)])
        ladder.draw()
        feed.status("disconnected")
        ladder.draw()
        shown = sent[-1]["state"]["_table"]
        assert [tone for tone, _ in shown["rows"]] == ["blank"] * 4
        assert shown["badge"]["text"] == "disconnected"


def test_the_watch_list_counts_from_the_sessions_open() -> None:
    day = 14 * 60  # minutes since midnight: `START` is 14:00
    history = minutes(-day - 30, day + 30, lambda i: 50.0 if i < 30 else 100.0 + 0.25 * (i - 30))
    feed = HandFeed(history)
    with open_market(feed) as market:
        feed.trades(trade(1, 320.0, 1.0, 0))
        feed.quotes((START, 319.75, 3.0, 320.25, 2.0))
        watch = market.watch()
        state, snapshot = watch.state(), market.data.get_market_snapshot()
        assert snapshot.open == 100.0
        assert _columns(state, "Symbol", "Last", "Change", "%", "Bid", "Ask", "Age") == [
            ("X", "320.00", "▲ +220.00", "+220.00 %", "319.75", "320.25", "now")
        ]
        spark = state.rows[0].cells[6].spark
        closes = market.data.get_data("1min", count=60)["close"]
        assert spark is not None
        assert (len(spark), min(spark), max(spark)) == (60, 0, 100)
        assert "60 closes" in state.rows[0].cells[6].hint
        assert f"{closes.min():.2f} to {closes.max():.2f}" in state.rows[0].cells[6].hint


def test_the_watch_list_keeps_the_sessions_open_when_its_bars_leave_memory() -> None:
    feed = HandFeed()
    with open_market(feed, "1min", max_bars_per_timeframe=100) as market:
        feed.trades(trade(0, 100.0, 1.0, 0))
        watch = market.watch()
        assert _columns(watch.state(), "Change") == [("0.00",)]
        feed.trades(*(trade(60 * at, 100.0 + at * 0.25, 1.0, at) for at in range(1, 500)))
        assert len(market.data.get_data("1min")) < 200
        assert _columns(watch.state(), "Change") == [("▲ +124.75",)]


def test_a_watch_list_without_any_data_has_dashes() -> None:
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ["1min"])
    state = WatchList([engine], [lambda: float("inf")]).state()
    assert {cell.text for cell in state.rows[0].cells} == {"X", "–", ""}


def test_a_quote_with_one_side_has_a_dash_for_the_other() -> None:
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ["1min"])
    engine.last_quote = (START, 99.75, 1.0, float("nan"), float("nan"))
    assert _columns(WatchList([engine], [lambda: 0.0]).state(), "Bid", "Ask") == [("99.75", "–")]


def test_data_that_is_old_says_how_old(sent: _Sent) -> None:
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ["1min"])
    engine.bind_state(lambda: ("connected", 0.0))
    ages = [0.2]
    watch = WatchList([engine], [lambda: ages[0]])
    watch._view_count = 1
    for ages[0] in (0.4, 0.9):
        watch.draw()
    assert not sent
    ages[0] = 15.4
    watch.draw()
    (message,) = sent
    assert message["state"]["_table"]["rows"][0][1][7] == {"text": "15 s", "tone": "warning"}


def test_the_frame_view_has_the_last_bars_the_forming_one_last() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        rows = [trade(20 * at, 100.0 + (at % 5) * 0.25, 1.0 + at % 2, at) for at in range(30)]
        feed.trades(*rows)
        state = market.frame_view("1min", rows=4).state()
        frame = market.data.get_data("1min", count=4)
        assert _columns(state, "Start", "Open", "High", "Low", "Volume") == [
            (
                f"{stamp:%m-%d %H:%M}",
                *(f"{row[name]:.2f}" for name in ("open", "high", "low")),
                f"{row['volume']:.0f}",
            )
            for stamp, row in frame.iterrows()
        ]
        closes = [text.split()[-1] for (text,) in _columns(state, "Close")]
        assert closes == [f"{close:.2f}" for close in frame["close"]]
        assert [row.tone for row in state.rows] == ["", "", "", "forming"]
        assert _columns(state, "State")[-1] == ("forming",)


def test_a_frame_view_outlives_its_timeframe() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        feed.trades(trade(0, 100.0, 1.0, 0))
        view = market.frame_view("5min")
        market.data.remove_timeframe("5min")
        view.draw()
        assert view.state().note == "5min bars are no longer kept"


# When they send


def test_nothing_is_sent_without_a_view_without_a_change_or_after_the_last_view_was_closed(
    sent: _Sent,
) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        feed.trades(trade(0, 100.0, 1.0, 0))
        feed.quotes((START, 99.75, 1.0, 100.0, 1.0))
        made = [market.tape(), market.depth(heat_map=False), market.watch(), market.frame_view("1min")]
        feed.depth([(99.75, 4.0)], [(100.25, 1.0)])
        feed.trades(trade(1, 101.0, 1.0, 1))
        for table in made:
            table.draw()
        assert not sent, "nobody looks"
        for table in made:
            table._view_count = 1
        assert len(sent) == 4, "a view that opens gets what it missed"
        sent.clear()
        for table in made:
            table.draw()
            table.draw()
        assert not sent, "nothing changed"
        feed.trades(trade(2, 102.0, 1.0, 2))
        feed.depth([(99.75, 5.0)], [], snapshot=False)
        for table in made:
            table.draw()
            table.draw()
        assert len(sent) == 4
        for table in made:
            table._view_count = 0
        sent.clear()
        feed.trades(trade(3, 103.0, 1.0, 3))
        for table in made:
            table.draw()
        assert not sent, "the last view was closed"


def test_a_table_displayed_by_a_cell_that_goes_on_is_drawn_before_the_kernel_hears_of_its_view(
    sent: _Sent,
) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        tape = market.tape()
        tape._repr_mimebundle_()
        feed.trades(trade(0, 100.0, 1.0, 0))
        tape.draw()
        assert len(sent) == 1


def test_what_is_sent_is_what_the_engine_has_and_small(sent: _Sent) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        tape = market.tape(rows=200)
        tape._view_count = 1
        feed.trades(*(trade(at, 100.0 + at % 9 * 0.25, 1.0, at) for at in range(1000)))
        tape.draw()
        (message,) = sent
        assert message["state"]["_table"] == tape.state().message()
        assert message["state"].keys() == {"_table"}
        assert len(json.dumps(message)) < 30_000


def test_a_page_that_is_loaded_again_gets_the_present() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        tape = market.tape()
        feed.trades(trade(0, 123.0, 1.0, 0))
        assert tape.get_state()["_table"]["rows"][0][1][1]["text"] == "123.00"


def test_closing_the_market_is_told_once_and_ends_the_table(sent: _Sent) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        feed.trades(trade(0, 100.0, 1.0, 0))
        made = [market.tape(), market.depth(heat_map=False), market.watch(), market.frame_view("1min")]
        for table in made:
            table._view_count = 1
        engine = market.data.engine
        sent.clear()
    assert len(engine._listeners) == 4
    for table in made:
        table.draw()
        table.draw()
    badges = [message["state"]["_table"]["badge"] for message in sent]
    assert badges == [{"text": "closed", "tone": "dead"}] * 4
    assert not engine._listeners
    sent.clear()
    made[0]._view_count = 2
    assert not sent, "another view reads the state its page already has"
    made[0].close()


def test_tables_of_a_closed_market_show_what_it_had() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        feed.trades(trade(0, 100.0, 1.0, 0))
    state = market.tape().state()
    assert (len(state.rows), state.badge.text) == (1, "closed")
    assert market.depth(heat_map=False).state().badge.text == "closed"


def test_a_closed_table_is_not_told_of_the_market_any_more(sent: _Sent) -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        tape = market.tape()
        tape._view_count = 1
        tape.close()
        assert not market.data.engine._listeners
        feed.trades(trade(0, 100.0, 1.0, 0))
        sent.clear()
        tape.draw()
        assert not sent
        tape.close()


# What they let through


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)


def test_a_feeds_strings_are_escaped_in_what_pages_without_a_kernel_show() -> None:
    feed = HandFeed(instrument=Instrument(_EVIL, 0.25))
    with open_market(feed) as market:
        feed.trades(trade(0, 100.0, 1.0, 0))
        feed.depth([(99.75, 4.0)], [(100.25, 1.0)])
        for table in (market.tape(), market.depth(heat_map=False), market.watch(), market.frame_view("1min")):
            data, _ = table._repr_mimebundle_()
            assert set(data) >= {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
            parser = _Tags()
            parser.feed(data["text/html"])
            assert parser.tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "p"}
            assert _EVIL not in data["text/html"]
            # The symbol is data in the state: the page sets it as text.
            assert _EVIL in json.dumps(table.state().message(), ensure_ascii=False).replace('\\"', '"')


def test_text_and_html_have_what_the_table_shows() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        feed.trades(trade(0, 100.0, 1.0, 0), trade(60, 101.25, 1.0, 1))
        data, _ = market.frame_view("1min")._repr_mimebundle_()
        for kind in ("text/plain", "text/html"):
            assert "101.25" in data[kind]
            assert "forming" in data[kind]
        assert '<th scope="row"' in data["text/html"]
        assert str(market.tape()).splitlines()[0] == "X · trades  [live]"
        assert repr(market.tape()) == "<Tape X: connected>"


# What may be given


def test_what_is_not_allowed_is_refused_with_what_is() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        for call, error, words in (
            (lambda: market.tape(rows=0), OptionError, "at least 1"),
            (lambda: market.tape(rows=201), OptionError, "at most 200"),
            (lambda: market.tape(rows=True), OptionError, "whole number"),
            (lambda: market.tape(fps=0), OptionError, "fps"),
            (lambda: market.tape(palette="pink"), OptionError, "colorblind"),
            (lambda: market.tape("Y"), SymbolError, "not followed"),
            (lambda: market.watch("Y"), SymbolError, "not followed"),
            (lambda: market.watch([]), OptionError, "symbols"),
            (lambda: market.depth(symbol="Y"), SymbolError, "not followed"),
            (lambda: market.depth(levels=101), OptionError, "at most 100"),
            (lambda: market.frame_view("7min"), TimeframeError, "Kept"),
            (lambda: market.frame_view(rows=1.5), OptionError, "whole number"),
        ):
            with pytest.raises(error, match=words):
                call()
        assert not market.data.engine._listeners


def test_a_suite_opens_the_same_tables() -> None:
    import asyncio

    import mdnb

    async def main() -> list[str]:
        async with await mdnb.TradingSuite.create(
            ["X", "Y"], ["1min"], feed=HandFeed(), initial_days=0
        ) as suite:
            made = [suite.tape(), await suite.depth(), suite.watch(), suite.frame_view()]
            made += [await suite["Y"].depth(levels=1, heat_map=False), suite["Y"].watch()]
            return [f"{type(table).__name__} {len(table.state().rows)}" for table in made]

    assert asyncio.run(main()) == [
        "Tape 0",
        "DepthView 20",
        "WatchList 2",
        "FrameView 0",
        "DepthLadder 2",
        "WatchList 1",
    ]


def test_methods_tell_what_the_tables_do() -> None:
    from mdnb.market import LiveMarket

    for name in ("tape", "depth", "watch", "frame_view"):
        assert "Examples" in (getattr(LiveMarket, name).__doc__ or "")
