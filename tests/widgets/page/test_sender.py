"""The drawing thread: how often it draws, what it lets go of."""

from __future__ import annotations

import gc
import logging
import threading

import pytest

from mdnb.widgets.page.sender import Drawable, Sender
from tests.limits import LIMIT_SECONDS


class _Chart:
    def __init__(self, fps: float, *, broken: bool = False) -> None:
        self.fps = fps
        self.broken = broken
        self.count = 0
        self.pulse = 1.0
        self.moved: bool | None = None
        self.drawn = threading.Event()

    def draw(self) -> bool | None:
        self.count += 1
        self.drawn.set()
        if self.broken:
            raise ValueError("broken")
        return self.moved


class _Still(Sender):
    """A sender whose thread is the test."""

    def add(self, chart: Drawable) -> None:
        self._thread = threading.current_thread()
        super().add(chart)


def test_a_chart_is_drawn_at_once_and_not_again_before_it_is_due() -> None:
    sender, slow, quick = _Still(), _Chart(fps=0.001), _Chart(fps=1e9)
    sender.add(slow)
    sender.add(quick)
    for _ in range(5):
        sender.wake.set()
        pause = sender._draw_due()
    assert slow.count == 1
    assert quick.count == 5
    assert 900 < pause <= 1000


def test_a_removed_chart_is_drawn_no_more() -> None:
    sender, chart = _Still(), _Chart(fps=1e9)
    sender.add(chart)
    sender._draw_due()
    sender.remove(chart)
    assert sender._draw_due() == 0
    assert chart.count == 1


def test_a_chart_that_nobody_holds_is_forgotten() -> None:
    sender, chart = _Still(), _Chart(fps=1e9)
    sender.add(chart)
    del chart
    gc.collect()
    sender._draw_due()
    assert not sender._charts


def test_a_broken_chart_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    sender, broken, sound = _Still(), _Chart(fps=1e9, broken=True), _Chart(fps=1e9)
    sender.add(broken)
    sender.add(sound)
    with caplog.at_level(logging.ERROR, "mdnb.widgets"):
        sender._draw_due()
        sender._draw_due()
    assert (broken.count, sound.count) == (1, 2)
    assert "given up" in caplog.text


def test_a_chart_that_moves_by_itself_is_not_kept_waiting_for_data() -> None:
    sender, plain, moving = _Still(), _Chart(fps=1e9), _Chart(fps=1e9)
    moving.pulse = 0.125
    sender.add(plain)
    sender._draw_due()
    assert sender._idle == 1.0
    sender.add(moving)
    sender._draw_due()
    assert sender._idle == 0.125
    sender.remove(moving)
    sender._draw_due()
    assert sender._idle == 1.0


def test_its_thread_draws_when_it_is_woken() -> None:
    sender, chart = Sender(), _Chart(fps=1e6)
    sender.add(chart)
    assert chart.drawn.wait(LIMIT_SECONDS)
    chart.drawn.clear()
    sender.wake.set()
    assert chart.drawn.wait(LIMIT_SECONDS)
    sender.remove(chart)


def test_a_chart_with_nothing_to_draw_keeps_its_turn() -> None:
    sender, quiet = _Still(), _Chart(fps=0.001)
    quiet.moved = False
    sender.add(quiet)
    for _ in range(3):
        assert sender._draw_due() == 0
    quiet.moved = True
    sender._draw_due()
    assert quiet.count == 4
    assert sender._draw_due() > 900
    assert quiet.count == 4


def test_a_quiet_chart_is_drawn_while_another_has_to_wait() -> None:
    sender, waiting, quiet = Sender(), _Chart(fps=0.001), _Chart(fps=1000)
    quiet.moved = False
    sender.add(waiting)
    assert waiting.drawn.wait(LIMIT_SECONDS)
    sender.add(quiet)
    assert quiet.drawn.wait(LIMIT_SECONDS)
    quiet.drawn.clear()
    sender.wake.set()
    # The other is due again after a quarter of an hour.
    assert quiet.drawn.wait(LIMIT_SECONDS)
    assert waiting.count == 1
    sender.remove(waiting)
    sender.remove(quiet)
