# SPDX-License-Identifier: GPL-3.0-or-later
"""The services that other services ask, with their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from localregion.services.context import Context
    from localregion.services.identity.service import Identity
    from localregion.services.kms.service import Kms
    from localregion.services.network.service import Network


def network(region: Context) -> Network:
    """The network of a region."""
    return cast("Network", region.services["network"])


def identity(region: Context) -> Identity:
    """Compartments, users and policies of a region."""
    return cast("Identity", region.services["identity"])


def kms(region: Context) -> Kms:
    """Key Management of a region."""
    return cast("Kms", region.services["kms"])
