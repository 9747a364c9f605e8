"""What is said while a recording grows, on a terminal and in a log."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from mdnb.feeds.recorder import Recorder
from mdnb.notebook.recording_progress import show_progress
from tests.virtual_time import run_virtually


class Out(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("terminal", "wanted"),
    [
        (True, "\r1 frames in 0:00:01, {0} bytes\r2 frames in 0:00:02, {1} bytes\n"),
        (False, "2 frames in 0:01:00, {1} bytes\n2 frames in 0:02:00, {1} bytes\n"),
    ],
)
def test_how_much_there_is_is_told_now_and_then(tmp_path: Path, terminal: bool, wanted: str) -> None:
    path, out, sizes = tmp_path / "day.jsonl", Out(terminal), []

    async def main() -> None:
        with Recorder(path, "binance") as recorder:
            task = asyncio.create_task(show_progress(recorder, out))
            for at in (0.5, 1.5):
                recorder.frame(1, "{}")
                recorder.flush()
                sizes.append(path.stat().st_size)
                await asyncio.sleep(at + 0.75 - asyncio.get_running_loop().time())
            await asyncio.sleep(0.5 if terminal else 125)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    run_virtually(main())
    assert out.getvalue() == wanted.format(*sizes)
