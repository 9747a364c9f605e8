"""A real kernel, driven as a notebook drives it."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from tests.limits import LIMIT_SECONDS


class Answer:
    """What a cell gave: the `text` it showed, its `error` by name and message, the `seconds` it took."""

    def __init__(self, text: str, error: str, seconds: float) -> None:
        self.text = text
        self.error = error
        self.seconds = seconds

    def __repr__(self) -> str:
        return f"Answer({self.text!r}, error={self.error!r})"


class Kernel:
    """Runs cells one after the other."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client
        self.attended = True
        """Whether somebody could answer an ``input()``: a page says so with each cell, nbclient does not."""

    def start(self, code: str, cell_id: str | None = None, metadata: dict[str, Any] | None = None) -> str:
        """Send a cell with what a page says of it; return the message's id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": self.attended,
            "stop_on_error": True,
        }
        message = self.client.session.msg("execute_request", content)
        message["metadata"].update(metadata or {})
        if cell_id is not None:
            message["metadata"]["cellId"] = cell_id
        self.client.shell_channel.send(message)
        sent: str = message["header"]["msg_id"]
        return sent

    def finish(self, sent: str, until: str | None = None) -> Answer:
        """Collect what a cell gives until it is done, or until it has printed a text."""
        began, text, error = time.monotonic(), "", ""
        while time.monotonic() - began < LIMIT_SECONDS:
            try:
                message: dict[str, Any] = self.client.get_iopub_msg(timeout=LIMIT_SECONDS)
            except queue.Empty:
                break
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                text += content["text"]
            elif kind in ("execute_result", "display_data"):
                text += content["data"].get("text/plain", "")
            elif kind == "error":
                error = f"{content['ename']}: {content['evalue']}"
            elif kind == "status" and content["execution_state"] == "idle":
                return Answer(text, error, time.monotonic() - began)
            if until is not None and until in text:
                return Answer(text, error, time.monotonic() - began)
        raise TimeoutError(f"the cell is not done after {LIMIT_SECONDS:g} s; so far: {text!r} {error!r}")

    def run(self, code: str, cell_id: str | None = None, metadata: dict[str, Any] | None = None) -> Answer:
        """Run a cell to its end."""
        return self.finish(self.start(code, cell_id, metadata))

    def value(self, code: str) -> str:
        """Run a cell that must not fail and return what it printed."""
        answer = self.run(code)
        assert not answer.error, f"{answer.error}\n{answer.text}"
        return answer.text.strip()

    def restart(self) -> None:
        """Restart the kernel as the notebook's button does."""
        self.manager.restart_kernel()
        self.client.wait_for_ready(timeout=LIMIT_SECONDS)


@contextlib.contextmanager
def running_kernel(folder: Path) -> Iterator[Kernel]:
    """Start a kernel on this Python; it is gone afterwards."""
    environment = os.environ | {
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    manager = KernelManager(kernel_name="", transport="tcp", connection_file=str(folder / "connection.json"))
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    # No kernelspec has to be installed for this Python to be driven.
    manager._kernel_spec = KernelSpec(argv=argv, display_name="Python", language="python")
    manager.start_kernel(env=environment)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=LIMIT_SECONDS)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
