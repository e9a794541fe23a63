# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that the SDK's models do not take: refused with their path, never a fault of ours."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.cloud import to_model
from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError


@pytest.mark.parametrize(
    ("package", "model", "data", "told"),
    [
        ("core", "CreateVtapDetails", {"target_type": "nobody"}, "target_type: 'nobody' is not a value of it"),
        ("mysql", "CreateDbSystemDetails", {"rest": {"configuration": ""}}, "rest.configuration: '' is not a value"),
        (
            "mysql",
            "CreateDbSystemDetails",
            {"maintenance": {"maintenance_disabled_windows": [{"time_start": "soon"}]}},
            "maintenance.maintenance_disabled_windows[0].time_start: 'soon' is not a time",
        ),
        (
            "logging",
            "CreateLogDetails",
            {"configuration": {"source": {"source_type": "OCISERVICE", "parameters": {"x": {"y": 5}}}}},
            "configuration.source.parameters.x: {'y': 5} is not text",
        ),
    ],
)
def test_what_a_model_does_not_take(package: str, model: str, data: dict[str, Any], told: str) -> None:
    with pytest.raises(ResourceError) as refused:
        to_model(package, model, data)
    assert str(refused.value).startswith(told)
