# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that rotate, secrets in stages, generated and ruled, dates of deletion: what a walk of fields does not show."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import oci
import pytest

from localregion.testing import Region

from .conftest import Door

Options = dict[str, Any]
PASSPHRASE: Options = {
    "enable_auto_generation": True,
    "secret_generation_context": {
        "generation_type": "PASSPHRASE",
        "generation_template": "DBAAS_DEFAULT_PASSWORD",
        "passphrase_length": 24,
    },
}
_NUMBERS = itertools.count()
EXPIRY: Options = {"rule_type": "SECRET_EXPIRY_RULE", "secret_version_expiry_interval": "P30D"}
REUSE: Options = {"rule_type": "SECRET_REUSE_RULE"}


@pytest.fixture(scope="module")
def vault(region: Region) -> Options:
    return dict(Door(region)("vault", compartment_id=region.compartment_id, display_name="shop")["vault"])


@pytest.fixture
def key(region: Region, vault: Options, request: pytest.FixtureRequest) -> Options:
    """Options of a key of the test's own."""
    return {
        "compartment_id": region.compartment_id,
        "management_endpoint": vault["management_endpoint"],
        "display_name": request.node.name[:200],
        "key_shape": {"algorithm": "AES", "length": 32},
        "protection_mode": "SOFTWARE",
    }


@pytest.fixture(scope="module")
def key_id(region: Region, vault: Options) -> str:
    made = Door(region)(
        "vault_key",
        compartment_id=region.compartment_id,
        management_endpoint=vault["management_endpoint"],
        display_name="secrets",
        key_shape={"algorithm": "AES", "length": 32},
    )
    return str(made["vault_key"]["id"])


@pytest.fixture
def secret(region: Region, vault: Options, key_id: str, request: pytest.FixtureRequest) -> Options:
    """Options of a secret of the test's own."""
    name = f"{request.node.originalname.replace('_', '-')}-{next(_NUMBERS)}"
    return {
        "compartment_id": region.compartment_id,
        "vault_id": vault["id"],
        "key_id": key_id,
        "secret_name": name,
    }


@pytest.fixture(autouse=True)
def no_canary_is_told(region: Region, door: Door) -> Iterator[None]:
    """No line that people see, no record of a call and nothing in the store holds a secret's content."""
    yield
    told = "\n".join(door.lines) + (region.settings.logs_dir / "api.jsonl").read_text()
    assert "canary" not in told.lower()
    assert "canary" not in told.encode().decode("unicode-escape", errors="ignore").lower()
    assert base64.b64encode(b"canary")[:8].decode() not in told


def told(result: Options) -> str:
    return json.dumps(result, default=str)


def versions(region: Region, secret_id: str) -> dict[int, list[str]]:
    rows = region.client(oci.vault.VaultsClient).list_secret_versions(secret_id).data
    return {row.version_number: row.stages for row in rows}


def content(region: Region, secret_id: str, **which: Any) -> bytes:
    bundle = region.client(oci.secrets.SecretsClient).get_secret_bundle(secret_id, **which).data
    return base64.b64decode(bundle.secret_bundle_content.content)


def key_versions(region: Region, vault: Options, key_id: str) -> list[str]:
    client = region.client(oci.key_management.KmsManagementClient, endpoint=vault["management_endpoint"])
    return [row.id for row in client.list_key_versions(key_id).data]


def aged(region: Region, service: str, record_id: str, days: float) -> None:
    """Puts the time at which something was made back."""

    async def put() -> None:
        kept = region.inner.services[service]
        record = kept.store.find(record_id)
        assert record is not None
        when = datetime.now(UTC) - timedelta(days=days)
        kept.update(record, {"timeCreated": kept.clock.timestamp(when)})

    region.run(put())


def operations(region: Region) -> list[str]:
    return [call.operation.partition(".")[2] for call in region.calls]


# --- keys --------------------------------------------------------------------------------------------------------


def test_a_key_is_rotated_each_time(door: Door, region: Region, vault: Options, key: Options) -> None:
    made = door("vault_key", **key, state="rotated")
    assert made["changed"] and len(key_versions(region, vault, made["vault_key"]["id"])) == 1, "it is new as it is"
    region.forget_calls()
    planned = door("vault_key", **key, state="rotated", check=True)
    assert planned["changed"] and planned["diff"]["after"] == {"lifecycle_state": "ENABLED (rotated)"}
    assert region.writes() == []
    rotated = door("vault_key", **key, state="rotated")
    assert rotated["changed"] and rotated["diff"] == planned["diff"]
    assert rotated["vault_key"]["current_key_version"] != made["vault_key"]["current_key_version"]
    assert door("vault_key", **key, state="rotated")["changed"]
    assert len(key_versions(region, vault, made["vault_key"]["id"])) == 3
    assert not door("vault_key", **key)["changed"]


def test_a_key_is_rotated_when_its_version_is_old(door: Door, region: Region, vault: Options, key: Options) -> None:
    options = {**key, "state": "rotated", "rotate_after_days": 90}
    made = door("vault_key", **options)["vault_key"]
    aged(region, "kms", made["current_key_version"], 89)
    for check in (True, False):
        assert not door("vault_key", **options, check=check)["changed"]
    aged(region, "kms", made["current_key_version"], 91)
    assert door("vault_key", **options, check=True)["changed"]
    assert door("vault_key", **options)["changed"]
    region.forget_calls()
    assert not door("vault_key", **options)["changed"]
    assert operations(region) == ["list_keys", "get_key", "get_key_version"]
    assert len(key_versions(region, vault, made["id"])) == 2
    told = door("vault_key", **{**options, "rotate_after_days": 0}, fails=True)["msg"]
    assert told == "rotate_after_days: 0 is less than a day"


def test_a_rotation_that_is_sent_again_makes_one_version(
    door: Door, region: Region, vault: Options, key: Options
) -> None:
    made = door("vault_key", **key)["vault_key"]
    region.faults.add("key_management.create_key_version", drop="after")
    assert door("vault_key", **key, state="rotated")["changed"]
    assert len(key_versions(region, vault, made["id"])) == 2


def test_a_key_is_switched_off_and_on(door: Door, key: Options) -> None:
    off = {**key, "state": "disabled"}
    made = door("vault_key", **off)
    assert made["changed"] and made["vault_key"]["lifecycle_state"] == "DISABLED"
    assert not door("vault_key", **off)["changed"]
    assert not door("vault_key", **key)["changed"], "present leaves it alone"
    for state in ("present", "disabled"):
        refused = door("vault_key", **{**key, "freeform_tags": {"a": "1"}, "state": state}, fails=True)
        assert "it is DISABLED, in which the service changes nothing (freeform_tags)" in refused["msg"]
    refused = door("vault_key", **{**key, "state": "rotated"}, fails=True)
    assert "enable it first (state: enabled)" in refused["msg"]
    on = {**key, "freeform_tags": {"a": "1"}, "state": "enabled"}
    planned = door("vault_key", **on, check=True)
    assert planned["diff"]["after"] == {"freeform_tags": {"a": "1"}, "lifecycle_state": "ENABLED"}
    did = door("vault_key", **on)
    assert did["diff"] == planned["diff"] and did["vault_key"]["lifecycle_state"] == "ENABLED"
    assert did["vault_key"]["freeform_tags"] == {"a": "1"}
    assert not door("vault_key", **on)["changed"]


def test_a_key_that_was_off_is_off_when_its_deletion_is_taken_back(door: Door, key: Options) -> None:
    id_ = door("vault_key", **key, state="disabled")["vault_key"]["id"]
    door("vault_key", **key, state="absent", deletion_days=7)
    back = door("vault_key", **key)
    assert back["changed"] and (back["vault_key"]["id"], back["vault_key"]["lifecycle_state"]) == (id_, "DISABLED")
    door("vault_key", **key, state="absent", deletion_days=7)
    enabled = door("vault_key", **key, state="enabled")
    assert enabled["vault_key"]["lifecycle_state"] == "ENABLED"
    assert enabled["diff"]["after"]["lifecycle_state"] == "ENABLED"


def test_rotation_by_the_service_takes_a_vault_of_ones_own(door: Door, region: Region, key: Options) -> None:
    options: Options = {
        "is_auto_rotation_enabled": True,
        "auto_key_rotation_details": {"rotation_interval_in_days": 90},
    }
    refused = door("vault_key", **key, **options, fails=True)
    assert "virtual private vaults only" in refused["msg"]
    for wrong, path in (
        ({"rotation_interval_in_days": 30}, "auto_key_rotation_details.rotation_interval_in_days: 30"),
        ({"time_of_schedule_start": "soon"}, "auto_key_rotation_details.time_of_schedule_start: 'soon'"),
    ):
        region.forget_calls()
        refused = door("vault_key", **key, **{**options, "auto_key_rotation_details": wrong}, fails=True)
        assert path in refused["msg"] and region.calls == []
    off: Options = {**options, "is_auto_rotation_enabled": False}
    assert "cannot stand beside" in door("vault_key", **key, **off, fails=True)["msg"]


# --- dates of deletion -------------------------------------------------------------------------------------------


def test_a_deletion_comes_on_the_chosen_day(door: Door, region: Region, secret: Options) -> None:
    made = door("vault_secret", **secret, content="canary")["vault_secret"]
    date = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"
    planned = door("vault_secret", **secret, state="absent", time_of_deletion=date, check=True)
    assert planned["diff"]["after"] == {
        "lifecycle_state": "PENDING_DELETION",
        "time_of_deletion": f"{date}T00:00:00.000Z",
    }
    assert door("vault_secret", **secret, state="absent", time_of_deletion=date)["diff"] == planned["diff"]
    shown = region.client(oci.vault.VaultsClient).get_secret(made["id"]).data
    assert f"{shown.time_of_deletion:%Y-%m-%d %H:%M}" == f"{date} 00:00"
    assert not door("vault_secret", **secret, state="absent", deletion_days=20)["changed"], "the date that is set stays"
    for wrong in (datetime.now(UTC) + timedelta(hours=23), datetime.now(UTC) + timedelta(days=31)):
        region.forget_calls()
        refused = door("vault_secret", **secret, state="absent", time_of_deletion=wrong.isoformat(), fails=True)
        assert "is outside of 1 to 30 days from now" in refused["msg"] and region.calls == []


@pytest.mark.parametrize("days", [7, 30, None])
def test_the_first_and_the_last_day_are_taken(door: Door, region: Region, days: int | None) -> None:
    options: Options = {"compartment_id": region.compartment_id, "display_name": f"days-{days}"}
    id_ = door("vault", **options)["vault"]["id"]
    assert door("vault", **options, state="absent", deletion_days=days)["changed"]
    left = region.client(oci.key_management.KmsVaultClient).get_vault(id_).data.time_of_deletion - datetime.now(UTC)
    assert abs(left - timedelta(days=days or 30)) < timedelta(minutes=2)


# --- secrets in stages -------------------------------------------------------------------------------------------


def test_content_waits_and_is_promoted(door: Door, region: Region, secret: Options) -> None:
    now = {**secret, "content": "canary-now"}
    next_ = {**secret, "content": "canary-next", "stage": "PENDING"}
    id_ = door("vault_secret", **now)["vault_secret"]["id"]
    planned = door("vault_secret", **next_, check=True)
    assert planned["changed"] and planned["diff"]["after"] == {"content": "(secret, changed)"}
    assert planned["diff"]["before"] == {"content": "(secret)"}
    staged = door("vault_secret", **next_)
    assert staged["diff"] == planned["diff"] and staged["vault_secret"]["current_version_number"] == 1
    assert versions(region, id_) == {2: ["PENDING", "LATEST"], 1: ["CURRENT"]}
    for check in (True, False):
        assert not door("vault_secret", **next_, check=check)["changed"], "it waits already"
        assert not door("vault_secret", **now, check=check)["changed"], "what waits is not current"
    promoted = door("vault_secret", **{**next_, "stage": "CURRENT"})
    assert promoted["changed"] and promoted["vault_secret"]["current_version_number"] == 2
    assert versions(region, id_) == {2: ["CURRENT", "LATEST"], 1: ["PREVIOUS"]}, "promoted, not written again"
    assert not door("vault_secret", **{**next_, "stage": "CURRENT"})["changed"]
    assert not door("vault_secret", **next_)["changed"], "it is current already"
    other = door("vault_secret", **{**next_, "content": "canary-later"})
    assert other["changed"]
    again = door("vault_secret", **{**next_, "content": "canary-last"})
    assert again["changed"]
    assert versions(region, id_) == {
        4: ["PENDING", "LATEST"],
        3: ["DEPRECATED"],
        2: ["CURRENT"],
        1: ["PREVIOUS"],
    }
    assert "canary" not in told([planned, staged, promoted, other, again])  # type: ignore[arg-type]


def test_the_first_version_is_current_whatever_its_stage(door: Door, region: Region, secret: Options) -> None:
    options = {**secret, "content": "canary", "stage": "PENDING"}
    id_ = door("vault_secret", **options)["vault_secret"]["id"]
    assert versions(region, id_) == {1: ["CURRENT", "LATEST"]}
    assert not door("vault_secret", **options)["changed"]


def test_an_older_version_becomes_current_again(door: Door, region: Region, secret: Options) -> None:
    id_ = door("vault_secret", **secret, content="canary-one")["vault_secret"]["id"]
    door("vault_secret", **secret, content="canary-two")
    back = door("vault_secret", **secret, current_version_number=1)
    assert back["diff"]["before"] == {"current_version_number": 2}
    assert back["diff"]["after"] == {"current_version_number": 1}
    assert content(region, id_) == b"canary-one"
    assert not door("vault_secret", **secret, current_version_number=1)["changed"]
    refused = door("vault_secret", **secret, current_version_number=9, fails=True)
    assert "the secret has no version 9" in refused["msg"]
    both = door("vault_secret", **secret, current_version_number=1, content="canary-one", fails=True)
    assert "current_version_number: cannot stand beside content" in both["msg"]


def test_rules_content_and_the_rest_change_in_updates_of_their_own(door: Door, region: Region, secret: Options) -> None:
    door("vault_secret", **secret, content="canary-one", secret_rules=[REUSE])
    region.forget_calls()
    changed = {**secret, "content": "canary-two", "secret_rules": [EXPIRY], "description": "d", "metadata": {"a": "b"}}
    planned = door("vault_secret", **changed, check=True)
    did = door("vault_secret", **changed)
    assert did["diff"] == planned["diff"]
    assert set(did["diff"]["after"]) == {"content", "secret_rules", "description", "metadata"}
    assert region.count("vault.update_secret") == 3
    assert not door("vault_secret", **changed)["changed"]
    assert did["vault_secret"]["secret_rules"][0]["secret_version_expiry_interval"] == "P30D"
    assert did["vault_secret"]["time_of_current_version_expiry"]


def test_what_the_rules_forbid_is_told(door: Door, secret: Options) -> None:
    options = {**secret, "secret_rules": [REUSE]}
    door("vault_secret", **options, content="canary-one")
    door("vault_secret", **options, content="canary-two")
    refused = door("vault_secret", **options, content="canary-one", fails=True)
    assert "reuse rule" in refused["msg"] and "canary" not in told(refused)
    freed = door("vault_secret", **{**secret, "secret_rules": []}, content="canary-one")
    assert freed["changed"] and freed["vault_secret"]["current_version_number"] == 3, "the rule goes first"


def test_all_that_is_wrong_is_told_at_once(door: Door, region: Region, secret: Options) -> None:
    region.forget_calls()
    refused = door(
        "vault_secret",
        **secret,
        content="canary",
        current_version_number=2,
        enable_auto_generation=True,
        secret_rules=[
            {"rule_type": "SECRET_EXPIRY_RULE", "secret_version_expiry_interval": "P91D"},
            {"rule_type": "SECRET_EXPIRY_RULE", "time_of_absolute_expiry": "soon"},
            {"rule_type": "SECRET_REUSE_RULE", "secret_version_expiry_interval": "P1D"},
            {"rule_type": "SECRET_REUSE_RULE"},
            {"rule_type": "SECRET_EXPIRY_RULE", "is_enforced_on_deleted_secret_versions": True},
        ],
        fails=True,
    )["msg"].splitlines()
    assert [line.partition(": ")[0] for line in refused] == [
        "content",
        "current_version_number",
        "secret_generation_context",
        "secret_rules[0].secret_version_expiry_interval",
        "secret_rules[1].rule_type",
        "secret_rules[1].time_of_absolute_expiry",
        "secret_rules[2].secret_version_expiry_interval",
        "secret_rules[3].rule_type",
        "secret_rules[4].rule_type",
        "secret_rules[4].is_enforced_on_deleted_secret_versions",
        "secret_rules[4]",
    ]
    context = {"generation_type": "SSH_KEY", "generation_template": "RSA_2048", "passphrase_length": 3}
    context["secret_template"] = "%GENERATED_PUBLIC_KEY%"
    options: Options = {"secret_generation_context": context, "stage": "PENDING"}
    refused = door("vault_secret", **secret, **options, fails=True)["msg"].splitlines()
    assert refused == [
        "stage: PENDING is for content, and none is given",
        "secret_generation_context.passphrase_length: SSH_KEY has none",
        "secret_generation_context.secret_template: it must hold %GENERATED_PRIVATE_KEY%",
    ]
    assert region.calls == []


# --- generated content -------------------------------------------------------------------------------------------


def test_generated_content_is_never_read(door: Door, region: Region, secret: Options) -> None:
    region.forget_calls()
    id_ = door("vault_secret", **secret, **PASSPHRASE)["vault_secret"]["id"]
    assert not door("vault_secret", **secret, **PASSPHRASE)["changed"]
    assert door("vault_secret", **secret, **PASSPHRASE, state="rotated")["changed"]
    assert region.count("secrets.*") == 0
    assert len(content(region, id_)) == 24


def test_generated_content_is_generated_again(door: Door, region: Region, secret: Options) -> None:
    options = {**secret, **PASSPHRASE, "state": "rotated"}
    made = door("vault_secret", **options)
    id_ = made["vault_secret"]["id"]
    assert versions(region, id_) == {1: ["CURRENT", "LATEST"]}, "it is new as it is"
    first = content(region, id_)
    planned = door("vault_secret", **options, check=True)
    assert planned["changed"] and planned["diff"]["after"] == {"lifecycle_state": "ACTIVE (rotated)"}
    rotated = door("vault_secret", **options)
    assert rotated["diff"] == planned["diff"] and rotated["vault_secret"]["current_version_number"] == 2
    second = content(region, id_)
    assert second != first and content(region, id_, stage="PREVIOUS") == first
    for secret_text in (first.decode(), second.decode()):
        assert secret_text not in told(made) + told(rotated) + "\n".join(door.lines)
    # Without what it is generated by as well.
    assert door("vault_secret", **secret, state="rotated")["changed"]
    assert len(content(region, id_)) == 24 and len(versions(region, id_)) == 3


def test_generated_content_is_generated_again_when_it_is_old(door: Door, region: Region, secret: Options) -> None:
    options = {**secret, **PASSPHRASE, "state": "rotated", "rotate_after_days": 30}
    id_ = door("vault_secret", **options)["vault_secret"]["id"]
    assert not door("vault_secret", **options)["changed"]

    def version() -> str:
        rows = region.inner.store.select("vault", "secret_version", parent=id_)
        return str(rows[-1].id)

    aged(region, "vault", version(), 31)
    assert door("vault_secret", **options, check=True)["changed"]
    assert door("vault_secret", **options)["changed"]
    region.forget_calls()
    assert not door("vault_secret", **options)["changed"]
    assert operations(region) == ["list_secrets", "get_secret", "get_secret_version"]


def test_content_is_not_generated_twice_where_the_answer_is_lost(door: Door, region: Region, secret: Options) -> None:
    id_ = door("vault_secret", **secret, **PASSPHRASE)["vault_secret"]["id"]
    region.faults.add("vault.update_secret", drop="after")
    lost = door("vault_secret", **secret, state="rotated", fails=True)
    assert "update_secret may have taken effect, look before you run this again" in lost["msg"]
    assert set(versions(region, id_)) == {1, 2}
    region.settle()
    assert not door("vault_secret", **secret, state="rotated", rotate_after_days=1)["changed"], "it is new by now"


def test_content_that_was_given_is_not_rotated(door: Door, region: Region, secret: Options) -> None:
    id_ = door("vault_secret", **secret, content="canary")["vault_secret"]["id"]
    for check in (True, False):
        refused = door("vault_secret", **secret, state="rotated", description="new", check=check, fails=True)
        assert "its content is given, not generated by the service" in refused["msg"]
    assert versions(region, id_) == {1: ["CURRENT", "LATEST"]}


def test_given_content_takes_the_place_of_generated_and_back(door: Door, region: Region, secret: Options) -> None:
    id_ = door("vault_secret", **secret, **PASSPHRASE)["vault_secret"]["id"]
    given = door("vault_secret", **secret, content="canary")
    assert given["vault_secret"]["is_auto_generation_enabled"] is False and content(region, id_) == b"canary"
    assert not door("vault_secret", **secret, content="canary")["changed"]
    back = door("vault_secret", **secret, **PASSPHRASE)
    assert back["vault_secret"]["is_auto_generation_enabled"] is True and len(content(region, id_)) == 24
    assert set(versions(region, id_)) == {1, 2, 3}
    ssh = {"generation_type": "SSH_KEY", "generation_template": "RSA_2048"}
    door("vault_secret", **secret, enable_auto_generation=True, secret_generation_context=ssh)
    assert set(json.loads(content(region, id_))) == {"publicKey", "privateKey"}


# --- what must not happen ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", ["~!~", "canary-old", "\N{SNOWMAN} canary"])
def test_content_is_in_no_result(door: Door, region: Region, secret: Options, old: str) -> None:
    results = [
        door("vault_secret", **secret, content=old, check=True),
        door("vault_secret", **secret, content=old),
        door("vault_secret", **secret, content=old),
        door("vault_secret", **secret, content="x-canary", check=True),
        door("vault_secret", **secret, content="x-canary", wait=False),
        door("vault_secret", **secret, content="x-canary"),
        door("vault_secret", **secret, state="absent"),
    ]
    for result in results:
        assert "content" not in (result["vault_secret"] or {})
        assert old not in told(result) and old not in json.dumps(result, ensure_ascii=False)


def test_content_that_is_no_text_is_replaced(door: Door, region: Region, secret: Options) -> None:
    id_ = door("vault_secret", **secret, content="canary")["vault_secret"]["id"]
    client, models = region.client(oci.vault.VaultsClient), oci.vault.models
    raw = models.Base64SecretContentDetails(content=base64.b64encode(b"\xff\x00\xfe").decode())
    client.update_secret(id_, models.UpdateSecretDetails(secret_content=raw))
    region.settle()
    assert door("vault_secret", **secret, content="canary")["changed"]
    assert content(region, id_) == b"canary"


def test_content_that_has_expired_and_cannot_be_read_is_written_again(
    door: Door, region: Region, secret: Options
) -> None:
    blocked = {**EXPIRY, "is_secret_content_retrieval_blocked_on_expiry": True}
    options = {**secret, "content": "canary", "secret_rules": [blocked]}
    id_ = door("vault_secret", **options)["vault_secret"]["id"]

    def expired(**rule: str) -> None:
        async def put() -> None:
            service = region.inner.services["vault"]
            record = service.store.find(id_)
            assert record is not None
            past = {"timeOfCurrentVersionExpiry": "2020-01-01T00:00:00.000Z"}
            for version in service.living("secret_version", parent=id_):
                service.update(version, past)
            service.update(record, {**past, "secretRules": [{**record.doc["secretRules"][0], **rule}]})

        region.run(put())

    expired()
    assert door("vault_secret", **options, check=True)["changed"]
    assert door("vault_secret", **options)["changed"]
    assert not door("vault_secret", **options)["changed"]
    expired(timeOfAbsoluteExpiry="2020-01-01T00:00:00.000Z")
    refused = door("vault_secret", **options, fails=True)
    assert "it expired at 2020-01-01" in refused["msg"] and "time_of_absolute_expiry" in refused["msg"]
    door("vault_secret", **secret, secret_rules=[])
    assert not door("vault_secret", **secret, content="canary", secret_rules=[])["changed"]


def test_a_second_run_takes_the_fewest_calls(door: Door, region: Region, vault: Options, secret: Options) -> None:
    door("vault_secret", **secret, content="canary")
    aged(region, "kms", vault["id"], 0.1)
    cases: list[tuple[Options, list[str]]] = [
        ({}, ["list_secrets", "get_secret"]),
        ({"content": "canary"}, ["list_secrets", "get_secret", "get_secret_bundle"]),
        ({"content": "canary", "stage": "PENDING"}, ["list_secrets", "get_secret", *["get_secret_bundle"] * 2]),
    ]
    for options, calls in cases:
        region.forget_calls()
        assert not door("vault_secret", **secret, **options)["changed"]
        assert operations(region) == calls
    region.forget_calls()
    door("vault", compartment_id=region.compartment_id, display_name="shop")
    assert operations(region) == ["list_vaults"], "the endpoint of an old vault is not news"


def test_a_secret_that_comes_back_gets_what_differs(door: Door, region: Region, secret: Options) -> None:
    id_ = door("vault_secret", **secret, content="canary-one", secret_rules=[REUSE])["vault_secret"]["id"]
    door("vault_secret", **secret, state="absent", deletion_days=1)
    refused = door("vault_secret", **{**secret, "key_id": "ocid1.key.oc1..other"}, allow_replace=True, fails=True)
    assert "its name stays taken" in refused["msg"]
    wanted = {**secret, "content": "canary-two", "secret_rules": [EXPIRY], "freeform_tags": {"a": "1"}}
    planned = door("vault_secret", **wanted, check=True)
    assert planned["diff"]["after"]["lifecycle_state"] == "ACTIVE"
    back = door("vault_secret", **wanted)
    assert back["vault_secret"]["id"] == id_ and back["vault_secret"]["freeform_tags"] == {"a": "1"}
    assert content(region, id_) == b"canary-two"
    assert back["vault_secret"]["secret_rules"][0]["rule_type"] == "SECRET_EXPIRY_RULE"
    assert not door("vault_secret", **wanted)["changed"]


def test_a_name_that_a_secret_elsewhere_has_is_told(door: Door, region: Region, secret: Options) -> None:
    identity = region.client(oci.identity.IdentityClient)
    details = oci.identity.models.CreateCompartmentDetails(
        compartment_id=region.compartment_id, name="elsewhere", description="d"
    )
    other = identity.create_compartment(details).data.id
    region.settle()
    id_ = door("vault_secret", **secret, content="canary")["vault_secret"]["id"]
    moved = door("vault_secret", id=id_, compartment_id=other)
    assert moved["diff"]["after"] == {"compartment_id": other}
    assert not door("vault_secret", **{**secret, "compartment_id": other}, content="canary")["changed"]
    refused = door("vault_secret", **secret, content="canary", fails=True)
    assert "name already exists" in refused["msg"]
