# SPDX-License-Identifier: GPL-3.0-or-later
"""OKE's defaults, refusals and placement, by tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from localregion import settings as names
from localregion.core.errors import ServiceError
from localregion.services.containerengine import model
from localregion.settings import Settings

AD = names.AVAILABILITY_DOMAIN
OFFERED = ("v1.35.2", "v1.36.0", "v1.36.1")


def row(*domains: str, subnet: str = "s") -> dict[str, Any]:
    return {"availabilityDomain": AD, "faultDomain": list(domains), "subnetId": subnet}


def refused(code: str = "InvalidParameter", match: str = "") -> Any:
    return pytest.raises(ServiceError, match=f"{code}.*{match}")


def test_options_get_the_services_defaults() -> None:
    options = model.cluster_options(None, ["10.0.0.0/16"], native=True)
    assert options["kubernetesNetworkConfig"] == {"podsCidr": "10.244.0.0/16", "servicesCidr": "10.96.0.0/16"}
    assert options["serviceLbSubnetIds"] == []
    assert options["serviceLbConfig"] == {"freeformTags": {}, "definedTags": {}}
    assert options["admissionControllerOptions"] == {"isPodSecurityPolicyEnabled": False}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"kubernetesNetworkConfig": {"servicesCidr": "10.0.128.0/17"}}, "overlaps with the VCN"),
        ({"kubernetesNetworkConfig": {"servicesCidr": "10.244.0.0/20"}}, "overlaps with podsCidr"),
        ({"kubernetesNetworkConfig": {"servicesCidr": "10.96.0.0/24"}}, "/21 or larger"),
        ({"kubernetesNetworkConfig": {"servicesCidr": "10.96.0.1/16"}}, "host bits"),
        ({"serviceLbSubnetIds": ["a", "b", "c"]}, "at most 2"),
        ({"addOns": {"isTillerEnabled": True}}, "Tiller"),
        ({"admissionControllerOptions": {"isPodSecurityPolicyEnabled": True}}, "pod security policies"),
        ({"ipFamilies": ["IPv4", "IPv6"]}, "IPv4 only"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], match: str) -> None:
    with refused(match=match):
        model.cluster_options(options, ["10.0.0.0/16"], native=True)


def test_pod_addresses_count_only_where_pods_use_them() -> None:
    model.cluster_options(None, ["10.244.0.0/20"], native=True)
    with refused(match="podsCidr"):
        model.cluster_options(None, ["10.244.0.0/20"], native=False)


def test_update_of_options_keeps_what_is_not_given() -> None:
    stored = model.cluster_options({"serviceLbConfig": {"freeformTags": {"a": "b"}}}, ["10.0.0.0/16"], native=True)
    merged = model.merged_options(stored, {"serviceLbConfig": {"definedTags": {"n": {"k": "v"}}}})
    assert merged["serviceLbConfig"] == {"freeformTags": {"a": "b"}, "definedTags": {"n": {"k": "v"}}}
    assert merged["kubernetesNetworkConfig"] == stored["kubernetesNetworkConfig"]


@pytest.mark.parametrize("version", ["v1.34.1", "1.35.4", ""])
def test_only_offered_versions(version: str) -> None:
    with refused(match="kubernetesVersion"):
        model.kubernetes_version(version, OFFERED)


def test_a_region_of_the_api_alone_offers_what_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offered() -> tuple[str, ...]:
        return model.offered_versions(Settings(state=tmp_path, pure=True))

    assert offered() == OFFERED
    monkeypatch.setenv("OKESTACK_KUBERNETES_VERSIONS", "v1.36.10, v1.36.4,v1.35.2")
    assert offered() == ("v1.35.2", "v1.36.4", "v1.36.10")


def test_a_region_with_real_parts_offers_what_it_can_run() -> None:
    earlier, own = offered = model.offered_versions(Settings(kubernetes_versions=("v1.34.2",)))
    assert set(offered) <= set(OFFERED), "versions that OKE has"
    assert (model.upgrades(earlier, offered), model.upgrades(own, offered)) == ([own], [])
    with refused(match="kubernetesVersion"):
        model.upgraded(own, "v1.34.2", offered)
    assert model.upgraded(own, own, offered) == own


@pytest.mark.parametrize(
    ("current", "available"),
    [
        ("v1.33.1", ["v1.33.10", "v1.34.2"]),
        ("v1.33.10", ["v1.34.2"]),
        ("v1.34.2", ["v1.35.4"]),
        ("v1.35.4", []),
        ("v1.32.9", ["v1.33.1", "v1.33.10"]),
    ],
)
def test_upgrades_go_to_the_next_minor_release_at_most(current: str, available: list[str]) -> None:
    assert model.upgrades(current, ["v1.33.1", "v1.33.10", "v1.34.2", "v1.35.4", "v2.0.0"]) == available


def test_what_real_parts_would_only_record() -> None:
    assert model.only_recorded({"openIdConnectDiscovery": {"isOpenIdConnectDiscoveryEnabled": False}}, {}) == []
    asked = model.only_recorded(
        {"openIdConnectTokenAuthenticationConfig": {"isOpenIdConnectAuthEnabled": True}}, {"isPolicyEnabled": True}
    )
    assert asked == ["options.openIdConnectTokenAuthenticationConfig", "imagePolicyConfig"]


def test_how_a_pool_is_cycled() -> None:
    assert model.cycling(None, 3) == {
        "isVirtualNodeCyclingEnabled": False, "maximumSurge": "1", "maximumUnavailable": "0"
    }  # fmt: skip
    assert model.cycling({"maximumSurge": "50%"}, 3)["maximumSurge"] == "50%"
    for details, match in (
        ({"maximumSurge": "4"}, "at most 3"),
        ({"maximumUnavailable": "101%"}, "more than 100%"),
        ({"isVirtualNodeCyclingEnabled": True, "maximumSurge": "0"}, "cannot both be 0"),
    ):
        with refused(match=match):
            model.cycling(details, 3)


def test_addresses_of_services() -> None:
    assert model.service_addresses("10.96.0.0/16") == ("10.96.0.1", "10.96.5.5")
    assert model.service_addresses("172.20.0.0/20") == ("172.20.0.1", "172.20.5.5")


@pytest.mark.parametrize(
    ("rows", "size", "present", "added", "gone"),
    [
        # One for each fault domain, in order.
        ([row()], 3, {}, [1, 2, 3], []),
        ([row("FAULT-DOMAIN-2")], 2, {}, [2, 2], []),
        ([row("FAULT-DOMAIN-1"), row("FAULT-DOMAIN-3")], 3, {}, [1, 3, 1], []),
        # What is there is included.
        ([row()], 3, {"a": 1, "b": 3}, [2], []),
        ([row()], 3, {"a": 1, "b": 2, "c": 3}, [], []),
        # The fullest place gives first, its youngest node.
        ([row()], 3, {"a": 1, "b": 1, "c": 2, "d": 3}, [], ["b"]),
        ([row()], 1, {"a": 1, "b": 2, "c": 3}, [], ["c", "b"]),
        # A place that is no longer allowed is left, and its node made elsewhere.
        ([row("FAULT-DOMAIN-1", "FAULT-DOMAIN-2")], 2, {"a": 1, "b": 3}, [2], ["b"]),
    ],
)
def test_nodes_are_spread(
    rows: list[dict[str, Any]], size: int, present: dict[str, int], added: list[int], gone: list[str]
) -> None:
    placement = model.placement(rows)
    places = {name: (AD, f"FAULT-DOMAIN-{domain}", "s") for name, domain in present.items()}
    new, surplus = model.plan_nodes(placement, size, places)
    assert [int(place[1][-1]) for place in new] == added
    assert surplus == gone


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([row("FAULT-DOMAIN-3"), row("FAULT-DOMAIN-1")], row("FAULT-DOMAIN-3", "FAULT-DOMAIN-1")),
        ([row("FAULT-DOMAIN-1"), row("FAULT-DOMAIN-1", "FAULT-DOMAIN-2")], row("FAULT-DOMAIN-1", "FAULT-DOMAIN-2")),
        # Without fault domains: all of them.
        ([row("FAULT-DOMAIN-1"), row()], row()),
        ([row(), row("FAULT-DOMAIN-1")], row()),
        ([row()], row()),
    ],
)  # fmt: skip
def test_rows_of_one_domain_become_one(rows: list[dict[str, Any]], kept: dict[str, Any]) -> None:
    assert model.placement(rows) == [kept]
    with refused(match="several subnets"):
        model.placement([row("FAULT-DOMAIN-1"), row("FAULT-DOMAIN-2", subnet="t")])


def test_a_change_of_subnet_moves_the_nodes() -> None:
    new, surplus = model.plan_nodes(model.placement([row(subnet="t")]), 1, {"a": (AD, "FAULT-DOMAIN-1", "s")})
    assert new == [(AD, "FAULT-DOMAIN-1", "t")]
    assert surplus == ["a"]


@pytest.mark.parametrize(
    "rows",
    [
        [row("FAULT-DOMAIN-4")],
        [row("FAULT-DOMAIN-1", "FAULT-DOMAIN-1")],
        [{"availabilityDomain": "Xyz:AD-2", "subnetId": "s"}],
    ],
)
def test_placement_in_domains_that_are_not_there(rows: list[dict[str, Any]]) -> None:
    with refused():
        model.placement(rows)


@pytest.mark.parametrize(
    "taint",
    [
        {"key": "a", "effect": "Never"},
        {"key": "", "effect": "NoSchedule"},
        {"key": "a b", "effect": "NoSchedule"},
        {"key": "a", "value": "no/slash", "effect": "NoSchedule"},
        {"key": "UPPER.example/x", "effect": "NoSchedule"},
    ],
)
def test_taints_that_kubernetes_would_refuse(taint: dict[str, str]) -> None:
    with refused(match="taints"):
        model.taints([taint])


def test_taints_and_labels_as_stored() -> None:
    assert model.taints([{"key": "example.com/a", "effect": "NoSchedule"}]) == [
        {"key": "example.com/a", "value": "", "effect": "NoSchedule"}
    ]
    assert model.labels([{"key": "tier"}]) == [{"key": "tier", "value": ""}]
    with refused(match="twice"):
        model.labels([{"key": "a"}, {"key": "a", "value": "b"}])


@pytest.mark.parametrize(("text", "minutes"), [("PT0M", 0), ("PT10M", 10), ("PT1H", 60), ("PT90S", 1.5)])
def test_durations(text: str, minutes: float) -> None:
    assert model.duration_minutes(text) == minutes


@pytest.mark.parametrize("text", ["PT61M", "10M", "PT", "P1D", "PT-5M", "PT2H"])
def test_durations_that_are_none(text: str) -> None:
    with refused(match="duration"):
        model.duration_minutes(text)


def test_limits() -> None:
    for size in (0, -1, 501):
        with refused(match="size"):
            model.pool_size(size)
    with refused(match="at most 5"):
        model.nsg_ids([str(number) for number in range(6)], "nsgIds")
    with refused(match="shape"):
        model.pod_shape("Pod.Standard.E9.Flex")


def test_kubeconfig_calls_the_token_helper_for_its_cluster() -> None:
    document = yaml.safe_load(model.kubeconfig("ocid1.cluster.oc1.x.abcdefghijkl", "https://10.0.0.5:6443", b"PEM"))
    user = document["users"][0]["user"]["exec"]
    assert user["command"] == "oci"
    assert user["args"][user["args"].index("--cluster-id") + 1] == "ocid1.cluster.oc1.x.abcdefghijkl"
    assert document["clusters"][0]["cluster"]["server"] == "https://10.0.0.5:6443"
    assert (document["kind"], document["current-context"]) == ("", "context-bcdefghijkl")
    assert document["clusters"][0]["name"] == "cluster-bcdefghijkl"


@pytest.mark.parametrize(
    ("surge", "unavailable", "expected"),
    [(None, None, (1, 0)), ("2", "1", (2, 1)), ("25%", "0", (2, 0)), ("0", "50%", (0, 2)), ("0", "30%", (0, 1))],
)
def test_cycling_limits(surge: str | None, unavailable: str | None, expected: tuple[int, int]) -> None:
    details = {"maximumSurge": surge, "maximumUnavailable": unavailable, "isVirtualNodeCyclingEnabled": True}
    assert model.cycling_limits(details, 5) == expected


@pytest.mark.parametrize("details", [{"maximumSurge": "x"}, {"maximumSurge": "0", "isVirtualNodeCyclingEnabled": True}])
def test_cycling_limits_that_are_none(details: dict[str, Any]) -> None:
    with refused(match="Cycling|maximumSurge"):
        model.cycling_limits(details, 3)
