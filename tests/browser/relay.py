"""A wire between a feed and its server, in a process of its own: kill it, and a real connection is cut.

Run as ``python -m tests.browser.relay PORT FILE``: it listens on the port, and the file holds the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["Relay"]


class Relay:
    """The process; it can be cut and mended any number of times."""

    def __init__(self, port: int, file: Path) -> None:
        self._command = [sys.executable, "-m", "tests.browser.relay", str(port), str(file)]
        self._process: subprocess.Popen[bytes] | None = None

    def mend(self) -> None:
        """Listen, and pass on whatever is said; return when it listens."""
        self._process = subprocess.Popen(
            self._command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"listening\n"

    def hush(self) -> None:
        """Pass nothing on any more, though every connection stays open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Pass on again, first what was said meanwhile."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def cut(self) -> None:
        """End every connection at once, without a word; until it is mended new ones are refused."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _relay(port: int, target: Callable[[], int]) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", target())
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))

    server = await asyncio.start_server(connect, "127.0.0.1", port, family=socket.AF_INET)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_relay(int(sys.argv[1]), lambda: int(Path(sys.argv[2]).read_text())))
