"""The lock of a folder of segments, and a child that is forked while it is held."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.limits import LIMIT_SECONDS

SCRIPT = """
import os, sys
from pathlib import Path
from mdnb.errors import DataExportError
from mdnb.stores.segments import SegmentStore
folder = Path(sys.argv[1])
store = SegmentStore(folder)
if os.fork() == 0:
    sys.exit(0)  # what closes at the end of a process closes here too
os.wait()
try:
    SegmentStore(folder)
except DataExportError:
    print("busy")
wait, go = os.pipe()
if os.fork() == 0:
    os.close(go)
    os.read(wait, 1)
    os._exit(0)
store.close()
SegmentStore(folder).close()
print("free")
os.close(go)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_neither_keeps_the_lock_nor_lets_go_of_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "1min")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert (ended.stdout.split(), ended.stderr) == (["busy", "free"], "")
