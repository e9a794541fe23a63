# SPDX-License-Identifier: GPL-3.0-or-later
"""DB systems, backups and HeatWave clusters, through the SDK's own clients."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oci
import pytest
from oci.mysql import DbBackupsClient, DbSystemClient, MysqlaasClient, WorkRequestsClient, models

from localregion.services.mysql import model, servers
from localregion.testing import Region
from tests.unit.localregion.support import Net, make_key, make_vault, refused

PASSWORD = "Very-Secret-Words-1"


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    with Region.started(tmp_path_factory.mktemp("region")) as started:
        yield started


@pytest.fixture(scope="module")
def net(region: Region) -> Net:
    return Net(region)


@pytest.fixture(scope="module")
def subnet(net: Net) -> Any:
    return net.subnet("10.0.2.0/24", "mysql", private=True)


class Systems:
    """The clients, with waits."""

    def __init__(self, region: Region, subnet: Any) -> None:
        self.region, self.subnet = region, subnet
        self.client, self.backups = region.client(DbSystemClient), region.client(DbBackupsClient)
        self.requests = region.client(WorkRequestsClient)
        self.id = ""

    def details(self, **values: Any) -> Any:
        return models.CreateDbSystemDetails(
            **{
                "compartment_id": self.region.compartment_id,
                "display_name": "db",
                "shape_name": "MySQL.2",
                "subnet_id": self.subnet.id,
                "admin_username": "manager",
                "admin_password": PASSWORD,
                "data_storage_size_in_gbs": 50,
                **values,
            }
        )

    def create(self, **values: Any) -> Any:
        made = self.client.create_db_system(self.details(**values))
        self.id = made.data.id
        self.region.settle()
        request = self.requests.get_work_request(made.headers["opc-work-request-id"]).data
        assert (request.operation_type, request.status, request.percent_complete) == (
            "CREATE_DBSYSTEM",
            "SUCCEEDED",
            100,
        )
        assert [(r.entity_type, r.action_type, r.identifier) for r in request.resources] == [
            ("mysqldbsystem", "CREATED", self.id)
        ]
        return self.get()

    def get(self) -> Any:
        return self.client.get_db_system(self.id).data

    def update(self, **values: Any) -> Any:
        answer = self.client.update_db_system(self.id, models.UpdateDbSystemDetails(**values))
        self.region.settle()
        assert self.requests.get_work_request(answer.headers["opc-work-request-id"]).data.status == "SUCCEEDED"
        return self.get()


@pytest.fixture
def systems(region: Region, subnet: Any) -> Systems:
    return Systems(region, subnet)


def test_a_db_system_has_an_endpoint(systems: Systems) -> None:
    found = systems.create(hostname_label="db", freeform_tags={"a": "b"}, description="d")
    endpoint = found.endpoints[0]
    assert found.lifecycle_state == "ACTIVE"
    assert endpoint.ip_address == found.ip_address
    assert endpoint.ip_address.startswith("10.0.2.")
    assert (endpoint.hostname, endpoint.port, endpoint.port_x) == ("db.mysql.vcn.oraclevcn.com", 3306, 33060)
    assert (endpoint.modes, endpoint.status, endpoint.resource_id) == (["READ", "WRITE"], "ACTIVE", systems.id)
    assert (found.freeform_tags, found.description) == ({"a": "b"}, "d")
    assert found.deletion_policy.is_delete_protected is False
    assert found.data_storage.data_storage_size_limit_in_gbs == 32768
    listed = systems.client.list_db_systems(systems.region.compartment_id, db_system_id=systems.id).data
    assert [each.id for each in listed] == [systems.id]
    with refused(400, "InvalidParameter"):
        systems.client.create_db_system(systems.details(hostname_label="db"))


def test_what_is_not_decided_yet_is_null(tmp_path: Path) -> None:
    """Evidence mysql-01."""
    with Region.started(tmp_path / "region") as slow:
        systems = Systems(slow, Net(slow).subnet("10.0.2.0/24", "mysql"))
        slow.inner.clock.minute = 3600
        given = models.CreateMaintenanceDetails(window_start_time="sunday 07:30")
        answer = systems.client.create_db_system(systems.details(port=3307, maintenance=given))
        for made in (answer.data, systems.client.get_db_system(answer.data.id).data):
            assert (made.lifecycle_state, made.mysql_version, made.ip_address) == ("CREATING", None, None)
            assert (made.port, made.port_x, made.fault_domain, made.endpoints) == (None, None, None, [])
            placement = made.current_placement
            assert (placement.availability_domain, placement.fault_domain) == (None, None)
            assert (made.channels, made.source, made.heat_wave_cluster) == ([], None, None)
            assert (made.system_tags, made.maintenance.window_start_time) == ({}, "SUNDAY 07:30")
        assert len(answer.headers["opc-work-request-id"].split(".")) == 6
        (listed,) = systems.client.list_db_systems(slow.compartment_id).data
        assert (listed.mysql_version, listed.endpoints) == (None, [])


def test_the_password_is_nowhere(systems: Systems) -> None:
    systems.create()
    record = systems.region.inner.store.find(systems.id)
    assert record is not None
    assert "password" not in record.private
    state = systems.region.settings.state
    assert not [path for path in state.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"admin_password": "Short-1"}, "InvalidParameter"),
        ({"admin_password": "A-1" + "a" * 30}, "InvalidParameter"),
        ({"admin_password": "no-capitals-1"}, "InvalidParameter"),
        ({"admin_password": "NO-SMALL-ONES-1"}, "InvalidParameter"),
        ({"admin_password": "No-Number-Here"}, "InvalidParameter"),
        ({"admin_password": "NoSpecialOnes1"}, "InvalidParameter"),
        ({"admin_password": None}, "MissingParameter"),
        ({"admin_username": None}, "MissingParameter"),
        ({"admin_username": "ociadmin"}, "InvalidParameter"),
        ({"data_storage_size_in_gbs": None}, "MissingParameter"),
        ({"data_storage_size_in_gbs": 49}, "InvalidParameter"),
        ({"shape_name": "MySQL.3"}, "InvalidParameter"),
        ({"shape_name": "HeatWave.32GB"}, "InvalidParameter"),
        ({"shape_name": "MySQL.Free", "data_storage_size_in_gbs": 60}, "InvalidParameter"),
        ({"shape_name": "MySQL.Free", "is_highly_available": True}, "InvalidParameter"),
        ({"mysql_version": "5.7.0"}, "InvalidParameter"),
        ({"port": 80}, "InvalidParameter"),
        ({"port": 33060}, "InvalidParameter"),
        ({"ip_address": "10.0.9.9"}, "InvalidParameter"),
        ({"hostname_label": "-db"}, "InvalidParameter"),
        ({"availability_domain": "elsewhere"}, "InvalidParameter"),
        ({"fault_domain": "FAULT-DOMAIN-4"}, "InvalidParameter"),
        ({"nsg_ids": [f"ocid1.networksecuritygroup.oc1..{n}" for n in range(6)]}, "LimitExceeded"),
        ({"backup_policy": models.CreateBackupPolicyDetails(retention_in_days=36)}, "InvalidParameter"),
        ({"backup_policy": models.CreateBackupPolicyDetails(window_start_time="25:00")}, "InvalidParameter"),
        ({"maintenance": models.CreateMaintenanceDetails(window_start_time="someday 01:00")}, "InvalidParameter"),
        ({"customer_contacts": [models.CustomerContact(email="nobody")]}, "InvalidParameter"),
        ({"data_storage": models.DataStorageDetails(max_storage_size_in_gbs=100)}, "InvalidParameter"),
    ],
)
def test_a_create_that_cannot_be_is_refused(systems: Systems, values: dict[str, Any], code: str) -> None:
    before = len(systems.region.inner.store.select("network", "vnic"))
    with refused(400, code) as raised:
        systems.client.create_db_system(systems.details(**values))
    if values.get("admin_password"):
        assert values["admin_password"] not in str(raised.value.message)
    assert len(systems.region.inner.store.select("network", "vnic")) == before


def test_an_address_is_taken_once(systems: Systems) -> None:
    assert systems.create(ip_address="10.0.2.77").ip_address == "10.0.2.77"
    with refused(409, "Conflict"):
        systems.client.create_db_system(systems.details(ip_address="10.0.2.77"))
    assert systems.create(ip_address="10.0.2.78").ip_address == "10.0.2.78"


@pytest.mark.parametrize(
    "values",
    [
        {"rest": models.CreateRestDetails(configuration="DBSYSTEM_ONLY")},
        {"source": models.CreateDbSystemSourceImportFromUrlDetails(source_url="https://objects.example/dump")},
        {"read_endpoint": models.CreateReadEndpointDetails(is_enabled=True)},
        {"secure_connections": models.SecureConnectionDetails(certificate_generation_type="BYOC", certificate_id="x")},
    ],
)
def test_what_is_not_there_answers_501_by_name(systems: Systems, values: dict[str, Any]) -> None:
    with refused(501, "NotImplemented"):
        systems.client.create_db_system(systems.details(**values))


def test_light_updates(systems: Systems) -> None:
    systems.create()
    found = systems.update(
        display_name="renamed",
        description="new",
        freeform_tags={"x": "y"},
        customer_contacts=[models.CustomerContact(email="a@example.com")],
        deletion_policy=models.UpdateDeletionPolicyDetails(is_delete_protected=True),
        backup_policy=models.UpdateBackupPolicyDetails(
            retention_in_days=14, window_start_time="10:15:30", pitr_policy=models.PitrPolicy(is_enabled=True)
        ),
    )
    assert (found.display_name, found.description, found.freeform_tags) == ("renamed", "new", {"x": "y"})
    assert (found.deletion_policy.is_delete_protected, found.deletion_policy.final_backup) == (
        True,
        "SKIP_FINAL_BACKUP",
    )
    policy = found.backup_policy
    assert (policy.retention_in_days, policy.window_start_time, policy.is_enabled) == (14, "10:15:00", True)
    with refused(409, "Conflict"):
        systems.client.delete_db_system(systems.id)
    maintained = systems.update(maintenance=models.UpdateMaintenanceDetails(window_start_time="Mon 01:30"))
    assert maintained.maintenance.window_start_time == "MONDAY 01:30"
    assert maintained.maintenance.version_preference == "OLDEST"


def test_maintenance_and_backup_policy_go_in_requests_of_their_own(systems: Systems) -> None:
    systems.create()
    with refused(400, "InvalidParameter"):
        systems.update(
            maintenance=models.UpdateMaintenanceDetails(window_start_time="mon 01:30"),
            backup_policy=models.UpdateBackupPolicyDetails(retention_in_days=3),
        )


def test_storage_only_grows(systems: Systems) -> None:
    systems.create(data_storage_size_in_gbs=100)
    found = systems.update(data_storage_size_in_gbs=150)
    assert (found.data_storage_size_in_gbs, found.data_storage.allocated_storage_size_in_gbs) == (150, 150)
    with refused(400, "InvalidParameter"):
        systems.update(data_storage_size_in_gbs=149)
    with refused(400, "InvalidParameter"):
        systems.update(data_storage_size_in_gbs=40000)
    expanding = models.DataStorageDetails(is_auto_expand_storage_enabled=True, max_storage_size_in_gbs=500)
    assert systems.update(data_storage=expanding).data_storage.max_storage_size_in_gbs == 500


def test_shape_version_and_availability(systems: Systems) -> None:
    systems.create(mysql_version="8.4.5")
    assert systems.update(access_mode="RESTRICTED", database_mode="READ_ONLY").endpoints[0].modes == ["READ"]
    found = systems.update(shape_name="MySQL.8", is_highly_available=True, mysql_version="8.4.6")
    assert (found.shape_name, found.is_highly_available, found.mysql_version) == ("MySQL.8", True, "8.4.6-u1-cloud")
    configuration = systems.region.client(MysqlaasClient).get_configuration(found.configuration_id).data
    assert (configuration.shape_name, configuration.display_name) == ("MySQL.8", "MySQL.8.HA")
    with refused(400, "InvalidParameter"):
        systems.update(mysql_version="8.4.5")


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (None, "8.4.6-u1-cloud"),
        ("8.4.5", "8.4.5-u1-cloud"),
        ("8.4.5-u1-cloud", "8.4.5-u1-cloud"),
        ("8.4", "8.4.6-u1-cloud"),
        ("9", "9.4.0-u1-cloud"),
    ],
)
def test_a_version_is_shown_with_its_update(systems: Systems, asked: str | None, shown: str) -> None:
    assert systems.create(mysql_version=asked).mysql_version == shown


def test_the_service_patches_by_itself(systems: Systems) -> None:
    systems.create(mysql_version="8.4.5")
    service: Any = systems.region.inner.services["mysql"]
    assert systems.id in systems.region.run(service.db_systems.patch())
    systems.region.settle()
    found = systems.get()
    assert (found.lifecycle_state, found.mysql_version) == ("ACTIVE", "8.4.5-u2-cloud")
    # What is asked for is there: neither a step back nor a change.
    assert systems.update(mysql_version="8.4.5-u1-cloud").mysql_version == "8.4.5-u2-cloud"


def test_an_always_free_db_system(systems: Systems) -> None:
    """Evidence mysql-05; one in a tenancy."""
    free = {"shape_name": "MySQL.Free"}
    policy = models.CreateBackupPolicyDetails(is_enabled=True, retention_in_days=7)
    for values, what in (
        ({"backup_policy": policy}, "backup policy"),
        ({"is_highly_available": True}, "high avail"),
        ({"is_highly_available": False}, "high avail"),
    ):
        with refused(400, "InvalidParameter") as caught:
            systems.client.create_db_system(systems.details(**free, **values))
        assert caught.value.message.startswith(f"Cannot specify {what}")
        assert caught.value.message.endswith("with 'CreateDbSystem' operation for an Always Free DB system")
    systems.create(**free)
    with refused(400, "InvalidParameter"):
        systems.update(backup_policy=models.UpdateBackupPolicyDetails(retention_in_days=8))
    with refused(400, "LimitExceeded"):
        systems.client.create_db_system(systems.details(**free))
    systems.client.delete_db_system(systems.id)
    systems.region.settle()


STATEMENTS = [
    "Allow any-user to {NETWORK_SECURITY_GROUP_UPDATE_MEMBERS} in compartment id %s where all"
    " {request.principal.type='mysqldbsystem', request.resource.compartment.id='%s'}",
    "Allow any-user to {VNIC_CREATE, VNIC_UPDATE, VNIC_ASSOCIATE_NETWORK_SECURITY_GROUP,"
    " VNIC_DISASSOCIATE_NETWORK_SECURITY_GROUP} in compartment id %s where all"
    " {request.principal.type='mysqldbsystem', request.resource.compartment.id='%s'}",
]


@pytest.fixture
def granted(region: Region) -> Iterator[None]:
    """The policy that lets DB systems join network security groups."""
    identity, compartment = region.client(oci.identity.IdentityClient), region.compartment_id
    details = oci.identity.models.CreatePolicyDetails(
        compartment_id=compartment, name="mysql", description="d",
        statements=[text % (compartment, compartment) for text in STATEMENTS],
    )  # fmt: skip
    made = identity.create_policy(details).data
    region.settle()
    yield
    identity.delete_policy(made.id)
    region.settle()


def test_a_db_system_must_be_allowed_to_join_groups(systems: Systems, net: Net) -> None:
    """Evidence mysql-04: it itself, not only who makes it. Refused before anything is made."""
    group = net.group("unallowed")
    before = len(systems.region.inner.store.select())
    with refused(404, "AuthorizationFailed") as caught:
        systems.client.create_db_system(systems.details(nsg_ids=[group.id]))
    assert "NETWORK_SECURITY_GROUP_UPDATE_MEMBERS" in caught.value.message and "VNIC_CREATE" in caught.value.message
    assert len(systems.region.inner.store.select()) == before
    systems.create()
    with refused(404, "AuthorizationFailed"):
        systems.update(nsg_ids=[group.id])


@pytest.mark.usefixtures("granted")
def test_groups_ports_and_address(systems: Systems, net: Net) -> None:
    systems.create()
    group = net.group("db")
    assert systems.update(nsg_ids=[group.id]).nsg_ids == [group.id]
    vnics = systems.region.inner.store.select("network", "vnic", parent=systems.subnet.id)
    owned = [vnic for vnic in vnics if vnic.private["owner"] == systems.id]
    assert [vnic.doc["nsgIds"] for vnic in owned] == [[group.id]]
    moved = systems.update(port=3307, ip_address="10.0.2.99")
    assert (moved.ip_address, moved.endpoints[0].ip_address, moved.endpoints[0].port) == (
        "10.0.2.99",
        "10.0.2.99",
        3307,
    )
    other = net.subnet("10.0.4.0/24", "other", private=True)
    assert systems.update(subnet_id=other.id).ip_address.startswith("10.0.4.")


def test_updates_wait_for_each_other(tmp_path: Path) -> None:
    with Region.started(tmp_path, minute=0.05) as slow:
        systems = Systems(slow, Net(slow).subnet("10.0.2.0/24", "mysql"))
        made = systems.client.create_db_system(systems.details()).data
        systems.id = made.id
        assert made.lifecycle_state == "CREATING"
        request = systems.requests.list_work_requests(slow.compartment_id).data[0]
        assert (request.operation_type, request.status) == ("CREATE_DBSYSTEM", "IN_PROGRESS")
        logs = [entry.message for entry in systems.requests.list_work_request_logs(request.id).data]
        assert "The request is being carried out" in logs
        for call in (
            lambda: systems.client.update_db_system(made.id, models.UpdateDbSystemDetails(display_name="x")),
            lambda: systems.client.delete_db_system(made.id),
            lambda: systems.client.start_db_system(made.id),
        ):
            with refused(409, "IncorrectState"):
                call()
        slow.settle()
        systems.client.update_db_system(made.id, models.UpdateDbSystemDetails(shape_name="MySQL.4"))
        assert systems.get().lifecycle_state == "UPDATING"
        assert systems.get().shape_name == "MySQL.2"
        with refused(409, "IncorrectState"):
            systems.client.update_db_system(made.id, models.UpdateDbSystemDetails(display_name="x"))
        slow.settle()
        assert (systems.get().lifecycle_state, systems.get().shape_name) == ("ACTIVE", "MySQL.4")


def test_stop_start_restart(systems: Systems) -> None:
    systems.create()
    stop = models.StopDbSystemDetails(shutdown_type="FAST")
    with refused(409, "IncorrectState"):
        systems.client.start_db_system(systems.id)
    systems.client.stop_db_system(systems.id, stop)
    systems.region.settle()
    assert (systems.get().lifecycle_state, systems.get().endpoints[0].status) == ("INACTIVE", "INACTIVE")
    assert systems.update(display_name="asleep").lifecycle_state == "INACTIVE"
    with refused(409, "IncorrectState"):
        systems.client.restart_db_system(systems.id, models.RestartDbSystemDetails(shutdown_type="FAST"))
    systems.client.start_db_system(systems.id)
    systems.region.settle()
    assert (systems.get().lifecycle_state, systems.get().endpoints[0].status) == ("ACTIVE", "ACTIVE")
    systems.client.restart_db_system(systems.id, models.RestartDbSystemDetails(shutdown_type="FAST"))
    systems.region.settle()
    assert systems.get().lifecycle_state == "ACTIVE"


def test_deletion_frees_the_subnet(systems: Systems, net: Net) -> None:
    systems.subnet = net.subnet("10.0.5.0/24", "going", private=True)
    systems.create()
    with refused(409, "Conflict"):
        net.client.delete_subnet(systems.subnet.id)
    systems.client.delete_db_system(systems.id)
    systems.region.settle()
    assert systems.get().lifecycle_state == "DELETED"
    net.client.delete_subnet(systems.subnet.id)


def test_backups(systems: Systems) -> None:
    systems.create()
    made = systems.backups.create_backup(
        models.CreateBackupDetails(db_system_id=systems.id, display_name="b", backup_type="FULL")
    )
    assert made.data.lifecycle_state == "CREATING"
    systems.region.settle()
    backup = systems.backups.get_backup(made.data.id).data
    assert (backup.lifecycle_state, backup.creation_type, backup.backup_type) == ("ACTIVE", "MANUAL", "FULL")
    assert backup.db_system_snapshot.admin_username == "manager"
    changed = systems.backups.update_backup(
        backup.id, models.UpdateBackupDetails(retention_in_days=10, soft_delete="ENABLED")
    )
    assert changed.data.retention_in_days == 10
    listed = systems.backups.list_backups(systems.region.compartment_id, db_system_id=systems.id).data
    assert [each.id for each in listed] == [backup.id]
    systems.backups.delete_backup(backup.id)
    assert systems.backups.get_backup(backup.id).data.lifecycle_state == "DELETE_SCHEDULED"
    systems.backups.cancel_backup_deletion(backup.id)
    systems.backups.update_backup(backup.id, models.UpdateBackupDetails(soft_delete="DISABLED"))
    systems.backups.delete_backup(backup.id)
    systems.region.settle()
    assert systems.backups.get_backup(backup.id).data.lifecycle_state == "DELETED"


def test_a_db_system_from_a_backup(systems: Systems) -> None:
    systems.create(data_storage_size_in_gbs=80, mysql_version="8.4.5")
    backup = systems.backups.create_backup(models.CreateBackupDetails(db_system_id=systems.id)).data
    systems.region.settle()
    source = models.CreateDbSystemSourceFromBackupDetails(backup_id=backup.id)
    with refused(400, "InvalidParameter"):
        systems.client.create_db_system(systems.details(source=source, data_storage_size_in_gbs=50))
    found = systems.create(source=source, data_storage_size_in_gbs=None)
    assert (found.data_storage_size_in_gbs, found.mysql_version) == (80, "8.4.5-u1-cloud")
    assert found.source.backup_id == backup.id


def test_a_db_system_from_a_point_in_time(systems: Systems) -> None:
    systems.create()
    first, point = systems.id, dt.datetime.now(dt.UTC)

    def source(moment: dt.datetime | None) -> Any:
        return models.CreateDbSystemSourceFromPitrDetails(db_system_id=first, recovery_point=moment)

    def refuses(moment: dt.datetime | None) -> None:
        with refused(400, "InvalidParameter"):
            systems.client.create_db_system(systems.details(source=source(moment)))

    def backup() -> Any:
        made = systems.backups.create_backup(models.CreateBackupDetails(db_system_id=first)).data
        systems.region.settle()
        return made

    backup()
    assert systems.get().point_in_time_recovery_details is None
    refuses(None)
    policy = models.UpdateBackupPolicyDetails(is_enabled=True, pitr_policy=models.PitrPolicy(is_enabled=True))
    span = systems.update(backup_policy=policy).point_in_time_recovery_details
    assert point < span.time_earliest_recovery_point <= span.time_latest_recovery_point
    refuses(point)
    refuses(span.time_latest_recovery_point + dt.timedelta(hours=1))
    last, service = backup(), systems.region.inner.services["mysql"]
    for moment, wanted in ((span.time_latest_recovery_point, False), (None, True)):
        found = systems.create(source=source(moment))
        assert (found.source.db_system_id, found.source.recovery_point) == (first, moment)
        assert (service.store.find(found.id).private["backup"] == last.id) is wanted


@pytest.mark.parametrize(
    ("window", "now", "begin"),
    [
        ("00:00", "2026-03-02T00:00:00+00:00", "2026-03-02T00:00:00+00:00"),
        ("07:30", "2026-03-02T07:29:59+00:00", "2026-03-01T07:30:00+00:00"),
        ("07:30Z", "2026-03-02T07:31:00+00:00", "2026-03-02T07:30:00+00:00"),
        ("01:00:00+02:00", "2026-03-02T22:59:00+00:00", "2026-03-01T23:00:00+00:00"),
        ("01:00:00+02:00", "2026-03-02T23:00:00+00:00", "2026-03-02T23:00:00+00:00"),
    ],
)
def test_the_begin_of_a_daily_window(window: str, now: str, begin: str) -> None:
    moment = dt.datetime.fromisoformat
    assert model.window_begin(window, moment(now)) == moment(begin)


def test_a_db_system_is_backed_up_each_day(systems: Systems) -> None:
    first = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).replace(second=0, microsecond=0)
    window = f"{first:%H:%M}"
    policy = models.CreateBackupPolicyDetails(window_start_time=window, retention_in_days=2, freeform_tags={"a": "b"})
    made = systems.create(backup_policy=policy).time_created
    service: Any = systems.region.inner.services["mysql"]

    def listed() -> list[Any]:
        asked = systems.backups.list_backups(systems.region.compartment_id, db_system_id=systems.id)
        return [backup for backup in asked.data if backup.lifecycle_state == "ACTIVE"]

    def due(now: dt.datetime) -> int:
        async def make() -> int:
            ours = [each for each in service.backups.make_due(now) if each]
            await service.backups.remove_old(now)
            return sum(service.get("backup", each).doc["dbSystemId"] == systems.id for each in ours)

        count = systems.region.run(make())
        systems.region.settle()
        return int(count)

    assert due(made + dt.timedelta(seconds=1)) == 0
    assert due(first) == 1
    assert due(first + dt.timedelta(hours=23)) == 0
    (backup,) = listed()
    assert (backup.creation_type, backup.retention_in_days, backup.freeform_tags) == ("AUTOMATIC", 2, {"a": "b"})
    assert due(first + dt.timedelta(days=1)) == 1
    assert len(listed()) == 2
    # By the backups' own times, which are now.
    systems.region.run(service.backups.remove_old(made + dt.timedelta(days=3)))
    assert not listed()
    systems.update(backup_policy=models.UpdateBackupPolicyDetails(is_enabled=False))
    assert due(first + dt.timedelta(days=3)) == 0


def test_a_required_final_backup_is_made(systems: Systems) -> None:
    policy = models.CreateDeletionPolicyDetails(final_backup="REQUIRE_FINAL_BACKUP")
    systems.create(deletion_policy=policy)
    systems.client.delete_db_system(systems.id)
    systems.region.settle()
    backups = systems.backups.list_backups(systems.region.compartment_id, db_system_id=systems.id).data
    assert [(each.lifecycle_state, each.creation_type) for each in backups] == [("ACTIVE", "AUTOMATIC")]


def test_heatwave(systems: Systems) -> None:
    systems.create(shape_name="MySQL.32")
    with refused(404, "NotAuthorizedOrNotFound"):
        systems.client.get_heat_wave_cluster(systems.id)
    for shape, size in (("MySQL.8", 1), ("HeatWave.512GB", 0), ("HeatWave.512GB", 513), ("HeatWave.32GB", 2)):
        with refused(400, "InvalidParameter"):
            systems.client.add_heat_wave_cluster(
                systems.id, models.AddHeatWaveClusterDetails(shape_name=shape, cluster_size=size)
            )
    added = systems.client.add_heat_wave_cluster(
        systems.id, models.AddHeatWaveClusterDetails(shape_name="HeatWave.512GB", cluster_size=2)
    )
    assert added.data.lifecycle_state == "CREATING"
    systems.region.settle()
    assert systems.requests.get_work_request(added.headers["opc-work-request-id"]).data.operation_type == (
        "ADD_HEATWAVE_CLUSTER"
    )
    found = systems.get()
    assert (found.lifecycle_state, found.is_heat_wave_cluster_attached) == ("ACTIVE", True)
    assert (found.heat_wave_cluster.cluster_size, found.heat_wave_cluster.lifecycle_state) == (2, "ACTIVE")
    with refused(409, "Conflict"):
        systems.client.add_heat_wave_cluster(
            systems.id, models.AddHeatWaveClusterDetails(shape_name="HeatWave.512GB", cluster_size=2)
        )
    systems.client.update_heat_wave_cluster(
        systems.id, models.UpdateHeatWaveClusterDetails(cluster_size=3, is_lakehouse_enabled=True)
    )
    systems.region.settle()
    cluster = systems.client.get_heat_wave_cluster(systems.id).data
    assert (cluster.cluster_size, len(cluster.cluster_nodes), cluster.is_lakehouse_enabled) == (3, 3, True)
    systems.client.stop_heat_wave_cluster(systems.id)
    systems.region.settle()
    assert systems.client.get_heat_wave_cluster(systems.id).data.lifecycle_state == "INACTIVE"
    systems.client.start_heat_wave_cluster(systems.id)
    systems.region.settle()
    systems.client.restart_heat_wave_cluster(systems.id)
    systems.region.settle()
    systems.client.delete_heat_wave_cluster(systems.id)
    systems.region.settle()
    found = systems.get()
    assert (found.is_heat_wave_cluster_attached, found.heat_wave_cluster) == (False, None)
    assert systems.client.get_heat_wave_cluster(systems.id).data.lifecycle_state == "DELETED"


def test_a_heatwave_cluster_while_it_changes(tmp_path: Path) -> None:
    """Cluster and DB system are under way together; what an update asks for shows at its end, also after a restart."""
    with Region.started(tmp_path, minute=0.15) as slow:
        systems = Systems(slow, Net(slow).subnet("10.0.2.0/24", "mysql"))
        systems.create(shape_name="MySQL.32")
        details = models.AddHeatWaveClusterDetails(shape_name="HeatWave.512GB", cluster_size=1)
        systems.client.add_heat_wave_cluster(systems.id, details)
        for call in (
            lambda: systems.client.update_db_system(systems.id, models.UpdateDbSystemDetails(display_name="x")),
            lambda: systems.client.delete_heat_wave_cluster(systems.id),
            lambda: systems.client.stop_heat_wave_cluster(systems.id),
        ):
            with refused(409, "IncorrectState"):
                call()
        slow.settle()
        systems.client.update_heat_wave_cluster(systems.id, models.UpdateHeatWaveClusterDetails(cluster_size=2))
        cluster = systems.client.get_heat_wave_cluster(systems.id).data
        assert (systems.get().lifecycle_state, cluster.lifecycle_state) == ("UPDATING", "UPDATING")
        assert (cluster.cluster_size, systems.get().heat_wave_cluster.lifecycle_state) == (1, "UPDATING")
    with Region.started(tmp_path, minute=0.05) as again:
        again.settle()
        systems = Systems(again, None)
        systems.id = next(row.id for row in systems.client.list_db_systems(again.compartment_id).data)
        cluster = systems.client.get_heat_wave_cluster(systems.id).data
        assert (systems.get().lifecycle_state, cluster.lifecycle_state) == ("ACTIVE", "ACTIVE")
        assert (cluster.cluster_size, [n.lifecycle_state for n in cluster.cluster_nodes]) == (2, ["ACTIVE"] * 2)


def test_a_heatwave_cluster_follows_its_db_system(systems: Systems) -> None:
    systems.create(shape_name="MySQL.32")
    details = models.AddHeatWaveClusterDetails(shape_name="HeatWave.512GB", cluster_size=1)
    systems.client.add_heat_wave_cluster(systems.id, details)
    systems.region.settle()
    systems.client.stop_db_system(systems.id, models.StopDbSystemDetails(shutdown_type="FAST"))
    systems.region.settle()
    assert systems.client.get_heat_wave_cluster(systems.id).data.lifecycle_state == "INACTIVE"
    with refused(409, "IncorrectState"):
        systems.client.start_heat_wave_cluster(systems.id)
    systems.client.start_db_system(systems.id)
    systems.region.settle()
    assert systems.client.get_heat_wave_cluster(systems.id).data.lifecycle_state == "ACTIVE"
    systems.client.delete_db_system(systems.id)
    systems.region.settle()
    with refused(404, "NotAuthorizedOrNotFound"):
        systems.client.get_heat_wave_cluster(systems.id)


def test_a_retry_token_is_void_with_its_heatwave_cluster(systems: Systems) -> None:
    systems.create(shape_name="MySQL.32")
    details = models.AddHeatWaveClusterDetails(shape_name="HeatWave.512GB", cluster_size=1)
    for _time in range(2):
        systems.client.add_heat_wave_cluster(systems.id, details, opc_retry_token="t")
        systems.region.settle()
    systems.client.delete_heat_wave_cluster(systems.id)
    systems.region.settle()
    with refused(409, "InvalidatedRetryToken"):
        systems.client.add_heat_wave_cluster(systems.id, details, opc_retry_token="t")


def test_without_crash_recovery_there_is_no_stop_and_no_backup(systems: Systems) -> None:
    systems.create(crash_recovery="DISABLED")
    for call in (
        lambda: systems.client.stop_db_system(systems.id, models.StopDbSystemDetails(shutdown_type="FAST")),
        lambda: systems.client.restart_db_system(systems.id, models.RestartDbSystemDetails(shutdown_type="FAST")),
        lambda: systems.backups.create_backup(models.CreateBackupDetails(db_system_id=systems.id)),
    ):
        with refused(409, "IncorrectState"):
            call()
    policy = models.UpdateDeletionPolicyDetails(final_backup="REQUIRE_FINAL_BACKUP")
    systems.update(deletion_policy=policy)
    with refused(409, "IncorrectState"):
        systems.client.delete_db_system(systems.id)
    systems.update(crash_recovery="ENABLED")
    systems.client.delete_db_system(systems.id)


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def test_windows_without_maintenance(systems: Systems) -> None:
    window = models.MaintenanceDisabledWindow
    given = window(time_start=_moment("2027-12-20T01:00:00+01:00"), time_end=_moment("2028-01-03T00:00:00+00:00"))
    maintenance = models.CreateMaintenanceDetails(window_start_time="sun 02:00", maintenance_disabled_windows=[given])
    shown = systems.create(maintenance=maintenance).maintenance.maintenance_disabled_windows
    assert [each.time_start for each in shown] == [_moment("2027-12-20T00:00:00+00:00")]
    late = window(time_start=given.time_end, time_end=given.time_start)
    for wrong in ([given, given], [late]):
        with refused(400, "InvalidParameter"):
            systems.update(maintenance=models.UpdateMaintenanceDetails(maintenance_disabled_windows=wrong))
    emptied = systems.update(maintenance=models.UpdateMaintenanceDetails(maintenance_disabled_windows=[]))
    assert emptied.maintenance.maintenance_disabled_windows == []
    assert emptied.maintenance.window_start_time == "SUNDAY 02:00"


def test_labels_are_checked_and_go_to_backups(systems: Systems) -> None:
    zpr = {"oracle-zpr": {"app": {"value": "db", "mode": "enforce"}}}
    policy = models.CreateBackupPolicyDetails(is_enabled=True, freeform_tags={"of": "shop"})
    found = systems.create(
        security_attributes=zpr,
        backup_policy=policy,
        deletion_policy=models.CreateDeletionPolicyDetails(final_backup="REQUIRE_FINAL_BACKUP"),
    )
    assert (found.security_attributes, found.backup_policy.freeform_tags) == (zpr, {"of": "shop"})
    for wrong in (
        {"security_attributes": {"oracle-zpr": {"app": {"value": "db", "mode": "maybe"}}}},
        {"backup_policy": models.UpdateBackupPolicyDetails(defined_tags={"none": {"such": "x"}})},
    ):
        with pytest.raises(oci.exceptions.ServiceError, check=lambda error: error.status == 400):
            systems.update(**wrong)
    systems.client.delete_db_system(systems.id)
    systems.region.settle()
    backups = systems.backups.list_backups(systems.region.compartment_id, db_system_id=systems.id).data
    assert [each.freeform_tags for each in backups] == [{"of": "shop"}]


@pytest.mark.parametrize(
    "values",
    [
        {"rest": models.UpdateRestDetails(configuration="DBSYSTEM_ONLY")},
        {"database_console": models.UpdateDatabaseConsoleDetails(status="ENABLED")},
        {"read_endpoint": models.UpdateReadEndpointDetails(is_enabled=True)},
        {"read_endpoint": models.UpdateReadEndpointDetails(read_endpoint_hostname_label="reads")},
        {"is_ipv6_enabled": True},
        {"secure_connections": models.SecureConnectionDetails(certificate_generation_type="BYOC", certificate_id="x")},
        {
            "telemetry_configuration": models.UpdateTelemetryConfigurationDetails(
                logs=[
                    models.LoggingDestinationConfiguration(
                        destination="LOG_ANALYTICS", log_types=["ERROR_LOG"], destination_configurations=[]
                    )
                ]
            )
        },
        {
            "backup_policy": models.UpdateBackupPolicyDetails(
                copy_policies=[models.CopyPolicy(copy_to_region="local-2", backup_copy_retention_in_days=1)]
            )
        },
    ],
    ids=lambda values: next(iter(values)),
)
def test_what_the_region_cannot_do_is_said(systems: Systems, values: dict[str, Any]) -> None:
    systems.create()
    with refused(501, "NotImplemented"):
        systems.client.update_db_system(systems.id, models.UpdateDbSystemDetails(**values))


def test_own_encryption_key(systems: Systems) -> None:
    key = make_key(systems.region, make_vault(systems.region))
    data = models.EncryptDataDetails(key_generation_type="BYOK", key_id=key.id)
    assert systems.create(encrypt_data=data).encrypt_data.key_id == key.id
    with refused(400, "InvalidParameter"):
        systems.client.create_db_system(
            systems.details(encrypt_data=models.EncryptDataDetails(key_generation_type="BYOK"))
        )


def test_a_new_password_is_checked_and_not_kept(systems: Systems) -> None:
    systems.create()
    with refused(400, "InvalidParameter"):
        systems.update(admin_password="weak")
    systems.update(admin_password="Another-Secret-2")
    record = systems.region.inner.store.find(systems.id)
    assert record is not None
    assert "password" not in record.private
    systems.update(admin_username="manager", admin_password="Another-Secret-3")
    for values in ({}, {"admin_password": "Another-Secret-4"}):
        with refused(400, "InvalidParameter"):
            systems.update(admin_username="someone", **values)


def test_catalogues(region: Region) -> None:
    client, compartment = region.client(MysqlaasClient), region.compartment_id
    shapes = client.list_shapes(compartment, is_supported_for=["DBSYSTEM"]).data
    assert "MySQL.Free" in [shape.name for shape in shapes]
    assert all(shape.is_supported_for == ["DBSYSTEM"] for shape in shapes)
    heatwave = client.list_shapes(compartment, is_supported_for=["HEATWAVECLUSTER"]).data
    assert {shape.name for shape in heatwave} == {"HeatWave.Free", "HeatWave.32GB", "HeatWave.512GB"}
    assert {family.version_family for family in client.list_versions(compartment).data} == {"8.0", "8.4", "9"}
    configurations = client.list_configurations(compartment, shape_name="MySQL.4").data
    assert [each.display_name for each in configurations] == ["MySQL.4.HA", "MySQL.4.Standalone"]
    assert client.get_configuration(configurations[0].id).data.variables.max_connections


def test_custom_configurations(systems: Systems) -> None:
    client, compartment = systems.region.client(MysqlaasClient), systems.region.compartment_id
    details = models.CreateConfigurationDetails(
        compartment_id=compartment,
        display_name="own",
        shape_name="MySQL.2",
        freeform_tags={"a": "b"},
        variables=models.ConfigurationVariables(max_connections=77, require_secure_transport=True, sql_mode="ANSI"),
    )
    made = client.create_configuration(details).data
    assert (made.type, made.lifecycle_state, made.variables.max_connections) == ("CUSTOM", "ACTIVE", 77)
    assert made.variables.innodb_buffer_pool_size  # the shape's default
    child = client.create_configuration(
        models.CreateConfigurationDetails(
            compartment_id=compartment,
            shape_name="MySQL.2",
            parent_configuration_id=made.id,
            variables=models.ConfigurationVariables(connect_timeout=20),
        )
    ).data
    assert (child.variables.max_connections, child.variables.connect_timeout) == (77, 20)
    assert systems.create(configuration_id=made.id).configuration_id == made.id
    service: Any = systems.region.inner.services["mysql"]
    assert servers.given_variables(systems.region.inner.store.find(child.id), server=True) == {
        "loose_max_connections": "77",
        "loose_require_secure_transport": "ON",
        "loose_connect_timeout": "20",
    }
    with refused(400, "InvalidParameter"):
        systems.client.create_db_system(systems.details(configuration_id=made.id, shape_name="MySQL.4"))
    with refused(404, "NotAuthorizedOrNotFound"):
        systems.client.create_db_system(systems.details(configuration_id="ocid1.mysqlconfiguration.oc1..none"))
    with refused(409, "Conflict"):
        client.delete_configuration(made.id)
    assert systems.update(configuration_id=child.id).configuration_id == child.id
    assert (
        client.update_configuration(made.id, models.UpdateConfigurationDetails(display_name="new")).data.display_name
        == "new"
    )
    custom = client.list_configurations(compartment, type=["CUSTOM"]).data
    assert {each.id for each in custom} == {made.id, child.id}
    client.delete_configuration(made.id)
    assert client.get_configuration(made.id).data.lifecycle_state == "DELETED"
    assert service.living("configuration") != []


def test_etags(systems: Systems) -> None:
    systems.create()
    etag = systems.client.get_db_system(systems.id).headers["etag"]
    systems.update(display_name="x")
    with refused(412, "NoEtagMatch"):
        systems.client.update_db_system(systems.id, models.UpdateDbSystemDetails(display_name="y"), if_match=etag)


def test_a_creation_goes_on_after_a_restart(tmp_path: Path) -> None:
    with Region.started(tmp_path, minute=60.0) as first:
        systems = Systems(first, _quick_subnet(first))
        made = systems.client.create_db_system(systems.details())
    with Region.started(tmp_path, minute=60.0) as second:
        again = Systems(second, systems.subnet)
        again.id = made.data.id
        assert again.get().lifecycle_state == "CREATING"
        second.inner.clock.minute = 0.0
        service = second.inner.services["mysql"]

        async def hurry() -> None:
            pending = next(iter(second.inner.store.transitions("mysql")))
            from dataclasses import replace

            second.inner.store.put_transition(replace(pending, due=0.0))
            service.transitions.run(replace(pending, due=0.0))

        second.run(hurry())
        second.settle()
        assert again.get().lifecycle_state == "ACTIVE"
        assert again.get().endpoints
        request = again.requests.get_work_request(made.headers["opc-work-request-id"]).data
        assert request.status == "SUCCEEDED"


def _quick_subnet(region: Region) -> Any:
    minute, region.inner.clock.minute = region.inner.clock.minute, 0.0
    try:
        return Net(region).subnet("10.0.2.0/24", "mysql")
    finally:
        region.inner.clock.minute = minute
