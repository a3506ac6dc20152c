"""The pictures of the stages: a PNG of the right size, with an order and error bars that hold for few titles too."""

from __future__ import annotations

import struct
from pathlib import Path

from meli_tasks.core.training.progress import Epoch
from meli_tasks.stages.files.plots import Bar, draw_curves, draw_leaderboard


def size_of(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    return struct.unpack(">II", data[16:24])


def test_the_curves_are_a_picture_of_1000_by_400(tmp_path: Path) -> None:
    epochs = [Epoch(number, 1 / number, 1.5 / number, 0.5, 0.01, 1.0, number == 2) for number in (1, 2, 3)]
    draw_curves(epochs, 2, tmp_path / "curves.png")
    assert size_of(tmp_path / "curves.png") == (1_000, 400)


def test_the_curves_do_not_draw_the_loss_that_is_minimized_beside_another_quantity(tmp_path: Path) -> None:
    pictures = []
    for objective in (1.64, 7.0):
        epochs = [
            Epoch(1, objective, 0.16, 0.9, 0.01, 1.0, True, 0.15),
            Epoch(2, objective, 0.2, 0.8, 0.01, 1.0, False),
        ]
        draw_curves(epochs, 1, tmp_path / "curves.png")
        pictures.append((tmp_path / "curves.png").read_bytes())
    assert pictures[0] == pictures[1]


def test_a_leaderboard_grows_with_its_models_and_repeats_to_the_byte(tmp_path: Path) -> None:
    # An interval that lies beside its value, as with few titles.
    bars = [Bar("a", 0.5, 0.4, 0.6), Bar("b", 0.7, 0.71, 0.8), Bar("c", 0.6, 0.5, 0.7)]
    for name, some in (("one", bars[:1]), ("all", bars), ("reversed", bars[::-1])):
        draw_leaderboard(some, tmp_path / f"{name}.png", "test")
    assert size_of(tmp_path / "all.png")[1] > size_of(tmp_path / "one.png")[1]
    assert (tmp_path / "all.png").read_bytes() == (tmp_path / "reversed.png").read_bytes()
