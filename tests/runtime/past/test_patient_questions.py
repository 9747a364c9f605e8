"""The history at the start, in virtual time: what fails is asked again, and nothing for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import mdnb
from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError, SymbolError
from mdnb.rows import TradeRow
from mdnb.runtime.past.patient_questions import PatientQuestions
from mdnb.runtime.process.bridge import call
from tests.manager.hand import START, HandFeed, minutes, trade
from tests.venues import faults
from tests.venues.faulty_server import FaultyServer
from tests.venues.mdnb_venue import SYMBOL, MdnbDialect, VenueFeed
from tests.virtual_time import run_virtually

ROWS = [trade(i, 100.0, 1.0, i) for i in range(3)]


class Scripted(HandFeed):
    """Answers its questions with what it is given, one after the other; the last one for good."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers)
        self.times: list[float] = []

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        self.times.append(asyncio.get_running_loop().time())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            await answer(self)
        return ROWS


def ask(feed: HandFeed, limit: float | None = 20.0, said: list[str] | None = None) -> tuple[Any, float]:
    """Return the answer, or the error, and the seconds it took."""

    async def main() -> tuple[Any, float]:
        on_failure: Callable[[str], None] = (said if said is not None else []).append
        questions = PatientQuestions(feed, "X", limit, on_failure)
        try:
            got: Any = await questions.trades(START, START + 1)
        except (mdnb.MdnbError, ValueError) as error:
            got = error
        return got, asyncio.get_running_loop().time()

    return run_virtually(main())


async def for_ever(_: HandFeed) -> None:
    await asyncio.Event().wait()


async def in_pages(feed: HandFeed) -> None:
    for _ in range(30):
        await asyncio.sleep(15.0)
        feed.on_page()


def test_a_history_that_fails_is_asked_again_and_why_is_told() -> None:
    said: list[str] = []
    feed = Scripted(FeedError("HTTP 500"), OSError("reset"), FeedBusyError("HTTP 503", 7.0), None)
    got, took = ask(feed, said=said)
    assert got == ROWS
    assert said == ["HTTP 500", "reset", "HTTP 503"]
    assert feed.times[3] - feed.times[2] == pytest.approx(7.0)
    assert took < 20.0


def test_a_socket_that_timed_out_is_not_taken_for_the_end_of_the_time() -> None:
    said: list[str] = []
    got, took = ask(Scripted(TimeoutError("the socket timed out"), None), said=said)
    assert got == ROWS
    assert said == ["the socket timed out"]
    assert took < 20.0


@pytest.mark.parametrize("error", [FeedRefusedError("HTTP 404"), SymbolError("no X here"), ValueError("odd")])
def test_what_is_final_is_told_at_once(error: Exception) -> None:
    feed = Scripted(error)
    assert ask(feed) == (error, 0.0)
    assert len(feed.times) == 1


def test_one_that_goes_on_failing_is_an_error_with_the_last_reason() -> None:
    feed = Scripted(FeedError("HTTP 500"), FeedError("HTTP 502"))
    got, took = ask(feed)
    assert isinstance(got, FeedError)
    assert str(got).startswith("no history of X within 20 s: HTTP 502. Wait longer with connect_timeout=")
    assert took == pytest.approx(20.0)
    assert 4 < len(feed.times) < 40


def test_one_that_wants_to_be_asked_later_than_there_is_time_is_not_waited_for() -> None:
    feed = Scripted(FeedBusyError("HTTP 429", 60.0))
    got, took = ask(feed)
    assert "HTTP 429, to be asked again in 60 s" in str(got)
    assert (took, len(feed.times)) == (0.0, 1)


def test_one_that_never_answers_is_an_error() -> None:
    got, took = ask(Scripted(for_ever), 3.0)
    assert str(got).startswith("no history of X within 3 s: it has not answered.")
    assert took == pytest.approx(3.0)


def test_one_that_fails_and_then_never_answers_is_an_error_with_what_it_said() -> None:
    got, took = ask(Scripted(FeedError("HTTP 500"), for_ever))
    assert str(got).startswith("no history of X within 20 s: HTTP 500.")
    assert took == pytest.approx(20.0)


def test_an_answer_that_comes_in_pages_is_waited_for() -> None:
    assert ask(Scripted(in_pages)) == (ROWS, 450.0)
    # But for one that fails each time once it has given some.
    got, took = ask(Scripted(FeedError("HTTP 500"), in_pages))
    assert isinstance(got, FeedError)
    assert took == pytest.approx(20.0)


def test_without_a_limit_it_is_asked_until_it_answers() -> None:
    got, took = ask(Scripted(*[FeedError("HTTP 500")] * 100, None), None)
    assert got == ROWS
    assert took > 500.0


def test_what_is_read_on_this_computer_is_asked_once_and_waited_for() -> None:
    class Local(Scripted):
        is_local = True

    async def long(_: HandFeed) -> None:
        await asyncio.sleep(1000.0)

    assert ask(Local(long)) == (ROWS, 1000.0)
    error = FeedError("the file is damaged")
    assert ask(Local(error)) == (error, 0.0)


# -- the whole way ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("busy", [faults.Busy(0, 1, 500), faults.Busy(0, 2, 503, 0.01)], ids=str)
def test_a_market_begins_although_its_history_fails_at_first(busy: faults.Busy) -> None:
    server = FaultyServer(MdnbDialect(), ROWS, [busy])
    call(server.listen())
    try:
        with mdnb.live(SYMBOL, "1min", feed=VenueFeed(server), initial_days=1, progress=False) as market:
            assert len(server.questions) == busy.count + 1
            assert market.status == "connected"
            # Once, however often it failed so.
            (fault,) = market.data.get_validation_errors(type="history_failed")
            assert fault.description.startswith("the history is asked again: ")
    finally:
        call(server.close())


def test_a_market_whose_history_never_answers_is_an_error_and_leaves_nothing_behind() -> None:
    feed = Scripted(for_ever)
    feed.history = minutes(-3, 3)
    with pytest.raises(FeedError, match=r"no history of X within 1 s: it has not answered"):
        mdnb.live("X", "1min", feed=feed, initial_days=1, connect_timeout=1.0, progress=False)

    async def left() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks()} & {"mdnb-feed", "mdnb-housekeeping"}

    assert not call(left())


def test_a_coarse_timeframe_that_fails_to_the_end_is_told_and_the_others_are_not_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []

    class Half(HandFeed):
        def history_depth(self, timeframe: str) -> float:
            return 60.0 * 60

        async def history_bars(self, symbol: str, timeframe: str, start_ns: int, end_ns: int) -> Any:
            asked.append(timeframe)
            if timeframe != "1min":
                raise FeedBusyError("HTTP 429", 60.0)
            return minutes(-60, 60)

    with mdnb.live(
        "X",
        ["1min", "1hour", "1day"],
        feed=Half(trades=[trade(-5, 100.0, 1.0, 1)]),
        initial_days=2,
        connect_timeout=9,
        progress=False,
    ) as market:
        assert asked == ["1min", "1hour"]
        assert len(market.data.get_data("1min")) == 60
        assert market.data.get_timeframe_stats("1day").history_missing_days > 1.0
    told = [record.getMessage() for record in caplog.records]
    assert told[0].startswith("the venue gave no 1hour bars of X: no history of X within 9 s: HTTP 429")
