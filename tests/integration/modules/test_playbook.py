"""Modules through ansible-playbook: in Ansible's own process, and as a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from localregion.testing import Region

from .playbook import play


def _vcn(region: Region, name: str) -> dict[str, Any]:
    return {"compartment_id": region.compartment_id, "display_name": name, "cidr_blocks": ["10.61.0.0/16"]}


def test_what_is_under_way_is_told(region: Region, tmp_path: Path) -> None:
    assert "  vcn played: creating" in play(region, tmp_path, [{"okestack.oci.vcn": _vcn(region, "played")}])


def test_a_module_as_a_process_of_its_own(region: Region, tmp_path: Path) -> None:
    task = {"okestack.oci.vcn": _vcn(region, "apart"), "async": 60, "poll": 1, "register": "made"}
    check = {"ansible.builtin.assert": {"that": ["made.vcn.id.startswith('ocid1.vcn.')", "made is changed"]}}
    play(region, tmp_path, [task, check])


def test_a_process_on_this_machine_has_the_python_that_runs_ansible(region: Region, tmp_path: Path) -> None:
    discovered = {
        "ansible_python_interpreter": "auto_silent",
        "ansible_interpreter_python_fallback": ["/usr/bin/python3"],
    }
    task = {"okestack.oci.vcn": _vcn(region, "discovered"), "async": 60, "poll": 1, "vars": discovered}
    play(region, tmp_path, [task])  # Debian's own Python has no SDK


def test_defaults_of_one_module_are_refused_for_they_would_reach_the_others(region: Region, tmp_path: Path) -> None:
    misplaced = {"module_defaults": {"okestack.oci.vcn": {"wait": False}}}
    task = {"okestack.oci.vcn_info": {"compartment_id": region.compartment_id}, "register": "refused"}
    check = {"ansible.builtin.assert": {"that": ["'group/okestack.oci.all' in refused.msg"]}}
    play(region, tmp_path, [{"block": [{**task, "ignore_errors": True}], **misplaced}, check])
