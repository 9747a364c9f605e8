"""Options declared once: what is made of one declaration agrees everywhere."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mdnb.config import TWINS, DataManagerConfig
from mdnb.errors import OptionError
from mdnb.manager import RealtimeDataManager
from mdnb.options import options_of
from mdnb.runtime.apply_config import EFFECTS, IN_ORDER, READ_WHERE_USED

OPTIONS = options_of(DataManagerConfig)
CALLS = ("configure_bar_processing", "configure_memory_management", "configure_performance")


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_has_its_default_and_its_documentation(name: str) -> None:
    shown = repr(inspect.signature(DataManagerConfig).parameters[name].default)
    if name in TWINS:
        assert shown == f"<as {TWINS[name]}>"
    else:
        assert shown == repr(OPTIONS[name].default) == repr(getattr(DataManagerConfig(), name))
    text = inspect.getdoc(DataManagerConfig) or ""
    assert f"\n{name}\n    {OPTIONS[name].effect[:30]}" in text


@pytest.mark.parametrize("call", CALLS)
def test_a_call_documents_the_options_it_takes_in_the_same_words(call: str) -> None:
    method = getattr(RealtimeDataManager, call)
    lines = (inspect.getdoc(method) or "").splitlines()
    parameters = [name for name in inspect.signature(method).parameters if name != "self"]
    assert set(parameters) <= set(OPTIONS)
    documented = [line for line in lines if line in OPTIONS]
    assert documented == parameters
    assert all(OPTIONS[name].effect.startswith(lines[lines.index(name) + 1].strip()) for name in parameters)
    assert max(map(len, lines)) <= 110


def test_every_option_has_its_effect_in_one_place() -> None:
    places = [set(EFFECTS), set(IN_ORDER), set(READ_WHERE_USED)]
    assert set.union(*places) == set(OPTIONS) - set(TWINS)
    assert sum(map(len, places)) == len(set.union(*places))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_bars_per_timeframe": 0}, "whole number of at least 1; got 0"),
        ({"max_ticks": True}, "whole number"),
        ({"batch_size": 2.0}, "whole number"),
        ({"cleanup_interval_minutes": 0}, "number, above 0; got 0"),
        ({"cleanup_frequency": 0}, "cleanup_frequency must be a number, above 0; got 0"),
        ({"max_disk_cache_gb": float("inf")}, "number, above 0"),
        ({"grace_ms": -0.5}, "number, 0 or more"),
        ({"fill_gaps": None}, "True or False; got None"),
        ({"enable_disk_overflow": "yes"}, "enable_disk_overflow must be True or False"),
        ({"disk_cache_path": 3}, "a folder, or None"),
        (
            {"enable_disk_overflow": True, "disk_cache_enabled": False},
            "same option; given were True and False",
        ),
        ({"cleanup_frequency": 60, "cleanup_interval_minutes": 2}, "same option; given were 1.0 and 2.0"),
    ],
)
def test_what_is_not_allowed_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        DataManagerConfig(**options)  # type: ignore[arg-type]  # that it is refused is the point


def test_both_spellings_of_an_option_have_its_value() -> None:
    config = DataManagerConfig(cleanup_frequency=30, disk_cache_enabled=True)
    assert (config.cleanup_interval_minutes, config.cleanup_frequency) == (0.5, 30)
    assert (config.disk_cache_enabled, config.enable_disk_overflow) == (True, True)
    same = DataManagerConfig(cleanup_frequency=60, cleanup_interval_minutes=1, enable_disk_overflow=False)
    assert same == DataManagerConfig(cleanup_interval_minutes=1.0)
    assert hash(same) == hash(DataManagerConfig(cleanup_interval_minutes=1.0))
    assert not any(name in repr(config) for name in TWINS)


@pytest.mark.parametrize("name", OPTIONS)
def test_replace_takes_any_spelling_and_keeps_the_others(name: str, tmp_path: Path) -> None:
    config = DataManagerConfig(max_ticks=7, cleanup_frequency=30)
    kind = {field.name: field.type for field in dataclasses.fields(DataManagerConfig)}[name]
    value = {"bool": not getattr(config, name), "int": 3, "float": 2.5}.get(str(kind), tmp_path)
    changed = config.replace(**{name: value})
    assert getattr(changed, name) == value
    touched = {name, TWINS.get(name, name)}
    others = [other for other in OPTIONS if TWINS.get(other, other) not in touched]
    assert all(getattr(changed, other) == getattr(config, other) for other in others)
    assert config.replace(**{name: getattr(config, name)}) == config
    with pytest.raises(OptionError, match="Did you mean 'max_ticks'"):
        config.replace(max_tick=1)


def test_a_configuration_can_be_copied_and_kept() -> None:
    config = DataManagerConfig(cleanup_frequency=30, disk_cache_path=os.curdir)
    assert pickle.loads(pickle.dumps(config)) == copy.deepcopy(config) == config
    assert dataclasses.replace(config, max_ticks=9) == config.replace(max_ticks=9)
    # This hands over both spellings, of which only one was changed.
    with pytest.raises(OptionError, match=r"change it by its replace\(\)"):
        dataclasses.replace(config, cleanup_frequency=60)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.max_ticks = 1  # type: ignore[misc]  # that it is refused is the point


def test_a_type_checker_knows_every_option_and_its_type(tmp_path: Path) -> None:
    given = {"bool": "1.5", "int": "'x'", "float": "'x'"}
    wrong = [
        f"DataManagerConfig({field.name}={given.get(str(field.type), '3.5')})"
        for field in dataclasses.fields(DataManagerConfig)
    ]
    script = tmp_path / "user.py"
    script.write_text(
        textwrap.dedent("""\
            from mdnb.config import DataManagerConfig
            config = DataManagerConfig(max_ticks=5, disk_cache_path="here", cleanup_frequency=3)
            reveal_type(config.cleanup_frequency)
            reveal_type(config.enable_disk_overflow)
            DataManagerConfig(max_tick=5)
            """)
        + "\n".join(wrong),
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(script)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(str(script))]
    said = [line for line in lines if "error" in line]
    assert [line.count("incompatible type") for line in said[1:]] == [1] * len(OPTIONS), done.stdout
    assert 'Unexpected keyword argument "max_tick"' in said[0]
    revealed = [line for line in lines if "Revealed" in line]
    assert ['"float"' in revealed[0] or "builtins.float" in revealed[0], "bool" in revealed[1]] == [
        True,
        True,
    ]
