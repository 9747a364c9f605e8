"""Who is measured, in which environment, and how the page is asked what it shows."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.benchmarks.chart.sides import LIBRARY_VARIABLE
from tests.benchmarks.environments import PEERS, InstallError, environment

__all__ = ["CONTENDERS", "Contender"]

_LIBRARY = "lightweight-charts"
_VERSION = "5.2.1"
_INSTALL_SECONDS = 120.0


@dataclasses.dataclass(frozen=True)
class Contender:
    """One way to draw a live chart.

    Attributes
    ----------
    name
        Module in `tests.benchmarks.chart.sides`.
    label
        For people.
    shown
        JavaScript: the last price that chart ``i`` of the page shows.
    early
        Whether that is what the next frame draws, rather than what the last one drew.
    peer
        Environment of `tests.benchmarks.environments.PEERS`; empty: the one that runs the benchmark.
    frames
        Rate limit of the page's frames: 60, or 0 for none.
    """

    name: str
    label: str
    shown: str
    early: bool = False
    peer: str = ""
    side: str = ""
    frames: int = 60

    @property
    def flags(self) -> tuple[str, ...]:
        """What Chromium is told besides."""
        return () if self.frames else ("--disable-frame-rate-limit",)

    def python(self, folder: Path) -> str:
        """Return the Python that runs its JupyterLab and kernel; raises InstallError."""
        return str(environment(PEERS[self.peer], folder)) if self.peer else sys.executable

    def variables(self, folder: Path) -> dict[str, str]:
        """Return what its kernel's environment has to name; raises InstallError."""
        return {LIBRARY_VARIABLE: str(_library(folder))} if self.name == "lwc5" else {}


_LABEL = "document.querySelectorAll('.mdnb-chart')[i].__mdnb.lastPrice.label"
_OURS = f"{_LABEL}.text.textContent.replaceAll(',', '') || NaN"
_STOCK = "document.querySelectorAll('.js-plotly-plot')[i].calcdata[0].at(-1).med"
_LWC = "dataByIndex(1e9, -1).close"

CONTENDERS = {
    made.name: made
    for made in (
        Contender("ours", "mdnb", _OURS),
        Contender("stock", "FigureWidget, naive", _STOCK),
        Contender(
            "pywry",
            "PyWry 2.0.6",
            f"Object.values(window.__PYWRY_TVCHARTS__)[i].seriesMap.main.{_LWC}",
            early=True,
            peer="pywry",
        ),
        Contender("lwc5", "anywidget, lightweight-charts 5", f"window.lwc5[i].{_LWC}", early=True),
        Contender(
            "bokeh",
            "bokeh push_notebook",
            "window.Bokeh.documents[i].get_model_by_name('bars').data.close.at(-1)",
            early=True,
            peer="bokeh",
        ),
        Contender("unlimited", "mdnb, frames without a limit", _OURS, side="ours", frames=0),
    )
}


def _library(folder: Path) -> Path:
    """Return lightweight-charts' file, fetched by npm on first use."""
    home = folder / "npm"
    made = home / f"{_LIBRARY}-{_VERSION}.js"
    if made.exists():
        return made
    home.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            ["npm", "pack", f"{_LIBRARY}@{_VERSION}"],
            cwd=home,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=True,
        )
        member = f"package/dist/{_LIBRARY}.standalone.production.js"
        with tarfile.open(home / f"{_LIBRARY}-{_VERSION}.tgz") as archive:
            source = archive.extractfile(member)
            assert source is not None
            made.write_bytes(source.read())
    except (OSError, subprocess.SubprocessError, tarfile.TarError, KeyError) as failed:
        said = getattr(failed, "stderr", "") or str(failed)
        raise InstallError(f"npm pack {_LIBRARY}@{_VERSION}: {said.strip()}") from failed
    return made
