"""All that an inventory says is checked before the first write, all at once: placeholders, types, formats, names."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from localregion.testing import Region

from .playbook import ROOT, ansible

FILLED = {
    "<OCID of the compartment>": "COMPARTMENT",
    "<name of an availability domain, e.g. Uocm:EU-FRANKFURT-1-AD-1>": "Lcl1:LOCAL-1-AD-1",
    "<AD 1>": "Lcl1:LOCAL-1-AD-1",
    "<AD 2>": "Lcl1:LOCAL-1-AD-1",
    "<AD 3>": "Lcl1:LOCAL-1-AD-1",
    "<object storage namespace>": "shopspace",
    "<user>": "robot",
    "<your address>": "192.0.2.7",
    "eu-frankfurt-1": "local-1",
    "DEFAULT": "DEFAULT",
}


class Inventory:
    """A copy of one of the cloud's inventories, its placeholders filled in, aimed at a region under test."""

    def __init__(self, region: Region, name: str, folder: Path) -> None:
        self.region, self.name = region, name
        self.folder = folder / name
        shutil.copytree(ROOT / "inventories" / name, self.folder)
        (folder / "token").write_text("token\n")
        helm = folder / "bin" / "helm"
        helm.parent.mkdir()
        helm.write_text("#!/bin/sh\n")
        helm.chmod(0o755)
        self.given: dict[str, Any] = {
            "okestack_config_file": str(region.config_file),
            "okestack_endpoints": {"default": region.endpoint, "local-2": region.other_endpoint},
            "app_ingress_registry_auth_token_file": str(folder / "token"),
            "external_secrets_helm_path": str(helm),
        }

    def fill(self, but: str = "") -> None:
        """Put values for all placeholders but one."""
        for path in self.folder.glob("group_vars/all/*.yml"):
            text = path.read_text()
            for placeholder, value in FILLED.items():
                if placeholder != but:
                    text = text.replace(placeholder, self.region.compartment_id if value == "COMPARTMENT" else value)
            path.write_text(text)

    def play(self, *arguments: str, **more: Any) -> tuple[int, str]:
        """Return code and output of site.yml, long lines put together."""
        given = json.dumps({**self.given, **more})
        done = ansible("ansible-playbook", "-i", str(self.folder), "site.yml", "-e", given, *arguments)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def inventory(region: Region, tmp_path: Path, request: pytest.FixtureRequest) -> Inventory:
    region.forget_calls()
    return Inventory(region, getattr(request, "param", "dev"), tmp_path)


@pytest.mark.parametrize("inventory", ["dev", "staging", "prod"], indirect=True)
def test_each_placeholder_is_named(region: Region, inventory: Inventory) -> None:
    code, said = inventory.play()
    assert code != 0 and region.writes() == []
    said = re.sub(r"\s+", " ", said)
    for path in inventory.folder.glob("group_vars/all/*.yml"):
        for line in path.read_text().splitlines():
            for placeholder in re.findall(r"<[^<>]+>", "" if line.startswith("#") else line):
                assert placeholder in said, placeholder


BAD: list[tuple[dict[str, Any], str]] = [
    ({"network_flowlogs": True}, "the role network has no such variable; did you mean network_flow_logs"),
    ({"network_subnet_cidrs": {"api": "10.0.0.0/28", "lb": "10.0.0.0/24", "mysql": "10.0.2.0/24",
                               "nodes": "10.0.16.0/20", "pods": "10.0.32.0/19"}},
     "network_subnet_cidrs.api: 10.0.0.0/28 overlaps with lb, 10.0.0.0/24"),
    ({"network_cidr_blocks": ["10.1.0.0/16"]}, "network_subnet_cidrs.api: 10.0.0.0/28 is not inside of"),
    ({"network_api_client_cidrs": "192.0.2.0/24"}, "network_api_client_cidrs: is text, where a list belongs"),
    ({"network_api_client_cidrs": []}, "network_api_client_cidrs: is empty"),
    ({"network_api_client_cidrs": ["203.0.113.5"]}, "network_api_client_cidrs[0]: '203.0.113.5' is no CIDR block"),
    ({"network_cidr_blocks": ["10.0.0.0/33"]}, "network_cidr_blocks[0]: '10.0.0.0/33'"),
    ({"network_lb_ports": ["http"]}, "network_lb_ports[0]: 'http' is not a port"),
    ({"network_api_is_public": "maybe"}, "network_api_is_public"),
    ({"network_flow_log_retention": "long"}, "network_flow_log_retention"),
    ({"app_ingress_resources": '{"cpu": "500m"}'}, "app_ingress_resources: is text, where a dictionary belongs"),
    ({"app_ingress_controller_replicas": ""}, "app_ingress_controller_replicas: has no value"),
    ({"app_ingress_controller_replicas": -1}, "app_ingress_controller_replicas: -1 is less than 0"),
    ({"app_ingress_image": "My Image"}, "app_ingress_image: 'My Image' is not the name of an image"),
    ({"app_ingress_image": None}, "app_ingress_image: has no value"),
    ({"app_ingress_namespace": "My Shop"}, "app_ingress_namespace: 'My Shop' is not the name of a namespace"),
    ({"app_ingress_registry_auth_token_file": "/nowhere"}, "'/nowhere' there is no such file"),
    ({"oke_virtual_pool_kubernetes_version": "newest"}, "'newest' is not a version of Kubernetes"),
    ({"oke_virtual_pool_placements": [{"availability_domain": "<AD 1>"}]}, "'<AD 1>' still holds a placeholder"),
    ({"mysql_nsg_ids": ["group"]}, "mysql_nsg_ids[0]: 'group' is not the OCID of a networksecuritygroup"),
    ({"mysql_name": ["a"]}, "mysql_name: ['a'] is no text"),
    ({"okestack_deployment": "My Shop"}, "okestack_deployment: 'My Shop' cannot be a deployment's name"),
    ({"external_secrets_helm_path": ""}, "the program helm is not on PATH"),
]  # fmt: skip


def test_all_that_is_wrong_is_said_at_once_before_the_first_write(
    region: Region, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values in as few runs as their variables allow."""
    inventory.fill()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    left = list(BAD)
    while left:
        together: dict[str, Any] = {}
        expected = []
        for values, words in list(left):
            if not set(values) & set(together):
                together |= values
                expected.append(words)
                left.remove((values, words))
        code, said = inventory.play(**together)
        assert code != 0 and region.writes() == []
        said = re.sub(r"\s+", " ", said).replace("''", "'")
        for words in expected:
            assert words in said, words + "\n" + said


def test_what_the_region_lacks_is_said_before_the_first_write(region: Region, inventory: Inventory) -> None:
    inventory.fill()
    wrong = {
        "okestack_availability_domain": "Lcl1:LOCAL-1-AD-9",
        "oke_virtual_pool_kubernetes_version": "v1.35.4",
        "oke_virtual_pool_pod_shape": "Pod.Standard.Z9.Flex",
        "mysql_shape_name": "MySQL.999",
    }
    code, said = inventory.play(**wrong)
    assert code != 0 and region.writes() == []
    said = re.sub(r"\s+", " ", said).replace("''", "'")
    for name, value in wrong.items():
        assert f"{name}: this region has no '{value}', it has" in said, said


@pytest.mark.parametrize("inventory", ["dev", "staging", "prod"], indirect=True)
def test_filled_in_it_passes(region: Region, inventory: Inventory) -> None:
    """The operator's chart is not served here: the plan goes on until the cluster's objects."""
    inventory.fill()
    _code, said = inventory.play("--check")
    assert "To be put right first" not in said, said[-3000:]
    assert "oke_cluster okestack-" in said, said[-3000:]
    assert region.writes() == []
