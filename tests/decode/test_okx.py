"""OKX's decoder against a recording, parsed by the standard library."""

from __future__ import annotations

from mdnb.decode import decoder
from tests.venues.recordings import frames, parsed


def records(channel: str) -> list[dict[str, object]]:
    held = [m for m in parsed("okx") if "data" in m and m["arg"]["channel"] == channel]
    return [
        record | {"action": m.get("action"), "instId": m["arg"]["instId"]}
        for m in held
        for record in m["data"]
    ]


def test_recording() -> None:
    batch = decoder("okx").feed(frames("okx"))
    assert batch.malformed == []
    for symbol, rows in batch.trades.items():
        assert rows == [
            (
                int(t["ts"]) * 10**6,
                float(t["px"]),
                float(t["sz"]),
                1,
                {"buy": 1, "sell": -1}[t["side"]],
                int(t["tradeId"]),
            )
            for t in records("trades")
            if t["instId"] == symbol
        ]
    for symbol, quotes in batch.quotes.items():
        assert quotes == [
            (int(q["ts"]) * 10**6, *(float(q[name]) for name in ("bidPx", "bidSz", "askPx", "askSz")))
            for q in records("tickers")
            if q["instId"] == symbol
        ]
    for symbol, updates in batch.depth.items():
        for update, b in zip(updates, [b for b in records("books") if b["instId"] == symbol], strict=True):
            assert (update.ts_ns, update.snapshot) == (int(b["ts"]) * 10**6, b["action"] == "snapshot")
            assert update.bids == [(float(level[0]), float(level[1])) for level in b["bids"]]
            assert update.asks == [(float(level[0]), float(level[1])) for level in b["asks"]]
    counts = [sum(map(len, held.values())) for held in (batch.trades, batch.quotes, batch.depth)]
    assert counts == [len(records(name)) for name in ("trades", "tickers", "books")] == [74, 28, 290]
    assert (batch.frames, batch.control) == (410, 18)


def test_the_first_trade_of_a_subscription_is_old() -> None:
    batch = decoder("okx").feed(frames("okx"))
    assert 1652459225_000000000 - batch.trades["BTC-USD-220527"][0][0] > 25 * 10**9


def test_fields_of_today() -> None:
    trade = (
        '{"arg":{"channel":"trades","instId":"A-B"},"data":[{"instId":"A-B","tradeId":"130639474","px":"42219.9",'
        '"sz":"0.12","side":"buy","ts":"1630048897897","count":"3","source":"0","seqId":1234}]}'
    )
    candle = '{"arg":{"channel":"candle1Dutc","instId":"A-B"},'
    candle += '"data":[["60000","1","3","0.5","2","10","11","12","1"]]}'
    empty = (
        '{"arg":{"channel":"tickers","instId":"A-B"},"data":[{"instType":"SPOT","instId":"A-B","last":"1","lastSz":"1",'
        '"askPx":"","askSz":"","bidPx":"1","bidSz":"2","ts":"1630048897897"}]}'
    )
    batch = decoder("okx").feed([trade, candle, empty, "pong"])
    assert batch.malformed == []
    assert batch.trades["A-B"] == [(1630048897897000000, 42219.9, 0.12, 3, 1, 130639474)]
    assert batch.bars["A-B", "1day"] == [((60 * 10**9, 1.0, 3.0, 0.5, 2.0, 10.0, 0, 12.0), True)]
    assert batch.quotes["A-B"][0][3] != batch.quotes["A-B"][0][3]
    assert batch.control == 1


def test_refusal() -> None:
    frame = '{"event":"error","code":"60018","msg":"Wrong URL or channel","connId":"a4d3ae55"}'
    (reply,) = decoder("okx").feed([frame]).replies
    assert (reply.ok, reply.error) == (False, "Wrong URL or channel")
