"""A venue's session token: renewed before it ends, replaced where it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mdnb.errors import FeedRefusedError
from mdnb.feeds.timeouts import Wall
from mdnb.secret import Secret

__all__ = ["Login"]


class Login:
    """Keeps the token of one session at a venue.

    Parameters
    ----------
    log_in
        Asks for a first token, with the credentials.
    renew
        Asks for another one, with the token that is held; where that is refused, `log_in` is asked.
    renew_after
        Seconds after which a token is renewed.
    wall
        By which clock.

    Examples
    --------
    >>> async def log_in():
    ...     return Secret("t0ken")
    >>> login = Login(log_in, log_in, renew_after=3600.0)
    >>> asyncio.run(login.token()), login.header()["Authorization"]
    (Secret(***), 'Bearer t0ken')
    """

    def __init__(
        self,
        log_in: Callable[[], Awaitable[Secret]],
        renew: Callable[[], Awaitable[Secret]],
        *,
        renew_after: float,
        wall: Wall | None = None,
    ) -> None:
        self._log_in = log_in
        self._renew = renew
        self._renew_after = renew_after
        self._wall = wall or Wall()
        self._held: Secret | None = None
        self._since = 0.0
        self._is_proven = False
        self._asking = asyncio.Lock()

    def header(self) -> dict[str, str]:
        """Return the header of a request with the token that is held; none before there is one."""
        return {} if self._held is None else {"Authorization": f"Bearer {self._held.reveal()}"}

    async def token(self) -> Secret:
        """Return a token that holds.

        Raises
        ------
        FeedRefusedError
            When the credentials are refused.
        FeedError
            When the venue does not answer.
        """
        async with self._asking:
            held = self._held
            if held is not None and self._wall.monotonic() - self._since < self._renew_after:
                return held
            if held is not None:
                try:
                    return self._keep(await self._renew())
                except FeedRefusedError:
                    self._held = None
            self._is_proven = False
            return self._keep(await self._log_in())

    def _keep(self, token: Secret) -> Secret:
        self._held, self._since = token, self._wall.monotonic()
        return token

    def prove(self, token: Secret) -> None:
        """Note that the venue took a token."""
        self._is_proven = self._is_proven or token is self._held

    def replace(self, token: Secret) -> bool:
        """Forget a token that the venue refused; return whether another one may be taken.

        One that was never taken is refused for what it says: asking for the next one would not help.
        """
        if token is not self._held:
            # Another request found out before.
            return True
        self._held = None
        return self._is_proven
