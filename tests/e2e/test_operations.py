"""The life of a site under load: passwords in turns, killed twice, more and less of it, a node and a connection lost, a
password rotated by hand. A client at 50 requests a second (--whole, else at 10) sees no failed request."""

from __future__ import annotations

import itertools
import json
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import kubernetes
import oci
import pytest

from tests.e2e.site import Region, Run, Site, eventually

RATE = 50  # requests a second
SAMPLE_RATE = 10  # of a run that shares its machine with much else
WORKERS = 16
PATIENCE = 30  # seconds: what a client waits for an answer
# Little, so that a machine with much else to do makes them busy too.
BOUNDS = {"cpu_percent": 6, "down_after_seconds": 15}
BY_LOAD = {
    "app_ingress_autoscaling": json.dumps({"max": 5, **BOUNDS}),
    "app_ingress_controller_autoscaling": json.dumps({"max": 3, **BOUNDS}),
}


class Load:
    """Reads, and each tenth time a replacement, of an item through the URL, at a steady rate.

    A connection that ends without an answer does not count: such a request is sent once more, as browsers and libraries
    do with what may be done twice (RFC 9110, 9.2.2), and counted in `again`. While a node is lost (`losing`) nor does a
    first 502, by which the ingress controller says the same of its own connection to a pod that went with the request
    (Traefik 3.6 sends only once what a pod may have got). Everything else that is not as it should be is in `failed`.
    """

    def __init__(self, url: str, item: int, rate: float = RATE) -> None:
        self.url, self.item, self.rate = url.rstrip("/"), item, rate
        self.done = self.again = 0
        self.losing = False
        self.failed: list[str] = []
        self.slowest = 0.0
        self.began = self.ended = time.monotonic()
        self._numbers = itertools.count()
        self._next, self._pause = self.began, 1 / rate
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(WORKERS)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        with httpx.Client(verify=self._context, timeout=PATIENCE, trust_env=False) as http:
            while True:
                number = next(self._numbers)
                with self._lock:
                    due, self._next = self._next, max(self._next, time.monotonic() - 1) + self._pause
                if self._stop.wait(max(0.0, due - time.monotonic())):
                    return
                self._one(http, number)

    def _one(self, http: httpx.Client, number: int) -> None:
        began = time.monotonic()
        problem = ""
        for again in (False, True):
            try:
                answer = self._ask(http, number)
                problem = "" if answer.status_code == 200 else f"{answer.status_code} {answer.text[:120]}"
                if answer.status_code != 502 or not self.losing:
                    break
                self.again += not again
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                problem = f"{type(error).__name__}: {error}"
                self.again += not again
            except httpx.HTTPError as error:
                problem = f"{type(error).__name__}: {error}"
                break
        took = time.monotonic() - began
        with self._lock:
            self.done += 1
            self.slowest = max(self.slowest, took)
            if problem:
                self.failed.append(f"{time.monotonic() - self.began:.1f} s: {problem} (after {took:.1f} s)")

    def _ask(self, http: httpx.Client, number: int) -> httpx.Response:
        path = f"{self.url}/api/items/{self.item}"
        return http.put(path, json={"name": f"number {number}"}) if number % 10 == 0 else http.get(path)

    def at(self, rate: float) -> None:
        """So many requests a second from now on, as far as the machine answers so many."""
        with self._lock:
            self._pause = 1 / rate

    def report(self, what: str) -> None:
        """Says how it went until here; nothing may have failed."""
        print(f"{what}: {self.done} requests, {self.again} sent again, slowest {self.slowest:.1f} s")
        failed, self.failed, self.slowest = self.failed, [], 0.0
        assert failed == [], f"{what}: {len(failed)} of {self.done}: {failed[:10]}"

    def until(self, count: int) -> None:
        """Goes on until so many were answered."""
        while self.done < count:
            time.sleep(0.2)

    def stop(self) -> None:
        """Ends it."""
        self._stop.set()
        self.ended = time.monotonic()
        for thread in self._threads:
            thread.join(PATIENCE + 5)


@pytest.fixture(scope="module")
def load(site: Site, whole: bool) -> Iterator[Load]:
    with site.http as http:
        item = http.post("/api/items", json={"name": "under load"}).json()["id"]
    made = Load(site.url, item, RATE if whole else SAMPLE_RATE)
    yield made
    made.stop()
    with site.http as http:
        http.delete(f"/api/items/{item}")


def play(region: Region, name: str, **answers: str) -> Run:
    """One of the playbooks, its answers as a survey of AWX gives them: as text."""
    return region.playbook("-e", json.dumps(answers), playbook=f"playbooks/{name}.yml")


def versions(site: Site) -> dict[str, int]:
    vaults = site.region.client(oci.vault.VaultsClient)
    return {
        name: int(vaults.get_secret(site.secret_id(name)).data.current_version_number)
        for name in ("mysql-app", "mysql-admin")
    }


def users(site: Site) -> dict[str, str]:
    """The database's users of the application, with what is kept of their passwords."""
    rows = site.sql("SELECT user, HEX(authentication_string) FROM mysql.user WHERE user LIKE 'crud%'")
    return {row[0]: row[1] for row in rows}


def signed_in(site: Site) -> set[str]:
    """The users as whom the application's pods sign in."""
    return {
        row.value
        for pod in site.pods("crud", "crud")
        for row in pod.spec.containers[0].env
        if row.name == "DB_USER"
    }  # fmt: skip


def administrator_s(site: Site) -> int:
    """The version of the administrator's password that the DB system has."""
    databases = site.region.client(oci.mysql.DbSystemClient)
    (system,) = [s for s in databases.list_db_systems(site.region.compartment_id).data if s.lifecycle_state == "ACTIVE"]
    return int(system.freeform_tags["okestack-administrator"].rpartition("/")[2])


def skip_a_version(site: Site, name: str) -> None:
    """A new version, and back to the one before."""
    vaults, secret = site.region.client(oci.vault.VaultsClient), site.secret_id(name)
    details, was = oci.vault.models.UpdateSecretDetails, vaults.get_secret(secret).data
    again = details(enable_auto_generation=True, secret_generation_context=was.secret_generation_context)
    for one in (again, details(current_version_number=was.current_version_number)):
        vaults.update_secret(secret, one)
        eventually(lambda: vaults.get_secret(secret).data.lifecycle_state == "ACTIVE", "the version is there")
    assert vaults.get_secret(secret).data.current_version_number == was.current_version_number


def rotated(site: Site, region: Region, load: Load) -> None:
    """Both passwords, the playbook killed twice; then once more, which closes what was before.

    A version that was rolled back has taken a number: the next is of the user whose password the pods have.
    """
    before, old, was = versions(site), users(site), signed_in(site)
    skip_a_version(site, "mysql-app")
    for point in (
        "TASK [okestack.oci.external_secrets : Keep the stores and their secrets",
        "TASK [okestack.oci.app_ingress : Keep the application]",
    ):
        run = play(region, "rotate_secret")
        run.until(point)
        time.sleep(0.5)
        run.kill()
    load.report("rotate_secret.yml killed twice")
    run = play(region, "rotate_secret").wait()
    assert "mysql-app: finish what was begun" in run.text, run.end
    once = versions(site)
    turned = {"mysql-app": before["mysql-app"] + 3, "mysql-admin": before["mysql-admin"] + 1}
    assert once == turned, "killed twice, it rotated once"
    assert administrator_s(site) == once["mysql-admin"]
    now = signed_in(site)
    assert now != was and len(now) == 1 and now <= set(users(site))
    kept = users(site)
    assert all(kept[user] == old[user] for user in was), "the other user's password holds until its turn"
    load.report("rotate_secret.yml, run again")
    play(region, "rotate_secret", rotate_secret_names="mysql-app", rotate_secret_keep_versions="2").wait()
    assert signed_in(site) == was
    assert users(site)[next(iter(was))] != old[next(iter(was))], "what was before is closed"
    assert versions(site) == {**turned, "mysql-app": turned["mysql-app"] + 1}
    load.report("rotate_secret.yml, the other user's turn")


def scaled(site: Site, region: Region, load: Load) -> None:
    """More, refused where there is no room, and back."""
    since = len(region.calls())
    run = play(region, "scale", app_ingress_autoscaling='{"max": 100000}').fails()
    assert "There is no room, and nothing was changed" in run.text and region.writes(since) == [], run.end
    more = {"oke_virtual_pool_size": "4", "app_ingress_replicas": "4", "app_ingress_load_balancer_max_mbps": "200"}
    run = play(region, "scale", **more).wait()
    for told in ("virtual nodes  ", "3 -> 4: oke_virtual_pool_size", "10 to 100 Mbps -> 10 to 200 Mbps"):
        assert told in run.text, run.end
    eventually(lambda: len(site.pods("crud", "crud")) >= 4, "one more pod")
    assert len(site.core().list_node().items) == 4
    load.report("scale.yml, more")
    run = play(region, "scale").wait()
    assert "4 -> 3: oke_virtual_pool_size" in run.text and "10 to 200 Mbps -> 10 to 100 Mbps" in run.text, run.end
    eventually(lambda: len(site.pods("crud", "crud")) == 3 and len(site.core().list_node().items) == 3, "three of each")
    load.report("scale.yml, less")


def autoscaled(site: Site, region: Region, load: Load) -> None:
    """Busy, application and ingress controller get more pods, spread over the fault domains; then fewer again. No run
    of the site sets that back."""
    load.at(RATE / 50)
    play(region, "site", **BY_LOAD).wait()
    nodes = site.core().list_node().items
    domains = {node.metadata.name: node.metadata.labels["oci.oraclecloud.com/fault-domain"] for node in nodes}

    def sizes() -> tuple[int, int]:
        return len(site.pods("crud", "crud")), len(site.pods("ingress", "traefik"))

    try:
        load.at(RATE * 20)
        eventually(lambda: sizes() == (5, 3), "as many pods as there may be", 240)
        since = len(region.calls())
        assert play(region, "site", **BY_LOAD).wait().recap()["changed"] == 0 and region.writes(since) == []
        assert sizes() == (5, 3)
        for place in (("crud", "crud"), ("ingress", "traefik")):
            spread = Counter(domains[pod.spec.node_name] for pod in site.pods(*place))
            assert len(spread) == 3 and max(spread.values()) - min(spread.values()) <= 1, spread
        load.at(RATE / 50)
        eventually(lambda: sizes() == (3, 2), "as few pods as there must be", 240)
    finally:
        load.at(load.rate)
    region.playbook().wait()
    load.report("more and less of it by its load")


def node_lost(site: Site, _region: Region, load: Load) -> None:
    """A node is gone with all that runs on it, without notice."""
    core = site.core()
    load.losing = True
    name = site.pods("ingress", "traefik")[0].spec.node_name
    there = core.list_pod_for_all_namespaces(field_selector=f"spec.nodeName={name}").items
    core.delete_node(name)
    for pod in there:
        core.delete_namespaced_pod(pod.metadata.name, pod.metadata.namespace, grace_period_seconds=0)
    apps = kubernetes.client.AppsV1Api(site.kubernetes())

    def whole() -> bool:
        ready = {d.metadata.name: d.status.ready_replicas for d in apps.list_deployment_for_all_namespaces().items}
        return ready["crud"] >= 3 and ready["traefik"] >= 2 and len(core.list_node().items) == 3

    eventually(whole, "another node's pods are there, and the node again", 180)
    time.sleep(3)
    load.losing = False
    load.report(f"a virtual node with {len(there)} pods lost")


def connection_lost(site: Site, _region: Region, load: Load) -> None:
    """The database ends three connections of the application."""

    def end_one() -> bool:
        rows = site.sql("SELECT id FROM information_schema.processlist WHERE user LIKE 'crud%'")
        try:
            return bool(rows) and site.sql(f"KILL {rows[0][0]}") == []
        except subprocess.CalledProcessError:  # the application ended it meanwhile
            return False

    for _pod in range(3):
        eventually(end_one, "a connection of the application is ended")
    time.sleep(5)
    load.report("database connections lost")


def rotated_by_hand(site: Site, region: Region, load: Load) -> None:
    """New versions in the Vault, by its own API, reach DB system, cluster and application at the next run."""
    vaults = region.client(oci.vault.VaultsClient)
    before, was = versions(site), signed_in(site)
    for name in ("mysql-app", "mysql-admin"):
        secret = vaults.get_secret(site.secret_id(name)).data
        again = oci.vault.models.UpdateSecretDetails(
            enable_auto_generation=True, secret_generation_context=secret.secret_generation_context
        )
        vaults.update_secret(secret.id, again)
    after = {name: number + 1 for name, number in before.items()}
    eventually(lambda: versions(site) == after, "new versions")
    region.playbook().wait()
    assert administrator_s(site) == before["mysql-admin"] + 1
    assert site.secret_holds("crud-bootstrap", "admin-password", site.password("mysql-admin"))
    assert site.secret_holds("crud", "password", site.password("mysql-app"))
    assert signed_in(site) != was
    since = len(region.calls())
    assert region.playbook().wait().recap()["changed"] == 0 and region.writes(since) == []
    load.report("rotated by hand, then site.yml")


WHOLE = [pytest.param(work, marks=pytest.mark.whole) for work in (autoscaled, rotated_by_hand)]


@pytest.mark.parametrize("work", [rotated, scaled, node_lost, connection_lost, *WHOLE])
def test_no_request_fails(site: Site, region: Region, load: Load, work: Callable[[Site, Region, Load], None]) -> None:
    work(site, region, load)


def test_nor_did_one_of_all(load: Load, request: pytest.FixtureRequest, whole: bool) -> None:
    load.until(request.config.getoption("--requests") or (20_000 if whole else 1_000))
    load.report("all of it")
