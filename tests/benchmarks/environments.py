"""Throwaway environments, one a peer, kept in a git-ignored folder until the next run."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["PEERS", "InstallError", "Peer", "cache_folder", "environment"]

_INSTALL_SECONDS = 600.0


@dataclasses.dataclass(frozen=True)
class Peer:
    """A package to be measured against, and the oldest Python it runs on."""

    name: str
    requirements: tuple[str, ...]
    oldest: tuple[int, int] = (3, 12)


PEERS = {
    peer.name: peer
    for peer in (
        Peer("tickbar", ("tickbar==0.2.0", "numpy")),
        Peer("nautilus", ("nautilus_trader==1.231.0", "numpy")),
        Peer("project_x", ("project-x-py==4.4.1", "numpy", "websockets")),
        Peer("polars", ("polars==2.1.0", "numpy")),
        Peer("pywry", ("pywry[notebook]==2.0.6", "jupyterlab>=4.2", "pandas"), oldest=(3, 11)),
        Peer("bokeh", ("bokeh==3.9.2", "jupyter_bokeh==4.0.5", "jupyterlab>=4.2"), oldest=(3, 11)),
    )
}


class InstallError(Exception):
    """A peer could not be installed; the message says why."""


def cache_folder() -> Path:
    """Return the folder of environments, ticks and results: ``MDNB_BENCH_CACHE``, else ``.bench`` here."""
    given = os.environ.get("MDNB_BENCH_CACHE")
    folder = Path(given) if given else Path(__file__).parents[2] / ".bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    return folder


def environment(peer: Peer, folder: Path) -> Path:
    """Return the Python of the peer's environment, made and filled on first use.

    Raises
    ------
    InstallError
        When no interpreter is new enough, or the install fails.
    """
    base = _interpreter(peer.oldest)
    home = folder / "environments" / peer.name
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    mark = home / "installed.json"
    wanted = {"requirements": list(peer.requirements), "base": str(base)}
    if mark.exists() and json.loads(mark.read_text()) == wanted:
        return python
    shutil.rmtree(home, ignore_errors=True)
    _run([str(base), "-m", "venv", str(home)])
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements])
    mark.write_text(json.dumps(wanted))
    return python


def _interpreter(oldest: tuple[int, int]) -> Path:
    given = os.environ.get("MDNB_BENCH_PYTHON")
    candidates = [given] if given else [sys.executable]
    if not given:
        names = [f"python3.{minor}" for minor in range(oldest[1], oldest[1] + 4)]
        candidates += [found for name in names if (found := shutil.which(name))]
        candidates += sorted(map(str, Path.home().glob(".pyenv/versions/3.*/bin/python")))
    for candidate in candidates:
        if candidate and _version(candidate) >= oldest:
            return Path(candidate)
    raise InstallError(
        f"no Python >= {oldest[0]}.{oldest[1]} was found; name one in the variable MDNB_BENCH_PYTHON"
    )


def _version(python: str) -> tuple[int, int]:
    asked = "import sys; print(*sys.version_info[:2])"
    # A pyenv shim exits with an error where its version is not chosen.
    done = subprocess.run([python, "-c", asked], capture_output=True, text=True, timeout=30, check=False)
    words = done.stdout.split()
    return (int(words[0]), int(words[1])) if done.returncode == 0 and len(words) == 2 else (0, 0)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        raise InstallError(f"{' '.join(command[1:])} took more than {_INSTALL_SECONDS:.0f} s") from late
    if done.returncode:
        errors = [
            line for line in done.stderr.splitlines() if line.startswith("ERROR")
        ] or done.stderr.splitlines()
        raise InstallError(f"{' '.join(command[1:])}: {errors[-1] if errors else 'no message'}")
