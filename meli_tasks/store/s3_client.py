"""boto3's client for S3: its address, keys, time-outs and checksums."""

from __future__ import annotations

import os
from base64 import b64encode
from functools import cache
from hashlib import md5
from typing import Any

from meli_tasks.core.errors import BadSettings, Unreachable
from meli_tasks.http import is_loopback
from meli_tasks.redaction import without_credentials
from meli_tasks.store.s3_errors import CHECKSUMS, key_errors

CONNECT_SECONDS = 5
READ_SECONDS = 15  # seaweedfs delays the loser of a race by 3 s; busy servers take longer
TRIES = 1  # retrying.py sends requests again, bodies included, which boto3 does not
ADDRESSING = "MELI_S3_ADDRESSING"
ADDRESSING_CHOICES = ("path", "virtual")
CHECKSUM_CHOICES = ("when_supported", "when_required")


def endpoint_in_use(endpoint: str | None) -> str | None:
    """`endpoint`, else the environment's; None is AWS itself."""
    return endpoint or os.environ.get("MELI_S3_ENDPOINT") or os.environ.get("AWS_ENDPOINT_URL_S3") or None


def client(endpoint: str | None, *, access_key: str | None = None, secret_key: str | None = None) -> Any:
    """A boto3 S3 client with our time-outs and a single try for each request. It is not connected yet.

    MELI_S3_ADDRESSING=virtual is for servers that find the bucket in the host's name, and not in the path.
    MELI_S3_CHECKSUMS=when_required sets boto3's two checksum settings (request_checksum_calculation,
    response_checksum_validation) for older stores that refuse what boto3 sends since 1.36.

    Args:
        endpoint: None for the environment's, or else AWS.
        access_key: None to look for keys where boto3 does.
        secret_key: The key's secret.

    Raises:
        BadSettings: the endpoint, the profile, MELI_S3_ADDRESSING or MELI_S3_CHECKSUMS cannot be understood.
        Unreachable: this machine's role gives no keys now.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    checksums = os.environ.get(CHECKSUMS) or CHECKSUM_CHOICES[0]
    if checksums not in CHECKSUM_CHOICES:
        raise BadSettings(f"{CHECKSUMS} is {checksums!r}: it must be one of {', '.join(CHECKSUM_CHOICES)}.")
    addressing = os.environ.get(ADDRESSING) or ADDRESSING_CHOICES[0]
    if addressing not in ADDRESSING_CHOICES:
        raise BadSettings(f"{ADDRESSING} is {addressing!r}: it must be one of {', '.join(ADDRESSING_CHOICES)}.")
    endpoint = endpoint_in_use(endpoint)
    if endpoint and "@" in endpoint:
        raise BadSettings(
            f"The endpoint {without_credentials(endpoint)} contains a user or password: keys belong in "
            "AWS_ACCESS_KEY_ID."
        )
    config: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"total_max_attempts": TRIES, "mode": "standard"},
        "max_pool_connections": 64,  # eight readers, each of which downloads a large file in parts at once
        "request_checksum_calculation": checksums,
        "response_checksum_validation": checksums,
    }
    if endpoint:
        config["s3"] = {"addressing_style": addressing}
        if is_loopback(endpoint):
            config["proxies"] = {}  # no proxy can reach this machine's own ports
    if access_key == os.environ.get("AWS_ACCESS_KEY_ID"):
        access_key = secret_key = None  # boto3 finds them itself, with the token that temporary keys need
    try:
        bare = Session()
        bare.register_component("data_loader", _loader())
        session = boto3.session.Session(access_key, secret_key, botocore_session=bare)
        region = session.region_name or os.environ.get("AWS_REGION") or "us-east-1"
        return session.client("s3", endpoint_url=endpoint, region_name=region, config=Config(**config))
    except key_errors() as error:  # a role's keys are looked for here already
        place = without_credentials(endpoint) if endpoint else "AWS"
        raise Unreachable(f"No keys for {place}: {error}. If this machine's role has keys, try again later.") from error
    except (ValueError, BotoCoreError) as error:
        raise BadSettings(
            f"No S3 client for {without_credentials(endpoint) if endpoint else 'AWS'}: {error}. Write the endpoint "
            "like http://127.0.0.1:9000 (MELI_S3_ENDPOINT), and check AWS_PROFILE and AWS_REGION."
        ) from error


@cache
def _loader() -> Any:
    """The reader of botocore's descriptions of AWS, one for all clients: reading them is most of creating a client."""
    from botocore.loaders import create_loader

    return create_loader(os.environ.get("AWS_DATA_PATH") or None)  # botocore takes "" for the working folder


def body(made: Any, data: bytes) -> dict[str, Any]:
    """The arguments for a request that sends `data`, with a digest that the server checks.

    boto3 sends a CRC-32, which older stores refuse; those know Content-MD5.
    """
    if made.meta.config.request_checksum_calculation == CHECKSUM_CHOICES[0]:
        return {"Body": data}
    digest = md5(data, usedforsecurity=False).digest()
    return {"Body": data, "ContentMD5": b64encode(digest).decode()}


def keys_are_rotated(made: Any) -> bool:
    """Whether a client's keys come from a role, or are temporary ones in a file that something renews."""
    from botocore.credentials import RefreshableCredentials

    found = made._request_signer._credentials if made is not None else None  # botocore has no public way
    if found is None or isinstance(found, RefreshableCredentials):
        return found is not None
    return bool(found.token) and found.method not in ("env", "explicit")
