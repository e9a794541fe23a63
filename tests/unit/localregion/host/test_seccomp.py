"""The system calls of containers: what the distribution allows, without namespaces, keyrings and the kernel log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from localregion.host.seccomp import profile, write_profile

BASE: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "syscalls": [
        {"names": ["clone", "clone3", "keyctl", "mount", "read", "syslog", "unshare"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["setns"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    ],
}


def action(made: dict[str, Any], name: str, first: int) -> tuple[str, int | None]:
    """What a profile does with a call by its first argument."""
    for rule in made["syscalls"]:
        if name not in rule["names"]:
            continue
        if all(one["op"] == "SCMP_CMP_MASKED_EQ" and first & one["value"] == one["valueTwo"]
               for one in rule.get("args") or ()):  # fmt: skip
            return rule["action"], rule.get("errnoRet")
    return made["defaultAction"], None


ALLOWED, BARRED, ABSENT = ("SCMP_ACT_ALLOW", None), ("SCMP_ACT_ERRNO", 1), ("SCMP_ACT_ERRNO", 38)
NEWUSER, NEWNET, NEWNS, THREAD, FORK, FILES = 0x10000000, 0x40000000, 0x20000, 0x3D0F00, 0x1200011, 0x400


@pytest.mark.parametrize(
    ("name", "first", "wanted"),
    [
        ("read", 0, ALLOWED),
        ("clone", FORK, ALLOWED),
        ("clone", THREAD, ALLOWED),
        ("clone", FORK | NEWUSER, ("SCMP_ACT_ERRNO", None)),
        ("unshare", FILES, ALLOWED),
        ("unshare", NEWUSER, ("SCMP_ACT_ERRNO", None)),
        ("unshare", NEWNET | NEWNS, ("SCMP_ACT_ERRNO", None)),
        ("clone3", 0, ABSENT),
        *((name, 0, BARRED) for name in ("setns", "mount", "keyctl", "syslog")),
    ],
)
def test_no_call_makes_a_namespace(name: str, first: int, wanted: tuple[str, int | None]) -> None:
    assert action(profile(BASE), name, first) == wanted


def test_the_base_stays_as_it_was_and_the_file_is_the_profile(tmp_path: Path) -> None:
    before = json.dumps(BASE)
    base = tmp_path / "base.json"
    base.write_text(before)
    write_profile(tmp_path / "made.json", base)
    assert json.loads((tmp_path / "made.json").read_text()) == profile(BASE)
    assert json.dumps(BASE) == before
