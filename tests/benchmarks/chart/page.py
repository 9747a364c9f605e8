"""A contender's notebook in a real browser: counts its bytes, its milliseconds, and sees what it shows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Error

from tests.benchmarks.bench import MeasureError
from tests.benchmarks.chart.contenders import Contender
from tests.browser.lab import Lab

__all__ = ["SETTLE_MS", "Counts", "Notebook"]

SETTLE_MS = 300.0
"""How long a page is given to finish what it began."""
_PROBE = (Path(__file__).parent / "probe.js").read_text(encoding="utf-8")
_SHOWN_MS = 60_000
_EXECUTE = """async (code) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({ code, store_history: false });
  let [text, error] = ["", ""];
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream" && content.name === "stdout") text += content.text;
    if (header.msg_type === "error") error = `${content.ename}: ${content.evalue}`;
  };
  await future.done;
  return { text, error };
}"""


@dataclasses.dataclass(frozen=True)
class Counts:
    """What went over the wire and was done in the page until a moment.

    Attributes
    ----------
    to_page, to_kernel
        Bytes of WebSocket messages.
    messages
        Of them, to the page.
    task_ms, script_ms
        The page's main thread.
    """

    to_page: int
    to_kernel: int
    messages: int
    task_ms: float
    script_ms: float

    def __sub__(self, other: Counts) -> Counts:
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Counts(*(a - b for a, b in pairs))


class Notebook:
    """One contender's page, notebook after notebook."""

    def __init__(self, lab: Lab, contender: Contender) -> None:
        self.lab = lab
        self.page = lab.page
        self.contender = contender
        self._number = 0
        self._to_page = self._to_kernel = self._messages = 0
        self._probe: Any = None
        self.page.on("websocket", self._listen)
        self._cdp = self.page.context.new_cdp_session(self.page)
        self._cdp.send("Performance.enable")

    def _listen(self, socket: Any) -> None:
        if "/channels" in socket.url:
            socket.on("framereceived", self._received)
            socket.on("framesent", self._sent)

    def _received(self, payload: str | bytes) -> None:
        self._to_page += len(payload)
        self._messages += 1

    def _sent(self, payload: str | bytes) -> None:
        self._to_kernel += len(payload)

    def open(self, bars: int) -> None:
        """Open a new notebook with a new kernel, which has loaded nothing yet."""
        if self._number:
            for kernel in self.lab.server.call("/api/kernels"):
                self.lab.server.call(f"/api/kernels/{kernel['id']}", "DELETE")
        self._number += 1
        name = self.contender.side or self.contender.name
        first = f"driver = Driver({name!r}, {bars})\ndriver.show()"
        self.lab.open(f"chart{self._number}.ipynb", [first, "driver.show()"])
        self.execute("from tests.benchmarks.chart.sides.driver import Driver")

    def execute(self, code: str) -> Any:
        """Run code beside the cells and return what it printed, as JSON; raises MeasureError."""
        answer = self.page.evaluate(_EXECUTE, code)
        if answer["error"]:
            raise MeasureError(f"{self.contender.label}: {answer['error']}")
        return json.loads(answer["text"]) if answer["text"].strip() else None

    def printed(self, cell: int) -> dict[str, float]:
        """Return what a cell printed, as JSON; raises MeasureError where it failed."""
        outputs = self.lab.outputs(cell)
        for output in outputs:
            if output["output_type"] == "error":
                raise MeasureError(f"{self.contender.label}: {output['ename']}: {output['evalue']}")
        text = "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")
        found: dict[str, float] = json.loads(text.strip().splitlines()[-1])
        return found

    def counts(self) -> Counts:
        """Return the counts now."""
        metrics = {
            item["name"]: item["value"] for item in self._cdp.send("Performance.getMetrics")["metrics"]
        }
        return Counts(
            self._to_page,
            self._to_kernel,
            self._messages,
            metrics["TaskDuration"] * 1e3,
            metrics["ScriptDuration"] * 1e3,
        )

    def heap(self) -> float:
        """Return the page's JavaScript heap after a collection, in MB."""
        self._cdp.send("HeapProfiler.collectGarbage")
        metrics = {
            item["name"]: item["value"] for item in self._cdp.send("Performance.getMetrics")["metrics"]
        }
        return float(metrics["JSHeapUsedSize"]) / 1e6

    def settle(self, ms: float = SETTLE_MS) -> None:
        """Let the page finish what it began."""
        self.page.wait_for_timeout(ms)

    def watch(self, figure: int = 0) -> None:
        """Begin to note which price a figure shows, frame by frame."""
        read = f"() => {{ const i = {figure}; return {self.contender.shown}; }}"
        early = str(self.contender.early).lower()
        self._probe = self.page.evaluate_handle(f"({_PROBE})({read}, {early})")

    def seen(self) -> list[tuple[float, float]]:
        """Stop to note; return prices and the seconds since the epoch at which each was first seen."""
        found = self._probe.evaluate("(probe) => probe.stop()")
        self._probe.dispose()
        return [(price, ms / 1e3) for price, ms in found]

    def wait_shown(self, price: float, figure: int = 0, timeout_ms: float = _SHOWN_MS) -> None:
        """Wait until a figure shows a price; raises MeasureError."""
        shown = f"Math.abs(Number({self.contender.shown}) - {price}) < 1e-6"
        ask = f"() => {{ const i = {figure}; try {{ return {shown}; }} catch {{ return false; }} }}"
        try:
            self.page.wait_for_function(ask, timeout=timeout_ms, polling=100)
        except Error as late:
            raise MeasureError(f"the page never showed {price}: {str(late).splitlines()[0]}") from late

    def drawn(self) -> int:
        """Return how often our own view has drawn."""
        count: int = self.page.evaluate("document.querySelector('.mdnb-chart').__mdnb.drawn")
        return count

    def clear(self, cell: int) -> None:
        """Take a cell's chart off the page, and from the kernel."""
        self.execute("driver.side.hide()")
        self.page.evaluate(
            """(cell) => window.jupyterapp.shell.currentWidget.content.widgets[cell].model.outputs.clear()""",
            cell,
        )
