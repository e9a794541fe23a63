"""The collection as one more client of the region's names: an inventory of the cloud, no endpoints in it, nothing set
but what `localregion env` prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from localregion.settings import AVAILABILITY_DOMAIN, COMPARTMENT_ID
from tests.clients.journey import ROOT, Region

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="port 443 and /etc/hosts need root")]

FILLED = {
    "<OCID of the compartment>": COMPARTMENT_ID,
    "<name of an availability domain, e.g. Uocm:EU-FRANKFURT-1-AD-1>": AVAILABILITY_DOMAIN,
    "<your address>": "192.0.2.7",
    "eu-frankfurt-1": "local-1",
}
ROLES = ("network", "vault_secret", "mysql")


def test_roles_find_the_region_by_its_names(region: Region, tmp_path: Path) -> None:
    inventory = shutil.copytree(ROOT / "inventories" / "dev", tmp_path / "dev")
    for path in inventory.glob("group_vars/all/*.yml"):
        text = path.read_text()
        assert "endpoint" not in text
        for placeholder, value in FILLED.items():
            text = text.replace(placeholder, value)
        path.write_text(text)
    (play,) = yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text())
    play["tasks"] = [{"name": f"Keep {role}", "ansible.builtin.import_role": {"name": f"okestack.oci.{role}"}}
                     for role in ROLES]  # fmt: skip
    for more in ("pre_tasks", "post_tasks"):
        play.pop(more, None)
    site = tmp_path / "site.yml"
    site.write_text(yaml.safe_dump([play]))

    def run(*arguments: str) -> tuple[str, list[dict[str, Any]]]:
        before = len(region.calls())
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory), str(site), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env=region.shell(tmp_path), check=False
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        return done.stdout, [call for call in region.calls()[before:] if call["method"] != "GET"]

    said, written = run("--check", "--diff")
    assert "vcn okestack-dev" in said and written == []
    said, written = run()
    assert {"core.create_vcn", "key_management.create_key", "vault.create_secret", "mysql.create_db_system"} <= {
        call["operation"] for call in written
    }
    said, written = run()
    assert "changed=0" in said and written == []
