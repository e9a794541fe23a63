# SPDX-License-Identifier: GPL-3.0-or-later
"""A region with its real parts: DB systems are servers, load balancers serve, the registry keeps what is pushed."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import os
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import oci
import pymysql
import pytest

from localregion import operator_files, region, testing
from localregion.backends.fabric import Fabric
from localregion.host import namespaces
from localregion.host.http_server import listen, make_server
from localregion.host.process import Process
from localregion.http.app import Api
from localregion.services import SERVICES
from tests.unit.localregion.support import Net

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

PASSWORD, NEW_PASSWORD = "Very-Secret-Words-1", "Other-Secret-Words-2"
HOST_NETWORK = "127.82.0.0/16"


class RealRegion(testing.Region):
    """A region in a thread, with fabric and parts; a cloud minute is 20 ms."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.settings = replace(
            self.settings, name="tservices", pure=False, host_network=HOST_NETWORK, port=14000, minute=0.02
        )
        self.endpoint = self.settings.endpoint
        self.fabric = Fabric(self.settings.name, folder / "fabric")

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.fabric.destroy()
        self.inner = region.Region(self.settings, self.fabric, SERVICES)
        await self.inner.start()
        operator_files.write_operator(self.settings, self.inner.services["identity"])
        self._server = make_server(Api(self.inner))
        self._server.config.timeout_graceful_shutdown = 0
        self._loop.call_soon(self._ready.set)
        await self._server.serve(sockets=[listen(self.settings.api_address, self.settings.port)])
        await self.inner.stop()
        await self.fabric.destroy()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(setattr, self._server, "should_exit", True)
        assert self._thread
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealRegion]:
    with RealRegion.started(tmp_path) as started:
        assert isinstance(started, RealRegion)
        yield started


def until(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true answer."""
    end = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.1)
    return answer


def sql(started: RealRegion, system: Any, password: str, text: str, user: str = "manager") -> str:
    """Run SQL as a user, by TLS with the server's certificate checked, from the region's own namespace. The last
    answer's rows, or why it was refused."""
    context = ssl.create_default_context(cafile=str(started.settings.state / "ca.pem"))
    login: dict[str, Any] = {"user": user, "password": password, "host": system.ip_address, "ssl": context}

    def ask() -> str:
        try:
            with pymysql.connect(**login, autocommit=True, connect_timeout=5) as connection:
                cursor = connection.cursor()
                for statement in filter(str.strip, text.split(";")):
                    cursor.execute(statement)
                return "\n".join("\t".join(map(str, row)) for row in cursor.fetchall())
        except (pymysql.MySQLError, OSError) as error:
            return f"refused: {error}"

    return namespaces.inside(started.fabric.root, ask)


def db_system(started: RealRegion, subnet_id: str, **values: Any) -> Any:
    client, models = started.client(oci.mysql.DbSystemClient), oci.mysql.models
    details = {
        "compartment_id": started.compartment_id,
        "shape_name": "MySQL.2",
        "subnet_id": subnet_id,
        "admin_username": "manager",
        "admin_password": PASSWORD,
        "data_storage_size_in_gbs": 50,
        **values,
    }
    made = client.create_db_system(models.CreateDbSystemDetails(**details)).data
    return active(started, made.id, seconds=600.0 if values.get("is_highly_available") else 60.0)


def active(started: RealRegion, system_id: str, state: str = "ACTIVE", seconds: float = 60.0) -> Any:
    client = started.client(oci.mysql.DbSystemClient)

    def settled() -> Any:
        found = client.get_db_system(system_id).data
        assert found.lifecycle_state != "FAILED", found.lifecycle_details
        return found if found.lifecycle_state == state else None

    return until(settled, seconds)


def test_a_db_system_is_a_server(tmp_path: Path) -> None:
    with RealRegion.started(tmp_path) as first:
        assert isinstance(first, RealRegion)
        subnet = Net(first).subnet("10.0.2.0/24", "mysql", private=True)
        client, models = first.client(oci.mysql.DbSystemClient), oci.mysql.models
        system = db_system(first, subnet.id, hostname_label="db")
        assert sql(first, system, PASSWORD, "create database shop; create table shop.t (n int primary key);") == ""
        sql(first, system, PASSWORD, "insert into shop.t values (42);")
        assert "refused" in sql(first, system, NEW_PASSWORD, "select 1;")
        backup = first.client(oci.mysql.DbBackupsClient).create_backup(
            models.CreateBackupDetails(db_system_id=system.id)
        )
        until(
            lambda: (
                (first.settings.state / "mysql" / "backups").exists()
                and not list((first.settings.state / "mysql" / "backups").glob("*.new"))
            )
        )
        client.update_db_system(system.id, models.UpdateDbSystemDetails(admin_password=NEW_PASSWORD))
        active(first, system.id)
        assert sql(first, system, NEW_PASSWORD, "select n from shop.t;").strip() == "42"
        sql(first, system, NEW_PASSWORD, "create user app identified by 'App-Words-3'; grant select on shop.* to app;")
        for mode, answer in (("RESTRICTED", False), ("UNRESTRICTED", True)):
            client.update_db_system(system.id, models.UpdateDbSystemDetails(access_mode=mode))
            active(first, system.id)
            assert sql(first, system, NEW_PASSWORD, "select n from shop.t;").strip() == "42"
            asked = sql(first, system, "App-Words-3", "select n from shop.t;", user="app")
            assert (asked.strip() == "42") is answer
        variables = models.ConfigurationVariables(max_connections=77, mysqlx_read_timeout=9)
        own = first.client(oci.mysql.MysqlaasClient).create_configuration(
            models.CreateConfigurationDetails(
                compartment_id=first.compartment_id, shape_name="MySQL.2", variables=variables
            )
        )
        client.update_db_system(system.id, models.UpdateDbSystemDetails(configuration_id=own.data.id))
        active(first, system.id)
        assert sql(first, system, NEW_PASSWORD, "select @@max_connections;").strip() == "77"
        client.update_db_system(system.id, models.UpdateDbSystemDetails(database_mode="READ_ONLY"))
        active(first, system.id)
        assert "refused" in sql(first, system, NEW_PASSWORD, "insert into shop.t values (43);")
        client.update_db_system(system.id, models.UpdateDbSystemDetails(database_mode="READ_WRITE"))
        active(first, system.id)
        client.stop_db_system(system.id, models.StopDbSystemDetails(shutdown_type="FAST"))
        active(first, system.id, "INACTIVE")
        assert "refused" in sql(first, system, NEW_PASSWORD, "select 1;")
        client.start_db_system(system.id)
        active(first, system.id)
        service: Any = first.inner.services["mysql"]
        before = service.servers.running[system.id]._process.pid
        client.restart_db_system(system.id, models.RestartDbSystemDetails(shutdown_type="SLOW"))
        active(first, system.id)
        assert service.servers.running[system.id]._process.pid != before
        assert sql(first, system, NEW_PASSWORD, "select n from shop.t;").strip() == "42"
    with RealRegion.started(tmp_path) as second:
        assert isinstance(second, RealRegion)
        until(lambda: sql(second, system, NEW_PASSWORD, "select n from shop.t;").strip() == "42")
        backups = second.client(oci.mysql.DbBackupsClient)
        until(lambda: backups.get_backup(backup.data.id).data.lifecycle_state == "ACTIVE")
        source = models.CreateDbSystemSourceFromBackupDetails(backup_id=backup.data.id)
        restored = db_system(second, subnet.id, source=source)
        assert sql(second, restored, PASSWORD, "select n from shop.t;").strip() == "42"
        client = second.client(oci.mysql.DbSystemClient)
        policy = models.UpdateBackupPolicyDetails(is_enabled=True, pitr_policy=models.PitrPolicy(is_enabled=True))
        client.update_db_system(system.id, models.UpdateDbSystemDetails(backup_policy=policy))
        active(second, system.id)
        sql(second, system, NEW_PASSWORD, "insert into shop.t values (43);")
        recovered = db_system(
            second, subnet.id, source=models.CreateDbSystemSourceFromPitrDetails(db_system_id=system.id)
        )
        assert sql(second, recovered, PASSWORD, "select n from shop.t order by n;").split() == ["42", "43"]
        assert "refused" in sql(second, recovered, NEW_PASSWORD, "select 1;")
        client.delete_db_system(recovered.id)
        client.delete_db_system(system.id)
        active(second, system.id, "DELETED")
        assert "refused" in sql(second, system, NEW_PASSWORD, "select 1;")
        folders = [path.name for path in (second.settings.state / "mysql").iterdir()]
        assert sorted(folders) == sorted(["backups", restored.id[-16:]])
    state = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "client.cnf")
    assert PASSWORD.encode() not in state
    assert NEW_PASSWORD.encode() not in state


def all_online(started: RealRegion, system: Any) -> bool:
    """Whether the three members of a DB system are at work."""
    count = "select count(*) from performance_schema.replication_group_members where member_state = 'ONLINE'"
    return sql(started, system, PASSWORD, count) == "3"


def test_a_db_system_is_highly_available_and_is_not(real: RealRegion) -> None:
    """Made so, changed to one server and back by the API: three servers or one, with the same data."""
    subnet = Net(real).subnet("10.0.2.0/24", "mysql", private=True)
    client, models = real.client(oci.mysql.DbSystemClient), oci.mysql.models
    servers: Any = real.inner.services["mysql"].servers
    system = db_system(real, subnet.id, shape_name="MySQL.4", is_highly_available=True)
    sql(real, system, PASSWORD, "create database shop; create table shop.t (n int primary key);")
    for number, available in enumerate((True, False, True)):
        if number:
            asked = models.UpdateDbSystemDetails(is_highly_available=available)
            client.update_db_system(system.id, asked)
            system = active(real, system.id, seconds=600.0)
        assert system.is_highly_available is available and len(system.endpoints) == 1
        running = servers.running[system.id]
        assert len(getattr(running, "members", {1: running})) == (3 if available else 1)
        assert sql(real, system, PASSWORD, f"insert into shop.t values ({number})") == ""
        if available:
            until(functools.partial(all_online, real, system), 300.0)
    assert sql(real, system, PASSWORD, "select n from shop.t order by n").split() == ["0", "1", "2"]


def test_a_load_balancer_serves(real: RealRegion) -> None:
    net = Net(real)
    net.open()
    public, nodes = net.subnet("10.0.1.0/24", "lb"), net.subnet("10.0.3.0/24", "nodes", private=True)
    network = real.inner.services["network"]
    servers = []
    for number in (1, 2):
        vnic = real.run(network.vnics.attach(subnet_id=nodes.id, display_name="n", owner_id=f"node{number}"))
        folder = real.settings.state / f"www{number}"
        folder.mkdir()
        (folder / "index.html").write_text(f"node{number}")
        server = Process(
            f"www{number}",
            ["python3", "-m", "http.server", "8080", "--bind", vnic.private_ip],
            log=folder / "log",
            netns=vnic.netns,
            cwd=folder,
        )
        real.run(server.start())
        servers.append((vnic, server))
    client, models = real.client(oci.load_balancer.LoadBalancerClient), oci.load_balancer.models
    checker = models.HealthCheckerDetails(
        protocol="HTTP", url_path="/", port=8080, interval_in_millis=1000, timeout_in_millis=900, retries=1
    )
    made = client.create_load_balancer(
        models.CreateLoadBalancerDetails(
            compartment_id=real.compartment_id,
            display_name="lb",
            shape_name="flexible",
            subnet_ids=[public.id],
            shape_details=models.ShapeDetails(minimum_bandwidth_in_mbps=10, maximum_bandwidth_in_mbps=10),
            backend_sets={
                "web": models.BackendSetDetails(
                    policy="ROUND_ROBIN",
                    health_checker=checker,
                    backends=[models.BackendDetails(ip_address=vnic.private_ip, port=8080) for vnic, _ in servers],
                )
            },
            listeners={"http": models.ListenerDetails(default_backend_set_name="web", port=80, protocol="HTTP")},
        )
    )
    request = made.headers["opc-work-request-id"]

    def finished(request: str) -> Any:
        found = client.get_work_request(request).data
        assert found.lifecycle_state != "FAILED", found.error_details
        return found if found.lifecycle_state == "SUCCEEDED" else None

    balancer = until(lambda: finished(request)).load_balancer_id
    address = client.get_load_balancer(balancer).data.ip_addresses[0].ip_address
    assert address.startswith("127.82.")

    def served() -> set[str]:
        answers = [httpx.get(f"http://{address}/", trust_env=False) for _ in range(6)]
        return {answer.text for answer in answers if answer.status_code == 200}

    until(lambda: served() == {"node1", "node2"})
    until(lambda: client.get_load_balancer_health(balancer).data.status == "OK")
    real.run(servers[1][1].stop())
    until(
        lambda: (
            client.get_backend_set_health(balancer, "web").data.critical_state_backend_names
            == [f"{servers[1][0].private_ip}:8080"]
        )
    )
    assert served() == {"node1"}
    moved = client.update_listener(
        models.UpdateListenerDetails(default_backend_set_name="web", port=8081, protocol="TCP"), balancer, "http"
    )
    until(lambda: finished(moved.headers["opc-work-request-id"]))
    assert httpx.get(f"http://{address}:8081/", trust_env=False).text == "node1"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{address}/", trust_env=False)
    gone = client.delete_load_balancer(balancer)
    until(lambda: finished(gone.headers["opc-work-request-id"]))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{address}:8081/", trust_env=False)
    assert not list((real.settings.state / "load-balancers").iterdir())
    real.run(servers[0][1].stop())


def _token(real: RealRegion, scope: str, auth: tuple[str, str] | None) -> str:
    host, _, port = real.settings.registry_address.rpartition(":")
    answer = httpx.get(
        f"http://{host}:{int(port) + 1}/token", params={"service": "x", "scope": scope}, auth=auth, trust_env=False
    )
    answer.raise_for_status()
    return str(answer.json()["token"])


def test_the_registry_tells_what_was_pushed(real: RealRegion) -> None:
    base = f"http://{real.settings.registry_address}"
    login = ("okestacklocal/operator", (real.settings.operator_dir / "auth_token").read_text().strip())
    path = "okestacklocal/team/app"
    headers = {"Authorization": f"Bearer {_token(real, f'repository:{path}:pull,push', login)}"}
    config, layer = b"{}", b"layer of an image"
    with httpx.Client(base_url=base, headers=headers, trust_env=False) as http:
        for blob in (config, layer):
            place = http.post(f"/v2/{path}/blobs/uploads/").headers["Location"]
            digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
            join = "&" if "?" in place else "?"
            http.put(f"{place}{join}digest={digest}", content=blob).raise_for_status()
        described = [
            {"digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob), "mediaType": kind}
            for blob, kind in (
                (config, "application/vnd.oci.image.config.v1+json"),
                (layer, "application/vnd.oci.image.layer.v1.tar"),
            )
        ]
        media = "application/vnd.oci.image.manifest.v1+json"
        manifest = {"schemaVersion": 2, "mediaType": media, "config": described[0], "layers": described[1:]}
        put = http.put(f"/v2/{path}/manifests/1.0", content=json.dumps(manifest), headers={"Content-Type": media})
        put.raise_for_status()
    client, models = real.client(oci.artifacts.ArtifactsClient), oci.artifacts.models
    found = until(
        lambda: client.list_container_images(real.tenancy_id, repository_name="team/app").data.items, seconds=10
    )
    assert (found[0].digest, found[0].version) == (put.headers["Docker-Content-Digest"], "1.0")
    repository = client.get_container_repository(found[0].repository_id).data
    assert (repository.is_public, repository.layers_size_in_bytes) == (False, len(layer))

    def pulls(auth: tuple[str, str] | None) -> int:
        token = _token(real, f"repository:{path}:pull", auth)
        bearer = {"Authorization": f"Bearer {token}", "Accept": media}
        return httpx.get(f"{base}/v2/{path}/manifests/1.0", headers=bearer, trust_env=False).status_code

    assert (pulls(login), pulls(None)) == (200, 401)
    client.update_container_repository(repository.id, models.UpdateContainerRepositoryDetails(is_public=True))
    assert pulls(None) == 200
    client.delete_container_repository(repository.id)
    until(lambda: client.get_container_repository(repository.id).data.lifecycle_state == "DELETED")
    assert pulls(login) == 404
    seeded = client.list_container_repositories(real.tenancy_id, is_public=True, lifecycle_state="AVAILABLE").data.items
    assert {item.display_name for item in seeded} == {
        f"mirror/{name}" for name in ("external-secrets", "metrics-server", "traefik")
    }


def test_a_flow_log_tells_what_passed_and_what_was_refused(real: RealRegion) -> None:
    net = Net(real)
    subnet = net.subnet("10.0.6.0/24", "logged")
    vnics = real.inner.services["network"].vnics
    here, there = (
        real.run(vnics.attach(subnet_id=subnet.id, display_name=name, owner_id="test")) for name in ("here", "there")
    )
    logs, models = real.client(oci.logging.LoggingManagementClient), oci.logging.models
    logs.create_log_group(models.CreateLogGroupDetails(compartment_id=real.compartment_id, display_name="flows"))
    (group,) = until(lambda: logs.list_log_groups(real.compartment_id, display_name="flows").data)
    until(lambda: logs.get_log_group(group.id).data.lifecycle_state == "ACTIVE")
    source = models.OciService(service="flowlogs", resource=subnet.id, category="subnet")
    details = models.CreateLogDetails(
        display_name="flows", log_type="SERVICE", configuration=models.Configuration(source=source)
    )
    logs.create_log(group.id, details)

    def found(action: str, port: int) -> bool:
        """Whether the log has a record, of what is sent again each time: the log begins when it does."""
        for asked in (22, 443):
            sending = namespaces.socket_in(here.netns)
            sending.connect_ex((there.private_ip, asked))
            time.sleep(0.2)
            sending.close()
        now = time.time()
        moments = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(each)) for each in (now - 3600, now + 60)]
        query = (
            f'search "{real.compartment_id}/flows" | where data.action = "{action}" and data.destinationPort = {port}'
        )
        search = oci.loggingsearch.models.SearchLogsDetails(
            time_start=moments[0], time_end=moments[1], search_query=query
        )
        rows = real.client(oci.loggingsearch.LogSearchClient).search_logs(search).data.results
        return here.private_ip in [row.data["logContent"]["data"]["sourceAddress"] for row in rows]

    # The default security list lets SSH in, from anywhere, and all out.
    until(lambda: found("ACCEPT", 22), 120)
    until(lambda: found("REJECT", 443), 120)
