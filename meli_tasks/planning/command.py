"""How to start the run of a plan again: the command, and the configuration of a DAG run."""

from __future__ import annotations

import json
import shlex

from meli_tasks.concealed import is_concealed
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.request import Request

_OPTIONS = (
    "window_days", "date_column", "language", "max_bad_fraction", "min_category_rows", "folds", "promotion", "golden",
)  # fmt: skip
"""Fields of a request for which `meli run` has an option of the same name with a value."""
_WRITTEN = {
    *_OPTIONS, "source", "as_of", "sets", "stored_sets", "reliable_only", "overrides", "ensemble", "force",
    "search_minutes", "search_family",
}  # fmt: skip


def run_command(plan: Plan) -> str:
    """The `meli run` command that plans the same again, whatever the settings; a source without its secrets.

    A set that the run's search found is one of its sets: to search again would find another.
    """
    request = plan.request
    words = ["meli", "run", "all", "--source", request.source, "--sets", ",".join(plan.sets)]
    words += ["--as-of", plan.as_of] if plan.as_of else []
    changed = _changed(request)
    for name in _OPTIONS:
        if name in changed:
            words += [f"--{name.replace('_', '-')}", str(changed[name])]
    words += ["--reliable-only"] if request.reliable_only else []
    for name, value in request.overrides.items():
        words += ["--override", f"{name}={json.dumps(value, ensure_ascii=False)}"]
    words += [] if request.ensemble else ["--no-ensemble"]
    for name, value in {name: value for name, value in changed.items() if name not in _WRITTEN}.items():
        words += ["--param", f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"]
    words += ["--force"] if request.force else []
    return shlex.join(words)


def trigger_conf(plan: Plan) -> dict[str, object]:
    """The configuration of a DAG run that plans the same again; a source without its secrets."""
    request = plan.request
    changed = _changed(request)
    for name in ("stored_sets", "search_minutes", "search_family"):
        changed.pop(name, None)
    conf = {**changed, "source": request.source, "sets": list(plan.sets)}
    return conf | ({"as_of": plan.as_of} if plan.as_of else {})


def lacks_secrets(plan: Plan) -> bool:
    """Whether an address of the request has a user, a password or a signature, which the command does not have."""
    request = plan.request
    written = (request.source, request.golden, *request.overrides.values())
    return any(is_concealed(value) for value in written if isinstance(value, str))


def _changed(request: Request) -> dict[str, object]:
    """The fields that are not as they are by default."""
    defaults = Request(source="-", sets=("-",)).model_dump(mode="json")
    found = request.model_dump(mode="json")
    return {name: value for name, value in found.items() if value != defaults[name]}
