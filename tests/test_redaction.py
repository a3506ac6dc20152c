"""Every form in which a secret is written somewhere, and texts that have none."""

from __future__ import annotations

import json
import textwrap
import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meli_tasks import redaction
from meli_tasks.redaction import redact, remember, watch, without_secrets

CANARY = "c4n4rY0f7ests"
HARD = f"p@ss/w?r#d:{CANARY}"
"""A password with the characters that should have been percent-encoded in an address."""
FORMS = {
    "user and password": f"https://user:{CANARY}@host/titles.csv",
    "password without a user": f"redis://:{CANARY}@redis:6379/0",
    "token as the user": f"https://{CANARY}@host/repository",
    "password with special characters": f"postgresql+psycopg2://airflow:{HARD}@db:5432/airflow",
    "percent-encoded password": f"postgresql://airflow:{quote(HARD, safe='')}@db/airflow",
    "uppercase address": f"HTTPS://USER:{CANARY}@HOST/A.CSV?TOKEN={CANARY}",
    "X-Amz-Signature": f"https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA/x&X-Amz-Signature={CANARY}",
    "sig of Azure": f"https://a.blob.core.windows.net/c/b?sv=2022-11-02&sp=r&sig={CANARY}%3D",
    "token": f"GET /titles.csv?token={CANARY} HTTP/1.1",
    "api_key": f"the request with api_key={CANARY} failed",
    "fragment": f"https://host/callback#access_token={CANARY}&state=1",
    "a query without names": f"https://host/download?{CANARY}",
    "Authorization: Basic": f"Authorization: Basic {CANARY}==",
    "Authorization: AWS4": f"Authorization: AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host, Signature={CANARY}",
    "Authorization in a dict": f"{{'Authorization': b'Digest {CANARY}'}}",
    "Authorization in a tuple": f"('Authorization', 'Token {CANARY}')",
    "bearer": f"curl: bearer {CANARY} was refused",
    "X-Api-Key": f"X-Api-Key: {CANARY}",
    "cookie": f"Cookie: _token={CANARY}; theme=dark",
    "percent-encoded address": quote(f"https://user:{CANARY}@host/a.csv", safe=""),
    "address encoded twice": quote(quote(f"https://user:{CANARY}@host/a", safe=""), safe=""),
    "percent-encoded query": quote(f"https://host/a.csv?sig={CANARY}", safe=""),
    "JSON": json.dumps({"password": CANARY, "user": "me"}),
    "JSON with spaces and quotes": json.dumps({"client_secret": f'a "b" {CANARY}'}, indent=1),
    "JSON within JSON": json.dumps({"conf": json.dumps({"source": f"https://u:{CANARY}@h/x", "token": CANARY})}),
    "JSON with escaped slashes": json.dumps({"source": f"https://u:{CANARY}@h/x"}).replace("/", "\\/"),
    "YAML": f"aws:\n  secret_access_key: {CANARY}\n",
    "on the next line": f"password:\n  {CANARY}\n",
    "environment": f"AWS_SECRET_ACCESS_KEY={CANARY}",
    "DSN of libpq": f"host=db user=me password={CANARY} dbname=x",
    "connection string of Azure": f"AccountName=a;AccountKey={CANARY}==;EndpointSuffix=core.windows.net",
    "option of a command": f"redis-server --requirepass {CANARY} --port 6379",
    "option with =": f"mysqldump --password={CANARY}",
    "XML": f"<Credentials><SecretAccessKey>{CANARY}</SecretAccessKey></Credentials>",
    "private key": f"-----BEGIN PRIVATE KEY-----\nMIIE{CANARY}\n{CANARY}\n-----END PRIVATE KEY-----",
    "JSON web token": f"token eyJhbGciOiJIUzI1NiJ9.eyJ{CANARY}.{CANARY}",
    "AWS session token": f"x-amz-security-token: {CANARY}",
    "webhook of Slack": f"POST https://hooks.slack.com/services/T0/B0/{CANARY} answered 404",
    "webhook of Discord": f"POST https://discord.com/api/webhooks/1234567890/{CANARY} answered 404",
    "webhook of Discord with a version": f"https://discordapp.com/api/v10/webhooks/1234567890/{CANARY}",
    "webhook of Teams": f"https://shop.webhook.office.com/webhookb2/0a-1b@2c-3d/IncomingWebhook/{CANARY}/4e",
    "former webhook of Teams": f"https://outlook.office.com/webhook/0a-1b@2c-3d/IncomingWebhook/{CANARY}/4e",
    "bot of Telegram": f"https://api.telegram.org/bot123456:{CANARY}/sendMessage",
    "key of Google": f"it sent AIza{CANARY}{CANARY}{CANARY}",
    "OAuth token of Google": f"it sent ya29.a0Af{CANARY}{CANARY}",
    "key of OpenAI": f"it sent sk-proj-{CANARY}{CANARY}",
    "key of SendGrid": f"it sent SG.{CANARY}{CANARY}.{CANARY}{CANARY}",
    "token of npm": f"it sent npm_{CANARY}{CANARY}{CANARY}",
    "token of PyPI": f"it sent pypi-{CANARY}{CANARY}{CANARY}",
    "token of Databricks": f"it sent dapi{CANARY}{CANARY}{CANARY}",
    "curl -u": f"curl -sS -u admin:{CANARY} http://host/api",
    "curl --proxy-user": f"curl --proxy-user=admin:{CANARY} http://host/api",
    "curl -u without a space": f"curl -uadmin:{CANARY} http://host/api",
    "curl -u in a list": f"Command '['curl', '-u', 'admin:{CANARY}', 'http://host']' failed",
    "curl -u in quotes": f"curl -u 'admin:se cret {CANARY}' http://host/api",
    "session of Java": f"GET /app/page;jsessionid={CANARY} HTTP/1.1",
    "session of PHP": f"PHPSESSID={CANARY}",
    "fine-grained token of GitHub": f"git clone with github_pat_11AAAAAAA0{CANARY}{CANARY} failed",
    "token of GitLab": f"it sent glpat-{CANARY}{CANARY}",
    "token of Hugging Face": f"it sent hf_{CANARY}{CANARY}",
    "keyword argument": f"connect(host='db', password='{CANARY}')",
}
HARMLESS = [
    "train mlp: epoch 3 of 5, loss 0.1234, 12,345 titles/s",
    "The source s3://bucket/2026-11-20/titles.csv has no files for 2 of its 7 days",
    "tokenizer words, 1.5k n-grams; tokens: 12,345; keys start with preprocess., embed. or train.",
    "https://host:8080/path/@user/file.csv and http://[::1]:9000/a@b",
    "Is it still mounted? Run again.",
    "MELI_SOURCE='/a b/#1/{ds}.csv'",
    "docker run -u 1000:1000 image; sort -u names; pip install --user git+https://host/x",
    "sk-learn and sk-learn-contrib-with-a-long-name",
    "basic information about 2 models; a bearer of news",
    "No train artifact 0123456789abcdef0123456789abcdef in file:///srv/store",
]


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", {})
    monkeypatch.setattr(redaction, "_watchers", [])


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_a_secret_is_removed(form: str) -> None:
    text = redact(f"It failed: {FORMS[form]}\nsee the log")
    assert CANARY.lower() not in text.lower()
    assert text.startswith("It failed: ") and redaction.HIDDEN in text


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("form", FORMS)
def test_what_was_redacted_stays_as_it_is(form: str) -> None:
    once = redact(FORMS[form])
    assert redact(once) == once


def test_a_password_of_digits_is_no_group() -> None:
    assert redact("curl -u admin:123456 http://host") == "curl -u admin:... http://host"


def test_a_traceback_loses_its_secrets() -> None:
    try:
        raise RuntimeError(f"no answer from https://user:{CANARY}@host/?sig={CANARY}")
    except RuntimeError as error:
        text = "".join(traceback.format_exception(error))
    assert CANARY not in redact(text)
    assert "RuntimeError: no answer from https://...@host/" in redact(text)


def test_a_known_secret_is_removed_in_every_spelling() -> None:
    secret = 'hunter two/"&é+forever'
    remember(secret)
    for written in (secret, quote(secret, safe=""), json.dumps(secret), f"<{secret}>"):
        assert redact(f"a {written} b").split() in (["a", "...", "b"], ["a", '"..."', "b"], ["a", "<...>", "b"])
    wrapped = "\n".join(textwrap.wrap(f"The word is {'x' * 20}{secret.replace(' ', '')}", 24))
    remember(secret.replace(" ", ""))
    assert "forever" not in redact(wrapped).replace("\n", "")


def test_short_words_are_no_secrets_and_watchers_learn_all() -> None:
    remember("admin")
    assert redact("the admin decides") == "the admin decides"
    found: list[str] = []
    remember("first-of-them")
    watch(found.append)
    watch(found.append)
    remember("second-of-them")
    assert found == ["first-of-them", "second-of-them"]


@given(
    user=st.text("abcABC09._~-", max_size=8),
    password=st.text("abcABC09!$&'()*+,;=:/?#@[]% ", max_size=20),
    path=st.text("abc/._-{}", max_size=12),
    query=st.text("abc=&09%;", max_size=20),
)
def test_no_address_keeps_its_password_or_its_query(user: str, password: str, path: str, query: str) -> None:
    secret = f"x{password}{CANARY}"  # `host:80/` begins like `user:80/`
    address = f"https://{user}:{secret}@host/{path}?{query}&x={CANARY}"
    assert CANARY not in redact(address.replace(" ", "").replace("'", ""))
    if "@" not in password:  # `me:p@ss/word@host` cannot be told from `me:p@ss` and a path
        assert CANARY not in without_secrets(address)
    assert without_secrets(without_secrets(address)) == without_secrets(address)
