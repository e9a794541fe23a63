"""All that an inventory says is checked before the first write, all at once: placeholders, types, formats, names."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import oci
import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.drift import KINDS

from localregion.settings import TENANCY_ID
from localregion.testing import Region

from .conftest import Door
from .playbook import ROOT, ansible, play

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

    def fill(self) -> None:
        """Put values for all placeholders."""
        for path in self.folder.glob("group_vars/all/*.yml"):
            text = path.read_text()
            for placeholder, value in FILLED.items():
                text = text.replace(placeholder, self.region.compartment_id if value == "COMPARTMENT" else value)
            path.write_text(text)

    def play(self, *arguments: str, playbook: Path = ROOT / "site.yml", **more: Any) -> tuple[int, str]:
        """Return code and output of a playbook, the site's unless given."""
        given = json.dumps({**self.given, **more})
        done = ansible("ansible-playbook", "-i", str(self.folder), str(playbook), "-e", given, *arguments)
        return done.returncode, done.stdout + done.stderr

    def up_to_the_cluster(self) -> Path:
        """The site's playbook as far as Oracle's API alone carries it: without what is kept in the cluster."""
        shutil.copytree(ROOT / "playbooks", self.folder.parent / "playbooks")
        path = self.folder.parent / "playbooks" / "site.yml"
        (play,) = yaml.safe_load(path.read_text())
        inside = ("okestack.oci.external_secrets", "okestack.oci.app_ingress")
        roles = [task.get("ansible.builtin.import_role", {}).get("name") for task in play["tasks"]]
        pairs = zip(play["tasks"], roles, strict=True)
        play["tasks"] = [task for task, role in pairs if role not in inside and "set_stats" not in str(task)]
        path.write_text(json.dumps([play]))
        return path


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
    # Together with the row before: on their own, subnets follow the blocks.
    ({"network_cidr_blocks": ["10.1.0.0/16"]}, "network_subnet_cidrs.api: 10.0.0.0/28 is not inside of"),
    ({"network_api_client_cidrs": "192.0.2.0/24"}, "network_api_client_cidrs: is text, where a list belongs"),
    ({"network_api_client_cidrs": []}, "network_api_client_cidrs: is empty"),
    ({"network_api_client_cidrs": ["203.0.113.5"]}, "network_api_client_cidrs[0]: '203.0.113.5' is not a CIDR block"),
    ({"network_cidr_blocks": ["10.0.0.0/33"]}, "network_cidr_blocks[0]: '10.0.0.0/33'"),
    ({"network_lb_ports": ["http"]}, "network_lb_ports[0]: 'http' is not a port"),
    ({"network_api_is_public": "maybe"}, "network_api_is_public"),
    ({"network_flow_log_retention": "long"}, "network_flow_log_retention"),
    ({"app_ingress_resources": '{"cpu": "500m"'}, "app_ingress_resources: is text, where a dictionary belongs"),
    ({"app_ingress_image": "My Image"}, "app_ingress_image: 'My Image' is not the name of an image"),
    ({"app_ingress_namespace": "My Shop"}, "app_ingress_namespace: 'My Shop' is not the name of a namespace"),
    ({"app_ingress_registry_auth_token_file": "/nowhere"}, "'/nowhere' does not exist, or you may not read it"),
    ({"oke_virtual_pool_kubernetes_version": "newest"}, "'newest' is not a version of Kubernetes"),
    ({"oke_virtual_pool_placements": [{"availability_domain": "<AD 1>"}]}, "'<AD 1>' still holds a placeholder"),
    ({"mysql_nsg_ids": ["group"]}, "mysql_nsg_ids[0]: 'group' is not the OCID of a networksecuritygroup"),
    ({"mysql_name": ["a"]}, "mysql_name: ['a'] is not text"),
    ({"okestack_deployment": "My Shop"}, "okestack_deployment: 'My Shop' cannot be a deployment's name"),
    ({"external_secrets_helm_path": ""}, "the program helm is not on PATH"),
    ({"preflight_growth_percent": "half"}, "preflight_growth_percent"),
    ({"app_ingress_controller_replicas": -1}, "app_ingress_controller_replicas: -1 is less than 0"),
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


@pytest.mark.parametrize(("name", "value"), [("auth_type", "token"), ("endpoints", "127.0.0.1")])
def test_how_it_signs_in_is_checked(region: Region, inventory: Inventory, name: str, value: str) -> None:
    inventory.fill()
    more: dict[str, Any] = {f"okestack_{name}": value}
    code, said = inventory.play(**more)
    assert code != 0 and region.writes() == []
    assert re.search(rf"okestack_\*: .*{name}", said), said


PLAYBOOKS = sorted(path.stem for path in ROOT.glob("playbooks/*.yml"))
WRONG_OF_PLAYBOOKS: dict[str, tuple[Any, str]] = {
    "preflight_growth_percent": ("half", "preflight_growth_percent: "),
    "preflight_growth": (20, "no such variable; did you mean preflight_growth_percent?"),
    "verify_certificate_days": ([7], "verify_certificate_days: [7] is not a number"),
    "verify_days": (7, "verify_days: the playbook verify.yml has no such variable"),
    "drift_repair": ("perhaps", "drift_repair: "),
    "drift_fail_on": ("differs,broken", "drift_fail_on: "),
    "drift_ignore": ({"vcn": "x"}, "drift_ignore: "),
    "drift_compartment_ids": ("nobody", "drift_compartment_ids[0]: 'nobody' is not the OCID of a compartment"),
    "drift_failon": ("gone", "did you mean drift_fail_on?"),
    "rotate_secret_names": ({"mysql": "app"}, "rotate_secret_names: "),
    "rotate_secret_name": (["mysql-app"], "did you mean rotate_secret_names?"),
    "scale_size": (5, "scale_size: the playbook scale.yml has no such variable"),
    "upgrade_accept_unseen": ("perhaps", "upgrade_accept_unseen: "),
    "adopt_overwrite": ("perhaps", "adopt_overwrite: "),
    "adopt_ids": (["ocid1.instance.oc1..aaaa"], "adopt_ids[0]: 'ocid1.instance.oc1..aaaa' is not the OCID of a VCN"),
    "adopt_secrets": (["mysql-app"], "adopt_secrets: "),
    "adopt_folder": ("x", "adopt_folder: the playbook adopt.yml has no such variable"),
    "destroy_really": (True, "destroy_really: the playbook destroy.yml has no such variable"),
}


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_what_playbooks_are_told_is_checked_at_the_start_of_each(
    region: Region, inventory: Inventory, name: str
) -> None:
    inventory.fill()
    playbook = ROOT / "playbooks" / f"{name}.yml"
    wrong: dict[str, Any] = {name: value for name, (value, _words) in WRONG_OF_PLAYBOOKS.items()}
    code, said = inventory.play(playbook=playbook, **wrong)
    assert code != 0 and region.writes() == []
    said = re.sub(r"\s+", " ", said).replace("''", "'")
    for _value, words in WRONG_OF_PLAYBOOKS.values():
        assert words in said, words + "\n" + said
    if name in ("verify", "drift", "adopt"):
        assert region.calls == [], "before anything is looked at"


@pytest.mark.parametrize("name", ["verify", "drift"])
def test_playbooks_take_empty_text_for_their_defaults(region: Region, inventory: Inventory, name: str) -> None:
    """Of an inventory, where no callback drops it; -e has the words that README says."""
    inventory.fill()
    taken = yaml.safe_load((ROOT / "playbooks/vars/inventory.yml").read_text())
    assert taken["drift_fail_on"]["choices"] == list(KINDS)
    empty = {one: "" for one, option in taken.items() if not option.get("required")}
    assert len(empty) > 10
    (inventory.folder / "group_vars/all/empty.yml").write_text(json.dumps(empty))
    playbook = ROOT / "playbooks" / f"{name}.yml"
    _code, said = inventory.play(playbook=playbook)
    assert "To be put right first" not in said, said[-3000:]
    _code, said = inventory.play(playbook=playbook, drift_fail_on="differs,gone", drift_ignore="vcn a-*")
    assert "To be put right first" not in said, said[-3000:]


LACKING = {
    "sys.modules['oci'] = None": r"the Python package oci is not installed .*: /\S+ -m pip install oci",
    "import ansible.release; ansible.release.__version__ = '2.18.9'": r"ansible-core 2\.18\.9 is older than 2\.19: ",
    "os.environ['PATH'] = '/nowhere'": "the program helm is not on PATH: install it",
}


@pytest.mark.parametrize("name", ["site", "drift", "destroy"])
def test_what_this_machine_lacks_is_the_first_tasks_error(
    region: Region, inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An SDK, an Ansible and a helm that are not there, as far as Python can pretend."""
    inventory.fill()
    (inventory.folder.parent / "sitecustomize.py").write_text("\n".join(["import os, sys", *LACKING]))
    monkeypatch.setenv("PYTHONPATH", str(inventory.folder.parent))
    del inventory.given["external_secrets_helm_path"]
    code, said = inventory.play(playbook=ROOT / "playbooks" / f"{name}.yml")
    said = re.sub(r"\s+", " ", said)
    performed = said.count("TASK [") - said.count("skipping: ")
    assert code != 0 and performed == 1 and region.calls == [], said
    for lacking, words in LACKING.items():
        if name != "drift" or "PATH" not in lacking:  # what is compared without helm is reported there
            assert re.search(words, said), words + said
    assert "Traceback" not in said and "fault in" not in said, said


def test_a_single_task_says_in_a_line_that_the_sdk_is_missing(region: Region, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['oci'] = None\n")
    task = {"okestack.oci.vcn_info": {"compartment_id": region.compartment_id}, "register": "it", "ignore_errors": True}
    show = {"ansible.builtin.debug": {"msg": "<{{ it.msg }}>"}}
    said = play(region, tmp_path, [task, show], environment={"PYTHONPATH": str(tmp_path)})
    assert re.search(r"<the Python package oci is not installed .* -m pip install oci>", re.sub(r"\s+", " ", said)), (
        said
    )
    assert "Traceback" not in said


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_playbook_is_imported_or_copied_by_a_playbook_of_ones_own(
    region: Region, inventory: Inventory, name: str
) -> None:
    """In a folder of one's own, with the collection installed elsewhere."""
    inventory.fill()
    folder = inventory.folder.parent / "own"
    folder.mkdir()
    (folder / "imported.yml").write_text(json.dumps([{"ansible.builtin.import_playbook": f"okestack.oci.{name}"}]))
    shutil.copy(ROOT / "playbooks" / f"{name}.yml", folder / "copied.yml")
    for own in ("imported.yml", "copied.yml"):
        given = json.dumps({**inventory.given, "network_lb_client_cidrs": [], "drift_days": 7})
        arguments = ("-i", str(inventory.folder), str(folder / own), "-e", given, "--check")
        paths = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")}
        done = ansible("ansible-playbook", *arguments, folder=folder, environment=paths)
        said = re.sub(r"\s+", " ", done.stdout + done.stderr)
        assert done.returncode == 2 and "drift_days: the playbook drift.yml has no such variable" in said, said
        assert ("network_lb_client_cidrs: is empty" in said) is (name not in ("adopt", "destroy")), said


def test_what_the_region_lacks_is_said_before_the_first_write(region: Region, inventory: Inventory) -> None:
    inventory.fill()
    wrong: dict[str, Any] = {
        "okestack_availability_domain": "Lcl1:LOCAL-1-AD-9",
        "oke_virtual_pool_kubernetes_version": "v1.35.4",
        "oke_virtual_pool_pod_shape": "Pod.Standard.Z9.Flex",
        "mysql_shape_name": "MySQL.999",
    }
    more: dict[str, Any] = {
        "network_flowlogs": True,
        "mysql_is_highly_available": "true",
        "mysql_backup_policy": {"is_enabled": False},
        "mysql_availability_domain": "Lcl1:LOCAL-1-AD-8",
        "oke_virtual_pool_placements": [{"availability_domain": "Lcl1:LOCAL-1-AD-7"}],
        "oke_virtual_pool_vcn_id": "ocid1.vcn.oc1.iad.aaaa",
        "okestack_comparment_id": "x",
    }
    wrong["mysql_shape_name"] = "MySQL.Free"  # its limits are reported with what the region alone knows
    code, said = inventory.play(**wrong, **more)
    assert code != 0 and region.writes() == []
    said = re.sub(r"\s+", " ", said).replace("''", "'")
    del wrong["mysql_shape_name"]
    wrong["mysql_availability_domain"] = "Lcl1:LOCAL-1-AD-8"
    wrong["oke_virtual_pool_placements[0].availability_domain"] = "Lcl1:LOCAL-1-AD-7"
    for name, value in wrong.items():
        assert f"{name}: this region has no '{value}', it has" in said, said
    for words in (
        "did you mean network_flow_logs?",
        "did you mean okestack_compartment_id?",
        "mysql_is_highly_available: a DB system of shape MySQL.Free has one instance",
        "mysql_backup_policy: a DB system of shape MySQL.Free takes none",
        "oke_virtual_pool_vcn_id: 'ocid1.vcn.oc1.iad.aaaa': this region has none of this OCID",
    ):
        assert words in said, words + said


def test_a_shape_the_region_lacks_is_said_before_the_first_write(region: Region, inventory: Inventory) -> None:
    inventory.fill()
    code, said = inventory.play(mysql_shape_name="MySQL.999")
    assert code != 0 and region.writes() == []
    assert "mysql_shape_name: this region has no" in re.sub(r"\s+", " ", said)


def test_what_only_the_region_knows_is_asked_before_the_first_write(region: Region, inventory: Inventory) -> None:
    """Versions, fault domains, shapes, and what is named by its OCID: there, not going, in its compartment."""
    inventory.fill()
    door = Door(region)
    place = region.compartment_id
    other = door("compartment", compartment_id=TENANCY_ID, name="elsewhere", description="x")["compartment"]["id"]
    vault = door("vault", compartment_id=place, display_name="asked", vault_type="DEFAULT")["vault"]
    key = door("vault_key", compartment_id=place, display_name="asked", protection_mode="SOFTWARE",
               management_endpoint=vault["management_endpoint"],
               key_shape={"algorithm": "AES", "length": 32})["vault_key"]  # fmt: skip
    secret = door("vault_secret", compartment_id=place, vault_id=vault["id"], key_id=key["id"], secret_name="asked",
                  enable_auto_generation=True, secret_generation_context={
                      "generation_type": "PASSPHRASE", "generation_template": "DBAAS_DEFAULT_PASSWORD",
                      "passphrase_length": 20})["vault_secret"]  # fmt: skip
    gone = door("vault", compartment_id=place, display_name="gone", vault_type="DEFAULT")["vault"]
    door("vault", state="absent", id=gone["id"])
    vcn = door("vcn", compartment_id=other, display_name="theirs", cidr_blocks=["10.9.0.0/16"])["vcn"]
    group = door("network_security_group", compartment_id=other, vcn_id=vcn["id"], display_name="theirs")
    group_id = group["network_security_group"]["id"]
    subnet = door("subnet", compartment_id=other, vcn_id=vcn["id"], display_name="x", cidr_block="10.9.0.0/24")[
        "subnet"
    ]
    none = key["id"][:-4] + "aaaa"
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"mysql_version": "8.0.1"}, "mysql_version: this region has no '8.0.1', it has"),
        ({"mysql_shape_name": "MySQL.2", "mysql_heatwave": {"shape_name": "HeatWave.9TB"}},
         "mysql_heatwave.shape_name: this region has no 'HeatWave.9TB', it has HeatWave."),
        ({"app_ingress_load_balancer_shape": "50Mbps"}, "app_ingress_load_balancer_shape: this region has no '50Mbps'"),
        ({"oke_virtual_pool_placements": [
            {"availability_domain": "Lcl1:LOCAL-1-AD-1", "fault_domain": ["FAULT-DOMAIN-1", "FAULT-DOMAIN-9"]},
            {"availability_domain": "Lcl1:LOCAL-1-AD-9", "fault_domain": ["FAULT-DOMAIN-1"]}]},
         "oke_virtual_pool_placements[0].fault_domain[1]: this region has no 'FAULT-DOMAIN-9', it has FAULT-DOMAIN-1"),
        ({"external_secrets_vault_id": gone["id"]}, "it is PENDING_DELETION: take its deletion back, or name another"),
        ({"oke_virtual_pool_kms_key_id": none}, f"oke_virtual_pool_kms_key_id: '{none}': this region has none of this"),
        ({"mysql_admin_password_secret_id": "ocid1.vaultsecret.oc99.local-1.aaaa"},
         "mysql_admin_password_secret_id: 'ocid1.vaultsecret.oc99.local-1.aaaa': this region has none of this OCID"),
        ({"mysql_subnet_id": subnet["id"], "mysql_nsg_ids": [group_id]},
         f"mysql_nsg_ids[0]: '{group_id}' is in the compartment {other}, and DB systems are allowed to join those of"),
    ]  # fmt: skip
    region.forget_calls()
    code, said = inventory.play(**{name: value for values, _words in wrong for name, value in values.items()})
    assert code != 0 and region.writes() == []
    said = re.sub(r"\s+", " ", said).replace("''", "'")
    for _values, words in wrong:
        assert words in said, words + "\n" + said
    assert "[1].fault_domain" not in said, "of a domain that is not there nothing more is said"
    for operation in ("mysql.list_shapes", "identity.list_availability_domains", "key_management.list_vaults"):
        assert region.count(operation) == 1, operation

    right: dict[str, Any] = {
        "mysql_version": "8.4",
        "mysql_shape_name": "MySQL.2",
        "mysql_heatwave": {"shape_name": "HeatWave.32GB"},
        "app_ingress_load_balancer_shape": "100Mbps",
        "oke_virtual_pool_placements": [
            {"availability_domain": "Lcl1:LOCAL-1-AD-1", "fault_domain": ["FAULT-DOMAIN-1"]}
        ],
        "external_secrets_vault_id": vault["id"],
        "vault_secret_vault_id": gone["id"],
        "oke_virtual_pool_kms_key_id": key["id"],
        "mysql_admin_password_secret_id": secret["id"],
        "mysql_subnet_id": subnet["id"],
        "mysql_nsg_ids": [group_id],
        "mysql_network_compartment_id": other,
    }
    _code, said = inventory.play("--check", **right)
    assert "To be put right first" not in said, said
    elsewhere = {"oke_virtual_pool_kms_key_compartment_id": other, "external_secrets_vault_compartment_id": other}
    code, said = inventory.play("--check", **{**right, **elsewhere})
    said = re.sub(r"\s+", " ", said).replace("''", "'")
    for name in ("oke_virtual_pool_kms_key_compartment_id", "external_secrets_vault_compartment_id"):
        assert f"it is in the compartment {place}, not in that of {name}, {other}" in said, said


CALLS_OF_THE_START = 7
"""For an inventory that names nothing by OCID and a compartment with nothing in it: clusters, virtual node pools and DB
systems (what those have the region has), then availability domains, versions, pod and MySQL shapes."""


def test_the_start_asks_no_more_than_it_must(
    region: Region, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Itself: without what it reads for the tasks to come (test_read_ahead)."""
    monkeypatch.setenv("OKESTACK_PRELOAD", "0")
    inventory.fill()
    inventory.play(network_flowlogs=True)
    asked = [call.operation for call in region.calls]
    assert len(asked) == len(set(asked)) == CALLS_OF_THE_START, asked


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"okestack_config_file": "/nowhere"}, "okestack_*: /nowhere: no such configuration file"),
        (
            {"okestack_compartment_id": "ocid1.compartment.oc99..aaaaaaaanone"},
            "this region has no such compartment, or the policies do not let you look into it",
        ),
    ],
)
def test_where_nothing_can_be_looked_at_it_is_said(
    region: Region, inventory: Inventory, values: dict[str, Any], words: str
) -> None:
    inventory.fill()
    code, said = inventory.play(**values)
    assert code != 0 and region.writes() == []
    assert words in re.sub(r"\s+", " ", said), said


def test_parts_of_one_network_are_of_one_network(region: Region, inventory: Inventory) -> None:
    """A subnet of somebody else's VCN, while the groups are those of the role network, and one with its own groups."""
    client, models = region.client(oci.core.VirtualNetworkClient), oci.core.models
    there = {"compartment_id": region.compartment_id}
    vcn = client.create_vcn(models.CreateVcnDetails(**there, cidr_blocks=["10.9.0.0/16"])).data
    region.settle()
    details = models.CreateSubnetDetails(**there, vcn_id=vcn.id, cidr_block="10.9.0.0/24")
    subnet = client.create_subnet(details).data
    group = client.create_network_security_group(models.CreateNetworkSecurityGroupDetails(**there, vcn_id=vcn.id)).data
    region.settle()
    region.forget_calls()
    inventory.fill()
    code, said = inventory.play(mysql_subnet_id=subnet.id)
    said = re.sub(r"\s+", " ", said)
    assert code != 0 and region.writes() == []
    assert f"is in the VCN {vcn.id}, not in that where mysql_nsg_ids will be" in said, said
    _code, said = inventory.play("--check", mysql_subnet_id=subnet.id, mysql_nsg_ids=[group.id])
    assert "To be put right first" not in said, said


def test_an_inventory_that_has_no_value_is_told(region: Region, inventory: Inventory) -> None:
    inventory.fill()
    with (inventory.folder / "group_vars/all/more.yml").open("w") as file:
        file.write("app_ingress_controller_replicas: ''\nmysql_backup_policy:\n")
    code, said = inventory.play()
    assert code != 0 and region.writes() == []
    for name in ("app_ingress_controller_replicas", "mysql_backup_policy"):
        assert f"{name}: has no value; leave it out to get the default" in said


OPTIONS: dict[str, dict[str, Any]] = {
    name: option
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml"))
    for name, option in yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"].items()
}


def planned(said: str) -> list[str]:
    """The lines of a plan, without how long anything took."""
    return [re.sub(r"\d+s", "", line) for line in said.splitlines() if not line.startswith("ok: ")]


def test_answers_left_empty_are_as_none_and_json_text_is_read(region: Region, inventory: Inventory) -> None:
    """Extra variables as a survey sends them: every option of every role."""
    inventory.fill()
    _code, plain = inventory.play("--check", "--diff")
    assert "oke_cluster okestack-" in plain, plain[-3000:]
    empty: dict[str, Any] = {name: "" for name in OPTIONS if name not in inventory.given}
    _code, said = inventory.play("--check", "--diff", **empty, okestack_deployment="", okestack_auth_type="")
    assert planned(said) == planned(plain)
    values: dict[str, Any] = yaml.safe_load((ROOT / "roles/network/defaults/main.yml").read_text())
    text: dict[str, Any] = {
        name: json.dumps(values[name]) for name in ("network_cidr_blocks", "network_lb_ports", "network_vtaps")
    }
    text["oke_virtual_pool_labels"] = "{}"
    text["oke_virtual_pool_freeform_tags"] = (
        '{"okestack-deployment": "{{ okestack_deployment }}", "okestack-component": "oke-virtual-pool"}'
    )
    text["okestack_endpoints"] = json.dumps(inventory.given["okestack_endpoints"])
    _code, said = inventory.play("--check", "--diff", **text)
    assert planned(said) == planned(plain)
    assert region.writes() == []


@pytest.mark.parametrize("inventory", ["dev", "staging", "prod"], indirect=True)
def test_filled_in_it_passes(region: Region, inventory: Inventory) -> None:
    """The operator's chart is not served here: the plan goes on until the cluster's objects."""
    inventory.fill()
    _code, said = inventory.play("--check")
    assert "To be put right first" not in said, said[-3000:]
    assert "oke_cluster okestack-" in said, said[-3000:]
    assert region.writes() == []


@pytest.mark.parametrize("inventory", ["dev", "staging", "prod"], indirect=True)
def test_filled_in_it_is_built(region: Region, inventory: Inventory) -> None:
    """Planned from nothing, made, found as it is to be; what is kept in the cluster needs one with real parts."""
    inventory.fill()
    playbook = inventory.up_to_the_cluster()
    code, said = inventory.play("--check", "--diff", playbook=playbook)
    assert code == 0, said[-3000:]
    for one in ("vcn", "vault", "mysql_db_system", "oke_cluster"):
        assert f"{one} okestack-{inventory.name}" in said, one
    assert region.writes() == []
    code, said = inventory.play(playbook=playbook)
    assert code == 0, said[-3000:]
    clusters = region.client(oci.container_engine.ContainerEngineClient)
    (cluster,) = clusters.list_clusters(region.compartment_id, name=f"okestack-{inventory.name}").data
    (pool,) = clusters.list_virtual_node_pools(region.compartment_id, cluster_id=cluster.id).data
    assert (cluster.lifecycle_state, pool.lifecycle_state) == ("ACTIVE", "ACTIVE")
    nodes = clusters.list_virtual_nodes(pool.id).data
    assert [node.lifecycle_state for node in nodes] == ["ACTIVE"] * 3
    databases = region.client(oci.mysql.DbSystemClient)
    (database,) = databases.list_db_systems(region.compartment_id, display_name=f"okestack-{inventory.name}").data
    assert database.is_highly_available is (inventory.name == "prod")
    region.forget_calls()
    code, said = inventory.play(playbook=playbook)
    assert code == 0 and "changed=0" in said, said[-3000:]
    written = {call.operation for call in region.writes()}
    assert written <= {"container_engine.create_kubeconfig"}, "which is a question"
