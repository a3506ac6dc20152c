"""Backfills: the same sets trained on a range of dates, with a run for each date.

The run of a date is a run of `meli_training` with all chosen sets, so words and vectors are computed a single time per
date and the sets are evaluated on the same titles. Its run id is derived from the date and the keys of its plan. The
same request therefore addresses the same run and reuses its results, while other sets, overrides or titles lead to
another id, so the record of no past run changes.

The id of a backfill is the id of its run of `meli_backfill` in Airflow. The store keeps, for each backfill:

    backfills/ID/preview.json   a `BackfillPreview`, written before anything runs
    backfills/ID/report.json    a `BackfillReport`, written at the end
"""
