"""The error family: which errors a retry may fix is stated here, class by class."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

from meli_tasks.core import errors
from meli_tasks.core.errors import MeliError

# What a retry may fix. A new class has to be added here, with its answer.
RETRYABLE = {
    "MeliError": False,
    "BadSettings": False,
    "BadHyperparameters": False,
    "BadData": False,
    "NoFiles": False,  # sources: one day of a window has no file
    "NotAllowed": False,  # sources: nobody named the file of golden titles beside a source that is not allowed
    "NoRows": False,  # rowfiles: a part without rows among others is no reason to stop
    "NotReadable": False,  # artifacts: an object of the store that is not what its name promises
    "NotFound": False,
    "Rejected": False,
    "TrackingRejected": False,
    "Conflict": False,
    "Diverged": False,
    "Unreachable": True,
    "TrackingUnavailable": True,
    "DiskFull": True,
    "OutOfMemory": True,
    "StepOutOfMemory": True,
    "SecretsUnknown": False,  # concealed: an address without the password that its server asks for
    "BadAddress": False,  # http: no request can be sent to it
    "BadStatus": False,  # http: the doctor's advice depends on the status
    "NoAnswer": True,  # http: its callers say what was expected of the server
    "_Damaged": True,  # store: what was read is not what was written, perhaps on the way
    "_Ended": False,  # store: an upload in parts that another worker ended
    "Replaced": True,  # store: the object was replaced while it was read
    "DamagedListing": True,  # store: a page of a listing was altered on its way
    "BadRequest": False,  # serving: each has a status of its own
    "TooLarge": False,
    "TooSlow": True,
    "Busy": True,
    "NoModel": True,
    "NoPrediction": True,  # prediction: the service cannot be used, so the model is loaded instead
}


def tree(kind: type[MeliError]) -> list[type[MeliError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in tree(child))]


def import_whatever_defines_one() -> None:
    """Imports only the modules with a class that derives from one of ours: some others take seconds."""
    root = Path(errors.__file__).parents[2]
    known, grew = {"MeliError"}, True
    while grew:
        before = len(known)
        for file in sorted(root.glob("meli_tasks/**/*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                bases = {base.id for base in getattr(node, "bases", ()) if isinstance(base, ast.Name)}
                if isinstance(node, ast.ClassDef) and known & bases:
                    known.add(node.name)
                    importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts))
        grew = len(known) > before


def test_each_class_states_whether_a_retry_may_fix_it() -> None:
    import_whatever_defines_one()
    assert {kind.__name__: kind.retryable for kind in tree(MeliError)} == RETRYABLE


def test_only_unreachable_is_retryable() -> None:
    assert all(kind.retryable == issubclass(kind, errors.Unreachable) for kind in tree(MeliError))


def test_the_modules_docstring_draws_the_whole_tree() -> None:
    assert errors.__doc__ is not None
    here = [kind.__name__ for kind in tree(MeliError) if kind.__module__ == errors.__name__]
    drawn = [
        line.lstrip("│├└─ ").split()[0]
        for line in errors.__doc__.splitlines()
        if line[:1] in tuple("M├│└ ") and line.strip()
    ]
    assert sorted(drawn) == sorted(here)
