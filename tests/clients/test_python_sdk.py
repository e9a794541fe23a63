"""Oracle's SDK for Python with nothing set but what `localregion env` prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="port 443 and /etc/hosts need root")]

ROOT = Path(__file__).parents[2]
NAME = "tclients"

_CALLS = """
import os, sys, oci
config, compartment = oci.config.from_file(os.environ["OCI_CONFIG_FILE"]), sys.argv[1]
vcns = oci.core.VirtualNetworkClient(config)
made = vcns.create_vcn(oci.core.models.CreateVcnDetails(
    compartment_id=compartment, display_name="v", cidr_blocks=["10.0.0.0/16"])).data
vcns.update_vcn(made.id, oci.core.models.UpdateVcnDetails(display_name="w"))
assert [v.display_name for v in vcns.list_vcns(compartment).data] == ["w"]
vcns.delete_vcn(made.id)
vaults = oci.key_management.KmsVaultClient(config)
vault = vaults.create_vault(oci.key_management.models.CreateVaultDetails(
    compartment_id=compartment, display_name="v", vault_type="DEFAULT")).data
vault = oci.wait_until(vaults, vaults.get_vault(vault.id), "lifecycle_state", "ACTIVE", max_interval_seconds=1).data
assert vault.management_endpoint.startswith("https://") and vault.management_endpoint.count("/") == 2
keys = oci.key_management.KmsManagementClient(config, vault.management_endpoint)
keys.create_key(oci.key_management.models.CreateKeyDetails(
    compartment_id=compartment, display_name="k",
    key_shape=oci.key_management.models.KeyShape(algorithm="AES", length=32)))
assert [k.display_name for k in keys.list_keys(compartment).data] == ["k"]
vaults.schedule_vault_deletion(vault.id, oci.key_management.models.ScheduleVaultDeletionDetails())
"""


def test_with_what_localregion_env_prints_and_no_trace_after(tmp_path: Path) -> None:
    from localregion.settings import COMPARTMENT_ID

    environment = os.environ | {
        "OKESTACK_STATE": str(tmp_path / "s"), "OKESTACK_NETWORK": "127.94.0.0/16", "OKESTACK_MINUTE": "0.02",
    }  # fmt: skip

    def localregion(*arguments: str) -> str:
        command = [sys.executable, "-m", "localregion", "--name", NAME, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    before = Path("/etc/hosts").read_text()
    localregion("up", "--api-only")
    try:
        told = json.loads(localregion("env", "--json"))
        done = subprocess.run(
            [sys.executable, "-c", _CALLS,
             COMPARTMENT_ID],
            capture_output=True, text=True, env=os.environ | told, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    finally:
        localregion("reset")
    assert NAME not in Path("/etc/hosts").read_text() and "localhost" in before
    listening = subprocess.run(["ss", "-Hlnt"], capture_output=True, text=True).stdout
    assert "127.94.0." not in listening
