# SPDX-License-Identifier: GPL-3.0-or-later
"""Names derived from contents: a build lies in the cache under a hash of its inputs.

Standard library alone: a bundle is loaded before anything is installed.
"""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

REVISION = "1"
"""Raised when what is made of images changes without any input changing."""
SUITE = "bookworm"
BASE_PACKAGES = ("python3-minimal", "python3", "ca-certificates")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "crud"
_CONTEXT = ("Containerfile", "requirements.txt", "vendor.sh")


def content_key(*parts: str | bytes) -> str:
    """A short name for a content: the same parts, the same name."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:16]


def base_key() -> str:
    """Of the application's base image."""
    return content_key(REVISION, SUITE, platform.machine(), *BASE_PACKAGES)


def application_version(source: Path = EXAMPLES) -> str:
    """The example application's version, which is its image's tag. Raises ValueError."""
    for line in (source / "crud" / "__init__.py").read_text().splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "__version__":
            return value.strip().strip("\"'")
    raise ValueError(f"{source} has no __version__")


def application_key(source: Path = EXAMPLES, version: str | None = None) -> str:
    """Of the example application's image. `version`: another than its own."""
    parts: list[str | bytes] = [REVISION, base_key(), version or application_version(source)]
    for file in sorted([*(source / "crud").rglob("*"), *(source / name for name in _CONTEXT)]):
        if file.is_file() and "__pycache__" not in file.parts:
            parts += [str(file.relative_to(source)), file.read_bytes()]
    return content_key(*parts)
