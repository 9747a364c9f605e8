"""The stand-ins, asked by clients that are not ours: what these read has to be what is on the tape.

Each client has an environment of its own, made on first use under ``.bench``, as the benchmarks' peers have.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mdnb.runtime.process.bridge import call
from tests.benchmarks.environments import InstallError, Peer, cache_folder, environment
from tests.frontend.__main__ import InstallError as NoNodeError, node
from tests.limits import LIMIT_SECONDS
from tests.venues import faults
from tests.venues.bars import bars_of
from tests.venues.binance_venue import BinanceDialect
from tests.venues.bybit_venue import BybitSpotDialect
from tests.venues.coinbase_venue import CoinbaseDialect
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.projectx_venue import ProjectXDialect
from tests.venues.stand_in import BOOK, StandIn, VenueDialect, tape_of
from tests.venues.times import iso

pytestmark = pytest.mark.slow

BEFORE, LIVE = 600, 300
TAPE = tape_of(BEFORE, LIVE)
CLIENTS = Path(__file__).parent / "clients"
CCXT = Peer("ccxt", ("ccxt==4.5.90",), oldest=(3, 11))
MS = 1_000_000


@pytest.fixture(scope="module")
def ccxt() -> Path:
    return python_of(CCXT)


def python_of(peer: Peer) -> Path:
    """Return the Python of a client's environment; skip where it cannot be installed."""
    try:
        return environment(peer, cache_folder())
    except InstallError as error:
        pytest.skip(f"{peer.name} cannot be installed: {error}")


def answer_of(*command: object) -> Any:
    """Return what a client writes, read as JSON."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def asked_by_ccxt(python: Path, dialect: type[VenueDialect], exchange: str) -> Any:
    venue = StandIn(dialect(), TAPE, begun=BEFORE)
    call(venue.listen())
    try:
        call(_play(venue))
        since = TAPE[0][0] // MS
        where = venue.rest.url, venue.stream.url
        return answer_of(python, CLIENTS / "ccxt_client.py", exchange, dialect.symbol, *where, since, LIVE)
    finally:
        call(venue.close())


async def _play(venue: StandIn) -> None:
    # From the client's subscription on.
    venue.stream.play()


EXCHANGES = {
    "kraken": KrakenDialect,
    "coinbaseexchange": CoinbaseDialect,
    "binance": BinanceDialect,
    "bybit": BybitSpotDialect,
}


@pytest.fixture(scope="module", params=EXCHANGES)
def found(request: pytest.FixtureRequest, ccxt: Path) -> tuple[type[VenueDialect], Any]:
    dialect = EXCHANGES[request.param]
    return dialect, asked_by_ccxt(ccxt, dialect, request.param)


def rows_of(dialect: type[VenueDialect], tape: list[Any]) -> list[list[Any]]:
    """Return trades as ccxt has them."""
    made = dialect()
    return [
        [made.trade_id(number), at // MS, price, size, "buy" if side > 0 else "sell"]
        for at, price, size, _, side, number in tape
    ]


def test_ccxt_lists_the_symbol_with_its_tick_size(found: tuple[type[VenueDialect], Any]) -> None:
    dialect, told = found
    assert dialect.symbol in told["market"]["symbols"]
    # Of Kraken it takes that of the decimals.
    assert told["market"]["step"] == (0.01 if dialect is KrakenDialect else dialect.tick_size)


def test_ccxt_has_the_bars(found: tuple[type[VenueDialect], Any]) -> None:
    _, told = found
    bars = [[bar[0] // MS, *bar[1:6]] for bar in bars_of(TAPE[:BEFORE], 60)]
    closed = bars[:-1]
    assert told["bars"][: len(closed)] == closed
    # The last one is being made, where the venue gives it.
    assert [bar[0] for bar in told["bars"][len(closed) :]] in ([], [bars[-1][0]])


def test_ccxt_has_the_newest_trades(found: tuple[type[VenueDialect], Any]) -> None:
    dialect, told = found
    rows = rows_of(dialect, TAPE[:BEFORE])
    assert told["trades"] == rows[-len(told["trades"]) :]
    assert len(told["trades"]) >= 50


def test_ccxt_has_the_book(found: tuple[type[VenueDialect], Any]) -> None:
    _, told = found
    assert told["book"] == [[list(level) for level in side] for side in BOOK]


def test_ccxt_follows_each_trade(found: tuple[type[VenueDialect], Any]) -> None:
    dialect, told = found
    rows = rows_of(dialect, TAPE[BEFORE:])
    # What comes at a subscription is of before.
    assert [row for row in told["watched"] if row[1] >= rows[0][1]] == rows


# -- SignalR ------------------------------------------------------------------------------------------------

PYSIGNALR = Peer("pysignalr", ("pysignalr==1.3.3",), oldest=(3, 11))
CONTRACT = "CON.F.US.MNQ.H26"
# How a hub's frames are cut is no matter of its records.
CUT = faults.Split(BEFORE + 20, 50), faults.Merge(BEFORE + 100, 50), faults.Fragment(BEFORE + 200, 50)


@pytest.fixture(scope="module")
def modules() -> Path:
    """Install Microsoft's client by the pinned list; return where it is."""
    folder = cache_folder() / "environments" / "signalr"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(CLIENTS / name, folder / name)
    try:
        program, npm = node()
    except NoNodeError as error:
        pytest.skip(str(error))
    command = [str(program), str(npm), "ci", "--ignore-scripts", "--no-progress"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"@microsoft/signalr cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return folder


@contextlib.asynccontextmanager
async def negotiating(stream: str) -> AsyncIterator[str]:
    """Give the address of a hub that is asked by POST first how to connect to it, as real ones are."""
    port = int(stream.rpartition(":")[2])
    open_ends: set[asyncio.StreamWriter] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ends.add(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"POST /hubs/market/negotiate"):
            writer.write(_ways_to_connect())
            writer.close()
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        open_ends.add(there_writer)
        there_writer.write(head)
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hubs/market"
    finally:
        server.close()
        for end in open_ends:
            end.close()


def _ways_to_connect() -> bytes:
    ways = [{"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}]
    said = {"negotiateVersion": 1, "connectionId": "c", "connectionToken": "t", "availableTransports": ways}
    body = json.dumps(said).encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def followed(*command: object, after: Sequence[object] = ()) -> Any:
    """Return what a client of SignalR writes, which is told the hub, a token, the contract and a number."""

    async def main() -> Any:
        dialect = ProjectXDialect()
        dialect.tokens.append("t0ken/of+the=test")
        venue = StandIn(dialect, TAPE, CUT, begun=BEFORE)
        await venue.listen()
        venue.stream.play()
        try:
            async with negotiating(venue.stream.url) as hub:
                given = hub, dialect.tokens[0], CONTRACT, LIVE, *after
                return await asyncio.to_thread(answer_of, *command, *given)
        finally:
            await venue.close()

    return call(main())


def trades_of_the_hub() -> list[list[Any]]:
    return [
        [CONTRACT, iso(at).replace("Z", "0+00:00"), price, size, 0 if side > 0 else 1]
        for at, price, size, _, side, _ in TAPE[BEFORE:]
    ]


@pytest.mark.parametrize("how", ["skip", "negotiate"])
def test_microsofts_client_follows_each_trade_of_the_hub(modules: Path, how: str) -> None:
    program, _ = node()
    told = followed(program, CLIENTS / "signalr_client.js", modules, after=[how])
    assert told["trades"] == trades_of_the_hub()
    assert told["taken"] is None
    assert "no contract CON.F.US.NONE.H26" in told["refused"]


def test_pysignalr_follows_each_trade_of_the_hub() -> None:
    told = followed(python_of(PYSIGNALR), CLIENTS / "pysignalr_client.py")
    assert told["trades"] == trades_of_the_hub()
    assert told["answers"] == ["no contract CON.F.US.NONE.H26", None]
