"""Addresses, error messages and log lines without the secrets in them: passwords, keys, signatures, signed queries.

An address of ours is taken apart (`without_secrets`). What a library, a server or a traceback says may quote an
address, a header or a setting in any form, so `redact` removes whatever looks like a secret, and whatever this process
knows to be one (`remember`).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from functools import cache, lru_cache
from threading import Lock
from urllib.parse import quote, quote_plus, unquote, urlsplit

HIDDEN = "..."
"""What is written in the place of a secret."""
SECRET_NAME = re.compile(
    r"pass|pwd|secret|token|sig|key|auth|cred|session|jwt|sas|pin|otp|code|hmac|hash", re.IGNORECASE
)
"""In the name of a query's parameter: its value is a secret, whatever it looks like."""
_SHORTEST = 8
"""Characters of a secret that is looked for in texts: a shorter one may be a common word."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_PLAIN_PARAMETER = re.compile(r"([A-Za-z_]{1,20})=(\d{1,4}(-\d\d-\d\d)?|\{ds\}|\{\d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d\})")
"""A small number or a date, which tells resources apart: `{ds}` in a query is replaced by the run's date."""
_NOT_A_PORT = re.compile(r"(?!\[)[^@]*:(?!\d+$)")
"""The authority of an address whose password has a `/`, `?` or `#` in it, up to that character."""
_PATH = re.compile(r"^(\w+://[^/\s]*)?/\S*$")

_NAME = (
    r"(?:[A-Za-z0-9]{1,40}[_.-]){0,6}(?:pass(?:word|wd|phrase)?|requirepass|pwd|secret|token|sig|signature|credentials?"
    r"|jwt|sas|api[_-]?key|auth[_-]?key|(?:secret|private|access|account|signing|shared[_-]?access)[_-]?key(?:[_-]?id)?"
    r"|(?:access|auth|id|refresh|session|security|bot)token|clientsecret|secretaccesskey|sharedaccesssignature"
    r"|(?:j|php)sess(?:ion)?id|session[_-]?id)"
)
_QUOTE = r"\\*[\"']"
_USER_OPTION = r"(?<![\w-])(-u|-U|--user|--proxy-user)"
_NO_IDS = r"(?!\d+:\d+(?![^\s\"']))"
_BEFORE_HOST = r"[^\s\"'<>]{0,2000}"
_ENCODED = r"%(?:25){0,3}"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN ([A-Z ]{0,30}PRIVATE KEY)-----.*?(-----END \1-----|\Z)", re.DOTALL),
        rf"-----BEGIN \1-----{HIDDEN}",
    ),
    # A header, to the end of its line or of its quotes.
    (
        re.compile(
            rf"\b((?:proxy-)?authorization|x-api-key|(?:set-)?cookie)({_QUOTE})?(\s*(?:[:=,]|%3A)\s*)(b?{_QUOTE})?"
            r"[^\"'\r\n\\]+",
            re.IGNORECASE,
        ),
        rf"\1\2\3\4{HIDDEN}",
    ),
    (re.compile(r"\b(bearer)(\s+|%20|\+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    (re.compile(r"\b([Bb]asic|BASIC)(\s+|%20)(?=[A-Za-z]*[0-9A-Z=+/])[A-Za-z0-9+/]{12,}={0,2}"), rf"\1\2{HIDDEN}"),
    # An address: what is before its host, also with characters that should have been percent-encoded, and its query.
    (
        re.compile(rf"(:\\*/\\*/)(?!\[)[^\s\"'<>:/@\\]{{0,500}}:(?!\d+(?:[/?#\s\"']|$)){_BEFORE_HOST}@"),
        rf"\1{HIDDEN}@",
    ),
    (re.compile(r"(:\\*/\\*/)[^\s\"'<>/@]{1,2000}@"), rf"\1{HIDDEN}@"),
    (
        re.compile(rf"({_ENCODED}3A{_ENCODED}2F{_ENCODED}2F)[^\s\"'<>&]{{0,2000}}({_ENCODED}40)", re.IGNORECASE),
        rf"\1{HIDDEN}\2",
    ),
    (re.compile(rf"({_ENCODED}3F)[^\s\"'<>)]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\?[^\s\"')<>]+"), f"?{HIDDEN}"),
    # Webhooks, whose path is the secret: Slack, Discord, Teams, and the bots of Telegram.
    (
        re.compile(
            r"(hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api(?:/v\d{1,3})?/webhooks"
            r"|webhook\.office\.com/webhookb2|outlook\.office\.com/webhook)/[^\s\"'<>)]+",
            re.IGNORECASE,
        ),
        rf"\1/{HIDDEN}",
    ),
    (re.compile(r"(api\.telegram\.org/(?:file/)?bot)[^\s\"'<>)/]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    # A name and its value: of a parameter, a header, a variable, a field of JSON, an option of a command, XML.
    (
        re.compile(
            rf"(?<![A-Za-z0-9])({_NAME})({_QUOTE})?(\s*(?:[:=]|{_ENCODED}3D|=>)\s*|\s*,\s*(?=b?{_QUOTE}))"
            rf"(?:(b?)({_QUOTE})(?:(?!\5)(?:\\.|[^\\]))*|[^\s\"',;&<>)}}\]\\]+)",
            re.IGNORECASE | re.DOTALL,
        ),
        rf"\1\2\3\4\5{HIDDEN}",
    ),
    (re.compile(rf"(?<!\S)(--?{_NAME})(\s+)(?!-)\S+", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    (re.compile(rf"(<{_NAME}>)[^<]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    # `curl -u user:password`, also in the list of a command's arguments; two numbers are those of a user and a group.
    (
        re.compile(
            rf"{_USER_OPTION}([\s=,\"'\\]{{0,10}}[\"']){_NO_IDS}([\w.@%+-]{{1,100}}):(?!//)(?:\\.|[^\"'\r\n\\])+"
        ),
        rf"\1\2\3:{HIDDEN}",
    ),
    (re.compile(rf"{_USER_OPTION}([\s=]{{0,10}}){_NO_IDS}([\w.@%+-]{{1,100}}):(?!//)[^\s\"']+"), rf"\1\2\3:{HIDDEN}"),
    # What has the form of a key, wherever it is: a JSON web token, and those of AWS, GitHub, GitLab and others.
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bxox[a-z]-[\w-]{10,}"), HIDDEN),
    (re.compile(r"\bgithub_pat_\w{20,}|\bglpat-[\w-]{20,}|\bhf_[A-Za-z0-9]{20,}"), HIDDEN),
    (re.compile(r"\bAIza[\w-]{30,}|\bya29\.[\w-]{20,}|(?<![\w-])sk-(?=[\w-]{0,200}\d)[\w-]{20,}"), HIDDEN),
    (re.compile(r"\bSG\.[\w-]{16,}\.[\w-]{16,}"), HIDDEN),
    (re.compile(r"(?<![\w-])(?:npm_|pypi-|dop_v1_|shpat_|dapi)(?=[\w-]{0,200}\d)[\w-]{24,}"), HIDDEN),
)

_known: dict[str, None] = {}
_watchers: list[Callable[[str], None]] = []
_lock = Lock()


def without_credentials(url: str) -> str:
    """An address without the user and password that it may carry."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def without_secrets(address: str) -> str:
    """An address with `...` in the place of its user and password, and of its query, which may sign it.

    Dates and small numbers stay in a query. What is no address is treated as any text.
    """
    scheme, mark, rest = address.partition("://")
    if not mark or not _SCHEME.fullmatch(scheme):
        return redact(address)
    authority, rest = _split(rest)
    _, signed_in, host = authority.rpartition("@")
    rest = rest if scheme.lower() in ("s3", "file") else _without_query(rest)
    return f"{scheme}://{f'{HIDDEN}@' if signed_in else ''}{host}{rest}"


def secrets_of(address: str) -> list[str]:
    """The password and the query of an address, and the secrets among the query's parameters."""
    _, mark, rest = address.partition("://")
    authority, rest = _split(rest) if mark else ("", address)
    user, signed_in, _ = authority.rpartition("@")
    name, colon, password = user.partition(":")
    found = ([password if colon else name] if signed_in else []) + [user]
    query = rest.partition("#")[0].partition("?")[2]
    parameters = [each for each in query.split("&") if not _is_plain(each)]
    return [each for each in (*found, query if parameters else "", *(p.partition("=")[2] for p in parameters)) if each]


def remember(secret: str) -> None:
    """Let `redact` remove a secret from every text, however it is written there, and pass it to those who watch."""
    secret = secret.strip()
    forms = {secret, quote(secret, safe=""), quote_plus(secret), unquote(secret), json.dumps(secret)[1:-1]}
    forms = {form for form in forms if len(form) >= _SHORTEST and form != HIDDEN}
    with _lock:
        new = forms - _known.keys()
        _known.update(dict.fromkeys(new))
        watchers = list(_watchers) if new else []
    for watcher in watchers:
        for form in new:
            watcher(form)


def watch(watcher: Callable[[str], None]) -> None:
    """Call a function with every secret that this process knows, and with those that it will."""
    with _lock:
        if watcher in _watchers:
            return
        _watchers.append(watcher)
        known = list(_known)
    for secret in known:
        watcher(secret)


def redact(text: str) -> str:
    """A text with `...` in the place of what is a secret or looks like one."""
    with _lock:
        known = tuple(_known)
    if known:
        text = _any_of(known, "\n" in text).sub(HIDDEN, text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


@cache
def hide_addresses_in_logs() -> None:
    """Have urllib3 log requests without their paths: a webhook's path and an address's query are secrets."""

    def hide(record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_PATH.sub(r"\1/...", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True

    for logger in ("urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(logger).addFilter(hide)


def _split(rest: str) -> tuple[str, str]:
    """The user, host and port of an address, and its path with the query."""
    end = next((place for place, letter in enumerate(rest) if letter in "/?#"), len(rest))
    if "@" not in rest[:end] and "@" in rest and _NOT_A_PORT.match(rest[:end]):
        end = rest.rindex("@")
        end += next((place for place, letter in enumerate(rest[end:]) if letter in "/?#"), len(rest[end:]))
    return rest[:end], rest[end:]


def _without_query(rest: str) -> str:
    """A path with what may be displayed of its query and fragment."""
    rest, fragment, _ = rest.partition("#")
    path, asks, query = rest.partition("?")
    parameters = query.split("&")
    plain = [each for each in parameters if _is_plain(each)]
    shown = "&".join(plain if len(plain) == len(parameters) else [*plain, HIDDEN])
    return f"{path}{f'?{shown}' if asks and query else asks}{f'#{HIDDEN}' if fragment else ''}"


def _is_plain(parameter: str) -> bool:
    found = _PLAIN_PARAMETER.fullmatch(parameter)
    return found is not None and not SECRET_NAME.search(found[1])


@lru_cache(maxsize=4)
def _any_of(secrets: tuple[str, ...], wrapped: bool) -> re.Pattern[str]:
    """A pattern of some secrets; with `wrapped`, also of one that a line break divides."""
    longest_first = sorted(secrets, key=len, reverse=True)
    if not wrapped:
        return re.compile("|".join(map(re.escape, longest_first)))
    return re.compile("|".join(r"(?:\n\s*)?".join(map(re.escape, each)) for each in longest_first))
