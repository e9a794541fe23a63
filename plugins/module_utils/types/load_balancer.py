# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers (SDK package ``load_balancer``). Services of Kubernetes make them: they are looked up, not kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.model import ResourceType, States


def _addresses(balancer: Mapping[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    for row in balancer.get("ip_addresses") or []:
        yield "public" if row.get("is_public") else "private", row.get("ip_address"), None


LOAD_BALANCER = ResourceType(
    name="load_balancer",
    client="load_balancer.LoadBalancerClient",
    fields=(),
    states=States(ready=("ACTIVE",), failed=("FAILED",), gone=("DELETED",), going=("DELETING",)),
    answers_at=_addresses,
)
