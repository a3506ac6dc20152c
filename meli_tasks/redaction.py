"""Addresses, error messages and log lines without the secrets in them: passwords, signed queries, a webhook's path."""

from __future__ import annotations

import logging
import re
from functools import cache
from urllib.parse import urlsplit

_USER = re.compile(r"(://)[^/\s'\"]*@")
_PATH = re.compile(r"^(\w+://[^/\s]*)?/\S*$")
_QUERY = re.compile(r"\?[^\s'\")]+")


def without_credentials(url: str) -> str:
    """An address without the user and password that it may carry."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def without_secrets(url: str) -> str:
    """An address without user, password, and the query that may sign it."""
    parts = urlsplit(without_credentials(url))
    return parts._replace(query="..." if parts.query else "").geturl()


def redact(text: str) -> str:
    """A text without the secrets of the addresses in it; one may come from a redirect to a signed address."""
    return _QUERY.sub("?...", _USER.sub(r"\1", text))


@cache
def hide_addresses_in_logs() -> None:
    """Have urllib3 log requests without their paths: a webhook's path and an address's query are secrets."""

    def hide(record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_PATH.sub(r"\1/...", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True

    for logger in ("urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(logger).addFilter(hide)
