"""The simulated market: one truth, whoever asks, and a plausible one."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings, strategies as st
from scipy import stats

from mdnb.errors import SymbolError
from mdnb.feeds.simulator.history import closed_bars
from mdnb.feeds.simulator.intraday_profile import activity_curve, local_minutes
from mdnb.feeds.simulator.match_turnover import SETTLED_COUNT
from mdnb.feeds.simulator.minute_plan import MINUTE_NS, Plan
from mdnb.feeds.simulator.symbols import MODELS, model_of
from mdnb.feeds.simulator.tape import TradeTape
from mdnb.feeds.simulator.ticks import Ticks, make_ticks, plan_turnover
from mdnb.timeframes import Timeframe
from tests.feeds.simulated import DAY, HOUR, MINUTE, instant, tape_of

NOON = instant("2025-11-19T18:00")
WEEK = NOON - 5 * DAY
NAMES = list(Ticks.__slots__)
COLUMNS = ["open", "high", "low", "close", "volume", "tick_count", "turnover"]


def same(left: Ticks, right: Ticks) -> bool:
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in NAMES)


def joined(parts: list[Ticks]) -> Ticks:
    return Ticks(*(np.concatenate([getattr(part, name) for part in parts]) for name in NAMES))


def ticks_of(tape: TradeTape, plan: Plan) -> Ticks:
    return make_ticks(plan, tape.market.tick_key, tape.model)


def frame_of(tape: TradeTape, ticks: Ticks) -> pd.DataFrame:
    rows = tape.rows(ticks)
    frame = pd.DataFrame(rows, columns=["ts", "price", "size", "count", "side", "id"])
    frame["turnover"] = frame["price"] * frame["size"]
    return frame


def aggregated(frame: pd.DataFrame, start: pd.Series | np.ndarray) -> pd.DataFrame:
    grouped = frame.groupby(start, sort=False)
    return grouped.agg(
        open=("price", "first"),
        high=("price", "max"),
        low=("price", "min"),
        close=("price", "last"),
        volume=("size", "sum"),
        tick_count=("count", "sum"),
        turnover=("turnover", "sum"),
    ).reset_index(names="start")


# -- one truth ---------------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(st.lists(st.integers(0, 3 * HOUR), min_size=1, max_size=6), st.sampled_from(["MNQ", "BTC-USD"]))
def test_slices_of_any_cut_are_the_whole(cuts: list[int], symbol: str) -> None:
    edges = [NOON, *sorted(NOON + cut for cut in cuts), NOON + 3 * HOUR]
    fresh = tape_of(symbol, fresh=True)
    parts = [fresh.between(low, high) for low, high in itertools.pairwise(edges)]
    assert same(joined(parts), tape_of(symbol).between(NOON, NOON + 3 * HOUR))


@settings(max_examples=12)
@given(st.lists(st.tuples(st.integers(0, 5 * 1440), st.integers(0, 90)), min_size=1, max_size=5))
def test_what_was_asked_before_changes_nothing(asked: list[tuple[int, int]]) -> None:
    warm, cold = tape_of(), tape_of(fresh=True)
    for minute, width in asked:
        low = WEEK + minute * MINUTE
        assert same(cold.between(low, low + width * MINUTE), warm.between(low, low + width * MINUTE))
        plans = [tape.market.plan(low // MINUTE_NS, low // MINUTE_NS + width) for tape in (cold, warm)]
        assert all(
            np.array_equal(getattr(plans[0], name), getattr(plans[1], name)) for name in Plan.__slots__
        )


def test_long_ranges_agree_with_short_ones() -> None:
    market = tape_of(fresh=True).market
    last = NOON // MINUTE_NS
    long = market.plan(last - 70 * 1440, last)  # beyond what is kept: made in one go
    parts = [market.plan(low, low + 1440) for low in range(last - 70 * 1440, last, 1440)]
    for name in Plan.__slots__:
        assert np.array_equal(getattr(long, name), np.concatenate([getattr(part, name) for part in parts]))


def test_the_moment_of_the_start_changes_no_price_and_no_trade() -> None:
    early, late = tape_of(start="2025-03-03T12:00"), tape_of(start="2025-11-19T15:00")
    low = instant("2025-11-12T15:00")
    assert same(early.between(low, low + HOUR), late.between(low, low + HOUR))


def test_seeds_symbols_and_rates_differ() -> None:
    base = tape_of().between(NOON, NOON + MINUTE)
    assert not same(base, tape_of(seed=8).between(NOON, NOON + MINUTE))
    large = tape_of("NQ").between(NOON, NOON + MINUTE)
    assert len(large) != len(base)
    # A micro future's price is the large one's, its trades are its own.
    assert abs(int(large.price[-1]) - int(base.price[-1])) <= 4
    busy = tape_of(rate=3.0).between(NOON, NOON + HOUR)
    assert len(busy) == pytest.approx(3 * len(tape_of().between(NOON, NOON + HOUR)), rel=0.01)


def test_an_unknown_symbol_is_told_what_there_is() -> None:
    with pytest.raises(SymbolError, match=r"does not know 'MNK'\. Did you mean 'MNQ'\? Allowed: MNQ, NQ"):
        model_of("MNK")


# -- a minute's plan and its trades ------------------------------------------------------------------------


@pytest.mark.parametrize(("symbol", "rate"), [("MNQ", 1.0), ("CL", 0.1), ("BTC-USD", 1.0), ("MNQ", 0.004)])
def test_trades_reproduce_the_plan_of_each_minute(symbol: str, rate: float) -> None:
    tape = tape_of(symbol, rate=rate)
    plan = tape.market.plan((NOON - DAY) // MINUTE_NS, NOON // MINUTE_NS)
    assert (plan.count < SETTLED_COUNT).any() or rate == 1.0
    ticks = ticks_of(tape, plan)
    frame = pd.DataFrame({name: getattr(ticks, name) for name in NAMES})
    frame["turnover"] = frame["price"] * frame["lots"]
    assert frame["ts_ns"].is_monotonic_increasing
    assert set(frame["side"].unique()) <= {-1, 1}
    assert frame["lots"].min() >= 1
    minutes = frame.groupby(frame["ts_ns"] // MINUTE_NS)
    table = minutes.agg(
        open=("price", "first"),
        high=("price", "max"),
        low=("price", "min"),
        close=("price", "last"),
        count=("price", "size"),
        volume=("lots", "sum"),
        turnover=("turnover", "sum"),
        first_id=("trade_id", "first"),
    )
    assert np.array_equal(table.index, plan.minute)
    for name in table.columns:
        assert np.array_equal(table[name], getattr(plan, name)), name


@settings(max_examples=40)
@given(
    st.integers(0, 30_000_000),
    st.integers(1, 400),
    st.tuples(*[st.integers(0, 60)] * 4),
    st.integers(0, 3000),
    st.sampled_from(["MNQ", "BTC-USD"]),
)
# Few trades of many lots each: only with nearly all lots at the extremes is the turnover met.
@example(18550889, 20, (0, 1, 10, 14), 229579, "MNQ")
@example(15257254, 25, (0, 1, 2, 11), 688, "BTC-USD")
@example(284550, 16, (0, 0, 1, 1), 26, "MNQ")
def test_any_plan_can_be_traded(
    minute: int, count: int, prices: tuple[int, ...], extra: int, symbol: str
) -> None:
    """Plans that the market would hardly make: no range, no extra lots, a wide range and few trades."""
    low, one, other, high = sorted(prices)
    if count < 4:
        low, high = min(one, other), max(one, other)
    if count == 1:
        other = low = high = one
    columns = [minute, 1000 + one, 1000 + high, 1000 + low, 1000 + other, count, count + extra, 0, 77]
    plan = Plan(*(np.array([column], dtype=np.int64) for column in columns))
    model = model_of(symbol)
    plan = plan.with_turnover(plan_turnover(plan, 5, model))
    ticks = make_ticks(plan, 5, model)
    assert len(ticks) == count
    assert (ticks.price[0], ticks.price[-1]) == (1000 + one, 1000 + other)
    assert (ticks.price.max(), ticks.price.min()) == (1000 + high, 1000 + low)
    assert ticks.lots.sum() == count + extra
    assert ticks.lots.min() >= 1
    assert (ticks.price * ticks.lots).sum() == plan.turnover[0]
    assert (np.diff(ticks.ts_ns) >= 0).all()
    assert (ticks.ts_ns // MINUTE_NS == minute).all()


def test_ids_rise_by_one_across_breaks_and_weekends() -> None:
    tape = tape_of()
    low, high = instant("2025-11-14T20:00"), instant("2025-11-17T00:30")
    ticks = tape.between(low, high)
    assert (np.diff(ticks.trade_id) == 1).all()
    closed = tape.between(instant("2025-11-15T00:00"), instant("2025-11-16T22:00"))
    assert len(closed) == 0
    for moment in (low, low + 12_345_678_901, instant("2025-11-15T12:00"), high):
        expected = int(ticks.trade_id[0]) + int(np.searchsorted(ticks.ts_ns, moment))
        assert tape.next_id(moment) == expected


def test_times_cluster_and_some_trades_share_theirs() -> None:
    ticks = tape_of().between(NOON, NOON + HOUR)
    pauses = np.diff(ticks.ts_ns)
    assert 0.1 < (pauses == 0).mean() < 0.35
    assert pauses.std() > 1.5 * pauses.mean(), "a Poisson process has a ratio of 1"


# -- history -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["MNQ", "BTC-USD"])
@pytest.mark.parametrize("name", ["7sec", "15sec", "90sec", "1min", "5min", "1hour"])
def test_bars_are_what_pandas_makes_of_the_trades(symbol: str, name: str) -> None:
    tape = tape_of(symbol)
    low, high = instant("2025-11-18T20:00"), instant("2025-11-19T03:00")
    rows, more = closed_bars(tape, Timeframe.parse(name), low, high, high, 100_000)
    assert not more
    frame = frame_of(tape, tape.between(low, high + HOUR))
    step = Timeframe.parse(name).step_ns
    anchor = np.zeros(len(frame), dtype=np.int64)
    if symbol == "MNQ":
        # Chicago's winter: sessions open at 23:00 UTC.
        opened = instant("2025-11-18T23:00")
        anchor = np.where(frame["ts"] >= opened, opened, opened - DAY)
    starts = anchor + (frame["ts"] - anchor) // step * step
    table = aggregated(frame, starts)
    table = table[(table["start"] >= low) & (table["start"] + step <= high)]
    made = pd.DataFrame(rows, columns=table.columns)
    pd.testing.assert_frame_equal(made, table.reset_index(drop=True), check_dtype=False, rtol=1e-12)


@pytest.mark.parametrize("week", ["2026-03-08", "2025-11-02"])
def test_days_and_weeks_are_the_sessions_over_a_change_of_the_clocks(week: str) -> None:
    tape = tape_of(start="2026-03-20T12:00")
    low, high = instant(week) - 5 * DAY, instant(week) + 5 * DAY
    rows, _ = closed_bars(tape, Timeframe.parse("1day"), low, high, high, 1000)
    sessions = tape.market.sessions
    inside = (sessions.opens >= low) & (sessions.closes <= high)
    assert [row[0] for row in rows] == sessions.opens[inside].tolist()
    opened = pd.to_datetime([row[0] for row in rows], utc=True).tz_convert("America/Chicago")
    assert set(opened.hour) == {17}
    assert len(set(pd.to_datetime([row[0] for row in rows], utc=True).hour)) == 2, "the hour in UTC changes"
    minutes, _ = closed_bars(tape, Timeframe.parse("1min"), low, high, high, 100_000)
    held = pd.DataFrame(minutes, columns=["start", *COLUMNS])
    day = np.searchsorted(sessions.opens, held["start"], side="right") - 1
    held = held[sessions.opens[day] >= low]
    days = held.groupby(sessions.opens[day[-len(held) :]])
    table = days.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum",
                      "tick_count": "sum", "turnover": "sum"}).reset_index()  # fmt: skip
    expected = table[table["index"].isin([row[0] for row in rows])]
    assert [tuple(row) for row in expected.itertuples(index=False)] == rows


@pytest.mark.parametrize(("name", "limit"), [("1min", 7), ("15sec", 1), ("4hour", 2), ("45sec", 100)])
def test_pages_are_the_whole(name: str, limit: int) -> None:
    tape, timeframe = tape_of(), Timeframe.parse(name)
    low = NOON - {"1min": HOUR, "15sec": 5 * MINUTE, "4hour": 5 * DAY, "45sec": 12 * HOUR}[name]
    whole, _ = closed_bars(tape, timeframe, low, NOON, NOON, 10**6)
    pages, more, at = [], True, low
    while more:
        page, more = closed_bars(tape, timeframe, at, NOON, NOON, limit)
        assert len(page) <= limit
        pages += page
        at = page[-1][0] + 1
    assert pages == whole
    assert len(pages) > limit


def test_no_bar_is_told_before_it_is_over() -> None:
    tape = tape_of()
    assert closed_bars(tape, Timeframe.parse("1min"), NOON, NOON + DAY, NOON, 10) == ([], False)
    for late in range(0, 120 * 10**9, 7 * 10**9 + 1):
        now = NOON + late
        for name in ("15sec", "1min", "5min", "1hour", "1day"):
            timeframe = Timeframe.parse(name)
            back = 2 * DAY if name == "1day" else 2 * timeframe.step_ns
            rows, _ = closed_bars(tape, timeframe, now - back, now + DAY, now, 10**6)
            assert rows[-1][0] + (timeframe.step_ns or 23 * HOUR) <= now


def test_trades_come_in_pages() -> None:
    tape = tape_of()
    low, high = instant("2025-11-14T21:30"), instant("2025-11-16T23:40")
    whole = tape.between(low, high)
    pages, at, more = [], low, True
    while more:
        page, more = tape.page(at, high, 4000)
        pages.append(page)
        at = int(page.ts_ns[-1]) + 1  # no tie is cut here by these numbers; a client goes by ids
    assert len(joined(pages)) == pytest.approx(len(whole), abs=len(pages))
    first, more = tape.page(low, high, 10)
    assert same(first, whole.take(slice(0, 10)))
    assert more
    assert len(tape.page(high, low, 10)[0]) == 0
    nothing, more = tape.page(-(2**63), instant("2010-01-01"), 10)
    assert (len(nothing), more) == (0, False)


# -- plausible ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quarter() -> Plan:
    market = tape_of(fresh=True).market
    return market.plan((NOON - 90 * DAY) // MINUTE_NS, NOON // MINUTE_NS)


def test_returns_have_fat_tails_and_no_memory_but_for_their_size(quarter: Plan) -> None:
    returns = np.diff(np.log(quarter.close))[np.diff(quarter.minute) == 1]
    assert 5 < stats.kurtosis(returns, fisher=False) < 80
    assert abs(np.corrcoef(returns[:-1], returns[1:])[0, 1]) < 0.05
    size = np.abs(returns)
    memory = [np.corrcoef(size[:-lag], size[lag:])[0, 1] for lag in (1, 5, 20, 60)]
    assert min(memory) > 0.1
    assert memory[0] > memory[-1]


def test_volume_follows_the_day_and_the_volatility(quarter: Plan) -> None:
    of_day = local_minutes(quarter.minute, "America/Chicago") % 1440
    profile = np.bincount(of_day, quarter.volume, 1440) / np.maximum(np.bincount(of_day, minlength=1440), 1)
    traded = np.bincount(of_day, minlength=1440) > 0
    assert np.corrcoef(profile[traded], activity_curve(True)[traded])[0, 1] > 0.9
    assert stats.spearmanr(quarter.volume, quarter.high - quarter.low).statistic > 0.5


def test_an_ordinary_day_has_more_than_1_7_million_trades() -> None:
    minute = instant("2025-11-12T00:00") // MINUTE_NS
    days = [tape_of(seed=seed).market.plan(minute, minute + 1440).count.sum() for seed in range(1, 21)]
    assert np.mean(days) > 1_700_000
    assert min(days) > 900_000


@pytest.mark.parametrize("symbol", list(MODELS))
def test_prices_stay_plausible_for_years_and_on_the_grid(symbol: str) -> None:
    tape = tape_of(symbol)
    week = 7 * 1440
    wednesdays = range(instant("2019-01-02T18:00") // MINUTE_NS, NOON // MINUTE_NS, week)
    plan = Plan.joined([tape.market.plan(minute, minute + 1) for minute in wednesdays])
    closes = plan.close / tape.model.ticks_per_point
    assert len(closes) > 300
    assert (closes > 0.35 * tape.model.price).all()
    assert (closes < 2.8 * tape.model.price).all()
    weekly = np.diff(np.log(closes)).std()
    assert 0.5 < weekly / (tape.model.volatility * 5**0.5) < 2.0
    grid = tape.model.instrument.tick_size
    prices = [row[1] for row in tape.rows(tape.between(NOON, NOON + 10 * MINUTE))]
    assert grid is not None
    assert all(price == round(round(price / grid) * grid, 10) for price in prices)


def test_most_trades_are_small_and_few_are_large() -> None:
    lots = tape_of().between(NOON, NOON + HOUR).lots
    assert 0.5 < (lots == 1).mean() < 0.8
    assert 1.5 < lots.mean() < 2.5
    assert lots.max() > 20
    sizes = [row[2] for row in tape_of("BTC-USD").rows(tape_of("BTC-USD").between(NOON, NOON + HOUR))]
    assert min(sizes) == 0.0001
    assert all(size == round(size, 4) for size in sizes)
