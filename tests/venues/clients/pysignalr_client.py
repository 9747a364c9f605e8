"""Follows a contract's trades by pysignalr, and writes them as JSON: run in an environment of pysignalr's.

``python pysignalr_client.py HUB TOKEN CONTRACT TRADES``
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import quote

from pysignalr.client import SignalRClient


async def main(hub: str, token: str, contract: str, count: int) -> None:
    """Follow so many trades, and write."""
    client = SignalRClient(f"{hub}?access_token={quote(token, safe='')}", access_token_factory=lambda: token)
    trades: list[list[Any]] = []
    answers: list[Any] = []
    enough = asyncio.Event()

    async def take(arguments: list[Any]) -> None:
        of, data = arguments
        trades.extend(
            [of, trade["timestamp"], trade["price"], trade["volume"], trade["type"]]
            for trade in (data if isinstance(data, list) else [data])
        )
        if len(trades) >= count:
            enough.set()

    async def note(answer: Any) -> None:
        answers.append(answer.error)

    async def leave(_: Any) -> None:
        """A refusal comes here, too."""

    async def subscribe() -> None:
        # It waits for the connection, of which it is told before it counts as there.
        for one in ("CON.F.US.NONE.H26", contract):
            await client.send("SubscribeContractTrades", [one], note)

    client.on("GatewayTrade", take)
    client.on_open(subscribe)
    client.on_error(leave)
    running = asyncio.create_task(client.run())
    await asyncio.wait({running, asyncio.create_task(enough.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    running.cancel()
    sys.stdout.write(json.dumps({"trades": trades, "answers": answers}) + "\n")


if __name__ == "__main__":
    hub, token, contract, count = sys.argv[1:]
    asyncio.run(main(hub, token, contract, int(count)))
