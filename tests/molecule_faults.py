#!/usr/bin/env python
"""A fault planted in each role makes its scenario fail: `make molecule-faults`, or `ARGS=mysql` for one.

Each is planted in a copy of the repository. A scenario fails where `molecule test` does in one of the steps that look
(idempotence, verify); a fault that nothing sees ends this with 1.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FAULTS = {
    # By scenario: a file, what is in it, and what a careless hand makes of it.
    "network": (
        "roles/network/vars/main.yml",
        "network_mysql_rules:\n  - {direction: INGRESS, sources: [nodes], source_type: NETWORK_SECURITY_GROUP,",
        "network_mysql_rules:\n  - {direction: INGRESS, sources: [0.0.0.0/0],",
    ),
    "vault_secret": (
        "roles/vault_secret/defaults/main.yml",
        "vault_secret_password_length: 24",
        "vault_secret_password_length: 12",
    ),
    "mysql": (
        "roles/mysql/tasks/db_system.yml",
        '    nsg_ids: "{{ mysql_nsg_ids }}"\n',
        "",
    ),
    "oke_virtual_pool": (
        "roles/oke_virtual_pool/tasks/cluster.yml",
        '    kms_key_id: "{{ oke_virtual_pool_kms_key_id | default(omit, true) }}"\n',
        "",
    ),
    "external_secrets": (
        "roles/external_secrets/templates/statements.yml.j2",
        ', request.principal.service_account=\'" ~ store.service_account ~ "\'"',
        '"',
    ),
    "app_ingress": (
        "roles/app_ingress/templates/app.yml.j2",
        "            runAsNonRoot: true\n",
        "",
    ),
    # Not a rule that is missing: the site would wait, and the local inventory lets it for a day.
    "site": (
        "roles/app_ingress/templates/app.yml.j2",
        "            initialDelaySeconds: 20\n",
        "            initialDelaySeconds: {{ range(20, 600) | random }}\n",
    ),
}
LOOKS = ("idempotence", "verify")


def main(chosen: list[str]) -> int:
    """Plant, play, tell. Each has a region of its own: what a faulty role made is nothing to build the next on."""
    unseen = []
    with tempfile.TemporaryDirectory(prefix="okestack-faults-", dir=os.environ.get("TMPDIR")) as folder:
        copy = Path(folder) / "oci"
        left_out = shutil.ignore_patterns(".venv*", ".git", "build", "dist", ".*_cache", "__pycache__", "vendor")
        shutil.copytree(ROOT, copy, symlinks=True, ignore=left_out)
        molecule = str(Path(sys.executable).parent / "molecule")
        try:
            for scenario in chosen or FAULTS:
                name, sound, faulty = FAULTS[scenario]
                path = copy / name
                text = path.read_text()
                assert text.count(sound) == 1, f"{name} has changed: {sound!r} is in it {text.count(sound)} times"
                path.write_text(text.replace(sound, faulty))
                command = [molecule, "test", "--scenario-name", scenario]
                done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
                path.write_text(text)
                said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
                failed = re.findall(rf"{scenario} ➜ (\w+): (?:Executed: )?Failed", said)
                seen = done.returncode != 0 and bool(set(failed) & set(LOOKS))
                print(f"{scenario}: {'seen by ' + failed[-1] if seen else 'NOT SEEN'} ({name})", flush=True)
                subprocess.run([molecule, "destroy", "--scenario-name", "default"], cwd=copy, capture_output=True)
                if not seen:
                    unseen.append(scenario)
                    print("\n".join(said.splitlines()[-40:]), flush=True)
        finally:
            subprocess.run([molecule, "destroy", "--scenario-name", "default"], cwd=copy, capture_output=True)
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
