# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity (SDK package ``identity``): written in the tenancy's home region only."""

from __future__ import annotations

from ansible_collections.okestack.oci.plugins.module_utils.model import Change, Field, ResourceType, States, spaced

POLICY = ResourceType(
    name="policy",
    title="Policy",
    client="identity.IdentityClient",
    name_field="name",
    name_filter="name",
    home_region=True,
    lacks={"move": "there is no ChangePolicyCompartment", "rename": "UpdatePolicyDetails has no name"},
    states=States(ready=("ACTIVE", "INACTIVE"), gone=("DELETED",), going=("DELETING",)),
    fields=(
        Field("name", change=Change.REPLACE, required=True),
        Field("description", required=True),
        Field("statements", type="list", elements="str", canonical=spaced, required=True),
    ),
    unmanaged={"version_date": "it freezes the meaning of verbs at a date; policies of ours follow the service"},
)
