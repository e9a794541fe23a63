"""A deployment by an inventory of the cloud, by a user who may do everything in one compartment and write nothing in
the tenancy's root: refused without the tenancy's policy, built from `inventories/prod` with a namespace of its own for
the application, given a second application, taken down."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import kubernetes
import oci
import pytest
import yaml
from cryptography.hazmat.primitives import serialization

from localregion.host.pki import key_pem, new_key, write_private
from localregion.settings import REGION, TENANCY_ID
from tests import programs
from tests.e2e.site import ROOT, Region, Run, Site, eventually

LOCAL = ROOT / "inventories" / "local" / "group_vars" / "all"
FILLED = {
    "<OCID of the compartment>": "COMPARTMENT",
    "<name of an availability domain, e.g. Uocm:EU-FRANKFURT-1-AD-1>": "Lcl1:LOCAL-1-AD-1",
    "<AD 1>": "Lcl1:LOCAL-1-AD-1",
    "<AD 2>": "Lcl1:LOCAL-1-AD-1",
    "<AD 3>": "Lcl1:LOCAL-1-AD-1",
    "<object storage namespace>": "okestacklocal",
    "<user>": "operator",
    "<your address>/32": "203.0.113.0/24",
    "eu-frankfurt-1": "local-1",
}
# Where this region keeps images and charts, and what its cluster is called by: what its own inventory says of it.
OWN = ("application.yml", "secrets.yml", "waits.yml")
STATEMENTS = yaml.safe_load((ROOT / "roles/oke_virtual_pool/vars/main.yml").read_text())[
    "oke_virtual_pool_tenancy_statements"
]
# The second application is a chart as `helm create` makes it. It knows nothing of this site: its values and, for what
# they cannot say, patches tell it of host, log-in, certificate and database.
DATABASE = {"DB_HOST": "host", "DB_PORT": "port", "DB_NAME": "name", "DB_USER": "user"}
SHOP: dict[str, Any] = {
    "app_ingress_name": "shop",
    "app_ingress_namespace": "shop",
    "app_ingress_host": "shop.example",
    "app_ingress_workload": "shop-storefront",
    "app_ingress_pod_selector": "app.kubernetes.io/instance=shop",
    "app_ingress_database_name": "shop",
    "app_ingress_database_user": "shop",
    "external_secrets_database_secret": "mysql-shop",
    "app_ingress_chart_values": {
        "image": {
            "repository": "{{ app_ingress_site.image | regex_replace(':[^:/]+$', '') }}",
            "tag": "{{ app_ingress_site.image | regex_search('[^:/]+$') }}",
        },
        "imagePullSecrets": [{"name": "{{ app_ingress_site.image_pull_secret }}"}],
        "service": {"port": 8080},
        "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"cpu": "250m", "memory": "512Mi"}},
        "ingress": {
            "enabled": True,
            "className": "{{ app_ingress_site.ingress_class }}",
            "hosts": [{"host": "{{ app_ingress_site.host }}", "paths": [{"path": "/", "pathType": "Prefix"}]}],
            "tls": [{"hosts": ["{{ app_ingress_site.host }}"], "secretName": "{{ app_ingress_site.tls_secret }}"}],
        },
    },
    "app_ingress_patches": [
        {
            "kind": "Deployment",
            "set": {
                "spec.template.spec.containers[0].env": [
                    *(
                        {"name": name, "value": "{{ app_ingress_site.database." + key + " | string }}"}
                        for name, key in DATABASE.items()
                    ),
                    {"name": "DB_TLS", "value": "required"},
                    {
                        "name": "DB_PASSWORD",
                        "valueFrom": {
                            "secretKeyRef": {
                                "name": "{{ app_ingress_site.database.password_secret }}",
                                "key": "{{ app_ingress_site.database.password_key }}",
                            }
                        },
                    },
                ]
            },
        }
    ],
}


class Deployment:
    """`inventories/prod`, its placeholders filled in, aimed at a region."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.inventory = shutil.copytree(ROOT / "inventories" / "prod", region.folder / "prod")
        for path in self.inventory.glob("group_vars/all/*.yml"):
            text = path.read_text()
            for placeholder, value in FILLED.items():
                text = text.replace(placeholder, region.compartment_id if value == "COMPARTMENT" else value)
            path.write_text(text)
        with (self.inventory / "group_vars/all/application.yml").open("a") as file:
            file.write("app_ingress_namespace: front\n")
        self.given: dict[str, Any] = {
            "okestack_state": str(region.state),
            "okestack_cache": region.env["OKESTACK_CACHE"],
            "okestack_config_file": str(region.config_file),
            # Else the database could not be taken down again.
            "mysql_deletion_policy": {"is_delete_protected": False, "final_backup": "SKIP_FINAL_BACKUP"},
        }

    def sign_in_as_a_deployer(self) -> None:
        """From now on the playbooks' user is one of a group that may do everything in the compartment, and of the root
        only read the policies. The operator stays an administrator of the tenancy."""
        identity, models = self.region.client(oci.identity.IdentityClient), oci.identity.models
        group = identity.create_group(
            models.CreateGroupDetails(compartment_id=TENANCY_ID, name="deployers", description="Deployers")
        ).data
        user = identity.create_user(
            models.CreateUserDetails(compartment_id=TENANCY_ID, name="deployer", description="Deployer")
        ).data
        identity.add_user_to_group(models.AddUserToGroupDetails(user_id=user.id, group_id=group.id))
        key = new_key("rsa")
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        shown = identity.upload_api_key(user.id, models.CreateApiKeyDetails(key=public.decode())).data
        self.policy(
            "deployers",
            f"allow group deployers to manage all-resources in compartment id {self.region.compartment_id}",
            "allow group deployers to read policies in tenancy",
        )
        folder = self.region.folder / "deployer"
        folder.mkdir()
        write_private(folder / "key.pem", key_pem(key))
        config = {"user": user.id, "fingerprint": shown.fingerprint, "tenancy": TENANCY_ID, "region": REGION,
                  "key_file": folder / "key.pem"}  # fmt: skip
        text = "".join(f"{name}={value}\n" for name, value in config.items())
        write_private(folder / "config", f"[DEFAULT]\n{text}")
        self.given["okestack_config_file"] = str(folder / "config")
        self.region.user_id = user.id
        deployer = oci.identity.IdentityClient(
            oci.config.from_file(str(folder / "config")), service_endpoint=self.region.endpoint
        )
        eventually(lambda: deployer.list_policies(TENANCY_ID).data, "the deployers' policy holds")

    def policy(self, name: str, *statements: str) -> None:
        """A policy of the root compartment, by an administrator."""
        details = oci.identity.models.CreatePolicyDetails(
            compartment_id=TENANCY_ID, name=name, description="by an administrator", statements=list(statements)
        )
        self.region.client(oci.identity.IdentityClient).create_policy(details)

    def play(self, *arguments: str, playbook: str = "site.yml", **more: Any) -> Run:
        own = [word for name in OWN for word in ("-e", f"@{LOCAL / name}")]
        own += ["-e", json.dumps({**self.given, **more})]
        return self.region.playbook(*own, *arguments, inventory=str(self.inventory), playbook=playbook)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    programs.folder()
    region = Region("prod", "127.83.0.0/16", Path(tempfile.mkdtemp(prefix="okestack-prod-")))
    region.localregion("up")
    yield Deployment(region)
    region.remove()


@pytest.fixture(scope="module")
def built(deployment: Deployment) -> Site:
    run = deployment.play().wait()
    return Site(deployment.region, run.lines[-1].strip())


def test_without_the_tenancys_policy_an_administrator_is_told_what_to_write(deployment: Deployment) -> None:
    """In one error, whether the user tried to write it or not; with that written, the next tests build the site."""
    deployment.sign_in_as_a_deployer()
    region = deployment.region
    for setting, tried in (("required", []), ("present", [("identity.create_policy", 404)])):
        before = len(region.calls())
        run = deployment.play(oke_virtual_pool_tenancy_policy=setting).fails()
        told = run.text.replace('\\"', '"').replace("\\n", "\n")
        for statement in STATEMENTS:
            assert statement in told, run.end
        assert (run.recap()["failed"], run.recap()["changed"]) == (1, 0)
        assert [(call["operation"], call["status"]) for call in region.writes(before)] == tried
    deployment.policy("ours", *STATEMENTS)


def test_prod_is_built_and_its_application_answers(built: Site) -> None:
    with built.http as http:
        assert http.post("/api/items", json={"name": "of prod"}).status_code == 201
    assert len(built.pods("front", "crud")) == 3
    assert built.pods("crud", "crud") == []


def second(
    region: Region, variables: Mapping[str, Any], names: Sequence[str] = ("external_secrets", "app_ingress")
) -> str:
    """A playbook: the site, and then the roles for another application beside its own, as their READMEs show it."""
    (play,) = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    block = [{"ansible.builtin.include_role": {"name": f"okestack.oci.{name}"}} for name in names]
    play["tasks"].append({"name": "Keep a second application", "vars": variables, "block": block})
    path = region.folder / f"{variables['app_ingress_name']}.yml"
    path.write_text(json.dumps([play]))
    return str(path)


def password(site: Site, namespace: str, key: str = "password") -> str:
    """A password in the Secret `database` of a namespace."""
    return str(site.core().read_namespaced_secret("database", namespace).data[key])


def policies(region: Region) -> set[str]:
    """Names of the policies by which applications read their secrets."""
    found = region.client(oci.identity.IdentityClient).list_policies(region.compartment_id).data
    return {row.name for row in found if "external-secrets" in row.name}


def test_a_second_application_by_a_chart_stands_beside_the_first(deployment: Deployment, built: Site) -> None:
    region = deployment.region
    subprocess.run([programs.program("helm"), "create", "storefront"], cwd=region.folder, check=True)
    SHOP["app_ingress_chart"] = str(region.folder / "storefront")
    deployment.given["vault_secret_secrets"] = [{"name": name} for name in ("mysql-admin", "mysql-app", "mysql-shop")]
    playbook = second(region, SHOP)
    deployment.play(playbook=playbook).wait()
    assert len(built.pods("front", "crud")) == 3 and len(built.pods("shop", "storefront")) == 1
    with built.http as http:
        names = [row["name"] for row in http.get("/api/items").json()]
        assert "of prod" in names
        host = {"Host": "shop.example"}
        assert http.post("/api/items", json={"name": "of the shop"}, headers=host).status_code == 201
        assert [row["name"] for row in http.get("/api/items", headers=host).json()] == ["of the shop"]
    assert password(built, "front") != password(built, "shop") == password(built, "shop-bootstrap", "app-password")
    assert policies(region) == {f"okestack-prod-external-secrets-{name}" for name in ("front.crud", "shop.shop")}
    assert deployment.play(playbook=playbook).wait().recap()["changed"] == 0
    other: dict[str, Any] = {
        "app_ingress_deployment": "other",
        "app_ingress_name": "other",
        "app_ingress_host": "other.example",
    }
    other["app_ingress_metrics_server"] = False
    apps = kubernetes.client.AppsV1Api(built.kubernetes())

    def deployments() -> set[tuple[str, int]]:
        return {(row.metadata.uid, row.metadata.generation) for row in apps.list_deployment_for_all_namespaces().items}

    before = deployments()
    run = deployment.play(playbook=second(region, other, ["app_ingress"])).fails()
    assert "Namespace ingress belongs to okestack-prod.load-balancer" in run.text.replace("\n", " "), run.end
    assert deployments() == before


def test_the_second_goes_and_the_first_stays(deployment: Deployment, built: Site) -> None:
    path = deployment.region.folder / "less.yml"
    (play,) = yaml.safe_load((ROOT / "playbooks/destroy.yml").read_text())
    play["tasks"] = [
        task for task in play["tasks"]
        if task.get("ansible.builtin.import_role", {}).get("name", "").endswith((".app_ingress", ".external_secrets"))
    ]  # fmt: skip
    for task in play["tasks"]:
        task.pop("vars", None)  # by which destroy.yml says that the cluster goes, and all applications with it
    path.write_text(json.dumps([play]))
    deployment.play(playbook=str(path), **SHOP, destroy_confirm="okestack-prod").wait()
    apps = kubernetes.client.AppsV1Api(built.kubernetes())
    names = {(row.metadata.namespace, row.metadata.name) for row in apps.list_deployment_for_all_namespaces().items}
    assert ("shop", "shop-storefront") not in names and {("front", "crud"), ("ingress", "traefik")} <= names
    stores = kubernetes.client.CustomObjectsApi(built.kubernetes())
    rows = stores.list_cluster_custom_object("external-secrets.io", "v1", "externalsecrets")["items"]
    assert {row["metadata"]["namespace"] for row in rows} == {"front", "crud-bootstrap"}
    assert ("external-secrets", "external-secrets") in names
    assert policies(deployment.region) == {"okestack-prod-external-secrets-front.crud"}
    with built.http as http:
        assert http.get("/healthz").status_code == 200


def test_it_is_taken_down_by_its_inventory(deployment: Deployment, built: Site) -> None:
    region = deployment.region
    deployment.play("--check", playbook="playbooks/destroy.yml").wait()
    deployment.play(playbook="playbooks/destroy.yml", destroy_confirm="okestack-prod").wait()
    place = region.compartment_id
    engine = region.client(oci.container_engine.ContainerEngineClient)
    assert engine.list_clusters(place, lifecycle_state=["ACTIVE"]).data == []
    balancers = region.client(oci.load_balancer.LoadBalancerClient).list_load_balancers(place).data
    assert {row.lifecycle_state for row in balancers} <= {"DELETED"}
    databases = region.client(oci.mysql.DbSystemClient).list_db_systems(place).data
    assert {row.lifecycle_state for row in databases} <= {"DELETED"}
    network = region.client(oci.core.VirtualNetworkClient)
    assert network.list_vcns(place, lifecycle_state="AVAILABLE").data == []
    policies = region.client(oci.identity.IdentityClient).list_policies(place).data
    assert [row.name for row in policies if row.name.startswith("okestack-prod")] == []
    (kept,) = region.client(oci.identity.IdentityClient).list_policies(TENANCY_ID, name="ours").data
    assert kept.statements == STATEMENTS
    vaults = region.client(oci.key_management.KmsVaultClient).list_vaults(place).data
    assert [row.lifecycle_state for row in vaults] == ["PENDING_DELETION"]
    before = len(region.calls())
    assert (
        deployment.play(playbook="playbooks/destroy.yml", destroy_confirm="okestack-prod").wait().recap()["changed"]
        == 0
    )
    assert region.writes(before) == []
