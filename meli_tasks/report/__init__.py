"""What a run leaves for people: its report, a single HTML file, and the model card of a promoted model."""

from meli_tasks.report.card import keep_champion_card, load_card, make_card, write_card
from meli_tasks.report.writing import headline_of, load_report, make_report, pruned_on, write_report

__all__ = [
    "headline_of",
    "keep_champion_card",
    "load_card",
    "load_report",
    "make_card",
    "make_report",
    "pruned_on",
    "write_card",
    "write_report",
]
