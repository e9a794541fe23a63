# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DB Systems and HeatWave clusters: running and resting, what is refused before the first write, what is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localregion.testing import Region, Snapshot

from ..types.prerequisites import Prerequisites
from .conftest import Door
from .playbook import play

Options = dict[str, Any]


@pytest.fixture(scope="module")
def ground(region: Region) -> Prerequisites:
    return Prerequisites(Door(region), region)


@pytest.fixture(scope="module")
def standing(region: Region, ground: Prerequisites) -> Snapshot:
    """The region with one DB System in it."""
    Door(region)("mysql_db_system", **_options(ground))
    return region.snapshot()


@pytest.fixture
def system(region: Region, ground: Prerequisites, standing: Snapshot) -> Options:
    """The options of a DB System that is there, nothing else written so far."""
    region.restore(standing)
    region.forget_calls()
    return _options(ground)


def _options(ground: Prerequisites) -> Options:
    return {
        "compartment_id": ground.compartment_id,
        "display_name": "shop",
        "subnet_id": ground.subnets["db"],
        "shape_name": "MySQL.2",
        "mysql_version": "8.4.5",
        "admin_username": "admin",
        "admin_password_secret_id": ground.secret_id,
        "data_storage_size_in_gbs": 100,
        "data_storage": {"is_auto_expand_storage_enabled": True, "max_storage_size_in_gbs": 200},
        "backup_policy": {"is_enabled": True, "retention_in_days": 7},
        "maintenance": {"window_start_time": "sun 02:00"},
    }


def _written(region: Region) -> list[str]:
    return [call.operation.rpartition(".")[2] for call in region.writes()]


def _state(result: Options, name: str = "mysql_db_system") -> str:
    return str(result[name]["lifecycle_state"])


# --- running and resting -----------------------------------------------------------------------------------------


def test_a_db_system_is_stopped_and_started(door: Door, region: Region, system: Options) -> None:
    planned = door("mysql_db_system", check=True, **system, state="stopped")
    assert planned["diff"]["before"] == {"lifecycle_state": "ACTIVE"}
    assert planned["diff"]["after"] == {"lifecycle_state": "INACTIVE"}
    assert _written(region) == []
    stopped = door("mysql_db_system", **system, state="stopped")
    assert (stopped["changed"], _state(stopped)) == (True, "INACTIVE")
    assert not door("mysql_db_system", **system, state="stopped")["changed"]
    left = door("mysql_db_system", **system)
    assert (left["changed"], _state(left)) == (False, "INACTIVE"), "present leaves it as it is"
    started = door("mysql_db_system", **system, state="started")
    assert (started["changed"], _state(started)) == (True, "ACTIVE")
    assert not door("mysql_db_system", **system, state="started")["changed"]
    assert _written(region) == ["stop_db_system", "start_db_system"]


@pytest.mark.parametrize(("given", "sent"), [(None, "FAST"), ("SLOW", "SLOW"), ("IMMEDIATE", "IMMEDIATE")])
def test_the_way_to_stop_is_chosen(
    door: Door, system: Options, bodies: list[Any], given: str | None, sent: str
) -> None:
    options = {**system, "shutdown_type": given} if given else system
    door("mysql_db_system", **options, state="stopped")
    assert bodies == [("stop_db_system", {"shutdownType": sent})]


def test_a_restart_is_done_each_time_and_shown(door: Door, region: Region, system: Options) -> None:
    for _run in range(2):
        region.forget_calls()
        planned = door("mysql_db_system", check=True, **system, state="restarted")
        assert planned["changed"] and "restarted" in planned["diff"]["after"]["lifecycle_state"]
        assert _written(region) == []
        done = door("mysql_db_system", **system, state="restarted")
        assert (done["changed"], _state(done)) == (True, "ACTIVE")
        assert _written(region) == ["restart_db_system"]


def test_what_rests_is_started_not_restarted(door: Door, region: Region, system: Options) -> None:
    door("mysql_db_system", **system, state="stopped")
    region.forget_calls()
    done = door("mysql_db_system", **system, state="restarted")
    assert (done["changed"], _state(done)) == (True, "ACTIVE")
    assert _written(region) == ["start_db_system"]


def test_one_is_made_and_stopped_in_one_task(door: Door, region: Region, system: Options) -> None:
    other = {**system, "display_name": "other"}
    planned = door("mysql_db_system", check=True, **other, state="stopped")
    calls = ["mysql.create_db_system", "mysql.stop_db_system"]
    assert planned["changes"] == [{"name": "mysql_db_system other", "change": "created", "calls": calls}]
    assert _state(door("mysql_db_system", **other, state="stopped")) == "INACTIVE"
    assert _written(region) == ["create_db_system", "stop_db_system"]


def test_one_that_is_to_run_is_started_before_it_is_changed(door: Door, region: Region, system: Options) -> None:
    door("mysql_db_system", **system, state="stopped")
    region.forget_calls()
    newer = {**system, "mysql_version": "8.4.6"}
    planned = door("mysql_db_system", check=True, **newer, state="started")
    assert planned["diff"]["after"] == {"lifecycle_state": "ACTIVE", "mysql_version": "8.4.6"}
    done = door("mysql_db_system", **newer, state="started")
    assert done["diff"] == planned["diff"]
    assert _written(region) == ["start_db_system", "update_db_system"]


def test_one_that_is_to_rest_is_changed_before_it_is_stopped(door: Door, region: Region, system: Options) -> None:
    newer = {**system, "mysql_version": "8.4.6"}
    assert _state(door("mysql_db_system", **newer, state="stopped")) == "INACTIVE"
    assert _written(region) == ["update_db_system", "stop_db_system"]


def test_without_crash_recovery_nothing_is_stopped(door: Door, region: Region, system: Options) -> None:
    door("mysql_db_system", **system, crash_recovery="DISABLED")
    region.forget_calls()
    for state in ("stopped", "restarted"):
        for check in (True, False):
            told = door("mysql_db_system", check=check, fails=True, **system, state=state)["msg"]
            assert "crash_recovery is DISABLED" in told and "Set it to ENABLED first" in told
    assert _written(region) == []


# --- refused before the first write ------------------------------------------------------------------------------


def test_storage_never_shrinks(door: Door, region: Region, system: Options) -> None:
    for check in (True, False):
        for replaced in (False, True):
            smaller = {**system, "data_storage_size_in_gbs": 50, "allow_replace": replaced, "description": "less"}
            told = door("mysql_db_system", check=check, fails=True, **smaller)["msg"]
            assert "data_storage_size_in_gbs: 100 -> 50: storage grows and never shrinks" in told
    assert _written(region) == []
    assert door("mysql_db_system", **{**system, "data_storage_size_in_gbs": 150})["changed"]


def test_a_version_never_goes_back(door: Door, region: Region, system: Options) -> None:
    told = door("mysql_db_system", fails=True, **{**system, "mysql_version": "8.0.42"})["msg"]
    assert "mysql_version: '8.4.5-u1-cloud' -> '8.0.42': MySQL is upgraded and never downgraded" in told
    assert _written(region) == []


def test_what_the_region_lacks_is_refused_with_what_it_has(door: Door, region: Region, system: Options) -> None:
    for name in ("shop", "another"):
        wrong = {**system, "display_name": name, "shape_name": "MySQL.3", "mysql_version": "9.9.9"}
        for check in (True, False):
            told = door("mysql_db_system", check=check, fails=True, **wrong)["msg"].splitlines()
            assert told == [
                f"mysql_db_system {name}: shape_name: this region has no 'MySQL.3', it has MySQL.Free, MySQL.2, "
                "MySQL.4, MySQL.8, MySQL.16, MySQL.32, MySQL.48, MySQL.64, MySQL.256",
                f"mysql_db_system {name}: mysql_version: this region has no '9.9.9', it has 8.0.43, 8.0.42, 8.4.6, "
                "8.4.5, 9.4.0, 9.3.2",
            ]
    assert _written(region) == []


def test_bad_input_is_refused_before_what_rests_is_started(door: Door, region: Region, system: Options) -> None:
    door("mysql_db_system", **system, state="stopped")
    region.forget_calls()
    told = door("mysql_db_system", fails=True, **{**system, "shape_name": "MySQL.3"}, state="started")["msg"]
    assert "this region has no 'MySQL.3'" in told and _written(region) == []


def _passwords(region: Region) -> int:
    """How often the service was sent a password."""
    return region.count("mysql.update_db_system")


def test_a_new_version_of_the_secret_becomes_the_administrators_password(
    door: Door, region: Region, ground: Prerequisites, system: Options
) -> None:
    region.forget_calls()
    door("vault_secret", id=ground.secret_id, compartment_id=ground.compartment_id, state="rotated")
    asked = {**system, "freeform_tags": {"team": "shop"}, "purge_tags": True}
    planned = door("mysql_db_system", check=True, **asked)
    assert planned["changed"] and _passwords(region) == 0
    assert planned["diff"]["before"]["admin_password_secret_id"] == f"{ground.secret_id} (version 1)"
    changed = door("mysql_db_system", **asked)
    assert changed["changed"] and _passwords(region) == 1
    assert changed["mysql_db_system"]["freeform_tags"] == {"team": "shop"}, "the tag of ours is shown to nobody"
    record = region.inner.store.find(changed["mysql_db_system"]["id"])
    assert record is not None
    assert record.doc["freeformTags"] == {"team": "shop", "okestack-administrator": f"admin {ground.secret_id}/2"}
    assert not door("mysql_db_system", **asked)["changed"]
    assert not door("mysql_db_system", check=True, **asked)["changed"]
    # Other tags do not take ours away, nor is the password sent for them.
    door("mysql_db_system", **{**asked, "freeform_tags": {"team": "other"}})
    assert not door("mysql_db_system", **{**asked, "freeform_tags": {"team": "other"}})["changed"]


def test_a_rotation_is_seen_where_the_tag_is_missing(
    door: Door, region: Region, ground: Prerequisites, system: Options
) -> None:
    made = door("mysql_db_system", **system)["mysql_db_system"]

    async def untagged() -> None:
        record = region.inner.store.find(made["id"])
        assert record is not None
        record.doc["freeformTags"] = {}
        region.inner.store.save(record)

    region.run(untagged())
    assert not door("mysql_db_system", **system)["changed"]
    door("vault_secret", id=ground.secret_id, compartment_id=ground.compartment_id, state="rotated")
    assert door("mysql_db_system", **system)["changed"]
    assert not door("mysql_db_system", **system)["changed"]


def test_another_administrator_is_refused_and_another_secret_is_taken(
    door: Door, region: Region, ground: Prerequisites, system: Options
) -> None:
    told = door("mysql_db_system", fails=True, **{**system, "admin_username": "root2"})["msg"]
    assert "admin_username: 'admin' -> 'root2': the administrator's name stays" in told
    region.forget_calls()
    lost = {**system, "admin_password_secret_id": ground.secret_id[:-4] + "othr"}
    told = door("mysql_db_system", fails=True, **lost)["msg"]
    assert told.startswith("admin_password_secret_id: secrets get_secret_bundle: 404") and _passwords(region) == 0
    other = {**system, "admin_password_secret_id": ground.other_secret_id}
    assert door("mysql_db_system", **other)["changed"] and _passwords(region) == 1
    assert not door("mysql_db_system", **other)["changed"]


def test_a_run_that_changes_nothing_asks_for_no_catalogue(door: Door, region: Region, system: Options) -> None:
    assert not door("mysql_db_system", **system)["changed"]
    assert [c.operation for c in region.calls] == ["mysql.list_db_systems", "mysql.get_db_system", "vault.get_secret"]
    region.forget_calls()
    door("mysql_db_system", **{**system, "description": "new"})
    assert region.count("mysql.list_shapes") == region.count("mysql.list_versions") == 0


def test_a_protected_one_is_told_with_what_to_do(door: Door, region: Region, system: Options) -> None:
    kept = door("mysql_db_system", **system, deletion_policy={"is_delete_protected": True})["mysql_db_system"]
    region.forget_calls()
    where = {n: system[n] for n in ("compartment_id", "display_name")}
    for check in (True, False):
        told = door("mysql_db_system", check=check, fails=True, state="absent", **where)["msg"]
        assert told == (
            f"mysql_db_system shop ({kept['id']}): deletion_policy.is_delete_protected is true, so the service refuses "
            "to delete it. Set it to false first (state: present), then remove it"
        )
    assert _written(region) == []
    door("mysql_db_system", **system, deletion_policy={"is_delete_protected": False})
    assert door("mysql_db_system", state="absent", **where)["changed"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"nsg_ids": [f"ocid1.nsg.oc1..{n}" for n in range(6)]}, ["nsg_ids: the service takes at most 5"]),
        (
            {"customer_contacts": [{"email": f"{n}@example.org"} for n in range(11)]},
            ["customer_contacts: the service takes at most 10"],
        ),
        (
            {"encrypt_data": {"key_generation_type": "BYOK"}},
            ["encrypt_data.key_id: goes with key_generation_type BYOK, and only with it"],
        ),
        (
            {
                "secure_connections": {
                    "certificate_generation_type": "SYSTEM",
                    "certificate_id": "ocid1.certificate.x",
                },
                "data_storage": {"is_auto_expand_storage_enabled": False, "max_storage_size_in_gbs": 200},
                "backup_policy": {"copy_policies": [{"copy_to_region": "a"}, {"copy_to_region": "b"}]},
                "maintenance": {"maintenance_disabled_windows": [{"time_start": "a", "time_end": "b"}] * 2},
            },
            [
                "maintenance.maintenance_disabled_windows: the service takes at most 1",
                "backup_policy.copy_policies: the service takes at most 1",
                "data_storage.max_storage_size_in_gbs: goes with is_auto_expand_storage_enabled true only",
                "secure_connections.certificate_id: goes with certificate_generation_type BYOC, and only with it",
            ],
        ),
    ],
)
def test_what_cannot_be_is_told_without_a_call(
    door: Door, region: Region, system: Options, more: Options, told: list[str]
) -> None:
    assert door("mysql_db_system", fails=True, **{**system, **more})["msg"].splitlines() == told
    assert region.calls == []


# --- what is sent ------------------------------------------------------------------------------------------------


def test_backups_and_maintenance_go_in_requests_of_their_own(door: Door, system: Options, bodies: list[Any]) -> None:
    changed = {
        **system,
        "backup_policy": {"retention_in_days": 9},
        "maintenance": {"window_start_time": "mon 02:00"},
        "description": "new",
    }
    assert door("mysql_db_system", **changed)["changed"]
    assert [set(body) for _operation, body in bodies] == [{"backupPolicy"}, {"maintenance"}, {"description"}]
    assert not door("mysql_db_system", **changed)["changed"]


CHANGES: list[tuple[Options, set[str]]] = [
    ({"shape_name": "MySQL.4"}, {"shapeName"}),
    ({"is_highly_available": True}, {"isHighlyAvailable"}),
    ({"data_storage_size_in_gbs": 150}, {"dataStorageSizeInGBs"}),
    ({"data_storage": {"max_storage_size_in_gbs": 300}}, {"dataStorage"}),
    ({"data_storage": {"is_auto_expand_storage_enabled": False}}, {"dataStorage"}),
    ({"nsg_ids": []}, set()),
    ({"port": 3307, "port_x": 33061}, {"port", "portX"}),
    ({"deletion_policy": {"is_delete_protected": True}}, {"deletionPolicy"}),
    ({"freeform_tags": {"a": "b"}}, {"freeformTags"}),
    ({"customer_contacts": [{"email": "dba@example.org"}]}, {"customerContacts"}),
]


@pytest.mark.parametrize(
    ("more", "sent"), CHANGES, ids=[",".join(sorted(sent)) or "nothing" for _more, sent in CHANGES]
)
def test_an_update_holds_what_changes_and_no_null(
    door: Door, system: Options, bodies: list[Any], more: Options, sent: set[str]
) -> None:
    assert door("mysql_db_system", **{**system, **more})["changed"] == bool(sent)
    assert [set(body) for _operation, body in bodies] == ([sent] if sent else [])
    assert not _nulls(bodies)


def _nulls(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_nulls(v) for v in value.values())
    if isinstance(value, (list, tuple)):
        return any(_nulls(v) for v in value)
    return value is None


def test_an_address_moves_with_its_subnet(door: Door, ground: Prerequisites, system: Options) -> None:
    moved = door("mysql_db_system", **{**system, "subnet_id": ground.subnets["nodes"]})["mysql_db_system"]
    assert moved["endpoints"][0]["ip_address"].startswith("10.0.4.")


# --- HeatWave ----------------------------------------------------------------------------------------------------


@pytest.fixture
def cluster(region: Region, ground: Prerequisites, system: Options) -> Options:
    """The options of a HeatWave cluster that is there."""
    db_system_id = Door(region)("mysql_db_system", **system)["mysql_db_system"]["id"]
    made = {"db_system_id": db_system_id, "shape_name": "HeatWave.512GB", "cluster_size": 2}
    assert Door(region)("mysql_heatwave_cluster", **made)["changed"]
    region.forget_calls()
    return made


def test_a_cluster_is_stopped_started_and_restarted(door: Door, region: Region, cluster: Options) -> None:
    for state, shown in (("stopped", "INACTIVE"), ("started", "ACTIVE"), ("restarted", "ACTIVE")):
        done = door("mysql_heatwave_cluster", **cluster, state=state)
        assert (done["changed"], _state(done, "mysql_heatwave_cluster")) == (True, shown)
        assert door("mysql_heatwave_cluster", **cluster, state=state)["changed"] == (state == "restarted")
    assert _written(region) == [f"{verb}_heat_wave_cluster" for verb in ("stop", "start", "restart", "restart")]


def test_a_cluster_of_a_shape_that_is_none_of_heatwave_is_refused(door: Door, region: Region, cluster: Options) -> None:
    told = door("mysql_heatwave_cluster", fails=True, **{**cluster, "shape_name": "MySQL.2"})["msg"]
    assert "shape_name: this region has no 'MySQL.2', it has HeatWave.Free, HeatWave.32GB, HeatWave.512GB" in told
    assert _written(region) == []


def test_a_cluster_of_a_db_system_that_is_only_planned_is_planned(door: Door, region: Region, system: Options) -> None:
    planned = door("mysql_db_system", check=True, **{**system, "display_name": "planned"})["mysql_db_system"]["id"]
    made = {"db_system_id": planned, "shape_name": "HeatWave.512GB", "cluster_size": 2}
    assert door("mysql_heatwave_cluster", check=True, **made)["changes"][0]["change"] == "created"
    assert _written(region) == []


@pytest.mark.parametrize("state", ["present", "stopped", "absent"])
def test_a_cluster_cannot_change_while_its_db_system_rests(
    door: Door, region: Region, system: Options, cluster: Options, state: str
) -> None:
    door("mysql_db_system", **system, state="stopped")
    assert door("mysql_heatwave_cluster_info", db_system_id=cluster["db_system_id"])["mysql_heatwave_clusters"][0][
        "lifecycle_state"
    ] == ("INACTIVE")
    region.forget_calls()
    changed = {**cluster, "cluster_size": 3 if state == "present" else 2}
    if state == "stopped":
        assert not door("mysql_heatwave_cluster", **changed, state=state)["changed"], "it rests with its DB System"
        return
    for check in (True, False):
        told = door("mysql_heatwave_cluster", check=check, fails=True, **changed, state=state)["msg"]
        assert "its DB System is INACTIVE. Start it first (mysql_db_system, state: started)" in told
    assert _written(region) == []


def test_a_cluster_goes_with_its_db_system(door: Door, system: Options, cluster: Options) -> None:
    door("mysql_db_system", state="absent", **{n: system[n] for n in ("compartment_id", "display_name")})
    assert not door("mysql_heatwave_cluster", state="absent", db_system_id=cluster["db_system_id"])["changed"]


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Region, Door]]:
    """A region in which changes take a moment."""
    with Region.started(Path(tmp_path_factory.mktemp("slow")), minute=0.1) as region:
        yield region, Door(region)


def test_a_cluster_waits_for_its_db_system(slow: tuple[Region, Door]) -> None:
    """Made before the DB System is ACTIVE, and done only when it is ACTIVE again: nothing in between is refused."""
    region, door = slow
    options = _options(Prerequisites(door, region))
    begun = door("mysql_db_system", **options, wait=False)
    assert _state(begun) == "CREATING"
    region.forget_calls()
    made = {"db_system_id": begun["mysql_db_system"]["id"], "shape_name": "HeatWave.512GB", "cluster_size": 1}
    steps: tuple[tuple[Options, str | None], ...] = (
        ({}, "ACTIVE"),
        ({"cluster_size": 2}, "ACTIVE"),
        ({"state": "stopped"}, "INACTIVE"),
        ({"state": "started"}, "ACTIVE"),
        ({"state": "absent"}, None),
    )
    for more, state in steps:
        done = door("mysql_heatwave_cluster", **{**made, **more, "wait_interval": 0.1})
        assert done["changed"]
        assert (done["mysql_heatwave_cluster"] or {}).get("lifecycle_state") == state
        assert _state(door("mysql_db_system", id=made["db_system_id"], wait=False)) == "ACTIVE"
    assert {c.status for c in region.writes()} <= {200, 202, 204}, "no write was too early"
    assert any("its DB System is CREATING" in line for line in door.lines)


# --- the role ----------------------------------------------------------------------------------------------------


def test_the_role_keeps_all_of_a_database(
    region: Region, ground: Prerequisites, standing: Snapshot, tmp_path: Path
) -> None:
    """A plan from nothing, the run, and a second one that changes nothing; then without the HeatWave cluster."""
    region.restore(standing)
    given: Options = {
        "mysql_compartment_id": ground.compartment_id,
        "mysql_deployment": "role",
        "mysql_subnet_id": ground.subnets["db"],
        "mysql_nsg_ids": [ground.nsg_id],
        "mysql_availability_domain": ground.ad,
        "mysql_admin_password_secret_id": ground.secret_id,
        "mysql_is_highly_available": True,
        "mysql_data_storage": {"is_auto_expand_storage_enabled": True, "max_storage_size_in_gbs": 200},
        "mysql_maintenance": {"window_start_time": "sun 02:00"},
        "mysql_customer_contacts": [{"email": "dba@example.org"}],
        "mysql_heatwave": {"shape_name": "HeatWave.512GB", "cluster_size": 2},
    }

    def run(*arguments: str, **more: Any) -> str:
        tasks = [
            {
                "ansible.builtin.include_role": {"name": "okestack.oci.mysql", "tasks_from": entry},
                "vars": {**given, **more},
            }
            for entry in ("begin", "ready")
        ]
        return play(region, tmp_path, tasks, *arguments)

    region.forget_calls()
    planned = run("--check", "--diff")
    assert "mysql_db_system role" in planned and "cluster_size: 2" in planned and _written(region) == []
    run()
    assert _written(region) == ["create_policy", "create_db_system", "add_heat_wave_cluster"]
    region.forget_calls()
    run()
    assert _written(region) == []
    run(mysql_heatwave={"state": "absent"})
    assert _written(region) == ["delete_heat_wave_cluster"]


def test_the_role_sends_neither_backup_policy_nor_high_availability_of_an_always_free_database(
    region: Region, ground: Prerequisites, standing: Snapshot, tmp_path: Path, door: Door
) -> None:
    region.restore(standing)
    region.forget_calls()
    asked: Options = {"compartment_id": ground.compartment_id, "display_name": "free", "shape_name": "MySQL.Free"}
    told = door("mysql_db_system", fails=True, **asked, is_highly_available=False, backup_policy={"is_enabled": True})
    assert told["msg"].splitlines() == [
        f"{name}: a DB System of shape MySQL.Free takes none, whatever it says; leave it out"
        for name in ("backup_policy", "is_highly_available")
    ]
    assert not region.calls
    given: Options = {
        "mysql_compartment_id": ground.compartment_id,
        "mysql_deployment": "free",
        "mysql_shape_name": "MySQL.Free",
        "mysql_subnet_id": ground.subnets["db"],
        "mysql_nsg_ids": [],
        "mysql_availability_domain": ground.ad,
        "mysql_admin_password_secret_id": ground.secret_id,
    }
    role = {"ansible.builtin.include_role": {"name": "okestack.oci.mysql"}, "vars": given}
    assert "changed=0" not in play(region, tmp_path, [role])
    assert "changed=0" in play(region, tmp_path, [role])
