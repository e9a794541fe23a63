"""playbooks/verify.yml on the whole site: nothing is broken, then what is broken by hand is named."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import shutil
import tempfile
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes
import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils.kube import certificates

from tests.e2e.site import PASSWORD_SECRETS, Region, Run, Site, eventually

MODELS = oci.core.models


def verify(region: Region, *arguments: str, playbook: str = "verify") -> Run:
    """Runs the playbook; it may end with what is broken."""
    aim = {"okestack_endpoints": {"default": region.endpoint, "local-2": f"http://{region.other_address}:14000"}}
    region.runs += 1
    command = [
        "ansible-playbook",
        "-i",
        "inventories/local",
        f"playbooks/{playbook}.yml",
        "-e",
        json.dumps(aim),
        *arguments,
    ]
    return Run(command, region.env, region.folder / f"run-{region.runs}.log")


@pytest.fixture(scope="module", autouse=True)
def spread_pods(site: Site, region: Region) -> None:
    """Where a node was lost before, the pods of it are on the others until the Deployment is rolled out again."""
    if len({pod.spec.node_name for pod in site.pods("crud", "crud")}) < 3:
        hands = Hands(site, region)
        again = {"kubectl.kubernetes.io/restartedAt": datetime.datetime.now(datetime.UTC).isoformat()}
        template = {"metadata": {"annotations": again}}
        hands.apps.patch_namespaced_deployment("crud", "crud", {"spec": {"template": template}})
        hands.rolled("crud", "crud")


def test_nothing_is_broken_and_nothing_is_changed(site: Site, region: Region) -> None:
    before = len(region.calls())
    run = verify(region).wait()
    assert run.recap()["changed"] == 0 and region.writes(before) == []
    assert "BROKEN" not in run.text and "unknown " not in run.text, run.end
    for hop in (
        "rules and routes", "etcd encryption", "nodes", "synced secrets", "secrets' contents", "spread",
        "database from a pod", "load balancer", "certificate", "application",
    ):  # fmt: skip
        assert f"ok      {hop} " in run.text, hop
    assert "over TLSv1.3; its certificate is checked" in run.text
    assert not [n for n in PASSWORD_SECRETS if site.password(n) in run.text]
    assert "a write, a read, a removal, a look that it is gone through https://" in run.text


def test_a_page_shows_what_runs(site: Site, region: Region, tmp_path: Path) -> None:
    """playbooks/report.yml; its page stays beside the test's other files."""
    before = len(region.calls())
    run = verify(region, "-e", f"report_directory={tmp_path}", playbook="report").wait()
    assert region.writes(before) == []
    page = (tmp_path / "okestack.html").read_text()
    ET.fromstring(page)
    shutil.copy(tmp_path / "okestack.html", Path(tempfile.gettempdir()) / "okestack-e2e-report.html")
    for words in ("load balancer", "FAULT-DOMAIN-3", "crud, ", "days", "Everything is as declared"):
        assert words in page, (words, run.end)
    assert "Not seen" not in page and not [n for n in PASSWORD_SECRETS if site.password(n) in page]


@pytest.mark.parametrize(
    ("variables", "hop", "what"),
    [
        ({"verify_certificate_days": 400}, "certificate", "the certificate for"),
        pytest.param(
            {"oke_virtual_pool_cluster_endpoint": "https://127.78.0.9:6443"},
            "Kubernetes API",
            "does not answer",
            marks=pytest.mark.whole,
        ),
        ({"oke_virtual_pool_size": 4}, "nodes", "3 of 4 nodes are there"),
    ],
)
def test_what_is_not_as_declared_is_named(site: Site, region: Region, variables: Any, hop: str, what: str) -> None:
    run = verify(region, "-e", json.dumps(variables)).fails()
    assert f"Broken is {hop}" in run.text and what in run.text, run.end


Broken = Iterator[None]
"""A breakage: made before the yield, mended behind it, by the API that made it or by the next run of the site."""


class Hands:
    """Whoever breaks a site: by the cloud's API, the cluster's and the database's own."""

    def __init__(self, site: Site, region: Region) -> None:
        self.site, self.region, self.where = site, region, region.compartment_id
        self.network = region.client(oci.core.VirtualNetworkClient)
        (self.vcn,) = self.network.list_vcns(self.where, display_name="okestack", lifecycle_state="AVAILABLE").data

    def group(self, name: str) -> str:
        """OCID of a network security group."""
        found = self.network.list_network_security_groups(compartment_id=self.where, vcn_id=self.vcn.id).data
        return str({row.display_name: row.id for row in found}[name])

    def close(self, group: str, **of: Any) -> None:
        """Removes a group's rules that have these values."""
        rules = self.network.list_network_security_group_security_rules(group).data
        ids = [r.id for r in rules if all(getattr(r, k) == v for k, v in of.items())]
        details = MODELS.RemoveNetworkSecurityGroupSecurityRulesDetails(security_rule_ids=ids)
        self.network.remove_network_security_group_security_rules(group, details)

    def open(self, group: str, **rule: Any) -> None:
        """Adds a rule to a group."""
        details = MODELS.AddNetworkSecurityGroupSecurityRulesDetails(
            security_rules=[MODELS.AddSecurityRuleDetails(**rule)]
        )
        self.network.add_network_security_group_security_rules(group, details)

    @property
    def apps(self) -> Any:
        return kubernetes.client.AppsV1Api(self.site.kubernetes())

    def scale(self, namespace: str, name: str, replicas: int) -> None:
        """And waits until as many pods are ready."""
        self.apps.patch_namespaced_deployment_scale(name, namespace, {"spec": {"replicas": replicas}})
        self.rolled(namespace, name)

    def rolled(self, namespace: str, name: str) -> None:
        """Waits until a Deployment's pods are all of its newest template, and ready."""

        def done() -> bool:
            one = self.apps.read_namespaced_deployment(name, namespace)
            status, wanted = one.status, one.spec.replicas
            new, all_, ready = (n or 0 for n in (status.updated_replicas, status.replicas, status.ready_replicas))
            return bool(status.observed_generation == one.metadata.generation and new == all_ == ready == wanted)

        eventually(done, f"{namespace}/{name} is rolled out", 180)

    def custom(self, kind: str, body: Any) -> None:
        """Patches an object of the secrets' operator in the application's namespace."""
        api = kubernetes.client.CustomObjectsApi(self.site.kubernetes())
        name = "vault" if kind == "secretstores" else "database"
        api.patch_namespaced_custom_object("external-secrets.io", "v1", "crud", kind, name, body)

    def ready(self, kind: str, wanted: str) -> None:
        """Waits until such an object says that it is Ready, or is not."""
        api = kubernetes.client.CustomObjectsApi(self.site.kubernetes())
        name = "vault" if kind == "secretstores" else "database"

        def said() -> bool:
            found = api.get_namespaced_custom_object("external-secrets.io", "v1", "crud", kind, name)
            rows = found.get("status", {}).get("conditions", [])
            return [row["status"] for row in rows if row["type"] == "Ready"] == [wanted]

        eventually(said, f"{kind} {name} is Ready: {wanted}", 120)


def rule_removed(hands: Hands) -> Broken:
    group = hands.group("mysql")
    rules = hands.network.list_network_security_group_security_rules(group).data
    hands.close(group)
    yield
    for rule in rules:
        hands.open(group, **{k: getattr(rule, k) for k in MODELS.AddSecurityRuleDetails().swagger_types})
    hands.rolled("crud", "crud")


def rule_too_wide(hands: Hands) -> Broken:
    group = hands.group("mysql")
    wide = {"direction": "INGRESS", "protocol": "all", "source": "0.0.0.0/0", "source_type": "CIDR_BLOCK"}
    hands.open(group, **wide)
    yield
    hands.close(group, source="0.0.0.0/0")


def route_removed(hands: Hands) -> Broken:
    tables = hands.network.list_route_tables(hands.where, vcn_id=hands.vcn.id).data
    (table,) = [row for row in tables if row.display_name == "private"]
    for rule in table.route_rules:
        rule.cidr_block = None  # the older word for the same, which only answers have
    hands.network.update_route_table(table.id, MODELS.UpdateRouteTableDetails(route_rules=[]))
    yield
    hands.network.update_route_table(table.id, MODELS.UpdateRouteTableDetails(route_rules=table.route_rules))


def policy_removed(hands: Hands) -> Broken:
    identity = hands.region.client(oci.identity.IdentityClient)
    (policy,) = [p for p in identity.list_policies(hands.where).data if p.name == "okestack-external-secrets-crud.crud"]
    identity.delete_policy(policy.id)
    yield
    models = oci.identity.models
    identity.create_policy(
        models.CreatePolicyDetails(
            compartment_id=hands.where, name=policy.name, description=policy.description,
            statements=policy.statements, freeform_tags=policy.freeform_tags,
        )
    )  # fmt: skip


def secret_going(hands: Hands) -> Broken:
    vaults, secret = hands.region.client(oci.vault.VaultsClient), hands.site.secret_id("mysql-admin")
    vaults.schedule_secret_deletion(secret, oci.vault.models.ScheduleSecretDeletionDetails())
    eventually(lambda: vaults.get_secret(secret).data.lifecycle_state == "PENDING_DELETION", "its date is set")
    yield
    vaults.cancel_secret_deletion(secret)
    eventually(lambda: vaults.get_secret(secret).data.lifecycle_state == "ACTIVE", "it is there again")


def key_disabled(hands: Hands) -> Broken:
    vaults = hands.region.client(oci.key_management.KmsVaultClient).list_vaults(hands.where).data
    (vault,) = [row for row in vaults if row.display_name == "okestack" and row.lifecycle_state == "ACTIVE"]
    keys = hands.region.client(oci.key_management.KmsManagementClient, vault.management_endpoint)
    (key,) = [row for row in keys.list_keys(hands.where).data if row.display_name == "okestack"]
    keys.disable_key(key.id)
    eventually(lambda: keys.get_key(key.id).data.lifecycle_state == "DISABLED", "the key is disabled")
    yield
    keys.enable_key(key.id)
    eventually(lambda: keys.get_key(key.id).data.lifecycle_state == "ENABLED", "the key is enabled")


def node_not_ready(hands: Hands) -> Broken:
    core = hands.site.core()
    name = core.list_node().items[0].metadata.name
    off = {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "its host has no power"}
    on = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "virtual node is ready"}
    over = threading.Event()

    def hold() -> None:  # against the node's own word, which comes every few seconds
        while not over.wait(0.2):
            core.patch_node_status(name, {"status": {"conditions": [off]}})

    core.patch_node_status(name, {"status": {"conditions": [off]}})
    holding = threading.Thread(target=hold, daemon=True)
    holding.start()
    yield
    over.set()
    holding.join(30)
    core.patch_node_status(name, {"status": {"conditions": [on]}})

    def ready() -> bool:
        rows = core.read_node(name).status.conditions
        return [row.status for row in rows if row.type == "Ready"] == ["True"]

    eventually(ready, "the node is Ready", 180)


def spread_lost(hands: Hands) -> Broken:
    before = hands.apps.read_namespaced_deployment("crud", "crud")
    node = hands.site.core().list_node().items[0].metadata.labels["kubernetes.io/hostname"]
    spec: dict[str, Any] = {"nodeSelector": {"kubernetes.io/hostname": node}, "topologySpreadConstraints": None}
    hands.apps.patch_namespaced_deployment("crud", "crud", {"spec": {"template": {"spec": spec}}})
    hands.rolled("crud", "crud")
    yield
    kept = hands.apps.api_client.sanitize_for_serialization(before.spec.template.spec.topology_spread_constraints)
    spec = {"nodeSelector": None, "topologySpreadConstraints": kept}
    hands.apps.patch_namespaced_deployment("crud", "crud", {"spec": {"template": {"spec": spec}}})
    hands.rolled("crud", "crud")


def operator_stopped(hands: Hands) -> Broken:
    hands.scale("external-secrets", "external-secrets", 0)
    yield
    hands.scale("external-secrets", "external-secrets", 1)


def store_of_another_vault(hands: Hands) -> Broken:
    api = kubernetes.client.CustomObjectsApi(hands.site.kubernetes())
    store = api.get_namespaced_custom_object("external-secrets.io", "v1", "crud", "secretstores", "vault")
    own = store["spec"]["provider"]["oracle"]["vault"]
    hands.custom("secretstores", {"spec": {"provider": {"oracle": {"vault": f"{own[:-8]}aaaaaaaa"}}}})
    hands.ready("externalsecrets", "False")
    yield
    hands.custom("secretstores", {"spec": {"provider": {"oracle": {"vault": own}}}})
    hands.ready("externalsecrets", "True")


def secret_behind_the_vault(hands: Hands) -> Broken:
    """A new version in the Vault, which nobody fetches."""
    vaults, secret = hands.region.client(oci.vault.VaultsClient), hands.site.secret_id("mysql-app")
    hands.custom("externalsecrets", {"spec": {"refreshInterval": "9h0m0s"}})
    api = kubernetes.client.CustomObjectsApi(hands.site.kubernetes())

    def heard() -> bool:  # else it is fetched once more
        found = api.get_namespaced_custom_object("external-secrets.io", "v1", "crud", "externalsecrets", "database")
        seen = str(found.get("status", {}).get("syncedResourceVersion"))
        return seen.startswith(f"{found['metadata']['generation']}-")

    eventually(heard, "the operator has heard of it")
    number = vaults.get_secret(secret).data.current_version_number
    details = oci.vault.models.UpdateSecretDetails
    context = vaults.get_secret(secret).data.secret_generation_context
    vaults.update_secret(secret, details(enable_auto_generation=True, secret_generation_context=context))
    eventually(lambda: vaults.get_secret(secret).data.current_version_number != number, "a new version")
    yield
    vaults.update_secret(secret, details(current_version_number=number))
    eventually(lambda: vaults.get_secret(secret).data.current_version_number == number, "the version before")
    hands.custom("externalsecrets", {"spec": {"refreshInterval": "5s"}})
    held = (("crud", "password"), ("crud-bootstrap", "app-password"))  # the other one may have fetched the new one
    core, password = hands.site.core(), hands.site.password("mysql-app")

    def fetched() -> bool:
        rows = [core.read_namespaced_secret("database", place).data[key] for place, key in held]
        return {base64.b64decode(row).decode() for row in rows} == {password}

    eventually(fetched, "both have the version before")


def external_secret_removed(hands: Hands) -> Broken:
    api = kubernetes.client.CustomObjectsApi(hands.site.kubernetes())
    at = ("external-secrets.io", "v1", "crud-bootstrap", "externalsecrets")
    one = api.get_namespaced_custom_object(*at, "database")
    api.delete_namespaced_custom_object(*at, "database")
    yield
    one["metadata"] = {k: v for k, v in one["metadata"].items() if k in ("name", "namespace", "labels", "annotations")}
    api.create_namespaced_custom_object(*at, one)
    eventually(lambda: hands.site.core().read_namespaced_secret("database", "crud-bootstrap"), "its Secret is there")


def application_scaled_to_nothing(hands: Hands) -> Broken:
    hands.scale("crud", "crud", 0)
    yield
    hands.scale("crud", "crud", 3)


def password_changed_in_the_database(hands: Hands) -> Broken:
    """Connections that are there go on; nobody makes a new one."""
    (user,) = {
        e.value for p in hands.site.pods("crud", "crud") for e in p.spec.containers[0].env if e.name == "DB_USER"
    }
    hands.site.sql(f"ALTER USER '{user}'@'%' IDENTIFIED BY 'of-somebody-else-1'")
    yield
    hands.site.sql(f"ALTER USER '{user}'@'%' IDENTIFIED BY '{hands.site.password('mysql-app')}'")


def authority_of_another_database(hands: Hands) -> Broken:
    """New pods trust another authority than that of the database's certificate."""
    core = hands.site.core()
    own = core.read_namespaced_config_map("crud-database-ca", "crud").data["ca.pem"]
    other, _key = certificates.make(
        certificates.Wanted(("else.example",), (), 10, 1), datetime.datetime.now(datetime.UTC)
    )
    core.patch_namespaced_config_map("crud-database-ca", "crud", {"data": {"ca.pem": other}})
    yield
    core.patch_namespaced_config_map("crud-database-ca", "crud", {"data": {"ca.pem": own}})


def backends_not_healthy(hands: Hands) -> Broken:
    """The load balancer asks for its backends' health where nobody answers."""
    client, models = hands.region.client(oci.load_balancer.LoadBalancerClient), oci.load_balancer.models
    (balancer,) = [row for row in client.list_load_balancers(hands.where).data if row.lifecycle_state == "ACTIVE"]
    sets = {name: one.health_checker for name, one in balancer.backend_sets.items()}

    def ask(port: int | None) -> None:
        for name, one in sets.items():
            details = models.UpdateHealthCheckerDetails()
            kept = {field: getattr(one, field) for field in details.swagger_types}
            details = models.UpdateHealthCheckerDetails(**{**kept, "port": port or one.port})
            client.update_health_checker(details, balancer.id, name)
            eventually(lambda: client.get_load_balancer(balancer.id).data.lifecycle_state == "ACTIVE", "it is changed")

    def states() -> set[str]:
        return {client.get_backend_set_health(balancer.id, name).data.status for name in sets}

    ask(9)
    eventually(lambda: states() == {"CRITICAL"}, "no backend is healthy", 600)
    yield
    ask(None)
    eventually(lambda: states() == {"OK"}, "all backends are healthy", 180)


def certificate_at_its_end(hands: Hands) -> Broken:
    core = hands.site.core()
    own = core.read_namespaced_secret("tls", "ingress").data
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=40)
    old, key = certificates.make(certificates.Wanted(("shop.example",), (), 30, 1), long_ago)

    def show(data: dict[str, str]) -> None:
        core.patch_namespaced_secret("tls", "ingress", {"data": data})
        mark = {"spec": {"template": {"metadata": {"annotations": {"shows": data["tls.crt"][-16:]}}}}}
        hands.apps.patch_namespaced_deployment("traefik", "ingress", mark)
        hands.rolled("ingress", "traefik")

    show({k: base64.b64encode(v.encode()).decode() for k, v in (("tls.crt", old), ("tls.key", key))})
    yield
    show(own)


def ingress_removed(hands: Hands) -> Broken:
    api = kubernetes.client.NetworkingV1Api(hands.site.kubernetes())
    one = api.read_namespaced_ingress("crud", "crud")
    api.delete_namespaced_ingress("crud", "crud")
    with hands.site.http as http:
        eventually(lambda: http.get("/healthz").status_code == 404, "nobody answers for the application")
    yield
    one.metadata = kubernetes.client.V1ObjectMeta(
        name="crud", namespace="crud", labels=one.metadata.labels, annotations=one.metadata.annotations
    )
    api.create_namespaced_ingress("crud", one)
    with hands.site.http as http:
        eventually(lambda: http.get("/healthz").status_code == 200, "the application answers")


BREAKAGES: dict[Callable[[Hands], Broken], tuple[str, str]] = {
    rule_removed: ("rules and routes", "pods to database, tcp 3306,33060 (application to database) is blocked"),
    rule_too_wide: (
        "rules and routes",
        "pods to database, tcp 1-3305,3307-33059,33061-65535 should be closed",
    ),
    route_removed: ("rules and routes", "pods to Oracle services"),
    secret_going: ("secrets", "is PENDING_DELETION"),
    key_disabled: ("vault's key", "is DISABLED"),
    policy_removed: ("policies", "there is no policy okestack-external-secrets-crud.crud"),
    node_not_ready: ("nodes", "is not Ready: its host has no power"),
    operator_stopped: ("secrets operator", "0 of 0 pods of external-secrets/external-secrets"),
    store_of_another_vault: ("synced secrets", "ExternalSecret crud/database is not Ready"),
    external_secret_removed: ("synced secrets", "there is no ExternalSecret crud-bootstrap/database"),
    secret_behind_the_vault: ("secrets' contents", "password of crud/database is not what version"),
    application_scaled_to_nothing: ("ingress controller and application", "0 of 0 pods of crud/crud"),
    spread_lost: ("spread", "3 pods are on 1 of 3 nodes"),
    password_changed_in_the_database: ("database from a pod", "Access denied for user"),
    authority_of_another_database: ("database from a pod", "CERTIFICATE_VERIFY_FAILED"),
    backends_not_healthy: ("load balancer", "is CRITICAL with"),
    certificate_at_its_end: ("certificate", "in -1"),
    ingress_removed: ("application", "a write through https://"),
}


@pytest.fixture(scope="module")
def hands(site: Site, region: Region) -> Hands:
    return Hands(site, region)


LONG = {
    route_removed, rule_too_wide, policy_removed, key_disabled, store_of_another_vault, external_secret_removed,
    application_scaled_to_nothing, spread_lost, authority_of_another_database, certificate_at_its_end,
}  # fmt: skip
"""Of hops that another one breaks too: with --whole."""


@pytest.mark.parametrize(
    "breakage",
    [pytest.param(one, marks=[pytest.mark.whole] if one in LONG else [], id=one.__name__) for one in BREAKAGES],
)
def test_what_is_broken_by_hand_is_named(hands: Hands, breakage: Callable[[Hands], Broken]) -> None:
    hop, what = BREAKAGES[breakage]
    with contextlib.contextmanager(breakage)(hands):
        run = verify(hands.region).fails()
    assert f"Broken is {hop}" in run.text and what in run.text, run.end


@pytest.mark.whole
def test_the_site_repairs_what_is_left_of_it(hands: Hands) -> None:
    """Of what was not mended by hand, and of the internet gateway: nothing of the site is reached from outside then."""
    network = hands.network
    (gateway,) = network.list_internet_gateways(hands.where, vcn_id=hands.vcn.id).data
    network.update_internet_gateway(gateway.id, MODELS.UpdateInternetGatewayDetails(is_enabled=False))
    text = verify(hands.region).fails().text
    assert "is disabled" in text and "ok      Kubernetes API " not in text
    hands.region.playbook().wait()
    verify(hands.region).wait()
