"""What one symbol's pipeline raises: its trades are accounted for, its bars marked, and it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any

import pytest

import mdnb
from mdnb.bars.cascade import Cascade
from mdnb.decode import decoder
from mdnb.feeds.recorder import Recorder
from mdnb.feeds.replay.feed import ReplayFeed
from mdnb.market import LiveMarket
from mdnb.rows import Batch, Decoder, TradeRow
from mdnb.runtime.housekeeping import Housekeeping
from mdnb.runtime.live.held_trades import HeldTrades
from mdnb.runtime.past.missed_trades import backfill
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, open_market, trade

_HALF = 2


def break_bars(market: LiveMarket, symbol: str, patch: pytest.MonkeyPatch) -> None:
    """Let a symbol's bars raise at what they are given, after half of it."""
    cascade = market._parts.session.markets[symbol].pipeline.engine.cascade
    whole = cascade.push_rows

    def broken(rows: list[TradeRow]) -> None:
        whole(rows[: len(rows) // _HALF])
        raise ZeroDivisionError("by nothing")

    patch.setattr(cascade, "push_rows", broken)


def both(*rows: TradeRow) -> list[dict[str, Any]]:
    return [{"e": "trades", "s": name, "r": rows} for name in "XY"]


def test_trades_lost_to_a_failure_are_counted_their_bars_marked_and_the_badge_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    feed = HandFeed()
    with mdnb.live(["X", "Y"], "1min", feed=feed, progress=False, initial_days=0) as market:
        chart = market["X"].chart()
        feed.send(*both(*(trade(i, 100.0, number=i) for i in range(1, 5))))
        with monkeypatch.context() as patch:
            break_bars(market, "X", patch)
            for minute in (1, 2):
                feed.send(*both(*(trade(60 * minute + i, 100.0, number=4 * minute + i) for i in range(1, 5))))
        taken, other = market["X"].accounting(), market["Y"].accounting()
        assert other.in_bars == 12
        assert (taken.received, taken.in_bars, taken.failed) == (12, 4, 8)
        assert taken.balanced
        assert "8 failed" in str(taken)
        [sentence] = market["X"].data.get_stats().troubles
        assert sentence == "data not taken in: ZeroDivisionError: by nothing"
        assert market["Y"].data.get_stats().troubles == ()
        assert sentence.partition(": ")[2] in str(market)
        assert "8 lost to a failure" in str(market)
        notes = chart.snapshot().layout.annotations
        assert "data not taken in" in next(note.text for note in notes if note.name == "mdnb-badge")
        assert caplog.text.count("Traceback") == 1
        feed.send(*both(trade(180, 100.0, number=13)))
        assert market["X"].data.get_data("1min").attrs["partial"] == (0, 1, 2)
        assert market["Y"].data.get_data("1min").attrs["partial"] == (0,)


def test_it_is_over_once_data_is_taken_in_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = HandFeed()
    with mdnb.live(["X", "Y"], "1min", feed=feed, progress=False, initial_days=0) as market:
        now = 1000.0
        looker = Housekeeping(market._parts.session.markets, lambda: now)
        with monkeypatch.context() as patch:
            break_bars(market, "X", patch)
            feed.send(*both(trade(1, 100.0, number=1)))
        call(looker.look())
        now += 61
        call(looker.look())
        assert market["X"].data.get_stats().troubles
        feed.send(*both(trade(2, 100.0, number=2)))
        call(looker.look())
        assert market["X"].data.get_stats().troubles == ()


def test_a_closing_that_fails_keeps_no_other_symbol_from_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = HandFeed()
    with mdnb.live(["X", "Y"], "1min", feed=feed, progress=False, initial_days=0) as market:
        feed.send(*both(trade(1, 100.0, number=1)))
        session = market._parts.session
        cascade = session.markets["X"].pipeline.engine.cascade
        monkeypatch.setattr(cascade, "close_until", lambda _: 1 / 0)

        async def pass_a_minute() -> None:
            feed.clock.advance(START + 2 * MINUTE)  # type: ignore[attr-defined]  # the hand's clock
            session.closing_timer.look_again()
            session.closing_timer.close_due()

        call(pass_a_minute())
        assert len(market["Y"].data.get_data("1min", closed_only=True)) == 1
        assert market["X"].data.get_stats().troubles
        monkeypatch.undo()


def recording(folder: Path) -> Path:
    path = folder / "r.json"
    with Recorder(path, "mdnb", ["X", "Y"]) as recorder:
        for number in range(1, 9):
            for name in "XY":
                row = [START + 30 * number * SECOND, 100.0, 1.0, 1, 1, number]
                recorder.frame(row[0], json.dumps({"e": "trades", "s": name, "r": [row]}))  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("part", ["push_rows", "close_until"])
def test_a_replay_goes_on_to_its_end_where_one_symbol_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    feed = f"replay:{recording(tmp_path)}?speed=max"
    with mdnb.live(["X", "Y"], "1min", feed=feed, progress=False, initial_days=0) as market:
        cascade = market._parts.session.markets["X"].pipeline.engine.cascade

        def broken(*_: Any) -> None:
            raise ZeroDivisionError("by nothing")

        monkeypatch.setattr(cascade, part, broken)
        market.start()
        market.wait_ended(LIMIT_SECONDS)
        assert len(market["Y"].data.get_data("1min")) == 5
        assert market["Y"].accounting().in_bars == 8
        taken = market["X"].accounting()
        assert taken.received == 8
        assert taken.balanced
        [sentence] = market["X"].data.get_stats().troubles
        assert "by nothing" in sentence
        monkeypatch.undo()


@pytest.mark.parametrize("part", ["push_rows", "close_until"])
def test_what_fails_while_a_recording_is_pulled_is_raised_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(Cascade, part, broken)
    with pytest.raises(ZeroDivisionError):
        list(mdnb.play(recording(tmp_path), "1min", symbol="X"))


class _Spoiling:
    """Decodes as any, and spoils the trades of some ids."""

    def __init__(self, spoil: Callable[[TradeRow], Any], numbers: Container[int]) -> None:
        self._decoder = decoder("mdnb")
        self._spoil = spoil
        self._numbers = numbers

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        batch = self._decoder.feed(frames)
        for name, rows in batch.trades.items():
            batch.trades[name] = [self._spoil(row) if row[5] in self._numbers else row for row in rows]
        return batch


class SpoiltFeed(HandFeed):
    """Brings some trades as nobody can take them in."""

    def __init__(self, spoil: Callable[[TradeRow], Any], *numbers: int) -> None:
        super().__init__()
        self._spoiling = _Spoiling(spoil, numbers)

    def decoder(self) -> Decoder:
        return self._spoiling


def without_price(row: TradeRow) -> tuple[Any, ...]:
    return (row[0], None, *row[2:])


@pytest.mark.parametrize("fill", [False, True])
def test_a_bar_that_a_failing_batch_would_have_opened_is_partial_once_it_begins(fill: bool) -> None:
    feed = SpoiltFeed(without_price, 3, 6)
    with open_market(feed, "1min", "2min", "10tick", fill_gaps=fill) as market:
        feed.trades(trade(0, 100.0, number=1))
        feed.trades(trade(60, 100.0, number=2), trade(61, 100.0, number=3))
        feed.trades(trade(70, 100.0, number=4))
        feed.trades(trade(120, 100.0, number=5))
        # All that came in the fourth minute is lost, and it is the first of its two.
        feed.trades(trade(240, 100.0, number=6))
        feed.trades(trade(300, 100.0, number=7))
        feed.trades(*(trade(360 + i, 100.0, number=8 + i) for i in range(20)))
        minutes = market.data.get_data("1min")
        lacking = {START + MINUTE, START + 4 * MINUTE}
        partial = {minutes.index[at].value for at in minutes.attrs["partial"]}
        assert partial == lacking & {start.value for start in minutes.index}
        assert len(partial) == 1 + fill
        twos = market.data.get_data("2min")
        assert {twos.index[at].value for at in twos.attrs["partial"]} == {START, START + 4 * MINUTE}
        assert market.data.get_data("10tick").attrs["partial"] == (0,)
        assert market.accounting().failed == 3


@pytest.mark.parametrize("speed", ["max", "1000"])
def test_a_replay_marks_the_bar_that_a_failing_batch_would_have_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speed: str
) -> None:
    feed = f"replay:{recording(tmp_path)}?speed={speed}"
    with mdnb.live("X", "1min", feed=feed, progress=False, initial_days=0) as market:
        cascade = market._parts.session.markets["X"].pipeline.engine.cascade
        whole = cascade.push_rows

        def broken(rows: list[TradeRow]) -> None:
            if any(row[5] == 4 for row in rows):
                raise ZeroDivisionError("by nothing")
            whole(rows)

        monkeypatch.setattr(cascade, "push_rows", broken)
        market.start()
        market.wait_ended(LIMIT_SECONDS)
        # The fourth is the first of the third minute; the recording begins amid a minute and ends so.
        assert market.data.get_data("1min").attrs["partial"] == (0, 2, 4)
        monkeypatch.undo()


@pytest.mark.parametrize("validated", [True, False])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: (None, *row[1:]),
        lambda row: (float("nan"), *row[1:]),
        lambda row: (float("inf"), *row[1:]),
        lambda row: (2**70, *row[1:]),
        lambda _: (),
        lambda _: None,
    ],
    ids=["no time", "a time that is no number", "a time without end", "a huge time", "empty", "none"],
)
def test_rows_that_are_broken_are_counted_and_nothing_else_fails(
    spoil: Callable[[TradeRow], Any], validated: bool
) -> None:
    feed = SpoiltFeed(spoil, 4, 6)
    with open_market(feed, "1min", data_validation=validated) as market:
        feed.trades(trade(0, 100.0, number=1), trade(1, 100.0, number=2))
        # In the midst of a batch, and alone.
        feed.trades(*(trade(60 + number, 100.0, number=number) for number in (3, 4, 5)))
        feed.trades(trade(68, 100.0, number=6))
        feed.trades(trade(125, 100.0, number=7))
        taken = market.accounting()
        assert taken.received == 7
        assert taken.balanced
        assert taken.in_bars + taken.failed + taken.rejected_total == 7
        assert taken.failed + taken.rejected_total >= 2
        assert bool(market.data.get_stats().troubles) == (taken.failed > 0)
        minutes = market.data.get_data("1min")
        if validated:
            assert minutes.volume.sum() == taken.in_bars
        assert minutes.index[-1].value == START + 2 * MINUTE


def test_a_replay_counts_rows_that_are_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplayFeed, "decoder", lambda _: _Spoiling(lambda row: (None, *row[1:]), [4]))
    feed = f"replay:{recording(tmp_path)}?speed=max"
    with mdnb.live("X", "1min", feed=feed, progress=False, initial_days=0) as market:
        market.start()
        market.wait_ended(LIMIT_SECONDS)
        taken = market.accounting()
        assert (taken.received, taken.in_bars, taken.failed) == (8, 7, 1)
        # By the ids one is missing between the second and the third minute, besides.
        assert {0, 2, 4} <= set(market.data.get_data("1min").attrs["partial"])


@pytest.mark.parametrize("way", ["waited for an outage", "fetched after it"])
def test_trades_of_an_outage_that_the_bars_fail_at_are_counted_and_their_bars_marked(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_market(HandFeed(), "1min") as live:
        pipeline = live._parts.session.market("X").pipeline
        rows = [(START + i * SECOND, 100.0, 1.0, 1, 1, i) for i in range(1, 5)]

        async def lose() -> None:
            with monkeypatch.context() as patch:
                patch.setattr(pipeline.engine.cascade, "push_rows", lambda _: 1 / 0)
                if way == "fetched after it":
                    with pytest.raises(ZeroDivisionError):
                        backfill(pipeline, rows)
                else:
                    pipeline.held = HeldTrades(0, by_id=True, on_rows=lambda _: None)
                    pipeline.take(rows)
                    assert pipeline.ledger.waiting == 4
                    pipeline.release()
            pipeline.take([(START + at * SECOND, 100.0, 1.0, 1, 1, at) for at in (5, 130)])

        call(lose())
        taken = live.accounting()
        assert (taken.received, taken.failed, taken.in_bars, taken.waiting) == (6, 4, 2, 0)
        assert taken.balanced
        assert live.data.get_stats().troubles
        assert live.data.get_data("1min").attrs["partial"] == (0,)
