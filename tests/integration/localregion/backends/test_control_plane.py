# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with real programs, in a region of its own: control plane, doors, controllers, nodes, restarts."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import oci
import pytest
import requests
import yaml

from localregion import settings as names
from localregion.backends.cluster_objects import MANAGERS_GROUP
from localregion.services.identity.policies import POLICY_DELAY
from tests import programs
from tests.unit.localregion.services.test_identity import SKE

pytestmark = [
    pytest.mark.root,
    pytest.mark.programs,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

REPOSITORY = Path(__file__).resolve().parents[4]
NETWORK, PORT = "127.82.0.0/16", 14820
MINUTE = 0.2
C = names.COMPARTMENT_ID
ENDPOINT = f"http://127.82.0.1:{PORT}"

SERVER = """
import http.server, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "5"); self.end_headers(); self.wfile.write(b"hello")
    def log_message(self, *_): pass
socketserver.TCPServer((sys.argv[1], 8080), Handler).serve_forever()
"""
RESOLVE = """
import socket, sys
for name in sys.argv[1:]:
    query = b"\\x12\\x34\\x01\\x00\\x00\\x01" + bytes(6)
    query += b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\\0\\0\\1\\0\\1"
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); sock.settimeout(3)
    # A datagram may be lost while the pod's VNIC is new: asked again, as every resolver does.
    for _ in range(3):
        sock.sendto(query, ("10.96.5.5", 53))
        try: print(".".join(map(str, sock.recv(512)[-4:]))); break
        except TimeoutError: pass
"""
DIAL = """
import socket, sys
sock = socket.socket(); sock.settimeout(3); print(sock.connect_ex((sys.argv[1], int(sys.argv[2]))))
"""
EXCHANGE = """
import http.client, json, ssl, sys
host, ca, key, token = sys.argv[1:]
connection = http.client.HTTPSConnection(host, 12250, context=ssl.create_default_context(cafile=ca))
headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
connection.request("POST", "/resourcePrincipalSessionTokens", json.dumps({"podKey": key}), headers)
answer = connection.getresponse(); print(answer.status, answer.read().decode())
"""


def until(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What the function gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
    return value


class Site:
    """A region in a process of its own, with a network, a sealed cluster and a pool."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.cluster_id = ""

    # the region

    @property
    def environment(self) -> dict[str, str]:
        own = {"OKESTACK_STATE": str(self.folder), "OKESTACK_NETWORK": NETWORK, "OKESTACK_PORT": str(PORT)}
        return {**os.environ, **own, "OKESTACK_MINUTE": str(MINUTE), "PYTHONPATH": str(REPOSITORY)}

    def start(self) -> None:
        log = (self.folder.parent / "daemon.log").open("ab")
        command = [sys.executable, "-m", "localregion", "--name", "ctest", "run"]
        self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, cwd=REPOSITORY)

        def answers() -> bool:
            assert self.process is not None and self.process.poll() is None, (
                self.folder.parent / "daemon.log"
            ).read_text()
            try:
                return httpx.get(ENDPOINT).status_code == 404
            except httpx.HTTPError:
                return False

        until(answers)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(60)

    def client(self, client_class: Any, endpoint: str = ENDPOINT) -> Any:
        config = oci.config.from_file(str(self.folder / "operator" / "config"))
        return client_class(config, service_endpoint=endpoint, retry_strategy=oci.retry.NoneRetryStrategy())

    @property
    def engine(self) -> Any:
        return self.client(oci.container_engine.ContainerEngineClient)

    def finish(self, response: Any) -> Any:
        """The work request of a call, when it is done."""

        def done() -> Any:
            request = self.engine.get_work_request(response.headers["opc-work-request-id"]).data
            return request if request.status in ("SUCCEEDED", "FAILED") else None

        request = until(done, 200)
        errors = self.engine.list_work_request_errors(C, request.id).data
        assert request.status == "SUCCEEDED", [error.message for error in errors]
        return request

    # what the site is made of

    def build(self) -> None:
        network = self.client(oci.core.VirtualNetworkClient)
        m = oci.core.models
        vcn = network.create_vcn(
            m.CreateVcnDetails(cidr_blocks=["10.0.0.0/16"], compartment_id=C, dns_label="vcn")
        ).data
        until(lambda: network.get_vcn(vcn.id).data.lifecycle_state == "AVAILABLE")
        self.vcn_id = vcn.id
        self.open(network, vcn)
        self.subnets = {}
        for label, cidr, private in (
            ("api", "10.0.0.0/28", False),
            ("lb", "10.0.1.0/24", False),
            ("nodes", "10.0.16.0/24", True),
            ("pods", "10.0.32.0/19", True),
        ):
            details = m.CreateSubnetDetails(
                vcn_id=vcn.id, compartment_id=C, cidr_block=cidr, dns_label=label, prohibit_public_ip_on_vnic=private,
                route_table_id=self.private_routes if private else None,
            )  # fmt: skip
            subnet = network.create_subnet(details).data
            self.subnets[label] = subnet.id
        for subnet_id in self.subnets.values():
            until(lambda wanted=subnet_id: network.get_subnet(wanted).data.lifecycle_state == "AVAILABLE")  # type: ignore[misc]
        self.key_id = self.make_key()
        self.cluster_id = self.make_cluster()
        self.pool_id = self.make_pool()

    def open(self, network: Any, vcn: Any) -> None:
        """Let everything pass, to and from everywhere."""
        m = oci.core.models
        gateway = network.create_internet_gateway(
            m.CreateInternetGatewayDetails(compartment_id=C, vcn_id=vcn.id, is_enabled=True)
        ).data
        nat = network.create_nat_gateway(m.CreateNatGatewayDetails(compartment_id=C, vcn_id=vcn.id)).data
        until(lambda: network.get_nat_gateway(nat.id).data.lifecycle_state == "AVAILABLE")
        out = [m.RouteRule(destination="0.0.0.0/0", network_entity_id=gateway.id)]
        network.update_route_table(vcn.default_route_table_id, m.UpdateRouteTableDetails(route_rules=out))
        network.update_security_list(
            vcn.default_security_list_id,
            m.UpdateSecurityListDetails(
                ingress_security_rules=[m.IngressSecurityRule(source="0.0.0.0/0", protocol="all")]
            ),
        )
        inside = [m.RouteRule(destination="0.0.0.0/0", network_entity_id=nat.id)]
        self.private_routes = network.create_route_table(
            m.CreateRouteTableDetails(compartment_id=C, vcn_id=vcn.id, route_rules=inside)
        ).data.id

    def make_key(self) -> str:
        m = oci.key_management.models
        vaults = self.client(oci.key_management.KmsVaultClient)
        details = m.CreateVaultDetails(compartment_id=C, display_name="v", vault_type="DEFAULT")
        vault = vaults.create_vault(details).data
        until(lambda: vaults.get_vault(vault.id).data.lifecycle_state == "ACTIVE")
        keys = self.keys = self.client(oci.key_management.KmsManagementClient, vault.management_endpoint)
        shape = m.KeyShape(algorithm="AES", length=32)
        key = keys.create_key(m.CreateKeyDetails(compartment_id=C, display_name="k", key_shape=shape)).data
        until(lambda: keys.get_key(key.id).data.lifecycle_state == "ENABLED")
        statement = (
            "Allow any-user to use keys in compartment okestack where all"
            f" {{request.principal.type='cluster', target.key.id='{key.id}'}}"
        )
        policies = self.client(oci.identity.IdentityClient)
        policies.create_policy(
            oci.identity.models.CreatePolicyDetails(
                compartment_id=C, name="key", description="-", statements=[statement]
            )
        )
        # Without this one no pod starts.
        policies.create_policy(
            oci.identity.models.CreatePolicyDetails(
                compartment_id=names.TENANCY_ID, name="ske", description="-", statements=list(SKE)
            )
        )
        time.sleep(2 * POLICY_DELAY * MINUTE)  # there is no telling a policy that does not hold yet from none
        return str(key.id)

    def make_cluster(self) -> str:
        m = oci.container_engine.models
        details = m.CreateClusterDetails(
            name="real",
            compartment_id=C,
            vcn_id=self.vcn_id,
            kubernetes_version="v1.36.1",
            type="ENHANCED_CLUSTER",
            kms_key_id=self.key_id,
            endpoint_config=m.CreateClusterEndpointConfigDetails(
                subnet_id=self.subnets["api"], is_public_ip_enabled=True
            ),
            cluster_pod_network_options=[m.OciVcnIpNativeClusterPodNetworkOptionDetails()],
            options=m.ClusterCreateOptions(
                service_lb_subnet_ids=[self.subnets["lb"]],
                service_lb_config=m.ServiceLbConfigDetails(freeform_tags={"made-for": "a-service"}),
            ),
        )
        return str(self.finish(self.engine.create_cluster(details)).resources[0].identifier)

    def make_pool(self) -> str:
        m = oci.container_engine.models
        details = m.CreateVirtualNodePoolDetails(
            compartment_id=C,
            cluster_id=self.cluster_id,
            display_name="pool",
            size=3,
            placement_configurations=[
                m.PlacementConfiguration(
                    availability_domain=names.AVAILABILITY_DOMAIN, fault_domain=[], subnet_id=self.subnets["nodes"]
                )
            ],
            pod_configuration=m.PodConfiguration(subnet_id=self.subnets["pods"], shape="Pod.Standard.E4.Flex"),
            initial_virtual_node_labels=[m.InitialVirtualNodeLabel(key="tier", value="app")],
        )
        return str(self.finish(self.engine.create_virtual_node_pool(details)).resources[0].identifier)

    # the cluster's API

    def kubeconfig(self) -> Any:
        return yaml.safe_load(self.engine.create_kubeconfig(self.cluster_id).data.content)

    def token(self) -> str:
        url = f"https://containerengine.{names.REGION}.oraclecloud.com/cluster_request/{self.cluster_id}"
        signed = requests.Request("GET", url, auth=self.engine.base_client.signer).prepare().headers
        query = urlencode({"authorization": signed["authorization"], "date": signed["date"]})
        return base64.urlsafe_b64encode(f"{url}?{query}".encode()).decode()

    def kube(self, method: str, path: str, body: Any = None, *, token: str | None = None, **options: Any) -> Any:
        cluster = self.kubeconfig()["clusters"][0]["cluster"]
        ca = self.folder.parent / "cluster-ca.pem"
        ca.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        context = ssl.create_default_context(cafile=str(ca))
        headers = {"Authorization": f"Bearer {token or self.token()}", **options}
        return httpx.request(method, cluster["server"] + path, json=body, headers=headers, verify=context, timeout=20)

    def nodes(self) -> dict[str, Any]:
        return {node["metadata"]["name"]: node for node in self.kube("GET", "/api/v1/nodes").json()["items"]}

    def all_ready(self) -> bool:
        try:
            nodes = self.nodes()
        except (httpx.HTTPError, KeyError, ValueError):
            return False
        ready = [
            condition["status"] for node in nodes.values() for condition in node["status"]["conditions"]
            if condition["type"] == "Ready"
        ]  # fmt: skip
        return ready == ["True"] * 3

    # a place among the pods

    def internal(self, method: str, path: str, body: Any = None) -> httpx.Response:
        transport = httpx.HTTPTransport(uds=str(self.folder / "internal.sock"))
        with httpx.Client(transport=transport, base_url="http://region") as client:
            return client.request(method, path, json=body)

    def run_at(self, vnic: dict[str, Any], code: str, *arguments: str) -> str:
        command = ["nsenter", f"--net=/var/run/netns/{vnic['netns']}", sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PATH": os.environ["PATH"]})
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    programs.folder()
    made = Site(tmp_path_factory.mktemp("c") / "s")
    made.start()
    try:
        made.build()
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.stop()
        subprocess.run(
            [sys.executable, "-m", "localregion", "--name", "ctest", "reset"], env=made.environment, cwd=REPOSITORY
        )
        assert not leftovers(made)


def leftovers(site: Site) -> list[str]:
    """Processes of the region and its network namespaces."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(site.folder) in command and "pytest" not in command:
            found.append(command[:120])
    namespaces = Path("/var/run/netns")
    found += [name.name for name in namespaces.glob("okestack-ctest*")] if namespaces.is_dir() else []
    return found


@pytest.fixture
def pod(site: Site) -> Iterator[dict[str, Any]]:
    """A VNIC in the pod subnet."""
    body = {"subnetId": site.subnets["pods"], "displayName": "pod", "ownerId": "test"}
    vnic = site.internal("POST", "/internal/vnics", body).json()
    yield vnic
    assert site.internal("DELETE", f"/internal/vnics/{vnic['id']}").status_code == 204


def test_the_operators_token_is_an_administrators(site: Site) -> None:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = site.kube("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    user = answer.json()["status"]["userInfo"]
    assert user["username"] == names.OPERATOR_ID
    assert names.ADMINISTRATORS_ID in user["groups"] and MANAGERS_GROUP in user["groups"]
    assert site.kube("GET", "/api/v1/secrets").status_code == 200


def test_other_tokens_and_none_are_refused(site: Site) -> None:
    assert site.kube("GET", "/version", token="x").status_code == 401
    moved = base64.urlsafe_b64encode(
        base64.urlsafe_b64decode(site.token()).replace(site.cluster_id.encode(), b"ocid1.cluster.oc1.local-1.other")
    ).decode()
    assert site.kube("GET", "/version", token=moved).status_code == 401


def test_secrets_are_sealed_in_etcd(site: Site) -> None:
    secret = {"metadata": {"name": "sealed"}, "stringData": {"word": "PLAIN-TO-BE-FOUND"}}
    config = {"metadata": {"name": "open"}, "data": {"word": "OPEN-TO-BE-FOUND"}}
    assert site.kube("POST", "/api/v1/namespaces/default/secrets", secret).status_code == 201
    assert site.kube("POST", "/api/v1/namespaces/default/configmaps", config).status_code == 201
    written = wal(site)
    assert b"OPEN-TO-BE-FOUND" in written
    assert b"PLAIN-TO-BE-FOUND" not in written
    assert b"k8s:enc:kms:v2:oci-vault:" in written


def wal(site: Site) -> bytes:
    """What etcd has written."""
    return b"".join(file.read_bytes() for file in site.folder.glob("clusters/*/etcd/member/wal/*.wal"))


def write_secret(site: Site, name: str) -> int:
    secret = {"metadata": {"name": name}, "stringData": {"word": name}}
    return int(site.kube("POST", "/api/v1/namespaces/default/secrets", secret).status_code)


def test_a_rotated_key_is_used_for_what_is_written_from_then_on(site: Site) -> None:
    assert write_secret(site, "before-the-rotation") == 201
    before = site.keys.get_key(site.key_id).data.current_key_version
    assert before.encode() in wal(site)
    version = site.keys.create_key_version(site.key_id).data.id
    numbers = itertools.count()

    def used() -> bool:
        assert write_secret(site, f"rotated-{next(numbers)}") == 201
        return version.encode() in wal(site)

    # The API server asks for the key's version once a minute.
    until(used, 150)
    assert site.kube("GET", "/api/v1/namespaces/default/secrets/rotated-0").status_code == 200


def test_a_disabled_key_is_noticed(site: Site) -> None:
    site.keys.disable_key(site.key_id)

    def not_ready() -> bool:
        answer = site.kube("GET", "/readyz?verbose")
        return answer.status_code == 500 and "[-]kms-providers failed" in answer.text

    until(not_ready, 150)
    site.keys.enable_key(site.key_id)
    until(lambda: site.kube("GET", "/readyz").status_code == 200, 60)


def test_nodes_are_ready_in_every_fault_domain(site: Site) -> None:
    nodes = site.nodes()
    assert site.all_ready()
    domains = {node["metadata"]["labels"]["oci.oraclecloud.com/fault-domain"] for node in nodes.values()}
    assert domains == set(names.FAULT_DOMAINS)
    shown = {node.private_ip: node for node in site.engine.list_virtual_nodes(site.pool_id).data}
    assert set(shown) == set(nodes)
    assert {node["metadata"]["labels"]["tier"] for node in nodes.values()} == {"app"}


def test_names_of_services_and_of_the_vcn_resolve(site: Site, pod: dict[str, Any]) -> None:
    cluster = site.engine.get_cluster(site.cluster_id).data
    host = cluster.endpoints.vcn_hostname_endpoint.split(":")[0]
    asked = ("kubernetes.default.svc.cluster.local", host, f"kms.{names.REGION}.{names.REALM_DOMAIN}")
    answers = site.run_at(pod, RESOLVE, *asked).split()
    assert answers == ["10.96.0.1", cluster.endpoints.private_endpoint.split(":")[0], names.SERVICE_ADDRESS]


def test_a_workload_gets_a_session_for_its_service_account(site: Site, pod: dict[str, Any]) -> None:
    from localregion.host.pki import new_key, public_key_pem

    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    # Where SDKs look: KUBERNETES_SERVICE_HOST.
    host = "10.96.0.1"
    until(lambda: len(site.kube("GET", "/api/v1/namespaces/default/services/kubernetes").json()["spec"]["ports"]) == 2)
    key = "".join(public_key_pem(new_key("rsa")).decode().splitlines()[1:-1])
    ca = site.folder.parent / "cluster-ca.pem"

    def exchange(audience: str) -> tuple[str, str]:
        token = site.kube("POST", path, {"spec": {"audiences": [audience]}}).json()["status"]["token"]
        status, _, text = site.run_at(pod, EXCHANGE, host, str(ca), key, token).partition(" ")
        return status, text

    status, text = exchange("api")
    assert status == "200"
    assert json.loads(base64.b64decode(json.loads(text)))["token"].startswith("ST$")
    status, text = exchange("vault")
    assert status == "401"


def test_a_service_has_a_load_balancer_as_long_as_it_lives(site: Site, pod: dict[str, Any]) -> None:
    command = ["nsenter", f"--net=/var/run/netns/{pod['netns']}", sys.executable, "-c", SERVER, pod["privateIp"]]
    server = subprocess.Popen(command)
    services = "/api/v1/namespaces/default/services"
    beta = "service.beta.kubernetes.io/oci-load-balancer"
    try:
        service = {
            "metadata": {
                "name": "web",
                "annotations": {
                    f"{beta}-shape": "flexible",
                    f"{beta}-shape-flex-min": "10",
                    f"{beta}-shape-flex-max": "20",
                },
            },
            "spec": {"type": "LoadBalancer", "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        }
        assert site.kube("POST", services, service).status_code == 201
        slices = {
            "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4",
            "endpoints": [
                {
                    "addresses": [pod["privateIp"]],
                    "conditions": {"ready": True},
                    "targetRef": {"kind": "Pod", "name": "web-0", "namespace": "default"},
                }
            ],
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        }
        path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
        assert site.kube("POST", path, slices).status_code == 201

        def events() -> str:
            found = site.kube("GET", "/api/v1/namespaces/default/events").json()["items"]
            return " ".join(event.get("message", "") for event in found if event["involvedObject"]["name"] == "web")

        # Writing the security rules is not done here, and the Service says so.
        until(lambda: re.search("security rule management mode 'All' is not implemented", events()))
        patch = {"metadata": {"annotations": {"oci.oraclecloud.com/security-rule-management-mode": "None"}}}
        merge = {"Content-Type": "application/merge-patch+json"}
        assert site.kube("PATCH", f"{services}/web", patch, **merge).status_code == 200

        def ingress() -> Any:
            return site.kube("GET", f"{services}/web").json()["status"]["loadBalancer"].get("ingress")

        address = until(ingress)[0]["ip"]

        def hello() -> bool:
            try:
                return httpx.get(f"http://{address}/", timeout=3).text == "hello"
            except httpx.HTTPError:
                return False

        until(hello)
        balancers = site.client(oci.load_balancer.LoadBalancerClient)
        (balancer,) = balancers.list_load_balancers(C).data
        assert balancer.shape_details.maximum_bandwidth_in_mbps == 20
        assert balancer.freeform_tags == {"made-for": "a-service"}

        def backend_set() -> Any:
            return balancers.get_load_balancer(balancer.id).data.backend_sets["TCP-80"]

        def healthy() -> bool:
            return bool(balancers.get_backend_set_health(balancer.id, "TCP-80").data.status == "OK")

        node_port = site.kube("GET", f"{services}/web").json()["spec"]["ports"][0]["nodePort"]
        assert {backend.name for backend in backend_set().backends} == {f"{pod['privateIp']}:{node_port}"}
        assert backend_set().health_checker.port == 10256
        until(healthy)
        for node in site.nodes():
            # A virtual node answers at no node port; its pods do.
            assert site.run_at(pod, DIAL, node, str(node_port)).strip() != "0"
        local = {"spec": {"externalTrafficPolicy": "Local"}}
        assert site.kube("PATCH", f"{services}/web", local, **merge).status_code == 200
        health = site.kube("GET", f"{services}/web").json()["spec"]["healthCheckNodePort"]
        until(lambda: backend_set().health_checker.port == health)
        assert {backend.name for backend in backend_set().backends} == {f"{pod['privateIp']}:{node_port}"}
        until(healthy)
        until(hello)

        change = {
            "metadata": {"annotations": {f"{beta}-shape-flex-max": "50"}},
            "spec": {"ports": [*service["spec"]["ports"], {"name": "alt", "port": 81, "targetPort": 8080}]},  # type: ignore[index]
        }
        assert site.kube("PATCH", f"{services}/web", change, **merge).status_code == 200

        def changed() -> bool:
            now = balancers.get_load_balancer(balancer.id).data
            return set(now.listeners) == {"TCP-80", "TCP-81"} and now.shape_details.maximum_bandwidth_in_mbps == 50

        until(changed)
        assert site.kube("DELETE", f"{services}/web").status_code == 200
        until(lambda: site.kube("GET", f"{services}/web").status_code == 404)
        assert balancers.get_load_balancer(balancer.id).data.lifecycle_state == "DELETED"
    finally:
        server.kill()
        server.wait()


def test_a_service_can_have_a_reserved_address(site: Site) -> None:
    network = site.client(oci.core.VirtualNetworkClient)
    details = oci.core.models.CreatePublicIpDetails(compartment_id=C, lifetime="RESERVED", display_name="fixed")
    address = network.create_public_ip(details).data
    services = "/api/v1/namespaces/default/services"
    service = {
        "metadata": {
            "name": "fixed",
            "annotations": {"oci.oraclecloud.com/security-rule-management-mode": "None"},
        },
        "spec": {"type": "LoadBalancer", "loadBalancerIP": address.ip_address, "ports": [{"port": 80}]},
    }
    assert site.kube("POST", services, service).status_code == 201

    def ingress() -> Any:
        return site.kube("GET", f"{services}/fixed").json()["status"]["loadBalancer"].get("ingress")

    assert until(ingress)[0]["ip"] == address.ip_address
    assert site.kube("DELETE", f"{services}/fixed").status_code == 200
    until(lambda: site.kube("GET", f"{services}/fixed").status_code == 404)
    assert network.get_public_ip(address.id).data.ip_address == address.ip_address


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_region_that_ended_comes_back_with_its_cluster(site: Site, number: signal.Signals) -> None:
    site.stop(number)
    until(lambda: not [line for line in leftovers(site) if not line.startswith("okestack-")], 15)
    if number == signal.SIGTERM:
        assert not leftovers(site)
    site.start()
    until(site.all_ready, 120)
    secret = site.kube("GET", "/api/v1/namespaces/default/secrets/sealed").json()
    assert base64.b64decode(secret["data"]["word"]) == b"PLAIN-TO-BE-FOUND"


def test_killed_while_a_pool_changes_it_goes_on(site: Site) -> None:
    details = oci.container_engine.models.UpdateVirtualNodePoolDetails(size=5)
    response = site.engine.update_virtual_node_pool(site.pool_id, details)
    time.sleep(0.3)
    site.stop(signal.SIGKILL)
    site.start()
    site.finish(response)
    nodes = site.engine.list_virtual_nodes(site.pool_id).data
    assert len(nodes) == 5
    assert {node.private_ip for node in nodes} == set(site.nodes())


def test_cycling_keeps_the_pools_size(site: Site) -> None:
    m = oci.container_engine.models
    before = set(site.nodes())
    details = m.UpdateVirtualNodePoolDetails(
        taints=[m.Taint(key="cycled", effect="PreferNoSchedule")],
        virtual_node_pool_cycling_details=m.VirtualNodePoolCyclingDetails(
            is_virtual_node_cycling_enabled=True, maximum_surge="2", maximum_unavailable="0"
        ),
    )
    response = site.engine.update_virtual_node_pool(site.pool_id, details)
    seen = []
    while site.engine.get_work_request(response.headers["opc-work-request-id"]).data.status != "SUCCEEDED":
        seen.append(len(site.nodes()))
        time.sleep(0.3)
    site.finish(response)
    after = site.nodes()
    assert len(after) == 5 and not before & set(after)
    assert all(5 <= count <= 7 for count in seen), seen
    assert {node["spec"]["taints"][0]["key"] for node in after.values()} == {"cycled"}


def test_a_pool_drains_and_goes(site: Site) -> None:
    site.finish(site.engine.delete_virtual_node_pool(site.pool_id, override_eviction_grace_duration_vnp="PT1M"))
    assert site.nodes() == {}
    assert not list(site.folder.glob("clusters/*/pools/*"))


def test_a_cluster_killed_while_it_is_made_gets_made(site: Site) -> None:
    site.finish(site.engine.delete_cluster(site.cluster_id))
    assert not list(site.folder.glob("clusters/*"))
    m = oci.container_engine.models
    details = m.CreateClusterDetails(
        name="killed", compartment_id=C, vcn_id=site.vcn_id, kubernetes_version="v1.36.1",
        endpoint_config=m.CreateClusterEndpointConfigDetails(subnet_id=site.subnets["api"], is_public_ip_enabled=True),
    )  # fmt: skip
    response = site.engine.create_cluster(details)
    until(lambda: list(site.folder.glob("clusters/*/logs/kube-apiserver.log")), 60)
    site.stop(signal.SIGKILL)
    site.start()
    request = site.finish(response)
    site.cluster_id = request.resources[0].identifier
    assert site.kube("GET", "/api/v1/nodes").json()["items"] == []
