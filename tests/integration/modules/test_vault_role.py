# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role vault_secret, played against the region: planned, made, left alone, its key rotated, taken away and back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import oci

from localregion.testing import Region

from .playbook import play


def _tasks(region: Region, entry: str = "main", **variables: Any) -> list[dict[str, Any]]:
    role = {"name": "okestack.oci.vault_secret", "tasks_from": entry}
    common = {"okestack_compartment_id": region.compartment_id, "okestack_deployment": "shop"}
    return [{"ansible.builtin.include_role": role, "vars": {**common, **variables}}]


def _changed(printed: str) -> int:
    found = re.search(r"changed=(\d+)", printed)
    assert found, printed
    return int(found[1])


def test_the_role(region: Region, tmp_path: Path) -> None:
    rules = [{"rule_type": "SECRET_EXPIRY_RULE", "secret_version_expiry_interval": "P60D"}]
    secrets = [{"name": "mysql-admin", "description": "d"}, {"name": "mail-token", "secret_rules": rules}]
    shop = _tasks(region, vault_secret_secrets=secrets, vault_secret_key_rotate_after_days=90)
    kept = tmp_path / "fact.json"
    copied = {"content": "{{ vault | to_json }}", "dest": str(kept), "mode": "0600"}
    fact = {"ansible.builtin.copy": copied, "changed_when": False}

    region.forget_calls()
    assert _changed(play(region, tmp_path, shop, "--check", "--diff")) == 3
    assert region.writes() == []
    assert _changed(play(region, tmp_path, shop)) == 3
    region.forget_calls()
    printed = play(region, tmp_path, [*shop, fact])
    assert _changed(printed) == 0 and region.writes() == []
    vault = json.loads(kept.read_text())
    assert vault["secret_names"] == {"mysql-admin": "shop-mysql-admin", "mail-token": "shop-mail-token"}
    assert vault["secret_versions"] == {"shop-mysql-admin": 1, "shop-mail-token": 1}
    shown = region.client(oci.vault.VaultsClient).get_secret(vault["secret_ids"]["mail-token"]).data
    assert shown.secret_rules[0].secret_version_expiry_interval == "P60D"
    reads = [call.operation.partition(".")[2] for call in region.calls]
    assert reads.count("get_secret_bundle") == 0, "what is generated is read by nobody"

    keys = region.client(oci.key_management.KmsManagementClient, endpoint=vault["management_endpoint"])
    version = keys.get_key(vault["key_id"]).data.current_key_version

    async def put_back() -> None:
        kms = region.inner.services["kms"]
        record = kms.store.find(version)
        assert record is not None
        kms.update(record, {"timeCreated": "2020-01-01T00:00:00.000Z"})

    region.run(put_back())
    assert _changed(play(region, tmp_path, shop)) == 1
    assert keys.get_key(vault["key_id"]).data.current_key_version != version

    gone = _tasks(region, "absent", vault_secret_deletion_days=7)
    assert _changed(play(region, tmp_path, gone)) == 1
    assert _changed(play(region, tmp_path, gone)) == 0
    back = play(region, tmp_path, [*shop, fact])
    assert _changed(back) == 1, "its keys and secrets come back with the vault"
    assert json.loads(kept.read_text()) == vault
