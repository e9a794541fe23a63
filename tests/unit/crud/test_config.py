"""What the application makes of its environment."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from crud.bootstrap import granted_name, name, unexpected_grants
from crud.config import ConfigError, Secret, database

GOOD = {"DB_HOST": "db.example", "DB_NAME": "crud", "DB_USER": "app", "DB_PASSWORD": "s3cret", "DB_CA": "/ca.pem"}


def test_good_environment() -> None:
    found = database(GOOD)
    assert (found.host, found.port, found.name, found.user) == ("db.example", 3306, "crud", "app")
    assert found.tls_mode == "verify-ca"
    assert found.password.read() == "s3cret"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"DB_HOST": ""}, "DB_HOST is not set"),
        ({"DB_PORT": "70000"}, "DB_PORT must be a number from 1 to 65535"),
        ({"DB_PORT": "٣"}, "DB_PORT must be a number"),
        ({"DB_PASSWORD": ""}, "DB_PASSWORD_FILE (or DB_PASSWORD) is not set"),
        ({"DB_PASSWORD_FILE": "/x"}, "not both"),
        ({"DB_CA": ""}, "set DB_TLS=required to encrypt without checking"),
        ({"DB_TLS": "off"}, "DB_TLS must be one of verify-ca, verify-identity, required"),
        ({"DB_TLS": "required"}, "would ignore DB_CA"),
    ],
)
def test_bad_environment(change: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("(", r"\(").replace(")", r"\)")) as raised:
        database(GOOD | change)
    assert "s3cret" not in str(raised.value)


def test_password_file_is_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / "password"
    secret = Secret(path=path)
    with pytest.raises(ConfigError, match="cannot read"):
        secret.read()
    path.write_text("one\n")
    assert secret.read() == "one"
    path.write_text("two ")
    assert secret.read() == "two "
    path.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        secret.read()
    assert "two" not in repr(Secret(value="two"))


@pytest.mark.parametrize(
    ("mode", "verify", "host"),
    [("required", ssl.CERT_NONE, False), ("verify-identity", ssl.CERT_REQUIRED, True)],
)
def test_tls_modes(mode: str, verify: ssl.VerifyMode, host: bool) -> None:
    context = database(GOOD | {"DB_CA": "", "DB_TLS": mode}).tls()
    assert (context.verify_mode, context.check_hostname) == (verify, host)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_unreadable_ca_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="DB_CA"):
        database(GOOD | {"DB_CA": str(tmp_path / "none.pem")}).tls()


@pytest.mark.parametrize("bad", ["", "1a", "a-b", "a`b", "a'b", "a" * 33, "a\n"])
def test_names_need_no_quoting(bad: str) -> None:
    with pytest.raises(ConfigError):
        name(bad, "APP_USER", 32)


@pytest.mark.parametrize(
    ("grant", "beyond"),
    [
        ("GRANT USAGE ON *.* TO `app`@`%`", False),
        ("GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*94BD' REQUIRE SSL", False),
        (r"GRANT SELECT, INSERT, UPDATE, DELETE ON `my\_crud`.* TO `app`@`%`", False),
        ("GRANT SELECT, INSERT, UPDATE, DELETE ON `my_crud`.* TO `app`@`%`", False),  # with partial revokes
        ("GRANT SELECT ON *.* TO `app`@`%`", True),
        (r"GRANT ALL PRIVILEGES ON `my\_crud`.* TO `app`@`%`", True),
        ("GRANT SELECT ON `mysql`.* TO `app`@`%`", True),
        (r"GRANT SELECT ON `my\_crud`.* TO `app`@`%` WITH GRANT OPTION", True),
        ("GRANT `dba`@`%` TO `app`@`%`", True),
    ],
)
def test_grants_beyond_the_schema_are_found(grant: str, beyond: bool) -> None:
    assert bool(unexpected_grants([grant], "my_crud")) is beyond


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (None, r"my\_crud"),  # MariaDB, and MySQL before 8.0.16
        (("partial_revokes", "OFF"), r"my\_crud"),
        (("partial_revokes", "ON"), "my_crud"),
    ],
)
def test_a_grant_names_the_schema_as_the_server_reads_it(said: tuple[str, str] | None, written: str) -> None:
    assert granted_name("my_crud", partial_revokes=said) == written
