"""Files scored on the page: what is refused, what the result says, and that the api-server's memory is bounded."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from meli_tasks.core.errors import BadHyperparameters, NotFound
from meli_tasks.pages import Pages, scoring
from meli_tasks.pages.scoring import ScoredFile, ScoringEvent
from tests.pages.published import Counting, evaluate, promote
from tests.past_run import PastRun


@pytest.fixture
def pages(store: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pages:
    """The champion knows celular, perfume and zapatillas."""
    monkeypatch.setenv("MELI_CACHE", str(tmp_path / "cache"))
    run = PastRun(store)
    for name in run.accuracies:
        run.with_real_model(name, tmp_path / name)
    evaluate(run)
    promote(run, "mlp")
    return Pages(store)


def events(pages: Pages, content: str | bytes, name: str = "in.csv") -> list[ScoringEvent]:
    data = content.encode() if isinstance(content, str) else content
    return list(pages.score(name, data, "", 3))


def result(pages: Pages, content: str | bytes) -> ScoredFile:
    last = events(pages, content)[-1]
    assert last.result is not None, last.error
    return last.result


def rows(found: ScoredFile) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(found.csv, newline="")))


def test_every_row_is_kept_and_unknown_words_get_no_category(pages: Pages) -> None:
    found = result(pages, "id,title\n1,Perfume Importado\n2,asdkjh qwe zzz\n3,\n4,celular\n")
    assert (found.model, found.column, found.rows, found.unknown_rows, found.bad_rows) == (
        "champion mlp", "title", 4, 1, 1,
    )  # fmt: skip
    assert [row["id"] for row in rows(found)] == ["1", "2", "3", "4"]
    assert [row["category"] for row in rows(found)] == ["PERFUMES", "", "", "CELLPHONES"]
    assert [row["known"] for row in rows(found)] == ["true", "false", "", "true"]
    assert [(one.title, one.category, one.known) for one in found.first] == [
        ("Perfume Importado", "PERFUMES", True), ("asdkjh qwe zzz", "", False), ("", "", None),
        ("celular", "CELLPHONES", True),
    ]  # fmt: skip
    assert found.first[0].probability == float(rows(found)[0]["probability"])
    assert found.notes == [
        "1 row got no category, because the model knows no word of the title.",
        "1 row got no category: no title (line 4 of the file).",
    ]


def test_the_only_column_has_the_titles_and_the_page_says_so(pages: Pages) -> None:
    found = result(pages, "Título\nperfume\ncelular\n")
    assert (found.column, found.rows) == ("Título", 2)
    assert [one.title for one in found.first] == ["perfume", "celular"]
    assert found.notes == [
        "The file has one column only, so its first line, 'Título', was taken for the column's name."
    ]
    assert next(iter(rows(found)[0])) == "Título"


def test_what_a_spreadsheet_would_run_gets_a_quote_and_numbers_stay(pages: Pages) -> None:
    found = result(pages, 'title,=x,n\n=perfume,"=HYPERLINK(""http://evil"")",-1.5\n+cmd|celular,@a,1e3\n')
    first, second = rows(found)
    assert (first["title"], first["'=x"], first["n"]) == ("'=perfume", '\'=HYPERLINK("http://evil")', "-1.5")
    assert (second["title"], second["'=x"], second["n"]) == ("'+cmd|celular", "'@a", "1e3")
    assert first["category"] == "PERFUMES"  # the title itself was classified, not the quote


def test_columns_of_the_file_with_an_added_name_are_kept(pages: Pages) -> None:
    found = result(pages, "title,category,known\nperfume,MINE,maybe\n")
    assert (rows(found)[0]["given_category"], rows(found)[0]["given_known"]) == ("MINE", "maybe")
    assert "were renamed: given_category (was category), given_known (was known)." in found.notes[0]


def test_progress_comes_before_the_result_one_batch_at_a_time(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "BATCH_ROWS", 10)
    found = events(pages, "title\n" + "perfume\n" * 35)
    assert [event.rows for event in found] == [0, 10, 20, 30, 35, 35]
    assert [event.result is not None for event in found] == [False] * 5 + [True]
    last = found[-1].result
    assert last is not None
    assert (last.rows, len(last.first)) == (35, scoring.FIRST_ROWS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "in.csv: the file is empty"),
        (b"name,id\nabc,1\n", r"no column 'title'. Its columns: name, id. Name the column 'title'"),
        ("title\nabc\n".encode("utf-16"), "convert it with iconv -f UTF-16"),
        (b"title\n" + b"x" * 1_000_000, "in.csv has 1,000,006 bytes, but the page scores at most 1,000,000. `meli"),
        (b"title\n" + b"a\n" * 50_000, "in.csv has 50,001 lines, but the page scores at most 50,000. `meli predict"),
        (b'{"title": "abc"}\n', "in.csv is not a CSV file"),
        (b"\x1f\x8b" + b"x" * 50, "in.csv"),
        (b"PK\x03\x04" + b"x" * 50, "a zip archive or a spreadsheet"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_scored_is_refused_in_a_sentence(pages: Pages, content: bytes, message: str) -> None:
    with pytest.raises(BadHyperparameters, match=message):
        pages.score("in.csv", content, "", 5)


def test_rows_in_another_encoding_are_named_with_what_to_do(pages: Pages) -> None:
    found = result(pages, b"title\nperfume\nSill\xf3n\n")
    assert (found.rows, found.bad_rows) == (2, 1)
    assert found.notes[0] == "1 row got no category: bad encoding (line 3 of the file)."
    assert "ISO-8859-1" in found.notes[1]


def test_a_name_never_leads_out_of_the_temporary_folder(pages: Pages) -> None:
    for name in ("../../etc/x.csv", "..\\..\\x.csv", "/x.csv", "..", "/"):
        assert events(pages, "title\nperfume\n", name)[-1].result is not None


def test_without_a_champion_or_the_models_files_the_sentence_says_so(pages: Pages, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="f" * 32):
        pages.score("in.csv", b"title\nx\n", "f" * 32, 5)
    with pytest.raises(NotFound, match="There is no champion"):
        Pages(Counting(tmp_path / "another")).score("in.csv", b"title\nx\n", "", 5)


def test_only_so_many_files_are_scored_at_a_time_and_each_makes_room(pages: Pages) -> None:
    running = [pages.score("in.csv", b"title\nperfume\n", "", 5) for _ in range(scoring.MOST_FILES)]
    for one in running:
        next(one)
    assert (
        events(pages, "title\nperfume\n")[-1].error == "2 files are being scored at this moment. Try again in a minute."
    )
    next(running[0])
    running[0].close()  # as when the browser goes away  # type: ignore[attr-defined]
    assert events(pages, "title\nperfume\n")[-1].result is not None
    pages.score("in.csv", b"title\nperfume\n", "", 5)  # never started, so it takes no place
    assert events(pages, "title\nperfume\n")[-1].result is not None
    assert list(running[1])[-1].result is not None
