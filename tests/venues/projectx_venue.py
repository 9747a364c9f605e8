"""ProjectX Gateway's stand-in: a market hub of SignalR's JSON protocol, and the REST interface."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from mdnb.feeds.venues.projectx import ProjectXFeed
from mdnb.rows import BarRow, TradeRow
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
from tests.venues.rest_server import HttpAnswer, HttpRequest
from tests.venues.stand_in import SECOND, VenueDialect, written
from tests.venues.times import iso

__all__ = ["END", "ProjectXDialect", "contract"]

END = "\x1e"
_UNIT_SECONDS = {1: 1, 2: 60, 3: 3600}


def contract(root: str, expiry: str, *, active: bool = True, kind: str = "") -> dict[str, Any]:
    """Return a contract as the venue lists it; ``kind``: what its id has in the place of the root."""
    kind = kind or root
    return {
        "id": f"CON.F.US.{kind}.{expiry}",
        "name": f"{root}{expiry[0]}{expiry[-1]}",
        "description": f"{root} of {expiry}",
        "tickSize": 0.25,
        "tickValue": 0.5,
        "activeContract": active,
        "symbolId": f"F.US.{kind}",
    }


class ProjectXDialect(VenueDialect):
    """Writes what ProjectX writes.

    Attributes
    ----------
    contracts
        What it lists.
    tokens
        Those that it takes.
    logins
        How often somebody logged in, and how often a token was renewed.
    trading
        Of which contract the tape is.
    """

    adapter = ProjectXFeed
    name = "projectx"
    symbol = "MNQ"
    other = "MES"
    unlisted = "MNQX"
    has_trades_history = False
    symbols_a_message = 1
    has_tokens = True
    options: ClassVar[dict[str, Any]] = {"username": "me", "api_key": "k3y"}

    def __init__(self) -> None:
        self.contracts = [
            contract("NQ", "H26", kind="ENQ"),
            contract("MNQ", "H26"),
            contract("MES", "H26"),
            contract("MNQ", "Z25", active=False),
            contract("MNQ", "M26", active=False),
        ]
        self.tokens: list[str] = []
        self.logins = {"loginKey": 0, "validate": 0}
        self.trading = "CON.F.US.MNQ.H26"
        # By contract: what its prices are more than the tape's, and how many times as much is traded of it.
        self.basis: dict[str, float] = {}
        self.share: Callable[[str, int], float] = lambda contract_id, start_ns: 1.0
        self._asked_of = ""

    # -- the hub ----------------------------------------------------------------------------------------

    def admits(self, path: str) -> int:
        """Take those in who bring a token in the address."""
        brought = parse_qs(urlsplit(path).query).get("access_token", [""])
        return 0 if brought[0] in self.tokens else 401

    def expire(self) -> None:
        """Take no token any more that was given."""
        self.tokens.clear()

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | None:
        """Answer the handshake and calls; pings are answered by nobody."""
        record = json.loads(text.removesuffix(END))
        if "protocol" in record:
            assert record == {"protocol": "json", "version": 1}
            return "{}" + END
        if record["type"] != 1:
            return None
        target, (contract_id,) = record["target"], record["arguments"]
        answer: dict[str, Any] = {"type": 3, "invocationId": record.get("invocationId")}
        if contract_id not in {listed["id"] for listed in self.contracts}:
            return written(answer | {"error": f"no contract {contract_id}"}).decode() + END
        reply = written(answer | {"result": None}).decode() + END
        if not target.endswith("ContractTrades") or contract_id != self.trading:
            return reply
        return Subscribe(reply) if target.startswith("Sub") else Unsubscribe(reply)

    def trade(self, row: TradeRow) -> str:
        """One trade a frame, as an object or as a list of one."""
        at, price, size, _, side, number = row
        data = {
            "symbolId": "F.US.MNQ",
            "price": price + self.basis.get(self.trading, 0.0),
            "timestamp": iso(at).replace("Z", "0+00:00"),
            "type": 0 if side > 0 else 1,
            "volume": size,
        }
        payload: Any = data if number % 2 else [data]
        call = {"type": 1, "target": "GatewayTrade", "arguments": [self.trading, payload]}
        return written(call).decode() + END

    def heartbeat(self, now_ns: int) -> str:
        """Each 15 s there."""
        return '{"type":6}' + END

    # -- REST -------------------------------------------------------------------------------------------

    def asked(self, request: HttpRequest) -> Question | HttpAnswer | bytes | None:
        """Understand logins, and what is asked by those who have logged in."""
        asked = json.loads(request.body) if request.body else {}
        if request.path == "/api/Auth/loginKey":
            good = asked == {"userName": self.options["username"], "apiKey": self.options["api_key"]}
            return _said(token=self._new_token("loginKey")) if good else _said(3, token=None)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return HttpAnswer(b"", 401)
        if request.path == "/api/Auth/validate":
            return _said(newToken=self._new_token("validate"))
        if request.path == "/api/Contract/available":
            return _said(contracts=[one for one in self.contracts if one["activeContract"]])
        if request.path == "/api/Contract/search":
            return _said(contracts=[one for one in self.contracts if asked["searchText"] in one["name"]][:20])
        if request.path == "/api/Contract/searchById":
            found = [one for one in self.contracts if one["id"] == asked["contractId"]]
            return _said(contract=found[0]) if found else _said(1, contract=None)
        if request.path == "/api/History/retrieveBars":
            assert asked["includePartialBar"] is False
            self._asked_of = asked["contractId"]
            return Question(
                _ns(asked["startTime"]),
                _ns(asked["endTime"]),
                asked["limit"],
                newest=True,
                bar_seconds=_UNIT_SECONDS[asked["unit"]] * asked["unitNumber"],
            )
        return None

    def _new_token(self, how: str) -> str:
        self.logins[how] += 1
        self.tokens.append(f"t0ken/{how}+{self.logins[how]}")
        return self.tokens[-1]

    def trades_body(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> bytes:
        """There is no history of trades."""
        raise NotImplementedError

    def bars_body(self, question: Question, bars: Sequence[BarRow], now_ns: int) -> bytes:
        """Newest first; the one that is being made was not asked for."""
        of, rows = self._asked_of, []
        for bar in reversed(bars):
            if bar[0] + question.bar_seconds * SECOND <= now_ns:
                prices = [price + self.basis.get(of, 0.0) for price in bar[1:5]]
                volume = bar[5] * self.share(of, bar[0])
                values = dict(zip("ohlcv", (*prices, volume), strict=True))
                rows.append({"t": iso(bar[0])[:19] + "+00:00", **values})
        return _said(bars=rows)


def _said(code: int = 0, **fields: Any) -> bytes:
    return written({**fields, "success": not code, "errorCode": code, "errorMessage": None})


def _ns(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp()) * SECOND
