# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults, keys and cryptography, through the SDK's own clients."""

from __future__ import annotations

import base64
import datetime as dt
import json
import stat
from collections.abc import Iterator
from typing import Any

import oci
import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from oci.key_management import KmsCryptoClient, KmsManagementClient, KmsVaultClient, models

from localregion.access.policies import resource_principal
from localregion.testing import Region
from tests.unit.localregion.support import call_by_name, make_key, make_vault, management, refused


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    with Region.started(tmp_path_factory.mktemp("region")) as started:
        yield started


@pytest.fixture(scope="module")
def vaults(region: Region) -> Any:
    return region.client(KmsVaultClient)


def days(count: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=count)


def test_a_vault_is_creating_then_active(region: Region, vaults: Any) -> None:
    with Region.started(region.settings.state / "slow", minute=3600.0) as slow:
        made = slow.client(KmsVaultClient).create_vault(
            models.CreateVaultDetails(compartment_id=slow.compartment_id, display_name="slow", vault_type="DEFAULT")
        )
        assert made.data.lifecycle_state == "CREATING"
        assert made.headers["etag"]
        with refused(409, "IncorrectState"):
            make_key_now(slow, made.data)
    vault = make_vault(region)
    assert vault.lifecycle_state == "ACTIVE"
    assert vault.management_endpoint.startswith(region.endpoint)
    assert [each.id for each in vaults.list_vaults(region.compartment_id).data].count(vault.id) == 1


def at(region: Region, host: str, method: str, path: str, body: Any = None) -> requests.Response:
    """A call of the service as who resolves its names makes it."""
    return call_by_name(region, host, method, f"/20180608{path}", body)


def test_who_calls_by_name_is_told_names_of_the_vaults_own(region: Region) -> None:
    """Evidence kms-01, kms-06: host names `<prefix>-management.kms.<region>.<domain>`, the prefix is part of OCIDs."""
    vault, other = make_vault(region, "named"), make_vault(region, "other")
    doc = at(region, "kms.local-1.okestack.test", "GET", f"/vaults/{vault.id}").json()
    prefix = vault.id.split(".")[4]
    assert doc["managementEndpoint"] == f"https://{prefix}-management.kms.local-1.okestack.test"
    assert doc["cryptoEndpoint"] == f"https://{prefix}-crypto.kms.local-1.okestack.test"
    assert doc["timeOfDeletion"] is None
    query = f"/vaults?compartmentId={region.compartment_id}"
    listed = at(region, "kms.local-1.okestack.test", "GET", query).json()
    assert doc["managementEndpoint"] in [each["managementEndpoint"] for each in listed]
    manage, crypto = (doc[f"{use}Endpoint"].removeprefix("https://") for use in ("management", "crypto"))
    body = {
        "compartmentId": region.compartment_id, "displayName": "k", "keyShape": {"algorithm": "AES", "length": 32}
    }  # fmt: skip
    made = at(region, manage, "POST", "/keys", body)
    assert made.status_code == 200 and made.json()["vaultId"] == vault.id
    assert made.json()["id"].split(".")[4] == prefix and len(made.json()["currentKeyVersion"].split(".")) == 7
    assert "timeOfDeletion" not in made.json() and "curveId" not in made.json()["keyShape"]
    region.settle()
    found = at(region, manage, "GET", f"/keys?compartmentId={region.compartment_id}").json()
    assert [key["id"] for key in found] == [made.json()["id"]]
    secret = {"keyId": made.json()["id"], "plaintext": base64.b64encode(b"x").decode()}
    assert at(region, crypto, "POST", "/encrypt", secret).status_code == 200
    # Each endpoint answers for its own vault and its own use.
    foreign = f"{other.id.split('.')[4]}-management.kms.local-1.okestack.test"
    nobody = f"{'a' * 13}-management.kms.local-1.okestack.test"
    for host, method, path, sent in (
        (crypto, "POST", "/keys", body),
        (manage, "POST", "/encrypt", secret),
        (foreign, "GET", f"/keys/{made.json()['id']}", None),
        (nobody, "POST", "/keys", body),
    ):
        assert at(region, host, method, path, sent).status_code == 404, (host, path)


def test_a_vaults_names_are_told_before_it_is_made(tmp_path: Any) -> None:
    """A program in Go keeps what it read in the hosts file for 5 seconds: one that makes some vaults at once has to
    find each of them."""
    told: list[set[str]] = []
    with Region.started(tmp_path / "region") as region:
        domain = region.settings.realm_domain
        region.inner.announce = lambda owner, hosts: told.append(set(hosts))
        make_vault(region, "first")
        before = told[-1]
        for name in ("one", "two", "three"):
            prefix = make_vault(region, name).id.split(".")[4]
            assert f"{prefix}-management.kms.local-1.{domain}" in before
            assert f"{prefix}-crypto.kms.local-1.{domain}" in told[-1]


def test_what_the_service_says(region: Region, vaults: Any) -> None:
    """Evidence kms-03 and kms-04."""
    with refused(404, "NotAuthorizedOrNotFound") as caught:
        vaults.get_vault(make_vault(region).id[:-1] + "9")
    assert caught.value.message == "Vault does not exist or you are not authorized to access it."
    body = {"compartmentId": region.compartment_id, "displayName": "x"}
    answer = at(region, "kms.local-1.okestack.test", "POST", "/vaults", body)
    assert (answer.status_code, answer.json()) == (
        400, {"code": "InvalidParameter", "message": "vaultType may not be null"}
    )  # fmt: skip


def test_a_new_vaults_endpoints_may_not_be_found_for_a_while(region: Region) -> None:
    """Evidence kms-08."""
    vault = make_vault(region)
    region.faults.unresolved = 3600
    with pytest.raises(oci.exceptions.RequestException):
        make_key_now(region, vault)
    region.faults.clear()
    make_key_now(region, vault)


def make_key_now(region: Region, vault: Any) -> None:
    management(region, vault).create_key(
        models.CreateKeyDetails(
            compartment_id=region.compartment_id,
            display_name="k",
            key_shape=models.KeyShape(algorithm="AES", length=32),
        )
    )


def test_two_vaults_of_one_name_are_two_vaults(region: Region) -> None:
    assert make_vault(region, "twin").id != make_vault(region, "twin").id


def test_a_vaults_endpoint_has_its_own_keys_only(region: Region) -> None:
    one, other = make_vault(region, "one"), make_vault(region, "other")
    key = make_key(region, one, "mine")
    assert [k.id for k in management(region, one).list_keys(region.compartment_id).data] == [key.id]
    assert management(region, other).list_keys(region.compartment_id).data == []
    with refused(404, "NotAuthorizedOrNotFound"):
        management(region, other).get_key(key.id)
    with refused(404, "NotAuthorizedOrNotFound"):  # the region's plain address is not a vault's endpoint
        region.client(KmsManagementClient).list_keys(region.compartment_id)


def test_list_keys_filters(region: Region) -> None:
    vault = make_vault(region, "filters")
    aes = make_key(region, vault, "aes")
    rsa_key = make_key(region, vault, "rsa", algorithm="RSA", length=256)
    listed = management(region, vault).list_keys(region.compartment_id, algorithm="RSA").data
    assert [(key.id, key.algorithm) for key in listed] == [(rsa_key.id, "RSA")]
    assert [key.id for key in management(region, vault).list_keys(region.compartment_id, length=32).data] == [aes.id]


@pytest.mark.parametrize(
    "shape",
    [
        {"algorithm": "AES", "length": 31},
        {"algorithm": "RSA", "length": 32},
        {"algorithm": "ECDSA", "length": 32, "curve_id": "NIST_P384"},
        {"algorithm": "AES", "length": 32, "curve_id": "NIST_P256"},
    ],
)
def test_an_impossible_shape_is_refused(region: Region, shape: dict[str, Any]) -> None:
    vault = make_vault(region, "shapes")
    with refused(400, "InvalidParameter"):
        make_key(region, vault, **shape)


def test_vault_deletion_is_scheduled_and_takes_its_keys_along(region: Region, vaults: Any) -> None:
    vault = make_vault(region, "doomed")
    key = make_key(region, vault)
    for wrong in (6, 31):
        with refused(400, "InvalidParameter"):
            vaults.schedule_vault_deletion(vault.id, models.ScheduleVaultDeletionDetails(time_of_deletion=days(wrong)))
    shown = vaults.schedule_vault_deletion(
        vault.id, models.ScheduleVaultDeletionDetails(time_of_deletion=days(7.01))
    ).data
    assert shown.lifecycle_state == "SCHEDULING_DELETION"
    region.settle()
    assert vaults.get_vault(vault.id).data.lifecycle_state == "PENDING_DELETION"
    assert vaults.get_vault(vault.id).data.time_of_deletion
    pending = management(region, vault).get_key(key.id).data
    assert (pending.lifecycle_state, bool(pending.time_of_deletion)) == ("PENDING_DELETION", True)
    with refused(409, "IncorrectState"):
        vaults.update_vault(vault.id, models.UpdateVaultDetails(display_name="new"))
    with refused(409, "IncorrectState"):
        management(region, vault).cancel_key_deletion(key.id)
    vaults.cancel_vault_deletion(vault.id)
    region.settle()
    kept = vaults.get_vault(vault.id).data
    assert (kept.lifecycle_state, kept.time_of_deletion) == ("ACTIVE", None)
    assert management(region, vault).get_key(key.id).data.lifecycle_state == "ENABLED"


def test_a_vault_whose_day_has_come_is_deleted_with_its_keys(region: Region, vaults: Any) -> None:
    vault = make_vault(region, "gone")
    key = make_key(region, vault)
    vaults.schedule_vault_deletion(vault.id, models.ScheduleVaultDeletionDetails())
    region.settle()
    service = region.inner.services["kms"]

    async def a_month_later() -> None:
        record = service.get("vault", vault.id)
        service.update(record, {}, private={"delete_at": 1.0})
        await service.delete_due()

    region.run(a_month_later())
    assert vaults.get_vault(vault.id).data.lifecycle_state == "DELETED"
    assert management(region, vault).get_key(key.id).data.lifecycle_state == "DELETED"
    with refused(404, "NotAuthorizedOrNotFound"):
        vaults.cancel_vault_deletion(vault.id)


def test_keys_are_disabled_enabled_and_scheduled_for_deletion(region: Region) -> None:
    vault = make_vault(region, "states")
    key, keys = make_key(region, vault), management(region, vault)
    with refused(409, "IncorrectState"):
        keys.enable_key(key.id)
    assert keys.disable_key(key.id).data.lifecycle_state == "DISABLING"
    region.settle()
    assert keys.get_key(key.id).data.lifecycle_state == "DISABLED"
    keys.schedule_key_deletion(key.id, models.ScheduleKeyDeletionDetails(time_of_deletion=days(8)))
    region.settle()
    assert keys.get_key(key.id).data.lifecycle_state == "PENDING_DELETION"
    keys.cancel_key_deletion(key.id)
    region.settle()
    assert keys.get_key(key.id).data.lifecycle_state == "DISABLED"  # as it was before
    keys.enable_key(key.id)
    region.settle()
    assert keys.get_key(key.id).data.lifecycle_state == "ENABLED"


def test_update_key_and_if_match(region: Region) -> None:
    vault = make_vault(region, "etags")
    key, keys = make_key(region, vault), management(region, vault)
    etag = keys.get_key(key.id).headers["etag"]
    changed = keys.update_key(
        key.id, models.UpdateKeyDetails(display_name="b", freeform_tags={"a": "1"}), if_match=etag
    )
    assert (changed.data.display_name, changed.data.freeform_tags) == ("b", {"a": "1"})
    with refused(412, "NoEtagMatch"):
        keys.update_key(key.id, models.UpdateKeyDetails(display_name="c"), if_match=etag)


def test_automatic_rotation_is_for_private_vaults(region: Region) -> None:
    details = models.UpdateKeyDetails(
        is_auto_rotation_enabled=True,
        auto_key_rotation_details=models.AutoKeyRotationDetails(rotation_interval_in_days=90),
    )
    shared = make_vault(region, "shared")
    with refused(400, "InvalidParameter"):
        management(region, shared).update_key(make_key(region, shared).id, details)
    private = make_vault(region, "private", "VIRTUAL_PRIVATE")
    key = management(region, private).update_key(make_key(region, private).id, details).data
    assert key.auto_key_rotation_details.time_of_next_rotation > dt.datetime.now(dt.UTC)


def rotated_each(interval: int, start: str | None = None, **more: Any) -> Any:
    details = models.AutoKeyRotationDetails(
        rotation_interval_in_days=interval,
        time_of_schedule_start=dt.datetime.fromisoformat(start) if start else None,
    )
    return models.UpdateKeyDetails(is_auto_rotation_enabled=True, auto_key_rotation_details=details, **more)


def test_a_schedule_of_rotation_goes_by_days(region: Region) -> None:
    vault = make_vault(region, "schedules", "VIRTUAL_PRIVATE")
    key, keys = make_key(region, vault), management(region, vault)
    for wrong in (59, 366):
        with refused(400, "InvalidParameter"):
            keys.update_key(key.id, rotated_each(wrong))
    with refused(400, "InvalidParameter"):
        keys.update_key(key.id, models.UpdateKeyDetails(is_auto_rotation_enabled=True))
    soon = (days(10)).replace(hour=15, minute=4, second=5, microsecond=0)
    shown = keys.update_key(key.id, rotated_each(60, soon.isoformat())).data.auto_key_rotation_details
    assert shown.time_of_schedule_start == soon.replace(hour=0, minute=0, second=0)
    assert shown.time_of_next_rotation == shown.time_of_schedule_start + dt.timedelta(days=60)
    long_ago = days(-130).replace(hour=0, minute=0, second=0, microsecond=0)
    shown = keys.update_key(key.id, rotated_each(60, long_ago.isoformat())).data.auto_key_rotation_details
    assert shown.time_of_next_rotation == long_ago + dt.timedelta(days=180)
    only_interval = models.UpdateKeyDetails(
        auto_key_rotation_details=models.AutoKeyRotationDetails(rotation_interval_in_days=90)
    )
    shown = keys.update_key(key.id, only_interval).data.auto_key_rotation_details
    assert (shown.rotation_interval_in_days, shown.time_of_schedule_start) == (90, long_ago)
    off = keys.update_key(key.id, models.UpdateKeyDetails(is_auto_rotation_enabled=False)).data
    assert (off.is_auto_rotation_enabled, off.auto_key_rotation_details) == (False, None)
    with refused(400, "InvalidParameter"):
        keys.update_key(key.id, only_interval)


def test_a_key_whose_day_has_come_is_rotated(region: Region) -> None:
    vault = make_vault(region, "due", "VIRTUAL_PRIVATE")
    key, keys = make_key(region, vault), management(region, vault)
    keys.update_key(key.id, rotated_each(60))
    service = region.inner.services["kms"]

    async def two_months_later() -> None:
        record = service.get("key", key.id)
        past = record.doc["autoKeyRotationDetails"] | {"timeOfNextRotation": "2020-01-01T00:00:00.000Z"}
        service.update(record, {"autoKeyRotationDetails": past})
        for _ in range(2):
            await service.do_due()

    region.run(two_months_later())
    region.settle()
    rotated = keys.get_key(key.id).data
    assert rotated.lifecycle_state == "ENABLED" and rotated.current_key_version != key.current_key_version
    assert rotated.auto_key_rotation_details.last_rotation_status == "SUCCESS"
    assert rotated.auto_key_rotation_details.time_of_next_rotation > days(59)
    assert [v.is_auto_rotated for v in keys.list_key_versions(key.id).data] == [True, False]


def test_a_disabled_key_takes_no_update_and_is_not_rotated(region: Region) -> None:
    vault = make_vault(region, "frozen")
    key, keys = make_key(region, vault), management(region, vault)
    keys.disable_key(key.id)
    region.settle()
    with refused(409, "IncorrectState"):
        keys.update_key(key.id, models.UpdateKeyDetails(display_name="new"))
    with refused(409, "IncorrectState"):
        keys.create_key_version(key.id)
    assert keys.get_key(key.id).data.display_name == "key"


def test_a_vault_is_not_deleted_before_a_key_that_is_to_be_deleted(region: Region, vaults: Any) -> None:
    vault = make_vault(region, "earlier")
    key, keys = make_key(region, vault), management(region, vault)
    keys.schedule_key_deletion(key.id, models.ScheduleKeyDeletionDetails(time_of_deletion=days(20)))
    region.settle()
    with refused(409, "Conflict"):
        vaults.schedule_vault_deletion(vault.id, models.ScheduleVaultDeletionDetails(time_of_deletion=days(19)))
    vaults.schedule_vault_deletion(vault.id, models.ScheduleVaultDeletionDetails(time_of_deletion=days(21)))
    region.settle()
    vaults.cancel_vault_deletion(vault.id)
    region.settle()
    kept = keys.get_key(key.id).data
    assert kept.lifecycle_state == "PENDING_DELETION", "it was to be deleted before"
    assert abs(kept.time_of_deletion - days(20)) < dt.timedelta(minutes=5)


def test_the_days_of_a_deletion_are_exact(region: Region, vaults: Any) -> None:
    vault = make_vault(region, "exact")
    second = 1 / 86400
    for wrong in (7 - second, 30 + 5 * second):
        with refused(400, "InvalidParameter"):
            vaults.schedule_vault_deletion(vault.id, models.ScheduleVaultDeletionDetails(time_of_deletion=days(wrong)))
    shown = vaults.schedule_vault_deletion(vault.id, models.ScheduleVaultDeletionDetails()).data
    assert abs(shown.time_of_deletion - days(30)) < dt.timedelta(minutes=1)


def test_vaults_and_keys_move(region: Region, vaults: Any) -> None:
    vault = make_vault(region, "moving")
    key, keys = make_key(region, vault), management(region, vault)
    identity = region.client(oci.identity.IdentityClient)
    details = oci.identity.models.CreateCompartmentDetails(
        compartment_id=region.compartment_id, name="kms-elsewhere", description="d"
    )
    target = identity.create_compartment(details).data.id
    region.settle()
    keys.change_key_compartment(key.id, models.ChangeKeyCompartmentDetails(compartment_id=target))
    assert keys.get_key(key.id).data.compartment_id == target
    assert [v.compartment_id for v in keys.list_key_versions(key.id).data] == [target]
    assert keys.list_keys(region.compartment_id).data == []
    vaults.change_vault_compartment(vault.id, models.ChangeVaultCompartmentDetails(compartment_id=target))
    assert vaults.get_vault(vault.id).data.compartment_id == target
    assert [k.id for k in keys.list_keys(target).data] == [key.id]


def crypto(region: Region, vault: Any) -> Any:
    return region.client(KmsCryptoClient, endpoint=vault.crypto_endpoint)


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_encrypt_and_decrypt(region: Region) -> None:
    vault = make_vault(region, "crypto")
    key, client = make_key(region, vault), crypto(region, vault)
    sealed = client.encrypt(
        models.EncryptDataDetails(key_id=key.id, plaintext=text(b"hello"), associated_data={"a": "b"})
    )
    assert sealed.data.key_version_id == key.current_key_version
    assert b"hello" not in base64.b64decode(sealed.data.ciphertext)
    opened = client.decrypt(
        models.DecryptDataDetails(key_id=key.id, ciphertext=sealed.data.ciphertext, associated_data={"a": "b"})
    ).data
    assert base64.b64decode(opened.plaintext) == b"hello"
    with refused(400, "InvalidParameter"):
        client.decrypt(models.DecryptDataDetails(key_id=key.id, ciphertext=sealed.data.ciphertext))
    with refused(400, "InvalidParameter"):
        client.encrypt(models.EncryptDataDetails(key_id=key.id, plaintext=text(b"x" * 5000)))


def test_old_ciphertexts_open_after_a_rotation(region: Region) -> None:
    vault = make_vault(region, "rotation")
    key, client, keys = make_key(region, vault), crypto(region, vault), management(region, vault)
    sealed = client.encrypt(models.EncryptDataDetails(key_id=key.id, plaintext=text(b"old"))).data
    version = keys.create_key_version(key.id).data
    region.settle()
    assert keys.get_key(key.id).data.current_key_version == version.id
    assert [v.id for v in keys.list_key_versions(key.id).data] == [version.id, key.current_key_version]
    newer = client.encrypt(models.EncryptDataDetails(key_id=key.id, plaintext=text(b"new"))).data
    assert newer.key_version_id == version.id
    opened = client.decrypt(models.DecryptDataDetails(key_id=key.id, ciphertext=sealed.ciphertext)).data
    assert (base64.b64decode(opened.plaintext), opened.key_version_id) == (b"old", key.current_key_version)
    with refused(409, "IncorrectState"):
        keys.schedule_key_version_deletion(key.id, version.id, models.ScheduleKeyVersionDeletionDetails())
    keys.schedule_key_version_deletion(key.id, key.current_key_version, models.ScheduleKeyVersionDeletionDetails())
    region.settle()
    assert keys.get_key_version(key.id, key.current_key_version).data.lifecycle_state == "PENDING_DELETION"
    with refused(409, "IncorrectState"):
        client.decrypt(models.DecryptDataDetails(key_id=key.id, ciphertext=sealed.ciphertext))
    keys.cancel_key_version_deletion(key.id, key.current_key_version)
    region.settle()
    client.decrypt(models.DecryptDataDetails(key_id=key.id, ciphertext=sealed.ciphertext))


def test_a_disabled_key_neither_encrypts_nor_decrypts(region: Region) -> None:
    vault = make_vault(region, "disabled")
    key, client = make_key(region, vault), crypto(region, vault)
    sealed = client.encrypt(models.EncryptDataDetails(key_id=key.id, plaintext=text(b"x"))).data
    management(region, vault).disable_key(key.id)
    region.settle()
    with refused(409, "IncorrectState"):
        client.encrypt(models.EncryptDataDetails(key_id=key.id, plaintext=text(b"x")))
    with refused(409, "IncorrectState"):
        client.decrypt(models.DecryptDataDetails(key_id=key.id, ciphertext=sealed.ciphertext))


def test_a_data_key_is_the_callers_and_opens_with_the_vaults(region: Region) -> None:
    vault = make_vault(region, "dek")
    key, client = make_key(region, vault), crypto(region, vault)
    made = client.generate_data_encryption_key(
        models.GenerateKeyDetails(
            key_id=key.id, include_plaintext_key=True, key_shape=models.KeyShape(algorithm="AES", length=32)
        )
    ).data
    assert len(base64.b64decode(made.plaintext)) == 32
    opened = client.decrypt(models.DecryptDataDetails(key_id=key.id, ciphertext=made.ciphertext)).data
    assert (opened.plaintext, opened.plaintext_checksum) == (made.plaintext, made.plaintext_checksum)


def test_rsa_keys_show_a_public_key_that_fits(region: Region) -> None:
    vault = make_vault(region, "rsa")
    key = make_key(region, vault, algorithm="RSA", length=256)
    version = management(region, vault).get_key_version(key.id, key.current_key_version).data
    public = serialization.load_pem_public_key(version.public_key.encode())
    assert isinstance(public, rsa.RSAPublicKey)
    client = crypto(region, vault)
    sealed = client.encrypt(
        models.EncryptDataDetails(key_id=key.id, plaintext=text(b"r"), encryption_algorithm="RSA_OAEP_SHA_256")
    ).data
    opened = client.decrypt(
        models.DecryptDataDetails(key_id=key.id, ciphertext=sealed.ciphertext, encryption_algorithm="RSA_OAEP_SHA_256")
    ).data
    assert base64.b64decode(opened.plaintext) == b"r"
    assert public.encrypt(b"r", padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    with refused(400, "InvalidParameter"):
        client.encrypt(models.EncryptDataDetails(key_id=key.id, plaintext=text(b"r")))


def test_key_material_is_not_in_the_store_in_clear(region: Region) -> None:
    vault = make_vault(region, "rest")
    key = make_key(region, vault)
    kms = region.inner.services["kms"]
    record = region.inner.store.find(key.current_key_version)
    assert record is not None
    material = kms.cryptography.material(record)
    assert len(material) == 32
    kept = (region.settings.state / "region.sqlite").read_bytes()
    kept += (region.settings.state / "region.sqlite-wal").read_bytes()
    assert record.private["material"].encode() in kept
    for form in (material, base64.b64encode(material), material.hex().encode()):
        assert form not in kept
    assert stat.S_IMODE((region.settings.state / "root.key").stat().st_mode) == 0o600


def test_what_is_not_there_answers_501_by_name(region: Region, vaults: Any) -> None:
    vault = make_vault(region, "unimplemented")
    with refused(501, "NotImplemented"):
        vaults.backup_vault(vault.id)
    with refused(501, "NotImplemented"):
        management(region, vault).get_wrapping_key()


def test_a_principal_needs_a_grant_to_use_a_key(region: Region) -> None:
    vault = make_vault(region, "grants")
    key = make_key(region, vault)
    kms = region.inner.services["kms"]
    cluster = resource_principal("cluster", "ocid1.cluster.oc1..one", region.compartment_id)

    async def use() -> bytes:
        return kms.cryptography.decrypt_as(cluster, key.id, kms.cryptography.encrypt_as(cluster, key.id, b"etcd")[0])

    with pytest.raises(Exception, match="NotAuthorizedOrNotFound"):
        region.run(use())
    identity = region.client(oci.identity.IdentityClient)
    identity.create_policy(
        oci.identity.models.CreatePolicyDetails(
            compartment_id=region.compartment_id,
            name="use-key",
            description="d",
            statements=[
                "Allow any-user to use keys in compartment okestack where all"
                f" {{request.principal.type='cluster', target.key.id='{key.id}'}}"
            ],
        )
    )
    region.settle()
    assert region.run(use()) == b"etcd"


def test_a_region_stopped_and_started_goes_on(tmp_path: Any) -> None:
    with Region.started(tmp_path) as first:
        vault = make_vault(first)
        key = make_key(first, vault)
        sealed = crypto(first, vault).encrypt(models.EncryptDataDetails(key_id=key.id, plaintext=text(b"kept"))).data
    with Region.started(tmp_path) as second:
        again = second.client(KmsVaultClient).get_vault(vault.id).data
        assert again.management_endpoint.startswith(second.endpoint)  # which has another port now
        opened = crypto(second, again).decrypt(models.DecryptDataDetails(key_id=key.id, ciphertext=sealed.ciphertext))
        assert base64.b64decode(opened.data.plaintext) == b"kept"


def test_retry_token_makes_one_vault(region: Region, vaults: Any) -> None:
    details = models.CreateVaultDetails(compartment_id=region.compartment_id, display_name="once", vault_type="DEFAULT")
    made = {vaults.create_vault(details, opc_retry_token="token-1").data.id for _ in range(2)}
    assert len(made) == 1


def test_the_call_log_holds_no_plaintext(region: Region) -> None:
    vault = make_vault(region, "quiet")
    key = make_key(region, vault)
    crypto(region, vault).encrypt(models.EncryptDataDetails(key_id=key.id, plaintext=text(b"very-quiet-words")))
    log = (region.settings.logs_dir / "api.jsonl").read_text()
    assert json.loads(log.splitlines()[-1])["operation"] == "key_management.encrypt"
    assert text(b"very-quiet-words") not in log
