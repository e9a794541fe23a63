# SPDX-License-Identifier: GPL-3.0-or-later
"""What load balancer a Service asks for, by its annotations."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import oci
import pytest

from localregion.backends import service_controllers
from localregion.backends.node_ports import NodePort
from localregion.backends.service_controllers import ClusterFacts, Refused, desired, node_ports_of, pods_behind
from localregion.testing import Region
from tests.unit.localregion.support import Net

FACTS = ClusterFacts("compartment", ("subnet-lb",), {"made-for": "services"}, {"ns": {"k": "v"}})
BETA = "service.beta.kubernetes.io/oci-load-balancer"
OCI = "oci.oraclecloud.com"
NONE = {f"{OCI}/security-rule-management-mode": "None"}
FLEXIBLE = {f"{BETA}-shape": "flexible", f"{BETA}-shape-flex-min": "10", f"{BETA}-shape-flex-max": "100"}


def service(annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30080, "protocol": "TCP"}]
    return {
        "metadata": {"name": "web", "namespace": "apps", "uid": "uid-1", "annotations": NONE | (annotations or {})},
        "spec": {"type": "LoadBalancer", "ports": ports, **spec},
    }


def slices_of(*addresses: str, **values: Any) -> dict[str, Any]:
    """An EndpointSlice of the Service `web`, with ready pods at these addresses."""
    pods = [{"addresses": [one], "conditions": {"ready": True}, "targetRef": {"kind": "Pod"}} for one in addresses]
    return {
        "metadata": {"name": "web-1", "namespace": "apps", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "endpoints": pods,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        **values,
    }


def test_defaults_are_those_of_the_cloud_controller() -> None:
    body = desired(service(), FACTS, [slices_of("10.0.32.3"), slices_of("10.0.32.2")])
    assert body == {
        "compartmentId": "compartment",
        "displayName": "uid-1",
        "shapeName": "100Mbps",
        "subnetIds": ["subnet-lb"],
        "isPrivate": False,
        "networkSecurityGroupIds": [],
        "freeformTags": {"made-for": "services"},
        "definedTags": {"ns": {"k": "v"}},
        "backendSets": {
            "TCP-80": {
                "policy": "ROUND_ROBIN",
                "backends": [
                    {"ipAddress": "10.0.32.2", "port": 30080, "weight": 1},
                    {"ipAddress": "10.0.32.3", "port": 30080, "weight": 1},
                ],
                "healthChecker": {
                    "protocol": "HTTP",
                    "urlPath": "/healthz",
                    "port": 10256,
                    "returnCode": 200,
                    "retries": 3,
                    "timeoutInMillis": 3000,
                    "intervalInMillis": 10000,
                },
            }
        },
        "listeners": {"TCP-80": {"defaultBackendSetName": "TCP-80", "port": 80, "protocol": "TCP"}},
    }


def test_annotations_take_effect() -> None:
    annotations = FLEXIBLE | {
        f"{BETA}-internal": "true",
        f"{BETA}-subnet1": "other",
        f"{OCI}/oci-network-security-groups": "a, b,a",
        f"{OCI}/initial-freeform-tags-override": '{"mine": "x"}',
        f"{OCI}/loadbalancer-policy": "LEAST_CONNECTIONS",
        f"{BETA}-backend-protocol": "http",
        f"{BETA}-connection-idle-timeout": "90",
        f"{BETA}-health-check-interval": "5000",
    }
    body = desired(service(annotations), FACTS, [])
    assert (body["shapeName"], body["shapeDetails"]) == (
        "flexible",
        {"minimumBandwidthInMbps": 10, "maximumBandwidthInMbps": 100},
    )
    assert (body["isPrivate"], body["subnetIds"]) == (True, ["other"])
    assert body["networkSecurityGroupIds"] == ["a", "b"]
    assert (body["freeformTags"], body["definedTags"]) == ({"mine": "x"}, {"ns": {"k": "v"}})
    assert body["backendSets"]["TCP-80"]["policy"] == "LEAST_CONNECTIONS"
    assert body["backendSets"]["TCP-80"]["healthChecker"]["intervalInMillis"] == 5000
    assert body["listeners"]["TCP-80"]["protocol"] == "HTTP"
    assert body["listeners"]["TCP-80"]["connectionConfiguration"] == {"idleTimeout": 90}


def test_tls_ports_name_the_secrets_certificate() -> None:
    annotations = {f"{BETA}-ssl-ports": "80", f"{BETA}-tls-secret": "apps/shop-tls"}
    listener = desired(service(annotations), FACTS, [])["listeners"]["TCP-80"]
    assert listener["sslConfiguration"]["certificateName"] == "shop-tls"


@pytest.mark.parametrize(
    ("annotations", "spec", "match"),
    [
        ({f"{OCI}/security-rule-management-mode": "NSG"}, {}, "'NSG' is not implemented"),
        ({f"{OCI}/load-balancer-type": "nlb"}, {}, "'nlb' is not implemented"),
        ({f"{BETA}-shape": "flexible"}, {}, "shape-flex-min is required"),
        (FLEXIBLE | {f"{BETA}-shape-flex-min": "500"}, {}, "min is greater"),
        (FLEXIBLE | {f"{BETA}-shape-flex-min": "ten"}, {}, "in Mbps"),
        ({f"{OCI}/oci-network-security-groups": "a,b,c,d,e,f"}, {}, "Max: 5"),
        ({f"{BETA}-health-check-retries": "many"}, {}, "whole number"),
        ({f"{BETA}-ssl-ports": "80"}, {}, "tls-secret is required"),
        ({f"{BETA}-ssl-ports": "https"}, {}, "parse SSL port"),
        ({f"{OCI}/initial-freeform-tags-override": "[1]"}, {}, "not a JSON object"),
        ({}, {"sessionAffinity": "ClientIP"}, "SessionAffinity"),
        ({f"{BETA}-internal": "true"}, {"loadBalancerIP": "1.2.3.4"}, "private load balancer with Reserved IP"),
        ({}, {"ports": [{"port": 53, "protocol": "UDP", "nodePort": 30053}]}, "UDP"),
        ({}, {"ports": [{"port": 80, "protocol": "TCP"}]}, "node ports"),
    ],
)
def test_what_cannot_be_is_said(annotations: dict[str, str], spec: dict[str, Any], match: str) -> None:
    with pytest.raises(Refused, match=match):
        desired(service(annotations, **spec), FACTS, [])


def test_the_older_name_of_the_rule_annotation_counts() -> None:
    plain = service()
    plain["metadata"]["annotations"] = {f"{BETA}-security-list-management-mode": "None"}
    assert desired(plain, FACTS, [])["listeners"]


def test_without_a_subnet_there_is_no_load_balancer() -> None:
    with pytest.raises(Refused, match="subnet must be specified"):
        desired(service(), ClusterFacts("c", (), {}, {}), [])


HTTP = {"name": "http", "port": 80, "nodePort": 30080}
POD = {"kind": "Pod", "name": "web-0"}


def endpoint(address: str, ref: Any = POD, **conditions: Any) -> dict[str, Any]:
    return {"addresses": [address], "targetRef": ref, "conditions": conditions}


@pytest.mark.parametrize(
    ("port", "slices", "expected"),
    [
        pytest.param(HTTP, [], {}, id="no slice"),
        pytest.param(HTTP, [slices_of("10.0.32.3", "10.0.32.2")], {"10.0.32.2": 8080, "10.0.32.3": 8080}, id="pods"),
        pytest.param(
            HTTP, [slices_of("10.0.32.2"), slices_of("10.0.32.3", ports=[{"name": "http", "port": 9090}])],
            {"10.0.32.2": 8080, "10.0.32.3": 9090}, id="a named port with another number in each slice",
        ),
        pytest.param(
            {"name": "admin", "port": 81}, [slices_of("10.0.32.2")], {}, id="a port that the pods do not name",
        ),
        pytest.param(
            {"port": 80}, [slices_of("10.0.32.2", ports=[{"name": "", "port": 8080}])], {"10.0.32.2": 8080},
            id="the only port needs no name",
        ),
        pytest.param(
            {"port": 80}, [slices_of("10.0.32.2", ports=[{"name": None, "port": 8080}])], {"10.0.32.2": 8080},
            id="nor null for one",
        ),
        pytest.param({**HTTP, "protocol": "UDP"}, [slices_of("10.0.32.2")], {}, id="another protocol"),
        pytest.param(
            HTTP, [slices_of(endpoints=[endpoint("10.0.32.2", ready=False), endpoint("10.0.32.3", ready=True)])],
            {"10.0.32.3": 8080}, id="not ready",
        ),
        pytest.param(
            HTTP, [slices_of(endpoints=[endpoint("10.0.32.2", ready=False, serving=True, terminating=True)])],
            {}, id="on its way out",
        ),
        pytest.param(HTTP, [slices_of(endpoints=[endpoint("10.0.32.2")])], {"10.0.32.2": 8080}, id="unknown is ready"),
        pytest.param(HTTP, [slices_of(endpoints=[endpoint("10.0.1.9", None)])], {}, id="no pod"),
        pytest.param(HTTP, [slices_of(endpoints=[endpoint("10.0.1.9", {"kind": "Node"})])], {}, id="a node"),
        pytest.param(HTTP, [slices_of("fd00::1", addressType="IPv6")], {}, id="IPv6"),
        pytest.param(HTTP, [slices_of(endpoints=None)], {}, id="null for an empty list"),
    ],
)  # fmt: skip
def test_the_backends_are_the_ready_pods(port: Any, slices: list[Any], expected: dict[str, int]) -> None:
    assert pods_behind(port, slices) == expected
    assert list(pods_behind(port, slices)) == sorted(expected)


@pytest.mark.parametrize(
    ("spec", "health", "expected"),
    [
        pytest.param(
            {}, 10256,
            {NodePort("10.0.32.2", "tcp", 30080, 8080, spread=True),
             NodePort("10.0.32.2", "tcp", 10256, 10256, health=True)},
            id="Cluster: kube-proxy's own health",
        ),
        pytest.param(
            {"externalTrafficPolicy": "Local", "healthCheckNodePort": 31000}, 31000,
            {NodePort("10.0.32.2", "tcp", 30080, 8080), NodePort("10.0.32.2", "tcp", 31000, 10256, health=True)},
            id="Local: the Service's health, and the sender's address",
        ),
        pytest.param(
            {"type": "NodePort"}, None,
            {NodePort("10.0.32.2", "tcp", 30080, 8080, spread=True),
             NodePort("10.0.32.2", "tcp", 10256, 10256, health=True)},
            id="a node port without a load balancer",
        ),
        pytest.param({"type": "ClusterIP"}, None, set(), id="no node port"),
    ],
)  # fmt: skip
def test_each_pod_answers_at_its_address_and_the_node_port(spec: Any, health: int | None, expected: set[Any]) -> None:
    one, pods = service(**spec), [slices_of("10.0.32.2")]
    assert set(node_ports_of(one, pods)) == expected
    if health:
        (backends,) = desired(one, FACTS, pods)["backendSets"].values()
        assert [(item["ipAddress"], item["port"]) for item in backends["backends"]] == [("10.0.32.2", 30080)]
        assert (backends["healthChecker"]["urlPath"], backends["healthChecker"]["port"]) == ("/healthz", health)


@pytest.mark.parametrize(
    ("spec", "metadata", "expected"),
    [
        ({}, {}, True),
        ({"type": "ClusterIP"}, {}, False),
        ({"loadBalancerClass": "other.example/lb"}, {}, False),
        ({}, {"deletionTimestamp": "now"}, False),
    ],
)
def test_whose_services(spec: dict[str, Any], metadata: dict[str, Any], expected: bool) -> None:
    one = service(**spec)
    one["metadata"] |= metadata
    assert service_controllers.wanted(one) is expected


def test_what_the_service_adds_is_no_difference() -> None:
    want = desired(service(), FACTS, [slices_of("10.0.0.1")])["backendSets"]["TCP-80"]
    backend = {"ipAddress": "10.0.0.1", "port": 30080, "weight": 1, "name": "10.0.0.1:30080", "drain": False}
    have = want | {"name": "TCP-80", "backends": [backend], "healthChecker": want["healthChecker"] | {"extra": 1}}
    assert not service_controllers._backend_set_differs(want, have)
    assert service_controllers._backend_set_differs(want, have | {"policy": "IP_HASH"})
    assert service_controllers._backend_set_differs(want, have | {"backends": []})


# --- a Service's load balancer, from its beginning to its end ----------------------------------------------------


class Kube:
    """A cluster with one Service and its pods; what the controller writes is kept."""

    def __init__(self, one: dict[str, Any], pods: dict[str, Any]) -> None:
        self.service, self.pods = one, pods
        self.events: list[tuple[str, str]] = []
        self.led: frozenset[NodePort] = frozenset()
        self._changes: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._moves: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def watch(self, path: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """The Service or its EndpointSlice, and then each of its changes."""
        slices = path.endswith("/endpointslices")
        item = copy.deepcopy(self.pods if slices else self.service)
        yield "ADDED", item
        yield "SYNCED", {"items": [item]}
        while True:
            yield "MODIFIED", await (self._moves if slices else self._changes).get()

    def move(self, *addresses: str) -> None:
        """Other pods are ready now."""
        self._moves.put_nowait(slices_of(*addresses))

    async def lead(self, ports: frozenset[NodePort]) -> None:
        """Where the network leads node ports to."""
        self.led = ports

    async def get(self, path: str) -> None:
        """No Secrets."""

    async def merge(self, path: str, body: dict[str, Any]) -> None:
        """Finalizers and status."""
        self.service["metadata"] |= {k: v for k, v in body.get("metadata", {}).items() if k != "resourceVersion"}
        self.service["status"] = body.get("status") or self.service.get("status") or {}
        self._changes.put_nowait(copy.deepcopy(self.service))

    async def event(self, item: Any, reason: str, message: str, *, kind: str = "Normal", component: str) -> None:
        """As `kubectl describe` would show it."""
        self.events.append((reason, message))

    def annotate(self, **shape: str) -> None:
        """Another shape, as a user applies it: annotations of the earlier one go."""
        kept = {k: v for k, v in self.service["metadata"]["annotations"].items() if f"{BETA}-shape" not in k}
        self.service["metadata"]["annotations"] = kept | {f"{BETA}-{k.replace('_', '-')}": v for k, v in shape.items()}
        self._changes.put_nowait(copy.deepcopy(self.service))


@contextmanager
def controlled(region: Region, kube: Kube) -> Iterator[None]:
    """The cloud's controller at work, on the region's own API of load balancers."""
    subnet = Net(region).subnet("10.0.1.0/24", "lb")
    calls = region.inner.services["containerengine"].running_clusters.load_balancers
    facts = ClusterFacts(region.compartment_id, (subnet.id,), {"made-for": "services"}, {})

    async def start() -> Any:
        made = service_controllers.ServiceController(kube, lambda: facts, calls.call, lambda: 0.01, kube.lead)  # type: ignore[arg-type]
        made.start()
        return made

    controller = region.run(start())
    try:
        yield
    finally:
        region.run(controller.stop())


def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives when it is true; fails after a while."""
    deadline = time.monotonic() + 10
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
    return found


def test_the_shape_of_a_load_balancer_follows_its_service_in_place(region: Region) -> None:
    one = service(FLEXIBLE)
    one["metadata"] |= {"resourceVersion": "1"}
    kube = Kube(one, slices_of("10.0.32.2", "10.0.32.3"))
    client = region.client(oci.load_balancer.LoadBalancerClient)

    def balancer() -> Any:
        return next(iter(client.list_load_balancers(region.compartment_id, display_name="uid-1").data), None)

    def shape() -> tuple[str, int | None, int | None]:
        found = balancer()
        details = found.shape_details
        bounds = (details.minimum_bandwidth_in_mbps, details.maximum_bandwidth_in_mbps) if details else (None, None)
        return (found.shape_name, *bounds)

    with controlled(region, kube):
        until(lambda: (kube.service.get("status") or {}).get("loadBalancer", {}).get("ingress"))
        first = balancer()
        assert shape() == ("flexible", 10, 100)
        region.forget_calls()
        for annotations, expected in (
            ({"shape": "flexible", "shape_flex_min": "50", "shape_flex_max": "400"}, ("flexible", 50, 400)),
            ({"shape": "100Mbps"}, ("100Mbps", None, None)),
            ({"shape": "400Mbps"}, ("400Mbps", None, None)),
            ({"shape": "flexible", "shape_flex_min": "10", "shape_flex_max": "20"}, ("flexible", 10, 20)),
        ):
            kube.annotate(**annotations)
            until(lambda expected=expected: shape() == expected)  # type: ignore[misc]
        until(lambda: [reason for reason, _ in kube.events].count("UpdatedLoadBalancer") == 4)
        kube.annotate(shape="77Mbps")
        until(lambda: any("77Mbps" in message for _, message in kube.events))
        assert shape() == ("flexible", 10, 20), "a shape that the region lacks changes nothing"
        now = balancer()
        assert (now.id, now.ip_addresses[0].ip_address) == (first.id, first.ip_addresses[0].ip_address)
        assert now.listeners["TCP-80"].port == 80 and len(now.backend_sets["TCP-80"].backends) == 2
        kube.service["metadata"]["deletionTimestamp"] = "now"
        kube.annotate()
        until(lambda: balancer() is None or balancer().lifecycle_state == "DELETED")
        until(lambda: not kube.service["metadata"]["finalizers"])


def test_a_load_balancer_follows_the_pods(region: Region) -> None:
    one = service(FLEXIBLE)
    one["metadata"] |= {"resourceVersion": "1"}
    kube = Kube(one, slices_of())
    client = region.client(oci.load_balancer.LoadBalancerClient)

    def backends() -> set[str]:
        (balancer,) = client.list_load_balancers(region.compartment_id, display_name="uid-1").data
        return {backend.name for backend in balancer.backend_sets["TCP-80"].backends}

    with controlled(region, kube):
        until(lambda: (kube.service.get("status") or {}).get("loadBalancer", {}).get("ingress"))
        assert backends() == set()
        for pods in (["10.0.32.2"], ["10.0.32.2", "10.0.32.3"], ["10.0.32.4"], []):
            kube.move(*pods)
            until(lambda pods=pods: backends() == {f"{pod}:30080" for pod in pods})  # type: ignore[misc]
            assert {port.address for port in kube.led} == set(pods)
    assert kube.led == frozenset()
