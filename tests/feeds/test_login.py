"""A session token: asked for once, renewed before it ends, replaced where it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from mdnb.errors import FeedError, FeedRefusedError
from mdnb.feeds.login import Login
from mdnb.feeds.timeouts import Wall
from mdnb.secret import Secret

HOUR = 3600.0


class Venue:
    """Gives tokens, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses_renewal = False
        self.is_away = False
        self.now = 0.0
        self.login = Login(
            self.log_in, self.renew, renew_after=20 * HOUR, wall=Wall(monotonic=lambda: self.now)
        )

    async def log_in(self) -> Secret:
        self.asked.append("log in")
        await asyncio.sleep(0)
        if self.is_away:
            raise FeedError("no answer")
        return Secret(f"t{len(self.asked)}")

    async def renew(self) -> Secret:
        self.asked.append("renew")
        if self.is_away:
            raise FeedError("no answer")
        if self.refuses_renewal:
            raise FeedRefusedError("expired")
        return Secret(f"t{len(self.asked)}")


def run(main: Callable[[Venue], Coroutine[None, None, None]]) -> None:
    asyncio.run(main(Venue()))


def test_whoever_asks_at_once_gets_one_token() -> None:
    async def main(venue: Venue) -> None:
        assert venue.login.header() == {}
        tokens = await asyncio.gather(*(venue.login.token() for _ in range(3)))
        assert len({id(token) for token in tokens}) == 1
        assert venue.asked == ["log in"]
        assert venue.login.header() == {"Authorization": "Bearer t1"}

    run(main)


def test_it_is_renewed_before_it_ends_and_asked_for_anew_where_that_is_refused() -> None:
    async def main(venue: Venue) -> None:
        await venue.login.token()
        venue.now = 19 * HOUR
        await venue.login.token()
        assert venue.asked == ["log in"]
        venue.now = 20 * HOUR
        assert (await venue.login.token()).reveal() == "t2"
        venue.refuses_renewal, venue.now = True, 41 * HOUR
        assert (await venue.login.token()).reveal() == "t4"
        assert venue.asked == ["log in", "renew", "renew", "log in"]

    run(main)


def test_a_venue_that_does_not_answer_is_asked_the_same_again() -> None:
    async def main(venue: Venue) -> None:
        await venue.login.token()
        venue.is_away, venue.now = True, 21 * HOUR
        for _ in range(2):
            with pytest.raises(FeedError, match="no answer"):
                await venue.login.token()
        venue.is_away = False
        await venue.login.token()
        assert venue.asked == ["log in", "renew", "renew", "renew"]

    run(main)


def test_one_that_was_taken_may_be_replaced_and_one_that_never_was_may_not() -> None:
    async def main(venue: Venue) -> None:
        first = await venue.login.token()
        venue.login.prove(first)
        assert venue.login.replace(first)
        second = await venue.login.token()
        assert second.reveal() == "t2"
        # Whoever finds out later asks again with the new one.
        assert venue.login.replace(first)
        venue.login.prove(first)
        assert not venue.login.replace(second)

    run(main)
