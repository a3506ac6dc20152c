"""What the tab of a backfill displays."""

from __future__ import annotations

from meli_tasks.backfill.preview import BackfillPreview
from meli_tasks.backfill.report import BackfillReport
from meli_tasks.pages.read_cache import ReadCache
from meli_tasks.pages.run_models import BackfillPage
from meli_tasks.pages.run_page import LIVE_SECONDS


def backfill_page(cache: ReadCache, backfill_id: str) -> BackfillPage:
    """A backfill's preview, and its report once it has ended; each is None until it exists.

    Raises:
        BadData: one of them cannot be read.
    """
    return BackfillPage(
        preview=BackfillPreview.find(
            backfill_id, lambda name: cache.read_whole(name, BackfillPreview.from_bytes, LIVE_SECONDS)
        ),
        report=BackfillReport.find(
            backfill_id, lambda name: cache.read_whole(name, BackfillReport.from_bytes, LIVE_SECONDS)
        ),
    )
