"""SignalR's records out of frames, and what a hub says of itself."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mdnb.errors import FeedError, FeedRefusedError
from mdnb.feeds.signalr import HANDSHAKE, PING, Hub, invocation

END = "\x1e"
DATA = '{"type":1,"target":"T","arguments":["a"]}'


def told(hub: Hub, *frames: str | bytes) -> list[str | bytes]:
    """Return all that is handed on of some frames."""
    return [whole for frame in frames for whole in hub.take(frame)]


def test_what_is_sent_is_as_the_protocol_writes_it() -> None:
    assert json.loads(HANDSHAKE.removesuffix(END)) == {"protocol": "json", "version": 1}
    assert json.loads(PING.removesuffix(END)) == {"type": 6}
    sent = invocation(12, "Subscribe", ["CON.F.US.MNQ.Z25"])
    assert json.loads(sent.removesuffix(END)) == {
        "type": 1,
        "invocationId": "12",
        "target": "Subscribe",
        "arguments": ["CON.F.US.MNQ.Z25"],
    }
    assert [text.count(END) for text in (HANDSHAKE, PING, sent)] == [1, 1, 1]


def test_a_frame_of_whole_records_is_handed_on_as_it_came() -> None:
    hub, frame = Hub(), "{}" + END + DATA + END + PING
    assert hub.take(frame) == [frame]
    assert hub.take(frame.encode()) == [frame]


@given(st.lists(st.text(alphabet='é{"x\n', max_size=5), max_size=5), st.lists(st.integers(0, 60), max_size=6))
def test_however_records_are_cut_into_frames_each_is_handed_on_once(
    texts: list[str], cuts: list[int]
) -> None:
    records = [json.dumps({"type": 1, "target": text}, ensure_ascii=False) for text in texts]
    whole = "".join(record + END for record in records)
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    frames = [whole[first:last] for first, last in itertools.pairwise(edges)]
    out = told(Hub(), *frames)
    assert "".join(map(str, out)) == whole
    assert all(str(one).endswith(END) for one in out)


def test_half_a_record_without_its_other_half_does_not_take_the_next_one_with_it() -> None:
    hub = Hub()
    broken = '{"e":"trades","s":'
    assert told(hub, broken, DATA + END, DATA + END) == [broken, DATA + END, DATA + END]


def test_half_a_record_of_the_last_connection_is_worth_nothing() -> None:
    hub = Hub()
    assert hub.take('{"type":1,') == []
    hub.begin()
    assert hub.take(DATA + END) == [DATA + END]


def test_bytes_that_are_no_text_are_left_to_the_decoder() -> None:
    assert Hub().take(b"\xff\xfe") == [b"\xff\xfe"]


def test_a_record_without_an_end_ends_the_connection() -> None:
    hub = Hub()
    assert hub.take("x" * (2**20 + 1)) == []
    with pytest.raises(FeedError, match="more than 1048576 characters"):
        hub.raise_where_closed()


@pytest.mark.parametrize("frame", ["{}" + END, "{}" + END + DATA + END, "{ }" + END])
def test_the_handshake_is_answered_by_an_empty_record(frame: str) -> None:
    async def main() -> None:
        hub = Hub()
        hub.begin()
        waiting = asyncio.create_task(hub.answered())
        await asyncio.sleep(0)
        assert not waiting.done()
        hub.take(frame)
        await waiting
        hub.raise_where_closed()

    asyncio.run(main())


def test_a_handshake_that_is_not_taken_is_refused_for_good() -> None:
    hub = Hub()
    hub.take('{"error":"Requested protocol \'json\' is not available."}' + END)
    with pytest.raises(
        FeedRefusedError, match="refuses the handshake: Requested protocol 'json' is not avail"
    ):
        hub.raise_where_closed()


@pytest.mark.parametrize(
    ("record", "kind", "words"),
    [
        ({"type": 7}, FeedRefusedError, "closes the connection for good: it does not say why"),
        ({"type": 7, "error": "no room"}, FeedRefusedError, "closes the connection for good: no room"),
        ({"type": 7, "allowReconnect": True}, FeedError, "closes the connection: it does not say why"),
        ({"allowReconnect": True, "error": "later\n", "type": 7}, FeedError, "closes the connection: later"),
    ],
)
def test_a_hub_that_hangs_up_says_why_and_whether_to_call_again(
    record: dict[str, Any], kind: type[FeedError], words: str
) -> None:
    hub = Hub()
    frame = "{}" + END + DATA + END + json.dumps(record) + END
    assert hub.take(frame) == [frame]
    with pytest.raises(FeedError) as caught:
        hub.raise_where_closed()
    assert (type(caught.value), str(caught.value)) == (kind, f"the hub {words}")
    hub.begin()
    hub.raise_where_closed()


def test_data_that_looks_like_the_end_is_none() -> None:
    hub = Hub()
    told(
        hub,
        "{}" + END,
        '{"type":1,"target":"D","arguments":["c",[{"type":7,"error":"x"}]]}' + END,
        "{oops" + END,
    )
    told(
        hub,
        '{ "type": 1, "arguments": [{"type":7}]}' + END,
        '{"type":3,"invocationId":"1","error":"x"}' + END,
    )
    hub.raise_where_closed()
