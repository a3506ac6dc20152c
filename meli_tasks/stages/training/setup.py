"""From a stage's inputs to a training run before its first step, and from a checkpoint to its state.

Apart from `stages.train`, so that worker processes need not import the stage that starts them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.errors import BadData, BadSettings, NotFound, Unreachable
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import build
from meli_tasks.core.text.encoder import FIRST_WORD, Encoder
from meli_tasks.core.training.distributed import ProcessGroup, check_divisible
from meli_tasks.core.training.progress import Epoch
from meli_tasks.core.training.state import Metadata, State
from meli_tasks.core.training.trainer import Training
from meli_tasks.stages.encoding.ngram_arrays import array_path
from meli_tasks.stages.files.model_files import read_encoder
from meli_tasks.stages.hooks import Log, Machines
from meli_tasks.stages.training.memory_needs import check_memory

FORMER_METADATA = {
    "best": "best_accuracy",
    "stale": "epochs_without_improvement",
    "last_good": "last_good_loss",
    "rows_steps": "row_steps",
    "average_steps": "ema_steps",
}
FORMER_PREFIXES = {"average.": "ema.", "kept.": "best_state."}
"""Names in checkpoints written up to commit 468b5c0, by which a run that it started resumes."""


def prepare(
    inputs: Mapping[str, Path], params: Train, device: str, group: ProcessGroup
) -> tuple[Training, Encoder, list[str]]:
    """A training run before its first step, and the encoder and the categories of its model.

    Raises:
        BadData: the word vectors do not fit the vocabulary.
        NotFound: an array that this set needs does not exist.
        OutOfMemory: the device cannot hold the network.
    """
    folder = inputs["preprocess"]
    encoder = read_encoder(folder)
    categories: list[str] = json.loads((folder / "categories.json").read_text(encoding="utf-8"))
    vectors = np.load(inputs["embed"] / "vectors.npy", mmap_mode="r")
    if len(vectors) != FIRST_WORD + len(encoder.words):
        raise BadData(
            f"{inputs['embed'] / 'vectors.npy'} has {len(vectors)} rows, but the vocabulary needs "
            f"{FIRST_WORD + len(encoder.words)}: the two come from different runs"
        )
    sizes = (vectors.shape, len(encoder.ngrams), len(categories))
    with torch.device("meta"):
        check_memory(params, build(params, *sizes), len(_array(folder, "train.labels")), device)
    titles = read_titles(folder, "train", len(vectors), params, device)
    validation = read_titles(folder, "validation", len(vectors), params, device)
    network = build(params, *sizes)
    network.words.weight.data.copy_(torch.from_numpy(np.array(vectors)))
    network.to(device)
    return Training(network, titles, validation, params, group), encoder, categories


def read_titles(folder: Path, split: str, vocabulary: int, params: Train, device: str) -> EncodedTitles:
    """The arrays that preprocess wrote for one split, on the device; n-grams only if the set uses them.

    Args:
        folder: The preprocess artifact.
        split: "train" or "validation".
        vocabulary: Rows of the table of word vectors.
        params: The hyperparameters.
        device: A torch device.
    """
    array = partial(_array, folder)
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


def _array(folder: Path, name: str) -> NDArray[Any]:
    path = array_path(folder, name)
    if not path.exists():
        raise NotFound(f"{path} does not exist: has preprocess run with the parameters of this set?")
    loaded: NDArray[Any] = np.load(path, mmap_mode="r")
    return loaded


def chosen_device(requested: str, log: Log) -> str:
    """ "cuda" or "cpu".

    Args:
        requested: "auto" (CUDA if there is a GPU), "cuda" or "cpu".
        log: Reports if "auto" falls back to the CPU.

    Raises:
        Unreachable: CUDA was requested, but there is no GPU.
    """
    if requested == "cpu" or torch.cuda.is_available():
        return "cpu" if requested == "cpu" else "cuda"
    if requested == "cuda":
        raise Unreachable(
            "MELI_DEVICE=cuda, but PyTorch finds no GPU on this machine. `nvidia-smi` shows whether there is one, and "
            "`meli doctor` whether this PyTorch can use it. MELI_DEVICE=auto would train on the CPU instead."
        )
    log.info("No GPU on this machine: training on the CPU, as MELI_DEVICE=auto allows")
    return "cpu"


def check_devices(devices: int, machines: Machines, device: str, params: Train) -> None:
    """Check that this machine has the devices of a training run, and that they can divide its batches.

    Raises:
        BadSettings: several machines have no place to meet.
        Unreachable: the machine has fewer GPUs.
        BadHyperparameters: the processes cannot divide the batches among them.
    """
    if machines.count > 1 and not machines.rendezvous:
        raise BadSettings(
            f"MELI_NODES is {machines.count}, but MELI_RENDEZVOUS does not say where these machines meet. Set it to "
            "host:port of the one that runs the training tasks, on all of them."
        )
    check_divisible(params, devices * machines.count)
    if device == "cuda" and devices > torch.cuda.device_count():
        raise Unreachable(
            f"MELI_DEVICES={devices}, but this machine has {torch.cuda.device_count()} GPUs. Set MELI_DEVICES to that "
            "number, or to 1."
        )


def device_name(device: torch.device) -> str:
    """cpu, or cuda with the name of the GPU: another kind of GPU rounds otherwise."""
    return f"{device.type} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type


def write_state(path: Path, state: State) -> None:
    """Write the state of a training run as one safetensors file, with the metadata as JSON in its header.

    Raises:
        OSError: the file cannot be written.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors.items()}
    try:
        save_file(tensors, path, metadata={"metadata": json.dumps(asdict(state.metadata))})
    except SafetensorError as error:
        raise OSError(f"{path}: {error}") from error


def read_state(path: Path) -> State:
    """Read what `write_state` wrote, or a version up to commit 468b5c0."""
    with safe_open(path, framework="pt") as file:
        header: dict[str, str] = file.metadata()
        names: list[str] = file.keys()
        tensors: dict[str, Tensor] = {_current_name(name): file.get_tensor(name) for name in names}
    stored = json.loads(header["metadata"] if "metadata" in header else header["facts"])
    stored = {FORMER_METADATA.get(name, name): value for name, value in stored.items()}
    stored["epochs"] = tuple(Epoch(**epoch) for epoch in stored["epochs"])
    stored["row_steps"] = tuple(stored["row_steps"])
    return State(Metadata(**stored), tensors)


def counts_row_steps(path: Path, params: Train) -> bool:
    """Whether a checkpoint has the steps of each row of a sparse embedding, or a run with these parameters needs none.

    They are missing in checkpoints written up to 0.1.0, which corrected by the steps of the whole run.
    """
    with safe_open(path, framework="pt") as file:
        names = set(file.keys())
    tables = [name for name in names if name.startswith("optimizer.rows.")]
    counted = all(name.replace("rows.", "row_steps.") in names for name in tables)
    return counted or params.row_correction == "all_steps"


def _current_name(tensor: str) -> str:
    former = next((prefix for prefix in FORMER_PREFIXES if tensor.startswith(prefix)), "")
    return FORMER_PREFIXES.get(former, "") + tensor.removeprefix(former)
