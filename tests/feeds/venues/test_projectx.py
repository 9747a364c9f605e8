"""What is particular to ProjectX: its logins, its hub's moods, contracts that roll, bars in pages."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

import mdnb
from mdnb.errors import FeedError, FeedRefusedError, SymbolError
from mdnb.feeds.timeouts import Backoff, Timeouts, Wall
from mdnb.feeds.venues.projectx import API_KEY, LOOK_SECONDS, USERNAME, ProjectXFeed
from mdnb.runtime.process.bridge import call
from mdnb.secret import Secret
from tests.feeds.scripted import frames_of, scripted
from tests.feeds.venue_ends import Follower, followed
from tests.limits import LIMIT_SECONDS
from tests.venues import faults
from tests.venues.projectx_venue import END, ProjectXDialect, contract
from tests.venues.rest_server import HttpAnswer, HttpRequest, serving
from tests.venues.stage import Stage
from tests.venues.stand_in import SECOND, StandIn, tape_of, written

BEFORE, LIVE = 600, 300
TAPE = tape_of(BEFORE, LIVE)
OLD, NEW = "CON.F.US.MNQ.H26", "CON.F.US.MNQ.M26"


@contextlib.asynccontextmanager
async def venue(*wrong: faults.Fault) -> AsyncIterator[StandIn]:
    made = StandIn(ProjectXDialect(), TAPE, wrong, begun=BEFORE)
    await made.listen()
    try:
        yield made
    finally:
        await made.close()


def dialect_of(made: StandIn) -> ProjectXDialect:
    assert isinstance(made.dialect, ProjectXDialect)
    return made.dialect


def feed_of(made: StandIn, **options: Any) -> ProjectXFeed:
    feed = made.feed(**options)
    assert isinstance(feed, ProjectXFeed)
    return feed


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            await main()

    call(limited())


# Symbols


@pytest.mark.parametrize(
    ("symbol", "found"),
    [
        *(("MNQ", OLD), ("mnq", OLD), (" MNQ", OLD), ("NQ", "CON.F.US.ENQ.H26"), ("ENQ", "CON.F.US.ENQ.H26")),
        *(("F.US.MNQ", OLD), ("MNQZ5", "CON.F.US.MNQ.Z25"), ("CON.F.US.MNQ.Z25", "CON.F.US.MNQ.Z25")),
    ],
)
def test_a_kind_means_its_active_contract_and_a_name_that_very_one(symbol: str, found: str) -> None:
    async def main() -> None:
        async with venue() as made:
            feed = feed_of(made)
            await feed.open([symbol])
            assert (feed.contract(symbol), feed.names) == (found, {found: symbol})
            await feed.close()

    run(main)


def test_of_several_active_contracts_the_one_that_expires_first_counts() -> None:
    async def main() -> None:
        async with venue() as made:
            dialect_of(made).contracts = [
                contract("MNQ", expiry) for expiry in ("H27", "Z26", "M26", "U26", "H28")
            ]
            feed = feed_of(made)
            await feed.open(["MNQ"])
            assert feed.contract("MNQ") == "CON.F.US.MNQ.M26"
            await feed.close()

    run(main)


def test_an_odd_contract_in_the_list_costs_itself_alone() -> None:
    async def main() -> None:
        async with venue() as made:
            dialect_of(made).contracts[:0] = [
                contract("MNQ", "F26") | {"tickSize": None},
                contract("QQ", "H26") | {"description": None},
            ]
            feed = feed_of(made)
            await feed.open(["MNQ", "QQ"])
            assert feed.contract("MNQ") == OLD
            assert feed.instrument("QQ").description == ""
            assert OLD in [one.name for one in await feed.list_symbols()]
            await feed.close()

    run(main)


def test_where_no_contract_is_listed_a_symbol_is_refused_in_a_sentence() -> None:
    async def answer(request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(b'{"success":true,"errorCode":0,"token":"t0ken","contracts":[]}')

    async def main() -> None:
        async with serving(answer) as server:
            feed = ProjectXFeed("ws://127.0.0.1:9", server.url, "me", "key")
            with pytest.raises(SymbolError, match=r"does not list 'MNQ'\. It lists 0 symbols"):
                await feed.open(["MNQ"])
            await feed.close()

    run(main)


def test_what_is_not_listed_or_named_twice_is_refused() -> None:
    async def main() -> None:
        async with venue() as made:
            feed = feed_of(made)
            with pytest.raises(SymbolError, match=r"does not list 'MMQ'. Did you mean 'MNQ'"):
                await feed.open(["MMQ"])
            with pytest.raises(
                SymbolError, match=r"no contract 'CON\.F\.US\.MNQ\.Z24'\. Ask for its kind, as 'MNQ'"
            ):
                await feed.open(["CON.F.US.MNQ.Z24"])
            with pytest.raises(SymbolError, match="'MNQH6' and 'MNQ' are one symbol"):
                await feed.open(["MNQ", "MNQH6"])
            with pytest.raises(SymbolError, match="'MES' was not opened"):
                feed.instrument("MES")
            await feed.close()

    run(main)


def test_the_instrument_has_the_contracts_ticks_and_the_exchanges_hours() -> None:
    async def main() -> None:
        async with venue() as made:
            dialect_of(made).contracts.append(contract("QQ", "H26"))
            feed = feed_of(made)
            await feed.open(["MNQ", "QQ"])
            instrument = feed.instrument("MNQ")
            assert (instrument.tick_size, instrument.point_value, instrument.whole_lots) == (0.25, 2.0, True)
            assert (instrument.timezone, instrument.description) == ("America/Chicago", "MNQ of H26")
            # The first of January 2026; and the hour in which Globex rests.
            new_year, rest = (
                int(dt.datetime(2026, 1, day, 22, 30, tzinfo=dt.UTC).timestamp()) for day in (1, 6)
            )
            hours = feed.sessions("MNQ")
            assert not hours.contains(new_year * SECOND)
            assert not hours.contains(rest * SECOND)
            assert hours.contains((rest + 3600) * SECOND)
            assert feed.sessions("QQ").always_open
            await feed.close()

    run(main)


# The hub


def test_it_says_hello_and_subscribes_as_the_venue_documents_it() -> None:
    async def main() -> None:
        async with venue() as made:
            feed = feed_of(made)
            async with followed(feed, ["MNQ"], ["trades", "quotes", "depth"]) as follower:
                await follower.until_told("connected")
                await feed.unsubscribe("MNQ", ["depth"])
                heard = [json.loads(text.removesuffix(END)) for text in made.stream.heard]
        assert heard[0] == {"protocol": "json", "version": 1}
        assert [(record["type"], record["target"], record["arguments"]) for record in heard[1:]] == [
            (1, "SubscribeContractTrades", [OLD]),
            (1, "SubscribeContractQuotes", [OLD]),
            (1, "SubscribeContractMarketDepth", [OLD]),
            (1, "UnsubscribeContractMarketDepth", [OLD]),
        ]
        assert len({record["invocationId"] for record in heard[1:]}) == 4
        assert feed.lacks == set()

    run(main)


def test_a_subscription_that_the_hub_refuses_is_told_of_and_costs_the_others_nothing() -> None:
    async def main() -> None:
        async with venue() as made:
            feed = feed_of(made)
            async with followed(feed, ["MNQ", "MES"], ["trades"]) as follower:
                await follower.until_told("connected")
                with pytest.raises(FeedRefusedError, match="no bars of its own"):
                    await feed.subscribe("MNQ", ["bars"])
            gone = feed_of(made)
            await gone.open(["MES"])
            dialect = dialect_of(made)
            dialect.contracts = [one for one in dialect.contracts if not one["id"].endswith("MES.H26")]
            async with followed(gone, ["MNQ"], ["trades"]) as follower:
                await follower.until_told("connected")
                with pytest.raises(FeedRefusedError, match=r"no contract CON\.F\.US\.MES\.H26"):
                    await gone.subscribe("MES", ["trades"])

    run(main)


async def _hello(socket: ServerConnection) -> None:
    assert json.loads(str(await socket.recv()).removesuffix(END))["protocol"] == "json"
    await socket.send("{}" + END)


def _hanging_up(**fields: Any) -> Callable[[ServerConnection], Awaitable[None]]:
    async def act(socket: ServerConnection) -> None:
        await _hello(socket)
        await socket.send(json.dumps({"type": 7, **fields}) + END)
        await frames_of(socket)

    return act


async def _staying(socket: ServerConnection) -> None:
    await _hello(socket)
    await frames_of(socket)


@contextlib.asynccontextmanager
async def before(*acts: Any, **options: Any) -> AsyncIterator[Follower]:
    """Follow nothing at a hub that does what it is told."""
    async with venue() as made, scripted(acts) as hub:
        feed = feed_of(made, backoff=Backoff(0.001, 1.0, 0.001), **options)
        feed.address = type(feed.address)(hub.url)
        async with followed(feed, [], []) as follower:
            yield follower


def test_a_hub_that_wants_to_be_called_again_is_and_its_words_are_told() -> None:
    async def main() -> None:
        async with before(_hanging_up(error="restart", allowReconnect=True), _staying) as follower:
            await follower.until(
                lambda: ("disconnected", "the hub closes the connection: restart") in follower.statuses
            )
            await follower.until_told("connected")

    run(main)


def test_a_hub_that_does_not_want_to_be_called_again_is_not() -> None:
    async def main() -> None:
        with pytest.raises(FeedRefusedError, match="for good: too many sessions"):
            async with before(_hanging_up(error="too many sessions")) as follower:
                await follower.until(lambda: any(status == "closed" for status, _ in follower.statuses))

    run(main)


def test_a_hub_that_does_not_answer_the_handshake_is_tried_again() -> None:
    async def main() -> None:
        async with before(frames_of, _staying, timeouts=Timeouts(reply=0.05)) as follower:
            await follower.until_told("connected")
            assert ("disconnected", "no answer to the handshake") in follower.statuses

    run(main)


def test_pings_are_sent_and_the_hubs_own_are_its_signs_of_life() -> None:
    async def main() -> None:
        heard = asyncio.Event()

        async def act(socket: ServerConnection) -> None:
            await _hello(socket)
            async for frame in socket:
                if json.loads(str(frame).removesuffix(END)) == {"type": 6}:
                    heard.set()
                await socket.send('{"type":6}' + END)

        async with before(act, timeouts=Timeouts(heartbeat=0.01)) as follower:
            await follower.until_told("connected")
            await heard.wait()
        feed = ProjectXFeed()
        # Both sides ping after 15 s, and hang up after 30.
        assert (feed.timeouts.heartbeat, feed.liveness.signs) == (15.0, "frames")
        assert 15.0 < feed.liveness.stale_seconds < feed.liveness.dead_seconds == 30.0

    run(main)


# Logins


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (USERNAME, API_KEY):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_has_the_credentials_where_none_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(USERNAME, "me")
    monkeypatch.setenv(API_KEY, "k3y")

    async def main() -> None:
        async with venue() as made:
            for given in ({}, {"api_key": Secret("k3y")}, {"username": "me", "api_key": "k3y"}):
                feed = ProjectXFeed(made.stream.url, made.rest.url, **given)
                await feed.open(["MNQ"])
                await feed.close()

    run(main)


def test_without_credentials_it_says_what_to_do(no_environment: None) -> None:
    async def main() -> None:
        async with venue() as made:
            feed = ProjectXFeed(made.stream.url, made.rest.url, username="me")
            with pytest.raises(FeedRefusedError, match=f"set {USERNAME} and {API_KEY}.* or pass username="):
                await feed.open(["MNQ"])
            assert made.rest.requests == []
            await feed.close()

    run(main)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"token": None, "errorCode": 3}, "says user name and API key do not belong together.*error 3"),
        ({"token": None, "errorCode": 7, "errorMessage": "Please sign"}, "says Please sign .error 7"),
        ({"token": None, "errorCode": 8}, "says no .error 8"),
        ({"token": None, "success": True, "errorCode": 0}, "gave no token"),
    ],
)
def test_a_refused_login_says_why(answer: dict[str, Any], words: str) -> None:
    async def main() -> None:
        async def answers(_: HttpRequest) -> HttpAnswer:
            return HttpAnswer(written({"success": False, "errorMessage": None} | answer))

        async with serving(answers) as rest:
            feed = ProjectXFeed("ws://127.0.0.1:9", rest.url, "me", "k3y")
            with pytest.raises(FeedRefusedError, match=words):
                await feed.open(["MNQ"])
            assert len(rest.requests) == 1
            await feed.close()

    run(main)


def test_one_login_serves_rest_and_hub_and_is_renewed_within_the_day() -> None:
    async def main() -> None:
        now = 0.0
        async with venue() as made:
            logins = dialect_of(made).logins
            feed = feed_of(made, wall=Wall(monotonic=lambda: now))
            await feed.open(["MNQ", "MES"])
            now = 19 * 3600.0
            await feed.endpoint()
            assert logins == {"loginKey": 1, "validate": 0}
            now = 21 * 3600.0
            endpoint = await feed.endpoint()
            assert logins == {"loginKey": 1, "validate": 1}
            assert endpoint.url.endswith("?access_token=t0ken%2Fvalidate%2B1")
            assert str(endpoint) == made.stream.url
            await feed.close()

    run(main)


def test_a_token_that_ends_early_is_replaced_by_the_history_and_by_the_hub() -> None:
    async def main() -> None:
        async with venue() as made:
            dialect = dialect_of(made)
            feed = feed_of(made)
            async with followed(feed, ["MNQ"], ["trades"]) as follower:
                await follower.until_told("connected")
                dialect.expire()
                bars = await feed.history_bars("MNQ", "1min", TAPE[0][0], TAPE[BEFORE][0])
                assert bars
                assert dialect.logins["loginKey"] == 2

    run(main)


def test_after_an_outage_in_which_the_token_ended_it_logs_in_anew_and_tells_of_the_hole() -> None:
    made = StandIn(
        ProjectXDialect(), TAPE, [faults.Expiry(BEFORE + 50), faults.Drop(BEFORE + 50, 40)], begun=BEFORE
    )
    call(made.listen())
    stage = Stage(made, feed_of(made), "MNQ", {"1sec": 1, "1min": 60}, TAPE)
    try:
        stage.play()
        told = [gap[-1].data for gap in stage.gaps() if not gap[-1].repaired]
        lost = stage.not_held(since=BEFORE)
        assert lost
        for row in lost:
            assert any(gap["gap_start"].value < row[0] < gap["gap_end"].value for gap in told)
        assert dialect_of(made).logins == {"loginKey": 2, "validate": 0}
    finally:
        stage.close()


def test_a_token_that_the_hub_never_took_is_refused_for_good() -> None:
    async def main() -> None:
        async with venue() as made:
            feed = feed_of(made)
            feed.address = type(feed.address)(made.stream.url)
            dialect = dialect_of(made)
            dialect.admits = lambda path: 401  # type: ignore[method-assign]
            follower = Follower()
            with pytest.raises(FeedRefusedError, match="HTTP 401: check the credentials"):
                await feed.run(follower.taker(feed), follower.tell)
            assert dialect.logins["loginKey"] == 1
            await feed.close()

    run(main)


def test_a_venue_that_is_away_while_the_hub_is_down_is_waited_for() -> None:
    async def main() -> None:
        async with venue() as made:
            feed = feed_of(made)
            await feed.open(["MNQ"])
            dialect_of(made).expire()
            feed._login.replace(await feed._login.token())
            port = made.rest.url.rpartition(":")[2]
            await made.rest.close()
            follower = Follower()
            running = asyncio.create_task(feed.run(follower.taker(feed), follower.tell))
            away = f"127.0.0.1:{port}/api/Auth/loginKey: refused: nothing listens on that port"
            await follower.until(lambda: follower.statuses.count(("disconnected", away)) > 2)
            await feed.close()
            await running

    run(main)


# What nobody may see


def _with_variables(error: BaseException) -> str:
    """Return a traceback with the variables of all functions but those of the tests."""
    made = traceback.TracebackException.from_exception(error, capture_locals=True)
    part: traceback.TracebackException | None = made
    while part is not None:
        part.stack[:] = [frame for frame in part.stack if "/tests/" not in frame.filename]
        part = part.__cause__ or part.__context__
    return "".join(made.format())


def test_no_error_no_log_and_no_text_shows_key_or_token(caplog: pytest.LogCaptureFixture) -> None:
    key = "k3y-which-is-wrong"
    shown: list[str] = []

    async def main() -> None:
        async with venue() as made:
            wrong = feed_of(made, api_key=key)
            shown.append(repr(wrong) + str(vars(wrong)) + str(wrong.offers))
            for attempt in (wrong.open(["MNQ"]), wrong.endpoint()):
                with pytest.raises(FeedRefusedError) as caught:
                    await attempt
                shown.append(_with_variables(caught.value))
            await wrong.close()
            with pytest.raises(FeedError) as told:
                ProjectXFeed("ws://firm.example", username="k3y-user", api_key=key)
            shown.append(_with_variables(told.value))
            feed = feed_of(made)
            await feed.open(["MNQ"])
            shown.append(repr(feed) + str(vars(feed)) + repr(await feed.endpoint()))
            dialect = dialect_of(made)
            dialect.admits = lambda path: 403  # type: ignore[method-assign]
            with pytest.raises(FeedRefusedError) as caught:
                await feed.run(lambda _: None, lambda *told: shown.append(str(told)))
            shown.append(_with_variables(caught.value))
            dialect.asked = lambda request: HttpAnswer(b"", 403)  # type: ignore[method-assign]
            with pytest.raises(FeedRefusedError) as caught:
                await feed.history_bars("MNQ", "1min", 0, SECOND)
            shown.append(_with_variables(caught.value))
            await feed.close()

    with caplog.at_level(logging.DEBUG):
        run(main)
    # The stand-in's own end of the line is not ours.
    logged = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    everything = "\n".join([*shown, *logged])
    assert "refused" in everything
    for secret in (key, "k3y", "t0ken", "access_token"):
        assert secret not in everything, secret


# The roll


class Hours:
    """A clock on which the next look comes when the test says so."""

    def __init__(self) -> None:
        self._passed, self._waits = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds != LOOK_SECONDS:
            await asyncio.sleep(seconds)
            return
        self._waits.set()
        await self._passed.wait()
        self._passed.clear()

    async def look(self) -> None:
        """Let an hour pass, and wait until all is asked that is asked then."""
        await self._waits.wait()
        self._waits.clear()
        self._passed.set()
        await self._waits.wait()


def _activate(dialect: ProjectXDialect, contract_id: str) -> None:
    for listed in dialect.contracts:
        if listed["symbolId"] == "F.US.MNQ":
            listed["activeContract"] = listed["id"] == contract_id


def _asked_of_hub(made: StandIn) -> list[tuple[str, str]]:
    records = [json.loads(text.removesuffix(END)) for text in made.stream.heard]
    return [(record["target"], record["arguments"][0]) for record in records if "target" in record]


def test_the_symbol_follows_the_contract_that_is_active(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with venue() as made:
            dialect, hours = dialect_of(made), Hours()
            feed = feed_of(made, wall=Wall(sleep=hours.sleep))
            async with followed(feed, ["MNQ", "MES"], ["trades", "quotes"]) as follower:
                await follower.until_told("connected")
                at = feed.clock.now_ns()
                _activate(dialect, NEW)
                await hours.look()
                assert follower.statuses[-1] == ("connected", f"MNQ rolled from {OLD} to {NEW}")
                assert _asked_of_hub(made)[4:] == [
                    ("SubscribeContractTrades", NEW),
                    ("SubscribeContractQuotes", NEW),
                    ("UnsubscribeContractTrades", OLD),
                    ("UnsubscribeContractQuotes", OLD),
                ]
                assert (feed.contract("MNQ"), feed.contract("MNQ", at - 1), feed.contract("MES")) == (
                    NEW,
                    OLD,
                    "CON.F.US.MES.H26",
                )
                (roll,) = feed.rolls
                assert (roll.symbol, roll.at_ns, roll.old, roll.new) == ("MNQ", at, OLD, NEW)
                assert feed.names == {NEW: "MNQ", "CON.F.US.MES.H26": "MES"}
                assert feed.listed("MNQ").name == NEW
                # What still comes of the old one is not of the series any more.
                row = TAPE[0]
                take = follower.taker(feed)
                take(dialect.trade(row))
                dialect.trading = NEW
                take(dialect.trade(row))
                assert [(symbol, taken[1]) for symbol, taken in follower.trades] == [
                    (OLD, row[1]),
                    ("MNQ", row[1]),
                ]

    with caplog.at_level(logging.WARNING):
        run(main)
    assert f"MNQ rolled from {OLD} to {NEW}; prices are not adjusted" in caplog.text


def test_after_a_loss_of_the_connection_the_active_contract_is_asked_for_at_once() -> None:
    async def main() -> None:
        async with venue(faults.Drop(BEFORE + 20, 20)) as made:
            dialect = dialect_of(made)
            feed = feed_of(made)
            async with followed(feed, ["MNQ"], ["trades"]) as follower:
                await follower.until_told("connected")
                _activate(dialect, NEW)
                made.stream.play()
                await follower.until(lambda: bool(feed.rolls) and feed.rolls[0].new == NEW)
                assert [status for status, _ in follower.statuses].count("reconnected") == 1
                await follower.until(lambda: ("UnsubscribeContractTrades", OLD) in _asked_of_hub(made))

    run(main)


def test_a_venue_that_does_not_answer_is_soon_asked_again_for_the_active_contract(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with venue() as made:
            dialect, hours = dialect_of(made), Hours()
            feed = feed_of(made, wall=Wall(sleep=hours.sleep, dice=lambda: 0.0))
            asked, refusals = dialect.asked, [429, 503, 429]

            def busy(request: HttpRequest) -> Any:
                if request.path.endswith("/search") and refusals:
                    return HttpAnswer(b"", refusals.pop(), {"Retry-After": "0.01"})
                return asked(request)

            async with followed(feed, ["MNQ"], ["trades"]) as follower:
                await follower.until_told("connected")
                _activate(dialect, NEW)
                dialect.asked = busy  # type: ignore[method-assign]
                await hours.look()
                assert [roll.new for roll in feed.rolls] == [NEW]
                assert refusals == []

    with caplog.at_level(logging.WARNING):
        run(main)
    assert caplog.text.count("stays with") == 1


@pytest.mark.parametrize("symbol", ["MNQH6", OLD])
def test_a_contract_that_was_asked_for_by_name_never_rolls(symbol: str) -> None:
    async def main() -> None:
        async with venue() as made:
            hours = Hours()
            feed = feed_of(made, wall=Wall(sleep=hours.sleep))
            async with followed(feed, [symbol, "MES"], ["trades"]) as follower:
                await follower.until_told("connected")
                _activate(dialect_of(made), NEW)
                asked = len(made.rest.requests)
                await hours.look()
                (look,) = made.rest.requests[asked:]
                assert json.loads(look.body)["searchText"] == "MES"
                assert feed.rolls == ()

    run(main)


def test_a_roll_that_does_not_come_off_leaves_everything_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with venue() as made:
            dialect, hours = dialect_of(made), Hours()
            feed = feed_of(made, wall=Wall(sleep=hours.sleep))
            heard = dialect.hear

            def without_the_new(text: str) -> Any:
                if NEW not in text:
                    return heard(text)
                number = json.loads(text.removesuffix(END))["invocationId"]
                return json.dumps({"type": 3, "invocationId": number, "error": "not yet"}) + END

            dialect.hear = without_the_new  # type: ignore[method-assign]
            async with followed(feed, ["MNQ"], ["trades"]) as follower:
                await follower.until_told("connected")
                _activate(dialect, NEW)
                await hours.look()
                assert (feed.contract("MNQ"), feed.rolls, feed.names) == (OLD, (), {OLD: "MNQ"})
                assert feed.instrument("MNQ").description == "MNQ of H26"
                follower.taker(feed)(dialect.trade(TAPE[0]))
                assert [symbol for symbol, _ in follower.trades] == ["MNQ"]
                _activate(dialect, "none of them")
                await hours.look()
                assert feed.rolls == ()
                assert "MNQ has no active contract now" in caplog.text

    with caplog.at_level(logging.WARNING):
        run(main)
    assert (
        f"MNQ stays with {OLD} for now: the venue refused 'SubscribeContractTrades': not yet" in caplog.text
    )


def test_the_history_on_both_sides_of_a_roll_is_asked_of_each_contract() -> None:
    async def main() -> None:
        asked: list[tuple[str, str, str]] = []
        async with venue() as made:
            feed = feed_of(made)
            await feed.open(["MNQ"])
            at = 1_772_460_000
            feed._history.roll("MNQ", NEW, at * SECOND)
            feed.names[NEW] = "MNQ"

            def answer(request: HttpRequest) -> bytes:
                body = json.loads(request.body)
                if "searchText" in body:
                    return written({"contracts": [], "success": True, "errorCode": 0, "errorMessage": None})
                asked.append((body["contractId"], body["startTime"], body["endTime"]))
                # One bar before what was asked for and one after it come, too.
                times = [body["endTime"], body["startTime"]]
                bars = [{"t": text.replace("Z", "+00:00"), **dict.fromkeys("ohlcv", 1.0)} for text in times]
                return written({"bars": bars, "success": True, "errorCode": 0, "errorMessage": None})

            dialect_of(made).asked = answer  # type: ignore[method-assign]
            bars = await feed.history_bars("MNQ", "1min", (at - 120) * SECOND, (at + 120) * SECOND)
            await feed.close()
        assert asked == [
            (OLD, "2026-03-02T13:58:00Z", "2026-03-02T14:00:00Z"),
            (NEW, "2026-03-02T14:00:00Z", "2026-03-02T14:02:00Z"),
        ]
        assert bars is not None
        assert [bar[0] // SECOND - at for bar in bars] == [-120, 0]

    run(main)


# The history


def _bars_server(
    count: int, *, end_included: bool
) -> tuple[list[dict[str, Any]], Callable[[HttpRequest], Awaitable[HttpAnswer]]]:
    """Return what is asked, and who answers it with bars of a second, as many as allowed, newest first."""
    asked: list[dict[str, Any]] = []
    first = int(dt.datetime(2026, 3, 2, tzinfo=dt.UTC).timestamp())

    async def answers(request: HttpRequest) -> HttpAnswer:
        if request.path != "/api/History/retrieveBars":
            known = {"token": "t", "contracts": [contract("MNQ", "H26")]}
            return HttpAnswer(written(known | {"success": True, "errorCode": 0, "errorMessage": None}))
        body = json.loads(request.body)
        asked.append(body)
        start, end = (
            int(dt.datetime.fromisoformat(body[name]).timestamp()) for name in ("startTime", "endTime")
        )
        last = min(end + end_included, first + count)
        times = range(max(last - body["limit"], start, first), last)
        bars = [
            {
                "t": dt.datetime.fromtimestamp(at, dt.UTC).isoformat(),
                **dict.fromkeys("ohlcv", float(at - first)),
            }
            for at in reversed(times)
        ]
        return HttpAnswer(written({"bars": bars, "success": True, "errorCode": 0, "errorMessage": None}))

    return asked, answers


@pytest.mark.parametrize("end_included", [False, True])
@pytest.mark.parametrize("count", [40_001, 40_000, 19_999, 0])
def test_bars_of_several_pages_come_once_each_oldest_first(count: int, end_included: bool) -> None:
    asked, answers = _bars_server(count, end_included=end_included)
    start = int(dt.datetime(2026, 3, 2, tzinfo=dt.UTC).timestamp()) * SECOND

    async def main() -> None:
        async with serving(answers) as rest:
            feed = ProjectXFeed("ws://127.0.0.1:9", rest.url, "me", "k3y", live=True)
            pages: list[None] = []
            feed.on_page = lambda: pages.append(None)  # type: ignore[method-assign]
            await feed.open(["MNQ"])
            bars = await feed.history_bars("MNQ", "1sec", start, start + 100_000 * SECOND)
            assert bars is not None
            assert [(bar[0] - start) // SECOND for bar in bars] == list(range(count))
            assert [bar[1] for bar in bars] == [float(number) for number in range(count)]
            assert len(pages) == len(asked)
            assert await feed.history_bars("MNQ", "4hour", start, start + SECOND) is None
            assert (feed.history_depth("4hour"), feed.history_depth("1sec")) == (None, float("inf"))
            assert await feed.history_trades("MNQ", start, start + SECOND) is None
            await feed.close()

    run(main)
    assert asked[0] == {
        "contractId": OLD,
        "live": True,
        "startTime": "2026-03-02T00:00:00Z",
        "endTime": "2026-03-03T03:46:40Z",
        "unit": 1,
        "unitNumber": 1,
        "limit": 20_000,
        "includePartialBar": False,
    }
    assert len(asked) <= count // 20_000 + 2


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (200, {"bars": None, "success": False, "errorCode": 4}, FeedRefusedError, "says no .error 4"),
        (
            200,
            {"success": False, "errorCode": 1, "errorMessage": "none"},
            FeedRefusedError,
            "says none .error 1",
        ),
        (200, {"success": False, "errorCode": None, "errorMessage": "shut"}, FeedRefusedError, "says shut$"),
        (200, {"success": False, "errorCode": "4", "errorMessage": 7}, FeedRefusedError, "says 7 .error 4"),
        (
            200,
            {"bars": [{"t": "soon", **dict.fromkeys("ohlcv", 1)}]},
            FeedError,
            "history is not .* wrong time",
        ),
        (429, {}, mdnb.FeedBusyError, "HTTP 429"),
        (503, {}, mdnb.FeedBusyError, "HTTP 503"),
        (400, {}, FeedRefusedError, "HTTP 400"),
        (200, {"bars": [{"t": "soon"}], "success": True}, FeedError, "not what was expected"),
    ],
)
def test_a_history_that_is_refused_says_why(
    status: int, body: dict[str, Any], kind: type[FeedError], words: str
) -> None:
    async def main() -> None:
        async with venue() as made:
            feed = feed_of(made)
            await feed.open(["MNQ"])
            dialect_of(made).asked = lambda request: HttpAnswer(written(body), status)  # type: ignore[method-assign]
            with pytest.raises(kind, match=words):
                await feed.history_bars("MNQ", "1min", 0, SECOND)
            await feed.close()

    run(main)


def test_another_firms_addresses_are_taken_as_its_page_writes_them() -> None:
    feed = ProjectXFeed("https://rtc.firm.example/hubs/market", "https://api.firm.example")
    assert (feed.address.url, repr(feed)) == (
        "wss://rtc.firm.example/hubs/market",
        "ProjectXFeed(wss://rtc.firm.example)",
    )
    with pytest.raises(FeedError, match="plain ws:// is for this machine only"):
        ProjectXFeed("http://rtc.firm.example/hubs/market")
