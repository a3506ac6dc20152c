"""The types of settings: what each kind of value must be, checked when the settings are read.

A value that only its first use would refuse (a night's mail, the DAG's file, a training task) is refused at the start.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator

from meli_tasks.allowed_addresses import AllowedAddresses
from meli_tasks.concealed import conceal
from meli_tasks.core.errors import BadSettings
from meli_tasks.redaction import without_credentials
from meli_tasks.schedule import Schedule

WEB = ("http", "https")
_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+(%\w+)?")  # a name or an IPv4 address; an IPv6 address
_SET_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")
_REGISTERED_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")  # MLflow refuses more in the name of a logged model
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}|arn:.+")  # as boto3 checks it before its first request


def checked_address(url: str, schemes: Sequence[str], example: str) -> SplitResult:
    """The parts of an address. No message repeats the address: it may contain a password.

    Raises:
        ValueError: it is none of these schemes, or its host or port cannot be used.
    """
    expected = f"it must look like {example}"
    if any(letter.isspace() or not letter.isprintable() for letter in url):
        raise ValueError(f"it contains a space or a control character; {expected}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"its host or port cannot be read; {expected}") from None
    if parts.scheme not in schemes:
        written = f"its scheme is {parts.scheme!r}" if parts.scheme and "//" in url else "it has no scheme"
        raise ValueError(f"{written}; {expected}")
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise ValueError(f"it has no valid host; {expected}")
    if port == 0:
        raise ValueError(f"its port is 0; {expected}")
    return parts


def credentials(url: str) -> tuple[str, str]:
    """The user and the password in an address; empty strings if it has none."""
    parts = urlsplit(url)
    return unquote(parts.username or ""), unquote(parts.password or "")


def _web_address(url: str) -> str:
    if url:
        checked_address(url, WEB, "http://127.0.0.1:5000 or https://host/path")
    return url


def _endpoint(url: str) -> str:
    if url and "@" in checked_address(url, WEB, "http://127.0.0.1:9000").netloc:
        raise ValueError("it contains a user or password: keys belong in AWS_ACCESS_KEY_ID")
    return url


def _mail_server(url: str) -> str:
    if url:
        example = "smtp://user:password@host:587 or smtps://user:password@host:465 (percent-encode / @ : in a password)"
        checked_address(url, ("smtp", "smtps"), example)
    return url


def _mail_addresses(names: str) -> str:
    from email.headerregistry import Address

    for name in filter(None, (name.strip() for name in names.split(","))):
        try:
            domain = Address(addr_spec=name).domain
        except (ValueError, IndexError):
            domain = ""
        if not domain:
            raise ValueError(f"{name!r} is not an e-mail address; write name@host")
    return names


def _registered_name(name: str) -> str:
    if not _REGISTERED_NAME.fullmatch(name):
        raise ValueError("use up to 200 letters, digits, '-' and '_', such as meli-title-classifier")
    return name


def _rendezvous(address: str) -> str:
    host, _, port = address.rpartition(":")
    if address and not (host and port.isdecimal() and 0 < int(port) <= 65_535):
        raise ValueError("is not an address like trainer:29400")
    return address


def _set_names(names: str) -> str:
    found = [name.strip() for name in names.split(",") if name.strip()]
    wrong = [name for name in found if not _SET_NAME.fullmatch(name)]
    if wrong or not found:
        raise ValueError(f"{wrong[0] if wrong else names!r} is not a name of a set; write names such as mlp,cnn")
    return names


def _store_address(url: str) -> str:
    from meli_tasks.store import open_store

    if not url:
        return url
    try:
        open_store(url, s3_endpoint="http://localhost")  # connects to nothing
    except BadSettings as error:
        raise ValueError(str(error)) from None
    if url.startswith("s3:") and not _BUCKET.fullmatch(urlsplit(url).netloc):
        raise ValueError("this is not a valid bucket name: use letters, digits, '.', '-' and '_'")
    return url


def _prefixes(text: str) -> str:
    AllowedAddresses.parse(text)
    return text


def _nightly(schedule: str) -> str:
    Schedule.parse(schedule)
    return schedule


def _addresses(addresses: str) -> str:
    unusable = [address for address in addresses.split() if conceal(address) == address]
    if unusable:
        raise ValueError("one of them has no password and no signature; write https://user:password@host/titles.csv")
    return addresses


WebAddress = Annotated[str, AfterValidator(_web_address)]
Rendezvous = Annotated[str, AfterValidator(_rendezvous)]
PublicAddress = Annotated[str, AfterValidator(_web_address), AfterValidator(without_credentials)]
"""An address that pages and notifications display."""
SecretAddresses = Annotated[str, AfterValidator(_addresses)]
"""Addresses with their secrets, between spaces; this process remembers them."""
Endpoint = Annotated[str, AfterValidator(_endpoint)]
MailServerAddress = Annotated[str, AfterValidator(_mail_server)]
MailAddresses = Annotated[str, AfterValidator(_mail_addresses)]
SetNames = Annotated[str, AfterValidator(_set_names)]
RegisteredName = Annotated[str, AfterValidator(_registered_name)]
StoreAddress = Annotated[str, AfterValidator(_store_address)]
Prefixes = Annotated[str, AfterValidator(_prefixes)]
Nightly = Annotated[str, AfterValidator(_nightly)]
