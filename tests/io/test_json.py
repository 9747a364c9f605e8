"""JSON: round trips in every form, the standard library and pandas as judges, and what is not let in."""

from __future__ import annotations

import io
import json
from importlib import metadata
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from mdnb.errors import DataExportError, DataImportError, OptionError
from mdnb.io import read_json, write_json
from tests.io.frames import EASY, SHARED, bar_frames, bars, same, timed, timed_frames

ORIENTS = ("records", "columns", "split")
BAR = '{"timestamp":"2026-03-02T09:30:00-06:00","open":1,"high":2,"low":1,"close":2,"volume":5}'


QUOTED = '"two"'


def high(text: str) -> str:
    return BAR.replace('"high":2', f'"high":{text}')


def time(text: str) -> str:
    return BAR.replace('"2026-03-02T09:30:00-06:00"', text)


def more(key: str, text: str) -> str:
    return BAR.replace("}", f',"{key}":{text}}}')


def put(folder: Path, text: str | bytes, name: str = "bars.json") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@given(
    bar_frames(),
    st.sampled_from(ORIENTS),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["iso", "epoch_us", "epoch_ns"]),
    st.sampled_from(["bars.json", "bars.json.gz"]),
)
@settings(EASY)
def test_every_frame_comes_back_exactly(
    tmp_path: Path,
    frame: pd.DataFrame,
    orient: str,
    pretty: bool,
    envelope: bool,
    date_format: str,
    name: str,
) -> None:
    path = write_json(
        frame,
        tmp_path / name,
        orient=orient,
        pretty_format=pretty,
        envelope=envelope,
        date_format=date_format,
    )
    back = read_json(
        path,
        tz=None if envelope else str(frame.index.tz),
        date_format=None if date_format == "iso" else date_format,
        positive_prices=False,
    )
    if not len(frame) and orient == "records":
        back = back.assign(vwap=np.empty(0)) if "vwap" in frame else back  # an empty list names no columns
    same(frame, back)


@given(bar_frames(), st.sampled_from(ORIENTS), st.booleans(), st.booleans())
@settings(EASY, max_examples=60)
def test_the_standard_library_reads_and_lays_it_out_the_same(
    frame: pd.DataFrame, orient: str, pretty: bool, envelope: bool
) -> None:
    text = str(write_json(frame, orient=orient, pretty_format=pretty, envelope=envelope))

    def whole(number: str) -> Any:  # 1.0 is written as 1, which is a float again for every reader of columns
        return float(number)

    loaded = json.loads(text, parse_constant=pytest.fail, parse_int=whole)
    layout: dict[str, Any] = {"indent": 2} if pretty else {"separators": (",", ":")}
    bare = json.loads(text, parse_int=str, parse_float=str)
    assert json.dumps(bare, **layout).replace('"', "") == text.replace('"', "")
    plain = loaded["bars"] if envelope else loaded
    times = [stamp.isoformat() for stamp in frame.index]
    rows = {
        "records": lambda: [(bar["timestamp"], bar["close"]) for bar in plain],
        "columns": lambda: list(zip(plain["timestamp"], plain["close"], strict=True)),
        "split": lambda: list(
            zip(plain["index"], [row[plain["columns"].index("close")] for row in plain["data"]], strict=True)
        ),
    }[orient]()
    assert [close for _, close in rows] == frame["close"].tolist()
    assert list(pd.to_datetime([time for time, _ in rows], utc=True, format="ISO8601")) == list(
        pd.to_datetime(times, utc=True, format="ISO8601")
        if not any(time.count(":") > 3 for time in times)
        else frame.index.tz_convert("UTC")
    )


@given(
    timed_frames(),
    st.sampled_from(ORIENTS),
    st.booleans(),
    st.sampled_from(["iso", "epoch_us", "epoch_ns"]),
)
@settings(EASY)
def test_when_bars_were_closed_comes_back_exactly(
    tmp_path: Path, frame: pd.DataFrame, orient: str, envelope: bool, date_format: str
) -> None:
    path = write_json(
        frame, tmp_path / "bars.json", orient=orient, envelope=envelope, date_format=date_format
    )
    if not len(frame):
        assert read_json(path).empty
        return
    back = read_json(
        path,
        tz=None if envelope else str(frame.index.tz),
        date_format=None if date_format == "iso" else date_format,
        positive_prices=False,
    )
    if "closed_at" not in back:
        assert frame["closed_at"].isna().all()  # a list of null says nothing
        back = back.assign(closed_at=frame["closed_at"])
    same(frame, back)


@pytest.mark.parametrize("orient", ORIENTS)
def test_the_standard_library_reads_the_times_of_closing(orient: str) -> None:
    frame = timed()
    loaded = json.loads(str(write_json(frame, orient=orient)))
    told = {
        "records": lambda: [bar["closed_at"] for bar in loaded],
        "columns": lambda: loaded["closed_at"],
        "split": lambda: [row[loaded["columns"].index("closed_at")] for row in loaded["data"]],
    }[orient]()
    assert told[-1] is None
    judge = [None if text is None else pd.Timestamp(text) for text in told]
    assert judge[:-1] == frame["closed_at"].tolist()[:-1]
    epochs = json.loads(str(write_json(frame, orient="columns", date_format="epoch_us")))["closed_at"]
    assert epochs == [*pd.DatetimeIndex(frame["closed_at"]).asi8.tolist()[:-1], None]


@pytest.mark.parametrize(
    "value", ["true", "1.5", "5", '"yes"', "[1]", '{"a":1}', '"1"', "9999999999999999999"]
)
@pytest.mark.parametrize("between", [",", ",\n"])
def test_a_column_of_that_name_that_holds_no_times_is_left_alone(
    tmp_path: Path, value: str, between: str
) -> None:
    second = more("closed_at", value).replace("09:30", "09:31")
    for text in (f"[{more('closed_at', value)}{between}{second}]", f"[{BAR}{between}{second}]"):
        frame = read_json(put(tmp_path, text))
        assert "closed_at" not in frame
        assert len(frame) == 2
        assert [note["type"] for note in frame.attrs["notes"]] == ["no_closing_times"]


def test_a_value_of_that_name_beside_columns_is_no_column(tmp_path: Path) -> None:
    frame = bars(3, tz="UTC")
    loaded = json.loads(str(write_json(frame, orient="columns")))
    for value in ("2026-03-02", [1], {"a": 1}, None):
        same(frame, read_json(put(tmp_path, json.dumps({**loaded, "closed_at": value}))))


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ('"2026-03-02T09:31:00-06:00"', '"soon"', "'soon' in 'closed_at'"),
        ("null", '"2026-03-02T08:31:00-06:00"', "before the bar begins in data row 2"),
        ("1772460000", "null", "before the bar begins in data row 1"),
        ('"9999-03-02T09:31:00-06:00"', "null", "outside the years"),
    ],
)
def test_times_of_closing_that_cannot_be_refuse_the_file(
    tmp_path: Path, first: str, second: str, message: str
) -> None:
    rows = [more("closed_at", first), more("closed_at", second).replace("09:30", "09:31")]
    with pytest.raises(DataImportError, match=message):
        read_json(put(tmp_path, f"[{','.join(rows)}]"))


def test_the_first_bar_may_not_tell_when_it_was_closed(tmp_path: Path) -> None:
    second = more("closed_at", '"2026-03-02T09:32:01-06:00"').replace("09:30", "09:31")
    for first in (BAR, more("closed_at", "null")):
        frame = read_json(put(tmp_path, f"[{first},{second}]"))
        assert frame["closed_at"].isna().tolist() == [True, False]
        assert frame["closed_at"].iloc[1] == pd.Timestamp("2026-03-02T15:32:01Z")


@pytest.mark.parametrize("orient", ORIENTS)
def test_pandas_reads_the_same(orient: str) -> None:
    frame = bars()
    text = str(write_json(frame, orient=orient))
    judge = pd.read_json(io.StringIO(text), orient=orient, precise_float=True)  # type: ignore[call-overload]
    times = judge.index if orient == "split" else judge["timestamp"]
    assert list(pd.to_datetime(times, utc=True)) == list(frame.index.tz_convert("UTC"))
    for name in frame:
        assert list(judge[name]) == list(frame[name])


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # epochs are on their way out of pandas
@pytest.mark.parametrize("options", [{"orient": "records"}, {"orient": "split"}, {"orient": "columns"}])
@pytest.mark.parametrize("form", ["iso", "epoch"])
def test_what_pandas_writes_is_read(tmp_path: Path, options: dict[str, Any], form: str) -> None:
    frame = bars(tz="UTC")
    given = frame.reset_index() if options["orient"] == "records" else frame
    path = tmp_path / "bars.json"
    given.to_json(path, date_format=form, date_unit="us", double_precision=15, **options)
    same(frame, read_json(path))


@pytest.mark.parametrize("orient", ORIENTS)
def test_many_chunks_make_one_list(tmp_path: Path, orient: str) -> None:
    frame = bars(140_000, tz="UTC", start="2025-01-01")
    path = write_json(frame, tmp_path / "bars.json", orient=orient, pretty_format=orient == "records")
    same(frame, read_json(path))


def test_each_option_shows() -> None:
    frame = bars(2).assign(signal='say "up" \u20ac\\')
    plain = str(write_json(frame))
    loaded = json.loads(plain)
    assert isinstance(loaded, list)
    assert list(loaded[0]) == ["timestamp", "open", "high", "low", "close", "volume", "tick_count"]
    assert "volume" not in json.loads(str(write_json(frame, include_volume=False)))[0]
    pretty = str(write_json(frame, pretty_format=True))
    assert json.loads(pretty) == loaded
    assert pretty.count("\n") > plain.count("\n") == 0
    assert json.loads(str(write_json(frame, columns=["signal"])))[0]["signal"] == 'say "up" \u20ac\\'
    assert json.loads(str(write_json(frame, date_format="epoch_ms")))[0]["timestamp"] == 1_762_059_600_000
    assert json.loads(str(write_json(frame, date_format="%d.%m.")))[0]["timestamp"] == "02.11."
    wrapped = json.loads(str(write_json(frame, envelope=True)))
    assert wrapped.pop("bars") == loaded
    assert wrapped == {
        "symbol": "MNQ",
        "timeframe": "1min",
        "timezone": "America/Chicago",
        "source": "trades",
        "forming": True,
        "mdnb": metadata.version("mdnb"),
    }
    assert set(json.loads(str(write_json(frame, orient="columns")))) == {*loaded[0]}
    assert set(json.loads(str(write_json(frame, orient="split")))) == {"columns", "index", "data"}


def test_the_envelope_brings_back_what_is_known(tmp_path: Path) -> None:
    frame = bars()
    for orient in ORIENTS:
        back = read_json(write_json(frame, tmp_path / "bars.json", envelope=True, orient=orient))
        assert back.attrs == {**frame.attrs, "notes": []}
        assert str(back.index.tz) == "America/Chicago"


def test_unknown_forms_and_infinity_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = put(tmp_path, "old")
    with pytest.raises(OptionError, match="Allowed: records, columns, split"):
        write_json(bars(1), path, orient="record")
    frame = bars(2)
    frame.iloc[1, 0] = -np.inf
    with pytest.raises(DataExportError, match="'open' is infinite in row 2"):
        write_json(frame, path)
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    "text",
    [
        f"[{BAR}]",
        f" [ {BAR} ] \n",
        BAR,
        f"{BAR}\n{BAR.replace('09:30', '09:31')}\n",
        f'[{BAR.replace("}", "")},"note":"a }},{{ b"}}]',
        f'[{BAR.replace("}", "")},"more":{{"a":[1]}}}}]',
        f'{{"bars":[{BAR}],"next":null}}',
        BAR.replace('":', '" : '),
        '[{"timestamp":"2026-03-02T15:30:00Z","open":"1","high":"2.0","low":"1","close":"2","volume":"5"}]',
        '[{"Timestamp":1772465400000,"OPEN":1,"high":2,"low":1,"close":2,"volume":5}]',
        '[{"timestamp":1772465400.0,"open":1,"high":2,"low":1,"close":2,"volume":5}]',
    ],
)
def test_forms_that_are_understood(tmp_path: Path, text: str) -> None:
    frame = read_json(put(tmp_path, text))
    assert frame.index[0] == pd.Timestamp("2026-03-02 15:30", tz="UTC")
    assert frame.iloc[0].tolist() == [1, 2, 1, 2, 5, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"[{high('NaN')}]", "NaN is not a number of JSON"),
        (f"[{high('-Infinity')}]", "-Infinity is not a number"),
        (f"[{high('1e999')}]", "1e999 is beyond the largest number"),
        (f"[{more('close', '3')}]", "the key 'close' stands twice"),
        (f"[{BAR},{more('cl' + chr(92) + 'u006fse', '3')}]", "the key 'close' stands twice"),
        (f"[{high('9' * 5000)}]", "a whole number of 5000 digits|not finite"),
        (f"[{BAR},{more('tick_count', '9' * 5000)}]", "a whole number of 5000 digits|not finite"),
        ("[" * 100_000 + "]" * 100_000, "nested too deep"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deep"),
        (f"[{BAR}", "not sound JSON"),
        (f"[{BAR}] x", "not sound JSON"),
        (b"[\xff\xfb]", "not sound JSON"),
        ("[1,2]", "entry 1 is a int, not an object"),
        (f"[{BAR},null]", "entry 2 is a NoneType"),
        ("{}", "no column 'timestamp'; found no columns"),
        ('"text"', "holds str, not bars"),
        (f"[{high('null')}]", "'high' is missing or not finite in data row 1"),
        (f"[{BAR},{high('-2')}]", "'high' is zero or negative in data row 2"),
        (f"[{BAR},{high('true')}]", "'high' holds values that are no numbers"),
        (f"[{BAR},{high(QUOTED)}]", "'two' in 'high' .data row 2. is not a number"),
        (f"[{BAR},{BAR.replace('high', 'hi')}]", "'high' is missing or not finite in data row 2"),
        (f"[{BAR.replace('close', 'last')}]", "no column 'close'.*price_columns"),
        (f"[{BAR},{time('5')}]", "times are of the kinds int, str"),
        (f"[{time('null')}]", "'timestamp' is empty in data row 1"),
        ('{"columns":["open"],"index":[1],"data":[[1,2]]}', "different lengths"),
        ('{"columns":1,"index":[1],"data":[[1,2]]}', "are not lists"),
        (
            '{"timestamp":[1772465400],"open":[1],"high":[1],"low":[1],"close":[1,2],"volume":[1]}',
            "columns are of different lengths",
        ),
        (
            '{"timestamp":"x","open":[1],"high":[1],"low":[1],"close":[1],"volume":[1]}',
            "columns are not lists",
        ),
        (f'{{"timezone":"../../etc/passwd","bars":[{BAR}]}}', "names the zone .* not known"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataImportError, match=message) as caught:
        read_json(put(tmp_path, text))
    assert "bars.json" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_an_envelope_cannot_bring_in_more_than_plain_words(tmp_path: Path) -> None:
    text = f'{{"symbol":"<img src=x onerror=alert(1)>","source":5,"timeframe":"{"x" * 99}","bars":[{BAR}]}}'
    assert read_json(put(tmp_path, text)).attrs == {"source": "json", "notes": []}


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
@settings(EASY)  # fmt: skip
def test_any_json_is_bars_or_a_clear_error(tmp_path: Path, value: Any) -> None:
    path = put(tmp_path, json.dumps(value))
    if value == []:
        assert read_json(path).empty
        return
    with pytest.raises(DataImportError):
        read_json(path)


@pytest.mark.parametrize("between", [",", ",\n"])
def test_a_column_that_only_later_bars_have(tmp_path: Path, between: str) -> None:
    second = more("vwap", "1.5").replace("09:30", "09:31")
    frame = read_json(put(tmp_path, f"[{BAR}{between}{second}]"))
    assert frame["vwap"].isna().tolist() == [True, False]
    with pytest.raises(DataImportError, match="'tick_count' is missing or not finite in data row 1"):
        read_json(put(tmp_path, f"[{BAR}{between}{more('tick_count', '3')}]"))


def test_a_real_recording(tmp_path: Path) -> None:
    path = SHARED / "dialects/ib_bars_jsonl.json"
    if not path.is_file():
        pytest.skip("the shared recordings are not here")
    frame = read_json(path, date_column="date")
    judge = pd.read_json(path, lines=True, precise_float=True)
    judge.index = pd.DatetimeIndex(pd.to_datetime(judge["date"], utc=True, format="ISO8601"))
    judge = judge[~judge.index.duplicated(keep="last")].sort_index()
    assert list(frame.index) == list(judge.index)
    for column in ("open", "high", "low", "close", "volume"):
        assert list(frame[column]) == list(judge[column])


@pytest.mark.parametrize("name", ["bars.jsonl", "bars.ndjson.gz"])
def test_a_file_whose_name_says_lines_holds_one_bar_a_line(tmp_path: Path, name: str) -> None:
    frame = bars(50)
    path = write_json(frame, tmp_path / name)
    held = pd.read_json(path, lines=True, precise_float=True)
    assert held["close"].tolist() == frame["close"].tolist()
    assert len(held) == 50
    same(read_json(path, tz="America/Chicago"), frame)
    empty = write_json(frame.iloc[:0], tmp_path / name)
    assert pd.read_json(empty, lines=True).empty


@pytest.mark.parametrize("options", [{"orient": "split"}, {"pretty_format": True}, {"envelope": True}])
def test_lines_have_no_other_form(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"holds one bar a line: orient='records'.*ending \.json"):
        write_json(bars(5), tmp_path / "bars.jsonl", **options)
    assert not list(tmp_path.iterdir())
