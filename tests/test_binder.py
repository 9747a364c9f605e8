"""The environment that mybinder.org builds, built here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_NOT_OURS = shutil.ignore_patterns(".*", "__pycache__", "demo", "dist", "build")
_SECONDS = 1_800


def _python() -> str:
    version = (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip().removeprefix("python-")
    python = os.environ.get("MDNB_PYTHON312") or shutil.which(f"python{version}")
    found = python and subprocess.run([python, "--version"], capture_output=True, text=True, check=False)
    if not found or not found.stdout.startswith(f"Python {version}."):
        pytest.skip(f"no Python {version}, which is Binder's; name one in MDNB_PYTHON312")
    return str(python)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="binder/postBuild is a script for bash")
def test_binder_builds_and_its_last_command_is_content(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run(*command: str | Path, folder: Path = tmp_path) -> str:
        words = [str(word) for word in command]
        done = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run(_python(), "-m", "venv", tmp_path / "image")
    programs = tmp_path / "image" / "bin"
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    shutil.copytree(ROOT, tmp_path / "repository", ignore=_NOT_OURS)
    # The server's part is in Binder's base image already.
    run(programs / "pip", "install", "--quiet", "ipykernel")
    run(programs / "pip", "install", "--quiet", "-r", tmp_path / "repository" / "binder" / "requirements.txt")
    run(tmp_path / "repository" / "binder" / "postBuild", folder=tmp_path / "repository")
    run(programs / "pip", "check")
    where = run(programs / "python", "-c", "import mdnb; print(mdnb.__file__)")
    assert (tmp_path / "image") in Path(where.strip()).parents
