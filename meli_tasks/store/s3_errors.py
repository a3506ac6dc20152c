"""Translates errors of S3 servers and boto3 into our own: what happened, where, and which setting to change."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from meli_tasks.core.errors import BadSettings, MeliError, Rejected, Unreachable
from meli_tasks.http import is_loopback, transport_errors

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
    "ExpiredTokenException": (Rejected, EXPIRED),
    "RequestExpired": (Rejected, EXPIRED),
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
    **dict.fromkeys(
        (
            *("SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "TooManyRequests"),
            *("RequestLimitExceeded", "BandwidthLimitExceeded", "OperationAborted", "IncompleteBody", "BadDigest"),
            *(
                "NoSuchUpload",
                "IDPCommunicationError",
                "IDPCommunicationErrorException",
                "InvalidPart",
                "InvalidDigest",
            ),
        ),
        (Unreachable, LATER),
    ),
}
# A server that restarts behind its certificate, unlike one that has a wrong certificate or none.
BROKEN_OFF = re.compile(r"EOF|timed out|reset by peer", re.IGNORECASE)
# What a server says of keys that have just been replaced, or are not known everywhere yet.
OF_OLD_KEYS = (
    *("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", "InvalidToken"),
    *("InvalidAccessKeyId", "InvalidClientTokenId", "InvalidIdentityToken"),
)
ROTATED: tuple[type[MeliError], str] = (
    Unreachable,
    "This machine's role or file gets new keys from time to time: try again later.",
)
ROLE_VARIABLES = (
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_WEB_IDENTITY_TOKEN_FILE",
)  # fmt: skip


def masked(access_key: str) -> str:
    """Enough of a key id to recognise it."""
    return f"{access_key[: min(4, len(access_key) // 2)]}…" if access_key else "none"


@dataclass(frozen=True)
class Place:
    """Where a request went, for messages."""

    endpoint: str
    bucket: str
    access_key: str  # masked
    rotated: bool = False
    """Whether the keys are a role's, or temporary ones in a file, so that others may be there later."""

    def __str__(self) -> str:
        return f"bucket {self.bucket!r} at {self.endpoint} with key {self.access_key}"


def translated(error: Any, place: Place) -> MeliError:
    """A botocore ClientError as one of our errors."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    message = str(error.response.get("Error", {}).get("Message", "")) or "no reason given"
    if place.rotated and code in OF_OLD_KEYS:
        kind, advice = ROTATED
    else:
        kind, advice = MEANINGS.get(code) or _meaning_of_status(status, code, message, error.operation_name)
    server = "STS" if error.operation_name.startswith("AssumeRole") else "S3"
    request = f"{error.operation_name} ({message.rstrip('.')})"
    return kind(f"{server} answered {status} {code} to {request} for {place}. {advice}")


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


def doubtful(error: MeliError) -> bool:
    """Whether a refusal may be a mistake: of a server that does not know new keys yet, or of a body altered on its way.

    A server that has refused the same request several times means it.
    """
    from botocore.exceptions import ClientError

    cause = error.__cause__
    if not isinstance(cause, ClientError):
        return False
    code = str(cause.response.get("Error", {}).get("Code", ""))
    status = int(cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if status == 404 and code not in MEANINGS:  # a bit of NoSuchKey was flipped
        return True
    return status in (400, 403) and MEANINGS.get(code, (None, ""))[1] not in (FULL, ELSEWHERE)


def not_listening(error: MeliError) -> bool:
    """Whether no connection was made because nothing listens at the address."""
    from botocore.exceptions import EndpointConnectionError

    return isinstance(error.__cause__, EndpointConnectionError)


def key_errors() -> tuple[type[Exception], ...]:
    """The errors of boto3 when a role's keys do not come, for an `except` clause."""
    from botocore import exceptions as boto

    return (boto.CredentialRetrievalError, boto.MetadataRetrievalError)


def without_keys(error: Exception, place: Place) -> MeliError:
    """What it means that boto3 has no keys for a place.

    A machine's role gives keys over the network, and boto3 says of a service that did not answer only that there are no
    keys. So where a role is possible, a retry may find them.
    """
    from botocore.exceptions import PartialCredentialsError

    advice = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
    if isinstance(error, PartialCredentialsError) or not (isinstance(error, key_errors()) or _may_have_a_role(place)):
        return BadSettings(f"No keys for {place}: {error}. {advice}")
    return Unreachable(f"No keys for {place}: {error}. If this machine's role has keys, try again later. {advice}")


def _may_have_a_role(place: Place) -> bool:
    if any(os.environ.get(name) for name in ROLE_VARIABLES):
        return True
    disabled = os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
    return not disabled and not is_loopback(place.endpoint)


def _without_tls(error: Exception, place: Place) -> MeliError:
    if BROKEN_OFF.search(str(error)):
        return Unreachable(f"The secure connection to {place} was broken off: {error}. {LATER}")
    return Rejected(
        f"No secure connection to {place}: {error}. Check whether it expects http:// instead of https://. "
        "For a private certificate authority, set AWS_CA_BUNDLE to its certificate file."
    )


def _no_answer() -> tuple[type[Exception], ...]:
    """The errors of a connection or a transfer in parts that was given up, for an `except` clause."""
    from boto3.exceptions import RetriesExceededError
    from boto3.s3.transfer import S3TransferRetriesExceededError  # type: ignore[attr-defined]  # not in the stubs
    from botocore import exceptions as boto

    return (
        boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError, boto.ReadTimeoutError,
        RetriesExceededError, S3TransferRetriesExceededError,
    )  # fmt: skip


def _broken_answers() -> tuple[type[Exception], ...]:
    """The errors of an answer that breaks off or is not S3's XML, for an `except` clause."""
    from botocore.parsers import ResponseParserError

    return (*transport_errors(), ResponseParserError)


@contextmanager
def s3_errors(place: Callable[[], Place]) -> Iterator[None]:
    """Raise errors at `place()` as our own. Files of this machine are read and written outside of it."""
    from boto3.exceptions import Boto3Error
    from botocore import exceptions as boto

    try:
        yield
    except boto.ClientError as error:
        raise translated(error, place()) from error
    except (
        boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError,
        boto.MetadataRetrievalError,
    ) as error:  # fmt: skip
        raise without_keys(error, place()) from error
    except boto.SSLError as error:
        raise _without_tls(error, place()) from error
    except (boto.ChecksumError, boto.FlexibleChecksumError) as error:
        raise Unreachable(f"{place()} returned data that fails its checksum: {error}. Run again.") from error
    except _no_answer() as error:
        raise Unreachable(
            f"{place()} did not return a usable response: {error}. "
            "Check that it is running, that MELI_S3_ENDPOINT is right, and whether a proxy is in between."
        ) from error
    except (boto.BotoCoreError, Boto3Error) as error:
        raise Rejected(f"boto3 cannot use {place()}: {error}.") from error
    except _broken_answers() as error:  # botocore wraps most of them, but not all that reading a body can raise
        raise Unreachable(f"The answer of {place()} was lost or cannot be read: {error}. Run again.") from error
    except RuntimeError as error:  # botocore's own, of a role's service that gives out old keys
        if "credentials were refreshed" not in str(error).lower():
            raise
        raise Unreachable(f"No keys for {place()}: {error} Try again later.") from error
    except OSError as error:
        raise Unreachable(f"The connection to {place()} was lost: {error}. Run again.") from error
