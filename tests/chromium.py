"""Where Chromium is, whether it can be driven, and how it gets here."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["CHROMIUM_VARIABLE", "INSTALL_VARIABLE", "find_chromium", "how_to_install", "install_chromium"]

CHROMIUM_VARIABLE = "MDNB_CHROMIUM"
INSTALL_VARIABLE = "MDNB_INSTALL_CHROMIUM"
# libatomic1: playwright's driver is linked against it, and a bare system has none.
_PACKAGES = ("chromium", "libatomic1")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Where `playwright install` puts its own, by system: folder under the home, file in it.
_PLAYWRIGHT = {
    "linux": (".cache/ms-playwright", "chromium-*/*/chrome"),
    "darwin": ("Library/Caches/ms-playwright", "chromium-*/*/*.app/Contents/MacOS/*"),
    "win32": ("AppData/Local/ms-playwright", "chromium-*/*/chrome.exe"),
}
_INSTALL_SECONDS = 600.0


@functools.cache
def find_chromium() -> Path | None:
    """Return a Chromium or Chrome that playwright can drive here; None where there is none.

    The one that ``MDNB_CHROMIUM`` names, else the system's, else playwright's own.
    """
    given = os.environ.get(CHROMIUM_VARIABLE)
    found = next(filter(None, map(shutil.which, (given,) if given else _NAMES)), None)
    own = None if found or given else _playwrights_own()
    path = Path(found) if found else own
    return path if path and _drivable() else None


def _playwrights_own() -> Path | None:
    folder, pattern = _PLAYWRIGHT.get(sys.platform, _PLAYWRIGHT["linux"])
    given = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    found = sorted((Path(given) if given else Path.home() / folder).glob(pattern))
    return found[-1] if found else None


def _drivable() -> bool:
    return _run([sys.executable, "-m", "playwright", "--version"], quiet=True) == 0


def how_to_install() -> str:
    """Return the one command that makes the browser tests run on this system."""
    if _on_debian():
        sudo = "" if _root() else "sudo "
        return f"{sudo}apt-get install -y {' '.join(_PACKAGES)}"
    return f"{sys.executable} -m playwright install --with-deps chromium"


def install_chromium() -> None:
    """Install Debian's Chromium where that needs nobody's password; elsewhere do nothing.

    What goes wrong is printed and no more: the tests that miss Chromium are skipped and say so.
    """
    if os.environ.get(INSTALL_VARIABLE) == "0" or not _on_debian() or find_chromium():
        return
    sudo = [] if _root() else ["sudo", "-n"]
    if sudo and _run([*sudo, "true"], quiet=True) != 0:
        return
    print("no Chromium for the browser tests yet: installing Debian's", flush=True)
    if _run([*sudo, "apt-get", "update", "-qq"]) == 0:
        quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
        _run([*sudo, *quiet, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *_PACKAGES])
    find_chromium.cache_clear()


def _on_debian() -> bool:
    # Not its derivatives: Ubuntu's package of that name installs a snap.
    try:
        release = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return False
    return "ID=debian" in release.splitlines() and shutil.which("apt-get") is not None


def _root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _run(command: Sequence[str], *, quiet: bool = False) -> int:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if quiet else None,
            timeout=_INSTALL_SECONDS,
            check=False,
        ).returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        if not quiet:
            print(f"{command[0]}: {error}", file=sys.stderr)
        return 1
