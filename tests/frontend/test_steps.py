"""The steps that check the JavaScript: from the packages pinned here, and never silently without them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.frontend.__main__ import HERE, ROOT, InstallError, install, node

# Where nobody listens; no second try.
_NO_REGISTRY = {
    "npm_config_registry": "http://127.0.0.1:9/",
    "npm_config_fetch_retries": "0",
    "npm_config_cache": "cache",
}


def test_without_the_registry_the_step_says_so(tmp_path: Path) -> None:
    environment = os.environ | _NO_REGISTRY | {"npm_config_cache": str(tmp_path / "cache")}
    with pytest.raises(InstallError, match="registry may be out of reach") as caught:
        install(tmp_path / "packages", environment)
    assert "ECONNREFUSED" in str(caught.value), "what npm said is told too"
    assert not (tmp_path / "packages" / "installed").exists(), "it is tried again the next time"


def test_versions_are_pinned_and_no_registry_is_named() -> None:
    given = json.loads((HERE / "package.json").read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in given["devDependencies"].values())
    lock = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
    assert lock["packages"][""]["devDependencies"] == given["devDependencies"]
    packages = {name: held for name, held in lock["packages"].items() if name}
    assert all(
        "resolved" not in held and held["integrity"].startswith("sha512-") for held in packages.values()
    )


def test_node_is_the_one_that_the_group_brings() -> None:
    program, npm = node()
    assert npm.exists()
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True).stdout
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    (floor,) = [re.search(r">=(\d+)", line) for line in groups["frontend"]]
    assert floor
    assert int(said.removeprefix("v").split(".")[0]) >= int(floor[1])
