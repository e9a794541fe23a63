# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifests of the roles external_secrets and app_ingress: virtual nodes run them, the server takes them, and the
real Traefik routes by them with no more rights than they give it."""

from __future__ import annotations

import datetime
import http.client
import json
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
from ansible_collections.okestack.oci.plugins.module_utils.kube.apply import Applier
from ansible_collections.okestack.oci.plugins.module_utils.kube.changes import Options
from ansible_collections.okestack.oci.plugins.module_utils.kube.chart import Chart, render
from ansible_collections.okestack.oci.plugins.module_utils.kube.client import Client
from ansible_collections.okestack.oci.plugins.module_utils.kube.lint import lint
from ansible_collections.okestack.oci.plugins.module_utils.kube.objects import Item, items_of, parse_documents
from ansible_collections.okestack.oci.plugins.module_utils.model import placeholder

from tests.integration.kube.control_plane import ADDRESS, free_port
from tests.integration.modules.playbook import ansible
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
    "app_ingress_controller_autoscaling": {"max": 4, "cpu_percent": 50, "down_after_seconds": 60},
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


EXAMPLE = ("app.yml.j2", "ingress.yml.j2")
APP = ("metrics_server.yml.j2", "service.yml.j2", "controller.yml.j2", "bootstrap.yml.j2", *EXAMPLE)


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
    archive, helm = chart_and_helm()
    return render(Chart(archive, "external-secrets", "external-secrets", values=values), helm)


def chart_and_helm() -> tuple[str, str]:
    """The operator's chart as it was built, and the program that renders it."""
    helm = str(program("helm"))  # built with the chart
    charts = Path(os.environ.get("OKESTACK_CACHE") or "~/.cache/okestack").expanduser() / "charts"
    return str(sorted(charts.glob("external-secrets-*.tgz"))[-1]), helm


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
    [
        ({}, {"crud", "crud-bootstrap"}),
        ({"app_ingress_namespace": "shop"}, {"shop", "crud-bootstrap"}),
        ({"app_ingress_name": "shop"}, {"crud", "shop-bootstrap"}),
        ({"app_ingress_bootstrap_namespace": "jobs"}, {"crud", "jobs"}),
    ],
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
    items = objects("app_ingress", "service.yml.j2", "controller.yml.j2", *EXAMPLE, **FACTS)
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
    names = EXAMPLE if name == "app.yml.j2" else (name,)
    owner = template("app_ingress", owner, **facts) if owner.startswith("app_ingress_") else f"local.{owner}"
    options = Options(wait=False, create_namespaces=True, prune=name != "service.yml.j2", owner=owner)
    changes = Applier(client, options, lambda line: None).present(objects("app_ingress", *names, **facts))
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


@pytest.mark.parametrize(
    ("role", "owner", "longest"),
    [
        ("app_ingress", "app_ingress_owner", 63),
        ("app_ingress", "app_ingress_controller_owner", 63),
        ("external_secrets", "external_secrets_owner", 63),
        ("external_secrets", "external_secrets_policy_name", 100),
    ],
)
def test_an_owner_fits_into_a_label_and_is_one_s_own(role: str, owner: str, longest: int) -> None:
    found = set()
    for place in ("crud", "n" * 63, "n" * 62 + "m"):
        given = {"app_ingress_namespace": place, "app_ingress_controller_namespace": place}
        found.add(template(role, owner, **{**FACTS, "okestack_deployment": "d" * 40, **given}))
    assert len(found) == 3 and all(len(text) <= longest for text in found)


TWO: dict[str, dict[str, Any]] = {
    "crud": FACTS,
    "shop": {
        **SHOP,
        "external_secrets_database_secret": "mysql-shop",
        "vault": {
            **FACTS["vault"],
            "secret_names": {"mysql-admin": "local-mysql-admin", "mysql-shop": "local-mysql-shop"},
        },
    },
}


def keep_stores(client: Client, facts: dict[str, Any]) -> list[str]:
    """What keeping an application's stores does, as the role's task does it."""
    owner = template("external_secrets", "external_secrets_owner", **facts)
    options = Options(wait=False, create_namespaces=True, prune=True, owner=owner)
    changes = Applier(client, options, lambda line: None).present(objects("external_secrets", "stores.yml.j2", **facts))
    return [change.action for change in changes if change.action != "none"]


def test_two_applications_have_stores_and_grants_of_their_own() -> None:
    policies = {
        name: template("external_secrets", "external_secrets_policy_name", **facts) for name, facts in TWO.items()
    }
    assert policies == {"crud": "local-external-secrets-crud.crud", "shop": "local-external-secrets-shop.shop"}
    for name, other in (("crud", "shop"), ("shop", "crud")):
        rows = yaml.safe_load(template("external_secrets", "statements.yml.j2", **TWO[name]))
        named = "mysql-app" if name == "crud" else "mysql-shop"
        assert sum(f"local-{named}'" in row for row in rows) == 2
        assert not any(f"service_account='{other}" in row or f"namespace='{other}" in row for row in rows)


AUTHORITY = str(FULL["app_ingress_database_ca"])


@pytest.mark.parametrize(
    ("ca", "checked"),
    [("", False), (None, False), (AUTHORITY, True), (AUTHORITY * 2, True)],
    ids=["none", "null", "its authority's, or its own", "a chain"],
)
def test_what_is_not_checked_of_the_database_is_said(ca: str | None, checked: bool, tmp_path: Path) -> None:
    """The line appears exactly where neither bootstrap nor application checks the server's certificate."""
    tasks = yaml.safe_load((ROLES / "app_ingress/tasks/ready.yml").read_text())
    task = next(one for one in tasks if one["name"] == "Say what is not checked")
    defaults = yaml.safe_load((ROLES / "app_ingress/defaults/main.yml").read_text())
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task],
            "vars": {**defaults, **FACTS, "app_ingress_database_ca": ca}}  # fmt: skip
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    done = ansible("ansible-playbook", "-i", "localhost,", str(tmp_path / "play.yml"))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    said = "certificate is not checked" in done.stdout
    assert said is not checked
    if said:
        assert FACTS["mysql"]["ip_address"] in done.stdout and "app_ingress_database_ca" in done.stdout
    for name in ("bootstrap.yml.j2", "app.yml.j2"):
        made = objects("app_ingress", name, **{**FACTS, "app_ingress_database_ca": ca})
        assert ("ca.pem" in json.dumps([item.manifest for item in made])) is checked, name


@pytest.mark.parametrize(
    ("inventory", "checked"), [("dev", False), ("staging", False), ("prod", False), ("local", True)]
)
def test_which_inventories_check_the_databases_certificate(inventory: str, checked: bool) -> None:
    """Nobody knows a tenancy's authority before the database is there: its inventories begin without."""
    folder = ROLES.parent / "inventories" / inventory / "group_vars/all"
    known = {name for path in folder.glob("*.yml") for name in yaml.safe_load(path.read_text()) or {}}
    assert ("app_ingress_database_ca" in known) is checked


def removed(kubeconfig: Path, folder: Path, facts: dict[str, Any]) -> None:
    """The role's own tasks that take it out of a cluster, played."""
    role = ROLES / "external_secrets"
    tasks = yaml.safe_load((role / "tasks/absent_from_cluster.yml").read_text())
    for task in tasks:
        module = next(name for name in task if name.startswith("okestack."))
        del task[module]["access"]
        task[module]["kubeconfig"] = str(kubeconfig)
        if module == "okestack.oci.kubernetes_manifest":
            task[module]["wait"] = False  # no garbage collector runs here
    archive, helm = chart_and_helm()
    variables = {
        **yaml.safe_load((role / "defaults/main.yml").read_text()),
        **yaml.safe_load((role / "vars/main.yml").read_text()),
        **{name: value for name, value in facts.items() if name != "vault"},
        "external_secrets_chart": archive,
        "external_secrets_chart_repo": "",
        "external_secrets_chart_version": "",
        "external_secrets_helm_path": helm,
    }
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": tasks}
    (folder / "templates").unlink(missing_ok=True)
    (folder / "templates").symlink_to(role / "templates")
    (folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    done = ansible("ansible-playbook", "-i", "localhost,", str(folder / "play.yml"))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


def test_the_stores_of_one_go_and_those_of_the_other_stay_and_the_definitions_always(
    client: Client, kubeconfig: Path, tmp_path: Path
) -> None:
    values = template("external_secrets", "external_secrets_fitted_values", **FACTS)
    operator = [*objects("external_secrets", "namespace.yml.j2", **FACTS), *operator_objects(values)]
    options = Options(wait=False, namespace="external-secrets", owner="local.external-secrets", prune=True)
    Applier(client, options, lambda line: None).present(operator)
    for facts in TWO.values():
        keep_stores(client, facts)
    for facts in TWO.values():
        assert keep_stores(client, facts) == []

    def there(kind: str, version: str = "external-secrets.io/v1") -> set[str]:
        rows = client.list(client.resource(version, kind), label_selector="okestack.oci/owner")
        return {row["metadata"]["namespace"] for row in rows if "deletionTimestamp" not in row["metadata"]}

    def deployment() -> Any:
        found = client.get(client.resource("apps/v1", "Deployment"), "external-secrets", "external-secrets")
        return found and "deletionTimestamp" not in found["metadata"]

    first = {"crud", "crud-bootstrap"}
    both = {*first, "shop", "shop-bootstrap"}
    assert there("SecretStore") == there("ExternalSecret") == both and both <= there("ServiceAccount", "v1")
    removed(kubeconfig, tmp_path, TWO["shop"])
    assert there("SecretStore") == there("ExternalSecret") == first and deployment()
    assert keep_stores(client, FACTS) == []
    removed(kubeconfig, tmp_path, FACTS)
    assert there("SecretStore") == there("ExternalSecret") == set() and not deployment()
    definitions = {item.key.name for item in operator if item.key.kind == "CustomResourceDefinition"}
    rows = client.list(client.resource("apiextensions.k8s.io/v1", "CustomResourceDefinition"))
    assert len(definitions) > 10 and definitions <= {row["metadata"]["name"] for row in rows}
    removed(kubeconfig, tmp_path, FACTS)
