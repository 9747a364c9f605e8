"""The venue's time, measured while the computer's clock is wrong, is set, or sleeps."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mdnb.clock import MarketClock, clock_sentence
from mdnb.feeds.endpoint import server_time_ns

SECOND = 1_000_000_000
TRUE = 1_772_460_000 * SECOND


class Computer:
    """A computer whose clock is wrong by so many seconds; the test lets time pass."""

    def __init__(self, wrong_by: float = 0.0) -> None:
        self.passed = 0
        self.slept = 0
        self.wrong_by = round(wrong_by * SECOND)
        self.clock = MarketClock(lambda: self.now + self.wrong_by, lambda: self.passed - self.slept)

    @property
    def now(self) -> int:
        """The venue's true time."""
        return TRUE + self.passed

    def wait(self, seconds: float) -> None:
        self.passed += round(seconds * SECOND)

    def hear(self, old: float = 0.05) -> None:
        """Get a message that was made so many seconds ago."""
        self.clock.arrived(self.now - round(old * SECOND))

    def listen(self, seconds: float, old: float = 0.05) -> None:
        for _ in range(round(seconds * 2)):
            self.wait(0.5)
            self.hear(old)

    @property
    def error(self) -> float:
        """By how many seconds the market's time is off."""
        return (self.clock.now_ns() - self.now) / SECOND


@pytest.mark.parametrize("wrong_by", [-90.0, 90.0, -3600.0, 7200.0, 5.0, -2.5])
def test_a_wrong_clock_is_seen_within_three_seconds_and_the_market_has_its_own_time(wrong_by: float) -> None:
    computer = Computer(wrong_by)
    assert computer.error == pytest.approx(wrong_by)
    computer.hear()
    assert not computer.clock.is_settled
    computer.listen(3)
    assert computer.clock.is_settled
    assert computer.error == pytest.approx(0, abs=0.1)
    assert computer.clock.lead_seconds == pytest.approx(-wrong_by, abs=0.1)
    assert computer.clock.latest_ns() - computer.now == pytest.approx(60 * SECOND, abs=SECOND)


@pytest.mark.parametrize(("wrong_by", "old"), [(0.0, 0.05), (0.3, 0.2), (-0.3, 0.01), (1.0, 0.5)])
def test_a_clock_that_is_right_is_known_to_be_with_the_first_message(wrong_by: float, old: float) -> None:
    computer = Computer(wrong_by)
    computer.hear(old)
    assert computer.clock.is_settled
    assert computer.error == pytest.approx(max(wrong_by, -old), abs=1e-6)
    assert clock_sentence(computer.clock.lead_seconds) is None


def test_a_venue_ahead_by_less_than_a_second_is_followed() -> None:
    computer = Computer(-0.5)
    computer.hear(0.1)
    assert computer.error == pytest.approx(-0.1)
    assert computer.clock.lead_seconds == pytest.approx(0.4)
    computer.wait(1)
    computer.hear(0.02)
    assert computer.error == pytest.approx(-0.02)


def test_no_trade_is_from_the_future_while_the_clock_is_not_known() -> None:
    computer = Computer(-3 * 3600)
    assert computer.now < computer.clock.latest_ns()
    computer.hear()
    assert computer.now < computer.clock.latest_ns()


def test_a_clock_that_is_set_while_the_market_runs_changes_nothing() -> None:
    computer = Computer()
    computer.listen(5)
    for seconds in (90, -90, 3600, -7200):
        computer.wrong_by = seconds * SECOND
        assert computer.error == pytest.approx(0, abs=0.1), "before anything is heard"
        computer.listen(5)
        assert computer.error == pytest.approx(0, abs=0.1)
        assert computer.clock.lead_seconds == pytest.approx(-seconds, abs=0.1)
    computer.wrong_by = 0
    computer.listen(5)
    assert clock_sentence(computer.clock.lead_seconds) is None


def test_a_computer_that_slept_believes_the_first_message_that_its_clock_confirms() -> None:
    computer = Computer()
    computer.listen(5)
    computer.slept = 3600 * SECOND
    computer.passed += 3600 * SECOND
    assert computer.error == pytest.approx(-3600, abs=0.1), "bars are closed late, not early"
    computer.hear()
    assert computer.error == pytest.approx(0, abs=0.1)


def test_a_stamp_of_a_wrong_hour_or_year_does_not_move_the_clock() -> None:
    computer = Computer()
    computer.listen(5)
    for future in (90, 3600, 400 * 86_400):
        computer.hear(-future)
        computer.wait(1)
        assert computer.error == pytest.approx(0, abs=0.1)
        computer.hear()
        computer.wait(2)
        computer.hear(-future)
        assert computer.error == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("days", [-400, 400])
def test_a_computer_without_any_idea_of_the_date_follows_the_venue_after_ten_seconds(days: int) -> None:
    computer = Computer(days * 86_400.0)
    computer.listen(9)
    assert computer.error == days * 86_400
    computer.listen(3)
    assert computer.error == pytest.approx(0, abs=0.1)
    said = clock_sentence(computer.clock.lead_seconds)
    assert said is not None
    assert f"400 days {'ahead of' if days > 0 else 'behind'} the venue's" in said


def test_a_venue_that_sets_its_own_clock_is_followed_after_two_seconds() -> None:
    computer = Computer()
    computer.listen(5)
    computer.listen(3, old=-90)
    assert computer.error == pytest.approx(90, abs=0.1)
    computer.listen(40)
    assert computer.error == pytest.approx(0, abs=0.1)


def test_old_trades_at_the_beginning_say_nothing_of_the_clock() -> None:
    computer = Computer()
    for old in (7200.0, 6000.0, 5999.5, 31.0):
        computer.hear(old)
    assert computer.error == 0.0
    assert not computer.clock.is_settled
    computer.wait(11)
    assert computer.clock.is_settled, "a market in which nobody trades: the computer's clock has to do"
    computer.hear()
    assert computer.error == pytest.approx(0, abs=0.1)


def test_a_line_that_is_slow_for_some_seconds_does_not_set_the_clock_back() -> None:
    computer = Computer()
    computer.listen(5)
    computer.listen(20, old=12)
    assert computer.error == pytest.approx(0, abs=0.1)
    computer.wait(40)
    computer.hear(50)
    computer.listen(5)
    assert computer.error == pytest.approx(0, abs=0.1)


def test_trades_minutes_apart_are_enough() -> None:
    computer = Computer(90)
    computer.hear()
    computer.wait(240)
    computer.hear()
    assert computer.error == pytest.approx(0, abs=0.1)


def test_a_drift_is_followed_in_both_directions() -> None:
    computer = Computer(90)
    computer.listen(3)
    for _ in range(40):
        computer.slept += SECOND // 10
        computer.listen(60)
        assert computer.error == pytest.approx(0, abs=1.1)
    for _ in range(40):
        computer.slept -= SECOND // 10
        computer.listen(60)
        assert computer.error == pytest.approx(0, abs=1.6)


def test_what_the_server_says_of_its_clock_is_used_until_its_stamps_are_known() -> None:
    computer = Computer(-90)
    computer.clock.hint(computer.now)
    assert computer.error == pytest.approx(0, abs=0.1)
    computer.hear()
    assert computer.clock.is_settled
    assert computer.clock.lead_seconds == pytest.approx(90, abs=0.1)
    right = Computer()
    right.clock.hint(right.now + SECOND)
    assert right.error == 0.0, "to the second they agree"


@pytest.mark.parametrize("days", [-20_000, -400, -2, 2, 400, 20_000, 2_900_000])
def test_a_server_that_is_days_off_costs_nothing_once_a_stamp_says_what_the_computer_does(days: int) -> None:
    computer = Computer(0.4)
    computer.clock.hint(computer.now + days * 86_400 * SECOND)
    assert 0 < computer.clock.now_ns() < 2**63
    computer.hear()
    assert computer.error == pytest.approx(0.4, abs=0.1)
    assert computer.clock.is_settled


@pytest.mark.parametrize("seconds", [-7200, -600, -60, -5, 5, 60, 600, 7200])
def test_a_server_that_is_a_little_off_costs_nothing_once_a_stamp_says_what_the_computer_does(
    seconds: int,
) -> None:
    computer = Computer(0.4)
    computer.clock.hint(computer.now + seconds * SECOND)
    assert computer.clock.is_disputed
    assert computer.error == pytest.approx(seconds, abs=0.5)
    computer.hear()
    assert computer.error == pytest.approx(0.4, abs=0.1)
    assert computer.clock.is_settled
    assert not computer.clock.is_disputed


def test_an_old_stamp_that_says_by_chance_what_a_wrong_computer_does_is_outdone_by_the_next_one() -> None:
    computer = Computer(-50)
    computer.clock.hint(computer.now)
    computer.hear(50)
    computer.wait(0.1)
    computer.hear()
    assert computer.error == pytest.approx(0, abs=0.1)
    assert computer.clock.lead_seconds == pytest.approx(50, abs=0.1)


@pytest.mark.parametrize("year", [1, 1970, 1999, 2500, 9999])
def test_a_time_that_no_server_can_say_is_left_out(year: int) -> None:
    computer = Computer(-90)
    told = server_time_ns({"Date": f"Fri, 01 Jan {year:04} 00:00:07 GMT"})
    assert told is not None
    computer.clock.hint(told)
    assert computer.error == -90
    assert not computer.clock.is_hinted


def test_a_stretch_of_market_time_is_as_long_on_the_wall() -> None:
    assert MarketClock().wall_seconds(1_500_000_000) == 1.5


def test_what_is_said_of_a_wrong_clock() -> None:
    assert clock_sentence(90.4) == "this computer's clock is 90 s behind the venue's"
    assert clock_sentence(-90.4) == (
        "this computer's clock is 90 s ahead of the venue's, or its data comes that late"
    )


@given(
    st.floats(-80_000, 80_000),
    st.lists(st.floats(0, 0.9), min_size=20, max_size=60),
    st.lists(st.floats(-80_000, 80_000), max_size=3),
)
def test_any_wrong_clock_set_at_any_time_leaves_the_market_its_time(
    wrong_by: float, ways: list[float], sets: list[float]
) -> None:
    computer = Computer(wrong_by)
    for at, old in enumerate(ways):
        computer.wait(1)
        computer.hear(old)
        if at > 5:
            # The stamps tell it to the delay of the fastest; a clock that agrees is taken as right.
            assert -1.0 <= computer.error <= 2.0
        if at >= 10 and at % 5 == 0 and sets:
            computer.wrong_by = round(sets.pop() * SECOND)
