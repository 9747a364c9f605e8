"""A live frame by itself: its table, its names, first guesses."""

from __future__ import annotations

import inspect
import re

import pandas as pd
import pytest

from mdnb.instruments import Instrument
from mdnb.live_frame import LiveFrame
from mdnb.live_frame.pandas_names import PandasNames, pandas_names
from mdnb.stores.columns import COLUMNS
from tests.manager.hand import HandFeed, bar, minutes, open_market, trade


def shown(feed: HandFeed) -> tuple[str, list[str]]:
    """Return the text and the cells of the page."""
    with open_market(feed, "1min") as market:
        feed.trades(trade(1, feed.history[-1][4], 3.0))
        live = market["1min"]
        cells = re.findall(r"<td>(.*?)</td>", live._repr_html_())
        return repr(live), cells


def test_counts_and_whole_lots_have_no_decimals_and_prices_those_of_the_instrument() -> None:
    instrument = Instrument("X", 0.25, whole_lots=True)
    text, cells = shown(HandFeed([bar(-1, 20_959.75, 1234.0)], instrument=instrument))
    assert cells[:7] == ["20,959.75", "20,960.75", "20,958.75", "20,959.75", "1,234", "5", "20,959.75"]
    assert re.search(r"20,959\.75 +1,234 +5 ", text)
    assert text.endswith("O 20,959.75 H 20,959.75 L 20,959.75 C 20,959.75 V 3")


def test_sizes_with_parts_show_them() -> None:
    _, cells = shown(HandFeed([bar(-1, 75_888.17, 0.1 + 0.2)], instrument=Instrument("X", 0.01)))
    assert cells[3:6] == ["75,888.17", "0.3", "5"]


def test_without_a_tick_size_prices_show_what_was_seen() -> None:
    rows = [(*bar(-1, 1.2e-5)[:1], 1.2e-5, 1.3e-5, 9e-6, 1.2e-5, 10.0, 5, 1.2e-4)]
    text, cells = shown(HandFeed(rows, instrument=Instrument("X")))
    assert cells[:4] == ["0.000012", "0.000013", "0.000009", "0.000012"]
    assert "C 0.000012" in text
    _, cells = shown(HandFeed([bar(-1, 100.0)], instrument=Instrument("X")))
    assert cells[3] == "100"


def test_an_empty_one_shows_itself() -> None:
    with open_market(HandFeed(), "1min") as market:
        assert "0 bars" in repr(market["1min"])
        assert "no bar is forming" in market["1min"]._repr_html_()


@pytest.mark.parametrize(
    ("guess", "right"),
    [
        ("df", ".frame"),
        ("data", ".frame"),
        ("to_df", ".frame"),
        ("dataframe", ".frame"),
        ("get_data", ".frame"),
        ("bars", ".frame"),
        ("last", ".forming"),
        ("current", ".forming"),
        ("clos", "'close'"),
        ("tial", "'tail'"),
        ("form", "'forming'"),
    ],
)
def test_a_wrong_guess_names_the_right_one(guess: str, right: str) -> None:
    with open_market(HandFeed(minutes(-5, 5)), "1min") as market:
        assert not hasattr(market["1min"], guess)
        with pytest.raises(AttributeError, match=re.escape(right)):
            getattr(market["1min"], guess)


def test_the_names_declared_are_those_of_pandas_that_read() -> None:
    theirs = {name for name in dir(pd.DataFrame) if not name.startswith("_")}
    assert pandas_names() <= theirs | set(COLUMNS)
    writing = {"insert", "isetitem", "pop", "set_flags", "update"}
    making = {"from_arrow", "from_dict", "from_records"}
    assert theirs - pandas_names() - set(dir(LiveFrame)) <= writing | making


def test_the_types_declared_are_what_comes() -> None:
    with open_market(HandFeed(minutes(-30, 30)), "1min") as market:
        live = market["1min"]
        for name in ("describe", "diff", "cumsum", "isna", "transpose", "corr", "drop_duplicates"):
            assert PandasNames.__annotations__[name] == "Callable[..., pd.DataFrame]"
            assert isinstance(getattr(live, name)(), pd.DataFrame)
        for name in ("max", "mean", "sum", "count", "idxmax", "nunique", "std", "all", "any", "duplicated"):
            assert PandasNames.__annotations__[name] == "Callable[..., pd.Series[Any]]"
            assert isinstance(getattr(live, name)(), pd.Series)


def test_every_method_of_pandas_that_can_write_in_place_is_watched() -> None:
    may = {
        name
        for name in pandas_names() - set(COLUMNS)
        if inspect.isfunction(method := getattr(pd.DataFrame, name))
        and "inplace" in inspect.signature(method).parameters
    }
    with open_market(HandFeed(minutes(-5, 5)), "1min") as market:
        for name in sorted(may):
            with pytest.raises(TypeError, match=r"live\[\"1min\"\]\.frame"):
                getattr(market["1min"], name)(inplace=True)


def test_its_names_are_listed_without_asking_for_bars() -> None:
    with open_market(HandFeed(minutes(-5, 5)), "1min") as market:
        reader = market.data.engine.reader
        live, before = market["1min"], reader.accesses
        assert {"close", "tail", "frame", "closed", "loc", "symbol"} <= set(dir(live))
        assert reader.accesses == before
        assert live._ipython_key_completions_() == list(live.frame.columns)
