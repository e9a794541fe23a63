"""The Service that the role app_ingress asks for: its annotations, as the cloud's controller reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.module_utils.parsing.convert_bool import boolean

from localregion.backends import service_controllers

ROLE = Path(__file__).parents[2] / "roles" / "app_ingress"


def service(**options: Any) -> dict[str, Any]:
    """The Service as the role's template makes it."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["to_json"] = json.dumps
    environment.filters["bool"] = lambda value: boolean(value, strict=False)
    given = {
        **yaml.safe_load((ROLE / "defaults" / "main.yml").read_text()),
        "app_ingress_deployment": "shop",
        "app_ingress_load_balancer_subnet_id": "subnet",
        "app_ingress_load_balancer_nsg_ids": ["group"],
        **options,
    }
    text = environment.from_string((ROLE / "templates" / "service.yml.j2").read_text()).render(given)
    made: dict[str, Any] = next(each for each in yaml.safe_load_all(text) if each["kind"] == "Service")
    return made


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, ("flexible", {"minimumBandwidthInMbps": 10, "maximumBandwidthInMbps": 100})),
        (
            {"app_ingress_load_balancer_min_mbps": 50, "app_ingress_load_balancer_max_mbps": 400},
            ("flexible", {"minimumBandwidthInMbps": 50, "maximumBandwidthInMbps": 400}),
        ),
        ({"app_ingress_load_balancer_shape": "100Mbps"}, ("100Mbps", None)),
    ],
)
def test_the_load_balancer_has_the_shape_that_is_asked_for(
    options: dict[str, Any], shape: tuple[str, dict[str, int] | None]
) -> None:
    assert service_controllers.shape_of(service(**options)) == shape


def test_a_fixed_shape_leaves_no_annotation_of_a_flexible_one() -> None:
    annotations = service(app_ingress_load_balancer_shape="400Mbps")["metadata"]["annotations"]
    assert [key for key in annotations if "shape" in key] == ["service.beta.kubernetes.io/oci-load-balancer-shape"]


def test_the_rest_is_what_the_controller_takes() -> None:
    made = service(app_ingress_load_balancer_internal=True)
    service_controllers.check_rule_management(made)
    assert service_controllers.nsgs_of(made) == ["group"]
    assert all(isinstance(value, str) for value in made["metadata"]["annotations"].values())


@pytest.mark.parametrize(("value", "internal"), [("false", False), ("true", True), (False, False), (True, True)])
def test_text_of_a_survey_is_a_boolean(value: Any, internal: bool) -> None:
    annotations = service(app_ingress_load_balancer_internal=value)["metadata"]["annotations"]
    assert ("service.beta.kubernetes.io/oci-load-balancer-internal" in annotations) is internal


PROXY_PROTOCOL = "service.beta.kubernetes.io/oci-load-balancer-connection-proxy-protocol-version"


@pytest.mark.parametrize(("value", "version"), [("false", None), (False, None), ("true", "2"), (True, "2")])
def test_the_clients_address_is_passed_on_where_that_is_wanted(value: Any, version: str | None) -> None:
    assert service(app_ingress_proxy_protocol=value)["metadata"]["annotations"].get(PROXY_PROTOCOL) == version


def test_further_annotations_win() -> None:
    given = {"service.beta.kubernetes.io/oci-load-balancer-shape": "400Mbps", "example.org/owner": "shop"}
    annotations = service(app_ingress_load_balancer_annotations=given)["metadata"]["annotations"]
    assert given.items() <= annotations.items()
