"""The Service that the role app_ingress asks for: its annotations, as the cloud's controller reads them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

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


def current_user(**variables: Any) -> Any:
    """Whose the password's current version is, as Ansible finds it by the role's own variables."""
    known: dict[str, Any] = {}
    for part in ("defaults", "vars"):
        known |= yaml.safe_load((ROLE / part / "main.yml").read_text())
    known |= variables
    trusted = {key: trust_as_template(value) if isinstance(value, str) else value for key, value in known.items()}
    templar = Templar(loader=DataLoader(), variables=trusted)
    return templar.template(trust_as_template("{{ app_ingress_database_current_user }}"))


def vault(version: Any) -> dict[str, Any]:
    """The fact that the role vault_secret leaves."""
    return {"vault": {"secret_names": {"mysql-app": "s-mysql-app"}, "secret_versions": {"s-mysql-app": version}}}


@pytest.mark.parametrize(
    ("variables", "user"),
    [
        (vault(1), "crud"),
        (vault(2), "crud_2"),
        (vault(3), "crud"),
        (vault("4"), "crud_2"),
        (vault("new"), "crud"),  # only planned
        ({"vault": {"secret_names": {"mysql-app": "s-mysql-app"}}}, "crud"),
        ({"vault": {"secret_names": {}}}, "crud"),  # a vault of another kind
        ({}, "crud"),
        ({"app_ingress_database_password_version": 8, "app_ingress_database_user": "shop"}, "shop_2"),
        ({"app_ingress_database_password_version": "7", "app_ingress_database_user": "shop"}, "shop"),
    ],
)
def test_two_users_take_turns(variables: dict[str, Any], user: str) -> None:
    assert current_user(**variables) == user


def test_user_and_password_s_maker_are_the_same() -> None:
    for name, variable in (("app.yml.j2", "DB_USER"), ("bootstrap.yml.j2", "APP_USER")):
        lines = (ROLE / "templates" / name).read_text().splitlines()
        (place,) = [number for number, line in enumerate(lines) if line.strip() == f"- name: {variable}"]
        assert lines[place + 1].strip() == "value: {{ app_ingress_database_current_user | to_json }}"


MANIFEST = """---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: "{{ app_ingress_site.namespace }}"}
spec:
  template:
    spec:
      imagePullSecrets: [{name: "{{ app_ingress_site.image_pull_secret }}"}]
      containers:
        - name: web
          image: "{{ app_ingress_site.image }}"
          env:
            - {name: AT, value: "{{ app_ingress_site.database.host }}:{{ app_ingress_site.database.port }}"}
            - {name: AS, value: "{{ app_ingress_site.database.user }}@{{ app_ingress_site.database.name }}"}
            - {name: WORD, value: "{{ app_ingress_site.database.password_secret }}"}
"""
OWN: dict[str, Any] = {
    "app_ingress_manifests": ["{{ playbook_dir }}/web.yml.j2"],
    "app_ingress_deployment": "site",
    "app_ingress_name": "shop",
    "app_ingress_namespace": "front",
    "app_ingress_host": "shop.example",
    "app_ingress_image": "example.org/web:1",
    "app_ingress_registry_server": "example.org",
    "app_ingress_database_user": "web",
    "ansible_python_interpreter": sys.executable,
    "mysql": {"ip_address": "10.0.3.7", "port": 3306, "admin_username": "admin"},
}


def objects(folder: Path, *given: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """What the role applies as the application, for each of some variables; one run of Ansible."""
    (folder / "templates").symlink_to(ROLE / "templates")
    (folder / "web.yml.j2").write_text(MANIFEST)
    known: dict[str, Any] = {}
    for part in ("defaults", "vars"):
        known |= yaml.safe_load((ROLE / part / "main.yml").read_text())
    plays = [
        {
            "hosts": "localhost", "gather_facts": False, "vars": known | OWN | options,
            "tasks": [{"ansible.builtin.copy": {
                "content": "{{ app_ingress_definition | to_json }}", "dest": f"{folder}/{number}.json"}}],
        }
        for number, options in enumerate(given)
    ]  # fmt: skip
    (folder / "play.yml").write_text(json.dumps(plays))
    program = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-c", "local", "play.yml"]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, env={**os.environ, "HOME": str(folder)})
    assert done.returncode == 0, done.stdout + done.stderr
    texts = [json.loads((folder / f"{number}.json").read_text()) for number in range(len(given))]
    return [[one for text in made for one in yaml.safe_load_all(text) if one] for made in texts]


def test_manifests_of_ones_own_stand_in_place_of_the_example(tmp_path: Path) -> None:
    led = [
        ({}, None),  # the manifests bring an Ingress, or none is wanted
        ({"app_ingress_service_name": "web"}, ("web", {"number": 80})),
        ({"app_ingress_service_name": "web", "app_ingress_service_port": "8443"}, ("web", {"number": 8443})),
    ]
    for (_, leads_to), made in zip(led, objects(tmp_path, *(options for options, _ in led)), strict=True):
        assert [one["kind"] for one in made] == ["Deployment"] + ["Ingress"] * (leads_to is not None)
        pod = made[0]["spec"]["template"]["spec"]
        assert made[0]["metadata"]["namespace"] == "front"
        assert pod["imagePullSecrets"] == [{"name": "shop-registry"}]
        assert pod["containers"][0]["image"] == "example.org/web:1"
        assert [one["value"] for one in pod["containers"][0]["env"]] == ["10.0.3.7:3306", "web@crud", "database"]
        if leads_to:
            (rule,) = made[1]["spec"]["rules"]
            service = rule["http"]["paths"][0]["backend"]["service"]
            assert (service["name"], service["port"]) == leads_to
            assert rule["host"] == "shop.example" and made[1]["spec"]["tls"][0]["secretName"] == "shop-tls"
