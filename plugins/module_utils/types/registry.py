# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container registry (SDK package ``artifacts``)."""

from __future__ import annotations

from ansible_collections.okestack.oci.plugins.module_utils.model import Change, Field, ResourceType, States

CONTAINER_REPOSITORY = ResourceType(
    name="container_repository",
    client="artifacts.ArtifactsClient",
    list_complete=False,
    lacks={
        "rename": "UpdateContainerRepositoryDetails has no display_name",
        "failed": "its life cycle has no FAILED",
        "revive": "its deletion is not set for later",
    },
    states=States(ready=("AVAILABLE",), gone=("DELETED",), going=("DELETING",)),
    fields=(
        Field("display_name", change=Change.REPLACE, required=True),
        Field("is_public", type="bool"),
        Field("is_immutable", type="bool"),
        Field(
            "readme",
            type="dict",
            fields=(
                Field("content", required=True),
                Field("format", choices=("TEXT_MARKDOWN", "TEXT_PLAIN"), required=True),
            ),
        ),
    ),
)
