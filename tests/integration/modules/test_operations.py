# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What years of a site take, on the API alone: an upgrade of Kubernetes, room for more, old passwords."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import oci
import pytest

from localregion.testing import Region

from .conftest import Door
from .playbook import ROOT, ansible, inventory, play, site_variables
from .test_verify import SHOWN

NAME = "grows"
Row = dict[str, Any]


def written(region: Region) -> list[str]:
    """Operations that change something: a kubeconfig is asked for by POST."""
    return [call.operation for call in region.writes() if not call.operation.endswith("create_kubeconfig")]


@pytest.fixture(scope="module")
def given(region: Region) -> dict[str, Any]:
    return site_variables(region, NAME, oke_virtual_pool_addons=[{"name": "CoreDNS"}])


@pytest.fixture(scope="module")
def cluster(region: Region, given: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A cluster of an older release, as the roles make it; asks how it and its nodes are."""
    roles = [
        {"ansible.builtin.import_role": {"name": f"okestack.oci.{name}"}}
        for name in ("network", "vault_secret", "oke_virtual_pool")
    ]
    variables = {**given, "oke_virtual_pool_kubernetes_version": "v1.35.2"}
    play(region, tmp_path_factory.mktemp("made"), roles, "-e", json.dumps(variables))
    engine = region.client(oci.container_engine.ContainerEngineClient)

    def look() -> tuple[str, set[str], dict[str, str]]:
        (found,) = [
            c for c in engine.list_clusters(region.compartment_id, name=NAME).data if c.lifecycle_state == "ACTIVE"
        ]
        (pool,) = engine.list_virtual_node_pools(region.compartment_id, cluster_id=found.id).data
        nodes = {n.id for n in engine.list_virtual_nodes(pool.id).data if n.lifecycle_state == "ACTIVE"}
        tags = engine.get_virtual_node_pool(pool.id).data.virtual_node_tags.freeform_tags
        return str(found.kubernetes_version), nodes, dict(tags)

    return look


def deployment(name: str, replicas: int) -> Row:
    env = [{"name": "DB_USER", "value": "crud"}]
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), replicas)
    return {
        "metadata": {"name": name, "generation": 1},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": name, "env": env}]}}},
        "status": {"observedGeneration": 1, **counts},
    }


class Kubernetes(http.server.BaseHTTPRequestHandler):
    """As much of a Kubernetes API as tells what is in use, and takes what is applied to see what would come of it."""

    METRICS = "apiserver_requested_deprecated_apis" + (
        '{group="old.io",removed_release="1.36",resource="things",version="v1beta1"} 1'
    )
    OBJECTS: ClassVar[dict[str, Row]] = {}
    """The last two parts of a path to what is there."""
    KINDS: ClassVar[dict[str, str]] = {
        "poddisruptionbudgets": "PodDisruptionBudget", "ingresses": "Ingress", "ingressclasses": "IngressClass"
    }  # fmt: skip

    def answer(self, status: int, body: Row | str) -> None:
        """JSON, or text."""
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        """Lists are empty, but for what is there."""
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts == ["metrics"]:
            return self.answer(200, self.METRICS)
        if parts[-1] in ("apis", "api", "v1") and "namespaces" not in parts:
            rows = [
                {"name": f"{kind.lower()}s", "kind": kind, "namespaced": True, "verbs": ["get"]}
                for kind in ("SecretStore", "ExternalSecret")
            ]
            return self.answer(200, {"kind": "APIResourceList", "groupVersion": "/".join(parts[1:]), "resources": rows})
        version = "/".join(parts[1:3] if parts[0] == "apis" else parts[1:2])
        named = parts[-2] if (len(parts) - (2 if parts[0] == "api" else 3)) % 2 == 0 else ""
        kind = self.KINDS.get(named or parts[-1], (named or parts[-1]).rstrip("s").title())
        if not named:
            listed = {"kind": f"{kind}List", "apiVersion": version, "metadata": {}, "items": []}
            return self.answer(200, listed)
        found = self.OBJECTS.get("/".join(parts[-2:]))
        if found is None:
            return self.answer(404, {"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"})
        metadata = {"uid": "u", "resourceVersion": "1", "namespace": parts[-3], **found["metadata"]}
        return self.answer(200, {"kind": kind, "apiVersion": version, **found, "metadata": metadata})

    def do_PATCH(self) -> None:
        """What is applied comes back."""
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        given["metadata"] |= {"uid": "u", "resourceVersion": "2"}
        self.answer(200, given)

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def kubernetes() -> Iterator[str]:
    """The address of such an API."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kubernetes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def upgrade(run: Callable[..., tuple[int, list[Row], str]]) -> Callable[..., tuple[int, list[Row], str]]:
    """Runs playbooks/upgrade.yml with answers."""
    return functools.partial(run, "upgrade")


@pytest.fixture
def run(
    region: Region, tmp_path: Path, given: dict[str, Any], kubernetes: str
) -> Callable[..., tuple[int, list[Row], str]]:
    """Runs a playbook with answers; its status, its result and what it printed."""
    hosts = inventory(tmp_path)

    def play_it(name: str, *options: str, **answers: str) -> tuple[int, list[Row], str]:
        extra = json.dumps({**given, "oke_virtual_pool_cluster_endpoint": kubernetes, **answers})
        arguments = ("-i", hosts, f"playbooks/{name}.yml", "-e", extra, *options)
        region.forget_calls()
        done = ansible("ansible-playbook", *arguments, folder=ROOT, environment=SHOWN)
        shown = re.search(r"^\s*RUN: (\{.*)", done.stdout, re.S | re.M)
        rows = json.JSONDecoder().raw_decode(shown[1])[0]["okestack_result"] if shown else []
        return done.returncode, rows, done.stdout + done.stderr

    return play_it


def test_what_stands_in_the_way_is_said_first(region: Region, cluster: Any, upgrade: Any) -> None:
    before = cluster()
    for version, told in (
        ("v1.36.1", "things of old.io/v1beta1 is in use, and v1.36.1 does not have it"),
        ("v1.38.0", "this region has no 'v1.38.0', it has v1.35.2, v1.36.0, v1.36.1"),
    ):
        status, rows, printed = upgrade(oke_virtual_pool_kubernetes_version=version)
        assert status == 2 and rows == [] and told in printed, printed[-3000:]
        assert "othing " in printed and written(region) == []
    assert cluster() == before


def test_an_upgrade_in_one_step(
    region: Region, cluster: Any, upgrade: Any, given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, nodes, _tags = cluster()
    assert version == "v1.35.2" and len(nodes) == 3
    monkeypatch.setattr(Kubernetes, "METRICS", "")
    answers = {"oke_virtual_pool_kubernetes_version": "v1.36.0"}
    status, rows, printed = upgrade(**answers)
    # This Kubernetes has no application: that is reported once the upgrade is done.
    assert status == 2 and "Kubernetes has v1.36.0, but ingress controller and application is broken" in printed
    assert rows[0] == {"what": "control plane", "before": "v1.35.2", "after": "v1.36.0", "note": None}
    assert rows[1]["note"] == "3 were replaced, one by one"
    version, new, tags = cluster()
    assert version == "v1.36.0" and len(new) == 3 and not nodes & new
    assert tags["okestack-kubernetes-version"] == "v1.36.0"

    status, rows, printed = upgrade(**answers)
    assert "changed=0" in printed and written(region) == [], printed[-3000:]
    assert rows[1]["note"] == "as they were"
    status, rows, printed = upgrade(oke_virtual_pool_kubernetes_version="v1.35.2")
    assert status == 2 and "v1.35.2 is older than v1.36.0: a control plane never goes back" in printed
    assert "nothing was changed" in printed and written(region) == []

    roles = [{"ansible.builtin.import_role": {"name": f"okestack.oci.{n}"}} for n in ("network", "vault_secret")]
    roles.append({"ansible.builtin.import_role": {"name": "okestack.oci.oke_virtual_pool"}})
    variables = {**given, "oke_virtual_pool_kubernetes_version": "v1.36.0"}
    assert "changed=0" in play(region, tmp_path, roles, "-e", json.dumps(variables)), "the site leaves the tag alone"


def test_killed_behind_the_control_plane_it_replaces_the_nodes(
    region: Region, cluster: Any, upgrade: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _version, nodes, tags = cluster()
    engine = region.client(oci.container_engine.ContainerEngineClient)
    (found,) = [c for c in engine.list_clusters(region.compartment_id, name=NAME).data if c.lifecycle_state == "ACTIVE"]
    assert tags["okestack-kubernetes-version"] == "v1.36.0", "noted before the control plane goes on"
    details = oci.container_engine.models.UpdateClusterDetails(kubernetes_version="v1.36.1")
    engine.update_cluster(found.id, details)
    region.settle()
    monkeypatch.setattr(Kubernetes, "METRICS", "")
    _status, rows, printed = upgrade(oke_virtual_pool_kubernetes_version="")
    version, new, tags = cluster()
    assert (version, tags["okestack-kubernetes-version"]) == ("v1.36.1", "v1.36.1")
    assert len(new) == 3 and not nodes & new and rows[1]["note"] == "3 were replaced, one by one", printed[-3000:]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that is there."""
    objects = {"deployments/crud": deployment("crud", 3), "deployments/traefik": deployment("traefik", 2)}
    monkeypatch.setattr(Kubernetes, "OBJECTS", objects)
    monkeypatch.setattr(Kubernetes, "METRICS", "")


@pytest.fixture(scope="module")
def database(region: Region, cluster: Any, given: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The site's DB system."""
    roles = [
        {"ansible.builtin.import_role": {"name": f"okestack.oci.{name}"}}
        for name in ("network", "vault_secret", "mysql")
    ]
    play(region, tmp_path_factory.mktemp("database"), roles, "-e", json.dumps(given))


def test_a_rotation_is_planned_in_check_mode(region: Region, database: None, site: None, run: Any) -> None:
    status, rows, printed = run("rotate_secret", "--check", app_ingress_check="false")
    assert status == 0, printed[-4000:]
    assert written(region) == []
    assert "mysql-app: another password: version 1 is in use everywhere" in printed
    assert [r["what"] for r in rows] == ["mysql-app", "mysql-admin"]


def test_a_larger_site_is_planned_in_check_mode(region: Region, database: None, site: None, run: Any) -> None:
    answers = {"oke_virtual_pool_size": "5", "app_ingress_replicas": "4", "mysql_data_storage_size_in_gbs": "100"}
    status, rows, printed = run("scale", "--check", app_ingress_check="false", **answers)
    assert status == 0, printed[-4000:]
    assert written(region) == []
    assert [r["what"] for r in rows][:2] == ["virtual nodes", "pods"] and rows[0]["before"] == "3"
    for answers, told in (
        ({"app_ingress_replicas": "100000"}, "There is no room, and nothing was changed"),
        ({"oke_virtual_pool_size": "400"}, "virtual nodes"),
        ({"mysql_data_storage_size_in_gbs": "40"}, "storage grows and never shrinks"),
    ):
        status, rows, printed = run("scale", app_ingress_check="false", **answers)
        assert status == 2 and told in printed and rows == [], printed[-3000:]
        assert written(region) == []


def test_room_is_counted_from_the_addresses_in_use(region: Region, door: Door) -> None:
    common: Row = {"compartment_id": region.compartment_id}
    vcn = door("vcn", **common, display_name="small", cidr_blocks=["10.9.0.0/16"])["vcn"]
    subnet = door("subnet", **common, vcn_id=vcn["id"], display_name="pods", cidr_block="10.9.0.0/29")["subnet"]
    row: Row = {"what": "pods", "now": 3, "subnet_id": subnet["id"]}
    region.forget_calls()
    told = door("site_scale", sizes=[{**row, "wanted": 8}])
    assert told["broken"] == [] and "has 5 free addresses for 5 more pods" in told["findings"][0]["what"]
    told = door("site_scale", sizes=[{**row, "wanted": 9}, {"what": "virtual nodes", "now": 3, "wanted": 9999}])
    assert [f["hop"] for f in told["broken"]] == ["pods", "limits"]
    assert "scale to 8 at most" in told["broken"][0]["todo"]
    told = door("site_scale", fails=True, refuse=True, sizes=[{**row, "wanted": 9}])
    assert "There is no room, and nothing was changed:\npods: subnet pods (10.9.0.0/29) has 5 free" in told["msg"]
    door("subnet", id=subnet["id"], cidr_block="10.9.0.0/28")
    assert door("site_scale", refuse=True, sizes=[{**row, "wanted": 9}])["broken"] == []
    region.forget_calls()
    assert door("site_scale", sizes=[{**row, "wanted": 3}])["findings"] == []
    assert region.calls == [], "what does not grow asks nobody"


def test_old_versions_of_a_secret_go(region: Region, door: Door) -> None:
    common: Row = {"compartment_id": region.compartment_id}
    kept = door("vault", **common, display_name="turns", vault_type="DEFAULT")["vault"]
    key = door(
        "vault_key", **common, management_endpoint=kept["management_endpoint"], display_name="turns",
        key_shape={"algorithm": "AES", "length": 32}, protection_mode="SOFTWARE",
    )["vault_key"]  # fmt: skip
    generated: Row = {
        "enable_auto_generation": True,
        "secret_generation_context": {
            "generation_type": "PASSPHRASE", "generation_template": "DBAAS_DEFAULT_PASSWORD", "passphrase_length": 24
        },
    }  # fmt: skip
    named: Row = {**common, "vault_id": kept["id"], "secret_name": "turns-mysql-app"}
    secret = door("vault_secret", **named, key_id=key["id"], **generated)["vault_secret"]
    for _turn in range(5):
        secret = door("vault_secret", **named, state="rotated")["vault_secret"]
    assert secret["current_version_number"] == 6
    options: Row = {"secret_ids": [secret["id"]], "keep": 3}
    region.forget_calls()
    planned = door("vault_secret_versions", check=True, **options)
    assert [g["version_number"] for g in planned["leaving"]] == [1, 2, 3] and region.writes() == []
    assert door("vault_secret_versions", **options)["changed"]
    assert not door("vault_secret_versions", **options)["changed"]
    rows = region.client(oci.vault.VaultsClient).list_secret_versions(secret["id"]).data
    assert sorted(r.version_number for r in rows if not r.time_of_deletion) == [4, 5, 6]
    assert "less than 2" in door("vault_secret_versions", fails=True, secret_ids=[secret["id"]], keep=1)["msg"]
