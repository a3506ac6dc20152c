"""train: one hyperparameter set to a model.

In: `preprocess` (encoded titles, encoder, categories) and `embed` (vectors.npy). Out: model.safetensors and model.json
(together all that classifying a raw title needs), history.json (an entry an epoch), curves.png.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.errors import BadData, NotFound, Unreachable
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import TitleNetwork, build
from meli_tasks.core.text.encoder import FIRST_WORD, Encoder
from meli_tasks.core.training.distributed import ProcessGroup
from meli_tasks.core.training.memory import keep_freed_memory
from meli_tasks.core.training.progress import Epoch, Progress
from meli_tasks.core.training.trainer import State, Training
from meli_tasks.stages.encoding.ngram_arrays import array_path
from meli_tasks.stages.files.model_files import read_encoder, write_model
from meli_tasks.stages.files.plots import draw_curves
from meli_tasks.stages.hooks import Hooks, Inputs, Log
from meli_tasks.stages.summaries import TrainSummary
from meli_tasks.stages.training.workers import Asked, check_cards, together
from meli_tasks.wording import count, duration

OUTPUTS = ("model.safetensors", "model.json", "history.json", "curves.png")

# A training shorter than this begins anew when it is killed; saving takes at most a twentieth of a longer one.
SECONDS_BETWEEN_EPOCHS_SAVED = 20.0
SECONDS_WITHIN_AN_EPOCH = 180.0
MOST_OF_THE_TIME = 0.05

SECONDS_BETWEEN_LOOKS = 3.0
"""How long somebody who asked a training to stop waits at most, besides the step and the measuring it is in."""


def run(inputs: Inputs, out: Path, params: Train, hooks: Hooks) -> TrainSummary:
    """Train a model and write it, resuming from a checkpoint if there is one. Uses the threads that torch is set to.

    A requested stop keeps the best epoch so far; the summary says who requested it.

    Raises:
        Unreachable: there is no GPU though one is required, there are fewer than `hooks.gpus`, or one of several
            processes that train together has ended.
    """
    log, cards = hooks.log, hooks.gpus
    device = chosen_device(hooks.device, log)
    keep_freed_memory()
    check_cards(cards, device, params)
    checkpoint = hooks.checkpoints.newest()
    asked = Asked(inputs, params, device, cards, checkpoint)
    with TemporaryDirectory() as work, together(asked, Path(work)) as group:
        training, encoder, categories = ready(inputs, params, device, group)
        _introduce(training, cards, log)
        began = time.monotonic()
        if checkpoint:
            _resume(training, checkpoint, log)
        stopped_by = _train(training, hooks)
    if checkpoint:
        checkpoint.unlink()
    network, epochs, titles = training.network, training.epochs, len(training.titles)
    size = parameter_counts(network)
    kept = training.kept_epoch
    seconds = time.monotonic() - began
    log.info(
        f"kept epoch {kept.epoch}: balanced accuracy {kept.validation_balanced_accuracy:.4f} on validation; "
        f"{count(len(epochs), 'epoch')} in {duration(seconds)}, {len(epochs) * titles / seconds:,.0f} titles/s "
        "with validation"
    )
    write_model(out, network, encoder, categories)
    (out / "history.json").write_text(json.dumps([asdict(epoch) for epoch in epochs], indent=1), encoding="utf-8")
    draw_curves(epochs, kept.epoch, out / "curves.png")
    return TrainSummary(
        kept_epoch=kept.epoch,
        validation_balanced_accuracy=kept.validation_balanced_accuracy,
        validation_loss=kept.validation_loss,
        train_loss=kept.train_loss,
        epochs_run=len(epochs),
        parameters=size["all"],
        trained_parameters=size["trained"],
        batch_size_used=training.batch_size,
        stopped_by=stopped_by,
    )


def ready(
    inputs: Mapping[str, Path], params: Train, device: str, cards: ProcessGroup
) -> tuple[Training, Encoder, list[str]]:
    """A training before its first step, from the stage's inputs; the encoder and categories of its model."""
    folder = inputs["preprocess"]
    encoder = read_encoder(folder)
    categories: list[str] = json.loads((folder / "categories.json").read_text(encoding="utf-8"))
    vectors = np.load(inputs["embed"] / "vectors.npy")
    if len(vectors) != FIRST_WORD + len(encoder.words):
        raise BadData(
            f"{inputs['embed'] / 'vectors.npy'} has {len(vectors)} rows, but the vocabulary asks for "
            f"{FIRST_WORD + len(encoder.words)}: the two come from different runs"
        )
    titles = read_titles(folder, "train", len(vectors), params, device)
    validation = read_titles(folder, "validation", len(vectors), params, device)
    network = build(params, vectors.shape, len(encoder.ngrams), len(categories))
    network.words.weight.data.copy_(torch.from_numpy(vectors))
    network.to(device)
    return Training(network, titles, validation, params, cards), encoder, categories


def _introduce(training: Training, cards: int, log: Log) -> None:
    size, categories = parameter_counts(training.network), training.network.out.out_features
    on = training.device.type if cards == 1 else f"{cards} x {training.device.type}"
    log.info(
        f"{training.params.architecture} on {on}: {len(training.titles):,} training and {len(training.validation):,} "
        f"validation titles, {categories:,} categories, {size['trained']:,} of {size['all']:,} parameters train"
    )


def chosen_device(asked: str, log: Log) -> str:
    """ "cuda" or "cpu". Errors: Unreachable when a card was asked for and there is none."""
    if asked == "cpu" or torch.cuda.is_available():
        return "cpu" if asked == "cpu" else "cuda"
    if asked == "cuda":
        raise Unreachable(
            "MELI_DEVICE=cuda, but PyTorch sees no card on this machine: nvidia-smi says whether there is one, and "
            "`meli doctor` whether this PyTorch can use it. MELI_DEVICE=auto would train on the CPU instead."
        )
    log.info("there is no card on this machine: training on the CPU, as MELI_DEVICE=auto allows")
    return "cpu"


def _train(training: Training, hooks: Hooks) -> str:
    """Train to the end, or until a stop is requested: by whom, and when; empty if nobody did."""
    log, stops = hooks.log, hooks.stop_requests
    pace, batch_size, stopped_by, looked = _Pace(), training.batch_size, "", time.monotonic()
    for event in training.run():
        _tell(event, training.params.epochs, log)
        if training.batch_size < batch_size:
            log.info(
                f"the card's memory was full with {batch_size:,} titles a step: going on with {training.batch_size:,}"
            )
            batch_size = training.batch_size
        if pace.due(isinstance(event, Epoch)):
            with pace.saving():
                hooks.checkpoints.save(lambda path: write_state(path, training.state()))
        over = isinstance(event, Epoch) and event.epoch == training.params.epochs
        if not over and (isinstance(event, Epoch) or time.monotonic() - looked >= SECONDS_BETWEEN_LOOKS):
            stopped_by, looked = stops.requested_by() or stopped_by, time.monotonic()
            if stopped_by and not training.asked:
                log.info(f"asked to stop by {stopped_by}: the best epoch is kept")
                training.stop()
    if training.cut_short:  # an attempt that was stopped and then killed leaves nothing to train, but it was stopped
        return stopped_by or stops.requested_by() or ""
    return ""


def _tell(event: Progress | Epoch, epochs: int, log: Log) -> None:
    if isinstance(event, Progress):
        log.progress(**asdict(event))
        return
    log.epoch(asdict(event))
    log.info(
        f"epoch {event.epoch}/{epochs}: train loss {event.train_loss:.4f}, validation loss "
        f"{event.validation_loss:.4f}, balanced accuracy {event.validation_balanced_accuracy:.4f}"
        f"{' (best)' if event.best else ''}, {duration(event.seconds)}"
    )


def _resume(training: Training, checkpoint: Path, log: Log) -> None:
    training.resume(read_state(checkpoint))
    for epoch in training.epochs:
        log.epoch(asdict(epoch))
    log.info(f"resumed at epoch {training.epoch}, step {training.step:,} of {training.steps:,}, from a checkpoint")


class _Pace:
    """When to save: at the end of an epoch, within a long one every few minutes, and never at much cost."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._cost = 0.0

    def due(self, epoch_ended: bool) -> bool:
        since = time.monotonic() - self._last
        shortest = SECONDS_BETWEEN_EPOCHS_SAVED if epoch_ended else SECONDS_WITHIN_AN_EPOCH
        return since >= max(shortest, self._cost / MOST_OF_THE_TIME)

    @contextmanager
    def saving(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._last = time.monotonic()
        self._cost = self._last - began


def write_state(path: Path, state: State) -> None:
    """A training's state as one safetensors file, the plain values in its header. Errors: OSError."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors.items()}
    try:
        save_file(tensors, path, metadata={"facts": json.dumps(state.facts)})
    except SafetensorError as error:
        raise OSError(f"{path}: {error}") from error


def read_state(path: Path) -> State:
    """What `write_state` wrote."""
    with safe_open(path, framework="pt") as file:
        names: list[str] = file.keys()
        return State(json.loads(file.metadata()["facts"]), {name: file.get_tensor(name) for name in names})


def parameter_counts(network: TitleNetwork) -> dict[str, int]:
    """How many numbers the network holds, and how many of them the training may change."""
    tables = [network.words] + ([network.ngrams.table] if network.ngrams is not None else [])
    dense = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    rows = sum(table.trained * table.weight.shape[1] for table in tables)
    return {"all": sum(weight.numel() for weight in network.parameters()), "trained": dense + rows}


def read_titles(folder: Path, split: str, vocabulary: int, params: Train, device: str) -> EncodedTitles:
    """The preprocess stage's arrays of one split, on the device; n-grams only for a set that uses them.

    `vocabulary`: rows of the word vectors' table.
    """

    def array(name: str) -> NDArray[Any]:
        path = array_path(folder, name)
        if not path.exists():
            raise NotFound(f"{path} is missing: has preprocess run with this set's parameters?")
        loaded: NDArray[Any] = np.load(path, mmap_mode="r")
        return loaded

    ngrams = None
    if params.ngram_dimensions:
        char_ngrams = (array("char_ngrams"), array("char_ngram_offsets"))
        word_ngrams = (array(f"{split}.word_ngrams"), array(f"{split}.word_ngram_offsets"))
        ngrams = (char_ngrams, word_ngrams, array("ngram_weights"))
    return EncodedTitles.from_arrays(
        (array(f"{split}.tokens"), array(f"{split}.offsets")),
        vocabulary,
        ngrams,
        array(f"{split}.labels"),
        array(f"{split}.reliable"),
        device=device,
    )
