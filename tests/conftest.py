"""What all tests share: where data and Chromium are, how hypothesis searches, which threads may stay."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.chromium import find_chromium, how_to_install
from tests.limits import LIMIT_SECONDS

ROOT = Path(__file__).parents[1]

# No deadlines, and no complaint that examples are slow to make: a busy machine is not a wrong result.
# In CI the same examples each time, so that a red run can be had again; at home new ones, so that something
# may be found. Sixty of a property unless it says how many: `thorough` searches longer.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
settings.register_profile("home", _PATIENT)
settings.register_profile("ci", _PATIENT, derandomize=True)
settings.register_profile("thorough", _PATIENT, max_examples=2_000)
# `make mutants`: the same examples for each mutant, fewer of them, and no search for the smallest that fails.
settings.register_profile(
    "mutants",
    _PATIENT,
    derandomize=True,
    database=None,
    max_examples=30,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "home"))


def pytest_configure() -> None:
    """Take out of the environment what would make tests depend on who runs them."""
    for name in [name for name in os.environ if name.startswith("MDNB_FEED")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real recordings, bars and file dialects; too large to ship with the source."""
    folder = Path(os.environ.get("MDNB_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the recordings of shared/data are not here; name their folder in MDNB_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return the path of Chromium, for ``playwright.chromium.launch(executable_path=…)``."""
    path = find_chromium()
    if path is None:
        pytest.skip(f"no Chromium that playwright can drive; this brings it: {how_to_install()}")
    return path


@pytest.fixture
def no_thread_leak() -> Iterator[None]:
    """Fail the test if a thread that it started does not end; the background loop may stay, by design."""
    before = set(threading.enumerate())
    yield
    started = [thread for thread in threading.enumerate() if thread not in before]
    for thread in started:
        if thread.name != "mdnb-loop":
            thread.join(LIMIT_SECONDS)
    alive = [thread.name for thread in started if thread.is_alive() and thread.name != "mdnb-loop"]
    assert not alive, f"threads that were started and did not end: {', '.join(alive)}"
