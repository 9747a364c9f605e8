"""The server with faults does what its faults say, seen by a bare client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
import websockets.asyncio.client as ws
from websockets.exceptions import ConnectionClosed, InvalidStatus

from mdnb.rows import TradeRow
from tests.limits import LIMIT_SECONDS
from tests.venues import faults
from tests.venues.faulty_server import FaultyServer, Question, Subscribe, faulty, packed_frame
from tests.venues.mdnb_venue import MdnbDialect, get

SECOND = 1_000_000_000
TAPE: list[TradeRow] = [(1_000 * SECOND + i * SECOND, 100.0 + i % 5, 1.0, 1, 1, i) for i in range(20)]


class Client:
    """Subscribes, and reads until the tape is over or the connection is."""

    def __init__(self) -> None:
        self.frames: list[str] = []
        self.code: int | None = None

    async def read(self, server: FaultyServer) -> None:
        async with ws.connect(server.url, close_timeout=0.1) as socket:
            await socket.send(json.dumps({"op": "subscribe", "id": 1, "symbol": "X"}))
            try:
                async for frame in socket:
                    self.frames.append(str(frame))
                    if server.over.is_set() and '"clock"' in str(frame):
                        return
            except ConnectionClosed as error:
                said = error.rcvd or error.sent
                self.code = said.code if said else 1006

    @property
    def ids(self) -> list[int]:
        found: list[int] = []
        for frame in self.frames:
            if '"trades"' in frame and frame.endswith("}"):
                found += [row[5] for row in json.loads(frame)["r"]]
        return found


def played(*wrong: faults.Fault) -> Client:
    async def main() -> Client:
        client = Client()
        async with asyncio.timeout(LIMIT_SECONDS), faulty(MdnbDialect(), TAPE, wrong) as server:
            await client.read(server)
        return client

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("wrong", "ids"),
    [
        ([], range(20)),
        ([faults.Duplicate(3, 2)], [0, 1, 2, 3, 3, 3, *range(4, 20)]),
        ([faults.Reorder(3, 3)], [0, 1, 2, 5, 4, 3, *range(6, 20)]),
        ([faults.SequenceGap(3, 2), faults.SequenceGap(18)], [0, 1, 2, *range(5, 18), 19]),
        ([faults.Mute(3, 5), faults.Slow(10, 2, 0.01)], range(20)),
        ([faults.Malformed(3)], range(20)),
        ([faults.Mute(3, 9), faults.Mute(5, 2)], range(20)),
        ([faults.Mute(15, 5)], range(20)),
        ([faults.Mute(15, 50)], range(20)),
        ([faults.Split(3, 5), faults.Merge(9, 5), faults.Fragment(15, 3)], range(20)),
        ([faults.Merge(15, 50)], range(20)),
    ],
    ids=str,
)
def test_the_tape_comes_as_its_faults_say(wrong: list[faults.Fault], ids: Sequence[int]) -> None:
    client = played(*wrong)
    assert client.ids == list(ids)
    assert json.loads(client.frames[0])["e"] == "welcome"
    broken = [frame for frame in client.frames if not frame.endswith("}")]
    assert broken == ['{"e":"trades","s":'] * any(isinstance(fault, faults.Malformed) for fault in wrong)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.Drop(5, 4), 1006),
        (faults.Restart(5, 4), 1012),
        (faults.Refuse(5, 4, 500), 1006),
        (faults.Oversize(5), 1009),
    ],
    ids=str,
)
def test_after_a_loss_the_tape_goes_on_and_later_there_is_a_connection(
    fault: faults.Fault, code: int
) -> None:
    async def main() -> None:
        async with asyncio.timeout(LIMIT_SECONDS), faulty(MdnbDialect(), TAPE, [fault]) as server:
            first, second = Client(), Client()
            await first.read(server)
            assert (first.ids, first.code) == (list(range(5)), code)
            while not second.frames:
                try:
                    await second.read(server)
                except (OSError, InvalidStatus):
                    await asyncio.sleep(0)
            assert min(second.ids, default=9) >= 5 + getattr(fault, "misses", 0)
            assert second.ids == list(range(20))[20 - len(second.ids) :]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("wrong", "until"),
    [
        ([faults.Drop(5, 9), faults.Drop(8, 1)], 14),
        ([faults.Refuse(5, 9, 500), faults.Restart(8, 1)], 14),
        ([faults.Drop(5, 3), faults.Drop(7, 7)], 14),
        ([faults.Drop(15, 50)], 20),
        ([faults.Restart(15, 50)], 20),
    ],
    ids=str,
)
def test_losses_that_overlap_last_as_long_as_both_and_end_with_the_tape(
    wrong: list[faults.Fault], until: int
) -> None:
    async def main() -> None:
        async with asyncio.timeout(LIMIT_SECONDS), faulty(MdnbDialect(), TAPE, wrong, pace=0.01) as server:
            await Client().read(server)
            late = Client()
            while not late.frames:
                with contextlib.suppress(OSError, InvalidStatus):
                    await late.read(server)
            assert len(server.joined) == 2
            assert server.joined[-1] >= until

    asyncio.run(main())


def test_what_is_kept_for_a_connection_is_lost_with_it() -> None:
    async def main() -> None:
        wrong = [faults.Mute(5, 10), faults.Drop(8)]
        async with asyncio.timeout(LIMIT_SECONDS), faulty(MdnbDialect(), TAPE, wrong, pace=0.01) as server:
            first, second = Client(), Client()
            await first.read(server)
            assert (first.ids, first.code) == (list(range(5)), 1006)
            await second.read(server)
            assert second.ids == list(range(server.joined[-1], 20))

    asyncio.run(main())


class Book(MdnbDialect):
    """Has an order book, too; ``"op": "book"`` asks for that alone."""

    def hear(self, text: str) -> Subscribe | Question | str | None:
        return Subscribe(None, trades=False, book=True) if '"book"' in text else super().hear(text)

    def book(self, at: int, *, whole: bool) -> str:
        return json.dumps({"e": "book", "at": at})


async def book_of(
    server: FaultyServer, subscribed: asyncio.Event
) -> tuple[list[tuple[int, int]], int | None]:
    """Return each change of the book with how many trades had been when it came, and how that ended."""
    came: list[tuple[int, int]] = []
    async with ws.connect(server.url, close_timeout=0.1) as socket:
        await socket.send('{"op":"book"}')
        try:
            async for frame in socket:
                if '"book"' not in str(frame):
                    continue
                subscribed.set()
                came.append((json.loads(frame)["at"], server.at))
                if came[-1][0] == len(TAPE):
                    return came, None
        except ConnectionClosed as error:
            return came, 1006 if error.rcvd is None else error.rcvd.code
    raise AssertionError("it was closed without a word")


@pytest.mark.parametrize(
    ("fault", "code"),
    [(faults.Mute(5, 10), None), (faults.Drop(5), 1006), (faults.Restart(5), 1012)],
    ids=str,
)
def test_a_connection_with_the_book_alone_has_the_faults_of_the_others(
    fault: faults.Fault, code: int | None
) -> None:
    async def main() -> None:
        async with asyncio.timeout(LIMIT_SECONDS), faulty(Book(), TAPE, [fault], pace=0.01) as server:
            subscribed = asyncio.Event()
            reading = asyncio.create_task(book_of(server, subscribed))
            await subscribed.wait()
            await Client().read(server)
            came, ended = await reading
            assert ended == code
            if code is not None:
                assert [at for at, _ in came] == list(range(6))
                return
            assert [at for at, _ in came] == list(range(21))
            assert all(told >= 15 for at, told in came if 5 < at < 15)

    asyncio.run(main())


def test_over_a_half_open_connection_nothing_comes_and_nothing_is_answered() -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(LIMIT_SECONDS),
            faulty(MdnbDialect(), TAPE, [faults.HalfOpen(5)]) as server,
        ):
            client = Client()
            reading = asyncio.create_task(client.read(server))
            await server.over.wait()
            assert client.ids == list(range(5))
            assert not reading.done()
            reading.cancel()
            await asyncio.wait({reading})

    asyncio.run(main())


def test_times_are_off_from_a_trade_on() -> None:
    client = played(faults.ClockOffset(5, 90.0), faults.ClockOffset(10, 0.0))
    times = [json.loads(frame)["r"][0][0] for frame in client.frames if '"trades"' in frame]
    off = [time - row[0] for time, row in zip(times, TAPE, strict=True)]
    assert off == [0] * 5 + [90 * SECOND] * 5 + [0] * 10


def test_the_history_of_a_venue_that_set_its_clock_back_is_by_its_times() -> None:
    async def main() -> None:
        wrong = [faults.ClockOffset(5, -90.0)]
        async with asyncio.timeout(LIMIT_SECONDS), faulty(MdnbDialect(), TAPE, wrong) as server:
            await Client().read(server)
            for first, ids in ((TAPE[1][0], [1, 2, 3]), (TAPE[7][0] - 90 * SECOND, [7, 8, 9])):
                answer = await get(server.url, f"/trades?start={first}&end={first + 3 * SECOND}&limit=9")
                assert [row[5] for row in json.loads(answer[2])["rows"]] == ids

    asyncio.run(main())


def test_the_history_answers_by_rest_as_its_faults_say() -> None:
    wrong = [
        faults.Busy(0, 1, 429, 2.0),
        faults.Busy(1, 1, 503),
        faults.SlowHistory(2, 1, 3),
        faults.Lacks(2, 2),
    ]
    path = f"/trades?start={TAPE[1][0]}&end={TAPE[6][0]}&limit=2"

    async def main() -> list[Any]:
        async with asyncio.timeout(LIMIT_SECONDS), faulty(MdnbDialect(), TAPE, wrong) as server:
            await Client().read(server)
            answers = [await get(server.url, path) for _ in range(3)]
            assert (await get(server.url, "/elsewhere"))[0] == 404
            assert [question.limit for question in server.questions] == [2, 2, 2]
            return answers

    busy, down, well = asyncio.run(main())
    assert (busy[0], busy[1]["retry-after"]) == (429, "2")
    assert (down[0], "retry-after" in down[1]) == (503, False)
    answer = json.loads(well[2])
    assert ([row[5] for row in answer["rows"]], answer["more"]) == ([1, 4], True)


def test_the_history_answers_over_the_socket_too() -> None:
    async def main() -> list[Any]:
        answers = []
        async with (
            asyncio.timeout(LIMIT_SECONDS),
            faulty(MdnbDialect(), TAPE, [faults.Busy(0, 1, 429, 2.0)]) as server,
        ):
            await Client().read(server)
            async with ws.connect(server.url) as socket:
                for number in (7, 8):
                    asked = {"op": "trades", "id": number, "start": 0, "end": TAPE[2][0], "limit": 9}
                    await socket.send(json.dumps(asked))
                    while (answer := json.loads(await socket.recv()))["e"] != "reply":
                        pass
                    answers.append(answer)
        return answers

    busy, well = asyncio.run(main())
    assert (busy["id"], busy["ok"], busy["retry_after"]) == (7, False, 2.0)
    assert (well["id"], [row[5] for row in well["rows"]], well["more"]) == (8, [0, 1], False)


def test_what_is_repeated_comes_to_whoever_subscribes_anew() -> None:
    async def main() -> None:
        wrong = [faults.Repeat(0, 3), faults.Drop(5, 4)]
        async with asyncio.timeout(LIMIT_SECONDS), faulty(MdnbDialect(), TAPE, wrong, pace=0.02) as server:
            first, second = Client(), Client()
            await first.read(server)
            while not second.ids:
                with contextlib.suppress(OSError, InvalidStatus):
                    await second.read(server)
            assert second.ids == list(range(20))[20 - len(second.ids) :]
            assert min(second.ids) == server.joined[-1] - 3

    asyncio.run(main())


def test_a_packed_frame_is_small_and_unpacks_to_much() -> None:
    async def main() -> None:
        wrong = [faults.Bomb(5, 10**7)]
        async with asyncio.timeout(LIMIT_SECONDS), faulty(MdnbDialect(), TAPE, wrong) as server:
            plain = Client()
            await plain.read(server)
            # Nobody agreed to packed frames.
            assert (plain.ids, plain.code) == (list(range(5)), 1002)

    asyncio.run(main())
    unpacked = zlib.decompressobj(-15).decompress(packed_frame(10**7)[10:])
    assert len(packed_frame(10**7)) < 20_000
    assert unpacked == b" " * 10**7
