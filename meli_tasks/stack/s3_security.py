"""The certificates of the S3 server's own ports, and the file that makes it demand them.

SeaweedFS is four servers in one process. Beside S3, which checks keys, each listens for HTTP and for gRPC, and gives
everything to whoever connects: files, and the identities that S3 knows. With `security.toml` these ports speak only to
a client that shows a certificate of this authority, which nobody has but the server itself: its key is never written.

This file imports nothing of the project, because the image of the S3 server runs it as a script:
`s3_security.py FOLDER COMMAND...` writes the folder and becomes the command.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "meli-s3"
HOST = "127.0.0.1"
VALID = timedelta(days=3_650)
RENEW = timedelta(days=365)
GRPC = ("master", "volume", "filer", "s3", "admin", "worker", "client", "msg_broker", "msg_agent", "mq")
HTTPS = ("master", "volume", "filer", "admin")
CONFIGURATION, AUTHORITY, CERTIFICATE, KEY = "security.toml", "authority.pem", "certificate.pem", "key.pem"


def secure(folder: Path) -> Path:
    """Write certificates and `security.toml` into `folder`, unless they are there; only their owner may read them.

    Returns:
        The folder, for the option `-config_dir` of the server.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    if not _is_valid(folder):
        authority, certificate, key = _certificates(datetime.now(UTC))
        _write(folder / AUTHORITY, authority)
        _write(folder / CERTIFICATE, certificate)
        _write(folder / KEY, key)
        _write(folder / CONFIGURATION, _configuration(folder).encode())  # last: with it, all are there
    return folder


def _is_valid(folder: Path) -> bool:
    """Whether everything is there and lasts for a while."""
    if not all((folder / name).is_file() for name in (CONFIGURATION, AUTHORITY, KEY)):
        return False
    try:
        found = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return found.not_valid_after_utc > datetime.now(UTC) + RENEW


def _certificates(now: datetime) -> tuple[bytes, bytes, bytes]:
    """An authority's certificate, one that it has signed for server and client, and the key of that one, as PEM."""
    authority_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    authority = _signed("meli-s3-authority", authority_key, "meli-s3-authority", authority_key, now)
    certificate = _signed(NAME, key, "meli-s3-authority", authority_key, now)
    return (
        authority.public_bytes(serialization.Encoding.PEM),
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _signed(
    name: str, key: EllipticCurvePrivateKey, issuer: str, signer: EllipticCurvePrivateKey, now: datetime
) -> x509.Certificate:
    is_authority = key is signer
    usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ip_address(HOST))]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # for clocks that are behind
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _configuration(folder: Path) -> str:
    """`security.toml`: certificates on both sides of gRPC and HTTP, and signed tokens for what passes over HTTP."""
    authority, certificate, key = (json.dumps(str(folder / name)) for name in (AUTHORITY, CERTIFICATE, KEY))
    pair = f"cert = {certificate}\nkey = {key}\n"
    sections = [f"[grpc]\nca = {authority}\n"]
    sections += [f"[grpc.{part}]\n{pair}" for part in GRPC]
    sections += [f"[https.{part}]\n{pair}ca = {authority}\n" for part in HTTPS]
    sections += [f"[https.client]\nenabled = true\n{pair}ca = {authority}\n"]
    signing = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
    sections += [f'[{part}]\nkey = "{secrets.token_hex(32)}"\nexpires_after_seconds = 60\n' for part in signing]
    return "\n".join(sections)


def _write(file: Path, data: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(data)


if __name__ == "__main__":
    secure(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
