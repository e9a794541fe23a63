"""The shortcuts of a run: taken, and all off by one switch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import preload, signers

ROOT = Path(__file__).parents[2]

LOOK = """
import gc, json, sys
from ansible_collections.okestack.oci.plugins.module_utils import preload, registry
import oci.base_client
frozen = gc.get_freeze_count()  # Python 3.12 has frozen some itself
plain = oci.base_client.merge_type_mappings
registry.prepare()
print(json.dumps({
    "imported": "oci.mysql" in sys.modules,
    "shared": oci.base_client.merge_type_mappings is not plain,
    "frozen": gc.get_freeze_count() > frozen,
    "unchecked": bool(preload.key_options()),
    "first key": preload.keeps_first_key(),
}))
"""


@pytest.mark.parametrize(("value", "on"), [(None, True), ("1", True), ("0", False), ("off", False), ("No", False)])
def test_one_switch(value: str | None, on: bool) -> None:
    environment = {k: v for k, v in os.environ.items() if k != preload.SWITCH}
    environment["PYTHONPATH"] = str(ROOT / "collections")
    if value is not None:
        environment[preload.SWITCH] = value
    done = subprocess.run([sys.executable, "-c", LOOK], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout.splitlines()[-1]).values()) == {on}


def test_a_kept_place_is_for_an_equal_wish_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def principal(wanted: signers.SignIn) -> signers.Credential:
        made.append(wanted)
        return signers.Credential(object(), "tenancy")

    monkeypatch.setattr(signers, "_principal", principal)
    wanted = signers.SignIn("instance_principal")
    try:
        signers.sign_in_place(wanted)
        assert made == [wanted]
        kept = signers.sign_in(signers.SignIn("instance_principal"), dict)
        assert len(made) == 1 and signers.sign_in(wanted, dict) is kept
        signers.sign_in(signers.SignIn("instance_principal", ca_file="other"), dict)
        assert len(made) == 2
        preload.forget_places()
        monkeypatch.setenv(preload.SWITCH, "0")
        signers.sign_in_place(wanted)
        assert len(made) == 2
    finally:
        preload.forget_places()
