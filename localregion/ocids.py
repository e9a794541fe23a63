"""OCIDs, in the parts and lengths of the real ones.

`ocid1.<type>.<realm>.<region>.<unique part>`, where a few types have further parts before the unique one (vaults, keys
and their versions the prefix of the vault's endpoints; a repository its namespace; a work request of MySQL a UUID).
Types that belong to no region (compartments, users, policies) leave the region empty. Unique parts have 60 letters of
base32. The region is named by its identifier: the service does so in every region but its first two (`phx` and `iad`).

https://docs.oracle.com/en-us/iaas/Content/General/Concepts/identifiers.htm; the starts are those of recorded answers.
"""

from __future__ import annotations

import base64
import hashlib
import secrets

REALM = "oc99"
REGION = "local-1"

PLAIN = "aaaaaaaa"
"""How most unique parts begin."""
TENANCY = "amaaaaaa" + "k4tlocy" + "ia"
"""How they begin where the tenancy's own letters are in them: VCNs, virtual node pools, secrets, logs."""
VAULT = "abaaaaaa"
"""Vaults, keys and their versions."""
PLACED = "abxwgljr"
"""VNICs and private IPs: of an availability domain."""

LENGTH = 60
"""Letters of a unique part."""


def new(kind: str, *inner: str, start: str = PLAIN, region: str = REGION) -> str:
    """A new OCID; `inner` are the parts between region and unique part, `region` empty for what belongs to none."""
    return _joined(kind, region, inner, start + _letters(secrets.token_bytes(40)))


def fixed(kind: str, name: str, *, start: str = PLAIN, region: str = "") -> str:
    """The OCID that something which every local region has is known by: always the same for a name."""
    digest = hashlib.sha512(f"{kind} {name}".encode()).digest()
    return _joined(kind, region, (), start + _letters(digest))


def prefix() -> str:
    """The 13 letters that begin the host names of a vault's endpoints, and stand in the OCIDs of its keys."""
    return _letters(secrets.token_bytes(10))[:13]


def vault_prefix(ocid: str) -> str:
    """The prefix of the vault's endpoints that the OCID of a vault, key or key version holds."""
    return ocid.split(".")[4]


def _joined(kind: str, region: str, inner: tuple[str, ...], unique: str) -> str:
    return ".".join(("ocid1", kind, REALM, region, *inner, unique[:LENGTH]))


def _letters(data: bytes) -> str:
    return base64.b32encode(data).decode().lower().rstrip("=")
