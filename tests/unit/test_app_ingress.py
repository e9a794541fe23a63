"""The Service that the role app_ingress asks for: its annotations, as the cloud's controller reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from localregion.parts import controllers

ROLE = Path(__file__).parents[2] / "roles" / "app_ingress"


def service(**options: Any) -> dict[str, Any]:
    """The Service as the role's template makes it."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["to_json"] = json.dumps
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
    assert controllers.shape_of(service(**options)) == shape


def test_a_fixed_shape_leaves_no_annotation_of_a_flexible_one() -> None:
    annotations = service(app_ingress_load_balancer_shape="400Mbps")["metadata"]["annotations"]
    assert [key for key in annotations if "shape" in key] == ["service.beta.kubernetes.io/oci-load-balancer-shape"]


def test_the_rest_is_what_the_controller_takes() -> None:
    made = service(app_ingress_load_balancer_internal=True)
    controllers.check_rule_management(made)
    assert controllers.nsgs_of(made) == ["group"]
    assert all(isinstance(value, str) for value in made["metadata"]["annotations"].values())
