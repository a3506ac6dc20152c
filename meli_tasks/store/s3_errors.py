"""Translates errors of S3 servers and boto3 into our own: what happened, where, and which setting to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meli_tasks.core.errors import BadSettings, MeliError, Rejected, Unreachable
from meli_tasks.disk import explained
from meli_tasks.http import transport_errors

CHECKSUMS = "MELI_S3_CHECKSUMS"
WRONG_KEYS = "The keys are wrong: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a pair that this server knows."
EXPIRED = "The keys have expired: get new ones, with AWS_SESSION_TOKEN if they are temporary."
FULL = "The store is full: free some space there."
LATER = "Try again later."
ELSEWHERE = "The bucket is in another region or at another address: set AWS_REGION or MELI_S3_ENDPOINT."
NO_CONDITIONS = (
    "It does not support conditional writes, without which two workers overwrite each other: see `meli doctor`."
)
OLDER = f"Older stores refuse boto3's checksums: set {CHECKSUMS}=when_required."

# The meaning of an error code, and what to do about it.
MEANINGS: dict[str, tuple[type[MeliError], str]] = {
    "InvalidAccessKeyId": (Rejected, WRONG_KEYS),
    "SignatureDoesNotMatch": (Rejected, WRONG_KEYS),
    "AuthorizationHeaderMalformed": (Rejected, WRONG_KEYS),
    "InvalidToken": (Rejected, WRONG_KEYS),
    "ExpiredToken": (Rejected, EXPIRED),
    "TokenRefreshRequired": (Rejected, EXPIRED),
    "RequestTimeTooSkewed": (Rejected, "This machine's clock is wrong: set it."),
    "NoSuchBucket": (
        Rejected,
        "There is no such bucket: create it, or correct its name in MELI_STORE (a source's: MELI_SOURCE).",
    ),
    "PermanentRedirect": (Rejected, ELSEWHERE),
    "IllegalLocationConstraintException": (Rejected, ELSEWHERE),
    "NotImplemented": (Rejected, NO_CONDITIONS),
    "XAmzContentSHA256Mismatch": (Rejected, OLDER),
    "InsufficientStorage": (Rejected, FULL),
    "XMinioStorageFull": (Rejected, FULL),
    "QuotaExceeded": (Rejected, FULL),
    "SlowDown": (Unreachable, LATER),
    "RequestTimeout": (Unreachable, LATER),
}


def masked(access_key: str) -> str:
    """Enough of a key id to recognise it."""
    return f"{access_key[: min(4, len(access_key) // 2)]}…" if access_key else "none"


@dataclass(frozen=True)
class Place:
    """Where a request went, for messages."""

    endpoint: str
    bucket: str
    access_key: str  # masked

    def __str__(self) -> str:
        return f"bucket {self.bucket!r} at {self.endpoint} with key {self.access_key}"


def translated(error: Any, place: Place) -> MeliError:
    """A botocore ClientError as one of our errors."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    message = str(error.response.get("Error", {}).get("Message", "")) or "no reason given"
    kind, advice = MEANINGS.get(code) or _meaning_of_status(status, code, message, error.operation_name)
    return kind(f"S3 answered {status} {code} to {error.operation_name} ({message.rstrip('.')}) for {place}. {advice}")


def _meaning_of_status(status: int, code: str, message: str, operation: str) -> tuple[type[MeliError], str]:
    if status == 507:
        return Rejected, FULL
    if status in (408, 429) or (status >= 500 and status != 501):
        return Unreachable, LATER
    if "checksum" in f"{code} {message}".lower():
        return Rejected, OLDER
    if status == 403:
        writes = operation.startswith(("Put", "Create", "Upload", "Complete", "Delete"))
        return Rejected, (
            f"This key may not {'write to' if writes else 'read from'} the bucket: give it s3:GetObject, s3:PutObject, "
            "s3:DeleteObject and s3:ListBucket, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to one that may."
        )
    return Rejected, "Run `meli doctor` to see what this store can do."


@contextmanager
def s3_errors(place: Callable[[], Place], local: Path | None = None) -> Iterator[None]:
    """Raise errors at `place()`, or with the local file of a transfer, as our own."""
    from boto3.exceptions import Boto3Error
    from botocore import exceptions as boto

    try:
        yield
    except boto.ClientError as error:
        raise translated(error, place()) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError) as error:
        raise BadSettings(
            f"No keys for {place()}: {error}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        ) from error
    except boto.SSLError as error:
        raise Rejected(
            f"No secure connection to {place()}: {error}. Check whether it expects http:// instead of https://. "
            "For a private certificate authority, set AWS_CA_BUNDLE to its certificate file."
        ) from error
    except (boto.ChecksumError, boto.FlexibleChecksumError) as error:
        raise Unreachable(f"{place()} returned data that fails its checksum: {error}. Run again.") from error
    except (boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError, boto.ReadTimeoutError) as error:
        raise Unreachable(
            f"{place()} did not return a usable response: {error}. "
            "Check that it is running, that MELI_S3_ENDPOINT is right, and whether a proxy is in between."
        ) from error
    except (boto.BotoCoreError, Boto3Error) as error:
        raise Rejected(f"boto3 cannot use {place()}: {error}.") from error
    except transport_errors() as error:  # botocore wraps most of them, but not all that reading a body can raise
        raise Unreachable(f"The connection to {place()} was lost: {error}. Run again.") from error
    except OSError as error:
        if local is None:
            raise Unreachable(f"The connection to {place()} was lost: {error}. Run again.") from error
        raise explained(error, local) from error
