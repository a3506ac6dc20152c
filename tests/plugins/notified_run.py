"""Runs `meli_training` by `dag.test()`, once for each conf, with the notifications of the settings.

Prints each run's id and state.

python notified_run.py '{"source": ...}' '{"source": "no such file"}'
"""

from __future__ import annotations

import json
import sys

from airflow.models.pool import Pool
from airflow.utils.session import create_session
from meli_training import dag

with create_session() as session:
    Pool.create_or_update_pool("gpu", slots=1, description="trainings", include_deferred=False, session=session)

ended = []
for conf in sys.argv[1:]:
    run = dag.test(run_conf=json.loads(conf))
    ended.append([run.run_id, str(run.state)])
sys.stdout.write(json.dumps(ended) + "\n")
