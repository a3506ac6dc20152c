"""The names of all objects in the store; no other module builds or parses them.

    STAGE/KEY/manifest.json                  an artifact's manifest
    STAGE/KEY/ATTEMPT/FILE                   its files, but of an ensemble no copies of its members'
    STAGE/KEY/ATTEMPT/manifest.json          the manifest of an attempt that `force` has replaced at the key
    plans/RUN/HASH.json                      a run's plan, and beside it
    plans/RUN/HASH/preview.json              what the run is going to compute
    plans/RUN/HASH/searched.json             the set that its search found
    plans/RUN/HASH/evaluated.json            what its evaluation found
    plans/RUN/HASH/report.html               the report of the run, for people
    plans/RUN/HASH/timing.json               how long the run took
    plans/RUN/HASH/verdict.json              whether a model is to be promoted, or a person is asked
    plans/RUN/HASH/pruned.json               when artifacts of the run were deleted to save space
    ledger/NUMBER.json                       a promotion decision
    ledger-copies/NUMBER.json                a copy of it, written after it
    sets/NAME.yaml                           a hyperparameter set
    searches/KEY/RUN-HASH.json               the trials of a run's search
    studies/KEY/RUN-HASH.json                what its workers tell each other while it runs
    backfills/ID/preview.json, report.json   a backfill
    checkpoints/STAGE/KEY/                   states of a step that is running; newest.json names the last
    live/STAGE/KEY.json                      the progress log of a step
    stops/STAGE/KEY.json                     a request to stop a step
    uploading/STAGE/KEY/ATTEMPT/PROCESS.json a process that is uploading the files of an attempt
    failed/STAGE/KEY/FILE                    the quarantine of a failed step
    notices/RUN/VERDICT.json                 a notification that was sent
    notices/RUN/failures/TASK.json           why a task failed
    tracking/runs/CLAIM.json                 the MLflow run of a training run or a DAG run
    tracking/pending/KIND-HASH.json          what is still to be sent to MLflow
    tracking/slow.json                       the run that last found MLflow unavailable
    registered/DIGEST.json                   the files of a version in MLflow's registry
    golden.csv                               titles that must keep their category: a person puts it there
    golden/DIGEST.json                       golden titles as a plan has read them
    identity.json                            the id by which MLflow's registry tells this store from others
    cards/KEY@SHA256.md                      the model card of a model
    notes/KEY/NUMBER.json                    what people wrote about a model, a change of it each
    monitoring/MODEL/reference.json          the profile of a champion's validation titles; MODEL is KEY@SHA256
    monitoring/MODEL/days/DAY/SOURCE.json    what monitoring found about the titles of a run or a scored batch
    monitoring/MODEL/answered/DAY/ID.json    counts of titles that a process of the service answered
    batches/ID/plan.json, record.json        a batch: what is scored, and what was found
    damaged/NAME/DIGEST.json                 a damaged object in quarantine, and what was wrong with it
    pins/RUN.json                            a run whose artifacts are never pruned
    prune.json                               what the last prune did
    probe/ID/                                what `meli doctor` writes and removes
    index/KIND/root.json                     which objects make up the index of runs or decisions
    index/KIND/rows/TIME-ID.json             what the index says of the newest, or of a block of older ones
    index/KIND/heads/TIME-ID.json            what finds them all
    index/changes/TIME-DIGEST/RUN/HASH/PART  a plan, or a file beside it, that is about to be written

Names never change: a store outlives the version that wrote it. RUN is a run's id as `name_part` writes it. 0.1.0 wrote
ids that differ only in ':', '+', '~' and '-' alike, which is how `former_name_part` writes them; what is looked up by a
run's or a backfill's id is looked for under both.

This module stays whole although it is long: names must not collide, which is only visible where all of them are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from meli_tasks.rowfiles.folders import GOLDEN

PLANS = "plans/"
LEDGER = "ledger/"
LEDGER_COPIES = "ledger-copies/"
SETS = "sets/"
SEARCHES = "searches/"
STUDIES = "studies/"
NOTES = "notes/"
BACKFILLS = "backfills/"
MONITORING = "monitoring/"
GOLDEN_FILE = GOLDEN
"""The file of golden titles in the store, which a person put there."""
PENDING = "tracking/pending/"
MLFLOW_SLOW = "tracking/slow.json"
BATCHES = "batches/"
REGISTERED = "registered/"
DAMAGED = "damaged/"
PINS = "pins/"
LAST_PRUNE = "prune.json"
CHECKPOINTS, LIVE, STOPS, FAILED, NOTICES, PROBE = "checkpoints/", "live/", "stops/", "failed/", "notices/", "probe/"
UPLOADING = "uploading/"
IDENTITY = "identity.json"
INDEX = "index/"
CHANGES = "index/changes/"
_MANIFEST = "manifest.json"
_PREVIEW, _SEARCHED, _EVALUATED, _REPORT = "preview.json", "searched.json", "evaluated.json", "report.json"
_HTML_REPORT = "report.html"
_VERDICT = "verdict.json"
_TIMING = "timing.json"
_PRUNED = "pruned.json"


RUN_PARTS = {
    "plan": "",
    "searched": _SEARCHED,
    "preview": _PREVIEW,
    "evaluated": _EVALUATED,
    "timing": _TIMING,
    "verdict": _VERDICT,
    "pruned": _PRUNED,
}
"""What the index knows of a run: its plan, and files beside it."""


def name_part(text: str) -> str:
    """Any text, such as a run's id, as a part of a name; different texts give different parts.

    All but letters, digits, '-', '_' and '.' become '-'. If any did, '~' and a hash of the text follow.
    """
    plain = former_name_part(text)
    if plain == text:
        return text
    return f"{plain}~{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def former_name_part(text: str) -> str:
    """A text as 0.1.0 wrote it in names, where different texts could become the same part."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in text)


def manifest(stage: str, key: str) -> str:
    """The manifest of an artifact."""
    return f"{stage}/{key}/{_MANIFEST}"


def replaced_manifest(stage: str, key: str, attempt: str) -> str:
    """The manifest of an attempt that another one has replaced."""
    return artifact_file(stage, key, attempt, _MANIFEST)


def is_replaced_manifest(name: str) -> bool:
    """Whether a name is that of a replaced attempt's manifest."""
    return name.count("/") == 3 and name.endswith(f"/{_MANIFEST}")


def is_manifest(name: str) -> bool:
    """Whether a name is that of an artifact's manifest, at its key or of a replaced attempt."""
    return key_of_manifest(name) is not None or is_replaced_manifest(name)


def is_artifact_file(name: str, stages: Collection[str]) -> bool:
    """Whether a name is that of a file of an artifact of one of these stages, and not of a manifest."""
    return name.count("/") >= 3 and name.partition("/")[0] in stages and not is_manifest(name)


def is_golden(name: str) -> bool:
    """Whether a name is that of golden titles as a plan has read them."""
    return name.startswith("golden/")


def attempt_of_file(name: str) -> str | None:
    """The attempt in the name of an artifact's file; None for the manifest at the key."""
    parts = name.split("/", 3)
    return parts[2] if len(parts) == 4 else None


def artifact_file(stage: str, key: str, attempt: str, file: str) -> str:
    """A file of an artifact; with an empty `file`, the prefix of all of them."""
    return f"{stage}/{key}/{attempt}/{file}"


def artifact_folder(stage: str, beginning: str) -> str:
    """The prefix of a stage's artifacts whose keys start with `beginning`."""
    return f"{stage}/{beginning}"


def key_of_manifest(name: str) -> str | None:
    """The key in the name of a manifest; None for any other name."""
    parts = name.split("/")
    return parts[1] if len(parts) == 3 and parts[-1] == _MANIFEST else None


def plan(run_id: str, digest: str) -> str:
    """A plan of a run; a run that was requested differently when it was cleared has several."""
    return f"{plans_of_run(run_id)}{digest}.json"


def plans_of_run(run_id: str) -> str:
    """The prefix of a run's plans."""
    return f"{PLANS}{name_part(run_id)}/"


def former_plans_of_run(run_id: str) -> str:
    """The prefix of the plans that 0.1.0 made of a run, and of runs with a similar id."""
    return f"{PLANS}{former_name_part(run_id)}/"


def is_plan(name: str) -> bool:
    """Whether a name is that of a plan itself, not of a file that belongs to one."""
    return name.startswith(PLANS) and name.count("/") == 2 and name.endswith(".json")


def plan_digest(plan_name: str) -> str:
    """The part of a plan's name that depends on what it computes."""
    return plan_name.rpartition("/")[2].removesuffix(".json")


def plan_folder(plan_name: str) -> str:
    """Where the files of a plan are, without a slash at the end."""
    return plan_name.removesuffix(".json")


def preview(plan_name: str) -> str:
    """The preview of a plan's run."""
    return f"{plan_folder(plan_name)}/{_PREVIEW}"


def evaluated(plan_name: str) -> str:
    """The evaluation report of a plan's run."""
    return f"{plan_folder(plan_name)}/{_EVALUATED}"


def report(plan_name: str) -> str:
    """The report of a plan's run."""
    return f"{plan_folder(plan_name)}/{_HTML_REPORT}"


def verdict(plan_name: str) -> str:
    """The verdict on the models of a plan's run."""
    return f"{plan_folder(plan_name)}/{_VERDICT}"


def timing(plan_name: str) -> str:
    """How long the run of a plan took."""
    return f"{plan_folder(plan_name)}/{_TIMING}"


def pruned(plan_name: str) -> str:
    """When artifacts of a plan's run were deleted."""
    return f"{plan_folder(plan_name)}/{_PRUNED}"


def searched(plan_name: str) -> str:
    """The set that the search of a plan's run found."""
    return f"{plan_folder(plan_name)}/{_SEARCHED}"


def plan_of_searched(name: str) -> str | None:
    """The plan that a searched set belongs to; None for any other name."""
    return f"{name.removesuffix(f'/{_SEARCHED}')}.json" if name.endswith(f"/{_SEARCHED}") else None


def run_part(plan_name: str, part: str) -> str:
    """A plan, or a file beside it, by its key in `RUN_PARTS`."""
    return f"{plan_folder(plan_name)}/{RUN_PARTS[part]}" if RUN_PARTS[part] else plan_name


def plan_of_part(name: str) -> str:
    """The plan that an object below `plans/` is, or belongs to; an empty string for any other name."""
    parts = name.removeprefix(PLANS).split("/")
    if not name.startswith(PLANS) or len(parts) < 2:
        return ""
    return f"{PLANS}{parts[0]}/{parts[1].removesuffix('.json')}.json"


def is_evaluated(name: str) -> bool:
    """Whether a name is that of an evaluation."""
    return name.startswith(PLANS) and name.endswith(f"/{_EVALUATED}")


def model_id(plan_name: str, label: str) -> str:
    """A model of a run, as the pages' addresses name it: RUN/HASH/LABEL."""
    return f"{plan_folder(plan_name).removeprefix(PLANS)}/{label}"


def plan_and_label(model: str) -> tuple[str, str]:
    """The plan and the label in a model's id; two empty strings for anything else."""
    run, _, rest = model.partition("/")
    digest, _, label = rest.partition("/")
    return (f"{PLANS}{run}/{digest}.json", label) if label else ("", "")


def decision(number: int) -> str:
    """A decision of the ledger."""
    return f"{LEDGER}{number:08}.json"


def decision_number(name: str) -> int | None:
    """The number in the name of a decision; None for any other name."""
    digits = name.removeprefix(LEDGER).removesuffix(".json")
    return int(digits) if digits.isdecimal() and name == decision(int(digits)) else None


def decision_copy(number: int) -> str:
    """The copy of a decision."""
    return f"{LEDGER_COPIES}{number:08}.json"


def number_of_copy(name: str) -> int | None:
    """The number in the name of a decision's copy; None for any other name."""
    return decision_number(f"{LEDGER}{name.removeprefix(LEDGER_COPIES)}")


def notes(key: str) -> str:
    """The prefix of the changes of a model's note."""
    return f"{NOTES}{key}/"


def note(key: str, number: int) -> str:
    """A change of a model's note."""
    return f"{notes(key)}{number:08}.json"


def key_and_number_of_note(name: str) -> tuple[str, int]:
    """The model's key and the number in the name of a change of its note; an empty string and 0 for any other name."""
    key, _, file = name.removeprefix(NOTES).partition("/")
    digits = file.removesuffix(".json")
    return (key, int(digits)) if digits.isdecimal() and name == note(key, int(digits)) else ("", 0)


def golden(digest: str) -> str:
    """Golden titles as a plan has read them."""
    return f"golden/{digest}.json"


def hyperparameter_set(name: str) -> str:
    """A set that was added to the store."""
    return f"{SETS}{name}.yaml"


def set_name(name: str) -> str | None:
    """The set in the name of its document; None for any other name."""
    found = name.removeprefix(SETS).removesuffix(".yaml")
    return found if name == hyperparameter_set(found) else None


def searches_of(key: str) -> str:
    """The prefix of the searches on one set of arrays."""
    return f"{SEARCHES}{key}/"


def search(folder: str, part: str) -> str:
    """The trials of a run's search, in a folder of `searches_of`."""
    return f"{folder}{part}.json"


def search_part(run_id: str, digest: str) -> str:
    """The part of the name that distinguishes a run's search from others on the same arrays."""
    return f"{name_part(run_id)}-{digest}"


def study(search_name: str) -> str:
    """What the workers of a search tell each other, from the name of its trials."""
    return f"{STUDIES}{search_name.removeprefix(SEARCHES)}"


def is_search(name: str, part: str) -> bool:
    """Whether a name is that of the search `part`, on any arrays."""
    return name.startswith(SEARCHES) and name.endswith(f"/{part}.json")


def backfill_preview(backfill_id: str) -> str:
    """The preview of a backfill."""
    return f"{BACKFILLS}{name_part(backfill_id)}/{_PREVIEW}"


def former_backfill_preview(backfill_id: str) -> str:
    """The preview of a backfill that 0.1.0 made, or of one with a similar id."""
    return f"{BACKFILLS}{former_name_part(backfill_id)}/{_PREVIEW}"


def backfill_report(backfill_id: str) -> str:
    """The report of a backfill."""
    return f"{BACKFILLS}{name_part(backfill_id)}/{_REPORT}"


def former_backfill_report(backfill_id: str) -> str:
    """The report of a backfill that 0.1.0 made, or of one with a similar id."""
    return f"{BACKFILLS}{former_name_part(backfill_id)}/{_REPORT}"


def backfill_of_preview(name: str) -> str | None:
    """The backfill that a preview belongs to; None for any other name."""
    return name.split("/")[1] if name.startswith(BACKFILLS) and name.endswith(f"/{_PREVIEW}") else None


def checkpoints(stage: str, key: str) -> str:
    """The prefix of a step's checkpoints."""
    return f"{CHECKPOINTS}{stage}/{key}/"


def newest_checkpoint(stage: str, key: str) -> str:
    """The file that names a step's newest checkpoint."""
    return f"{checkpoints(stage, key)}newest.json"


def progress_log(stage: str, key: str) -> str:
    """The progress log of a step."""
    return f"{LIVE}{stage}/{key}.json"


def stop_request(stage: str, key: str) -> str:
    """A request to stop a step."""
    return f"{STOPS}{stage}/{key}.json"


def uploading(stage: str, key: str, attempt: str, process: str) -> str:
    """The note of a process that is uploading an attempt."""
    return f"{UPLOADING}{stage}/{key}/{attempt}/{process}.json"


def parse_uploading(name: str) -> tuple[str, str, str, str] | None:
    """The stage, key, attempt and process in the name of such a note; None for any other name."""
    match name.split("/"):
        case ["uploading", stage, key, attempt, process] if process.endswith(".json") and stage and key and attempt:
            return stage, key, attempt, process.removesuffix(".json")
    return None


def failed_file(stage: str, key: str, file: str) -> str:
    """A file of a step that failed."""
    return f"{FAILED}{stage}/{key}/{file}"


def notification(run_id: str, verdict: str, clears: int) -> str:
    """A notification that was sent; a run that was cleared sends it again."""
    again = f"-{clears}" if clears else ""
    return f"{NOTICES}{name_part(run_id)}/{verdict.replace(' ', '-')}{again}.json"


def failures(run_id: str) -> str:
    """The prefix of a run's task failures."""
    return f"{NOTICES}{name_part(run_id)}/failures/"


def failure(run_id: str, task: str, map_index: int) -> str:
    """Why a task of a run failed; `map_index` is -1 for a task that is not mapped."""
    return f"{failures(run_id)}{task}{f'-{map_index}' if map_index >= 0 else ''}.json"


def tracking_claim(claim: str) -> str:
    """The record of which MLflow run represents a training run, an ensemble or a DAG run."""
    return f"tracking/runs/{claim}.json"


def card(model: str) -> str:
    """The model card of a model by its reference (KEY@SHA256, or only KEY)."""
    return f"cards/{model}.md"


def damaged(name: str, digest: str) -> str:
    """A damaged object in quarantine."""
    return f"{DAMAGED}{name}/{digest}.json"


def registered(digest: str) -> str:
    """The files of a registered version, by the digest of all of them."""
    return f"{REGISTERED}{digest}.json"


def pending(kind: str, digest: str) -> str:
    """A note on something that is still to be sent to MLflow."""
    return f"{PENDING}{kind}-{digest}.json"


def pin(run_id: str) -> str:
    """The pin of a run."""
    return f"{PINS}{name_part(run_id)}.json"


def monitoring_reference(model: str, abstain_below: float = 0.0) -> str:
    """The profile of a model's validation titles, by the model's reference (KEY@SHA256, or only KEY)."""
    withheld = f"-below-{abstain_below:g}" if abstain_below else ""
    return f"{MONITORING}{model}/reference{withheld}.json"


def monitoring_report(model: str) -> str:
    """What monitoring found with a model, as HTML."""
    return f"{MONITORING}{model}/report.html"


def monitored_days(model: str) -> str:
    """The prefix of what monitoring found with a model."""
    return f"{MONITORING}{model}/days/"


def monitored(model: str, day: str, source: str) -> str:
    """What monitoring found about the titles of a source on a day."""
    return f"{monitored_days(model)}{day}/{name_part(source)}.json"


def answered_days(model: str) -> str:
    """The prefix of the counts of titles that the service answered with a model."""
    return f"{MONITORING}{model}/answered/"


def answered(model: str, day: str, process: str) -> str:
    """The counts of titles that a process of the service answered with a model on a day."""
    return f"{answered_days(model)}{day}/{process}.json"


def batch_plan(batch_id: str) -> str:
    """The plan of a batch of files to score."""
    return f"{BATCHES}{batch_id}/plan.json"


def batch_record(batch_id: str) -> str:
    """The record of a scored batch."""
    return f"{BATCHES}{batch_id}/record.json"


def is_batch_plan(name: str) -> bool:
    """Whether a name is that of the plan of a batch."""
    return name.startswith(BATCHES) and name.count("/") == 2 and name.endswith("/plan.json")


def is_batch_record(name: str) -> bool:
    """Whether a name is that of the record of a scored batch."""
    return name.startswith(BATCHES) and name.count("/") == 2 and name.endswith("/record.json")


def index_folder(kind: str) -> str:
    """The prefix of the objects of an index, of runs or of decisions."""
    return f"{INDEX}{kind}/"


def index_root(kind: str) -> str:
    """The root of an index."""
    return f"{index_folder(kind)}root.json"


def is_index_root(name: str) -> bool:
    """Whether a name is that of the root of an index."""
    return name.startswith(INDEX) and name.count("/") == 2 and name.endswith("/root.json")


def index_rows(kind: str, part: str) -> str:
    """Rows of an index."""
    return f"{index_folder(kind)}rows/{part}.json"


def index_heads(kind: str, part: str) -> str:
    """Heads of an index."""
    return f"{index_folder(kind)}heads/{part}.json"


def change(mark: str, plan_name: str, part: str) -> str:
    """The announcement of a write of a part of a run."""
    return f"{CHANGES}{mark}/{plan_folder(plan_name).removeprefix(PLANS)}/{part}"


def change_in(name: str) -> tuple[str, str, str] | None:
    """The mark, the plan and the part in the name of an announcement; None for any other name."""
    parts = name.removeprefix(CHANGES).split("/")
    if not name.startswith(CHANGES) or len(parts) != 4 or parts[3] not in RUN_PARTS:
        return None
    return parts[0], f"{PLANS}{parts[1]}/{parts[2]}.json", parts[3]
