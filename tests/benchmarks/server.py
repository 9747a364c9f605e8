"""A server for the socket measurements: WebSocket frames made beforehand, written from a blocking socket.

``python -m tests.benchmarks.server TICKS.npy`` prints its port. What a client asks for is in the path:

``/trades/COUNT``
    so many one-trade frames of mdnb's wire protocol, as fast as they can be written
``/gateway/COUNT``
    the same trades as the messages that project-x-py's gateway sends
``/symbols/COUNT/SYMBOLS``
    one-trade frames of so many symbols in turn
``/venue/COUNT/NUMBER``
    the same trades as the venue of that number in `tests.venues.dialects` writes them
``/paced/COUNT/RATE``
    wire frames at so many a second, one write each; the trade's time is the moment it was written
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

from tests.benchmarks.ticks import load

__all__ = ["main", "symbol_frames", "wire_frames"]

SYMBOL = "MNQ"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE = b"\x88\x05\x03\xe8end"
_CHUNK_BYTES = 65_536


def _wire(ts_ns: int, price: float, size: float, number: int, symbol: str = SYMBOL) -> str:
    return f'{{"e":"trades","s":"{symbol}","r":[[{ts_ns},{price},{size},1,{(-1, 1)[number % 2]},{number}]]}}'


def _gateway(ts_ns: int, price: float, size: float, number: int) -> str:
    seconds, rest = divmod(ts_ns, 1_000_000_000)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1000:06d}+00:00"
    trade = {
        "symbolId": "F.US.MNQ",
        "price": price,
        "timestamp": stamp,
        "type": number % 2,
        "volume": int(size),
    }
    message = {"type": 1, "target": "GatewayTrade", "arguments": ["CON.F.US.MNQ.H24", [trade]]}
    return json.dumps(message, separators=(",", ":")) + "\x1e"


def _rows(path: str, count: int) -> list[tuple[int, float, float]]:
    return load(path, count).tolist()  # type: ignore[no-any-return]  # ndarray.tolist is untyped


def wire_frames(path: str, count: int) -> list[str]:
    """Return one-trade frames of mdnb's wire protocol."""
    return [_wire(*row, number) for number, row in enumerate(_rows(path, count))]


def symbol_frames(path: str, count: int, symbols: int) -> tuple[list[str], list[str]]:
    """Return one-trade frames of so many symbols in turn, all of the same trades, and the symbols."""
    names = [f"S{number}" for number in range(symbols)]
    rows = enumerate(_rows(path, -(-count // symbols)))
    return [_wire(*row, number, name) for number, row in rows for name in names][:count], names


def _framed(text: str) -> bytes:
    """Return a text frame as a server sends it (RFC 6455, 5.2)."""
    payload = text.encode()
    if len(payload) < 126:
        return b"\x81" + bytes([len(payload)]) + payload
    return b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload


class _Server:
    def __init__(self, path: str) -> None:
        self.path = path
        self._made: dict[tuple[str, int] | tuple[str, int, int], bytes] = {}

    def flood(self, kind: str, count: int) -> bytes:
        """Return all frames of a kind in one piece, made once."""
        encode: Callable[[int, float, float, int], str] = {"trades": _wire, "gateway": _gateway}[kind]
        if (kind, count) not in self._made:
            rows = _rows(self.path, count)
            self._made[kind, count] = b"".join(
                _framed(encode(*row, number)) for number, row in enumerate(rows)
            )
        return self._made[kind, count]

    def of_venue(self, count: int, number: int) -> bytes:
        """Return the frames of a venue in one piece, made once."""
        from tests.venues.dialects import DIALECTS

        key = ("venue", count, number)
        if key not in self._made:
            write = DIALECTS[number]().trade
            rows = enumerate(_rows(self.path, count))
            frames = (write((ts, price, size, 1, (-1, 1)[n % 2], n)) for n, (ts, price, size) in rows)
            self._made[key] = b"".join(map(_framed, frames))
        return self._made[key]

    def of_symbols(self, count: int, symbols: int) -> bytes:
        """Return the frames of several symbols in one piece, made once."""
        key = ("symbols", count, symbols)
        if key not in self._made:
            self._made[key] = b"".join(map(_framed, symbol_frames(self.path, count, symbols)[0]))
        return self._made[key]

    def paced(self, count: int, rate: int) -> Iterator[bytes]:
        """Yield frames, each when it is due, stamped with the time."""
        begun = time.time_ns()
        for number in range(count):
            due = begun + number * 1_000_000_000 // rate
            # Sleeping wakes late; the last half millisecond is waited out, so that the stamps are even.
            if (left := due - time.time_ns() - 500_000) > 0:
                time.sleep(left / 1e9)
            while time.time_ns() < due:
                pass
            yield _framed(_wire(time.time_ns(), 17_000.0 + number % 8 * 0.25, 1.0, number))

    def serve(self, client: socket.socket) -> None:
        """Talk to one client until it hangs up."""
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client:
            kind, *numbers = _shake_hands(client)
            try:
                if kind == "paced":
                    for frame in self.paced(*numbers):
                        client.sendall(frame)
                else:
                    special = {"symbols": self.of_symbols, "venue": self.of_venue}
                    made = special[kind](*numbers) if kind in special else self.flood(kind, *numbers)
                    frames = memoryview(made)
                    for a in range(0, len(frames), _CHUNK_BYTES):
                        client.sendall(frames[a : a + _CHUNK_BYTES])
                client.sendall(_CLOSE)
                # The client answers with a close frame; then the server hangs up first (RFC 6455, 7.1.1).
                client.recv(4096)
            except ConnectionError:
                return


def _shake_hands(client: socket.socket) -> tuple[str, *tuple[int, ...]]:
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(4096)
    lines = request.split(b"\r\n")
    key = next(
        line.split(b":", 1)[1].strip() for line in lines if line.lower().startswith(b"sec-websocket-key:")
    )
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    kind, *numbers = lines[0].split()[1].decode().strip("/").split("/")
    return kind, *map(int, numbers)


def main(path: str) -> None:
    """Serve until standard input ends."""
    server = _Server(path)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=server.serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
