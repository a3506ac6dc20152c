"""What an address identifies: the address itself, without what only grants access to it.

A validator (an ETag, a date) compares versions of one resource and says nothing about another (RFC 9110, 8.8), so the
address belongs to the identity of what was downloaded. A signed address changes with every signature, though the
resource stays the same: user, password and the parameters of the known ways to sign do not belong to it.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

# Amazon, Google, Alibaba, Tencent and others put their parameters behind a prefix.
_SIGNING_PREFIXES = ("x-amz-", "x-goog-", "x-oss-", "x-cos-", "x-ms-", "q-")
_SIGNATURES = {"signature", "sig", "x-amz-signature", "x-goog-signature", "x-oss-signature", "q-signature", "hmac"}
_SECRETS = {
    *_SIGNATURES,
    "token", "access_token", "auth", "auth_token", "authorization", "jwt", "sas", "security-token", "__token__",
    "hdnts", "hdnea", "api_key", "api-key", "apikey", "access_key", "secret", "client_secret", "password",
    "passwd", "pwd", "credential", "awsaccesskeyid", "googleaccessid", "ossaccesskeyid",
}  # fmt: skip
# Next to a signature these are its terms: when it ends, who signed, what it allows (CloudFront, Azure, S3 version 2).
_SIGNED_WITH = {
    "expires", "expiry", "exp", "policy", "key-pair-id", "keyname", "urlprefix", "algorithm", "hash-algorithm",
    "sv", "st", "se", "sr", "sp", "sip", "spr", "ss", "srt", "si", "skoid", "sktid", "skt", "ske", "sks", "skv",
    "saoid", "suoid", "scid", "sdd", "rscc", "timestamp", "nonce",
}  # fmt: skip
_PORTS = {"http": 80, "https": 443}


def resource_of(url: str) -> str:
    """The address without user, password and signature: equal for every signature of one resource.

    Other parameters of the query stay, because `?day=2026-11-21` is another resource than `?day=2026-11-22`. An
    unknown way to sign therefore gives a new identity with each signature: the file is read again, never mistaken.
    """
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    port = "" if parts.port in {None, _PORTS.get(scheme)} else f":{parts.port}"
    query = parse_qsl(parts.query, keep_blank_values=True)
    signed = any(name.lower() in _SIGNATURES for name, _ in query)
    kept = [(name, value) for name, value in query if not _signs(name.lower(), signed)]
    return f"{scheme}://{host}{port}{parts.path or '/'}" + (f"?{urlencode(kept)}" if kept else "")


def _signs(name: str, signed: bool) -> bool:
    return name in _SECRETS or name.startswith(_SIGNING_PREFIXES) or (signed and name in _SIGNED_WITH)
