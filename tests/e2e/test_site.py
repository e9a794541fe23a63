"""The whole site, built, used, disturbed, kept and brought back. The tests build on each other, in this order."""

from __future__ import annotations

import base64
import html
import ipaddress
import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import kubernetes
import oci
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.e2e.site import PASSWORD_SECRETS, ROOT, Region, Site, eventually, processes

POD_SUBNET = ipaddress.ip_network("10.0.32.0/19")


def test_check_mode_plans_everything_from_nothing(region: Region) -> None:
    region.localregion("up")
    run = region.playbook("--check", "--diff").wait()
    for name in (
        "subnet api",
        "vault okestack",
        "mysql_db_system okestack",
        "oke_cluster okestack",
        "Deployment crud/crud",
    ):
        assert name in run.text, name
    assert run.recap()["failed"] == 0
    assert region.writes() == []
    region.planned = run.summary()
    for name in ("vcn okestack", "policy okestack-external-secrets", "Service ingress/traefik", "Job crud-bootstrap/"):
        assert any(line.startswith(name) for line in region.planned["to make"]), name
    for unknown in ("(known after apply: vault okestack id)", "(known after apply: oke_cluster okestack id)"):
        # A long text of the diff is folded.
        assert unknown in re.sub(r"[\s+]+", " ", run.text), unknown


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"network_subnet_cidrs": {"api": "10.0.0.0/28", "lb": "10.0.0.0/24", "mysql": "10.0.2.0/24",
                                   "nodes": "10.0.16.0/20", "pods": "10.0.32.0/19"}}, ["10.0.0.0/28", "10.0.0.0/24"]),
        ({"network_cidr_blocks": ["10.1.0.0/24"]}, ["network_subnet_cidrs", "10.1.0.0/24"]),
        ({"app_ingress_image": "My Image"}, ["app_ingress_image"]),
        ({"network_lb_client_cidrs": []}, ["network_lb_client_cidrs"]),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_the_first_change(
    region: Region, variables: dict[str, Any], named: list[str]
) -> None:
    run = region.playbook("-e", json.dumps(variables)).fails()
    for part in named:
        assert part in run.text, run.end
    assert region.writes() == []


def test_a_missing_variable_is_named_before_the_first_change(region: Region, tmp_path: Path) -> None:
    inventory = shutil.copytree(ROOT / "inventories" / "local", tmp_path / "inventory")
    path = inventory / "group_vars" / "all" / "application.yml"
    path.write_text(re.sub(r"^app_ingress_image:.*\n", "", path.read_text(), flags=re.M))
    run = region.playbook(inventory=str(inventory)).fails()
    assert "app_ingress_image: has no value" in run.text, run.end
    assert region.writes() == []


def test_the_site_is_built_and_its_url_comes_last(site: Site, region: Region) -> None:
    log = (region.folder / f"run-{region.runs}.log").read_text()
    assert re.fullmatch(r"https://127\.78\.\d+\.\d+/", log.splitlines()[-1])
    assert re.search(r"^ *oke_cluster okestack: CREATING \d+s", log, re.M), "progress is shown"
    assert re.search(r"^ *mysql_db_system okestack: creating", log, re.M)


def test_the_plan_from_nothing_named_all_that_was_made(site: Site, region: Region) -> None:
    if not region.planned:
        pytest.skip("the plan from nothing was not made in this run of tests")
    assert {word: sorted(names) for word, names in site.done.items()} == {
        {"to make": "made", "to change": "changed"}[word]: sorted(names) for word, names in region.planned.items()
    }


def test_a_plan_after_the_run_shows_nothing(site: Site, region: Region) -> None:
    before = len(region.calls())
    run = region.playbook("--check", "--diff").wait()
    assert run.recap()["changed"] == 0, run.text
    assert (run.summary(), run.diff_lines()) == ({}, [])
    assert region.writes(before) == []


def test_create_read_update_delete_through_the_url(site: Site) -> None:
    with site.http as http:
        made = http.post("/api/items", json={"name": "Ässam tea", "description": "second flush"})
        assert made.status_code == 201
        item = made.json()
        path = f"/api/items/{item['id']}"
        assert site.sql(f"SELECT name, description FROM items WHERE id = {item['id']}") == [
            ["Ässam tea", "second flush"]
        ]
        assert http.get(path).json()["name"] == "Ässam tea"
        assert http.put(path, json={"name": "Darjeeling"}).status_code == 200
        assert site.sql(f"SELECT name FROM items WHERE id = {item['id']}") == [["Darjeeling"]]
        assert item["id"] in [row["id"] for row in http.get("/api/items").json()]
        assert http.delete(path).status_code == 204
        assert site.sql(f"SELECT COUNT(*) FROM items WHERE id = {item['id']}") == [["0"]]
        assert http.get(path).status_code == 404
        assert http.post("/api/items", json={"name": ""}).status_code == 422
        assert http.get("/healthz").status_code == 200


def test_the_page_works_in_a_browser(site: Site, tmp_path: Path) -> None:
    """Chromium runs the page's script, which loads the items. The picture stays beside the test's other files."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    assert browser, "install chromium (make test does)"
    with site.http as http:
        item = http.post("/api/items", json={"name": "Seen <b>in</b> a browser"}).json()
    common = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--ignore-certificate-errors",
        f"--user-data-dir={tmp_path}/profile", "--window-size=900,700", "--virtual-time-budget=8000",
    ]  # fmt: skip
    # In a home of its own: a proxy of the person's is not asked about an address of this machine.
    env = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()} | {"HOME": str(tmp_path)}
    shown = subprocess.run(
        [*common, "--dump-dom", site.url], capture_output=True, text=True, timeout=120, env=env
    ).stdout
    assert html.escape("Seen <b>in</b> a browser", quote=False) in shown, shown[-3000:]
    picture = Path(tempfile.gettempdir()) / "okestack-e2e-page.png"
    subprocess.run(
        [*common, f"--screenshot={picture}", site.url], capture_output=True, timeout=120, env=env, check=True
    )
    assert picture.stat().st_size > 10_000
    with site.http as http:
        http.delete(f"/api/items/{item['id']}")


def test_plain_http_is_sent_on_to_tls(site: Site) -> None:
    import httpx

    answer = httpx.get(site.url.replace("https:", "http:"), trust_env=False, follow_redirects=False)
    assert answer.status_code in (301, 302, 307, 308)
    assert answer.headers["location"].startswith("https://")


def test_a_second_run_changes_nothing(site: Site, region: Region) -> None:
    before = len(region.calls())
    run = region.playbook().wait()
    assert run.recap()["changed"] == 0, run.text
    assert [call["operation"] for call in region.writes(before)] == []
    asked = [call["operation"] for call in region.operators_calls(before)]
    assert asked.count("container_engine.create_kubeconfig") == 1, "the way to the cluster is asked for once"
    assert run.lines[-1].strip() == site.url


def test_the_oci_command_line_lists_the_vcn_and_another_key_does_not(
    site: Site, region: Region, tmp_path: Path
) -> None:
    program = ROOT / ".venv-cli" / "bin" / "oci"
    assert program.exists(), "the OCI CLI has an environment of its own: make test makes it"

    def list_vcns(config: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(program), "--config-file", str(config), "--endpoint", region.endpoint, "network", "vcn", "list",
             "--compartment-id", region.compartment_id],
            capture_output=True, text=True, timeout=120, env=region.env,
        )  # fmt: skip

    ended = list_vcns(region.config_file)
    assert ended.returncode == 0, ended.stderr
    assert [row["display-name"] for row in json.loads(ended.stdout)["data"]] == ["okestack"]
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    text = region.config_file.read_text()
    (tmp_path / "config").write_text(re.sub(r"key_file=.*", f"key_file={tmp_path}/key.pem", text))
    refused = list_vcns(tmp_path / "config")
    assert refused.returncode != 0
    assert '"status": 401' in refused.stderr, refused.stderr


def test_nodes_and_pods_are_where_they_belong(site: Site) -> None:
    nodes = site.core().list_node().items
    domains = {node.metadata.labels["oci.oraclecloud.com/fault-domain"] for node in nodes}
    assert len(nodes) == 3 and domains == {"FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3"}
    for node in nodes:
        assert {row.type: row.status for row in node.status.conditions}["Ready"] == "True"
        assert "node-role.kubernetes.io/virtual-node" in node.metadata.labels
    pods = site.pods("crud", "crud")
    assert len(pods) == 3
    assert len({pod.spec.node_name for pod in pods}) == 3, "spread over the nodes"
    for pod in site.core().list_pod_for_all_namespaces().items:
        if pod.status.pod_ip:
            assert ipaddress.ip_address(pod.status.pod_ip) in POD_SUBNET, pod.metadata.name


def test_the_load_balancer_is_the_cloud_s_own(site: Site, region: Region) -> None:
    balancers = region.client(oci.load_balancer.LoadBalancerClient)
    (found,) = balancers.list_load_balancers(region.compartment_id).data
    assert (found.shape_name, found.is_private, found.lifecycle_state) == ("flexible", False, "ACTIVE")
    assert found.freeform_tags["okestack-deployment"] == "okestack"
    assert [row.ip_address for row in found.ip_addresses if row.is_public] == [site.url.split("/")[2]]


def test_the_database_takes_the_application_only_by_tls_and_in_its_schema(site: Site) -> None:
    assert site.sql("SELECT ssl_type FROM mysql.user WHERE user = 'crud'") == [["ANY"]]
    grants = [row[0] for row in site.sql("SHOW GRANTS FOR 'crud'@'%'")]
    assert [grant for grant in grants if not grant.startswith("GRANT USAGE ON *.*") and "`crud`.*" not in grant] == []


def test_without_the_statement_the_secret_cannot_be_read(site: Site, region: Region) -> None:
    identity = region.client(oci.identity.IdentityClient)
    (policy,) = identity.list_policies(region.compartment_id, name="okestack-external-secrets-crud.crud").data
    rest = [line for line in policy.statements if "okestack-mysql-app" not in line or "'crud-bootstrap'" in line]
    assert len(rest) < len(policy.statements)
    identity.update_policy(policy.id, oci.identity.models.UpdatePolicyDetails(statements=rest))
    failed = eventually(
        lambda: (found := site.external_secret())["status"] == "False" and found, "the ExternalSecret fails", 120
    )
    assert failed["reason"] == "SecretSyncedError", failed
    events = site.core().list_namespaced_event("crud").items
    said = " ".join(event.message or "" for event in events if event.involved_object.name == "database")
    assert "NotAuthorizedOrNotFound" in said or "404" in said, said
    with site.http as http:
        assert http.get("/healthz").status_code == 200, "what was read stays"
    run = region.playbook().wait()
    assert run.recap()["changed"] == 1, run.text
    assert "policy okestack-external-secrets" in run.text
    eventually(lambda: site.external_secret()["status"] == "True", "the ExternalSecret recovers", 120)


def test_new_content_in_the_vault_reaches_the_cluster_and_the_database(site: Site, region: Region) -> None:
    before = site.password("mysql-app")
    vaults = region.client(oci.vault.VaultsClient)
    secret = vaults.get_secret(site.secret_id("mysql-app")).data
    again = oci.vault.models.UpdateSecretDetails(
        enable_auto_generation=True, secret_generation_context=secret.secret_generation_context
    )
    vaults.update_secret(secret.id, again)
    fresh = eventually(lambda: (found := site.password("mysql-app")) != before and found, "a new version")
    for namespace, key in (("crud", "password"), ("crud-bootstrap", "app-password")):
        eventually(partial(site.secret_holds, namespace, key, fresh), f"the Secret in {namespace} has the new content")
    run = region.playbook().wait()
    assert "vault_secret okestack-mysql-app:" not in run.text, "the site leaves given content alone"
    with site.http as http:
        eventually(lambda: http.get("/healthz").status_code == 200, "the application uses the new password", 60)
        assert http.post("/api/items", json={"name": "after the rotation"}).status_code == 201
    assert region.playbook().wait().recap()["changed"] == 0


def test_no_password_is_anywhere_it_should_not_be(site: Site, region: Region) -> None:
    """Only the region's own state (the Vault, etcd, containers) and the Secrets hold them."""
    canaries: dict[str, list[bytes]] = {}
    for name in PASSWORD_SECRETS:
        plain = site.password(name).encode()
        assert len(plain) >= 12
        canaries[name] = [plain, base64.b64encode(plain).rstrip(b"=")[:-1], json.dumps(plain.decode()).encode()[1:-1]]

    def found_in(data: bytes) -> list[str]:
        return [name for name, forms in canaries.items() if any(form in data for form in forms)]

    assert found_in(b"x" + site.password("mysql-app").encode()) == ["mysql-app"], "the search itself works"
    hits: list[str] = []
    logs = [*(region.state / "logs").glob("*"), *region.state.glob("*/*/*.log"), *region.state.glob("*/*.log")]
    outside = [path for path in region.folder.rglob("*") if region.state not in path.parents]
    clone = [path for path in ROOT.rglob("*") if ".git/" not in str(path) and ".venv" not in path.parts]
    for path in [*outside, *clone, *logs]:
        if path.is_file() and not path.is_symlink():
            hits += [f"{path}: {name}" for name in found_in(path.read_bytes())]
    for pid, command, environment in processes():
        hits += [f"process {pid} {command[:60]!r}: {name}" for name in found_in(command + b"\0" + environment)]
    assert hits == []
    for path in region.state.rglob("*"):
        if path.is_file() and not path.is_symlink() and "containers" not in path.parts and found_in(path.read_bytes()):
            closed = path.stat().st_mode & 0o077 == 0 or region.state.stat().st_mode & 0o077 == 0
            assert closed, f"others can read {path}"


def test_a_pod_virtual_nodes_cannot_run_is_refused_with_the_reason(site: Site) -> None:
    core = site.core()
    body = {
        "metadata": {"name": "refused", "namespace": "default"},
        "spec": {
            "initContainers": [{"name": "first", "image": "none"}],
            "containers": [{"name": "main", "image": "none"}],
        },
    }
    core.create_namespaced_pod("default", body)
    try:

        def reason() -> str:
            status = core.read_namespaced_pod("refused", "default").status
            events = core.list_namespaced_event("default", field_selector="involvedObject.name=refused").items
            return f"{status.reason} {status.message} " + " ".join(event.message or "" for event in events)

        eventually(lambda: "init" in reason().lower(), "the reason is shown", 60)
    finally:
        core.delete_namespaced_pod("refused", "default", grace_period_seconds=0)


def test_a_lost_pod_comes_back(site: Site) -> None:
    core, before = site.core(), site.pods("crud", "crud")
    core.delete_namespaced_pod(before[0].metadata.name, "crud")
    with site.http as http:
        failures = sum(http.get("/api/items").status_code != 200 for _ in range(50))
    assert failures == 0, "the others serve meanwhile"
    apps = kubernetes.client.AppsV1Api(site.kubernetes())
    eventually(
        lambda: apps.read_namespaced_deployment("crud", "crud").status.ready_replicas == 3, "three are ready again"
    )
    names = {pod.metadata.name for pod in site.pods("crud", "crud")}
    assert before[0].metadata.name not in names


def test_down_leaves_nothing_and_up_brings_the_data_back(site: Site, region: Region) -> None:
    with site.http as http:
        kept = http.post("/api/items", json={"name": "kept over night"}).json()
    region.localregion("down")
    namespaces = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    assert "okestack-e2e" not in namespaces
    assert [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(region.folder) in line] == []
    left = [
        (pid, command[:120])
        for pid, command, environment in processes()
        if str(region.state).encode() in command or b"--name\0e2e\0" in command or b"okestack-e2e" in environment
    ]
    assert left == []
    listeners = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout
    assert "127.78." not in listeners
    region.localregion("up")
    run = region.playbook().wait()
    assert run.lines[-1].strip() == site.url, "the same address"
    with site.http as http:
        assert http.get(f"/api/items/{kept['id']}").json()["name"] == "kept over night"
    before = len(region.calls())
    assert region.playbook().wait().recap()["changed"] == 0
    assert region.writes(before) == []
