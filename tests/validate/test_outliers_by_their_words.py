"""The live outlier filter against its own documentation, written down with plain lists and no short ways."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from mdnb.errors import OptionError
from mdnb.rows import TradeRow
from mdnb.validate.outliers import TrailingFilter


def row(number: int, price: float) -> TradeRow:
    return (number, price, 1.0, 1, 0, number)


class Plain:
    """Trades one at a time: which are kept, which are held, and which of the held ones are let go."""

    def __init__(self, tick: float | None, window: int, limit: float, confirm: int) -> None:
        self.tick, self.window, self.limit, self.need = tick, window, limit, confirm
        self.good: list[float] = []
        self.pending: list[tuple[int, int, float]] = []
        self.arrived = self.kept = 0

    def middle(self) -> float:
        return statistics.median(self.good)

    def reach(self) -> float:
        middle = self.middle()
        floor = 0.5e-4 * abs(middle) if self.tick is None else self.tick / 2
        return self.limit * max(floor, statistics.fmean(abs(one - middle) for one in self.good))

    def remember(self, price: float) -> None:
        if not self.good or self.good[-1] != price:
            self.good = [*self.good, price][-self.window :]

    def take(self, price: float) -> list[int]:
        """Return the numbers of the trades that go into bars now."""
        self.arrived += 1
        out: list[int] = []
        if self.pending and self.arrived - self.pending[0][0] >= self.window:
            number, _, old = self.pending.pop(0)
            if abs(old - self.middle()) <= self.reach():
                out.append(number)
        if math.isfinite(price):
            if len(self.good) < self.window // 2 or abs(price - self.middle()) <= self.reach():
                self.kept += 1
                self.remember(price)
                return [*out, self.arrived]
            self.pending.append((self.arrived, self.kept, price))
            agree = [one for one in self.pending if abs(one[2] - price) <= self.reach()]
            if len(agree) >= self.need:
                if agree[0][1] == self.kept:
                    shift = sorted(one[2] for one in agree)[len(agree) // 2] - self.middle()
                    self.good = [one + shift for one in self.good]
                for one in agree:
                    self.remember(one[2])
                    self.pending.remove(one)
                    out.append(one[0])
                self.kept += len(agree)
        return out


_steps = st.lists(
    st.one_of(
        st.sampled_from([0, 0, 1, -1, 2, -2, 3, -3, 15, -15, 40, -40, 41, 200]),
        # A level of its own, for a while.
        st.tuples(st.sampled_from([30, -30, 90]), st.integers(1, 4)),
    ),
    max_size=160,
)


@given(
    _steps,
    st.sampled_from(
        [(0.25, 8, 4.0, 3), (0.25, 9, 3.0, 2), (None, 8, 4.0, 3), (2.0, 4, 2.5, 4), (0.25, 20, 5.0, 3)]
    ),
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
)
def test_trades_are_kept_held_and_released_as_the_words_say(
    steps: list[int | tuple[int, int]], options: tuple[float | None, int, float, int], sizes: Sequence[int]
) -> None:
    prices, level = [], 2_000
    for step in steps:
        if isinstance(step, tuple):
            prices += [(level + step[0]) / 4] * step[1]
        else:
            prices.append((level + step) / 4)
            # Small steps are the market's, large ones misprints.
            level += step if abs(step) <= 3 else 0
    tick, window, limit, confirm = options
    plain = Plain(tick, window, limit, confirm)
    made = TrailingFilter(tick, window, limit, confirm)
    expected = [number for price in prices for number in plain.take(price)]
    seen: list[int] = []
    at, turn, held, released = 0, 0, 0, 0
    while at < len(prices):
        size = sizes[turn % len(sizes)]
        batch = [row(at + i + 1, price) for i, price in enumerate(prices[at : at + size])]
        split = made.split(batch)
        seen += [one[5] for one in (*split.released, *split.kept)]
        held += len(split.held)
        released += len(split.released)
        assert [one[5] for one in split.released] == sorted(one[5] for one in split.released)
        at, turn = at + size, turn + 1
    assert sorted(seen) == sorted(expected)
    assert (made.held, made.released) == (held, released)
    assert [one[5] for one in made.pending] == [number for number, _, _ in plain.pending]


@pytest.mark.parametrize(("off", "held"), [(1.25, 0), (1.3, 1)])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("known", [26, 50])
def test_ten_half_ticks_are_the_least_that_is_far(off: float, held: int, side: int, known: int) -> None:
    made = TrailingFilter(0.25)
    # Forth and back by hardly anything, and 100 in the middle: of equal prices only one would count.
    calm = [100.0 + (-1) ** i * 2.0**-20 for i in range(known)]
    made.seed(calm)
    assert len(made.split([row(1, 100.0 + side * off)]).held) == held
    # Where no tick is known a basis point of the price stands in for it.
    free = TrailingFilter(None)
    free.seed(calm)
    assert len(free.split([row(1, 100.0 + side * (off - 1.25 + 0.0499))]).held) == held


@pytest.mark.parametrize(("known", "held"), [(24, 0), (25, 1)])
def test_nothing_is_judged_before_half_a_window_is_known(known: int, held: int) -> None:
    made = TrailingFilter(0.25)
    made.seed([100.0 + 0.25 * (i % 2) for i in range(known)])
    assert len(made.split([row(1, 500.0)]).held) == held


def test_what_is_no_price_is_held_and_nothing_to_measure_by() -> None:
    made = TrailingFilter(0.25)
    made.seed([math.nan, math.inf])
    splits = [made.split([row(1, price)]) for price in (math.nan, math.inf, -math.inf, 100.0, math.nan)]
    assert [len(split.held) for split in splits] == [1, 1, 1, 0, 1]
    assert made.pending == []
    assert (made.held, made.released) == (4, 0)


def test_trades_held_elsewhere_are_watched_here() -> None:
    made = TrailingFilter(0.25)
    made.seed([100.0, 100.25] * 50)
    made.split([row(1, 170.0)])
    made.watch([row(2, 140.0), row(3, 140.25)])
    assert (made.held, [one[5] for one in made.pending]) == (3, [1, 2, 3])
    split = made.split([row(4, 140.0)])
    # The third that agrees: the level has moved, and is measured as the old one was.
    assert ([one[5] for one in split.released], [one[5] for one in split.kept]) == ([2, 3], [4])
    assert [one[5] for one in made.split([row(5, 139.75)]).kept] == [5]
    assert len(made.split([row(6, 100.0)]).held) == 1


@pytest.mark.parametrize(
    "options", [{"window": 4, "confirm": 4}, {"window": 4, "confirm": 2}, {"limit": 1e-9}]
)
def test_the_least_that_is_allowed(options: dict[str, float]) -> None:
    made = TrailingFilter(**{"tick_size": 1e-12, "window": 4, "confirm": 2, **options})  # type: ignore[arg-type]
    assert (made.held, made.released, made.pending) == (0, 0, [])


@pytest.mark.parametrize("tick", [0.0, -1.0, math.inf, math.nan])
def test_a_tick_that_is_none_is_said_to_be(tick: float) -> None:
    with pytest.raises(OptionError) as raised:
        TrailingFilter(tick)
    assert str(raised.value) == f"tick_size must be positive, or None where unknown; got {tick!r}"


@pytest.mark.parametrize(
    ("window", "limit", "confirm"),
    [
        (3, 10.0, 3),
        (50, 0.0, 3),
        (50, math.inf, 3),
        (50, -1.0, 3),
        (50, 10.0, 1),
        (50, 10.0, 51),
        (50, math.nan, 3),
    ],
)
def test_other_options_are_said_to_be_wrong(window: int, limit: float, confirm: int) -> None:
    with pytest.raises(OptionError) as raised:
        TrailingFilter(0.25, window, limit, confirm)
    assert str(raised.value) == (
        "window must be at least 4, limit positive and confirm from 2 to window; "
        f"got window={window}, limit={limit}, confirm={confirm}"
    )
