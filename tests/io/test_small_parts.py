"""The small parts that files are read and written by, each at its edges."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mdnb.errors import DataExportError, DataImportError, OptionError, SymbolError
from mdnb.io import source
from mdnb.io.atomic import atomic_write
from mdnb.io.contract_names import contracts_of_runs, parse_contracts, runs_of_contracts
from mdnb.io.file_bars import FileBars
from mdnb.io.member import Member
from mdnb.io.notes import in_words, note, row_list
from mdnb.io.paths import default_name, inside, is_lines, is_tabbed, local_path, safe_name, symbol_of
from mdnb.io.read_options import ReadOptions
from mdnb.io.schema import NOT_A_TIME
from mdnb.io.stacked import chosen_symbol, stack_of, wanted_of, without_empty
from mdnb.io.times import rounded_up, time_text
from mdnb.stores.columns import AMENDED, FILLED, PARTIAL

# -- names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("a.b-c_d", "a.b-c_d"),
        (".x", "%2Ex"),
        ("x.", "x%2E"),
        ("x..", "x.%2E"),
        ("~x~", "%7Ex%7E"),
        ("a b%", "a%20b%25"),
        ("nul", "%6Eul"),
        ("Com1.csv", "%43om1.csv"),
        ("com", "com"),
        ("com10", "com10"),
        ("lpt²", "%6Cpt%C2%B2"),
        ("A" * 120, "A" * 120),
    ],
)
def test_a_symbol_has_one_name_that_gives_it_back(symbol: str, name: str) -> None:
    assert safe_name(symbol) == name
    assert symbol_of(name) == symbol
    assert default_name(symbol, "1min", ".csv") == f"{name}_1min.csv"


@pytest.mark.parametrize("symbol", ["", ".", "..", "A" * 121, "/" * 41])
def test_what_cannot_name_a_file_is_no_symbol(symbol: str) -> None:
    said = (
        "cannot name a file. A symbol is a text"
        if len(symbol) < 3
        else r"^The symbol '.{40}'\.\.\. needs 12[13] "
    )
    with pytest.raises(SymbolError, match=said):
        safe_name(symbol)


def test_a_name_stays_directly_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    assert inside(tmp_path, "a.csv") == tmp_path.resolve() / "a.csv"
    for name in ("", ".", "..", "../x", "a/b", "/etc/x", "a\0b", "out"):
        with pytest.raises(OptionError, match="not a plain file name"):
            inside(tmp_path, name)


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "http://x/y", "s3://x", "file:/x", "~nosuchuser/x", 5])
def test_what_is_no_file_name_here_is_refused(text: Any) -> None:
    with pytest.raises(OptionError):
        local_path(text)


def test_names_tell_what_is_in_the_file() -> None:
    # One letter before the colon is a drive.
    assert local_path("C:/x.csv") == Path("C:/x.csv")
    assert local_path(b"x.csv") == Path("x.csv")
    assert local_path("~/x") == Path.home() / "x"
    for ending in ("", ".gz", ".zst"):
        assert is_tabbed(f"X.TSV{ending}")
        assert is_lines(f"x.jsonl{ending}")
        assert is_lines(Path(f"x.ndjson{ending}"))
        assert not is_tabbed(f"x.csv{ending}")
        assert not is_lines(f"x.json{ending}")


# -- notes -----------------------------------------------------------------------------------------------


def test_rows_are_counted_from_one_and_ten_are_shown() -> None:
    assert row_list(np.array([0])) == "data row 1"
    assert row_list(np.arange(10)) == "data rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"
    assert row_list(np.arange(11)).endswith("9, 10 and 1 more")
    said = note("odd", "is odd", np.arange(11))
    assert said == {"type": "odd", "description": "is odd", "count": 11, "rows": list(range(1, 11))}
    assert note("odd", "is odd", np.arange(2), count=7)["count"] == 7
    assert note("odd", "is odd") == {"type": "odd", "description": "is odd", "count": 0, "rows": []}
    assert in_words(said) == f"is odd: 11 ({row_list(np.arange(11))})"
    assert in_words(note("odd", "is odd", np.array([4]))) == "is odd: 1 (data row 5)"


# -- contracts -------------------------------------------------------------------------------------------


def test_names_of_contracts_are_short_and_printable() -> None:
    assert parse_contracts(["A" * 64])[0] is not None
    for odd in (["A" * 65], ["a\n"], [5], ["Z25", b"x"]):
        made, (said,) = parse_contracts(odd)
        assert (made, said["type"], said["count"]) == (None, "odd_contract", 0)
    made, notes = parse_contracts([])
    assert (made is not None and made.tolist(), notes) == ([], [])


def test_contracts_are_runs_of_bars() -> None:
    index = pd.date_range("2026-03-02", periods=6, freq="1min", tz="UTC").as_unit("us")
    frame = pd.DataFrame({"contract": ["", "", "A", "A", "B", "A"]}, index=index)
    us = index.asi8.tolist()
    runs = runs_of_contracts(frame)
    assert runs == [(us[0], ""), (us[2], "A"), (us[4], "B"), (us[5], "A")]
    found = contracts_of_runs([list(run) for run in runs], index.asi8)
    assert found is not None
    assert found.tolist() == frame["contract"].tolist()
    early = contracts_of_runs([[us[2], "A"], [us[4], "B"]], index.asi8)
    assert early is not None
    assert early.tolist() == ["A"] * 4 + ["B"] * 2
    assert runs_of_contracts(frame.drop(columns="contract")) is None
    assert runs_of_contracts(frame.iloc[:0]) == []
    changing = pd.DataFrame(
        {"contract": ["A", "B"] * 501}, index=pd.date_range("2026", periods=1002, tz="UTC")
    )
    assert runs_of_contracts(changing) is None
    most = runs_of_contracts(changing.iloc[:1000])
    assert most is not None
    assert len(most) == 1000
    for odd in (None, [], {}, [[1]], [[1, 2]], [["a", "b"]], [[True, "A"]], ["ab"], [[1, "A" * 65]]):
        assert contracts_of_runs(odd, index.asi8) is None


# -- bars of a file --------------------------------------------------------------------------------------


def file_bars(**more: Any) -> FileBars:
    values = {name: np.arange(3.0) for name in ("open", "high", "low", "close", "volume", "tick_count")}
    given: dict[str, Any] = {
        "time_us": np.array([60, 120, 180]) * 1_000_000,
        "values": values,
        "tz": "Asia/Tokyo",
    }
    return FileBars(**{**given, "attributes": {"symbol": "X"}, "notes": [], **more})


def test_bars_of_a_file_are_cut_with_all_that_is_told_of_them() -> None:
    bars = file_bars(
        closed_us=np.array([NOT_A_TIME, -5, 200_000_000]),
        marks={"partial": np.array([True, False, False]), "filled": np.array([False, True, False])},
        contracts=np.array(["", "A", "B"], dtype=object),
        attributes={"symbol": "X", "forming": True},
    )
    assert bars.forming().tolist() == [False, False, True]
    cut = bars.closed()
    assert (len(cut), cut.attributes["forming"], bars.attributes["forming"]) == (2, False, True)
    assert cut.contracts is not None
    assert cut.contracts.tolist() == ["", "A"]
    assert cut.marks["partial"].tolist() == [True, False]
    last = bars.where(np.array([False, False, True]))
    assert (last.attributes["forming"], last.time(0)) == (
        True,
        pd.Timestamp("1970-01-01 09:03", tz="Asia/Tokyo"),
    )
    columns = bars.columns()
    assert columns.flags.tolist() == [PARTIAL, FILLED, 0]
    assert columns.closed_us.tolist() == [0, 0, 200_000_000]
    assert np.isnan(columns.vwap).all()
    assert file_bars().columns().closed_us.tolist() == [0, 0, 0]
    amended = file_bars(marks={"amended": np.array([False, True, False])})
    assert amended.columns().flags.tolist() == [0, AMENDED, 0]
    frame = bars.frame()
    assert list(frame.columns[-4:]) == ["partial", "filled", "contract", "closed_at"]
    assert frame["closed_at"].isna().tolist() == [True, False, False]
    assert frame.attrs == {"notes": [], "symbol": "X", "forming": True}


def test_marks_tell_of_each_row_whether_it_was_being_made() -> None:
    bars = file_bars(marks={"forming": np.array([False, True, False])})
    assert bars.forming().tolist() == [False, True, False]
    assert bars.closed().time_us.tolist() == [60_000_000, 180_000_000]
    whole = file_bars()
    assert whole.closed() is whole
    assert whole.forming().tolist() == [False] * 3


def test_columns_that_only_others_of_the_table_have_are_left_out() -> None:
    nothing = np.full(3, NOT_A_TIME)
    values = {**file_bars().values, "vwap": np.full(3, np.nan)}
    marks = {"partial": np.array([False, True, False]), "filled": np.zeros(3, dtype=bool)}
    names = np.array(["", "", ""], dtype=object)
    empty = without_empty(file_bars(values=values, marks=marks, closed_us=nothing, contracts=names))
    assert ("vwap" in empty.values, list(empty.marks)) == (False, ["partial"])
    assert empty.closed_us is empty.contracts is None
    values["vwap"][1], nothing[0], names[2] = 5.0, 7, "H6"
    full = without_empty(file_bars(values=values, closed_us=nothing, contracts=names))
    assert "vwap" in full.values
    assert full.closed_us is not None
    assert full.contracts is not None
    assert without_empty(file_bars()).closed_us is None


def test_a_zone_that_is_none_is_refused_before_anything_is_read() -> None:
    with pytest.raises(OptionError, match="Nowhere"):
        ReadOptions(tz="Nowhere/Land")
    assert ReadOptions() == ReadOptions(positive_prices=True, keeps_order=False, first_counts=False)


# -- several in one --------------------------------------------------------------------------------------


def test_of_several_the_one_that_is_asked_for_is_taken() -> None:
    assert wanted_of(["1min"], None, "x") == "1min"
    assert wanted_of(["1min", "5min"], "300s", "x") == "5min"
    for held, asked, said in ((["a", "b"], None, "several timeframes: a, b"), (["1min"], "5min", "but 1min")):
        with pytest.raises(DataImportError, match=f"^x: .*{said}"):
            wanted_of(held, asked, "x")
    assert chosen_symbol([], "x") is None
    assert chosen_symbol(["A"], "x", prefers="B") == "A"
    assert chosen_symbol(["A", "B"], "x", prefers="b") == "B"
    assert chosen_symbol(["A", "B"], "x", symbol="A", prefers="B") == "A"
    for held, how, said in (
        (["A", "B"], {}, "several symbols: A, B"),
        (["A", "a"], {"prefers": "a"}, "several symbols"),
        (["A"], {"symbol": "B"}, "no symbol 'B'"),
    ):
        with pytest.raises(DataImportError, match=f"^x: .*{said}"):
            chosen_symbol(held, "x", **how)


def test_rows_are_told_apart_by_symbol_and_timeframe() -> None:
    stack = stack_of(["A", "B", "A", None], ["1m", "1min", "5min", "1min"], "x", symbol="A")
    assert (stack.symbol, stack.is_named, list(stack.rows)) == ("A", True, ["1min", "5min"])
    assert stack.rows["1min"].to_pylist() == [True, False, False, False]
    assert stack.rows["5min"].to_pylist() == [False, False, True, False]
    alone = stack_of(None, ["5min", " 5min "], "x")
    assert (alone.symbol, alone.rows, alone.is_named) == (None, {"5min": None}, True)
    partly = stack_of(None, ["5min", "", None], "x")
    assert not partly.is_named
    assert stack_of(["A"], None, "x").rows == {"": None}
    # What a spreadsheet would take for a formula has a sign before it.
    assert stack_of(["'=A", "'=A"], None, "x").symbol == "=A"


# -- opening ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b" \n\t", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (b"a,b\0c", "NUL characters"),
        (b"PAR1x", "a Parquet file"),
        (b"\x1f\x8bx", r"compressed with gzip; its name must end in \.gz"),
        (b"PK\x03\x04", "a zip archive"),
        (b"ARROW1", "an Arrow file"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
        (b"BZhx", "compressed with bzip2"),
        (b"\xfd7zXZ", "compressed with xz"),
        (b"\xff\xfea", "UTF-16"),
        (b"\xfe\xffa", "UTF-16"),
    ],
)
def test_what_is_no_text_is_said_to_be_what_it_is(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(DataImportError, match=said):
        source.read_text_bytes(path)


def test_text_is_read_packed_or_not_and_up_to_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, packed = tmp_path / "x.csv", tmp_path / "x.csv.GZ"
    path.write_bytes(b"\xef\xbb\xbfa,b\n")
    assert source.read_text_bytes(path) == (b"a,b\n", str(path))
    packed.write_bytes(gzip.compress(b"a,b\n" * 100))
    assert source.read_text_bytes(packed)[0] == b"a,b\n" * 100
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(gzip.compress(b"a,b\n" * 100)[:-9])
    with pytest.raises(DataImportError, match="not a sound gzip file"):
        source.read_text_bytes(torn)
    monkeypatch.setattr(source, "_HIGHEST_RATIO", 0)
    monkeypatch.setattr(source, "_FREE_BYTES", 400)
    assert len(source.read_text_bytes(packed)[0]) == 400
    monkeypatch.setattr(source, "_FREE_BYTES", 399)
    with pytest.raises(DataImportError, match="unpack to more than 399"):
        source.read_text_bytes(packed)
    monkeypatch.setattr(source, "LARGEST_FILE_BYTES", 7)
    assert source.read_text_bytes(path)[0] == b"a,b\n"
    monkeypatch.setattr(source, "LARGEST_FILE_BYTES", 6)
    with pytest.raises(DataImportError, match="it has 7 bytes; at most 6 are read"):
        source.read_text_bytes(path)


def test_folders_pipes_and_what_is_not_there_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path, "a folder, a pipe or a device"),
        (tmp_path / "pipe", "a folder, a pipe or a device"),
        (tmp_path / "no" / "x.csv", "no does not exist"),
        (tmp_path / "x.csv", "Relative names start at"),
    ):
        with pytest.raises(DataImportError, match=said):
            source.open_plain(path)
    file, path, size = source.open_plain(Member("a.mdnb, x", b"abc"))
    assert (file.read(), str(path), size) == (b"abc", "a.mdnb, x", 3)


# -- writing ---------------------------------------------------------------------------------------------


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(path: Path, content: bytes, error: BaseException | None = None) -> None:
    with atomic_write(path) as file:
        file.write(content)
        if error is not None:
            raise error


def test_a_file_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"old")
    path.chmod(0o640)
    for error in (ValueError(), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            write(path, b"half", error)
    with pytest.raises(DataExportError, match=r"x\.csv was not written: the disk"):
        write(path, b"half", OSError(5, "the disk"))
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["x.csv"])
    write(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)
    for odd, said in (
        (tmp_path, rf"^{tmp_path} is a folder or a device, not a file; give another name\.$"),
        (tmp_path / "no" / "x", "no does not exist"),
    ):
        with pytest.raises(DataExportError, match=said):
            write(odd, b"x")


def test_what_a_killed_write_left_goes_an_hour_later(tmp_path: Path) -> None:
    now = time.time()
    left = {".x.csv.aa.mdnb-tmp": 3700, ".x.csv.bb.mdnb-tmp": 3500, ".y.csv.aa.mdnb-tmp": 9999}
    left[".x.csv.aa"] = 9999
    for name, age in left.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (now - age, now - age))
    write(tmp_path / "x.csv", b"x")
    assert names(tmp_path) == sorted([*list(left)[1:], "x.csv"])


# -- times as text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        ("iso", ["2026-03-08T01:59:59.500000-06:00", "2026-03-08T03:00:00.000000-05:00"]),
        ("epoch_s", ["1772956799.500000", "1772956800.000000"]),
        ("epoch_ms", ["1772956799500", "1772956800000"]),
        ("epoch_us", ["1772956799500000", "1772956800000000"]),
        ("epoch_ns", ["1772956799500000000", "1772956800000000000"]),
        ("%d.%m.%y %H:%M:%S.%f%z", ["08.03.26 01:59:59.500000-0600", "08.03.26 03:00:00.000000-0500"]),
        ("100%% %j", ["100% 067", "100% 067"]),
    ],
)
def test_times_are_written_as_they_are_asked_for(form: str, texts: list[str]) -> None:
    index = pd.DatetimeIndex(["2026-03-08 07:59:59.5", "2026-03-08 08:00"], tz="UTC").as_unit("us")
    made = time_text(index.tz_convert("America/Chicago"), form)
    assert made(0, 2).to_pylist() == texts
    assert made(1, 2).to_pylist() == texts[1:]
    assert made(1, 1).to_pylist() == []


def test_names_of_months_may_be_of_any_length() -> None:
    index = pd.DatetimeIndex(["2026-03-08", "2026-05-01", "2026-09-30"], tz="UTC").as_unit("us")
    texts = ["March|08|", "May|01|", "September|30|"]
    assert time_text(index, "%B|%d|")(0, 3).to_pylist() == texts
    assert time_text(index, "%B|%d|")(1, 2).to_pylist() == texts[1:2]


def test_times_before_1970_keep_their_sign() -> None:
    index = pd.DatetimeIndex(["1969-12-31 23:59:58.75", "1970-01-01 00:00:00.25"], tz="UTC").as_unit("us")
    assert time_text(index, "epoch_s")(0, 2).to_pylist() == ["-1.250000", "0.250000"]
    assert time_text(index, "epoch_ms")(0, 2).to_pylist() == ["-1250", "250"]


@pytest.mark.parametrize(
    ("form", "rounded"),
    [
        ("iso", "2026-03-08 01:59:59.500001"),
        ("epoch_us", "2026-03-08 01:59:59.500001"),
        ("epoch_ms", "2026-03-08 01:59:59.501"),
        ("epoch_s", "2026-03-08 02:00"),
        ("%H:%M:%S", "2026-03-08 02:00"),
        ("%X", "2026-03-08 02:00"),
        ("%d %H:%M", "2026-03-08 02:00"),
        ("%Y %I %p", "2026-03-08 02:00"),
        ("%Y-%m-%d", "2026-03-09"),
    ],
)
def test_the_next_instant_that_a_format_can_tell(form: str, rounded: str) -> None:
    index = pd.DatetimeIndex(["2026-03-08 01:59:59.500001"], tz="UTC").as_unit("us")
    assert rounded_up(index, form)[0] == pd.Timestamp(rounded, tz="UTC")
    exact = pd.DatetimeIndex(["2026-03-08"], tz="UTC").as_unit("us")
    assert rounded_up(exact, form)[0] == exact[0]


@pytest.mark.parametrize("form", ["isoo", "", '%Y"', "%Y\\", "%Y\n"])
def test_formats_that_cannot_be_are_refused(form: str) -> None:
    index = pd.DatetimeIndex(["2026-03-08"], tz="UTC").as_unit("us")
    with pytest.raises(OptionError, match="date_format="):
        time_text(index, form)
