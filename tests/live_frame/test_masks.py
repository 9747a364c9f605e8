"""Rows chosen by what was true a moment earlier, when a bar has closed or been driven out since."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from mdnb.errors import OptionError
from mdnb.market import LiveMarket
from tests.manager.hand import HandFeed, minutes, open_market, trade

FRAME = r"live\[\"1min\"\]\.frame"


@pytest.fixture
def feed() -> HandFeed:
    return HandFeed(minutes(-10, 10))


@pytest.fixture
def market(feed: HandFeed) -> Iterator[LiveMarket]:
    with open_market(feed, "1min", "5min", max_bars_per_timeframe=12) as made:
        yield made


def go_on(feed: HandFeed, minutes_more: int) -> None:
    feed.trades(*(trade(60.0 * minute, 200.0 + minute) for minute in range(minutes_more)))


@pytest.mark.parametrize("more", [1, 2, 8, 15])
def test_a_mask_is_aligned_by_its_times(market: LiveMarket, feed: HandFeed, more: int) -> None:
    live = market["1min"]
    mask = live["close"] > 100.5
    before = live.frame[mask]
    go_on(feed, more)
    now = live.frame
    assert not now.index.equals(mask.index)
    known = before[before.index.isin(now.index)]
    if known.index.empty and now.index.intersection(mask.index).empty:
        with pytest.raises(OptionError, match=FRAME):
            live[mask]
        return
    pd.testing.assert_frame_equal(live[mask], known, check_freq=False)
    pd.testing.assert_frame_equal(live.loc[mask], known, check_freq=False)
    pd.testing.assert_series_equal(live.loc[mask, "close"], known["close"], check_freq=False)
    pd.testing.assert_frame_equal(live.where(mask).dropna(how="all"), known, check_freq=False)


def test_a_mask_of_several_conditions(market: LiveMarket, feed: HandFeed) -> None:
    live = market["1min"]
    mask = (live["close"] > 100.25) & (live["volume"] >= 11)
    go_on(feed, 1)
    assert live[mask].index.tolist() == mask[mask].index.tolist()
    assert len(live[~mask]) + len(live[mask]) == len(live) - 1


@pytest.mark.parametrize("more", [1, 8])
def test_columns_of_two_moments_are_compared_on_the_bars_both_have(
    market: LiveMarket, feed: HandFeed, more: int
) -> None:
    live = market["1min"]
    close = live["close"]
    go_on(feed, more)
    opened, now = live.open, live.frame
    assert not close.index.equals(opened.index)
    shared = close.index.intersection(opened.index)
    for rising in (close > opened, opened < close):
        assert type(rising) is pd.Series
        assert rising.index.equals(shared)
        expected = pd.Series(close.to_numpy(), close.index).loc[shared] > now["open"].loc[shared]
        assert rising.tolist() == expected.tolist()
    assert len(live[close > opened]) == int((close > opened).sum())
    assert (close != opened).index.equals(shared)


def test_a_column_is_a_series_and_what_is_made_of_it_a_plain_one(market: LiveMarket) -> None:
    close = market["1min"]["close"]
    plain = market["1min"].frame["close"]
    pd.testing.assert_series_equal(close, plain, check_series_type=False)
    assert close.attrs == plain.attrs
    made = [close + 1, close.rolling(3).mean(), close.iloc[1:], close.copy(), np.log(close), close == 3]
    made += [copy.copy(close).diff(), pickle.loads(pickle.dumps(close)), pd.DataFrame(close)["close"]]
    assert {type(one) for one in made} == {pd.Series}
    with pytest.raises(ValueError, match="identically-labeled"):
        _ = close > market["5min"]["close"]


def test_a_mask_with_unknown_truths(market: LiveMarket, feed: HandFeed) -> None:
    live = market["1min"]
    mask = (live["close"] > 100.5).astype("boolean")
    go_on(feed, 1)
    assert live[mask].index.tolist() == mask[mask].index.tolist()


@pytest.mark.parametrize("made", [np.array, list], ids=["array", "list"])
def test_an_array_that_no_longer_fits_is_refused(market: LiveMarket, feed: HandFeed, made: type) -> None:
    live = market["1min"]
    mask = made((live["close"] > 100.5).to_numpy())
    assert len(live[mask]) == len(live.loc[mask]) == len(live.iloc[mask]) == int(sum(mask))
    go_on(feed, 1)
    for use in (lambda: live[mask], lambda: live.loc[mask], lambda: live.iloc[mask]):
        with pytest.raises(OptionError, match=f"10 rows.*11 now.*{FRAME}"):
            use()


def test_a_mask_of_other_bars_is_refused(market: LiveMarket, feed: HandFeed) -> None:
    live, other = market["1min"], market["5min"]
    with pytest.raises(OptionError, match="X 5min"):
        live[other["close"] > 0]
    plain = pd.Series(True, index=range(len(live)))
    with pytest.raises(OptionError, match=FRAME):
        live[plain]


def test_a_mask_made_in_the_same_breath_never_fails(market: LiveMarket, feed: HandFeed) -> None:
    live = market["1min"]

    def closed_meanwhile(frame: pd.DataFrame) -> pd.Series[bool]:
        go_on(feed, 3)
        return frame["close"] > 100.5

    assert (live[closed_meanwhile(live.frame)]["close"] > 100.5).all()
    assert (live[closed_meanwhile]["close"] > 100.5).all()
