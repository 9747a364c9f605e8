"""ProjectX Gateway, the futures of CME Group by way of TopstepX and other firms: its market hub, and REST.

Sources: gateway.docs.projectx.com (authenticate, validate session, search contracts, retrieve bars, rate
limits, real time data), api.topstepx.com/swagger (error codes), dotnet/aspnetcore HubProtocol.md; where
they are silent, TexasCoding/project-x-py. No account was at hand: proved on loopback alone.

* A token is given for user name and API key, holds for 24 hours and stands in the hub's address.
* ``MNQ`` stands for the contract that is active, which is asked for again each hour and after each loss of
  the connection, and soon again where the venue does not answer; when it is another one, the symbol rolls.
  ``MNQZ5`` and ``CON.F.US.MNQ.Z25`` never do.
* When earlier contracts gave way to the next is not told: the first load takes the session since which the
  next one's volume was the larger, of the contracts that the venue still lists.
* No trade ids and no history of trades: what was missed is told, and the history's bars are what there is.
* Bars come newest first, 20,000 at a time. The documents have said 30 requests in 30 s, and 50 since; the
  stricter holds for all requests here.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import msgspec

from mdnb.errors import ClosedError, FeedBusyError, FeedError, FeedRefusedError, SymbolError
from mdnb.feeds.base import Channel, OnFrame, OnStatus
from mdnb.feeds.endpoint import Endpoint, split_address
from mdnb.feeds.login import Login
from mdnb.feeds.offers import Offers
from mdnb.feeds.paging import Page, collect, rows_of
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.rest import readable
from mdnb.feeds.rolls import ContractHistory, Seam
from mdnb.feeds.signalr import HANDSHAKE, PING, PING_SECONDS, TIMEOUT_SECONDS, Hub, invocation
from mdnb.feeds.symbols import SymbolList, VenueSymbol
from mdnb.feeds.timeouts import Backoff, Liveness, Timeouts, Wall
from mdnb.feeds.venue import VenueFeed
from mdnb.instruments import Instrument, known_instrument
from mdnb.rows import BarRow
from mdnb.secret import Secret
from mdnb.sessions import Sessions
from mdnb.timeframes import Grid, Timeframe
from mdnb.venue_fields import Price, Size, iso_ns

__all__ = ["API_KEY", "LOOK_SECONDS", "USERNAME", "ProjectXFeed"]

USERNAME = "PROJECT_X_USERNAME"
API_KEY = "PROJECT_X_API_KEY"
"""Environment variables with the credentials, where none are given."""

LOOK_SECONDS = 3600.0
"""How often the active contract is asked for."""

_LOOK_AGAIN = Backoff(2.0, 2.0, 300.0)
_RENEW_SECONDS = 20 * 3600.0
_PAGE_BARS = 20_000
_SECOND = 1_000_000_000
_MINUTE, _HOUR = 60 * _SECOND, 3600 * _SECOND
_EVER = 2**63 - 1
# How far back a roll is looked for; over how long both contracts' closes, first the shorter time.
_SEAM_DAYS = 200
_SEAM_SECONDS = (3600, 3 * 86400)
_HOURS_BACK_YEARS = 10
_HOURS_AHEAD_YEARS = 2

_log = logging.getLogger("mdnb.feeds")

_T = TypeVar("_T")

_METHODS: dict[Channel, str] = {
    "trades": "ContractTrades",
    "quotes": "ContractQuotes",
    "depth": "ContractMarketDepth",
}
_LOGIN_ERRORS = {
    1: "there is no such user",
    3: "user name and API key do not belong together, or the key is no longer valid",
    7: "agreements have to be signed on the platform first",
    9: "the user has no subscription to the API, or it is not linked",
    10: "the firm has turned keys off",
}
_CONTRACT_NOT_FOUND = 1
_TOKEN_REFUSED = 401
# A root, a month's letter, and the year: MNQZ5, in older answers MNQZ25.
_NAME = re.compile(r"(?P<root>.+?)(?P<month>[FGHJKMNQUVXZ])(?P<year>\d{1,2})")
_EXPIRY = re.compile(r"(?P<month>[FGHJKMNQUVXZ])(?P<year>\d{2})")


class _Contract(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    name: str
    tick_size: Price
    tick_value: Price
    active_contract: bool = False
    symbol_id: str = ""
    description: str | None = ""

    @property
    def root(self) -> str:
        """The name without month and year."""
        match = _NAME.fullmatch(self.name)
        return match["root"] if match else self.name

    @property
    def expiry(self) -> str:
        """Month and year, as ``Z25``; empty where the id has none."""
        last = self.id.rpartition(".")[2]
        return last if _EXPIRY.fullmatch(last) else ""

    def is_named(self, wanted: str) -> bool:
        """Return whether that means this very contract, and no other of its kind."""
        return wanted in (self.name, self.id)

    def is_of(self, wanted: str) -> bool:
        """Return whether that means contracts of this kind."""
        return wanted in (self.root, self.symbol_id, self.symbol_id.rpartition(".")[2])

    def symbol(self) -> VenueSymbol:
        """Return it as it is listed."""
        return VenueSymbol(
            self.id,
            self.root,
            "",
            self.tick_size,
            1.0,
            history_name=self.id,
            description=self.description or "",
        )


class _Contracts(msgspec.Struct):
    contracts: list[msgspec.Raw] | None = None

    def read(self) -> list[_Contract]:
        """Return those that can be read."""
        return readable(self.contracts or [], _Contract, "ProjectX's list of contracts")


class _OneContract(msgspec.Struct):
    contract: _Contract | None = None


class _Token(msgspec.Struct, rename="camel"):
    token: str | None = None
    new_token: str | None = None


class _Bar(msgspec.Struct):
    t: str
    o: Price
    h: Price
    l: Price  # noqa: E741  # as the venue calls it
    c: Price
    v: Size


class _Bars(msgspec.Struct):
    bars: list[_Bar] | None = None


class _Complaint(msgspec.Struct, rename="camel"):
    success: bool = True
    error_code: Any = 0
    error_message: Any = None
    token: Any = msgspec.UNSET


class ProjectXFeed(VenueFeed):
    """Futures by way of ProjectX Gateway.

    Parameters
    ----------
    url, rest
        Where to connect instead of TopstepX: the market hub and the API of another firm, as its page of
        connection URLs has them.
    username, api_key
        Of the platform; where they are missing, the environment's ``PROJECT_X_USERNAME`` and
        ``PROJECT_X_API_KEY``.
    live
        Whether the firm's subscription to live data is asked for contracts and bars; else that of simulated
        accounts, which is what TopstepX has.
    backoff, timeouts, wall, liveness
        As `VenueFeed` has them.

    Raises
    ------
    FeedError
        When an address cannot be used.

    Examples
    --------
    >>> ProjectXFeed(username="me", api_key="s3cret")
    ProjectXFeed(wss://rtc.topstepx.com)
    """

    dialect = "projectx"
    ids = "none"
    liveness = Liveness("frames", stale_seconds=PING_SECONDS + 5.0, dead_seconds=TIMEOUT_SECONDS)
    stream_url = "wss://rtc.topstepx.com/hubs/market"
    rest_url = "https://api.topstepx.com"
    rate_limit = RateLimit(30, 30.0)
    # Where bars of more than an hour begin is not documented: these are made of the finer ones.
    intervals: ClassVar[Mapping[str, str]] = {
        "1sec": "1 1",
        "5sec": "1 5",
        "10sec": "1 10",
        "15sec": "1 15",
        "30sec": "1 30",
        "1min": "2 1",
        "2min": "2 2",
        "3min": "2 3",
        "5min": "2 5",
        "10min": "2 10",
        "15min": "2 15",
        "20min": "2 20",
        "30min": "2 30",
        "1hour": "3 1",
    }
    offers = Offers(
        title="ProjectX Gateway",
        history="bars of the contract and of those before it, no trades",
        key=f"user name and API key: {USERNAME}, {API_KEY}",
    )

    def __init__(
        self,
        url: str = "",
        rest: str = "",
        username: str | Secret = "",
        api_key: str | Secret = "",
        live: bool = False,
        *,
        backoff: Backoff | None = None,
        timeouts: Timeouts | None = None,
        wall: Wall | None = None,
        liveness: Liveness | None = None,
    ) -> None:
        self._username, self._api_key = _secret(username, USERNAME), _secret(api_key, API_KEY)
        # A traceback shows variables.
        username = api_key = ""
        timeouts = timeouts or Timeouts(heartbeat=PING_SECONDS)
        self._login = Login(self._log_in, self._renew, renew_after=_RENEW_SECONDS, wall=wall)
        super().__init__(
            _socket_url(url), rest, backoff=backoff, timeouts=timeouts, wall=wall, liveness=liveness
        )
        self._live = live
        self._hub = Hub()
        self._hub_token: Secret | None = None
        self._contracts: dict[str, _Contract] = {}
        self._history = ContractHistory()
        self._hours: dict[str, Sessions] = {}
        # By symbol: since when its contracts are known, and who looks for earlier ones.
        self._reached: dict[str, int] = {}
        self._reaching: dict[str, asyncio.Lock] = {}
        self._is_back = asyncio.Event()

    # -- contracts --------------------------------------------------------------------------------------

    @property
    def rolls(self) -> tuple[Seam, ...]:
        """Seams of the symbols that followed their active contract to another one, oldest first."""
        return self._history.rolls

    def contract(self, symbol: str, at_ns: int | None = None) -> str:
        """Return the id of the contract that a symbol stands for, now or at an instant.

        Parameters
        ----------
        symbol
            As it was asked for.
        at_ns
            UTC epoch nanoseconds; None: now.

        Raises
        ------
        SymbolError
            When the symbol was not opened.
        """
        return self._history.contract(symbol, at_ns)

    def instrument(self, symbol: str) -> Instrument:
        """Return what the venue says of the contract, and what is known of its kind."""
        self.listed(symbol)
        contract = self._contracts[symbol]
        known = known_instrument(contract.root)
        return Instrument(
            symbol,
            contract.tick_size or None,
            whole_lots=True,
            calendar=known.calendar,
            timezone=known.timezone,
            point_value=contract.tick_value / contract.tick_size if contract.tick_size else None,
            description=contract.description or "",
            positive_prices=known.positive_prices,
        )

    def sessions(self, symbol: str) -> Sessions:
        """Return the hours of the exchange, where its calendar is known."""
        self.listed(symbol)
        return self._hours[symbol]

    async def open(self, symbols: Sequence[str]) -> None:
        """Log in, and find the contracts that the symbols stand for.

        Raises
        ------
        SymbolError
            When there is none, or two symbols stand for one.
        FeedError
            When the venue does not answer, or refuses.
        """
        for symbol in symbols:
            found = await self.at_opening(functools.partial(self._find, symbol))
            self.follow(symbol, found.symbol())
            self._contracts[symbol] = found
            self._history.begin(symbol, found.id)
            year = dt.datetime.fromtimestamp(self.clock.now_ns() // _SECOND, dt.UTC).year
            # Calendars take their time to load; nobody has to wait for that on the loop.
            self._hours[symbol] = await asyncio.to_thread(_hours, self.instrument(symbol).calendar, year)

    async def list_symbols(self) -> list[VenueSymbol]:
        """Ask for all contracts that are active."""
        return [contract.symbol() for contract in await self._available() if contract.active_contract]

    async def _available(self) -> list[_Contract]:
        return (await self._post("/api/Contract/available", _Contracts, {"live": self._live})).read()

    async def _find(self, symbol: str) -> _Contract:
        wanted = symbol.strip().upper()
        if wanted.startswith("CON."):
            return await self._contract_of(wanted)
        found = await self._search(wanted)
        if found is not None:
            return found
        # A search knows names alone, gives twenty contracts at most, and nothing for what is nearly a name.
        listed = await self._available()
        found = _meant(wanted, listed)
        if found is not None:
            return found
        near = SymbolList(self.offers.title, (one.symbol() for one in listed if one.active_contract))
        name = near.find(symbol).name
        return next(one for one in listed if one.id == name)

    async def _search(self, wanted: str) -> _Contract | None:
        body = {"searchText": wanted, "live": self._live}
        return _meant(wanted, (await self._post("/api/Contract/search", _Contracts, body)).read())

    async def _contract_of(self, contract_id: str) -> _Contract:
        try:
            answer = await self._post("/api/Contract/searchById", _OneContract, {"contractId": contract_id})
        except FeedRefusedError as error:
            if error.code != _CONTRACT_NOT_FOUND:
                raise
            answer = _OneContract()
        if answer.contract is None:
            raise SymbolError(
                f"{self.offers.title} has no contract {contract_id!r}. Ask for its kind, as 'MNQ', or for its"
                " name, as 'MNQZ5'."
            )
        return answer.contract

    # -- the roll ---------------------------------------------------------------------------------------

    async def _watch_rolls(self, on_status: OnStatus) -> None:
        attempt, pause = 0, LOOK_SECONDS
        while True:
            await self._until_next_look(pause)
            failures: list[FeedError] = []
            for symbol, held in list(self._contracts.items()):
                if held.is_named(symbol.strip().upper()):
                    continue
                try:
                    await self._look(symbol, held, on_status)
                except ClosedError:
                    return
                except (FeedError, SymbolError) as error:
                    level = logging.INFO if attempt else logging.WARNING
                    _log.log(level, "%s stays with %s for now: %s", symbol, held.id, error)
                    if isinstance(error, FeedError) and not isinstance(error, FeedRefusedError):
                        failures.append(error)
            pause = self._pause_before_look(failures, attempt)
            attempt = attempt + 1 if failures else 0

    def _pause_before_look(self, failures: Sequence[FeedError], attempt: int) -> float:
        """Return when to look next: soon where the venue has not answered, it may have rolled."""
        if not failures:
            return LOOK_SECONDS
        named = [error.retry_after for error in failures if isinstance(error, FeedBusyError)]
        return max(_LOOK_AGAIN.delay(attempt, self._wall.dice()), *named, 0.0)

    async def _until_next_look(self, seconds: float) -> None:
        waits = {
            asyncio.ensure_future(self._wall.sleep(seconds)),
            asyncio.ensure_future(self._is_back.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._is_back.clear()
        await self._open.wait()

    async def _look(self, symbol: str, held: _Contract, on_status: OnStatus) -> None:
        found = await self._search(held.root)
        if found is None:
            _log.warning("%s has no active contract now; it stays with %s", symbol, held.id)
        elif found.id != held.id and self._open.is_set():
            roll = await self._roll(symbol, held, found)
            self.on_roll(symbol, True)
            told = f"{symbol} rolled from {roll.old} to {roll.new}"
            _log.warning("%s; prices are not adjusted", told)
            if self._socket is not None and self._open.is_set():
                on_status("connected", told)

    async def _roll(self, symbol: str, old: _Contract, new: _Contract) -> Seam:
        """Follow another contract; return the seam, from which on what comes of the old one is left out."""
        self._take(symbol, old, new)
        made = self._history.roll(symbol, new.id, self.clock.now_ns())
        self.on_roll(symbol, False)
        channels = self._wanted.get(symbol, ())
        try:
            await self.ask_for([new.symbol()], channels, on=True)
        except FeedError:
            self._take(symbol, new, old)
            self._history.take_back(symbol)
            self.on_roll(symbol, False)
            raise
        try:
            await self.ask_for([old.symbol()], channels, on=False)
        except FeedError as error:
            _log.warning("%s was not unsubscribed: %s", old.id, error)
        return made

    async def roll_prices(self, roll: Seam) -> tuple[float, float] | None:
        """Return both contracts' closes of the last minute before a roll in which both were traded."""
        last = roll.at_ns // _MINUTE * _MINUTE
        for seconds in _SEAM_SECONDS:
            first = last - seconds * _SECOND
            old, new = [
                {bar[0]: bar[4] for bar in await self._bars_of(contract, "2 1", first, last)}
                for contract in (roll.old, roll.new)
            ]
            both = old.keys() & new.keys()
            if both:
                self._history.price(roll, old[max(both)], new[max(both)])
                return old[max(both)], new[max(both)]
        return None

    # -- contracts of before ------------------------------------------------------------------------------

    async def _reach_back(self, symbol: str, start_ns: int) -> None:
        """Find the contracts that a symbol stood for since an instant, as far as the venue lists them."""
        held = self._contracts[symbol]
        if held.is_named(symbol.strip().upper()):
            return
        async with self._reaching.setdefault(symbol, asyncio.Lock()):
            listed: list[_Contract] | None = None
            while start_ns < self._reached.get(symbol, _EVER):
                if listed is None:
                    listed = await self._of_kind(held)
                first = self._history.first(symbol)
                before = [one for one in listed if _order(one.expiry) < _order(first.rpartition(".")[2])]
                earlier = max(before, key=lambda one: _order(one.expiry), default=None)
                seam = None if earlier is None else await self._seam(symbol, earlier.id, first)
                if earlier is None or seam is None:
                    self._reached[symbol] = -_EVER
                    return
                at_ns, prices = seam
                self._history.before(symbol, earlier.id, at_ns, prices)
                self._reached[symbol] = at_ns

    async def _of_kind(self, held: _Contract) -> list[_Contract]:
        body = {"searchText": held.root, "live": self._live}
        found = (await self._post("/api/Contract/search", _Contracts, body)).read()
        return [
            one for one in found if (one.root, one.symbol_id) == (held.root, held.symbol_id) and one.expiry
        ]

    async def _seam(self, symbol: str, old: str, new: str) -> tuple[int, tuple[float, float]] | None:
        """Return when a contract gave way to the next, and what both were worth; None where that is not seen.

        That is the start of the session since which the next one's volume was the larger.
        """
        now = self.clock.now_ns()
        known = [roll.at_ns for roll in self._history.rolls if roll.symbol == symbol]
        end = min([now, *known]) // _HOUR * _HOUR
        first = end - _SEAM_DAYS * 24 * _HOUR
        olds, news = [await self._bars_of(one, "3 1", first, end) for one in (old, new)]
        grid = Grid(Timeframe.parse("1day"), self._hours[symbol])
        volumes: dict[int, list[float]] = {}
        for which, bars in enumerate((olds, news)):
            for bar in bars:
                span = grid.span(bar[0])
                if span is not None:
                    volumes.setdefault(span[0], [0.0, 0.0])[which] += bar[5]
        ahead = [day for day, (former, latter) in sorted(volumes.items()) if former >= latter]
        later = [day for day in sorted(volumes) if ahead and day > ahead[-1]]
        if not later:
            return None
        closes = [{bar[0]: bar[4] for bar in bars if bar[0] < later[0]} for bars in (olds, news)]
        both = closes[0].keys() & closes[1].keys()
        nan = float("nan")
        prices = (closes[0][max(both)], closes[1][max(both)]) if both else (nan, nan)
        return later[0], prices

    def _take(self, symbol: str, old: _Contract, new: _Contract) -> None:
        self.follow(symbol, new.symbol())
        del self.names[old.id]
        self._contracts[symbol] = new

    # -- the hub ----------------------------------------------------------------------------------------

    async def endpoint(self) -> Endpoint:
        """Return where the hub is, with a token that holds."""
        self._hub.begin()
        self._hub_token = await self._login.token()
        joint = "&" if "?" in self.address.url else "?"
        return Endpoint(
            f"{self.address.url}{joint}access_token={quote(self._hub_token.reveal(), safe='')}",
            confidential=True,
        )

    def renews_credentials(self, status: int) -> bool:
        """Return whether a token was refused that had been taken before."""
        return status == 401 and self._hub_token is not None and self._login.replace(self._hub_token)

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Deliver frames of whole records, and follow the active contracts, until `close` is called.

        Raises
        ------
        FeedRefusedError
            When the venue refuses us for good, or hangs up and does not want to be called again.
        """
        hub = self._hub

        def take(frame: str | bytes) -> None:
            for whole in hub.take(frame):
                on_frame(whole)
            hub.raise_where_closed()

        watching = asyncio.create_task(self._watch_rolls(on_status))
        try:
            await super().run(take, on_status)
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    async def greet(self) -> None:
        """Say which protocol is spoken."""
        await self.send(HANDSHAKE)
        async with asyncio.timeout(self.timeouts.reply):
            await self._hub.answered()
        if self._hub_token is not None:
            self._login.prove(self._hub_token)
        if self._was_connected:
            self._is_back.set()

    def heartbeat(self) -> str:
        """Return a ping."""
        return PING

    def encode_request(self, op: str, request_id: int, fields: Mapping[str, Any]) -> str:
        """Return a call of a hub's method."""
        return invocation(request_id, op, fields["arguments"])

    async def ask_for(self, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool) -> None:
        """Subscribe to channels of symbols, or unsubscribe: a call each, all at once.

        Raises
        ------
        FeedRefusedError
            When the hub says no, or has no such channel.
        """
        if "bars" in channels:
            raise FeedRefusedError(f"{self.offers.title} sends no bars of its own")
        verb = "Subscribe" if on else "Unsubscribe"
        answers = await asyncio.gather(
            *(
                self.request(verb + _METHODS[channel], arguments=[symbol.name])
                for symbol in symbols
                for channel in channels
            ),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    # -- REST -------------------------------------------------------------------------------------------

    def secrets(self) -> Sequence[str]:
        """Return the API key, which the login sends, and the token that came for it."""
        return [held.reveal() for held in (self._api_key, self._hub_token) if held is not None]

    def rest_headers(self) -> Mapping[str, str]:
        """Return the token that is held."""
        return self._login.header()

    async def ask_bars(self, symbol: VenueSymbol, interval: str, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return closed bars that start in ``[start_ns, end_ns)``, oldest first, of their time's contract."""
        name = self.names[symbol.name]
        await self._reach_back(name, start_ns)
        rows: list[BarRow] = []
        for contract_id, first, last in self._history.spans(name, start_ns, end_ns):
            rows += await self._bars_of(contract_id, interval, first, last)
        return rows

    async def _bars_of(self, contract_id: str, interval: str, first_ns: int, last_ns: int) -> list[BarRow]:
        ask = functools.partial(self._bars, contract_id, interval, first_ns)
        bars = await collect(ask, last_ns, key=lambda row: row[0], on_page=self.on_page, newest_first=True)
        return [bar for bar in bars if first_ns <= bar[0] < last_ns]

    async def _bars(self, contract_id: str, interval: str, start_ns: int, end_ns: int) -> Page[BarRow, int]:
        unit, number = map(int, interval.split())
        body = {
            "contractId": contract_id,
            "live": self._live,
            "startTime": _iso(start_ns // _SECOND),
            "endTime": _iso(-(-end_ns // _SECOND)),
            "unit": unit,
            "unitNumber": number,
            "limit": _PAGE_BARS,
            "includePartialBar": False,
        }
        answer = await self._post("/api/History/retrieveBars", _Bars, body)
        # That they come newest first is seen in the documents, and not promised.
        rows = sorted(rows_of(_bar_row, answer.bars or []))
        is_last = len(rows) < _PAGE_BARS or rows[0][0] <= start_ns
        return Page(rows, None if is_last else rows[0][0])

    async def _post(self, path: str, into: type[_T], body: object) -> _T:
        """Return an answer, with a new token where the one that is held is not taken any more."""
        token = await self._login.token()
        try:
            answer = await self.rest.post(path, into, body)
        except FeedRefusedError as error:
            if error.code != _TOKEN_REFUSED or not self._login.replace(token):
                raise
            token = await self._login.token()
            answer = await self.rest.post(path, into, body)
        self._login.prove(token)
        return answer

    async def _log_in(self) -> Secret:
        if self._username is None or self._api_key is None:
            raise FeedRefusedError(
                f"{self.offers.title} wants a user name and an API key: set {USERNAME} and {API_KEY} in the"
                " environment, or pass username= and api_key= to mdnb.make_feed"
            )
        try:
            answer = await self.rest.post(
                "/api/Auth/loginKey",
                _Token,
                {"userName": self._username.reveal(), "apiKey": self._api_key.reveal()},
            )
        except FeedError as error:
            # Where it was raised the variables hold what was sent, and some tracebacks show these.
            error.__context__ = None
            raise error.with_traceback(None) from None
        return _token(answer.token)

    async def _renew(self) -> Secret:
        return _token((await self.rest.post("/api/Auth/validate", _Token, {})).new_token)

    def complaint(self, status: int, body: bytes) -> FeedError | None:
        """Return the error that ProjectX names, mostly with status 200."""
        if status == _TOKEN_REFUSED:
            return FeedRefusedError("the token is refused: check the credentials", status)
        if status != 200:
            return None
        try:
            said = msgspec.json.decode(body, type=_Complaint, strict=False)
        except ValueError:
            return None
        if said.success:
            return None
        code = _code(said.error_code)
        of_login = _LOGIN_ERRORS.get(code, "") if said.token is not msgspec.UNSET else ""
        words = said.error_message or of_login or "no"
        named = f" (error {said.error_code})" if said.error_code else ""
        return FeedRefusedError(f"ProjectX says {words}{named}", code)


def _meant(wanted: str, listed: Sequence[_Contract]) -> _Contract | None:
    """Return the very contract, or the active one of its kind; of several the one that expires first."""
    named = [one for one in listed if one.is_named(wanted)]
    active = [one for one in listed if one.active_contract and one.is_of(wanted)]
    return next(iter(named or sorted(active, key=lambda one: _order(one.expiry))), None)


def _secret(given: str | Secret, variable: str) -> Secret | None:
    if isinstance(given, Secret):
        return given
    return Secret(given) if given else Secret.from_environment(variable)


def _code(said: object) -> int:
    """Return an error's number, which may be text; 0 where it has none."""
    return int(said) if isinstance(said, int) or (isinstance(said, str) and said.isdecimal()) else 0


def _token(text: str | None) -> Secret:
    if not text:
        raise FeedRefusedError("ProjectX gave no token")
    return Secret(text)


def _socket_url(url: str) -> str:
    """Return a hub's address, which firms write as one of HTTP."""
    if url:
        split_address(url)
    return re.sub(r"^http(?=s?://)", "ws", url)


def _order(expiry: str) -> tuple[str, str]:
    # Letters of months rise with the months.
    return expiry[1:], expiry[:1]


@functools.lru_cache(maxsize=16)
def _hours(calendar: str | None, year: int) -> Sessions:
    if calendar is None:
        return Sessions.always()
    first, last = dt.date(year - _HOURS_BACK_YEARS, 1, 1), dt.date(year + _HOURS_AHEAD_YEARS, 12, 31)
    return Sessions.from_calendar(calendar, first, last)


def _iso(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bar_row(bar: _Bar) -> BarRow:
    return iso_ns(bar.t), bar.o, bar.h, bar.l, bar.c, bar.v, 0, float("nan")
