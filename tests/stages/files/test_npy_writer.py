from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meli_tasks.stages.files.npy_writer import GrowingArray


@given(
    st.lists(st.lists(st.integers(-1_000, 1_000), max_size=9)),
    st.sampled_from([np.int32, np.int64, np.float32, np.bool_]),
)
def test_pieces_give_the_same_file_as_numpy(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[list[int]], dtype: type[np.generic]
) -> None:
    folder = tmp_path_factory.mktemp("arrays")
    with GrowingArray(folder / "grown.npy", dtype) as array:
        for piece in pieces:
            array.append(np.array(piece, dtype=dtype))
    whole = np.array([value for piece in pieces for value in piece], dtype=dtype)
    np.save(folder / "whole.npy", whole)
    assert (folder / "grown.npy").read_bytes() == (folder / "whole.npy").read_bytes()
    assert np.array_equal(np.load(folder / "grown.npy", mmap_mode="r" if len(whole) else None), whole)


def test_values_of_another_type_are_rejected(tmp_path: Path) -> None:
    with GrowingArray(tmp_path / "a.npy", np.int32) as array, pytest.raises(TypeError, match="int32 cannot take int64"):
        array.append(np.zeros(1, np.int64))
