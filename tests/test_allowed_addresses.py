"""What a prefix of MELI_SOURCES allows, and the addresses that only look as if they began with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.allowed_addresses import IN_AIRFLOW, AllowedAddresses, NotAllowed, is_on_the_internet


def allows(prefixes: str, address: str) -> bool:
    try:
        AllowedAddresses.parse(prefixes).check(address)
    except NotAllowed:
        return False
    return True


@pytest.mark.parametrize(
    ("prefixes", "address"),
    [
        ("", "https://10.0.0.1/x"),
        ("any", "s3://bucket/x"),
        ("s3:// any", "/data/x"),
        (IN_AIRFLOW, "s3://bucket/day=2026-11-21/*.parquet"),
        (IN_AIRFLOW, "https://example.org/titles.csv?day=1"),
        (IN_AIRFLOW, "HTTPS://Example.org:8443/titles.csv"),
        ("s3://bucket", "s3://bucket/titles.csv"),
        ("s3://bucket/a/", "s3://bucket/a/b/*.csv"),
        ("s3://bucket/a", "s3://bucket/a"),
        ("s3://bucket/a,s3://other", "s3://other/b?.csv"),
        ("https://example.org/data", "https://EXAMPLE.org:443/data/x.csv"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/x.csv"),
    ],
)
def test_allowed(prefixes: str, address: str) -> None:
    assert allows(prefixes, address)


@pytest.mark.parametrize(
    ("prefixes", "address"),
    [
        (IN_AIRFLOW, "/etc/shadow"),
        (IN_AIRFLOW, "file:///etc/shadow"),
        (IN_AIRFLOW, "http://example.org/titles.csv"),
        (IN_AIRFLOW, "https://["),
        (IN_AIRFLOW, "https://example.org:99999/"),
        ("s3://bucket", "s3://bucket-of-another/x"),
        ("s3://bucket/a", "s3://bucket/ab"),
        ("s3://bucket/a", "s3://bucket/a*"),
        ("s3://bucket/a", "s3://bucket/*"),
        ("s3://bucket/a", "s3://Bucket/a/x"),
        ("https://example.org", "https://example.org.evil.net/x"),
        ("https://example.org", "https://example.org@evil.net/x"),
        ("https://example.org", "https://example.org:8443/x"),
        ("https://example.org/data", "https://example.org/database"),
        ("https://example.org/data", "https://example.org/data/../x"),
        ("https://example.org/data", "https://example.org/data/%2e%2e/x"),
        ("https://example.org/data", "https://example.org/data/..\\x"),
        ("https://example.org/data", "https://example.org/data/%252e%252e/x"),
        ("https://example.org/data", "https://example.org/data/..;a=1/x"),
        ("/data", "s3://data/x"),
        (IN_AIRFLOW, "s3://buc\tket/x"),
        ("any", "s3://buc\nket/x"),
        (IN_AIRFLOW, "https://exam\tple.org/x"),
    ],
)
def test_not_allowed(prefixes: str, address: str) -> None:
    assert not allows(prefixes, address)


def test_a_file_counts_where_its_links_lead(tmp_path: Path) -> None:
    inside, outside = tmp_path / "data", tmp_path / "secret.csv"
    inside.mkdir()
    outside.write_text("title\n")
    (inside / "titles.csv").symlink_to(outside)
    (tmp_path / "link").symlink_to(inside)
    allowed = AllowedAddresses.parse(str(tmp_path / "link"))
    allowed.check_file(inside / "own.csv")
    allowed.check(f"file://{inside}/own%20file.csv")
    for path in (inside / "titles.csv", inside / ".." / "secret.csv", tmp_path / "database"):
        with pytest.raises(NotAllowed, match="MELI_SOURCES allows what begins with"):
            allowed.check_file(path)


@pytest.mark.parametrize("path", ["/proc/kmsg", "/proc/self/environ", "/sys/kernel/notes", "/tmp/../proc/1/environ"])
def test_the_kernels_files_are_never_read(path: str) -> None:
    with pytest.raises(NotAllowed, match="belongs to the kernel"):
        AllowedAddresses.parse("any").check_file(Path(path))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.100.100.200",
        "168.63.129.16", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00:ec2::254", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "::127.0.0.1", "fec0::1", "64:ff9b:1::1", "5f00::1", "192.0.0.192",
    ],
)  # fmt: skip
def test_addresses_that_are_not_on_the_internet(address: str) -> None:
    assert not is_on_the_internet(address)
    allowed = AllowedAddresses.parse("https:// https://inner.example:8443/data")
    with pytest.raises(NotAllowed, match="private network"):
        allowed.check_peer("rebound.example", 443, address)
    allowed.check_peer("Inner.example.", 8443, address)  # a prefix names it
    AllowedAddresses.parse("any").check_peer("rebound.example", 443, address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_on_the_internet(address: str) -> None:
    assert is_on_the_internet(address)


@pytest.mark.parametrize(
    "prefixes",
    [
        "titles.csv",
        "ftp://host",
        "s3",
        "https:host",
        "https://user:hush@host",
        "https://host/?hush",
        "https://[",
        "s3:///x",
    ],
)
def test_what_is_no_prefix(prefixes: str) -> None:
    with pytest.raises(ValueError) as caught:
        AllowedAddresses.parse(prefixes)
    assert "hush" not in str(caught.value)


def test_secrets_of_an_address_that_is_refused_are_not_repeated() -> None:
    with pytest.raises(NotAllowed) as caught:
        AllowedAddresses.parse("s3://").check("https://user:hush@host/x?signature=hush")
    assert "hush" not in str(caught.value) and "https://...@host/x" in str(caught.value)
