"""The stand-in of the example package's venue."""

from __future__ import annotations

import atexit
import json
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from mdnb.rows import BarRow, TradeRow
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
from tests.venues.rest_server import HttpRequest
from tests.venues.stand_in import VenueDialect, written

__all__ = ["PACKAGE", "ExampleDialect"]

PACKAGE = Path(__file__).parent / "example_package"


def _install() -> None:
    """Have the package and its entry points on the path, as an editable install has."""
    told = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = tempfile.TemporaryDirectory(prefix="mdnb-example-")
    atexit.register(folder.cleanup)
    info = Path(folder.name) / f"mdnb_example-{told['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n"
    )
    points = told["entry-points"].items()
    (info / "entry_points.txt").write_text(
        "\n".join(f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in held.items()) for group, held in points)
    )
    sys.path += [str(PACKAGE), folder.name]


_install()

from mdnb_example.feed import ExampleFeed  # noqa: E402  # it is no part of this tree's packages


class ExampleDialect(VenueDialect):
    """Writes what the example's decoder reads."""

    adapter = ExampleFeed
    name = "example"

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | None:
        """Acknowledge a subscription."""
        asked = json.loads(text)
        reply = json.dumps({"type": "answer", "id": asked["id"]})
        return Subscribe(reply) if asked["do"] == "subscribe" else Unsubscribe(reply)

    def trade(self, row: TradeRow) -> str:
        """One trade a frame."""
        return json.dumps(_trade(row))

    def heartbeat(self, now_ns: int) -> str:
        """Say what time it is."""
        return json.dumps({"type": "beat", "ns": now_ns})

    def asked(self, request: HttpRequest) -> Question | bytes | None:
        """Understand the three pages that are asked for."""
        query = request.query
        if request.path == "/symbols":
            names = [("BTCUSD", "BTC"), ("ETHUSD", "ETH")]
            return written(
                [{"name": name, "base": base, "quote": "USD", "tick": 0.25} for name, base in names]
            )
        if request.path not in ("/trades", "/bars"):
            return None
        limit, seconds = int(query.get("limit", 10**6)), int(query.get("seconds", 0))
        return Question(int(query["start"]), int(query["end"]), limit, bar_seconds=seconds)

    def trades_body(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> bytes:
        """As in frames."""
        return written([_trade(row) for row in rows])

    def bars_body(self, question: Question, bars: Sequence[BarRow], now_ns: int) -> bytes:
        """As mdnb has bars, closed ones only."""
        step = question.bar_seconds * 1_000_000_000
        return written([bar for bar in bars if bar[0] + step <= now_ns])


def _trade(row: TradeRow) -> dict[str, object]:
    at, price, size, _, side, number = row
    return {
        "type": "trade",
        "symbol": "BTCUSD",
        "id": number,
        "ns": at,
        "price": price,
        "size": size,
        "side": "buy" if side > 0 else "sell",
    }
