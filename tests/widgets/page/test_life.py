"""The life of a widget that moves by itself: when it is drawn, when no more, and whether anybody looks."""

from __future__ import annotations

import pytest

from mdnb.widgets.page.life import Life
from mdnb.widgets.page.sender import sender
from tests.widgets.sources import HandSource


class Moving:
    """A widget that counts how often it sends."""

    fps = 10.0

    def __init__(self, source: HandSource) -> None:
        self.source = source
        self.life = Life()
        self.sent: list[bool] = []
        self.kept = 0

    def draw(self) -> None:
        self.life.draw(self.source.status, self.sent.append, self.keep_last)

    def keep_last(self) -> None:
        self.kept += 1


@pytest.fixture
def moving(monkeypatch: pytest.MonkeyPatch) -> Moving:
    monkeypatch.setattr(type(sender()), "add", lambda self, chart: None)  # the tests draw
    made = Moving(HandSource())
    made.life.begin(made, [made.source])
    return made


def test_it_is_drawn_until_its_market_is_closed(moving: Moving) -> None:
    moving.draw()
    assert len(moving.source.listeners) == 1
    moving.source.state = "closed"
    moving.draw()
    moving.draw()
    assert moving.sent == [False, True], "the last time it says so"
    assert moving.kept == 1
    assert moving.life.ended
    assert not moving.source.listeners


def test_it_is_drawn_until_it_is_closed(moving: Moving) -> None:
    moving.life.close(moving.keep_last)
    moving.life.close(moving.keep_last)
    moving.draw()
    assert (moving.sent, moving.kept) == ([], 1)
    assert not moving.source.listeners
    never_begun = Life()
    never_begun.close()
    assert not never_begun.ended


def test_other_sources_wake_it_in_place_of_those_before(moving: Moving) -> None:
    other = HandSource(symbol="MES")
    moving.life.follow([other])
    assert (len(moving.source.listeners), len(other.listeners)) == (0, 1)
    moving.life.close()
    assert not other.listeners


def test_what_was_displayed_counts_as_looked_at_until_a_page_tells() -> None:
    life = Life()
    looks = [life.is_looked_at(0)]
    life.note_shown()
    looks.append(life.is_looked_at(0))
    life.note_page()
    looks += [life.is_looked_at(0), life.is_looked_at(2)]
    life.note_shown()  # once more, in another cell
    looks.append(life.is_looked_at(0))
    assert looks == [False, True, False, True, True]
