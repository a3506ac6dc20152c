"""Checks by experiment which operations a store supports, for `meli doctor`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from meli_tasks.core.errors import Conflict, MeliError
from meli_tasks.store.protocol import Store

LARGE_BYTES = 9_000_000  # more than one part of a multipart upload

READ_ADVICE = "Check the store's URL, its address and the keys."
CREATE_ADVICE = (
    "This store accepts a conditional create (If-None-Match: *) but overwrites regardless, as many S3 look-alikes do: "
    "two workers or two promotions at the same time would overwrite each other. "
    "Use a server that honours the condition: AWS S3, seaweedfs, Ceph, MinIO; or file:///."
)
REPLACE_ADVICE = (
    "This store accepts a conditional replace (If-Match) but overwrites regardless: concurrent changes would be lost. "
    "Use a server that honours the condition: AWS S3, seaweedfs, Ceph, MinIO; or file:///."
)


@dataclass(frozen=True)
class Check:
    """The result of one check: whether it passed, what was observed, and what to do if it failed."""

    name: str
    ok: bool
    observed: str
    advice: str = ""


def probe(store: Store) -> list[Check]:
    """Try every operation that the project needs, on temporary objects that are deleted afterwards.

    The later checks are left out if the store cannot be written and read at all. Raises no MeliError.
    """
    folder = f"probe/{uuid4().hex}"
    checks = [_run_check("write and read", lambda: _round_trip(store, f"{folder}/small"), READ_ADVICE)]
    if checks[0].ok:
        checks += [
            _run_check("list", lambda: _listing(store, folder), "The key needs s3:ListBucket."),
            _run_check("conditional create", lambda: _create_once(store, f"{folder}/created"), CREATE_ADVICE),
            _run_check("conditional replace", lambda: _replace_once(store, f"{folder}/replaced"), REPLACE_ADVICE),
            _run_check(
                "large file", lambda: _large_file(store, f"{folder}/large"), "The server must take multipart uploads."
            ),
        ]
        checks.append(_run_check("delete", lambda: _clean(store, folder), "The key needs s3:DeleteObject."))
    return checks


class _UnexpectedBehaviour(Exception):
    """The store did something other than requested; the text says what."""


def _run_check(name: str, attempt: Callable[[], str], advice: str) -> Check:
    try:
        return Check(name, True, attempt())
    except _UnexpectedBehaviour as wrong:
        return Check(name, False, str(wrong), advice)
    except MeliError as error:  # its message says what to do
        return Check(name, False, str(error), advice)


def _round_trip(store: Store, name: str) -> str:
    if store.read(name) is not None:
        raise _UnexpectedBehaviour("a name that was never written exists")
    data = os.urandom(1_000)
    store.write(name, data)
    blob = store.read(name)
    if blob is None or blob.data != data:
        raise _UnexpectedBehaviour("the bytes read are not those written")
    return f"1,000 bytes were written to {store.url} and read back"


def _listing(store: Store, folder: str) -> str:
    names = list(store.names(f"{folder}/"))
    if names != [f"{folder}/small"]:
        raise _UnexpectedBehaviour(f"one object was written, but {len(names)} are listed")
    return "the object just written is listed"


def _create_once(store: Store, name: str) -> str:
    store.write(name, b"first", if_absent=True)
    try:
        store.write(name, b"second", if_absent=True)
    except Conflict:
        blob = store.read(name)
        if blob is None or blob.data != b"first":
            raise _UnexpectedBehaviour("the second create was refused, but the bytes of the first are lost") from None
        return "the second create of one name was refused"
    raise _UnexpectedBehaviour("the second create of one name was accepted")


def _replace_once(store: Store, name: str) -> str:
    version = store.write(name, b"first")
    store.write(name, b"second", if_version=version)
    try:
        store.write(name, b"third", if_version=version)
    except Conflict:
        blob = store.read(name)
        if blob is None or blob.data != b"second":
            raise _UnexpectedBehaviour(
                "a replace of an old version was refused, but the bytes are not the last accepted ones"
            ) from None
        return "a replace of an old version was refused"
    raise _UnexpectedBehaviour("a replace of an old version was accepted")


def _large_file(store: Store, name: str) -> str:
    data = os.urandom(LARGE_BYTES)
    with tempfile.TemporaryDirectory(prefix="meli-probe-") as folder:
        there, back = Path(folder) / "there", Path(folder) / "back"
        there.write_bytes(data)
        store.upload(there, name)
        store.download(name, back)
        if sha256(back.read_bytes()).digest() != sha256(data).digest():
            raise _UnexpectedBehaviour("the downloaded file differs from the uploaded one")
    return f"{LARGE_BYTES / 1e6:.0f} MB were uploaded in parts and downloaded"


def _clean(store: Store, folder: str) -> str:
    for name in store.names(f"{folder}/"):
        store.delete(name)
    left = list(store.names(f"{folder}/"))
    if left:
        raise _UnexpectedBehaviour(f"{len(left)} of the probe's objects are still listed, under {folder}/")
    return "the probe's objects were deleted"
