# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifests of the roles external_secrets and app_ingress: virtual nodes run them, the server takes them, and the
real Traefik routes by them with no more rights than they give it."""

from __future__ import annotations

import datetime
import http.client
import os
import signal
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.kube import certificates
from ansible_collections.okestack.oci.plugins.module_utils.kube.apply import Applier, Options
from ansible_collections.okestack.oci.plugins.module_utils.kube.chart import Chart, render
from ansible_collections.okestack.oci.plugins.module_utils.kube.client import Client
from ansible_collections.okestack.oci.plugins.module_utils.kube.lint import lint
from ansible_collections.okestack.oci.plugins.module_utils.kube.objects import Item, items_of, parse_documents
from ansible_collections.okestack.oci.plugins.module_utils.model import placeholder

from tests.integration.kube.control_plane import ADDRESS, free_port
from tests.programs import program

ROLES = Path(__file__).parents[3] / "roles"
FACTS: dict[str, Any] = {
    "okestack_compartment_id": "ocid1.compartment.oc1..c",
    "okestack_deployment": "local",
    "okestack_region": "r-1",
    "cluster": {"id": "ocid1.cluster.oc1..k", "access": {"cluster_id": "ocid1.cluster.oc1..k"}},
    "vault": {
        "id": "ocid1.vault.oc1..v",
        "compartment_id": "ocid1.compartment.oc1..c",
        "secret_names": {"mysql-app": "local-mysql-app", "mysql-admin": "local-mysql-admin"},
        "secret_versions": {"local-mysql-app": 3, "local-mysql-admin": 1},
    },
    "mysql": {"ip_address": "10.0.2.5", "port": 3306, "admin_username": "admin"},
    "network": {
        "subnets": {"lb": {"id": "ocid1.subnet.oc1..l"}},
        "network_security_groups": {"lb": {"id": "ocid1.networksecuritygroup.oc1..l"}},
    },
    "app_ingress_image": "r.example/crud:1",
    "app_ingress_ingresses": {"resources": []},
}
PLANNED: dict[str, Any] = {
    "okestack_compartment_id": "ocid1.compartment.oc1..c",
    "okestack_deployment": "local",
    "okestack_region": "r-1",
    "cluster": {
        "id": placeholder("oke_cluster", "local", "id"),
        "access": {"cluster_id": placeholder("oke_cluster", "local", "id")},
    },
    "vault": {
        "id": placeholder("vault", "local", "id"),
        "compartment_id": "ocid1.compartment.oc1..c",
        "secret_names": {"mysql-app": "local-mysql-app", "mysql-admin": "local-mysql-admin"},
    },
    "mysql": {
        "ip_address": placeholder("mysql_db_system", "local", "ip_address"),
        "port": placeholder("mysql_db_system", "local", "port"),
        "admin_username": "admin",
    },
    "network": {
        "subnets": {"lb": {"id": placeholder("subnet", "lb", "id")}},
        "network_security_groups": {"lb": {"id": placeholder("network_security_group", "lb", "id")}},
    },
    "app_ingress_image": "r.example/crud:1",
    "app_ingress_ingresses": {"resources": []},
}
FULL = {
    "app_ingress_registry_server": "r.example",
    "app_ingress_database_ca": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n",
    "app_ingress_autoscaling": {"min": 2, "max": 5},
    "app_ingress_host": "shop.example",
    "app_ingress_extra_env": [{"name": "X", "value": "y"}],
    "app_ingress_tolerations": [{"operator": "Exists"}],
    "app_ingress_load_balancer_internal": True,
    "external_secrets_trusted_certificates": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n",
}


def template(role: str, name: str, **variables: Any) -> Any:
    """A template of a role, or one of its variables, as Ansible renders it with the role's own defaults."""
    known: dict[str, Any] = {}
    for part in ("defaults", "vars"):
        file = ROLES / role / part / "main.yml"
        known.update(yaml.safe_load(file.read_text()) if file.exists() else {})
    known.update(variables)
    templar = Templar(loader=DataLoader(), variables=_trusted(known))
    if not name.endswith(".j2"):
        return templar.template(trust_as_template("{{ " + name + " }}"))
    return str(templar.template(trust_as_template((ROLES / role / "templates" / name).read_text())))


def _trusted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _trusted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_trusted(inner) for inner in value]
    return trust_as_template(value) if isinstance(value, str) else value


def objects(role: str, *names: str, **variables: Any) -> list[Item]:
    found: list[Item] = []
    for name in names:
        found += items_of(parse_documents(template(role, name, **variables), name), name)
    return found


APP = ("service.yml.j2", "controller.yml.j2", "bootstrap.yml.j2", "app.yml.j2")


@pytest.mark.parametrize("variables", [FACTS, {**FACTS, **FULL}, PLANNED], ids=["least", "everything", "planned"])
def test_virtual_nodes_run_the_application(variables: dict[str, Any]) -> None:
    items = objects("app_ingress", *APP, **variables)
    assert lint([item.manifest for item in items]) == []
    kinds = {item.key.kind for item in items}
    wanted = {"Deployment", "Job", "Service", "Ingress", "PodDisruptionBudget", "IngressClass", "Role"}
    assert kinds >= wanted
    for item in items:
        if item.key.kind in ("Deployment", "Job"):
            for container in item.manifest["spec"]["template"]["spec"]["containers"]:
                assert container["resources"]["requests"] == container["resources"]["limits"]


@pytest.mark.parametrize("variables", [FACTS, {**FACTS, **FULL}], ids=["least", "everything"])
def test_the_server_takes_the_application(client: Client, variables: dict[str, Any]) -> None:
    items = objects("app_ingress", *APP, **variables)
    options = Options(check_mode=True, create_namespaces=True, owner="local.all")
    changes = Applier(client, options, lambda line: None).present(items)
    assert {change.action for change in changes} <= {"create", "none"}
    assert len(changes) > len(items)


def operator_objects(values: dict[str, Any]) -> list[Item]:
    """The operator's own chart, rendered with some values."""
    helm = str(program("helm"))  # built with the chart
    charts = Path(os.environ.get("OKESTACK_CACHE") or "~/.cache/okestack").expanduser() / "charts"
    archive = sorted(charts.glob("external-secrets-*.tgz"))[-1]
    return render(Chart(str(archive), "external-secrets", "external-secrets", values=values), helm)


@pytest.mark.programs
@pytest.mark.parametrize("variables", [FACTS, {**FACTS, **FULL}, PLANNED], ids=["least", "everything", "planned"])
def test_virtual_nodes_run_the_operator_as_the_role_fits_it_and_its_stores(variables: dict[str, Any]) -> None:
    values = template("external_secrets", "external_secrets_fitted_values", **variables)
    own = objects("external_secrets", "namespace.yml.j2", "stores.yml.j2", **variables)
    assert lint([item.manifest for item in [*operator_objects(values), *own]]) == []


@pytest.mark.programs
def test_virtual_nodes_do_not_run_the_operator_as_it_comes() -> None:
    found = lint([item.manifest for item in operator_objects({})])
    paths = {problem.path for problem in found}
    assert paths == {"spec.template.spec.containers[0].securityContext.seccompProfile"}
    assert {problem.object.rpartition("/")[2] for problem in found} == {
        "external-secrets",
        "external-secrets-cert-controller",
        "external-secrets-webhook",
    }


def test_operator_and_stores(client: Client) -> None:
    variables = {**FACTS, **FULL}
    operator = operator_objects(template("external_secrets", "external_secrets_fitted_values", **variables))
    assert lint([item.manifest for item in operator]) == []
    assert [item.key.name for item in operator if item.key.kind == "Deployment"] == ["external-secrets"]
    definitions = [item for item in operator if item.key.kind == "CustomResourceDefinition"]
    deployment = next(item.manifest for item in operator if item.key.kind == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert {"name": "SSL_CERT_FILE", "value": "/etc/okestack/trusted.pem"} in container["env"]
    items = [
        *objects("external_secrets", "namespace.yml.j2", **variables),
        *operator,
        *objects("external_secrets", "stores.yml.j2", **variables),
    ]
    options = Options(wait=False, create_namespaces=True, namespace="external-secrets")
    first = Applier(client, options, lambda line: None).present(items)
    assert {change.action for change in first} == {"create"}
    began = time.monotonic()
    again = Applier(client, options, lambda line: None).present(items)
    assert {change.action for change in again} == {"none"}
    assert len(definitions) > 10 and time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("given", "places"),
    [({}, {"crud", "crud-bootstrap"}), ({"app_ingress_namespace": "shop"}, {"shop", "crud-bootstrap"})],
)
def test_the_applications_secrets_are_brought_where_it_is(given: dict[str, Any], places: set[str]) -> None:
    items = objects("external_secrets", "stores.yml.j2", **FACTS, **given)
    assert {item.key.namespace for item in items if item.key.kind == "ExternalSecret"} == places


def test_what_is_the_clusters_has_the_deployments_name() -> None:
    items = objects("app_ingress", "controller.yml.j2", **FACTS)
    assert {i.key.name for i in items if i.key.kind.startswith("ClusterRole")} == {"local-traefik"}


@pytest.mark.parametrize(("facts", "marks"), [(FACTS, ["3", "1,3"]), (PLANNED, ["", ","])])
def test_a_new_version_in_the_vault_changes_the_external_secret(facts: dict[str, Any], marks: list[str]) -> None:
    items = objects("external_secrets", "stores.yml.j2", **facts)
    found = [item.manifest["metadata"]["annotations"] for item in items if item.key.kind == "ExternalSecret"]
    assert [row["okestack.oci/versions"] for row in found] == marks


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5s"), (60, "1m0s"), (90, "1m30s"), (3600, "1h0m0s"), (7325, "2h2m5s")]
)
def test_interval_in_the_form_that_the_operator_writes(seconds: int, text: str) -> None:
    items = objects("external_secrets", "stores.yml.j2", **FACTS, external_secrets_refresh_seconds=seconds)
    found = {item.manifest["spec"]["refreshInterval"] for item in items if item.key.kind == "ExternalSecret"}
    assert found == {text}


def test_statements_name_workload_and_secret() -> None:
    rows = yaml.safe_load(template("external_secrets", "statements.yml.j2", **FACTS))
    who = (
        "request.principal.type='workload', request.principal.cluster_id='ocid1.cluster.oc1..k', "
        "request.principal.namespace='crud', request.principal.service_account='crud-secrets'"
    )
    assert rows[:2] == [
        "Allow any-user to read vaults in compartment id ocid1.compartment.oc1..c where all "
        "{" + who + ", target.vault.id='ocid1.vault.oc1..v'}",
        "Allow any-user to read secret-bundles in compartment id ocid1.compartment.oc1..c where all "
        "{" + who + ", target.secret.name='local-mysql-app'}",
    ]
    assert len(rows) == 5 and not any("mysql-admin" in row for row in rows if "'crud'" in row)


def test_traefik_routes_with_the_rights_it_is_given(client: Client, tmp_path: Path) -> None:
    """No pods run here: the route is there when its answer is a 503, not a 404."""
    traefik = str(program("traefik"))
    items = objects("app_ingress", "service.yml.j2", "controller.yml.j2", "app.yml.j2", **FACTS)
    Applier(client, Options(wait=False, create_namespaces=True), lambda line: None).present(items)
    address = "10.9.9.9"
    path = "/api/v1/namespaces/ingress/services/traefik/status"
    body = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
    client.request("PATCH", path, body=body, content_type="application/merge-patch+json")

    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    account = "/api/v1/namespaces/ingress/serviceaccounts/traefik/token"
    token = client.request("POST", account, body=request)["status"]["token"]
    wanted = certificates.Wanted((), (ADDRESS,), 10, 1)
    certificate, key = certificates.make(wanted, datetime.datetime.now(datetime.UTC))
    for name, text in (
        ("token", token),
        ("ca.pem", client.connection.ca or ""),
        ("tls.crt", certificate),
        ("tls.key", key),
    ):
        (tmp_path / name).write_text(text)
    config = next(item.manifest for item in items if item.key.kind == "ConfigMap" and item.key.name == "traefik")
    (tmp_path / "tls.yml").write_text(config["data"]["tls.yml"].replace("/etc/traefik/tls", str(tmp_path)))
    deployment = next(
        item.manifest for item in items if item.key.kind == "Deployment" and item.key.namespace == "ingress"
    )
    web, secure, ping = free_port(), free_port(), free_port()
    arguments = []
    for argument in deployment["spec"]["template"]["spec"]["containers"][0]["args"]:
        argument = argument.replace("=:8000", f"={ADDRESS}:{web}").replace("=:8443", f"={ADDRESS}:{secure}")
        argument = argument.replace("=:8082", f"={ADDRESS}:{ping}").replace("/etc/traefik/config", str(tmp_path))
        arguments.append(argument)
    provider = "--providers.kubernetesingress"
    arguments += [
        f"{provider}.allowemptyservices=true",
        f"{provider}.endpoint={client.connection.server}",
        f"{provider}.token={tmp_path}/token",
        f"{provider}.certauthfilepath={tmp_path}/ca.pem",
    ]
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen([traefik, *arguments], stdout=log, stderr=log, start_new_session=True, cwd=tmp_path)
    try:
        trust = ssl.create_default_context(cadata=certificate)
        deadline = time.monotonic() + 60
        while True:
            try:
                connection = http.client.HTTPSConnection(ADDRESS, secure, context=trust, timeout=5)
                connection.request("GET", "/api/items")
                answer = connection.getresponse()
                text = answer.read().decode()
                if answer.status == 503:
                    break
            except OSError as error:
                text = str(error)
            if time.monotonic() > deadline:
                pytest.fail(text + (tmp_path / "log").read_text()[-3000:])
            time.sleep(0.3)
        plain = http.client.HTTPConnection(ADDRESS, web, timeout=5)
        plain.request("GET", "/x", headers={"Host": "shop.example"})
        moved = plain.getresponse()
        assert (moved.status, moved.getheader("Location")) == (301, "https://shop.example/x")
        probe = http.client.HTTPConnection(ADDRESS, ping, timeout=5)
        probe.request("GET", "/ping")
        assert probe.getresponse().status == 200

        # The Ingress shows the load balancer's address, which waits go by.
        ingress = client.resource("networking.k8s.io/v1", "Ingress")
        while time.monotonic() < deadline:
            live = client.get(ingress, "crud", "crud") or {}
            if (live.get("status") or {}).get("loadBalancer"):
                break
            time.sleep(0.5)
        assert live["status"]["loadBalancer"] == {"ingress": [{"ip": address}]}
        said = (tmp_path / "log").read_text()
        assert "forbidden" not in said.lower(), said
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


# What follows has owners; what came before has none, and would not be let through after it.
SHOP = {**FACTS, "app_ingress_name": "shop", "app_ingress_namespace": "shop", "app_ingress_host": "shop.example"}


def keep(client: Client, facts: dict[str, Any], name: str, owner: str) -> list[str]:
    """What keeping one of the role's sets does, as its task does it."""
    owner = template("app_ingress", owner, **facts) if owner.startswith("app_ingress_") else f"local.{owner}"
    options = Options(wait=False, create_namespaces=True, prune=name != "service.yml.j2", owner=owner)
    changes = Applier(client, options, lambda line: None).present(objects("app_ingress", name, **facts))
    return [f"{change.action} {change.key}" for change in changes if change.action != "none"]


def others(client: Client, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts with what the role finds of other applications."""
    owner = template("app_ingress", "app_ingress_owner", **facts)
    rows = client.list(
        client.resource("networking.k8s.io/v1", "Ingress"),
        label_selector=f"okestack.oci/owner,okestack.oci/owner!={owner}",
    )
    return {**facts, "app_ingress_ingresses": {"resources": rows}}


def test_a_second_application_stands_beside_the_first(client: Client) -> None:
    ways = (("controller.yml.j2", "app_ingress_controller_owner"), ("app.yml.j2", "app_ingress_owner"))
    for facts in (FACTS, SHOP):
        for name, owner in ways:
            keep(client, others(client, facts), name, owner)
    for facts, other, hosts in ((FACTS, ["shop"], ["shop.example"]), (SHOP, ["crud"], [""])):
        found = others(client, facts)
        for name, owner in ways:
            assert keep(client, found, name, owner) == []
        rows = template("app_ingress", "app_ingress_others", **found)
        assert [row["metadata"]["name"] for row in rows] == other
        assert template("app_ingress", "app_ingress_taken_hosts", **found) == hosts
    traefik = client.get(client.resource("apps/v1", "Deployment"), "ingress", "traefik")
    assert traefik
    (container,) = traefik["spec"]["template"]["spec"]["containers"]
    assert "--providers.kubernetesingress.namespaces=ingress,crud,shop" in container["args"]
    ingress = client.get(client.resource("networking.k8s.io/v1", "Ingress"), "shop", "shop")
    assert ingress and ingress["spec"]["tls"] == [{"hosts": ["shop.example"], "secretName": "shop-tls"}]


def test_a_second_controller_needs_a_class_of_its_own_and_a_second_deployment_takes_nothing(client: Client) -> None:
    name, owner = "controller.yml.j2", "app_ingress_controller_owner"
    keep(client, others(client, FACTS), name, owner)
    apart = {**FACTS, "app_ingress_controller_namespace": "ingress-shop"}
    with pytest.raises(KubeError, match=r"IngressClass traefik belongs to local\.ingress\.ingress"):
        keep(client, others(client, apart), name, owner)
    apart["app_ingress_class"] = "shop"
    made = keep(client, others(client, apart), name, owner)
    assert "create IngressClass shop" in made and "create ClusterRole local-shop" in made
    assert not any(line.startswith("delete") for line in made)
    assert keep(client, others(client, FACTS), name, owner) == []
    keep(client, FACTS, "service.yml.j2", "load-balancer")
    second = {**FACTS, "app_ingress_deployment": "second"}
    with pytest.raises(KubeError, match=r"IngressClass traefik belongs to local\.ingress\.ingress"):
        keep(client, others(client, second), name, owner)
    options = Options(wait=False, owner="second.load-balancer")
    with pytest.raises(KubeError, match=r"Namespace ingress belongs to local\.load-balancer"):
        Applier(client, options, lambda line: None).present(objects("app_ingress", "service.yml.j2", **second))


@pytest.mark.parametrize("owner", ["app_ingress_owner", "app_ingress_controller_owner"])
def test_an_owner_fits_into_a_label_and_is_one_s_own(owner: str) -> None:
    found = set()
    for place in ("crud", "n" * 63, "n" * 62 + "m"):
        given = {"app_ingress_namespace": place, "app_ingress_controller_namespace": place}
        found.add(template("app_ingress", owner, **{**FACTS, "app_ingress_deployment": "d" * 40, **given}))
    assert len(found) == 3 and all(len(text) <= 63 for text in found)
