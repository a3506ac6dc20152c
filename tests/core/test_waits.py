"""Nothing in a step of training makes the host wait for a GPU, or mixes its tensors with the CPU's.

Three nets, none of which needs a GPU: a lint of the code; steps on a second device that exists in name only, whose
tensors have no values to ask for; and, in tests/gpu/test_waits.py, runs on the CPU along the code path of a GPU, under
the eyes of torch's dispatcher.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from meli_tasks.core.data import encoded_titles
from meli_tasks.core.data.distinct import distinct_of, distinct_within
from meli_tasks.core.models.networks import build
from meli_tasks.core.training.trainer import Training
from tests.core.training.gpu_code_path import SHAPES, WITHOUT_DROPOUT, as_on_gpu, gather_in_groups
from tests.core.training.small_trainings import network_for, params_of, titles_of

CORE = Path(encoded_titles.__file__).parents[1]
STEP = [
    *(f"data/{name}.py" for name in ("batch", "batch_groups", "distinct", "encoded_titles")),
    *(f"models/{name}.py" for name in ("networks", "ngram_bag", "sparse_embedding", "windows")),
    *(f"training/{name}.py" for name in ("ema", "epoch_totals", "finite_guard", "loss", "optimizers")),
    *(f"training/{name}.py" for name in ("pooled_titles", "schedule", "trainer", "validation")),
]
"""The files with the code of a step. Code inside `with host_waits(...)` may wait."""

SETUP = "before the first step"
IN_GROUPS = "called inside `host_waits` by EncodedTitles.batches"
ON_THE_CPU = "only if the tensors are on the CPU"
MAY_WAIT = {
    ("data/batch_groups.py", "*"): IN_GROUPS,
    ("data/encoded_titles.py", "Csr.part"): SETUP,
    ("data/encoded_titles.py", "TitleNgrams.gather"): IN_GROUPS,
    ("data/encoded_titles.py", "EncodedTitles._gathered"): IN_GROUPS,
    ("data/encoded_titles.py", "_tensor"): SETUP,
    ("data/distinct.py", "distinct_of"): "called inside `host_waits` by SparseEmbedding.distinct",
    ("models/sparse_embedding.py", "SparseEmbedding.trained_part"): "a Python bool",
    ("models/sparse_embedding.py", "SparseEmbedding.gradient"): "a Python bool, and inside `host_waits`",
    ("models/windows.py", "number_of_windows"): "an array of numpy",
    ("training/ema.py", "EMA.load"): "a part of a name",
    ("training/loss.py", "category_weights"): SETUP,
    ("training/loss.py", "log_priors"): SETUP,
    ("training/finite_guard.py", "FiniteGuard.admit"): ON_THE_CPU,
    ("training/finite_guard.py", "FiniteGuard._fail"): "the run ends",
    ("training/finite_guard.py", "FiniteGuard.check"): "numbers that were read inside `host_waits`",
    ("training/pooled_titles.py", "largest_of_batches"): "called inside `host_waits`",
    ("training/trainer.py", "Training.resume"): SETUP,
    ("training/trainer.py", "Training._validate"): "once per epoch",
    ("training/trainer.py", "Training._sum_of_group"): "a Python bool",
}
"""The functions that the lint leaves out, and why."""

WAITING_CALLS = {
    "item", "tolist", "cpu", "numpy", "nonzero", "argwhere", "unique", "unique_consecutive", "masked_select",
    "bincount", "histc", "synchronize", "tensor", "as_tensor", "from_numpy", "equal",
}  # fmt: skip


class Lint(ast.NodeVisitor):
    """Finds the calls and subscripts for which the host would wait for a GPU."""

    def __init__(self) -> None:
        self.scope: list[str] = []
        self.masks: set[str] = set()
        self.found: list[tuple[str, int, str]] = []

    def report(self, node: ast.expr, what: str) -> None:
        self.found.append((".".join(self.scope), node.lineno, what))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.scope.append(node.name)
        self.generic_visit(node)
        self.scope.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.scope.append(node.name)
        outer, self.masks = self.masks, set()
        for statement in node.body:
            self.visit(statement)
        self.masks = outer
        self.scope.pop()

    def visit_With(self, node: ast.With) -> None:
        calls = [item.context_expr for item in node.items]
        if not any(isinstance(call, ast.Call) and _name(call.func) == "host_waits" for call in calls):
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if _is_mask(node.value):
            self.masks |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if _is_mask(node.slice) or (isinstance(node.slice, ast.Name) and node.slice.id in self.masks):
            self.report(node, "a boolean mask as an index")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = _name(node.func)
        if isinstance(node.func, ast.Attribute) and name in WAITING_CALLS:
            self.report(node, name)
        elif name in ("int", "float", "bool") and not _is_of_the_host(node.args):
            self.report(node, f"{name}(...)")
        elif name == "repeat_interleave" and all(keyword.arg != "output_size" for keyword in node.keywords):
            self.report(node, "repeat_interleave without output_size")
        elif name == "where" and len(node.args) == 1:
            self.report(node, "where with a condition only")
        elif name == "to" and any(_name(argument) == "device" for argument in node.args):
            self.report(node, "to(device)")
        self.generic_visit(node)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_mask(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Compare)
        or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert))
        or (isinstance(node, ast.Call) and _name(node.func) in ("isfinite", "isnan", "logical_not", "ne", "eq"))
    )


def _is_of_the_host(arguments: list[ast.expr]) -> bool:
    return all(
        isinstance(node, ast.Constant) or (isinstance(node, ast.Call) and _name(node.func) == "len")
        for node in arguments
    )


def linted(source: str) -> list[tuple[str, int, str]]:
    lint = Lint()
    lint.visit(ast.parse(source))
    return lint.found


def findings() -> Iterator[tuple[str, str, int, str]]:
    for file in STEP:
        for scope, line, what in linted((CORE / file).read_text(encoding="utf-8")):
            yield file, scope, line, what


def test_no_code_of_a_step_waits_outside_the_list() -> None:
    found = [one for one in findings() if (one[0], one[1]) not in MAY_WAIT and (one[0], "*") not in MAY_WAIT]
    assert found == [], "wait inside `host_waits`, or add the function to MAY_WAIT with the reason"


def test_the_list_names_only_functions_that_would_be_found() -> None:
    found = {(file, scope) for file, scope, _, _ in findings()}
    files = {file for file, _ in found}
    assert [one for one in MAY_WAIT if one not in found and not (one[1] == "*" and one[0] in files)] == []


@pytest.mark.parametrize(
    "line",
    [
        "x.item()", "int(x.sum())", "float(loss)", "bool(x)", "x.nonzero()", "torch.unique(x)", "x[x > 0]", "x[~y]",
        "mask = x != 0; x[mask]", "torch.repeat_interleave(x, y)", "torch.tensor(5, device=x.device)", "x.to(device)",
        "torch.where(x > 0)", "x.cpu()", "x.tolist()", "torch.bincount(x)", "x.to(self.device)",
    ],
)  # fmt: skip
def test_the_lint_finds(line: str) -> None:
    assert linted(f"def step(self, x, y, loss, device):\n    {line}")
    assert not linted(f"def step(self, x, y, loss, device):\n    with host_waits('why'):\n        {line}")


@pytest.mark.parametrize(
    "line", ["len(x)", "int(len(x))", "x[y]", "x[:5]", "x.to(y.dtype)", "torch.where(x > 0, x, 0.0)", "x > 0"]
)
def test_the_lint_leaves_alone(line: str) -> None:
    assert not linted(f"def step(self, x, y):\n    {line}")


TITLES, VALIDATION = titles_of(300, 1), titles_of(90, 2)


def trained(values: dict[str, Any], on_gpu: bool) -> Training:
    params = params_of(epochs=2, **values)
    training = Training(network_for(params), TITLES, VALIDATION, params)
    for _ in (as_on_gpu(training) if on_gpu else training).run(progress_seconds=1e9):
        pass
    return training


@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_code_path_of_a_gpu_trains_the_same_network(
    shape: str, dropout: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"dropout": 0.2} | SHAPES[shape] | ({} if dropout else WITHOUT_DROPOUT)
    plain = trained(values, on_gpu=False)
    gather_in_groups(monkeypatch)
    bounded = trained(values, on_gpu=True)
    for name, value in plain.network.state_dict().items():
        torch.testing.assert_close(bounded.network.state_dict()[name], value, atol=1e-6, rtol=1e-5, msg=name)
    # Rows that dropout leaves out change how the norm of a gradient is rounded.
    if not dropout:
        for name, value in plain.network.state_dict().items():
            assert torch.equal(bounded.network.state_dict()[name], value), name
    assert [epoch.train_loss for epoch in plain.epochs] == pytest.approx([e.train_loss for e in bounded.epochs])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), size=st.integers(1, 60), together=st.integers(2, 5), few=st.booleans())
def test_batches_that_are_gathered_in_groups_are_those_gathered_alone(
    seed: int, size: int, together: int, few: bool
) -> None:
    order = torch.randperm(len(TITLES), generator=torch.Generator().manual_seed(seed))[: 70 if few else 300]
    alone = list(TITLES.batches(order, size))
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(encoded_titles.BATCHES_AT_ONCE, "cpu", together)
        groups = list(TITLES.batches(order, size))
    assert len(alone) == len(groups)
    for (rows, one), (other_rows, other) in zip(alone, groups, strict=True):
        assert torch.equal(rows, other_rows)
        assert one.ngrams is not None and other.ngrams is not None and other.lengths is not None
        for name in ("tokens", "offsets"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name
        for name, value in vars(one.ngrams).items():
            if name != "distinct":
                assert torch.equal(value, getattr(other.ngrams, name)), name
        assert other.longest == one.longest and other.lengths.tolist() == one.offsets.diff().tolist()
        assert other.distinct == len(one.tokens.unique())
        assert other.ngrams.distinct == len(torch.cat([one.ngrams.char_ngrams, one.ngrams.word_ngrams]).unique())


@settings(max_examples=60, deadline=None)
@given(
    ids=st.lists(st.integers(0, 19), max_size=30), spare=st.integers(0, 5), seed=st.integers(0, 99), some=st.booleans()
)
def test_distinct_ids_within_a_bound(ids: list[int], spare: int, seed: int, some: bool) -> None:
    given_ids = torch.tensor(ids, dtype=torch.int64)
    kept = torch.rand(len(ids), generator=torch.Generator().manual_seed(seed)) < 0.6 if some else None
    exact = given_ids if kept is None else given_ids[kept]
    wanted, places = distinct_of(exact, 20)
    most = len(wanted) + spare
    rows, position, real = distinct_within(given_ids, 20, most, kept)
    assert len(rows) == len(real) == min(most, 20) and len(rows.unique()) == len(rows)
    assert torch.equal(rows[real], wanted) and not real[len(wanted) :].any()
    assert torch.equal(position if kept is None else position[kept], places)
    if len(rows):
        assert position.numel() == 0 or int(position.max()) < len(rows)


def test_a_step_stays_on_its_device_and_asks_it_for_nothing() -> None:
    command = [sys.executable, "-m", "tests.core.training.second_device"]
    found = json.loads(subprocess.run(command, cwd=CORE.parents[1], capture_output=True, check=True).stdout)
    assert found.pop("mixed").startswith("Expected all tensors to be on the same device")
    assert found.pop("asking").startswith("DynamicOutputShapeException")
    assert found == dict.fromkeys(SHAPES, "passed")


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shapes_of_a_set_of_any_size_are_known_without_its_memory(shape: str) -> None:
    # A hundred million words: the device "meta" has sizes only.
    with torch.device("meta"):
        network = build(params_of(**SHAPES[shape]), (100_000_000, 300), 10_000_000, 1_588)
    assert {weight.device.type for weight in network.parameters()} == {"meta"}
    assert network.words.weight.shape == (100_000_000, 300) and network.out.out_features == 1_588
