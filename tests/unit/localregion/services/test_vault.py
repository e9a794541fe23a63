# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets, their versions and bundles, through the SDK's own clients."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import oci
import pytest
from cryptography.hazmat.primitives import serialization
from oci.key_management import KmsManagementClient
from oci.secrets import SecretsClient
from oci.vault import VaultsClient, models

from localregion.access.policies import workload
from localregion.testing import Region
from tests.unit.localregion.support import make_key, make_vault, management, refused


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    with Region.started(tmp_path_factory.mktemp("region")) as started:
        yield started


@pytest.fixture(scope="module")
def vault(region: Region) -> Any:
    return make_vault(region)


@pytest.fixture(scope="module")
def key(region: Region, vault: Any) -> Any:
    return make_key(region, vault)


@pytest.fixture(scope="module")
def secrets(region: Region) -> Any:
    return region.client(VaultsClient)


@pytest.fixture(scope="module")
def bundles(region: Region) -> Any:
    return region.client(SecretsClient)


def text(data: str) -> str:
    return base64.b64encode(data.encode()).decode()


def given(content: str, **more: Any) -> Any:
    return models.Base64SecretContentDetails(content=text(content), **more)


_PASSWORD = models.PassphraseGenerationContext(generation_template="SECRETS_DEFAULT_PASSWORD")


class Made:
    """A secret under test."""

    def __init__(self, region: Region, vault: Any, key: Any) -> None:
        self.region, self.vault, self.key = region, vault, key
        self.secrets, self.bundles = region.client(VaultsClient), region.client(SecretsClient)
        self.id = ""

    def details(self, name: str, **values: Any) -> Any:
        if "enable_auto_generation" not in values and "secret_content" not in values:
            values["secret_content"] = given("one")
        return models.CreateSecretDetails(
            **{
                "compartment_id": self.region.compartment_id,
                "vault_id": self.vault.id,
                "key_id": self.key.id,
                "secret_name": name,
                **values,
            }
        )

    def create(self, name: str, **values: Any) -> Any:
        self.id = self.secrets.create_secret(self.details(name, **values)).data.id
        self.region.settle()
        return self.secrets.get_secret(self.id).data

    def update(self, **values: Any) -> Any:
        self.secrets.update_secret(self.id, models.UpdateSecretDetails(**values))
        self.region.settle()
        return self.secrets.get_secret(self.id).data

    def read(self, **query: Any) -> str:
        bundle = self.bundles.get_secret_bundle(self.id, **query).data
        return base64.b64decode(bundle.secret_bundle_content.content).decode()

    def stages(self) -> dict[int, list[str]]:
        return {v.version_number: v.stages for v in self.secrets.list_secret_versions(self.id).data}


@pytest.fixture
def made(region: Region, vault: Any, key: Any) -> Made:
    return Made(region, vault, key)


def test_given_content_comes_back(made: Made) -> None:
    secret = made.create("given", freeform_tags={"a": "b"}, description="d", metadata={"m": "n"})
    assert (secret.lifecycle_state, secret.current_version_number) == ("ACTIVE", 1)
    assert made.read() == "one"
    by_name = made.bundles.get_secret_bundle_by_name("given", made.vault.id).data
    assert by_name.secret_id == made.id
    assert by_name.stages == ["CURRENT", "LATEST"]
    assert by_name.metadata == {"m": "n"}
    listed = made.secrets.list_secrets(made.region.compartment_id, name="given").data
    assert [each.id for each in listed] == [made.id]


def test_a_name_is_unique_in_its_vault_also_while_pending_deletion(made: Made) -> None:
    made.create("taken")
    with refused(400, "InvalidParameter"):
        made.secrets.create_secret(made.details("taken"))
    made.secrets.schedule_secret_deletion(made.id, models.ScheduleSecretDeletionDetails())
    made.region.settle()
    assert made.secrets.get_secret(made.id).data.lifecycle_state == "PENDING_DELETION"
    with refused(400, "InvalidParameter"):
        made.secrets.create_secret(made.details("taken"))
    with refused(404, "NotAuthorizedOrNotFound"):
        made.read()
    with refused(404, "NotAuthorizedOrNotFound"):
        made.bundles.get_secret_bundle_by_name("taken", made.vault.id)
    with refused(409, "IncorrectState"):
        made.update(secret_content=given("two"))
    made.secrets.cancel_secret_deletion(made.id)
    made.region.settle()
    assert made.update(secret_content=given("two")).current_version_number == 2
    assert made.read() == "two"
    assert made.secrets.get_secret(made.id).data.time_of_deletion is None


def test_another_vault_may_have_the_same_name(made: Made) -> None:
    made.create("same")
    made.vault = make_vault(made.region, "other")
    made.key = make_key(made.region, made.vault)
    assert made.create("same").lifecycle_state == "ACTIVE"


@pytest.mark.parametrize("ahead", [0.5, 31])
def test_deletion_is_scheduled_1_to_30_days_ahead(made: Made, ahead: float) -> None:
    made.create(f"soon-{ahead}")
    when = dt.datetime.now(dt.UTC) + dt.timedelta(days=ahead)
    with refused(400, "InvalidParameter"):
        made.secrets.schedule_secret_deletion(made.id, models.ScheduleSecretDeletionDetails(time_of_deletion=when))


def test_a_deleted_secret_is_erased_and_keeps_its_name(made: Made) -> None:
    made.create("erased")
    made.secrets.schedule_secret_deletion(made.id, models.ScheduleSecretDeletionDetails())
    made.region.settle()
    service = made.region.inner.services["vault"]

    async def later() -> None:
        service.update(service.get("secret", made.id), {}, private={"delete_at": 1.0})
        await service.delete_due()

    made.region.run(later())
    assert made.secrets.get_secret(made.id).data.lifecycle_state == "DELETED"
    versions = made.region.inner.store.select("vault", "secret_version", parent=made.id, dead=None)
    assert versions and all("content" not in version.private for version in versions)

    async def forgotten() -> None:
        service.store.remove(made.id)

    for _ in range(2):
        with refused(400, "InvalidParameter") as caught:
            made.secrets.create_secret(made.details("erased"))
        assert caught.value.message == "name already exists"
        made.region.run(forgotten())


def test_the_key_must_be_symmetric_and_of_the_same_vault(made: Made) -> None:
    other = make_vault(made.region, "keys")
    foreign, asymmetric = make_key(made.region, other), make_key(made.region, made.vault, algorithm="RSA", length=256)
    for wrong in (foreign, asymmetric):
        with refused(400, "InvalidParameter"):
            made.secrets.create_secret(made.details("key", key_id=wrong.id))


def test_a_passphrase_is_generated(made: Made) -> None:
    secret = made.create("password", enable_auto_generation=True, secret_generation_context=_PASSWORD)
    assert secret.is_auto_generation_enabled is True
    password = made.read()
    assert len(password) == 25
    for wanted in ("[a-z]", "[A-Z]", "[0-9]", "[^a-zA-Z0-9]"):
        assert re.search(wanted, password)


def test_a_database_passphrase_fits_its_structure(made: Made) -> None:
    context = models.PassphraseGenerationContext(
        generation_template="DBAAS_DEFAULT_PASSWORD",
        passphrase_length=30,
        secret_template='{"user": "app", "password": "%GENERATED_PASSPHRASE%"}',
    )
    made.create("structured", enable_auto_generation=True, secret_generation_context=context)
    content = json.loads(made.read())
    assert content["user"] == "app"
    assert re.fullmatch(r"[A-Za-z0-9_#-]{30}", content["password"])


def test_an_ssh_key_and_bytes_are_generated(made: Made) -> None:
    made.create(
        "ssh",
        enable_auto_generation=True,
        secret_generation_context=models.SshKeyGenerationContext(generation_template="RSA_2048"),
    )
    pair = json.loads(made.read())
    private = serialization.load_pem_private_key(pair["privateKey"].encode(), None)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert public.decode() == pair["publicKey"]
    made.create(
        "bytes",
        enable_auto_generation=True,
        secret_generation_context=models.BytesGenerationContext(generation_template="BYTES_512"),
    )
    assert len(base64.b64decode(made.read())) == 64


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"enable_auto_generation": True}, "MissingParameter"),
        (
            {"enable_auto_generation": True, "secret_generation_context": _PASSWORD, "secret_content": given("x")},
            "InvalidParameter",
        ),
        ({"secret_generation_context": _PASSWORD, "secret_content": given("x")}, "InvalidParameter"),
        ({"enable_auto_generation": False}, "MissingParameter"),
        ({"secret_content": models.Base64SecretContentDetails(content="not base64!")}, "InvalidParameter"),
        ({"secret_content": given("x", stage="PENDING")}, "InvalidParameter"),
        (
            {
                "enable_auto_generation": True,
                "secret_generation_context": models.PassphraseGenerationContext(
                    generation_template="SECRETS_DEFAULT_PASSWORD", passphrase_length=7
                ),
            },
            "InvalidParameter",
        ),
        (
            {
                "enable_auto_generation": True,
                "secret_generation_context": models.PassphraseGenerationContext(
                    generation_template="SECRETS_DEFAULT_PASSWORD", secret_template="no keyword"
                ),
            },
            "InvalidParameter",
        ),
        ({"secret_name": "not a name"}, "InvalidParameter"),
        ({"secret_rules": [models.SecretExpiryRule(secret_version_expiry_interval="P91D")]}, "InvalidParameter"),
        ({"secret_rules": [models.SecretReuseRule(), models.SecretReuseRule()]}, "InvalidParameter"),
    ],
)
def test_a_create_that_cannot_be_is_refused(made: Made, values: dict[str, Any], code: str) -> None:
    name = values.pop("secret_name", "refused") if "secret_name" in values else "refused"
    with refused(400, code):
        made.secrets.create_secret(made.details(name, **values))


def test_stages_of_versions(made: Made) -> None:
    made.create("stages")
    assert made.stages() == {1: ["CURRENT", "LATEST"]}
    made.update(secret_content=given("two"))
    assert made.stages() == {2: ["CURRENT", "LATEST"], 1: ["PREVIOUS"]}
    made.update(secret_content=given("three", stage="PENDING", name="third"))
    assert made.stages() == {3: ["PENDING", "LATEST"], 2: ["CURRENT"], 1: ["PREVIOUS"]}
    assert [made.read(), made.read(stage="PENDING"), made.read(stage="LATEST"), made.read(stage="PREVIOUS")] == [
        "two",
        "three",
        "three",
        "one",
    ]
    assert made.read(secret_version_name="third") == "three"
    assert made.read(version_number=1) == "one"
    with refused(400, "InvalidParameter"):
        made.read(version_number=1, stage="CURRENT")
    with refused(404, "NotAuthorizedOrNotFound"):
        made.read(version_number=9)
    assert made.update(current_version_number=3).current_version_number == 3
    assert made.stages() == {3: ["CURRENT", "LATEST"], 2: ["PREVIOUS"], 1: ["DEPRECATED"]}
    made.update(current_version_number=1)
    assert made.stages() == {3: ["LATEST", "PREVIOUS"], 2: ["DEPRECATED"], 1: ["CURRENT"]}
    assert made.read() == "one"
    with refused(400, "InvalidParameter"):
        made.update(secret_content=given("four", name="third"))


@pytest.mark.parametrize(
    "values",
    [
        {"secret_content": given("x"), "current_version_number": 1},
        {"secret_content": given("x"), "secret_rules": []},
        {"current_version_number": 1, "secret_rules": []},
        {"current_version_number": 7},
        {"secret_generation_context": _PASSWORD},
    ],
)
def test_an_update_that_cannot_be_changes_nothing(made: Made, values: dict[str, Any]) -> None:
    made.create(f"update-{abs(hash(repr(values)))}")
    etag = made.secrets.get_secret(made.id).headers["etag"]
    with refused(400, "InvalidParameter"):
        made.update(description="changed", **values)
    assert made.secrets.get_secret(made.id).headers["etag"] == etag
    assert made.stages() == {1: ["CURRENT", "LATEST"]}


def test_plain_updates_make_no_version(made: Made) -> None:
    made.create("plain", enable_auto_generation=True, secret_generation_context=_PASSWORD)
    before = made.read()
    assert made.update(description="d", freeform_tags={"a": "b"}).description == "d"
    assert (made.read(), len(made.stages())) == (before, 1)


def test_generation_again_makes_a_new_version(made: Made) -> None:
    made.create("again", enable_auto_generation=True, secret_generation_context=_PASSWORD)
    before = made.read()
    made.update(enable_auto_generation=True)
    assert made.read() != before
    assert made.read(stage="PREVIOUS") == before
    with refused(400, "InvalidParameter"):
        made.update(secret_content=given("x"))
    assert made.update(enable_auto_generation=False, secret_content=given("mine")).is_auto_generation_enabled is False
    assert made.read() == "mine"


def test_what_was_generated_can_be_generated_in_another_way(made: Made) -> None:
    made.create("otherwise", enable_auto_generation=True, secret_generation_context=_PASSWORD)
    first = made.read()
    longer = models.PassphraseGenerationContext(generation_template="SECRETS_DEFAULT_PASSWORD", passphrase_length=30)
    made.update(secret_generation_context=longer)
    assert len(made.read()) == 30
    made.update(
        enable_auto_generation=True,
        secret_generation_context=models.BytesGenerationContext(generation_template="BYTES_1024"),
    )
    assert len(base64.b64decode(made.read())) == 128
    assert made.stages() == {3: ["CURRENT", "LATEST"], 2: ["PREVIOUS"], 1: ["DEPRECATED"]}
    assert made.read(version_number=1) == first
    kept = made.read()
    given_by_hand = made.update(enable_auto_generation=False)
    assert (given_by_hand.is_auto_generation_enabled, given_by_hand.secret_generation_context) == (False, None)
    assert made.read() == kept, "the current version stays"


@pytest.mark.parametrize("values", [{"current_version_number": 1}, {"secret_rules": []}])
def test_generation_excludes_what_content_excludes(made: Made, values: dict[str, Any]) -> None:
    made.create(f"alone-{min(values)}", enable_auto_generation=True, secret_generation_context=_PASSWORD)
    with refused(400, "InvalidParameter"):
        made.update(enable_auto_generation=True, **values)
    assert made.stages() == {1: ["CURRENT", "LATEST"]}


def test_rules_are_shown_with_their_defaults_and_times_in_utc(made: Made) -> None:
    later = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=30)
    elsewhere = later.astimezone(dt.timezone(dt.timedelta(hours=2)))
    rules = [models.SecretExpiryRule(time_of_absolute_expiry=elsewhere), models.SecretReuseRule()]
    secret = made.create("ruled", secret_rules=rules)
    expiry, reuse = secret.secret_rules
    assert expiry.time_of_absolute_expiry == secret.time_of_current_version_expiry == later
    assert expiry.is_secret_content_retrieval_blocked_on_expiry is False
    assert reuse.is_enforced_on_deleted_secret_versions is False
    assert not made.update(secret_rules=[]).secret_rules
    assert made.secrets.get_secret(made.id).data.time_of_current_version_expiry is None


@pytest.mark.parametrize(
    "rule",
    [
        {"secret_version_expiry_interval": "P0D"},
        {"secret_version_expiry_interval": "P91D"},
        {"secret_version_expiry_interval": "P1M"},
        {"secret_version_expiry_interval": "30"},
        {"time_of_absolute_expiry": dt.timedelta(hours=23)},
        {"time_of_absolute_expiry": dt.timedelta(days=366)},
        {},
    ],
)
def test_rules_of_expiry_have_limits(made: Made, rule: dict[str, Any]) -> None:
    if not made.secrets.list_secrets(made.region.compartment_id, name="limits").data:
        made.create("limits")
    made.id = made.secrets.list_secrets(made.region.compartment_id, name="limits").data[0].id
    if ahead := rule.get("time_of_absolute_expiry"):
        rule = {"time_of_absolute_expiry": dt.datetime.now(dt.UTC) + ahead}
    with refused(400, "InvalidParameter"):
        made.update(secret_rules=[models.SecretExpiryRule(**rule)])
    assert not made.secrets.get_secret(made.id).data.secret_rules


def test_the_list_of_secrets_shows_summaries(made: Made) -> None:
    """Without the number of the current version, metadata and rules, as in the SDK: who needs these has to get it."""
    made.create("summary", metadata={"a": "b"}, secret_rules=[models.SecretReuseRule()])
    shown = made.secrets.list_secrets(made.region.compartment_id, name="summary").data[0]
    assert shown.is_auto_generation_enabled is False
    assert not {"current_version_number", "metadata", "secret_rules"} & set(shown.swagger_types)


def test_the_reuse_rule_forbids_old_content(made: Made) -> None:
    made.create("reuse", secret_rules=[models.SecretReuseRule(is_enforced_on_deleted_secret_versions=True)])
    made.update(secret_content=given("two"))
    with refused(400, "InvalidParameter"):
        made.update(secret_content=given("one"))
    made.update(secret_rules=[])
    assert made.update(secret_content=given("one")).current_version_number == 3


def test_the_expiry_rule_sets_a_date_and_blocks(made: Made) -> None:
    rule = models.SecretExpiryRule(
        secret_version_expiry_interval="P2D", is_secret_content_retrieval_blocked_on_expiry=True
    )
    secret = made.create("expiry", secret_rules=[rule])
    left = secret.time_of_current_version_expiry - dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=1.9) < left < dt.timedelta(days=2.1)
    assert made.read() == "one"
    service = made.region.inner.services["vault"]

    async def expire() -> None:
        version = service.living("secret_version", parent=made.id)[0]
        service.update(version, {"timeOfCurrentVersionExpiry": "2020-01-01T00:00:00.000Z"})

    made.region.run(expire())
    with refused(409, "IncorrectState"):
        made.read()
    made.update(secret_content=given("two"))
    assert made.read() == "two"


def test_only_deprecated_versions_can_be_deleted(made: Made) -> None:
    made.create("versions")
    made.update(secret_content=given("two"))
    details = models.ScheduleSecretVersionDeletionDetails()
    with refused(409, "IncorrectState"):
        made.secrets.schedule_secret_version_deletion(made.id, 1, details)
    made.update(secret_content=given("three"))
    made.secrets.schedule_secret_version_deletion(made.id, 1, details)
    assert made.secrets.get_secret_version(made.id, 1).data.time_of_deletion
    with refused(409, "IncorrectState"):
        made.update(current_version_number=1)
    made.secrets.cancel_secret_version_deletion(made.id, 1)
    assert made.secrets.get_secret_version(made.id, 1).data.time_of_deletion is None
    made.update(current_version_number=1)


def test_if_match_of_an_update(made: Made) -> None:
    made.create("etag")
    etag = made.secrets.get_secret(made.id).headers["etag"]
    made.update(description="a")
    with refused(412, "NoEtagMatch"):
        made.secrets.update_secret(made.id, models.UpdateSecretDetails(description="b"), if_match=etag)


def test_a_secret_moves_to_another_compartment(made: Made) -> None:
    made.create("moving")
    identity = made.region.client(oci.identity.IdentityClient)
    target = identity.create_compartment(
        oci.identity.models.CreateCompartmentDetails(
            compartment_id=made.region.compartment_id, name="elsewhere", description="d"
        )
    ).data
    made.region.settle()
    details = models.ChangeSecretCompartmentDetails(compartment_id=target.id)
    made.secrets.change_secret_compartment(made.id, details)
    assert made.secrets.get_secret(made.id).data.compartment_id == target.id
    assert made.read() == "one"


def test_a_disabled_key_makes_secrets_unreadable(made: Made) -> None:
    made.key = make_key(made.region, made.vault, "switch")
    made.create("switched")
    keys: KmsManagementClient = management(made.region, made.vault)
    keys.disable_key(made.key.id)
    made.region.settle()
    with refused(409, "IncorrectState"):
        made.read()
    with refused(409, "IncorrectState"):
        made.secrets.create_secret(made.details("never"))
    keys.enable_key(made.key.id)
    made.region.settle()
    assert made.read() == "one"


def test_rotation_needs_a_target_that_is_not_here(made: Made) -> None:
    made.create("rotate")
    with refused(400, "InvalidParameter"):
        made.secrets.rotate_secret(made.id)
    target = models.FunctionTargetSystemDetails(function_id="ocid1.fnfunc.oc1..one")
    made.update(rotation_config=models.RotationConfig(target_system_details=target))
    with refused(501, "NotImplemented"):
        made.secrets.rotate_secret(made.id)


def test_a_workload_reads_with_a_statement_only(made: Made, tmp_path: Path) -> None:
    made.create("workload")
    someone = workload(cluster_id="ocid1.cluster.oc1..c", namespace="crud", service_account="app")
    folder = made.region.session(someone, tmp_path)
    config = oci.config.from_file(str(folder))
    token = Path(config["security_token_file"]).read_text()
    signer = oci.auth.signers.SecurityTokenSigner(token, oci.signer.load_private_key_from_file(config["key_file"]))
    bundles = SecretsClient(
        {}, signer=signer, service_endpoint=made.region.endpoint, retry_strategy=oci.retry.NoneRetryStrategy()
    )
    with refused(404, "NotAuthorizedOrNotFound"):
        bundles.get_secret_bundle_by_name("workload", made.vault.id)
    identity = made.region.client(oci.identity.IdentityClient)
    statement = (
        "Allow any-user to read secret-bundles in compartment okestack where all {request.principal.type='workload',"
        " request.principal.namespace='crud', request.principal.service_account='app', target.secret.name='workload'}"
    )
    policy = identity.create_policy(
        oci.identity.models.CreatePolicyDetails(
            compartment_id=made.region.compartment_id, name="workload", description="d", statements=[statement]
        )
    ).data
    made.region.settle()
    bundle = bundles.get_secret_bundle_by_name("workload", made.vault.id).data
    assert base64.b64decode(bundle.secret_bundle_content.content) == b"one"
    assert bundles.get_secret_bundle(made.id).data.secret_id == made.id
    made.create("not-named")
    with refused(404, "NotAuthorizedOrNotFound"):
        bundles.get_secret_bundle(made.id)
    identity.delete_policy(policy.id)
    made.region.settle()
    with refused(404, "NotAuthorizedOrNotFound"):
        bundles.get_secret_bundle_by_name("workload", made.vault.id)


def test_of_two_creates_at_once_one_wins(made: Made) -> None:
    details = made.details("race", enable_auto_generation=True, secret_generation_context=_PASSWORD)

    def create(_: int) -> int:
        try:
            made.region.client(VaultsClient).create_secret(details)
        except oci.exceptions.ServiceError as error:
            return int(error.status)
        return 200

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(create, range(6)))
    assert sorted(answers) == [200, 400, 400, 400, 400, 400]


def test_of_two_updates_at_once_the_second_waits(made: Made) -> None:
    made.create("updates", enable_auto_generation=True, secret_generation_context=_PASSWORD)

    def update(_: int) -> int:
        try:
            client = made.region.client(VaultsClient)
            client.update_secret(made.id, models.UpdateSecretDetails(enable_auto_generation=True))
        except oci.exceptions.ServiceError as error:
            return int(error.status)
        return 200

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(update, range(6)))
    made.region.settle()
    assert set(answers) <= {200, 409}
    numbers = [v.version_number for v in made.secrets.list_secret_versions(made.id).data]
    assert numbers == list(range(1 + answers.count(200), 0, -1))
    assert [stages for stages in made.stages().values() if "CURRENT" in stages] == [["CURRENT", "LATEST"]]


def test_contents_are_in_no_file_in_clear(made: Made) -> None:
    made.create("clear", secret_content=given("exceedingly-secret-words"))
    assert made.read() == "exceedingly-secret-words"
    found = []
    for path in made.region.settings.state.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found += [
                path
                for form in (b"exceedingly-secret-words", text("exceedingly-secret-words").encode())
                if form in data
            ]
    assert found == []


def test_secrets_outlive_a_restart(tmp_path: Path) -> None:
    with Region.started(tmp_path) as first:
        vault = make_vault(first)
        made = Made(first, vault, make_key(first, vault))
        made.create("kept")
    with Region.started(tmp_path) as second:
        again = Made(second, vault, made.key)
        again.id = made.id
        assert again.read() == "one"
