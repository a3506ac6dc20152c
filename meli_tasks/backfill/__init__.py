"""Backfills: the same sets trained on many dates, each date a run of its own.

A date is one run of `meli_training` with all chosen sets, so words and vectors are made once a date and the sets are
measured on the same titles. The run's id is made from its date and the keys of its plan: asked again, the same run is
meant, and what it made is found; other sets, overrides or titles make another id, so no past run's record is touched.

A backfill's id is the id of its run of `meli_backfill` in Airflow. What is kept of it in the store:

    backfills/ID/preview.json   a `BackfillPreview`, before anything runs: what was asked, each date's run, warnings
    backfills/ID/report.json    a `BackfillReport`, at the end: each date's state and scores; absent until then
"""
