"""A live frame given to pandas, plotly, seaborn, …: what `.frame` gives, or a refusal that names it."""

from __future__ import annotations

import copy
import operator
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import narwhals as nw
import narwhals.stable.v1 as nw_v1
import numpy as np
import pandas as pd
import plotly.express as px
import polars as pl
import pyarrow as pa
import pytest

from mdnb.live_frame import LiveFrame
from mdnb.market import LiveMarket
from tests.manager.hand import HandFeed, minutes, open_market, trade

Use = Callable[[Any, Any], Any]


@pytest.fixture(scope="module")
def market() -> Iterator[LiveMarket]:
    with open_market(HandFeed(minutes(-300, 300)), "1min", "5min") as made:
        yield made


@pytest.fixture
def live(market: LiveMarket) -> LiveFrame:
    return market["1min"]


def assert_same(ours: Any, theirs: Any) -> None:
    assert type(ours) is type(theirs)
    if isinstance(theirs, pd.DataFrame):
        pd.testing.assert_frame_equal(ours, theirs)
    elif isinstance(theirs, pd.Series):
        pd.testing.assert_series_equal(ours, theirs)
    elif isinstance(theirs, np.ndarray):
        np.testing.assert_array_equal(ours, theirs)
    else:
        assert ours == theirs


# Given what `.frame` gives: times, names and all

GIVEN: dict[str, Use] = {
    "DataFrame": lambda x, _: pd.DataFrame(x),
    "DataFrame of columns": lambda x, _: pd.DataFrame(x, columns=["close", "open"]),
    "DataFrame, other type": lambda x, _: pd.DataFrame(x, dtype="float32", copy=True),
    "px.line": lambda x, _: px.line(x, y="close").to_json(),
    "px.line, wide": lambda x, _: px.line(x).to_json(),
    "px.line, columns": lambda x, _: px.line(x, y=["open", "close"]).to_json(),
    "px.line, index": lambda x, _: px.line(x, x=x.index, y=x["close"]).to_json(),
    "px.scatter": lambda x, _: px.scatter(x, x="open", y="close", color="volume").to_json(),
    "px.histogram": lambda x, _: px.histogram(x, x="close").to_json(),
    "narwhals": lambda x, _: nw.from_native(x).to_native(),
    "narwhals, select": lambda x, _: nw.from_native(x, eager_only=True).select("close").to_native(),
    "narwhals, lazy": lambda x, _: nw.from_native(x).lazy().collect().to_native(),
    "narwhals, stable": lambda x, _: nw_v1.from_native(x, eager_only=True).to_native(),
    "narwhalify": lambda x, _: nw.narwhalify(lambda frame: frame.select("open"))(x),
    "pa.table": lambda x, _: pa.table(x).to_pandas(),
    "Arrow stream": lambda x, _: pa.RecordBatchReader.from_stream(x).read_all().to_pandas(),
    "pickle": lambda x, _: pickle.loads(pickle.dumps(x)),
    "copy": lambda x, _: copy.copy(x),
    "deepcopy": lambda x, _: copy.deepcopy(x),
    ".copy()": lambda x, _: x.copy(),
    "asarray": lambda x, _: np.asarray(x),
    "asarray, other type": lambda x, _: np.asarray(x, dtype="float32"),
    "np.log": lambda x, _: np.log(x),
    "np.add": lambda x, _: np.add(1, x),
    "np.add.reduce": lambda x, _: np.add.reduce(x),
    "np.mean": lambda x, _: np.mean(x, axis=0),
    "np.where": lambda x, _: np.where(x > 100, 1, 0),
    "in": lambda x, _: ("close" in x, "x" in x, 0 in x),
    "iteration": lambda x, _: [*x],
    "len": lambda x, _: len(x),
    "items": lambda x, _: [name for name, _ in x.items()],
    "dict": lambda x, _: [*dict(x)],
    "negative": lambda x, _: -x,
    "positive": lambda x, _: +x,
    "abs": lambda x, _: abs(x),
    "round": lambda x, _: round(x, 1),
    "invert": lambda x, _: ~(x > 100),
    "series by it": lambda x, f: f.iloc[0] * x,
    "it by a series": lambda x, f: x * f.iloc[0],
    "frame and it": lambda x, f: f.iloc[:-5] + x,
    "it and a frame": lambda x, f: x - f.iloc[5:],
    "frame over it": lambda x, f: f > x,
    "array by it": lambda x, f: np.ones(f.shape) * x,
    "numpy's scalar by it": lambda x, _: np.float64(2) * x,
    "matrix": lambda x, f: x @ np.ones(f.shape[1]),
    "divmod": lambda x, _: divmod(x, 3)[1],
    "itself": lambda x, _: x == x,
    "iloc": lambda x, _: x.iloc[-3:],
    "iloc, row": lambda x, _: x.iloc[-1],
    "loc": lambda x, f: x.loc[f.index[3] : f.index[9], "close"],
    "loc of an axis": lambda x, f: x.loc(axis=1)["close"],
    "at": lambda x, f: x.at[f.index[3], "close"],
    "iat": lambda x, _: x.iat[0, 3],
    "groupby": lambda x, _: x.groupby(x.index.hour).mean(),
    "rolling": lambda x, _: x.rolling(3).mean(),
    "resample": lambda x, _: x.resample("1h").last(),
    "describe": lambda x, _: x.describe(),
    "without a column": lambda x, _: x.drop(columns="open"),
    "join": lambda x, f: x.join(f.add_suffix("_")),
    "merge": lambda x, f: x.merge(f, on="timestamp"),
    "column into a frame": lambda x, f: f.assign(new=x["close"]),
    "columns": lambda x, _: x[["open", "close"]],
    "rows": lambda x, _: x[-3:],
    "mask": lambda x, _: x[x["close"] > 100.5],
    "mask of all": lambda x, _: x[x > 100.5],
    "mask by a function": lambda x, _: x[lambda frame: frame["close"] > 100.5],
    "frame by its mask": lambda x, f: f[x["close"] > 100.5],
    "loc, mask": lambda x, _: x.loc[x["close"] > 100.5, "open"],
    "where": lambda x, _: x.where(x["close"] > 100.5),
    "plain list": lambda x, _: x.to_dict("list"),
}


@pytest.mark.parametrize("use", GIVEN.values(), ids=GIVEN)
def test_it_gives_what_its_frame_gives(live: LiveFrame, use: Use) -> None:
    assert_same(use(live, live.frame), use(live.frame, live.frame))


@pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge"])
@pytest.mark.parametrize("turned", [False, True])
def test_comparison(live: LiveFrame, name: str, turned: bool) -> None:
    operate = getattr(operator, name)
    pair = (lambda x: (100.5, x)) if turned else (lambda x: (x, 100.5))
    assert_same(operate(*pair(live)), operate(*pair(live.frame)))
    assert_same(operate(live["close"], 100.5), operate(live.frame["close"], 100.5))


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"])
@pytest.mark.parametrize("turned", [False, True])
def test_arithmetic(live: LiveFrame, name: str, turned: bool) -> None:
    operate = getattr(operator, name)
    pair = (lambda x: (1.5, x)) if turned else (lambda x: (x, 1.5))
    assert_same(operate(*pair(live)), operate(*pair(live.frame)))


@pytest.mark.parametrize("name", ["and_", "or_", "xor"])
@pytest.mark.parametrize("turned", [False, True])
def test_logic(live: LiveFrame, name: str, turned: bool) -> None:
    operate, mask = getattr(operator, name), live.frame > 100.5

    def outcome(frame: Any) -> Any:
        try:
            return operate(mask, frame) if turned else operate(frame, mask)
        except TypeError as error:
            return str(error)

    assert_same(outcome(live), outcome(live.frame))


def test_truth_and_hash_are_refused_as_a_frame_refuses_them(live: LiveFrame) -> None:
    with pytest.raises(ValueError, match="truth value of a DataFrame is ambiguous"):
        bool(live)
    with pytest.raises(TypeError, match="unhashable"):
        hash(live)


def test_polars_gets_the_times_too(live: LiveFrame) -> None:
    table = pl.DataFrame(live)
    assert table["timestamp"].to_list() == [time.to_pydatetime() for time in live.frame.index]
    assert table["close"].to_list() == live.frame["close"].to_list()


def test_it_is_no_frame_and_says_so_to_whoever_may_read_it_in_pieces(live: LiveFrame) -> None:
    assert not isinstance(live, pd.DataFrame)
    assert isinstance(live, LiveFrame)
    assert live.__class__ is LiveFrame


def test_the_moment_that_a_pickle_keeps_needs_no_mdnb(live: LiveFrame) -> None:
    assert b"mdnb" not in pickle.dumps(live)


# Refused, by a message that names `.frame`

REFUSED: dict[str, Use] = {
    "concat": lambda x, f: pd.concat([x, f]),
    "concat of live ones": lambda x, _: pd.concat([x, x]),
    "concat, other way": lambda x, f: pd.concat([f, x], axis=1),
    "concat by keys": lambda x, f: pd.concat({"a": f, "b": x}),
    "concat bare": lambda x, _: pd.concat(x),
    "merge, left": lambda x, f: pd.merge(x, f, on="timestamp"),
    "merge, right": lambda x, f: f.merge(x, on="timestamp"),
    "merge_asof, left": lambda x, f: pd.merge_asof(x, f, left_index=True, right_index=True),
    "merge_asof, right": lambda x, f: pd.merge_asof(f, x, left_index=True, right_index=True),
    "join": lambda x, f: f.add_suffix("_").join(x),
    "join of several": lambda x, f: f[["open"]].join([x]),
    "align": lambda x, f: f.align(x),
    "add": lambda x, f: f.add(x),
    "where": lambda x, f: f.where(f > 100, x),
    "update": lambda x, f: f.update(x),
    "as a column": lambda x, f: f.assign(new=x),
    "Series": lambda x, _: pd.Series(x),
    "Index": lambda x, _: pd.Index(x),
    "of frames": lambda x, _: pd.DataFrame({"a": x}),
    "isna": lambda x, _: pd.isna(x),
    "isin": lambda x, f: f["close"].isin(x),
    "equals": lambda x, f: f.equals(x),
    "assert_frame_equal": pd.testing.assert_frame_equal,
    "melt": lambda x, _: pd.melt(x),
    "scatter_matrix": lambda x, _: pd.plotting.scatter_matrix(x),
    "pl.from_pandas": lambda x, _: pl.from_pandas(x),
    "pa.Table.from_pandas": lambda x, _: pa.Table.from_pandas(x),
    "pa.RecordBatch.from_pandas": lambda x, _: pa.RecordBatch.from_pandas(x),
    "new column": lambda x, _: operator.setitem(x, "new", x["close"]),
    "without a column": lambda x, _: operator.delitem(x, "open"),
    "attribute": lambda x, _: setattr(x, "close", 1),
    "no attribute": lambda x, _: delattr(x, "symbol"),
    "loc": lambda x, _: operator.setitem(x.loc, ("a", "close"), 1),
    "iloc": lambda x, _: operator.setitem(x.iloc, 0, 1),
    "at": lambda x, _: operator.setitem(x.at, (0, "close"), 1),
    "iat": lambda x, _: operator.setitem(x.iat, (0, 0), 1),
    "insert": lambda x, _: x.insert(0, "new", 1),
    "pop": lambda x, _: x.pop("open"),
    "in place": lambda x, _: x.drop(columns="open", inplace=True),
    "in place, by a series": lambda x, f: x.where(f > 100, inplace=True),
    "out": lambda x, f: np.add(f, 1, out=x),
}


@pytest.mark.parametrize("use", REFUSED.values(), ids=REFUSED)
def test_it_refuses_by_a_message_that_names_the_frame(live: LiveFrame, use: Use) -> None:
    before = live.frame
    with pytest.raises(TypeError, match=r"live\[\"1min\"\]\.frame"):
        use(live, live.frame)
    pd.testing.assert_frame_equal(live.frame, before)


def test_seaborn(live: LiveFrame) -> None:
    sns = pytest.importorskip("seaborn", reason="needs seaborn")
    objects = pytest.importorskip("seaborn.objects", reason="needs seaborn")
    uses: list[Callable[[], Any]] = [
        lambda: sns.lineplot(data=live, x="timestamp", y="close"),
        lambda: sns.lineplot(data=live),
        lambda: sns.histplot(live, x="close"),
        lambda: sns.heatmap(live),
        lambda: sns.pairplot(live),
        lambda: objects.Plot(live, x="open", y="close"),
    ]
    for use in uses:
        with pytest.raises(TypeError, match=r"seaborn .*live\[\"1min\"\]\.frame"):
            use()


def test_mplfinance(live: LiveFrame) -> None:
    mpf = pytest.importorskip("mplfinance", reason="needs mplfinance")
    for use in (mpf.plot, mpf.make_addplot):
        with pytest.raises(TypeError, match=r"mplfinance .*live\[\"1min\"\]\.frame"):
            use(live)


def test_statsmodels(live: LiveFrame) -> None:
    sm = pytest.importorskip("statsmodels.api", reason="needs statsmodels")
    for use in (lambda: sm.add_constant(live), lambda: sm.OLS(live["close"], live)):
        with pytest.raises(TypeError, match=r"statsmodels .*live\[\"1min\"\]\.frame"):
            use()


# One moment, whatever comes meanwhile


def test_whoever_is_given_it_sees_one_moment() -> None:
    """Bars close all the time, with room for few: the columns of two moments would be shifted by rows."""
    feed = HandFeed(minutes(-20, 20))
    done = threading.Event()

    def trades() -> None:
        for minute in range(100_000):
            feed.trades(trade(60.0 * minute, 100.0 + minute))
            if done.is_set():
                return

    with open_market(feed, "1min", max_bars_per_timeframe=10) as market:
        live = market["1min"]
        sender = threading.Thread(target=trades)
        sender.start()
        try:
            moments = set()
            for _ in range(30):
                for frame in (
                    pd.DataFrame(live),
                    nw.from_native(live, eager_only=True).to_native(),
                    pa.table(live).to_pandas(),
                    live * 1,
                ):
                    # In these bars open and close are the same price, one more with each minute.
                    minute = (frame.index - frame.index[0]).total_seconds() / 60
                    recent = frame[frame["close"] >= 200]
                    assert (recent["open"] == recent["close"]).all()
                    if len(recent) == len(frame):
                        assert (frame["close"] - frame["close"].iloc[0]).tolist() == minute.tolist()
                        moments.add(frame.index[0])
                line = px.line(live, y="close").data[0]
                assert len(line.x) == len(line.y)
                assert (live == live)["close"].all()
        finally:
            done.set()
            sender.join()
    assert len(moments) > 3
