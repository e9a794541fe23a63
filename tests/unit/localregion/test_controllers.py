# SPDX-License-Identifier: GPL-3.0-or-later
"""What load balancer a Service asks for, by its annotations."""

from __future__ import annotations

from typing import Any

import pytest

from localregion.parts import controllers
from localregion.parts.controllers import ClusterFacts, Refused, desired

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


def node(address: str, *, ready: str = "True", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": address, **metadata},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "addresses": [{"type": "Hostname", "address": "x"}, {"type": "InternalIP", "address": address}],
        },
    }


def test_defaults_are_those_of_the_cloud_controller() -> None:
    body = desired(service(), FACTS, {"a": node("10.0.16.3"), "b": node("10.0.16.2")})
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
                    {"ipAddress": "10.0.16.2", "port": 30080, "weight": 1},
                    {"ipAddress": "10.0.16.3", "port": 30080, "weight": 1},
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
    body = desired(service(annotations), FACTS, {})
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
    listener = desired(service(annotations), FACTS, {})["listeners"]["TCP-80"]
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
        ({}, {"externalTrafficPolicy": "Local"}, "Local is not implemented"),
        ({f"{BETA}-internal": "true"}, {"loadBalancerIP": "1.2.3.4"}, "private load balancer with Reserved IP"),
        ({}, {"ports": [{"port": 53, "protocol": "UDP", "nodePort": 30053}]}, "UDP"),
        ({}, {"ports": [{"port": 80, "protocol": "TCP"}]}, "node ports"),
    ],
)
def test_what_cannot_be_is_said(annotations: dict[str, str], spec: dict[str, Any], match: str) -> None:
    with pytest.raises(Refused, match=match):
        desired(service(annotations, **spec), FACTS, {})


def test_the_older_name_of_the_rule_annotation_counts() -> None:
    plain = service()
    plain["metadata"]["annotations"] = {f"{BETA}-security-list-management-mode": "None"}
    assert desired(plain, FACTS, {})["listeners"]


def test_without_a_subnet_there_is_no_load_balancer() -> None:
    with pytest.raises(Refused, match="subnet must be specified"):
        desired(service(), ClusterFacts("c", (), {}, {}), {})


def test_nodes_that_take_no_traffic_are_no_backends() -> None:
    nodes = {
        "a": node("10.0.0.1"),
        "b": node("10.0.0.2", ready="False"),
        "c": node("10.0.0.3", labels={controllers.EXCLUDED: ""}),
        "d": node("10.0.0.4", deletionTimestamp="now"),
    }
    assert controllers.backends_of(nodes) == ["10.0.0.1"]


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
    assert controllers.wanted(one) is expected


def test_what_the_service_adds_is_no_difference() -> None:
    want = desired(service(), FACTS, {"a": node("10.0.0.1")})["backendSets"]["TCP-80"]
    backend = {"ipAddress": "10.0.0.1", "port": 30080, "weight": 1, "name": "10.0.0.1:30080", "drain": False}
    have = want | {"name": "TCP-80", "backends": [backend], "healthChecker": want["healthChecker"] | {"extra": 1}}
    assert not controllers._backend_set_differs(want, have)
    assert controllers._backend_set_differs(want, have | {"policy": "IP_HASH"})
    assert controllers._backend_set_differs(want, have | {"backends": []})
