"""What coming tasks will look at is read together and once; nothing that was changed meanwhile is missed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils import preload
from ansible_collections.okestack.oci.plugins.module_utils.snapshot import SNAPSHOT

from localregion.testing import Region

from .conftest import Door
from .playbook import play

WRITES = ("create_", "update_", "delete_")


def operations(region: Region) -> Counter[str]:
    """The calls since the last look, by operation, and forgets them."""
    made = Counter(call.operation.rpartition(".")[2] for call in region.calls)
    region.forget_calls()
    return made


def tasks_of(region: Region, name: str) -> list[dict[str, Any]]:
    """Tasks that look in four lists: policies, vcns, and of one VCN subnets and groups."""
    compartment = {"compartment_id": region.compartment_id}
    statement = f"Allow any-user to read vcns in compartment id {region.compartment_id}"
    of_it = {**compartment, "vcn_id": "{{ made.vcn.id }}"}
    policy = {**compartment, "description": "x", "statements": [statement]}
    return [
        {"okestack.oci.policy": {**policy, "name": f"{name}-1"}},
        {"okestack.oci.policy": {**policy, "name": "{{ item }}"}, "loop": [f"{name}-2", f"{name}-3"]},
        {"okestack.oci.vcn": {**compartment, "display_name": name, "cidr_blocks": ["10.0.0.0/16"]}, "register": "made"},
        {"ansible.builtin.debug": {"msg": "x"}},
        {"okestack.oci.subnet": {**of_it, "display_name": "a", "cidr_block": "10.0.1.0/24"}},
        {"okestack.oci.subnet": {**of_it, "display_name": "b", "cidr_block": "10.0.2.0/24"}},
        {"okestack.oci.network_security_group": {**of_it, "display_name": "g"}},
        {"okestack.oci.policy": {**policy, "name": f"{name}-4"}, "when": "made.vcn.display_name == 'x'"},
    ]


def test_each_list_is_read_once(region: Region, tmp_path: Path) -> None:
    tasks = tasks_of(region, "once")
    play(region, tmp_path, tasks)
    operations(region)
    assert "changed=0" in play(region, tmp_path, tasks)
    once = {"list_policies": 1, "list_vcns": 1, "list_subnets": 1, "list_network_security_groups": 1}
    assert operations(region) == once
    play(region, tmp_path, tasks, environment={preload.SWITCH: "0"})
    each = {"list_policies": 3, "list_vcns": 1, "list_subnets": 2, "list_network_security_groups": 1}
    assert operations(region) == each, "with the shortcuts off each task reads for itself"
    play(region, tmp_path, tasks, "--check")
    assert operations(region) == once


REMOVE = """
import oci, sys
config, endpoint, compartment = sys.argv[1:]
client = oci.core.VirtualNetworkClient(oci.config.from_file(config), service_endpoint=endpoint)
for subnet in client.list_subnets(compartment, display_name="b").data:
    client.delete_subnet(subnet.id)
"""


def test_what_another_program_changes_in_between_is_seen(region: Region, tmp_path: Path) -> None:
    tasks = tasks_of(region, "between")
    play(region, tmp_path, tasks)
    argv = [sys.executable, "-c", REMOVE, str(region.config_file), region.endpoint, region.compartment_id]
    tasks.insert(5, {"ansible.builtin.command": {"argv": argv}})
    operations(region)
    told = play(region, tmp_path, tasks)
    assert "subnet b: creating" in told
    assert operations(region)["create_subnet"], told


def begin() -> None:
    """A run begins, which has read nothing yet."""
    SNAPSHOT.close()
    SNAPSHOT.open()
    SNAPSHOT.enter("play")


@pytest.fixture
def opened() -> Iterator[None]:
    begin()
    yield
    SNAPSHOT.close()


@pytest.mark.usefixtures("opened")
def test_a_task_with_something_to_do_reads_again_before_it_writes(region: Region, door: Door) -> None:
    options: dict[str, Any] = {"compartment_id": region.compartment_id, "display_name": "again"}
    made = door("vcn", **options, cidr_blocks=["10.8.0.0/16"], freeform_tags={"a": "1"})["vcn"]
    begin()
    door("vcn", **options)
    operations(region)
    door("vcn", **options)
    assert operations(region) == {}, "what the task before read"
    client = oci.core.VirtualNetworkClient(
        oci.config.from_file(str(region.config_file)), service_endpoint=region.endpoint
    )
    client.update_vcn(made["id"], oci.core.models.UpdateVcnDetails(freeform_tags={"a": "2"}))
    operations(region)
    assert not door("vcn", **options, freeform_tags={"a": "2"})["changed"], "somebody else has done it already"
    assert not [name for name in operations(region) if name.startswith(WRITES)]
    begin()
    door("vcn", **options)
    assert door("vcn", **options, freeform_tags={"a": "3"})["changed"]
    assert door("vcn", **options)["vcn"]["freeform_tags"] == {"a": "3"}, "nothing read before a write is believed"


@pytest.mark.usefixtures("opened")
def test_a_removal_looks_for_itself(region: Region, door: Door) -> None:
    options: dict[str, Any] = {"compartment_id": region.compartment_id, "display_name": "removed"}
    door("vcn_info", **options)
    client = oci.core.VirtualNetworkClient(
        oci.config.from_file(str(region.config_file)), service_endpoint=region.endpoint
    )
    details = {"compartment_id": region.compartment_id, "display_name": "removed", "cidr_blocks": ["10.9.0.0/16"]}
    client.create_vcn(oci.core.models.CreateVcnDetails(**details))
    assert door("vcn", **options, state="absent")["changed"]


@pytest.mark.usefixtures("opened")
def test_the_home_region_is_asked_for_once_a_run(region: Region, door: Door) -> None:
    options: dict[str, Any] = {"compartment_id": region.compartment_id, "description": "d"}
    statements = ["Allow group Administrators to read vaults in compartment okestack"]
    operations(region)
    for name in ("first", "second"):
        assert door("policy", **options, name=name, statements=statements)["changed"]
    seen = operations(region)
    assert (seen["create_policy"], seen["list_region_subscriptions"]) == (2, 1)


@pytest.mark.usefixtures("opened")
def test_a_secret_is_not_kept(region: Region, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    plain = type(SNAPSHOT).keep

    def keep(self: Any, key: bytes, value: Any, *when: Any) -> None:
        seen.append(json.dumps(str(value)).encode())
        plain(self, key, value, *when)

    monkeypatch.setattr(type(SNAPSHOT), "keep", keep)
    compartment: dict[str, Any] = {"compartment_id": region.compartment_id}
    vault = door("vault", **compartment, display_name="kept")["vault"]
    key = door(
        "vault_key", **compartment, display_name="k", management_endpoint=vault["management_endpoint"],
        protection_mode="SOFTWARE", key_shape={"algorithm": "AES", "length": 32},
    )["vault_key"]  # fmt: skip
    options = {**compartment, "vault_id": vault["id"], "key_id": key["id"], "secret_name": "s", "content": "Wort-2718"}
    door("vault_secret", **options)
    begin()
    assert not door("vault_secret", **options)["changed"]
    assert seen
    assert not [text for text in seen if b"Wort-2718" in text or b"V29ydC0yNzE4" in text]
