# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity (SDK package ``identity``): written in the tenancy's home region only."""

from __future__ import annotations

from ansible_collections.okestack.oci.plugins.module_utils.model import Change, Field, ResourceType, States, spaced

_STATES = States(ready=("ACTIVE",), gone=("DELETED",), going=("DELETING",), resting=("INACTIVE",), busy=("CREATING",))
_NEITHER = {
    "failed": "its life cycle has no FAILED",
    "revive": "its deletion is not set for later",
}

COMPARTMENT = ResourceType(
    name="compartment",
    client="identity.IdentityClient",
    work_requests="identity.IdentityClient",
    name_field="name",
    name_filter="name",
    home_region=True,
    moves_by=("move_compartment", "target_compartment_id"),
    lacks=_NEITHER,
    states=_STATES,
    fields=(Field("description", required=True),),
)

POLICY = ResourceType(
    name="policy",
    client="identity.IdentityClient",
    name_field="name",
    name_filter="name",
    home_region=True,
    lacks={"move": "there is no ChangePolicyCompartment", "rename": "UpdatePolicyDetails has no name", **_NEITHER},
    states=_STATES,
    fields=(
        Field("name", change=Change.REPLACE, required=True),
        Field("description", required=True),
        Field("statements", type="list", elements="str", canonical=spaced, required=True),
    ),
    unmanaged={"version_date": "it freezes the meaning of verbs at a date; policies of ours follow the service"},
)
