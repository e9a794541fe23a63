# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers, through the SDK's own client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oci
import pytest
from oci.load_balancer import LoadBalancerClient, models

from localregion.host.pki import Authority, key_pem, new_key
from localregion.services.load_balancer import model
from localregion.testing import Region
from tests.unit.localregion.support import Net, of_an_unknown_curve, refused


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    with Region.started(tmp_path_factory.mktemp("region")) as started:
        yield started


@pytest.fixture(scope="module")
def net(region: Region) -> Net:
    return Net(region)


@pytest.fixture(scope="module")
def public(net: Net) -> Any:
    return net.subnet("10.0.1.0/24", "lb")


class Balancers:
    """The client, with waits."""

    def __init__(self, region: Region, subnet: Any) -> None:
        self.region, self.subnet = region, subnet
        self.client = region.client(LoadBalancerClient)
        self.id = ""

    def details(self, **values: Any) -> Any:
        return models.CreateLoadBalancerDetails(
            **{
                "compartment_id": self.region.compartment_id,
                "display_name": "lb",
                "shape_name": "flexible",
                "shape_details": models.ShapeDetails(minimum_bandwidth_in_mbps=10, maximum_bandwidth_in_mbps=100),
                "subnet_ids": [self.subnet.id],
                **values,
            }
        )

    def create(self, **values: Any) -> Any:
        made = self.client.create_load_balancer(self.details(**values))
        self.region.settle()
        request = self.client.get_work_request(made.headers["opc-work-request-id"]).data
        assert (request.type, request.lifecycle_state) == ("CreateLoadBalancer", "SUCCEEDED")
        self.id = request.load_balancer_id
        return self.get()

    def get(self) -> Any:
        return self.client.get_load_balancer(self.id).data

    def do(self, operation: str, *values: Any, **more: Any) -> Any:
        """Carry out a change and give its work request."""
        answer = getattr(self.client, operation)(*values, **more)
        assert answer.data is None
        self.region.settle()
        return self.client.get_work_request(answer.headers["opc-work-request-id"]).data


@pytest.fixture
def balancers(region: Region, public: Any) -> Balancers:
    return Balancers(region, public)


def backend_set(**values: Any) -> Any:
    details = {"policy": "ROUND_ROBIN", "health_checker": models.HealthCheckerDetails(protocol="TCP"), "backends": []}
    return models.BackendSetDetails(**(details | values))


def test_a_public_load_balancer_gets_an_address(balancers: Balancers) -> None:
    found = balancers.create(freeform_tags={"a": "b"})
    assert found.lifecycle_state == "ACTIVE"
    assert [address.is_public for address in found.ip_addresses] == [True]
    assert found.shape_details.maximum_bandwidth_in_mbps == 100
    assert (found.freeform_tags, found.is_private, found.ip_mode) == ({"a": "b"}, False, "IPV4")
    listed = balancers.client.list_load_balancers(
        balancers.region.compartment_id, display_name="lb", detail="simple"
    ).data
    assert balancers.id in [each.id for each in listed]


def test_a_private_load_balancer_has_a_private_address(balancers: Balancers, net: Net) -> None:
    balancers.subnet = net.subnet("10.0.2.0/24", "private", private=True)
    with refused(400, "InvalidParameter"):
        balancers.client.create_load_balancer(balancers.details())
    found = balancers.create(is_private=True)
    assert found.ip_addresses[0].ip_address.startswith("10.0.2.")
    assert found.ip_addresses[0].is_public is False


def test_a_reserved_address_outlives_its_load_balancer(balancers: Balancers, net: Net) -> None:
    core = oci.core.models
    reserved = net.client.create_public_ip(
        core.CreatePublicIpDetails(compartment_id=balancers.region.compartment_id, lifetime="RESERVED")
    ).data
    balancers.region.settle()
    wanted = [models.ReservedIP(id=reserved.id)]
    with refused(400, "InvalidParameter"):
        balancers.client.create_load_balancer(balancers.details(is_private=True, reserved_ips=wanted))
    address = balancers.create(reserved_ips=wanted).ip_addresses[0]
    assert (address.ip_address, address.is_public, address.reserved_ip.id) == (reserved.ip_address, True, reserved.id)
    assert net.client.get_public_ip(reserved.id).data.lifecycle_state == "ASSIGNED"
    with refused(409, "Conflict"):
        balancers.client.create_load_balancer(balancers.details(reserved_ips=wanted))
    balancers.do("delete_load_balancer", balancers.id)
    assert net.client.get_public_ip(reserved.id).data.lifecycle_state == "AVAILABLE"


def test_its_subnet_is_in_use_until_it_is_gone(balancers: Balancers, net: Net) -> None:
    balancers.subnet = net.subnet("10.0.3.0/24", "busy")
    balancers.create()
    with refused(409, "Conflict"):
        net.client.delete_subnet(balancers.subnet.id)
    assert balancers.do("delete_load_balancer", balancers.id).type == "DeleteLoadBalancer"
    assert balancers.get().lifecycle_state == "DELETED"
    net.client.delete_subnet(balancers.subnet.id)


def test_created_whole(balancers: Balancers, net: Net) -> None:
    group = net.group("lb")
    found = balancers.create(
        network_security_group_ids=[group.id],
        backend_sets={"web": backend_set(backends=[models.BackendDetails(ip_address="10.0.0.9", port=80)])},
        listeners={"http": models.ListenerDetails(default_backend_set_name="web", port=80, protocol="HTTP")},
    )
    backend = found.backend_sets["web"].backends[0]
    assert (backend.name, backend.weight, backend.drain, backend.offline) == ("10.0.0.9:80", 1, False, False)
    checker = found.backend_sets["web"].health_checker
    assert (checker.retries, checker.timeout_in_millis, checker.interval_in_millis, checker.port) == (3, 3000, 10000, 0)
    assert found.listeners["http"].connection_configuration.idle_timeout == 60
    assert found.network_security_group_ids == [group.id]
    balancers.do("update_network_security_groups", models.UpdateNetworkSecurityGroupsDetails(), balancers.id)
    assert balancers.get().network_security_group_ids == []


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"shape_details": None}, "MissingParameter"),
        ({"shape_name": "1Mbps", "shape_details": None}, "InvalidParameter"),
        (
            {"shape_details": models.ShapeDetails(minimum_bandwidth_in_mbps=5, maximum_bandwidth_in_mbps=10)},
            "InvalidParameter",
        ),
        (
            {"shape_details": models.ShapeDetails(minimum_bandwidth_in_mbps=20, maximum_bandwidth_in_mbps=10)},
            "InvalidParameter",
        ),
        ({"subnet_ids": []}, "InvalidParameter"),
        ({"backend_sets": {"a b": backend_set()}}, "InvalidParameter"),
        ({"backend_sets": {"a": backend_set(policy="RANDOM")}}, "InvalidParameter"),
        (
            {"backend_sets": {"a": backend_set(health_checker=models.HealthCheckerDetails(protocol="HTTP"))}},
            "MissingParameter",
        ),
        (
            {"listeners": {"l": models.ListenerDetails(default_backend_set_name="none", port=80, protocol="HTTP")}},
            "InvalidParameter",
        ),
        ({"network_security_group_ids": [f"ocid1.networksecuritygroup.oc1..{n}" for n in range(6)]}, "LimitExceeded"),
    ],
)
def test_a_create_that_cannot_be_is_refused(balancers: Balancers, values: dict[str, Any], code: str) -> None:
    with refused(400, code):
        balancers.client.create_load_balancer(balancers.details(**values))


def test_parts_are_changed_one_by_one(balancers: Balancers) -> None:
    balancers.create()
    client, balancer = balancers.client, balancers.id
    listener = models.CreateListenerDetails(name="http", default_backend_set_name="web", port=80, protocol="HTTP")
    with refused(400, "InvalidParameter"):  # its backend set is not there yet
        client.create_listener(listener, balancer)
    request = balancers.do(
        "create_backend_set",
        models.CreateBackendSetDetails(
            name="web",
            policy="ROUND_ROBIN",
            health_checker=models.HealthCheckerDetails(protocol="HTTP", url_path="/healthz"),
        ),
        balancer,
    )
    assert (request.type, request.lifecycle_state, request.error_details) == ("CreateBackendSet", "SUCCEEDED", [])
    balancers.do("create_listener", listener, balancer)
    with refused(409, "Conflict"):
        client.create_listener(listener, balancer)
    balancers.do("create_backend", models.CreateBackendDetails(ip_address="10.0.0.5", port=8080), balancer, "web")
    assert [each.name for each in client.list_backends(balancer, "web").data] == ["10.0.0.5:8080"]
    balancers.do(
        "update_backend",
        models.UpdateBackendDetails(weight=3, backup=False, drain=True, offline=False),
        balancer,
        "web",
        "10.0.0.5:8080",
    )
    backend = client.get_backend(balancer, "web", "10.0.0.5:8080").data
    assert (backend.weight, backend.drain) == (3, True)
    balancers.do(
        "update_backend_set",
        models.UpdateBackendSetDetails(
            policy="LEAST_CONNECTIONS",
            backends=[models.BackendDetails(ip_address="10.0.0.6", port=8080)],
            health_checker=models.HealthCheckerDetails(protocol="TCP"),
        ),
        balancer,
        "web",
    )
    changed = client.get_backend_set(balancer, "web").data
    assert (changed.policy, [b.name for b in changed.backends]) == ("LEAST_CONNECTIONS", ["10.0.0.6:8080"])
    with refused(409, "Conflict"):
        client.delete_backend_set(balancer, "web")
    balancers.do("delete_listener", balancer, "http")
    balancers.do("delete_backend", balancer, "web", "10.0.0.6:8080")
    balancers.do("delete_backend_set", balancer, "web")
    assert balancers.get().backend_sets == {}
    with refused(404, "NotAuthorizedOrNotFound"):
        client.get_backend_set(balancer, "web")


def test_changes_are_done_in_the_order_they_came(balancers: Balancers) -> None:
    balancers.create(backend_sets={"web": backend_set()})
    for number in range(20):
        details = models.CreateBackendDetails(ip_address=f"10.0.0.{number + 1}", port=80)
        balancers.client.create_backend(details, balancers.id, "web")
    balancers.region.settle()
    names = [each.name for each in balancers.client.list_backends(balancers.id, "web").data]
    assert names == [f"10.0.0.{number + 1}:80" for number in range(20)]


def test_a_change_that_no_longer_fits_fails_in_its_work_request(tmp_path: Path) -> None:
    with Region.started(tmp_path, minute=3.0) as slow:
        balancers = Balancers(slow, Net(slow).subnet("10.0.1.0/24", "lb"))
        balancers.create(backend_sets={"web": backend_set()})
        first = balancers.client.delete_backend_set(balancers.id, "web").headers["opc-work-request-id"]
        second = balancers.client.create_listener(
            models.CreateListenerDetails(name="l", default_backend_set_name="web", port=80, protocol="TCP"),
            balancers.id,
        ).headers["opc-work-request-id"]
        assert balancers.client.get_work_request(first).data.lifecycle_state == "ACCEPTED"
        slow.settle()
        assert balancers.client.get_work_request(first).data.lifecycle_state == "SUCCEEDED"
        failed = balancers.client.get_work_request(second).data
        assert (failed.lifecycle_state, failed.error_details[0].error_code) == ("FAILED", "BAD_INPUT")
        assert "web" in failed.error_details[0].message
        assert balancers.get().listeners == {}


def test_nothing_changes_while_creating(tmp_path: Path) -> None:
    with Region.started(tmp_path, minute=1.0) as slow:
        balancers = Balancers(slow, Net(slow).subnet("10.0.1.0/24", "lb"))
        made = balancers.client.create_load_balancer(balancers.details())
        balancer = balancers.client.get_work_request(made.headers["opc-work-request-id"]).data.load_balancer_id
        assert balancers.client.get_load_balancer(balancer).data.lifecycle_state == "CREATING"
        with refused(409, "IncorrectState"):
            balancers.client.delete_load_balancer(balancer)


def test_the_shape_is_changed_in_place(balancers: Balancers) -> None:
    balancers.create()
    address = balancers.get().ip_addresses[0].ip_address
    wider = models.ShapeDetails(minimum_bandwidth_in_mbps=100, maximum_bandwidth_in_mbps=400)
    request = balancers.do(
        "update_load_balancer_shape",
        balancers.id,
        models.UpdateLoadBalancerShapeDetails(shape_name="flexible", shape_details=wider),
    )
    assert request.type == "UpdateShape"
    assert balancers.get().shape_details.minimum_bandwidth_in_mbps == 100
    balancers.do(
        "update_load_balancer_shape", balancers.id, models.UpdateLoadBalancerShapeDetails(shape_name="100Mbps")
    )
    found = balancers.get()
    assert (found.shape_name, found.shape_details) == ("100Mbps", None)
    assert found.ip_addresses[0].ip_address == address


def test_name_tags_and_protection(balancers: Balancers) -> None:
    balancers.create(
        backend_sets={"b": backend_set()},
        listeners={"l": models.ListenerDetails(default_backend_set_name="b", port=80, protocol="TCP")},
    )
    details = models.UpdateLoadBalancerDetails(
        display_name="new", freeform_tags={"x": "y"}, is_delete_protection_enabled=True
    )
    balancers.do("update_load_balancer", details, balancers.id)
    assert (balancers.get().display_name, balancers.get().freeform_tags) == ("new", {"x": "y"})
    with refused(409, "Conflict"):
        balancers.client.delete_load_balancer(balancers.id)
    balancers.do(
        "update_load_balancer", models.UpdateLoadBalancerDetails(is_delete_protection_enabled=False), balancers.id
    )
    balancers.do("delete_load_balancer", balancers.id)


def test_etag_is_the_load_balancers(balancers: Balancers) -> None:
    balancers.create(backend_sets={"b": backend_set()})
    etag = balancers.client.get_backend_set(balancers.id, "b").headers["etag"]
    assert etag == balancers.client.get_load_balancer(balancers.id).headers["etag"]
    balancers.do("delete_backend_set", balancers.id, "b", if_match=etag)
    with refused(412, "NoEtagMatch"):
        balancers.client.delete_load_balancer(balancers.id, if_match=etag)


def _certificate(folder: Path, name: str = "tls") -> tuple[str, str, str]:
    authority, key = Authority.load_or_create(folder, "CA"), new_key("rsa")
    return authority.sign(key, name).decode(), key_pem(key).decode(), authority.certificate_pem.decode()


def test_certificates(balancers: Balancers, tmp_path: Path) -> None:
    balancers.create(backend_sets={"web": backend_set()})
    public, private, ca = _certificate(tmp_path)
    other = _certificate(tmp_path / "other")
    details = {"certificate_name": "site", "public_certificate": public, "private_key": private, "ca_certificate": ca}
    wrong_keys = (other[1], "nonsense", of_an_unknown_curve("PRIVATE"))
    for wrong in (*({"private_key": key} for key in wrong_keys), {"ca_certificate": other[2]}):
        with refused(400, "InvalidParameter"):
            balancers.client.create_certificate(models.CreateCertificateDetails(**(details | wrong)), balancers.id)
    balancers.do("create_certificate", models.CreateCertificateDetails(**details), balancers.id)
    balancers.do(
        "create_listener",
        models.CreateListenerDetails(
            name="https",
            default_backend_set_name="web",
            port=443,
            protocol="HTTP",
            ssl_configuration=models.SSLConfigurationDetails(certificate_name="site"),
        ),
        balancers.id,
    )
    assert balancers.get().listeners["https"].ssl_configuration.protocols == ["TLSv1.2"]
    shown = balancers.client.list_certificates(balancers.id).data
    assert [(each.certificate_name, each.public_certificate) for each in shown] == [("site", public)]
    with refused(409, "Conflict"):
        balancers.client.delete_certificate(balancers.id, "site")
    state = balancers.region.settings.state
    line = private.splitlines()[5].encode()
    assert not [path for path in state.rglob("*") if path.is_file() and line in path.read_bytes()]
    service: Any = balancers.region.inner.services["load_balancer"]
    record = balancers.region.inner.store.find(balancers.id)
    assert service.running.certificate_key(record, "site").startswith(b"-----BEGIN PRIVATE KEY")
    balancers.do("delete_listener", balancers.id, "https")
    balancers.do("delete_certificate", balancers.id, "site")
    assert balancers.region.inner.store.find(balancers.id).private["keys"] == {}  # type: ignore[union-attr]


def test_health_without_a_proxy_is_unknown(balancers: Balancers) -> None:
    balancers.create(
        backend_sets={"web": backend_set(backends=[models.BackendDetails(ip_address="10.0.0.9", port=80)])},
        listeners={"l": models.ListenerDetails(default_backend_set_name="web", port=80, protocol="TCP")},
    )
    client, balancer = balancers.client, balancers.id
    assert client.get_load_balancer_health(balancer).data.status == "UNKNOWN"
    health = client.get_backend_set_health(balancer, "web").data
    assert (health.status, health.total_backend_count, health.unknown_state_backend_names) == (
        "UNKNOWN",
        1,
        ["10.0.0.9:80"],
    )
    assert client.get_backend_health(balancer, "web", "10.0.0.9:80").data.status == "UNKNOWN"
    healths = client.list_load_balancer_healths(balancers.region.compartment_id).data
    assert balancer in [each.load_balancer_id for each in healths]


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        (["OK", "OK"], "OK"),
        (["OK", "CRITICAL"], "WARNING"),
        (["OK", "CRITICAL", "CRITICAL"], "CRITICAL"),
        (["UNKNOWN", "UNKNOWN", "OK"], "UNKNOWN"),
        ([], "UNKNOWN"),
    ],
)
def test_health_of_a_backend_set(states: list[str], whole: str) -> None:
    assert model.combine(states, "set") == whole


def test_catalogues(balancers: Balancers) -> None:
    compartment = balancers.region.compartment_id
    assert "flexible" in [shape.name for shape in balancers.client.list_shapes(compartment).data]
    assert [each.name for each in balancers.client.list_protocols(compartment).data] == ["HTTP", "TCP"]
    assert "IP_HASH" in [each.name for each in balancers.client.list_policies(compartment).data]


def test_work_requests_of_a_load_balancer(balancers: Balancers) -> None:
    balancers.create()
    balancers.do(
        "create_backend_set",
        models.CreateBackendSetDetails(
            name="a", policy="IP_HASH", health_checker=models.HealthCheckerDetails(protocol="TCP")
        ),
        balancers.id,
    )
    types = [request.type for request in balancers.client.list_work_requests(balancers.id).data]
    assert sorted(types) == ["CreateBackendSet", "CreateLoadBalancer"]


def test_what_is_not_there_answers_501_by_name(balancers: Balancers) -> None:
    balancers.create(backend_sets={"a": backend_set()})
    with refused(501, "NotImplemented"):
        balancers.client.create_hostname(models.CreateHostnameDetails(name="a", hostname="a.example.com"), balancers.id)
    with refused(501, "NotImplemented"):
        balancers.client.create_listener(
            models.CreateListenerDetails(name="g", default_backend_set_name="a", port=80, protocol="GRPC"), balancers.id
        )


def test_it_moves_to_another_compartment(balancers: Balancers) -> None:
    balancers.create()
    details = models.ChangeLoadBalancerCompartmentDetails(compartment_id=balancers.region.tenancy_id)
    balancers.client.change_load_balancer_compartment(balancers.id, details)
    assert balancers.get().compartment_id == balancers.region.tenancy_id


def test_a_retried_create_makes_one(balancers: Balancers) -> None:
    made = {
        balancers.client.create_load_balancer(balancers.details(), opc_retry_token="once").headers[
            "opc-work-request-id"
        ]
        for _ in range(2)
    }
    assert len(made) == 1


def test_a_policy_decides_who_may_change_one(balancers: Balancers, tmp_path: Path) -> None:
    from localregion.access.policies import workload

    balancers.create(backend_sets={"a": backend_set()})
    config = oci.config.from_file(
        str(balancers.region.session(workload(cluster_id="c", namespace="n", service_account="s"), tmp_path))
    )
    token = Path(config["security_token_file"]).read_text()
    signer = oci.auth.signers.SecurityTokenSigner(token, oci.signer.load_private_key_from_file(config["key_file"]))
    stranger = LoadBalancerClient(
        {}, signer=signer, service_endpoint=balancers.region.endpoint, retry_strategy=oci.retry.NoneRetryStrategy()
    )
    with refused(404, "NotAuthorizedOrNotFound"):
        stranger.delete_backend_set(balancers.id, "a")


INJECTED = "a\nglobal\n  lua-load /tmp/x"
"""A text that would be lines of its own in the configuration of a program."""


@pytest.mark.parametrize(
    "values",
    [
        {"session_persistence_configuration": models.SessionPersistenceConfigurationDetails(cookie_name=INJECTED)},
        {"session_persistence_configuration": models.SessionPersistenceConfigurationDetails(cookie_name="a b")},
        *(
            {
                "lb_cookie_session_persistence_configuration": models.LBCookieSessionPersistenceConfigurationDetails(
                    **one
                )
            }
            for one in ({"cookie_name": INJECTED}, {"cookie_name": "a;b"}, {"domain": INJECTED}, {"path": INJECTED})
        ),
        *(
            {"health_checker": models.HealthCheckerDetails(**{"protocol": "HTTP", "url_path": "/", **one})}
            for one in ({"url_path": f"/{INJECTED}"}, {"response_body_regex": INJECTED})
        ),
    ],
)
def test_no_text_becomes_lines_of_the_programs_configuration(balancers: Balancers, values: dict[str, Any]) -> None:
    with refused(400, "InvalidParameter"):
        balancers.client.create_load_balancer(balancers.details(backend_sets={"a": backend_set(**values)}))
    with refused(400, "InvalidParameter"):
        balancers.client.create_load_balancer(balancers.details(backend_sets={INJECTED: backend_set()}))
    with refused(400, "InvalidParameter"):
        balancers.client.create_load_balancer(
            balancers.details(is_request_id_enabled=True, request_id_header=f"X-{INJECTED}")
        )
