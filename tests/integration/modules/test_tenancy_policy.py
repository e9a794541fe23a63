"""The policy of the tenancy for virtual nodes, by the role: written once for all, or reported before any write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oci
import pytest
import yaml

from localregion.testing import Region

from .playbook import ROOT, play

NAME = "okestack-virtual-nodes"
STATEMENTS = yaml.safe_load((ROOT / "roles/oke_virtual_pool/vars/main.yml").read_text())[
    "oke_virtual_pool_tenancy_statements"
]


@pytest.fixture
def none_there(region: Region) -> Iterator[None]:
    """The tenancy without a policy for virtual nodes, and without faults at the end."""
    for policy in policies(region):
        region.client(oci.identity.IdentityClient).delete_policy(policy.id)
    region.settle()
    region.forget_calls()
    yield
    region.faults.clear()


def policies(region: Region) -> list[Any]:
    """Those of the root compartment that speak of virtual nodes."""
    found = region.client(oci.identity.IdentityClient).list_policies(region.tenancy_id).data
    return [policy for policy in found if any("virtualnode" in text for text in policy.statements)]


def run(region: Region, folder: Path, *arguments: str, **values: str) -> str:
    """The role's entry point `tenancy`, with these values of its options after their prefix."""
    role = {"name": "okestack.oci.oke_virtual_pool", "tasks_from": "tenancy"}
    given = {f"oke_virtual_pool_{name}": value for name, value in values.items()}
    return play(region, folder, [{"ansible.builtin.import_role": role, "vars": given}], *arguments)


def refusal(region: Region, folder: Path, **values: str) -> str:
    """What a run that is refused prints. Nothing may have been written; the statements stand in it."""
    with pytest.raises(AssertionError) as caught:
        run(region, folder, **values)
    region.faults.clear()
    assert policies(region) == []
    text = str(caught.value).replace('\\"', '"')
    for statement in STATEMENTS:
        assert statement in text
    return text


@pytest.mark.usefixtures("none_there")
def test_it_is_written_once_and_shared(region: Region, tmp_path: Path) -> None:
    run(region, tmp_path, "--check")
    assert region.writes() == []
    run(region, tmp_path)
    (made,) = policies(region)
    assert (made.name, made.statements) == (NAME, STATEMENTS)
    assert "okestack-deployment" not in made.freeform_tags, "no deployment removes it"
    region.forget_calls()
    run(region, tmp_path)
    run(region, tmp_path, tenancy_policy="required")
    assert region.writes() == []


@pytest.mark.usefixtures("none_there")
def test_one_that_an_administrator_wrote_is_enough(region: Region, tmp_path: Path) -> None:
    details = oci.identity.models.CreatePolicyDetails(
        compartment_id=region.tenancy_id, name="ours", description="x", statements=[*STATEMENTS]
    )
    region.client(oci.identity.IdentityClient).create_policy(details)
    region.forget_calls()
    run(region, tmp_path)
    assert region.writes() == []


@pytest.mark.usefixtures("none_there")
def test_where_it_may_not_be_written_the_statements_are_told(region: Region, tmp_path: Path) -> None:
    assert "no policy of the root compartment has all" in refusal(region, tmp_path, tenancy_policy="required")
    assert region.writes() == []
    region.faults.add("identity.create_policy", status=404, times=None)
    assert "create_policy: 404 NotAuthorizedOrNotFound" in refusal(region, tmp_path)


@pytest.mark.usefixtures("none_there")
def test_where_it_may_not_be_read_it_is_assumed_or_told(region: Region, tmp_path: Path) -> None:
    region.faults.add("identity.list_policies", status=404, times=None)
    assert "tenancy_policy: assumed" in refusal(region, tmp_path)
    run(region, tmp_path, tenancy_policy="assumed")
    assert region.writes() == []
