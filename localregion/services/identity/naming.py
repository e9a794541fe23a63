# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and descriptions of what identity has, and whether a name is free."""

from __future__ import annotations

import re

from localregion.core.errors import ServiceError, invalid
from localregion.core.store import Document
from localregion.services.base import Service

_NAME = re.compile(r"[\w.-]{1,100}")
_MAX_DESCRIPTION = 400


def check_texts(body: Document) -> None:
    """Check the name and the description that a body gives. Raises 400."""
    if not _NAME.fullmatch(body.get("name", "-")):
        raise invalid("Name must be 1 to 100 letters, digits, periods, hyphens or underscores.")
    if not 1 <= len(body.get("description", "-")) <= _MAX_DESCRIPTION:
        raise invalid(f"description must have 1 to {_MAX_DESCRIPTION} characters.")


def check_free(
    service: Service, kind: str, name: str, what: str, compartment: str | None, but: str | None = None
) -> None:
    """Check that no other resource of a kind (but the one with the id `but`) has a name. Raises 409."""
    for record in service.living(kind, compartment=compartment):
        if record.name.lower() == name.lower() and record.id != but:
            raise ServiceError(409, f"{what}AlreadyExists", f"{what} '{name}' already exists.")
