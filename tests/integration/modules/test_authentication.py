"""Signing in: by profile, session token, as an instance, as a resource, as a workload of a cluster.

The metadata service, the auth service and port 12250 are the region's own; the SDK that asks them is unmodified.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils import preload, signers
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Connection, Session
from ansible_collections.okestack.oci.plugins.module_utils.kube import oke_token
from cryptography.hazmat.primitives.asymmetric import rsa

from localregion.access.policies import Principal
from localregion.backends.kubernetes_authentication import read_token
from localregion.http.metadata import metadata_app
from localregion.settings import COMPARTMENT_NAME, INSTANCE_ID, OPERATOR_ID
from localregion.testing import Region

from .conftest import Door
from .playbook import play

FUNCTION = "ocid1.fnfunc.oc1..deployer"
CLUSTER = "ocid1.cluster.oc1..runner"
POD = f"{CLUSTER}/automation/ansible"

Environment = dict[str, str]
"""The variables of a place."""
Place = Callable[[Region, Path], AbstractContextManager[Environment]]
"""Where Ansible runs: makes it, and gives the variables that it has."""


@contextmanager
def _on_an_instance(region: Region, folder: Path) -> Iterator[Environment]:
    yield {"OCI_METADATA_BASE_URL": region.metadata_url}


@contextmanager
def _in_a_function(region: Region, folder: Path) -> Iterator[Environment]:
    yield region.resource_principal("fnfunc", FUNCTION, folder)


@contextmanager
def _in_a_function_by_value(region: Region, folder: Path) -> Iterator[Environment]:
    variables = region.resource_principal("fnfunc", FUNCTION, folder)
    for name in ("OCI_RESOURCE_PRINCIPAL_RPST", "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM"):
        variables[name] = Path(variables[name]).read_text()
    yield variables


@contextmanager
def _in_a_pod(region: Region, folder: Path) -> Iterator[Environment]:
    with region.workload(folder, cluster_id=CLUSTER, namespace="automation", service_account="ansible") as variables:
        yield variables


PLACES: dict[str, tuple[str, Place, str]] = {
    "instance": ("instance_principal", _on_an_instance, INSTANCE_ID),
    "function": ("resource_principal", _in_a_function, FUNCTION),
    "function by value": ("resource_principal", _in_a_function_by_value, FUNCTION),
    "pod": ("oke_workload_identity", _in_a_pod, POD),
}
CONDITIONS = {
    "instance_principal": f"request.principal.id='{INSTANCE_ID}'",
    "resource_principal": "request.principal.type='fnfunc'",
    "oke_workload_identity": (
        "all {request.principal.type='workload', request.principal.namespace='automation',"
        f" request.principal.service_account='ansible', request.principal.cluster_id='{CLUSTER}'}}"
    ),
}


def _grant(region: Region) -> str:
    """Lets each of the places keep networks; the policy's OCID."""
    identity = region.client(oci.identity.IdentityClient)
    details = oci.identity.models.CreatePolicyDetails(
        compartment_id=region.compartment_id,
        name="places",
        description="places",
        statements=[
            f"Allow any-user to manage virtual-network-family in compartment {COMPARTMENT_NAME} where {condition}"
            for condition in CONDITIONS.values()
        ],
    )
    made: str = identity.create_policy(details).data.id
    region.settle()
    return made


@pytest.fixture(autouse=True)
def _granted(region: Region) -> Iterator[None]:
    policy = _grant(region)
    yield
    region.faults.clear()
    region.inner.federation.token_seconds = 1200
    region.client(oci.identity.IdentityClient).delete_policy(policy)
    region.settle()


def _vcn(region: Region, name: str, **more: Any) -> dict[str, Any]:
    return {"compartment_id": region.compartment_id, "display_name": name, "cidr_blocks": ["10.50.0.0/16"], **more}


def _makes_a_vcn(door: Door, region: Region, folder: Path, place: str) -> None:
    """A task in the place makes a VCN, as the place's principal, without a configuration file."""
    auth_type, make, principal = PLACES[place]
    name = f"made in a {place}"
    with make(region, folder) as environment:
        options = {**_vcn(region, name), "config_file": str(folder / "none"), "auth_type": auth_type}
        region.forget_calls()
        assert door("vcn", environment=environment, **options)["changed"]
        assert not door("vcn", environment=environment, **options)["changed"]
        assert {call.principal for call in region.calls if call.operation.startswith("core.")} == {principal}


# --- each way to sign in -----------------------------------------------------------------------------------------


def test_instance_principal_authenticates(door: Door, region: Region, tmp_path: Path) -> None:
    _makes_a_vcn(door, region, tmp_path, "instance")


def test_an_instance_may_do_what_its_dynamic_group_may(door: Door, region: Region) -> None:
    identity = region.client(oci.identity.IdentityClient)
    models = oci.identity.models
    group = models.CreateDynamicGroupDetails(
        compartment_id=region.tenancy_id,
        name="deployers",
        description="machines",
        matching_rule=f"ALL {{instance.compartment.id = '{region.compartment_id}'}}",
    )
    identity.create_dynamic_group(group)
    policy = models.CreatePolicyDetails(
        compartment_id=region.compartment_id,
        name="deployers",
        description="machines",
        statements=[f"Allow dynamic-group deployers to manage repos in compartment {COMPARTMENT_NAME}"],
    )
    identity.create_policy(policy)
    region.settle()
    options: dict[str, Any] = {"compartment_id": region.compartment_id, "display_name": "app"}
    options["auth_type"] = "instance_principal"
    environment = {"OCI_METADATA_BASE_URL": region.metadata_url}
    assert door("container_repository", environment=environment, **options)["changed"]


@pytest.mark.parametrize("place", ["function", "function by value"])
def test_resource_principal_authenticates(door: Door, region: Region, tmp_path: Path, place: str) -> None:
    _makes_a_vcn(door, region, tmp_path, place)


def test_oke_workload_identity_authenticates(door: Door, region: Region, tmp_path: Path) -> None:
    _makes_a_vcn(door, region, tmp_path, "pod")


def test_security_token_authenticates(door: Door, region: Region, tmp_path: Path) -> None:
    session = region.session(_operator(region), tmp_path)
    options = {**_vcn(region, "by session"), "config_file": str(session), "auth_type": "security_token"}
    assert door("vcn", **options)["changed"]
    (tmp_path / "session_token").write_text("not a token")
    told = door("vcn", fails=True, **options)["msg"]
    assert "401" in told and "security_token" in told


def test_a_session_that_has_ended_is_told_before_any_request(door: Door, region: Region, tmp_path: Path) -> None:
    session = region.session(_operator(region), tmp_path, seconds=1)
    time.sleep(1.1)
    region.forget_calls()
    options = {**_vcn(region, "too late"), "config_file": str(session), "auth_type": "security_token"}
    for check in (True, False):
        told = door("vcn", fails=True, check=check, **options)["msg"]
        for part in ("profile DEFAULT", "expired at 20", "oci session authenticate --profile-name DEFAULT"):
            assert part in told
    assert not region.calls


def test_a_session_that_ends_within_a_run_of_the_site_is_warned_about(
    door: Door, region: Region, tmp_path: Path
) -> None:
    def warned(seconds: int) -> list[str]:
        session = region.session(_operator(region), tmp_path, seconds=seconds)
        door.warnings.clear()
        door("vcn_info", compartment_id=region.compartment_id, config_file=str(session), auth_type="security_token")
        return list(door.warnings)

    first, second = warned(600), warned(3600)
    assert len(first) == 1 and "ends at 20" in first[0] and "oci session refresh --profile DEFAULT" in first[0]
    assert not second


def test_a_session_that_ends_during_a_task_is_told_as_that(region: Region, tmp_path: Path) -> None:
    config = region.session(_operator(region), tmp_path, seconds=2)
    options = {"config_file": str(config), "auth_type": "security_token", "endpoints": {"default": region.endpoint}}
    session = Session(Connection.from_options({**options, "retry_timeout": 5}, {}))
    _list(session, region)
    time.sleep(2.1)
    with pytest.raises(Exception, match=r"list_vcns: the session token of profile DEFAULT .* expired at"):
        _list(session, region)
    region.session(_operator(region), tmp_path, seconds=60)
    _list(session, region)


def test_a_profile_of_a_delegated_token_is_told_as_that(door: Door, region: Region, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[DEFAULT]\ntenancy=ocid1.tenancy.oc1..a\nregion=local-1\ndelegation_token_file=/etc/oci/token\n")
    told = door("vcn", fails=True, **_vcn(region, "shell"), config_file=str(config))["msg"]
    assert "delegated token" in told


def _operator(region: Region) -> Principal:
    async def find() -> Principal:
        found: Principal = region.inner.services["identity"].users.principal(OPERATOR_ID)
        return found

    made: Principal = region.run(find())
    return made


def test_the_environment_chooses_the_way_to_sign_in(
    door: Door, region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCI_CONFIG_FILE", str(region.config_file))
    monkeypatch.setenv("OCI_ENDPOINT", region.endpoint)
    options = {**_vcn(region, "environment"), "config_file": None, "endpoints": None}
    assert door("vcn", **options)["changed"]
    monkeypatch.setenv("OCI_CLI_AUTH", "instance_principal")
    monkeypatch.setenv("OCI_METADATA_BASE_URL", region.metadata_url)
    region.forget_calls()
    assert not door("vcn", **options)["changed"]
    assert INSTANCE_ID in {call.principal for call in region.calls}
    region.forget_calls()
    assert not door("vcn", environment={"OCI_CLI_AUTH": "api_key"}, **options)["changed"], "the task's own goes first"
    assert {call.principal for call in region.calls} == {OPERATOR_ID}


@pytest.mark.parametrize("place", list(PLACES))
def test_the_unmodified_sdk_signs_in(
    region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The region's side, by the SDK's own signers."""
    auth_type, make, principal = PLACES[place]
    with make(region, tmp_path) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        sdk = oci.auth.signers
        if auth_type == "instance_principal":
            signer = sdk.InstancePrincipalsSecurityTokenSigner(federation_endpoint=f"{region.endpoint}/v1/x509")
            assert signer.region == "local-1" and signer.tenancy_id == region.tenancy_id
        elif auth_type == "resource_principal":
            signer = sdk.get_resource_principals_signer()
            assert signer.compartment_id == region.compartment_id
        else:
            token = environment["OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH"]
            signer = sdk.get_oke_workload_identity_resource_principal_signer(service_account_token_path=token)
        client = oci.core.VirtualNetworkClient({}, signer=signer, service_endpoint=region.endpoint)
        region.forget_calls()
        client.list_vcns(region.compartment_id)
        assert region.calls[-1].principal == principal


# --- tokens end --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", list(PLACES))
def test_a_kubeconfigs_helper_signs_in_the_same_way(region: Region, tmp_path: Path, place: str) -> None:
    """By itself, outside of Ansible, as kubectl calls it."""
    auth_type, make, principal = PLACES[place]
    command = [sys.executable, oke_token.__file__, "--cluster-id", CLUSTER, "--auth", auth_type]
    if auth_type == "instance_principal":
        command += ["--auth-endpoint", region.endpoint]
    with make(region, tmp_path) as environment:
        done = subprocess.run(command, env={**os.environ, **environment}, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    token = json.loads(done.stdout)["status"]["token"]
    assert read_token(token, CLUSTER, region.inner.authenticator).id == principal


def test_a_kubeconfigs_helper_tells_of_a_session_that_has_ended(region: Region, tmp_path: Path) -> None:
    config = region.session(_operator(region), tmp_path, seconds=1)
    command = [sys.executable, oke_token.__file__, "--cluster-id", CLUSTER, "--auth", "security_token"]
    command += ["--config-file", str(config)]
    time.sleep(1.1)
    done = subprocess.run(command, text=True, capture_output=True)
    assert done.returncode == 1 and "expired" in done.stderr and "oci session authenticate" in done.stderr
    assert "Traceback" not in done.stderr
    region.session(_operator(region), tmp_path, seconds=60)
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_a_clusters_token_is_made_with_a_session_that_is_still_good(region: Region, tmp_path: Path) -> None:
    region.inner.federation.token_seconds = 4
    with _on_an_instance(region, tmp_path) as environment:
        session = _session(region, environment, "instance_principal")
        tokens = []
        for _ in range(2):
            tokens.append(oke_token.make_token(session.signer, session.region, CLUSTER))
            assert read_token(tokens[-1], CLUSTER, region.inner.authenticator).id == INSTANCE_ID
            time.sleep(4.1)


def _session(region: Region, environment: Mapping[str, str], auth_type: str) -> Session:
    options = {"auth_type": auth_type, "endpoints": {"default": region.endpoint}, "retry_timeout": 5}
    return Session(Connection.from_options(options, environment))


def _list(session: Session, region: Region) -> None:
    session.call(session.client("core.VirtualNetworkClient"), "list_vcns", region.compartment_id)


def test_an_expiring_token_is_renewed_before_it_is_refused(region: Region, tmp_path: Path) -> None:
    region.inner.federation.token_seconds = 6
    with _on_an_instance(region, tmp_path) as environment:
        region.forget_calls()
        session = _session(region, environment, "instance_principal")
        _list(session, region)
        _list(session, region)
        assert region.count("auth.*") == 1
        time.sleep(4.7)
        region.forget_calls()
        _list(session, region)
    assert [(c.operation, c.status) for c in region.calls] == [
        ("auth.get_security_token", 200),
        ("core.list_vcns", 200),
    ]


@pytest.mark.parametrize("place", ["instance", "pod"])
def test_a_refused_token_is_renewed_once(region: Region, tmp_path: Path, place: str) -> None:
    auth_type, make, _ = PLACES[place]
    with make(region, tmp_path) as environment:
        session = _session(region, environment, auth_type)
        _list(session, region)
        first = session.signer.token
        region.faults.add("core.list_vcns", status=401)
        _list(session, region)
        assert session.signer.token != first
        region.faults.add("core.list_vcns", status=401, times=None)
        region.forget_calls()
        with pytest.raises(Exception, match=f"401 NotAuthenticated.*Signed in by {auth_type}"):
            _list(session, region)
        assert region.count("core.list_vcns") == 2


def test_a_token_that_its_host_replaced_is_read_again(region: Region, tmp_path: Path) -> None:
    """A long task in a function: the files of its token are new ones after a while."""
    environment = region.resource_principal("fnfunc", FUNCTION, tmp_path)
    session = _session(region, environment, "resource_principal")
    _list(session, region)
    region.resource_principal("fnfunc", FUNCTION, tmp_path, seconds=1800)
    region.faults.add("core.list_vcns", status=401)
    _list(session, region)
    assert session.signer.token == (tmp_path / "session_token").read_text()


# --- what goes wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["instance", "function", "pod"])
def test_without_a_policy_the_error_says_who_asked(door: Door, region: Region, tmp_path: Path, place: str) -> None:
    auth_type, make, principal = PLACES[place]
    with make(region, tmp_path) as environment:
        options: dict[str, Any] = {"compartment_id": region.compartment_id, "name": "repo", "auth_type": auth_type}
        options |= {"description": "a policy", "statements": ["Allow any-user to inspect vcns in compartment okestack"]}
        told = door("policy", fails=True, environment=environment, **options)["msg"]
    for part in ("404", "policies do not allow it", f"Signed in by {auth_type} as {principal}"):
        assert part in told


def _fails(
    door: Door, region: Region, auth_type: str, environment: Mapping[str, str], **options: Any
) -> tuple[str, float]:
    began = time.monotonic()
    options = {**_vcn(region, "nowhere"), "auth_type": auth_type, **options}
    told: str = door("vcn", fails=True, environment=environment, **options)["msg"]
    assert "fault in okestack.oci" not in told
    return told, time.monotonic() - began


@pytest.mark.parametrize("kind", ["refused", "silent", "another service"])
def test_a_machine_that_is_no_instance_is_told_within_seconds(door: Door, region: Region, kind: str) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        if kind != "refused":
            deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/opc/v2"
        if kind == "another service":
            url = f"{region.endpoint}/opc/v2"
        told, seconds = _fails(door, region, "instance_principal", {"OCI_METADATA_BASE_URL": url}, retry_timeout=300)
    assert seconds < 10
    assert url in told and "metadata" in told and "auth_type" in told and "OCI_METADATA_BASE_URL" in told
    assert {"refused": "refused", "silent": "timed out", "another service": "404"}[kind] in told


class _Slow(BaseHTTPRequestHandler):
    """Answers after more seconds than a connection may take."""

    def do_GET(self) -> None:
        time.sleep(signers.METADATA_CONNECT_SECONDS + 0.5)
        self.send_error(403)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the screen."""


def test_a_metadata_service_that_answers_late_is_heard(door: Door, region: Region) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Slow) as slow:
        threading.Thread(target=slow.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{slow.server_port}/opc/v2"
        told, _seconds = _fails(door, region, "instance_principal", {"OCI_METADATA_BASE_URL": url})
        slow.shutdown()
    assert "answers 403" in told


def test_an_auth_service_that_cannot_be_reached_is_told_by_its_url(door: Door, region: Region) -> None:
    environment = {"OCI_METADATA_BASE_URL": region.metadata_url}
    endpoints = {"core": region.endpoint, "auth": "http://127.0.0.1:9"}
    told, seconds = _fails(door, region, "instance_principal", environment, endpoints=endpoints)
    assert "http://127.0.0.1:9/v1/x509" in told and "refused" in told and "gateway" in told and seconds < 15


def test_a_certificate_that_is_refused_is_told(door: Door, region: Region) -> None:
    region.faults.add("auth.get_security_token", status=401, times=None)
    told, _ = _fails(door, region, "instance_principal", {"OCI_METADATA_BASE_URL": region.metadata_url})
    assert "401" in told and "certificate" in told and "clock" in told


@pytest.mark.parametrize("fault", [{"status": 429}, {"status": 503}, {"drop": "before"}], ids=str)
def test_a_busy_auth_service_is_asked_again(door: Door, region: Region, fault: dict[str, Any]) -> None:
    region.faults.add("auth.get_security_token", **fault)
    options = {**_vcn(region, f"busy {fault}"), "auth_type": "instance_principal"}
    assert door("vcn", environment={"OCI_METADATA_BASE_URL": region.metadata_url}, **options)["changed"]


@pytest.mark.parametrize("missing", ["VERSION", "RPST", "PRIVATE_PEM", "REGION"])
def test_a_missing_variable_of_a_resource_is_named(door: Door, region: Region, tmp_path: Path, missing: str) -> None:
    environment = region.resource_principal("fnfunc", FUNCTION, tmp_path)
    del environment[f"OCI_RESOURCE_PRINCIPAL_{missing}"]
    told, _ = _fails(door, region, "resource_principal", environment)
    assert f"OCI_RESOURCE_PRINCIPAL_{missing}" in told


def test_a_resource_whose_token_has_expired_is_told_when(door: Door, region: Region, tmp_path: Path) -> None:
    environment = region.resource_principal("fnfunc", FUNCTION, tmp_path, seconds=-60)
    told, _ = _fails(door, region, "resource_principal", environment)
    assert "expired at 20" in told and "OCI_RESOURCE_PRINCIPAL_RPST" in told


def test_other_versions_of_resource_principals_are_the_sdks(door: Door, region: Region) -> None:
    told, _ = _fails(door, region, "resource_principal", {"OCI_RESOURCE_PRINCIPAL_VERSION": "9.9"})
    assert "Unsupported OCI_RESOURCE_PRINCIPAL_VERSION: 9.9" in told
    told, _ = _fails(door, region, "resource_principal", {"OCI_RESOURCE_PRINCIPAL_VERSION": "2.1"})
    assert "version 2.1" in told and "resource_principal_token_endpoint must be provided" in told
    assert "OCI_RESOURCE_PRINCIPAL_VERSION" not in os.environ, "a task's variables are taken away again"


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"KUBERNETES_SERVICE_HOST": ""}, ["KUBERNETES_SERVICE_HOST", "pods"]),
        ({"KUBERNETES_SERVICE_HOST": "127.9.9.9"}, ["127.9.9.9:12250", "refused", "security rules"]),
        ({"OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH": "/nowhere/ca"}, ["/nowhere/ca", "automountServiceAccountToken"]),
        ({"OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH": "/nowhere/token"}, ["/nowhere/token", "service account"]),
        ({"OCI_RESOURCE_PRINCIPAL_REGION": ""}, ["no region", "OCI_RESOURCE_PRINCIPAL_REGION"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_a_pod_lacks_is_named(
    door: Door, region: Region, tmp_path: Path, change: Environment, parts: list[str]
) -> None:
    with _in_a_pod(region, tmp_path) as environment:
        told, seconds = _fails(door, region, "oke_workload_identity", {**environment, **change})
    assert all(part in told for part in parts), told
    assert seconds < 15


def test_a_basic_cluster_has_no_workload_identity(door: Door, region: Region, tmp_path: Path) -> None:
    with region.workload(
        tmp_path, cluster_id=CLUSTER, namespace="automation", service_account="ansible", enhanced=False
    ) as environment:
        told, _ = _fails(door, region, "oke_workload_identity", environment)
    assert "403" in told and "enhanced cluster" in told


def test_a_service_account_of_another_cluster_is_refused(door: Door, region: Region, tmp_path: Path) -> None:
    with _in_a_pod(region, tmp_path) as environment:
        (tmp_path / "token").write_text("of.another.cluster")
        told, _ = _fails(door, region, "oke_workload_identity", environment)
    assert "401" in told and "service account's token" in told


def test_an_unknown_way_to_sign_in_is_told_with_those_there_are(door: Door, region: Region) -> None:
    options = _vcn(region, "nowhere")
    told = door("vcn", fails=True, environment={"OCI_CLI_AUTH": "magic"}, **options)["msg"]
    assert "magic" in told and "oke_workload_identity" in told and "OCI_CLI_AUTH" in told


def test_a_wrong_key_is_a_401_with_what_to_check(door: Door, region: Region, tmp_path: Path) -> None:
    config = tmp_path / "config"
    text = region.config_file.read_text()
    lines = [
        ("fingerprint=" + ":".join(["00"] * 16)) if row.startswith("fingerprint") else row for row in text.splitlines()
    ]
    config.write_text("\n".join(lines) + "\n")
    told = door("vcn", fails=True, config_file=str(config), **_vcn(region, "wrong"))["msg"]
    assert "401" in told and "fingerprint" in told


def test_a_sessions_profile_says_how_it_signs_in(door: Door, region: Region, tmp_path: Path) -> None:
    session = region.session(_operator(region), tmp_path)
    told = door("vcn", fails=True, config_file=str(session), **_vcn(region, "wrong"))["msg"]
    assert "lacks user" in told and "auth_type: security_token" in told


def test_a_missing_configuration_is_told_by_its_path(door: Door, region: Region, tmp_path: Path) -> None:
    told = door("vcn", fails=True, config_file=str(tmp_path / "none"), **_vcn(region, "none"))["msg"]
    assert str(tmp_path / "none") in told and "config_file" in told


# --- what it costs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "keys"), [("instance", 1), ("pod", 1), ("function", 0)])
def test_signing_in_makes_one_key_and_asks_once(
    region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, keys: int
) -> None:
    """The SDK's own signers make two keys, check two, and read the metadata twice."""
    auth_type, make, _ = PLACES[place]
    with make(region, tmp_path) as environment:
        region.run(_warm(region))
        made = []
        generate = rsa.generate_private_key

        def counted(*arguments: Any, **named: Any) -> Any:
            made.append(1)
            return generate(*arguments, **named)

        monkeypatch.setattr(rsa, "generate_private_key", counted)
        region.forget_calls()
        _list(_session(region, environment, auth_type), region)
        assert len(made) == keys
        assert region.count("auth.*") == (1 if place == "instance" else 0)


async def _warm(region: Region) -> None:
    region.inner.federation.identity()  # the instance's own key is the region's to make


def _play(region: Region, folder: Path, environment: Mapping[str, str], tasks: list[dict[str, Any]]) -> str:
    own = {"OCI_ENDPOINT": region.endpoint, **environment}
    return play(region, folder, tasks, "-vvv", environment=own, signed=False)


def test_a_play_signs_in_once_as_its_place_and_never_for_another(region: Region, tmp_path: Path) -> None:
    """Three tasks share what the parent got; a profile, another instance and a pod sign in by themselves."""
    other = "ocid1.instance.oc1..other"
    task = {"okestack.oci.vcn": _vcn(region, "shared"), "check_mode": True}
    place = {"OCI_CLI_AUTH": "instance_principal", "OCI_METADATA_BASE_URL": region.metadata_url}
    with (
        region.serving(metadata_app(region.inner.federation, other), "127.0.0.1") as elsewhere,
        _in_a_pod(region, tmp_path / "pod") as pod,
    ):
        apart: list[tuple[Environment, str]] = [
            ({"OCI_CLI_AUTH": "api_key", "OCI_CONFIG_FILE": str(region.config_file)}, OPERATOR_ID),
            ({"OCI_METADATA_BASE_URL": f"{elsewhere}/opc/v2"}, other),
            ({"OCI_CLI_AUTH": "oke_workload_identity", **pod}, POD),
        ]
        _allow(region, other)
        tasks = [task, task, *({**task, "environment": environment} for environment, _ in apart), task]
        region.forget_calls()
        out = _play(region, tmp_path, place, tasks)
    assert "ok=6 " in out
    listed = [call.principal for call in region.calls if call.operation == "core.list_vcns"]
    assert listed == [INSTANCE_ID, *(principal for _, principal in apart)], "who signs in alike shares what is read"
    assert [call.principal for call in region.calls if call.operation.startswith("auth.")] == [INSTANCE_ID, other]
    for line in out.splitlines():
        assert "Signature " not in line and "eyJ" not in line, "no authorization header and no token is shown"


def _allow(region: Region, instance_id: str) -> None:
    identity = region.client(oci.identity.IdentityClient)
    statement = (
        f"Allow any-user to read vcns in compartment {COMPARTMENT_NAME} where request.principal.id='{instance_id}'"
    )
    details = oci.identity.models.CreatePolicyDetails(
        compartment_id=region.compartment_id, name="other", description="other", statements=[statement]
    )
    identity.create_policy(details)
    region.settle()


def test_what_the_parent_got_is_used_until_it_is_refused(region: Region, tmp_path: Path) -> None:
    options = {"auth_type": "instance_principal", "endpoints": {"default": region.endpoint, "core": region.endpoint}}
    with _on_an_instance(region, tmp_path) as environment:
        sign_in = Connection.from_options(options, environment).sign_in
        region.forget_calls()
        signers.sign_in_place(sign_in)
        try:
            session = _session(region, environment, "instance_principal")
            _list(session, region)
            assert region.count("auth.*") == 1, "endpoints of other services make no difference"
            region.faults.add("core.list_vcns", status=401)
            _list(session, region)
            assert region.count("auth.*") == 2
            elsewhere = {**options, "endpoints": {"auth": region.other_endpoint, "core": region.endpoint}}
            assert Connection.from_options(elsewhere, environment).sign_in != sign_in
            _list(Session(Connection.from_options(elsewhere, environment)), region)
            assert region.count("auth.*") == 3, "another auth service is asked for its own token"
        finally:
            preload.forget_places()


def test_a_parent_that_cannot_sign_in_leaves_it_to_the_tasks(region: Region) -> None:
    """And does nothing at all for profiles and for what a host hands over."""
    region.forget_calls()
    for auth_type in ("api_key", "security_token", "resource_principal", "magic", "instance_principal"):
        environment = {"OCI_CLI_AUTH": auth_type, "OCI_METADATA_BASE_URL": "http://127.0.0.1:9/opc/v2"}
        signers.sign_in_place(Connection.from_options({}, environment).sign_in)
    assert not preload._places and not region.calls


def test_no_token_is_written_to_disk(region: Region, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a play as an instance leaves in the folders it may write to."""
    # ansible-core 2.21 makes a socket in TMPDIR, and a socket's path has 107 characters at most.
    home = tmp_path_factory.mktemp("home")
    task = {"okestack.oci.vcn": _vcn(region, "shared"), "check_mode": True}
    place = {"OCI_CLI_AUTH": "instance_principal", "OCI_METADATA_BASE_URL": region.metadata_url}
    private = {name: str(home) for name in ("HOME", "TMPDIR", "ANSIBLE_HOME", "XDG_CACHE_HOME")}
    _play(region, tmp_path, {**place, **private}, [task])
    found = [path for path in home.rglob("*") if path.is_file()]
    for path in found:
        content = path.read_bytes()
        assert b"eyJ" not in content and b"PRIVATE KEY" not in content, path


def test_many_threads_share_a_token_while_it_is_renewed(region: Region, tmp_path: Path) -> None:
    region.inner.federation.token_seconds = 4
    problems: list[BaseException] = []
    with _on_an_instance(region, tmp_path) as environment:
        session = _session(region, environment, "instance_principal")

        def work() -> None:
            until = time.monotonic() + 5
            try:
                while time.monotonic() < until:
                    _list(session, region)
            except BaseException as error:
                problems.append(error)

        region.forget_calls()
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not problems
    assert 1 <= region.count("auth.*") <= 4
    assert not [call for call in region.calls if call.status == 401]
