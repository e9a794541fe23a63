"""Load balancers looked up: by name, as OKE names one that a Service made, by tags and address; their health."""

from __future__ import annotations

from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import BadOptions
from oci.load_balancer import LoadBalancerClient, models

from localregion.testing import Region

from .conftest import Door

UID = "7c3e9a52-1f0b-4f6e-9a61-6f4b6f6f2a11"


def balancer(region: Region, subnet_id: str, name: str, **values: Any) -> Any:
    """A load balancer as the cloud's controller makes one for a Service."""
    checker = models.HealthCheckerDetails(protocol="HTTP", url_path="/healthz", port=10256)
    backends = [models.BackendDetails(ip_address=f"10.0.16.{n}", port=30080) for n in (2, 3)]
    details = models.CreateLoadBalancerDetails(
        **{
            "compartment_id": region.compartment_id,
            "display_name": name,
            "shape_name": "flexible",
            "shape_details": models.ShapeDetails(minimum_bandwidth_in_mbps=10, maximum_bandwidth_in_mbps=100),
            "subnet_ids": [subnet_id],
            "backend_sets": {
                "TCP-80": models.BackendSetDetails(policy="ROUND_ROBIN", health_checker=checker, backends=backends)
            },
            "listeners": {"TCP-80": models.ListenerDetails(default_backend_set_name="TCP-80", port=80, protocol="TCP")},
            **values,
        }
    )
    client = region.client(LoadBalancerClient)
    client.create_load_balancer(details)
    region.settle()
    return client.list_load_balancers(region.compartment_id, display_name=name).data[0]


@pytest.fixture(scope="module")
def subnet_id(region: Region) -> str:
    door = Door(region)
    common: dict[str, Any] = {"compartment_id": region.compartment_id}
    vcn = door("vcn", **common, display_name="shop", cidr_blocks=["10.0.0.0/16"])["vcn"]
    subnet = door("subnet", **common, vcn_id=vcn["id"], display_name="lb", cidr_block="10.0.1.0/24")["subnet"]
    return str(subnet["id"])


@pytest.fixture(scope="module")
def made(region: Region, subnet_id: str) -> dict[str, Any]:
    shop = {"okestack-deployment": "shop"}
    return {
        "service": balancer(region, subnet_id, UID, freeform_tags=shop),
        "inner": balancer(
            region, subnet_id, "inner", freeform_tags=shop, is_private=True, shape_name="100Mbps", shape_details=None
        ),
        "other": balancer(region, subnet_id, "other"),
    }


def look(door: Door, **options: Any) -> list[dict[str, Any]]:
    result = door("load_balancer_info", **options)
    assert not result["changed"]
    found: list[dict[str, Any]] = result["load_balancers"]
    return found


def test_one_that_a_service_made_is_found_by_its_uid(door: Door, region: Region, made: dict[str, Any]) -> None:
    (found,) = look(door, compartment_id=region.compartment_id, display_name=UID)
    assert found["id"] == made["service"].id
    assert (found["shape_name"], found["lifecycle_state"]) == ("flexible", "ACTIVE")
    assert found["shape_details"] == {"minimum_bandwidth_in_mbps": 10, "maximum_bandwidth_in_mbps": 100}
    assert found["ip_addresses"][0]["is_public"] and found["ip_addresses"][0]["ip_address"]
    assert found["listeners"]["TCP-80"]["port"] == 80
    assert [b["ip_address"] for b in found["backend_sets"]["TCP-80"]["backends"]] == ["10.0.16.2", "10.0.16.3"]
    assert "health" not in found


def test_by_tags_address_and_id(door: Door, region: Region, made: dict[str, Any]) -> None:
    where = {"compartment_id": region.compartment_id}
    tagged = look(door, **where, freeform_tags={"okestack-deployment": "shop"})
    assert {d["id"] for d in tagged} == {made["service"].id, made["inner"].id}
    address = made["inner"].ip_addresses[0].ip_address
    assert [d["display_name"] for d in look(door, **where, ip_address=address)] == ["inner"]
    assert look(door, **where, ip_address="192.0.2.1") == []
    (one,) = look(door, id=made["inner"].id)
    assert (one["shape_name"], one["shape_details"], one["is_private"]) == ("100Mbps", None, True)
    with pytest.raises(BadOptions, match="compartment_id, id"):
        door("load_balancer_info")


def test_health_is_asked_for_only_when_wanted(door: Door, region: Region, made: dict[str, Any]) -> None:
    where = {"compartment_id": region.compartment_id, "display_name": UID}
    region.forget_calls()
    look(door, **where)
    assert region.count("load_balancer.*") == 1
    (found,) = look(door, **where, health=True)
    health = found["health"]
    assert (health["status"], health["total_backend_set_count"]) == ("UNKNOWN", 1)
    assert health["backend_sets"]["TCP-80"]["total_backend_count"] == 2
    assert region.count("load_balancer.*") == 4, "the list twice, the whole and its one backend set"


def test_what_is_deleted_is_not_shown(door: Door, region: Region, subnet_id: str) -> None:
    gone = balancer(region, subnet_id, "gone")
    region.client(LoadBalancerClient).delete_load_balancer(gone.id)
    region.settle()
    assert look(door, compartment_id=region.compartment_id, display_name="gone") == []
    shown = look(door, compartment_id=region.compartment_id, display_name="gone", lifecycle_states=["DELETED"])
    assert [d["id"] for d in shown] == [gone.id]


def test_a_shape_changes_in_place_and_is_seen(door: Door, region: Region, made: dict[str, Any]) -> None:
    client = region.client(LoadBalancerClient)
    fixed = models.UpdateLoadBalancerShapeDetails(shape_name="400Mbps")
    client.update_load_balancer_shape(made["other"].id, fixed)
    region.settle()
    (found,) = look(door, id=made["other"].id)
    assert (found["shape_name"], found["shape_details"]) == ("400Mbps", None)
    with pytest.raises(oci.exceptions.ServiceError, match="shapeDetails"):
        client.update_load_balancer_shape(
            made["other"].id, models.UpdateLoadBalancerShapeDetails(shape_name="flexible")
        )
