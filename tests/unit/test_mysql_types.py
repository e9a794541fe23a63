# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How databases are compared, by tables: times as the service writes them, versions and sizes that only grow."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import PlanError
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, moment, placeholder
from ansible_collections.okestack.oci.plugins.module_utils.plan import plan_present
from ansible_collections.okestack.oci.plugins.module_utils.types.mysql import (
    MYSQL_DB_SYSTEM,
    day_and_time,
    time_of_day,
)

UNKNOWN = placeholder("mysql_db_system", "shop", "x")


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("02:00", "02:00"),
        ("02:00Z", "02:00"),
        ("02:00z", "02:00"),
        (" 02:00:59 ", "02:00"),
        ("02:00:59.999Z", "02:00"),
        ("04:30+02:30", "02:00"),
        ("23:30-02:30", "02:00"),
        ("01:00+02:00", "23:00"),
        ("2:00", "2:00"),
        ("24:00", "24:00"),
        ("02:60", "02:60"),
        ("soon", "soon"),
        (7, 7),
    ],
)
def test_times_of_day(given: Any, form: Any) -> None:
    assert time_of_day(given) == form


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("sun 02:00", "sun 02:00"),
        ("SUNDAY 02:00:10Z", "sun 02:00"),
        ("Mon 01:00+02:00", "sun 23:00"),
        ("sun 23:00-03:00", "mon 02:00"),
        ("holiday 02:00", "holiday 02:00"),
        ("sun", "sun"),
        ("sun later", "sun later"),
        (None, None),
    ],
)
def test_days_and_times(given: Any, form: Any) -> None:
    assert day_and_time(given) == form


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("2027-12-20T00:00:00Z", "2027-12-20T00:00:00+00:00"),
        ("2027-12-20T00:00:00.000Z", "2027-12-20T00:00:00+00:00"),
        ("2027-12-20T01:00:00+01:00", "2027-12-20T00:00:00+00:00"),
        ("2027-12-20", "2027-12-20T00:00:00+00:00"),
        ("at Christmas", "at Christmas"),
    ],
)
def test_moments(given: str, form: str) -> None:
    assert moment(given) == form


@pytest.mark.parametrize(
    ("field", "before", "after", "refused"),
    [
        ("data_storage_size_in_gbs", 100, 99, True),
        ("data_storage_size_in_gbs", 100, 101, False),
        ("data_storage_size_in_gbs", None, 50, False),
        ("data_storage_size_in_gbs", 100, UNKNOWN, False),
        ("mysql_version", "8.4.9", "8.4.10", False),
        ("mysql_version", "9.0.1", "8.4.10", True),
        ("mysql_version", None, "8.4.9", False),
        ("mysql_version", "8.4.9", UNKNOWN, False),
    ],
)
def test_what_only_grows(field: str, before: Any, after: Any, refused: bool) -> None:
    there: Document = {"id": "x", "display_name": "shop", "lifecycle_state": "ACTIVE", field: before}
    if refused:
        with pytest.raises(PlanError, match=f"{field}: .* -> "):
            plan_present(MYSQL_DB_SYSTEM, {field: after}, there, allow_replace=True)
    else:
        assert plan_present(MYSQL_DB_SYSTEM, {field: after}, there).kind == "update"


@pytest.mark.parametrize(
    ("field", "there", "wanted", "sent"),
    [
        (
            "encrypt_data",
            {"key_generation_type": "BYOK", "key_id": "k"},
            {"key_generation_type": "SYSTEM"},
            {"key_generation_type": "SYSTEM"},
        ),
        (
            "secure_connections",
            {"certificate_generation_type": "BYOC", "certificate_id": "c"},
            {"certificate_generation_type": "SYSTEM"},
            {"certificate_generation_type": "SYSTEM"},
        ),
        (
            "data_storage",
            {"is_auto_expand_storage_enabled": True, "max_storage_size_in_gbs": 9, "allocated_storage_size_in_gbs": 5},
            {"is_auto_expand_storage_enabled": False},
            {"is_auto_expand_storage_enabled": False},
        ),
        (
            "backup_policy",
            {"is_enabled": True, "retention_in_days": 7, "soft_delete": None, "copy_policies": []},
            {"retention_in_days": 9},
            {"is_enabled": True, "retention_in_days": 9, "copy_policies": []},
        ),
    ],
)
def test_what_a_nested_update_sends(field: str, there: Document, wanted: Document, sent: Document) -> None:
    """Of one kind what is there stays, of another nothing does; what the service adds and nulls are not sent."""
    observed: Document = {"id": "x", "display_name": "shop", "lifecycle_state": "ACTIVE", field: there}
    calls = plan_present(MYSQL_DB_SYSTEM, {field: wanted}, observed).calls
    assert [call.body for call in calls] == [{field: sent}]
