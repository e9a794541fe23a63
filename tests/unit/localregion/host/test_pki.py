"""The region's authority and what it signs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from localregion.host.pki import Authority, certificate_matches_key, key_pem, new_key, write_private


def test_certificates_are_kept_while_they_fit(tmp_path: Path) -> None:
    authority = Authority.load_or_create(tmp_path, "the region")
    assert Authority.load_or_create(tmp_path, "the region").certificate == authority.certificate
    names = ["*.local-1.okestack.test", "10.0.0.5"]
    first = authority.issue(tmp_path / "tls", "one", common_name="one", names=names)
    key = first.key_pem
    assert authority.issue(tmp_path / "tls", "one", common_name="one", names=names).key_pem == key
    assert authority.issue(tmp_path / "tls", "one", common_name="one", names=[*names, "x"]).key_pem != key
    key = first.key_pem
    assert authority.issue(tmp_path / "tls", "one", common_name="one", names=[*names, "x"], days=5).key_pem == key
    other = Authority.load_or_create(tmp_path / "other", "another")
    assert other.issue(tmp_path / "tls", "one", common_name="one", names=[*names, "x"]).key_pem != key
    # One that expires within a week is renewed.
    authority.issue(tmp_path / "tls", "short", common_name="short", days=5)
    key = (tmp_path / "tls" / "short-key.pem").read_bytes()
    assert authority.issue(tmp_path / "tls", "short", common_name="short").key_pem != key


def test_openssl_agrees(tmp_path: Path) -> None:
    authority = Authority.load_or_create(tmp_path, "the region")
    leaf = authority.issue(tmp_path, "leaf", common_name="leaf", names=["db.v.oraclevcn.com", "10.0.2.9"])
    for check in (["-verify_hostname", "db.v.oraclevcn.com"], ["-verify_ip", "10.0.2.9"]):
        command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", *check]
        command += ["-CAfile", str(authority.certificate_path), str(leaf.certificate)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    command = ["openssl", "verify", "-verify_hostname", "other", "-CAfile", str(authority.certificate_path)]
    assert subprocess.run([*command, str(leaf.certificate)], capture_output=True).returncode != 0


def test_client_certificates_carry_groups(tmp_path: Path) -> None:
    authority = Authority.load_or_create(tmp_path, "a cluster")
    leaf = authority.issue(
        tmp_path, "admin", common_name="admin", organizations=["system:masters"], server=False, client=True
    )
    certificate = x509.load_pem_x509_certificate(leaf.certificate_pem)
    assert certificate.subject.rfc4514_string() == "CN=admin,O=system:masters"
    uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    authority = Authority.load_or_create(tmp_path, "the region")
    leaf = authority.issue(tmp_path, "leaf", common_name="leaf")
    for path in (authority.key_path, leaf.key):
        assert path.stat().st_mode & 0o777 == 0o600
    loose = tmp_path / "loose"
    loose.write_text("old")
    loose.chmod(0o644)
    write_private(loose, "new")
    assert loose.read_text() == "new" and loose.stat().st_mode & 0o777 == 0o600


def test_a_certificate_and_another_key_do_not_match(tmp_path: Path) -> None:
    authority = Authority.load_or_create(tmp_path, "the region")
    leaf = authority.issue(tmp_path, "leaf", common_name="leaf")
    assert certificate_matches_key(leaf.certificate_pem, leaf.key_pem)
    assert not certificate_matches_key(leaf.certificate_pem, key_pem(new_key("rsa")))
    with pytest.raises(ValueError):
        certificate_matches_key(b"no certificate", leaf.key_pem)
