"""A finished run in a store: its plan, the artifacts of its training runs, its evaluation. No stage is run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from meli_tasks.artifacts.manifest import Manifest, Output, find_model
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.runner import Step
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.request import Request
from meli_tasks.store import Store

START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
EPOCHS = 3
CATEGORIES = ["CELLPHONES", "PERFUMES", "SNEAKERS"]
WORDS = ["celular", "perfume", "zapatillas"]


def arrays_key(ingest: Step) -> str:
    """The key of the arrays that its models were trained on."""
    return Step("preprocess", "words", {}, {"ingest": ingest.key}).key


@dataclass
class PastRun:
    """Builds the artifacts; `accuracies` maps each set to its test balanced accuracy."""

    store: Store
    run_id: str = "scheduled__2026-11-20"
    accuracies: dict[str, float] = field(default_factory=lambda: {"mlp": 0.94, "cnn": 0.92})
    seed: int = 0

    def __post_init__(self) -> None:
        ingest = Step("ingest", "s3://titles/2026-11-20.csv.gz", {"language": "any"}, {"source": f"etag-{self.seed}"})
        train = {name: self._step(name, ingest) for name in self.accuracies}
        self.plan = Plan(
            run_id=self.run_id,
            at=START.isoformat(),
            as_of="2026-11-20",
            dag_run_url=f"http://airflow/dags/meli_training/runs/{self.run_id}",
            request=Request(source="s3://titles/{ds}.csv.gz", sets=tuple(self.accuracies), ensemble=False),
            ingest=ingest,
            recipes=(),
            sets=train,
            resolved={
                name: {
                    "title": f"the set {name}",
                    "preprocess": {"tokenizer": "default", "word_ngrams": [1, 2]},
                    "embed": {"method": "fasttext"},
                    "train": step.params,
                }
                for name, step in train.items()
            },
        )
        self.plan.save(self.store)
        self.publish(ingest, {}, {"fingerprint": "f" * 64})
        self.trainings = {name: self._training(name) for name in self.accuracies}

    @property
    def models(self) -> dict[str, str]:
        return {name: step.key for name, step in self.plan.sets.items()}

    def publish(self, step: Step, files: dict[str, bytes], summary: dict[str, Any], minutes: int = 5) -> Manifest:
        """What the runner leaves of a step."""
        manifest = Manifest(
            stage=step.stage,
            key=step.key,
            params=step.params,
            inputs=step.inputs,
            outputs={name: Output(sha256(data).hexdigest(), len(data)) for name, data in files.items()},
            summary=summary,
            attempt="attempt1",
            about={
                "at": (START + timedelta(minutes=minutes)).isoformat(),
                "seconds": 30.0,
                "git": "abc1234",
                "host": "h",
            },
        )
        for name, data in files.items():
            self.store.write(manifest.file_name(name), data)
        self.store.write(manifest.name, manifest.to_bytes())
        return manifest

    def evaluation(self, champion: str | None = None, **others: tuple[str, float]) -> Evaluated:
        """Publish an evaluation; `others` are further models, label -> (key, accuracy). What promote receives."""
        models = {**self.models, **{label: key for label, (key, _) in others.items()}}
        accuracies = {**self.accuracies, **{label: accuracy for label, (_, accuracy) in others.items()}}
        scores = {label: self._scores(accuracy) for label, accuracy in accuracies.items()}
        inputs = {"ingest": self.plan.ingest.key, **{f"model:{label}": key for label, key in models.items()}}
        step = Step("evaluate", ", ".join(models), {"seed": 1}, inputs)
        files = {"scores.json": json.dumps(scores).encode(), "leaderboard.png": b"\x89PNG leaderboard"}
        self.publish(step, files, {"balanced_accuracy": accuracies}, minutes=6)
        found = {label: find_model(self.store, key) for label, key in models.items()}
        return Evaluated(
            key=step.key,
            trained=tuple(sorted(self.accuracies)),
            models=models,
            attempts={label: model.model_sha256 for label, model in found.items() if model},
            champion=champion,
        )

    def ensemble(self, folder: Path | None = None) -> Manifest:
        """Publish an ensemble of all sets, equal parts of each; with a folder, one of real models."""
        inputs = {"ingest": self.plan.ingest.key, **{f"model:{name}": key for name, key in self.models.items()}}
        files = {"choice.json": b"{}"}
        share = 1 / len(self.models)
        if folder:
            from meli_tasks.stages.files.model_files import MemberFiles, write_ensemble

            members = []
            for name in self.models:
                self.with_real_model(name, folder / name)
                members.append(MemberFiles(name, folder / name, share, 1.0))
            (folder / "ensemble").mkdir()
            write_ensemble(folder / "ensemble", members)
            files |= {path.name: path.read_bytes() for path in (folder / "ensemble").iterdir()}
        summary = {
            "offered": True,
            "reason": "it is better",
            "weights": dict.fromkeys(self.models, share),
            "inverse_temperatures": dict.fromkeys(self.models, 1.0),
            "validation_balanced_accuracy": 0.95,
            "gain": 0.01,
        }
        return self.publish(Step("ensemble", ", ".join(self.models), {"members": 4}, inputs), files, summary)

    def promotion(self, evaluated: Evaluated, promoted: str | None, reason: str = "because") -> Manifest:
        """Publish what the stage promote leaves."""
        step = Step("promote", "promote", {"run_id": self.run_id, "n": evaluated.ledger}, {"evaluate": evaluated.key})
        gates = [{"name": "megabytes", "passed": True, "value": 1.0, "limit": 2_000.0, "detail": ""}]
        summary = {
            "promoted": promoted,
            "champion": evaluated.champion,
            "challenger": promoted,
            "reason": reason,
            "gain": None,
            "gain_interval": None,
            "probability": None,
            "gates": gates,
        }
        accuracies = {
            name: {"balanced_accuracy": a, "interval": [a - 0.01, a + 0.01]} for name, a in self.accuracies.items()
        }
        decision = {**summary, "scores": accuracies}
        return self.publish(step, {"decision.json": json.dumps(decision).encode()}, summary, minutes=7)

    def with_real_model(self, name: str, folder: Path, weight: float = 5.0) -> None:
        """Give a set's training a model that classifies the three words, so that it can be loaded.

        The larger `weight` is, the more confident the model is, by which its answers can be told from others'.
        """
        from meli_tasks.core.models.networks import build
        from meli_tasks.core.text.encoder import Encoder
        from meli_tasks.stages.files.model_files import write_model

        encoder = Encoder("default", WORDS, [], np.empty(0, np.float32), (1, 2), (2, 5), 20)
        network = build(Train(architecture="mlp", hidden=(), dropout=0), (len(WORDS) + 2, 3), 0, len(CATEGORIES))
        vectors = np.vstack([np.zeros((2, 3)), np.eye(3)]).astype(np.float32)
        for parameter, value in (
            (network.words.weight, vectors),
            (network.out.weight, weight * np.eye(3, dtype=np.float32)),
        ):
            parameter.data.copy_(parameter.data.new_tensor(value))
        network.out.bias.data.zero_()
        folder.mkdir(parents=True, exist_ok=True)
        write_model(folder, network, encoder, CATEGORIES)
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.trainings[name] = self._training(name, files)

    def with_real_models(self, folder: Path) -> None:
        """Give every set's training a model that can be loaded."""
        for name in self.accuracies:
            self.with_real_model(name, folder / name)

    def _step(self, name: str, ingest: Step) -> Step:
        params = {
            "architecture": "cnn" if "cnn" in name else "mlp",
            "learning_rate": 0.001,
            "hidden": [256],
            "name": name,
        }
        return Step("train", name, params, {"preprocess": arrays_key(ingest), "embed": ingest.key})

    def _training(self, name: str, files: dict[str, bytes] | None = None) -> Manifest:
        history = [
            {
                "epoch": epoch,
                "train_loss": 1 / epoch,  # with margin and smoothing
                "train_cross_entropy": 0.1 / epoch,
                "validation_loss": 0.11 / epoch,
                "validation_balanced_accuracy": 1 - 0.5 / epoch,
                "learning_rate": 0.001,
                "seconds": 10.0,
            }
            for epoch in range(1, EPOCHS + 1)
        ]
        model = {"model.safetensors": f"weights of {name}".encode(), "model.json": b"{}"}
        written = {
            "history.json": json.dumps(history).encode(),
            "curves.png": b"\x89PNG curves",
            **model,
            **(files or {}),
        }
        return self.publish(self.plan.sets[name], written, {"kept_epoch": EPOCHS})

    def _scores(self, accuracy: float) -> dict[str, Any]:
        return {
            "balanced_accuracy": accuracy,
            "interval": [accuracy - 0.01, accuracy + 0.01],
            "accuracy": accuracy,
            "top5": 0.99,
            "macro_f1": accuracy,
            "milliseconds_p95": 1.5,
            "megabytes": 12.0,
            "by_language": {},
            "by_label_quality": {},
            "categories": {name: {"recall": accuracy - i / 10, "titles": 10 + i} for i, name in enumerate(CATEGORIES)},
        }
