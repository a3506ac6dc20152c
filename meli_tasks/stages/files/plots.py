"""The learning curves of one training, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from meli_tasks.core.training.progress import Epoch


def draw_curves(epochs: Sequence[Epoch], kept: int, path: Path) -> None:
    """Two panels over the epochs, loss and balanced accuracy, the kept epoch marked. Writes a PNG, 1,000 x 400."""
    numbers = [epoch.epoch for epoch in epochs]
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    loss, accuracy = figure.subplots(1, 2)
    loss.plot(numbers, [epoch.train_loss for epoch in epochs], marker="o", label="training")
    loss.plot(numbers, [epoch.validation_loss for epoch in epochs], marker="o", label="validation")
    loss.set(title="Loss", xlabel="epoch", ylabel="cross-entropy, nats")
    measured = [epoch.validation_balanced_accuracy for epoch in epochs]
    accuracy.plot(numbers, measured, marker="o", color="tab:orange", label="validation")
    accuracy.set(title="Balanced accuracy", xlabel="epoch", ylabel="mean recall of the categories")
    for panel in (loss, accuracy):
        panel.axvline(kept, color="grey", linestyle=":", label=f"kept: epoch {kept}")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
        panel.legend()
    figure.savefig(path, dpi=100)
