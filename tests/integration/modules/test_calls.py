"""What a task costs in calls: none is made twice."""

from __future__ import annotations

from typing import Any

import pytest

from localregion.testing import Region

from .conftest import Door

Options = dict[str, Any]


def _calls(region: Region) -> list[str]:
    """The operations called, without polls of work requests, whose number is a matter of time."""
    return [name for call in region.calls if "work_request" not in (name := call.operation.partition(".")[2])]


CASES: dict[str, tuple[str, Options, Options, list[str], list[str]]] = {
    # module: its options, what changes; the calls without a change, the calls of an update
    "vcn": (
        "vcn",
        {"cidr_blocks": ["10.91.0.0/16"]},
        {"freeform_tags": {"a": "1"}},
        ["list_vcns"],
        ["list_vcns", "get_vcn", "update_vcn", "get_vcn"],
    ),
    "vcn of two writes": (
        "vcn",
        {"cidr_blocks": ["10.92.0.0/16"]},
        {"cidr_blocks": ["10.92.0.0/16", "10.93.0.0/16"], "freeform_tags": {"a": "1"}},
        ["list_vcns"],
        ["list_vcns", "get_vcn", "add_vcn_cidr", "get_vcn", "update_vcn", "get_vcn"],
    ),
    "container_repository": (
        "container_repository",
        {},
        {"is_public": True},
        ["list_container_repositories", "get_container_repository"],
        [
            "list_container_repositories",
            "get_container_repository",
            "update_container_repository",
            "get_container_repository",
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_update_reads_its_resource_once_before_and_once_after(door: Door, region: Region, case: str) -> None:
    module, options, change, unchanged, updated = CASES[case]
    options = {"compartment_id": region.compartment_id, "display_name": "-".join(case.split()), **options}
    assert door(module, **options)["changed"]
    region.forget_calls()
    assert not door(module, **options)["changed"]
    assert _calls(region) == unchanged
    region.forget_calls()
    result = door(module, **{**options, **change})
    assert result["changed"]
    assert {n: result[module][n] for n in change} == change, "the answer is what was read after the last write"
    assert _calls(region) == updated
