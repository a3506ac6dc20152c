"""The titles of one call of `meli predict`: sent to the service or classified here, and displayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meli_tasks.cli.console import out, table, warn

if TYPE_CHECKING:
    from meli_tasks.prediction.ranking import Ranker

NO_KNOWN_WORD = "No known word: the model has seen none of these words, so any category would be a guess."


@dataclass(frozen=True)
class Ranked:
    """A category with its probability."""

    category: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The most likely categories of a title, the likeliest first; none if the model knows no word of it."""

    title: str
    known: bool
    categories: list[Ranked]


def ask_service(titles: Sequence[str], top: int) -> tuple[str, list[Prediction]] | None:
    """The model's name and its predictions from the service in MELI_SERVING_URL; None without one, or if it fails."""
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    if not settings.serving_url:
        return None
    from meli_tasks.prediction.asking import NoPrediction, ask
    from meli_tasks.rowfiles.titles import cleaned

    try:
        answered = ask(settings.serving_url, cleaned(titles), top, settings.serving_key)
    except NoPrediction as error:
        warn(f"the model is loaded here instead, because the service at MELI_SERVING_URL cannot be used: {error}")
        return None
    return answered.model.name, [
        Prediction(title, bool(found.known), list(map(Ranked, found.categories, found.probabilities)))
        for title, found in zip(titles, answered.predictions, strict=True)
    ]


def classify(classifier: Ranker, titles: Sequence[str], top: int) -> list[Prediction]:
    """The predictions of a model in this process."""
    from meli_tasks.prediction.ranking import predict_titles
    from meli_tasks.rowfiles.titles import cleaned

    found = predict_titles(classifier, cleaned(titles), [""] * len(titles), top)
    return [
        Prediction(title, bool(known), list(map(Ranked, categories, probabilities)))
        for title, known, categories, probabilities in zip(
            titles, found.known, found.categories, found.probabilities, strict=True
        )
    ]


def print_tables(predictions: Sequence[Prediction], name: str) -> None:
    """Print the categories of each title, and the model that predicted them."""
    from rich.text import Text

    from meli_tasks.terminal import one_line

    console = out()
    for prediction in predictions:
        title = one_line(Text(prediction.title, style="bold"))
        if not prediction.known:
            console.print(title, Text(NO_KNOWN_WORD, style="yellow"), Text(), sep="\n")
            continue
        listing = table(title)
        listing.add_column("category", overflow="fold")
        listing.add_column("probability", justify="right")
        listing.add_column("", width=20)
        for ranked in prediction.categories:
            bar = Text("█" * round(20 * ranked.probability), style="cyan")
            listing.add_row(one_line(Text(ranked.category)), f"{ranked.probability:.1%}", bar)
        console.print(listing)
        console.print()
    console.print(Text(f"by {name}", style="dim"))
