"""The folder of bars that leave memory by itself: made, marked, refused, swept."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from mdnb.config import DataManagerConfig
from mdnb.errors import DataExportError
from mdnb.runtime import cache_folder
from mdnb.runtime.cache_folder import CacheFolder, stale_folders, sweep_stale
from mdnb.runtime.feed_on_disk import FeedMark
from mdnb.stores.segment_folder import lock_file, unlock_file

MARK = FeedMark("Some Venue", "trades")
OURS = ".mdnb-temporary"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that temporary ones are made in."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def left(folder: Path, name: str, mark: str = OURS) -> Path:
    """Return a folder as a process leaves it that was killed."""
    made = folder / name
    (made / "X").mkdir(parents=True)
    (made / mark).touch()
    return made


def test_a_temporary_folder_is_known_as_ours_and_as_in_use_until_it_is_closed(temporary: Path) -> None:
    folder = CacheFolder("X/Y", ["1min", "2tick"], DataManagerConfig(), MARK)
    assert folder.is_temporary
    assert folder.root.parent == temporary
    assert folder.root.name.startswith("mdnb-")
    assert folder.of_symbol.parent == folder.root
    assert sorted(path.name for path in folder.of_symbol.iterdir() if path.is_dir()) == ["1min", "2tick"]
    assert stale_folders() == [folder.root]
    assert sweep_stale(stale_folders()) == 0, "whoever made it is alive"
    store = folder.store("1min")
    assert folder.store("1min") is store
    store.close()
    assert folder.store("1min") is not store, "it is opened anew"
    folder.close()
    assert list(temporary.iterdir()) == []
    folder.close()


def test_a_folder_of_the_users_is_used_and_kept(tmp_path: Path, temporary: Path) -> None:
    config = DataManagerConfig(disk_cache_path=str(tmp_path / "mine"), use_memory_mapping=False)
    folder = CacheFolder("X", ["1min"], config, MARK)
    assert not folder.is_temporary
    assert folder.root == tmp_path / "mine"
    assert folder.store("1min").memory_map is False
    with pytest.raises(DataExportError, match="in use"):
        CacheFolder("X", ["1min"], config, MARK)
    folder.close()
    assert (tmp_path / "mine" / "X" / "1min").is_dir()
    assert list(temporary.iterdir()) == []
    CacheFolder("X", ["1min"], config, MARK).close()


def test_where_one_timeframe_cannot_be_opened_none_is_left_open(tmp_path: Path) -> None:
    config = DataManagerConfig(disk_cache_path=str(tmp_path))
    (tmp_path / "X").mkdir()
    (tmp_path / "X" / "5min").write_text("in the way")
    with pytest.raises(DataExportError):
        CacheFolder("X", ["1min", "5min"], config, MARK)
    CacheFolder("X", ["1min"], config, MARK).close()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (
            FileNotFoundError("there is no folder for temporary files"),
            "there is no folder for temporary files",
        ),
    ],
)
def test_where_no_temporary_folder_can_be_made_the_reason_is_told(
    error: OSError, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(tempfile, "mkdtemp", fail)
    with pytest.raises(DataExportError) as caught:
        CacheFolder("X", ["1min"], DataManagerConfig(), MARK)
    assert str(caught.value) == (
        f"no temporary folder can be made for bars that leave memory: {reason}."
        " Give a folder of your own (disk_cache_path)."
    )


def test_a_folder_that_somebody_sweeps_while_it_is_made_is_made_again_but_not_for_ever(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[Path] = []

    def sweep(path: Path, **_: Any) -> int | None:
        swept.append(path)
        if len(swept) == 2:
            return None  # it was locked by who sweeps
        descriptor = lock_file(path)
        if len(swept) < 4:
            path.unlink()
        return descriptor

    monkeypatch.setattr(cache_folder, "lock_file", sweep)
    folder = CacheFolder("X", ["1min"], DataManagerConfig(), MARK)
    assert len(swept) == 4
    assert folder.root == swept[-1].parent
    folder.close()
    monkeypatch.setattr(cache_folder, "lock_file", lambda *_, **__: None)
    with pytest.raises(DataExportError) as caught:
        CacheFolder("X", ["1min"], DataManagerConfig(), MARK)
    assert str(caught.value) == (
        "no temporary folder can be made for bars that leave memory."
        " Give a folder of your own (disk_cache_path)."
    )


def test_only_marked_folders_of_this_user_are_ours(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = left(temporary, "mdnb-a")
    left(temporary, "other-a")
    left(temporary, "mdnb-b", mark="something")
    (temporary / "mdnb-link").symlink_to(ours)
    (temporary / "mdnb-file").touch()
    (temporary / "mdnb-gone").symlink_to(temporary / "nowhere")
    (temporary / "mdnb-of-a-folder" / OURS).mkdir(parents=True)
    assert stale_folders() == [ours]
    monkeypatch.setattr(os, "getuid", lambda: -7)
    assert stale_folders() == []


def test_where_the_folder_for_temporary_files_does_not_read_nothing_is_ours(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    left(temporary, "mdnb-a")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", fail)
        assert stale_folders() == []
    with monkeypatch.context() as patch:
        patch.setattr(Path, "glob", fail)
        assert stale_folders() == []


def test_what_killed_processes_left_is_swept_and_counted(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [left(temporary, f"mdnb-{number}") for number in range(4)]
    held = lock_file(folders[1] / OURS)
    (folders[2] / OURS).unlink()
    gone = temporary / "mdnb-gone"
    assert sweep_stale([*folders, gone]) == 2
    assert [folder.exists() for folder in folders] == [False, True, True, False]
    assert not (folders[2] / OURS).exists(), "a folder that is not ours is not marked"
    assert held is not None
    os.close(held)

    def unlocked(path: Path, *, make: bool = True, insist: bool = False) -> int | None:
        if insist:
            raise OSError(errno.ENOLCK, "No locks available")
        return lock_file(path, make=make)

    monkeypatch.setattr(cache_folder, "lock_file", unlocked)
    assert sweep_stale([folders[1]]) == 0, "without locks nobody knows who is alive"
    assert folders[1].exists()


def test_what_cannot_be_deleted_is_not_counted(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = left(temporary, "mdnb-a")

    def fail(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "rmdir", fail)
    assert sweep_stale([folder]) == 0
    assert folder.exists()


def test_of_a_folder_of_which_a_file_cannot_be_deleted_the_others_go(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, another = left(temporary, "mdnb-a"), left(temporary, "mdnb-b")
    for number in range(4):
        (folder / "X" / f"{number}.bars").touch()
    unlink, asked = os.unlink, list[str]()

    def fail_once(path: Any, **more: Any) -> None:
        asked.append(str(path))
        if len(asked) == 1:
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(path, **more)

    monkeypatch.setattr(os, "unlink", fail_once)
    assert sweep_stale([folder, another]) == 1
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [Path(asked[0]).name]
    assert not another.exists()


def test_what_is_locked_is_let_go_of_once_and_as_this_process_s(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go: list[tuple[int, int]] = []

    def unlock(descriptor: int, owner: int) -> None:
        let_go.append((descriptor, owner))
        unlock_file(descriptor, owner)

    monkeypatch.setattr(cache_folder, "unlock_file", unlock)
    folder = CacheFolder("X", ["1min"], DataManagerConfig(), MARK)
    mark = folder._mark
    assert mark is not None
    os.fstat(mark)
    for _ in range(2):
        folder.close()
    assert let_go == [(mark, os.getpid())]
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(mark)
    assert sweep_stale([left(temporary, "mdnb-a")]) == 1
    assert [owner for _, owner in let_go[1:]] == [os.getpid()]


def test_stores_are_as_the_configuration_and_the_timeframe_want_them(tmp_path: Path) -> None:
    config = DataManagerConfig(disk_cache_path=str(tmp_path), use_memory_mapping=True)
    folder = CacheFolder("X", ["1min", "2tick"], config, MARK)
    stores = [folder.store(name) for name in ("1min", "2tick", "5vol")]
    assert [store.memory_map for store in stores] == [True] * 3
    # Several bars of trades may begin at one instant.
    assert [store.repeated_starts for store in stores] == [False, True, True]
    assert (folder.of_symbol / "feed.json").read_text() == '{"name":"Some Venue","source":"trades"}'
    folder.close()
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "Y").symlink_to(outside)
    with pytest.raises(DataExportError, match="link"):
        CacheFolder("Y", ["1min"], config, MARK)
    assert list(outside.iterdir()) == []
