"""Who may trigger runs that promote, tried on a real api-server with FAB, whose pages nobody has opened yet."""

from __future__ import annotations

import pytest

from meli_tasks.core.errors import Rejected
from tests.cluster.api import TRAINING, ClusterApi
from tests.cluster.cluster import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(7200)]


def test_only_who_may_decide_triggers_runs_that_promote(cluster: Cluster) -> None:
    runs = [cluster.api.trigger(TRAINING, {}, "")]
    op = ClusterApi(cluster.api.url, "op", cluster.secrets["MELI_OP_PASSWORD"])
    for conf in ({}, {"promotion": "auto"}, {"promotion": "always"}):
        with pytest.raises(Rejected, match=r'403 .*--action can_edit --resource "Meli champion" --role ROLE'):
            op.trigger(TRAINING, conf, "")
    runs += [op.trigger(TRAINING, {"promotion": promotion}, "") for promotion in ("never", "approval")]
    for run in runs:
        cluster.api.cancel(TRAINING, run)
