"""A token of an address, or a key, is nowhere but on the way: not shown, logged, recorded or exported."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import functools
import gzip
import json
import logging
import pickle
import traceback
import types
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import nbformat as _nbformat
import pytest
from IPython.core.ultratb import VerboseTB
from nbclient import NotebookClient
from websockets.asyncio.server import ServerConnection, serve

import mdnb
from mdnb.feeds.venues.alpaca import AlpacaFeed
from mdnb.feeds.venues.binance import BinanceFuturesFeed
from mdnb.feeds.venues.bybit import BybitFeed
from mdnb.feeds.venues.kraken import KrakenFeed
from mdnb.feeds.venues.okx import OkxFeed
from mdnb.feeds.venues.projectx import ProjectXFeed
from mdnb.io.saved_market import open_saved_market
from mdnb.runtime.feed_decoder import decoder_of
from mdnb.runtime.process.bridge import call
from mdnb.secret import Secret
from tests.limits import LIMIT_SECONDS
from tests.venues import faults
from tests.venues.alpaca_venue import KEY, SECRET, AlpacaDialect
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.projectx_venue import ProjectXDialect
from tests.venues.rest_server import HttpAnswer, HttpRequest, RestServer, serving
from tests.venues.stage import Stage
from tests.venues.stand_in import StandIn, tape_of

nbformat: Any = _nbformat
TOKEN = "t0k3n-in-the-path"
BEFORE = 50
TAPE = tape_of(BEFORE, 300)
WRONG = (faults.Drop(BEFORE + 100, 20), faults.Restart(BEFORE + 200))


class BehindProxy(StandIn):
    """Is reached by a path that has the token."""

    async def _answer(self, request: HttpRequest) -> HttpAnswer:
        head, _, rest = request.path.removeprefix("/").partition("/")
        if head != TOKEN:
            return HttpAnswer(b"{}", 401)
        return await super()._answer(dataclasses.replace(request, path=f"/{rest}"))

    def tokened(self) -> KrakenFeed:
        """Return a feed that knows the token."""
        like = self.feed()
        made = KrakenFeed(
            url=f"{self.stream.url}/{TOKEN}/v2",
            rest=f"{self.rest.url}/{TOKEN}",
            backoff=like.backoff,
            liveness=like.liveness,
        )
        made.clock = like.clock
        return made


@pytest.fixture
def seen(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Have everything logged that any library would log."""
    caplog.set_level(logging.DEBUG)
    logging.captureWarnings(True)
    yield caplog
    logging.captureWarnings(False)


def test_a_token_is_nowhere(
    seen: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MDNB_FEED", f"kraken?url=ws://venue.example/{TOKEN}")
    monkeypatch.setenv("PROJECTX_API_KEY", f"{TOKEN}-of-the-environment")
    venue = BehindProxy(KrakenDialect(), TAPE, WRONG, begun=BEFORE)
    call(venue.listen())
    feed = venue.tokened()
    stage = Stage(venue, feed, "BTC/USD", {"1sec": 1}, TAPE)
    told: list[str] = []
    live = stage.market
    live.on("connection_status_changed", lambda event: told.append(f"{event!r} {event.data}"))
    try:
        with live.record(tmp_path / "x.jsonl"), live.record(tmp_path / "raw.mdnb"):
            stage.play()
        live.alert(above=1e9, message="far up")
        live.save(tmp_path / "saved.mdnb")
        assert open_saved_market(tmp_path / "saved.mdnb").manifest.feed == "kraken"
        live.export(tmp_path / "x.parquet")
        live.export(tmp_path / "x.csv", "1sec")
        shown = [repr(live), str(live), live._repr_html_(), repr(feed), repr(feed.rest), repr(feed.address)]
        shown += [str(live.accounting()), str(live.data.get_stats()), str(live.data.get_validation_errors())]
    finally:
        stage.close()
    assert told
    # What the other end logs is not ours.
    logged = [record.getMessage() for record in seen.records if record.name != "websockets.server"]
    assert logged
    for text in (*shown, *told, *logged):
        assert TOKEN not in text
    for file in tmp_path.iterdir():
        data = file.read_bytes()
        assert TOKEN.encode() not in (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data), (
            file.name
        )
    for held in (feed.address, feed.rest):
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
            dataclasses.asdict(held)  # type: ignore[call-overload]  # it is none, and should not be


class Quoting(KrakenDialect):
    """Quotes what it was called by, in what nobody understands and in a refusal that nobody asked for."""

    def welcome(self, now_ns: int) -> str:
        """Say it at once."""
        return json.dumps({"oops": f"hello at /{TOKEN}/v2"})

    def heartbeat(self, now_ns: int) -> str:
        """Say it again and again."""
        return json.dumps({"method": "subscribe", "success": False, "error": f"not {TOKEN}", "req_id": 99})


@pytest.mark.parametrize("address", ["ws://{}/{}/v2", "ws://{}/v2?token={}", "ws://me:{1}@{0}/v2"])
def test_what_a_venue_quotes_in_its_frames_is_told_and_recorded_without_it(
    address: str, seen: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    said = [
        faults.Malformed(BEFORE + 20, f"garbage {TOKEN} {{"),
        faults.Malformed(BEFORE + 30, f'["{TOKEN}"]'),
    ]
    venue = StandIn(Quoting(), TAPE, said, begun=BEFORE)
    call(venue.listen())
    like = venue.feed()
    where = address.format(venue.stream.url.removeprefix("ws://"), TOKEN)
    feed = KrakenFeed(url=where, rest=venue.rest.url, backoff=like.backoff, liveness=like.liveness)
    feed.clock = like.clock
    stage = Stage(venue, feed, "BTC/USD", {"1sec": 1}, TAPE)
    live = stage.market
    try:
        with live.record(tmp_path / "x.jsonl"):
            stage.play()
            call(venue.stream.quiet_beats(3))
        live.save(tmp_path / "saved.mdnb")
        assert live.accounting().malformed >= 3
        shown = [str(live), live._repr_html_(), str(live.accounting()), str(live.data.get_stats())]
        shown += map(str, live.data.get_validation_errors())
        shown.append(live.chart("1sec").to_html())
    finally:
        stage.close()
    shown += [record.getMessage() for record in seen.records if "server" not in record.name]
    assert any("oops" in text for text in shown)
    assert any("Kraken refused something: not " in text for text in shown)
    assert not [text for text in shown if TOKEN in text]
    recorded = (tmp_path / "x.jsonl").read_text()
    assert recorded.count("*" * len(TOKEN)) > 2
    assert TOKEN not in recorded
    assert TOKEN.encode() not in (tmp_path / "saved.mdnb").read_bytes()


def test_no_traceback_has_it_either() -> None:
    async def main(feed: mdnb.Feed) -> None:
        await feed.open(["BTC/USD"])

    feed = mdnb.make_feed("kraken", url=f"ws://127.0.0.1:9/{TOKEN}", rest=f"http://127.0.0.1:9/{TOKEN}")
    with pytest.raises(mdnb.FeedError, match="nothing listens on that port") as caught:
        call(main(feed))
    error = caught.value
    lines = VerboseTB().structured_traceback(type(error), error, error.__traceback__)
    assert TOKEN not in "\n".join(lines)


def _create(**given: Any) -> object:
    async def main() -> object:
        return await mdnb.TradingSuite.create("BTC/USD", ["1min"], **given)

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("make", "wrong", "said"),
    [
        (functools.partial(mdnb.live, "BTC/USD", connect_timeout=0.1, progress=False), "", "no connection"),
        (functools.partial(_create, connect_timeout=0.1), "", "no connection"),
        (functools.partial(mdnb.live, "BTC/USD", progress=False), "&depth=7", "has a depth of"),
        (functools.partial(mdnb.live, "BTC/USD", progress=False), "&dept=7", "no option 'dept'"),
        (functools.partial(mdnb.live, "", progress=False), "", "name one symbol"),
        (functools.partial(mdnb.live, "BTC/USD", limit=3), "", "no argument 'limit'"),
        (functools.partial(_create, limit=3), "", "no argument 'limit'"),
        (lambda feed: mdnb.make_feed(name=feed), "&depth=7", "has a depth of"),
        (lambda feed: mdnb.make_feed("kraken", url=feed), "", "must begin with ws://"),
    ],
)
def test_no_traceback_has_the_name_of_a_feed_with_it(
    make: Callable[..., object], wrong: str, said: str
) -> None:
    with pytest.raises((mdnb.MdnbError, TypeError), match=said) as caught:
        make(feed=f"kraken?url=ws://127.0.0.1:9/{TOKEN}&rest=http://127.0.0.1:9/{TOKEN}{wrong}")
    error = caught.value
    trace = error.__traceback__
    # What stands in a test of its own, or in a cell, is its own.
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    assert trace is not None
    ours = [
        line
        for part in _stack_with_variables(error, trace)
        if f"{Path(mdnb.__file__).parent}" in part
        for line in part.splitlines()
    ]
    assert ours
    assert not [line for line in ours if TOKEN in line]


def _stack_with_variables(error: BaseException, trace: types.TracebackType | None) -> list[str]:
    told = traceback.TracebackException(type(error), error, trace, capture_locals=True)
    return told.stack.format()


def _shown_by_others(error: BaseException | None) -> Iterator[str]:
    """Yield the frames of an error and of what it came from, with variables, but for those of this file."""
    while error is not None:
        stack = _stack_with_variables(error, error.__traceback__)
        yield from (part for part in stack if f'File "{__file__}"' not in part)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize(
    "made",
    [AlpacaFeed, BinanceFuturesFeed, BybitFeed, KrakenFeed, OkxFeed, ProjectXFeed],
    ids=lambda it: it.__name__,
)
@pytest.mark.parametrize(
    "given",
    [
        {"url": f"ws://venue.example/{TOKEN}"},
        {"url": f"wss://127.0.0.1:{TOKEN}"},
        {"url": f"wss://venue..example/{TOKEN}"},
        {"url": f"{TOKEN}"},
        {"url": f"wss://venue.example/{TOKEN}".encode()},
        {"url": f"ws://127.0.0.1:9/{TOKEN}", "rest": f"http://venue.example/{TOKEN}"},
        {"url": f"ws://127.0.0.1:9/{TOKEN}", "rest": f"https://venue.example/?key={TOKEN}"},
        {"url": f"ws://127.0.0.1:9/{TOKEN}", "liveness": 3},
        {"url": f"ws://127.0.0.1:9/{TOKEN}", "dept": 7},
        {"url": f"ws://127.0.0.1:9/{TOKEN}", "depth": 7},
    ],
    ids=lambda given: f"{[*given][-1]}",
)
def test_no_traceback_of_a_feed_made_by_its_class_has_the_address(
    made: type[mdnb.Feed], given: Mapping[str, Any]
) -> None:
    if "liveness" in given:
        feed = made(**given)
        assert TOKEN not in f"{feed!r} {feed}"
        return
    with pytest.raises((mdnb.MdnbError, TypeError)) as caught:
        made(**given)
    assert TOKEN not in str(caught.value)
    assert not [part for part in _shown_by_others(caught.value) if TOKEN in part]


def test_an_address_given_for_alpacas_feed_is_not_quoted() -> None:
    with pytest.raises(mdnb.MdnbError, match="an address is given as url=") as caught:
        AlpacaFeed(f"ws://127.0.0.1:9/{TOKEN}")  # type: ignore[arg-type]  # as others take it
    assert TOKEN not in str(caught.value)


def test_an_answer_that_is_not_understood_shows_nothing_that_it_quotes() -> None:
    async def quote_path(request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(json.dumps({"error": [], "result": request.path}).encode())

    async def main() -> None:
        async with serving(quote_path) as server:
            feed = KrakenFeed(rest=f"{server.url}/{TOKEN}")
            try:
                await feed.open(["BTC/USD"])
            finally:
                await feed.close()

    with pytest.raises(mdnb.FeedError, match="not what was expected") as caught:
        asyncio.run(main())
    assert not [part for part in _shown_by_others(caught.value) if TOKEN in part]


@pytest.mark.parametrize(
    "said",
    ['{{}}\x1e{{"type":7,"error":"no token {}","allowReconnect":false}}\x1e', '{{"error":"bad {}"}}\x1e'],
)
def test_a_hub_that_refuses_us_and_quotes_our_token_shows_it_in_no_traceback(said: str) -> None:
    async def give_token(request: HttpRequest) -> HttpAnswer:
        contract = {"id": "CON.F.US.MNQ.Z25", "name": "MNQZ5", "tickSize": 0.25, "tickValue": 0.5}
        contract |= {"activeContract": True, "symbolId": "F.US.MNQ"}
        return HttpAnswer(json.dumps({"success": True, "token": TOKEN, "contracts": [contract]}).encode())

    async def refuse(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(said.format(TOKEN))
        await socket.wait_closed()

    async def main() -> None:
        async with serving(give_token) as rest, serve(refuse, "127.0.0.1", 0) as hub:
            address = f"ws://127.0.0.1:{hub.sockets[0].getsockname()[1]}"
            feed = ProjectXFeed(address, rest.url, "me", "key of me")
            try:
                await feed.open(["MNQ"])
                await feed.run(lambda _: None, lambda *_: None)
            finally:
                await feed.close()

    with pytest.raises(mdnb.FeedError, match=r"(no token|bad) …") as caught:
        asyncio.run(main())
    assert not [part for part in _shown_by_others(caught.value) if TOKEN in part]


@pytest.mark.parametrize("name", ["kraken", "projectx", "alpaca"])
def test_who_gives_up_waiting_for_an_answer_sees_neither_address_nor_key(name: str) -> None:
    """A venue that never answers, and a caller with a time limit."""

    async def main() -> BaseException:
        asked, over = asyncio.Event(), asyncio.Event()

        async def silent(request: HttpRequest) -> HttpAnswer:
            asked.set()
            await over.wait()
            return HttpAnswer(b"{}")

        keys: dict[str, Any] = {
            "projectx": {"username": "me", "api_key": TOKEN},
            "alpaca": {"key": Secret(TOKEN), "secret": Secret(TOKEN)},
        }.get(name, {})
        async with serving(silent) as server:
            feed = mdnb.make_feed(name, url="ws://127.0.0.1:9", rest=f"{server.url}/{TOKEN}", **keys)
            waiting = asyncio.ensure_future(feed.open(["AAPL"]))
            await asked.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await waiting
            over.set()
            await feed.close()
        return caught.value

    assert not [part for part in _shown_by_others(asyncio.run(main())) if TOKEN in part]


@pytest.mark.parametrize(
    "name",
    [
        "kraken://wss://venue.example/{}",
        "kraken:me:{}@venue.example/v2",
        "127.0.0.1:9000/{}",
        "kraken?depth=wss://venue.example/{}",
    ],
)
def test_an_address_in_the_wrong_place_is_not_quoted(name: str) -> None:
    with pytest.raises(mdnb.FeedError) as caught:
        mdnb.make_feed(name.format(TOKEN))
    assert TOKEN not in str(caught.value)


def test_a_key_is_not_taken_from_the_name_of_a_feed() -> None:
    for name in ("projectx?username=me", "projectx?api_key=k3y", "alpaca?secret=k3y"):
        with pytest.raises(mdnb.FeedError, match="must be given as an argument of make_feed") as caught:
            mdnb.make_feed(name)
        assert "k3y" not in str(caught.value)


@contextlib.asynccontextmanager
async def _hanging_up(reason: str) -> AsyncIterator[str]:
    """Serve a socket that closes at once, and says why; yield its address."""

    async def hang_up(socket: ServerConnection) -> None:
        await socket.close(1008, reason)

    async with serve(hang_up, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("quoted", ["no room for {}", "bad path /{}/v2", "key={} is over"])
@pytest.mark.parametrize("address", ["/{}/v2", "/market/v2?key={}"])
@pytest.mark.parametrize("token", [TOKEN, "t0k/n+of=it"])
def test_why_a_server_hangs_up_is_told_without_it(
    seen: pytest.LogCaptureFixture, quoted: str, address: str, token: str
) -> None:
    told: list[str] = []

    async def main(written: str, said: str) -> None:
        async with _hanging_up(quoted.format(said)) as url:
            feed = KrakenFeed(url=url + address.format(written))
            enough = asyncio.Event()

            def tell(status: str, detail: str) -> None:
                told.append(detail)
                if status == "disconnected":
                    enough.set()

            running = asyncio.create_task(feed.run(lambda _frame: None, tell))
            async with asyncio.timeout(LIMIT_SECONDS):
                await enough.wait()
            await feed.close()
            await running

    written = quote(token, safe="")
    for said in {token, written}:
        call(main(written, said))
    assert any("1008" in text for text in told)
    shown = "\n".join(
        [*told, *(record.getMessage() for record in seen.records if "server" not in record.name)]
    )
    assert token not in shown
    assert written not in shown


def test_what_a_venue_says_of_a_key_is_told_without_it(seen: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    async def history(feed: mdnb.VenueFeed) -> None:
        with pytest.raises(mdnb.FeedError) as caught:
            await feed.open(["AAPL"])
        error = caught.value
        lines = VerboseTB().structured_traceback(type(error), error, error.__traceback__)
        told.extend([str(error), "\n".join(lines)])

    async def stream(feed: mdnb.VenueFeed) -> None:
        understand = decoder_of(feed)

        def take(frame: str | bytes) -> None:
            for reply in understand.feed([frame]).replies:
                feed.on_reply(reply)

        with pytest.raises(mdnb.FeedError) as caught:
            await feed.run(take, lambda _status, detail: told.append(detail))
        told.append(str(caught.value))

    class Talks(AlpacaDialect):
        def hear(self, text: str) -> str:
            return json.dumps([{"T": "error", "code": 402, "msg": f"no account has {KEY} or {SECRET}"}])

    async def refuses(request: HttpRequest) -> HttpAnswer:
        sent = [*request.headers.values(), *json.loads(request.body or b"{}").values()]
        words = {"message": f"unknown: {sent}", "success": False, "errorMessage": f"unknown: {sent}"}
        return HttpAnswer(json.dumps(words).encode(), 200 if request.method == "POST" else 403)

    venue = StandIn(Talks(), TAPE, begun=BEFORE)
    venue.rest = RestServer(refuses)
    call(venue.listen())
    feed = venue.feed()
    other = mdnb.make_feed(
        "projectx", url=venue.stream.url, rest=venue.rest.url, username="me", api_key=TOKEN
    )
    assert isinstance(other, mdnb.VenueFeed)
    try:
        call(history(feed))
        call(stream(feed))
        call(history(other))
    finally:
        for one in (feed, other):
            call(one.close())
        call(venue.close())
    shown = "\n".join(
        [*told, *(record.getMessage() for record in seen.records if "server" not in record.name)]
    )
    assert shown.count("unknown: ") > 1
    assert "no account has" in shown
    for secret in (KEY, SECRET, TOKEN):
        assert secret not in shown


# -- a notebook ---------------------------------------------------------------------------------------------

LOUD = """\
import logging, os
import mdnb
logging.basicConfig(level=logging.DEBUG)
%xmode Verbose"""
FEED = """\
feed = mdnb.make_feed({name!r}, **{{key: os.environ[f"PLANTED_{{key}}"] for key in {given!r}}})
wrong = mdnb.make_feed({name!r}, **{{key: os.environ[f"WRONG_{{key}}"] for key in {given!r}}})
other = mdnb.make_feed({name!r}, **{{key: os.environ[f"PLANTED_{{key}}"] for key in {given!r}}})"""
SHOW = (
    "live = mdnb.live({symbol!r}, ['1sec', '1min'], feed=feed, initial_days=0.01)\nlive",
    "print(live)\nlive.wait_for('new_bar', timeout=300)",
    "live.chart('1sec')",
    "live.data.get_stats(), live.accounting(), live.data.get_validation_errors(), repr(live), live.status",
    "feed, feed.rest, feed.address, vars(feed.rest.limiter), [str(feed), repr(feed)]",
    "%whos",
    "live.dashboard()",
    "live['7weeks']",
    "mdnb.live({symbol!r}, '1sec', feed=wrong)",
    "mdnb.live('NONE/SUCH', '1sec', feed=other)",
    "live.close()",
)
RAISING = (7, 8, 9)


@dataclasses.dataclass(frozen=True)
class Planted:
    """A venue with a secret, and what its adapter is given.

    Attributes
    ----------
    secrets
        What must not be found.
    right, wrong
        Options with the secret, and with one that is refused.
    """

    venue: StandIn
    name: str
    secrets: tuple[str, ...]
    right: Mapping[str, str]
    wrong: Mapping[str, str]


class TokenedDialect(KrakenDialect):
    """Takes in who has the token in its path or its query."""

    def admits(self, path: str) -> int:
        """Turn away who has not."""
        return 0 if f"/{TOKEN}/" in path or f"={TOKEN}" in path else 401


def in_the_path(wrong: str) -> Planted:
    venue = BehindProxy(TokenedDialect(), TAPE, begun=BEFORE)
    call(venue.listen())
    right = {"url": f"{venue.stream.url}/{TOKEN}/v2", "rest": f"{venue.rest.url}/{TOKEN}"}
    refused = {wrong: right[wrong].replace(TOKEN, f"wrong-{TOKEN}")}
    return Planted(venue, "kraken", (TOKEN,), right, right | refused)


def in_the_query() -> Planted:
    venue = StandIn(TokenedDialect(), TAPE, begun=BEFORE)
    call(venue.listen())
    right = {"url": f"{venue.stream.url}/v2?token={TOKEN}", "rest": venue.rest.url}
    refused = {"url": right["url"].replace(TOKEN, f"wrong-{TOKEN}")}
    return Planted(venue, "kraken", (TOKEN,), right, right | refused)


def as_a_key() -> Planted:
    dialect = ProjectXDialect()
    venue = StandIn(dialect, TAPE, begun=BEFORE)
    call(venue.listen())
    key = f"{TOKEN}/of+the=account"
    dialect.options = {"username": "somebody-of-mine", "api_key": key}
    right = {"url": venue.stream.url, "rest": venue.rest.url, **dialect.options}
    # The session's tokens, which it was given for the key, are as secret.
    return Planted(venue, "projectx", (key, TOKEN, "t0ken/"), right, right | {"api_key": f"wrong-{key}"})


def texts_of(held: object) -> Iterator[str]:
    """Give all texts of a notebook, those that are packed as base64 too."""
    if isinstance(held, Mapping):
        for name, value in held.items():
            yield str(name)
            yield from texts_of(value)
    elif isinstance(held, list):
        for value in held:
            yield from texts_of(value)
    elif isinstance(held, str):
        yield held
        with contextlib.suppress(ValueError):
            yield base64.b64decode(held, validate=True).decode("latin-1")


@pytest.mark.kernel
@pytest.mark.parametrize(
    "plant",
    [
        functools.partial(in_the_path, "url"),
        functools.partial(in_the_path, "rest"),
        in_the_query,
        as_a_key,
    ],
    ids=["path of the stream", "path of the history", "query", "key"],
)
def test_no_output_of_a_notebook_has_it(
    plant: Callable[[], Planted], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = plant()
    for name, value in planted.right.items():
        monkeypatch.setenv(f"PLANTED_{name}", value)
        monkeypatch.setenv(f"WRONG_{name}", planted.wrong[name])
    words = {"name": planted.name, "given": list(planted.right), "symbol": planted.venue.dialect.symbol}
    cells = [LOUD, FEED.format(**words), *(cell.format(**words) for cell in SHOW)]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    limit = int(LIMIT_SECONDS)
    try:
        call(_begin(planted.venue))
        NotebookClient(
            book, timeout=limit, startup_timeout=limit, kernel_name="python3", allow_errors=True
        ).execute()
    finally:
        call(planted.venue.close())
    raised = [
        place for place, cell in enumerate(book.cells[2:]) if any("ename" in one for one in cell.outputs)
    ]
    assert raised == list(RAISING)
    assert "FeedRefusedError" in str(book.cells[2 + RAISING[1]].outputs)
    for place, cell in enumerate(book.cells):
        # What the cell itself says is nobody else's.
        for text in texts_of([cell.outputs, cell.metadata]):
            for secret in planted.secrets:
                for form in (secret, quote(secret, safe=""), quote_plus(secret)):
                    assert form not in text, (place, cell.source, text[:2000])
    for text in texts_of(book.metadata):
        assert not any(secret in text for secret in planted.secrets)


async def _begin(venue: StandIn) -> None:
    venue.stream.play()
