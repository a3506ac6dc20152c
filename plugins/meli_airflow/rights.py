"""Who may do what on the pages: Airflow's own rights on the DAG meli_training, and a right to decide on the champion.

SimpleAuthManager has no rights of its own choosing, only roles, and lets everybody see every custom view. So whoever
decides also needs the right to edit the DAG: there, that is everybody but viewers. With other auth managers the second
right, to edit the resource `Meli champion`, is granted to the roles that should have it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.models.dag import DagModel

from meli_airflow.metadata_db import BACKFILL_DAG, TRAINING_DAG

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

logger = logging.getLogger("meli_tasks")

CHAMPION = "Meli champion"
"""The resource that whoever promotes or rolls back must be allowed to edit."""
ADMINISTRATORS = "Admin"
DECIDING = (
    f"Deciding on the champion needs the right to edit the DAG {TRAINING_DAG} and the right to edit {CHAMPION!r}. "
    "With FabAuthManager, an administrator grants the latter to a role: `airflow roles add-perms --action can_edit "
    f'--resource "{CHAMPION}" --role ROLE`, or Security > List Roles.'
)
"""Which right a refused user lacks, and how an administrator grants it."""


def may_read(user: BaseUser) -> bool:
    """Whether a user may read the DAG meli_training, and so the pages."""
    return get_auth_manager().is_authorized_dag(method="GET", details=_training_dag(), user=user)


def may_decide(user: BaseUser) -> bool:
    """Whether a user may promote a model and roll back."""
    manager = get_auth_manager()
    return manager.is_authorized_dag(
        method="PUT", details=_training_dag(), user=user
    ) and manager.is_authorized_custom_view(method="PUT", resource_name=CHAMPION, user=user)


@dataclass(frozen=True)
class ActionRight:
    """Airflow's own right to edit a part of a DAG, which an action on its runs needs. `does` completes a sentence."""

    dag: str
    part: DagAccessEntity
    does: str
    decides: bool = False
    """Whether it decides on the champion, and so needs that right as well."""

    def allows(self, user: BaseUser) -> bool:
        """Whether a user has it."""
        details = DagDetails(id=self.dag, team_name=DagModel.get_team_name(self.dag))
        edits = get_auth_manager().is_authorized_dag(method="PUT", access_entity=self.part, details=details, user=user)
        return edits and (not self.decides or may_decide(user))

    @property
    def refusal(self) -> str:
        """The message to a user without it."""
        part = self.part.value.lower().replace("_", " ")
        more = f" {DECIDING}" if self.decides else ""
        return (
            f"You may not {self.does}, so nothing was changed. It needs the right to edit a {part} of the DAG "
            f"{self.dag}: ask an administrator for it.{more}"
        )


ACTIONS = {
    "answer": ActionRight(TRAINING_DAG, DagAccessEntity.HITL_DETAIL, "answer for a run", decides=True),
    "stop-training": ActionRight(TRAINING_DAG, DagAccessEntity.TASK_INSTANCE, "stop a training run"),
    "cancel-backfill": ActionRight(BACKFILL_DAG, DagAccessEntity.RUN, "cancel a backfill"),
}
"""The actions that need a right of Airflow on a part of a DAG, by their path; all others need only that to decide."""


def register() -> None:
    """Add the right to FAB's list, from which administrators grant it, and grant it to the role Admin.

    FAB itself gives Admin every right that it knows of when it synchronizes, and has no list for rights of a plugin
    without views of its own. Call it before the first request: FAB remembers the rights of a user for half a minute.
    A failure is only logged: `airflow roles add-perms` adds the right too.
    """
    try:
        security = getattr(get_auth_manager(), "security_manager", None)
    except RuntimeError:  # an api-server for tasks only, which has no users
        return
    if not hasattr(security, "create_permission"):
        return
    try:
        _grant(security)
    except Exception:
        logger.warning("The right to edit %r could not be added to Airflow's roles", CHAMPION, exc_info=True)


def _grant(security: Any) -> None:
    permission = security.create_permission("can_edit", CHAMPION)
    administrators = security.find_role(ADMINISTRATORS)
    if permission is not None and administrators is not None:
        security.add_permission_to_role(administrators, permission)


def _training_dag() -> DagDetails:
    return DagDetails(id=TRAINING_DAG, team_name=DagModel.get_team_name(TRAINING_DAG))
