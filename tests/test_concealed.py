"""Addresses that this process knows with their secrets, and everybody else without them."""

from __future__ import annotations

from datetime import date

import pytest

from meli_tasks import concealed
from meli_tasks.concealed import SecretsUnknown, conceal, conceal_all, is_concealed, restored, revealed, revealed_all
from meli_tasks.sources.days import each_day, with_days

SECRET = "c4n4rY0f7ests"
SIGNED = f"https://me:{SECRET}@host:8443/t.csv?X-Amz-Signature={SECRET}"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concealed, "_whole", {})


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (SIGNED, "https://...@host:8443/t.csv?..."),
        (f"https://host/{{ds}}.csv?day={{ds}}&page=2&sig={SECRET}", "https://host/{ds}.csv?day={ds}&page=2&..."),
        (f"https://host/t.csv?page={SECRET}", "https://host/t.csv?..."),
        ("https://host/t.csv?pin=1234", "https://host/t.csv?..."),
        (f"https://host/t.csv#{SECRET}", "https://host/t.csv#..."),
        (f"s3://key:{SECRET}@bucket/a?b#c/t.csv", "s3://...@bucket/a?b#c/t.csv"),
        (f"ftp://me:{SECRET}/x@host/t.csv", "ftp://...@host/t.csv"),
        *((same, same) for same in (
            "s3://bucket/a?b#c@d/t.csv", "https://host/@me/t.csv?day={ds}", "/folder/user:pass@x.csv", "a?b=c",
            "sample:rows=20000,seed=1", "file:///a/b?c.csv", "https://host:80/", "http://[::1]:9000/a",
        )),
    ],
)  # fmt: skip
def test_an_address_loses_its_secrets_and_they_are_known_here(address: str, expected: str) -> None:
    assert conceal(address) == conceal(expected) == expected
    assert is_concealed(expected) == (address != expected and not expected.endswith("#..."))
    assert revealed(expected) == (address if is_concealed(expected) else expected)


def test_what_is_not_known_here_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(SecretsUnknown, match="MELI_ADDRESSES"):
        revealed("https://...@host:8443/t.csv?...")
    assert revealed_all({"source": "https://...@host/t.csv"}) == {"source": "https://...@host/t.csv"}


def test_the_newest_signature_counts() -> None:
    for number in (1, 2):
        conceal(f"https://host/t.csv?sig=signature-{number}")
    assert revealed("https://host/t.csv?...") == "https://host/t.csv?sig=signature-2"


@pytest.mark.parametrize("window", [1, 3])
def test_the_days_of_an_address_are_filled_in(window: int) -> None:
    template = f"https://me:{SECRET}@host/{{ds}}/t.csv?day={{ds}}&sig={SECRET}"
    wanted = each_day(with_days(template, date(2026, 11, 20), window, False))
    found = each_day(with_days(conceal(template), date(2026, 11, 20), window, False))
    assert [day.day for day in found] == [day.day for day in wanted]
    assert [revealed(day.spec) for day in found] == [day.spec for day in wanted]
    assert not any(SECRET in day.spec for day in found)


def test_a_window_that_was_written_by_hand() -> None:
    template = f"https://me:{SECRET}@host/{{2026-11-19..2026-11-20}}.csv"
    assert [revealed(day.spec) for day in each_day(conceal(template))] == [day.spec for day in each_day(template)]


def test_another_address_of_the_same_form_is_not_known() -> None:
    conceal(f"https://me:{SECRET}@host/{{ds}}/t.csv?day={{ds}}")
    with pytest.raises(SecretsUnknown):
        revealed("https://...@host/2026-11-20/t.csv?day=2026-11-21")


def test_parameters_are_concealed_at_any_depth_and_passed_on_whole() -> None:
    params = {"source": SIGNED, "overrides": {"embed.path": SIGNED, "train.epochs": 3}, "sets": ["mlp", SIGNED]}
    stored = conceal_all(params)
    assert SECRET not in str(stored) and stored["overrides"]["train.epochs"] == 3
    assert revealed_all(stored) == params
    assert restored(stored, {"source": SIGNED}) == params
    other = restored(stored, {"source": "https://host/other.csv?sig=1"})
    assert other == stored


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concealed, "_MOST", 2)
    for number in range(3):
        conceal(f"https://host/{number}.csv?sig=a-signature")
    assert revealed("https://host/2.csv?...").endswith("a-signature")
    with pytest.raises(SecretsUnknown):
        revealed("https://host/0.csv?...")
