"""What feeds say of their connection, and what they mean."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies

from mdnb.runtime.live.connection_words import STATUSES, ConnectionWords


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("connected disconnected connected", "connected disconnected reconnected"),
        ("connected disconnected connecting connected", "connected disconnected reconnecting reconnected"),
        ("connected disconnected stale connected", "connected disconnected stale reconnected"),
        ("connected reconnected", "connected disconnected reconnected"),
        ("connected reconnecting connected", "connected disconnected reconnecting reconnected"),
        ("connected stale connected", "connected stale connected"),
        ("connected stale reconnected", "connected stale disconnected reconnected"),
        ("connected connected", "connected connected"),
        ("connected disconnected disconnected connected", "connected disconnected disconnected reconnected"),
        ("connected closed connected", "connected closed disconnected reconnected"),
        ("disconnected connected", "disconnected connected"),
        ("reconnected disconnected", "connected disconnected"),
        ("Connected connected", "connected"),
    ],
)
def test_what_a_feed_says_is_put_into_the_words_that_count(said: str, meant: str) -> None:
    words = ConnectionWords()
    assert [one for status in said.split() for one in words.meant(status)] == meant.split()


@hypothesis.given(strategies.lists(strategies.sampled_from(STATUSES)))
def test_each_loss_is_told_before_it_is_over(said: list[str]) -> None:
    words = ConnectionWords()
    lost = up = False
    for one in (one for status in said for one in words.meant(status)):
        if one == "reconnected":
            assert lost
        elif one == "connected":
            assert not (lost and up)
        if one == "disconnected":
            lost = True
        elif one in ("connected", "reconnected"):
            lost, up = False, True
