"""OCIDs: parts and lengths as the service has them, and the same constants wherever they are written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from localregion import ocids, settings

ROOT = Path(__file__).parents[3]
WHOLE = re.compile(r"ocid1\.[a-z]+\.oc99\.[a-z0-9-]*(\.[a-z0-9-]+)*\.[a-z2-7]{60}")


@pytest.mark.parametrize(
    ("made", "begins", "parts"),
    [
        (ocids.new("subnet"), "ocid1.subnet.oc99.local-1.aaaaaaaa", 5),
        (ocids.new("policy", region=""), "ocid1.policy.oc99..aaaaaaaa", 5),
        (ocids.new("vcn", start=ocids.TENANCY), "ocid1.vcn.oc99.local-1.amaaaaaak4tlocyia", 5),
        (ocids.new("vault", "b5rnwkgfaafak", start=ocids.VAULT), "ocid1.vault.oc99.local-1.b5rnwkgfaafak.abaaaaaa", 6),
        (ocids.new("keyversion", "b5rnwkgfaafak", ocids.prefix()), "ocid1.keyversion.oc99.local-1.b5rnwkgfaafak.", 7),
        (ocids.fixed("user", "operator"), settings.OPERATOR_ID, 5),
        (settings.TENANCY_ID, "ocid1.tenancy.oc99..aaaaaaaa", 5),
    ],
    ids=["subnet", "policy", "vcn", "vault", "key version", "operator", "tenancy"],
)
def test_parts_and_lengths(made: str, begins: str, parts: int) -> None:
    assert WHOLE.fullmatch(made) and made.startswith(begins)
    assert len(made.split(".")) == parts


def test_the_prefix_of_a_vault_is_found_again() -> None:
    prefix = ocids.prefix()
    assert re.fullmatch(r"[a-z2-7]{13}", prefix)
    vault = ocids.new("vault", prefix, start=ocids.VAULT)
    key = ocids.new("key", ocids.vault_prefix(vault), start=ocids.VAULT)
    assert ocids.vault_prefix(key) == prefix


def test_what_is_written_down_is_what_the_region_has() -> None:
    inventory = yaml.safe_load((ROOT / "inventories/local/group_vars/all/main.yml").read_text())
    assert inventory["okestack_compartment_id"] == settings.COMPARTMENT_ID
    texts = [(ROOT / document).read_text() for document in ("README.md", "localregion/README.md")]
    assert set(re.findall(r"ocid1\.compartment\.oc99\.[a-z0-9.]+", "".join(texts))) == {settings.COMPARTMENT_ID}
