"""Columns made from their buffers are those that Arrow would make, and pandas stays out of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from meli_tasks.stages.files.arrow_columns import bytes_of, integers, numbers_by_value, numbers_of, texts

values = st.lists(st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12), max_size=20)


@settings(deadline=None)
@given(values)
def test_texts_are_arrow_s(some: list[str | None]) -> None:
    column = texts(some)
    column.validate(full=True)
    assert column.equals(pa.array(some, pa.string()))


@settings(deadline=None)
@given(values, st.integers(0, 20))
def test_bytes_are_the_same_however_a_column_is_cut(some: list[str | None], at: int) -> None:
    whole, column = pa.chunked_array([texts(some)]), texts(some)
    cut = pa.chunked_array([column.slice(0, at), column.slice(at)])
    assert bytes_of(cut) == bytes_of(whole)
    data, lengths = bytes_of(whole)
    assert data.decode() == "".join(value or "" for value in some)
    assert np.frombuffer(lengths, np.int32).tolist() == [-1 if v is None else len(v.encode()) for v in some]


@settings(deadline=None)
@given(values, st.integers(0, 20), st.booleans())
def test_texts_are_numbered_by_value_wherever_a_column_was_cut(
    some: list[str | None], at: int, is_dictionary: bool
) -> None:
    column = texts(some).slice(at)
    column = column.dictionary_encode() if is_dictionary else column
    numbered = list[str | None]()

    def length(text: str | None) -> int:
        numbered.append(text)
        return -1 if text is None else len(text)

    found = numbers_by_value(column, length)
    assert found.dtype == np.int32
    assert found.tolist() == [-1 if text is None else len(text) for text in some[at:]]
    assert len(numbered) == len(set(numbered))


def test_integers_go_and_come() -> None:
    numbers = np.array([3, 1, 255], dtype=np.uint8)
    assert integers(numbers).to_pylist() == [3, 1, 255]
    cut = pa.chunked_array([integers(numbers).slice(1), integers(numbers[:1])])
    assert numbers_of(cut).tolist() == [1, 255, 3]


def test_ingest_does_not_load_pandas(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    program = (
        "import sys; from pathlib import Path; from meli_tasks.stages import ingest; "
        "from meli_tasks.stages.files import sample_file; "
        "from meli_tasks.stages.hooks import Hooks; from meli_tasks.core.stage_parameters import Ingest; "
        "folder = Path(sys.argv[1]); "
        "sample_file.write_sample(folder / 'a.parquet', 5_000, 1, 0.01); "
        "ingest.run({'source': folder / 'a.parquet'}, folder / 'out', Ingest(min_category_rows=100), Hooks()); "
        "assert not {'pandas', 'torch', 'sklearn', 'polars'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, cwd=Path(__file__).parents[3])
