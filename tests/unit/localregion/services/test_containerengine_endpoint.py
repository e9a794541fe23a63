# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's endpoint gets and loses its public address, with what is behind it: the certificate, the relay."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from oci.container_engine import ContainerEngineClient, models

from localregion.backends.control_plane import ClusterError, ControlPlane, Endpoint, ServiceNetwork
from localregion.services.containerengine.running_clusters import Running
from localregion.testing import Region
from tests.unit.localregion.support import Net


def plane_of(folder: Path) -> ControlPlane:
    endpoint = Endpoint("none", "10.0.0.2", None, "c1.api.shop.oraclevcn.com")
    made = ControlPlane(
        cluster_id="ocid1.cluster.oc1..one", folder=folder, run=folder, endpoint=endpoint, services=ServiceNetwork(),
        version="v1.36.1", fabric=None, programs=None,  # type: ignore[arg-type]
    )  # fmt: skip
    made.certificates.make(made.server_names())
    return made


async def serve(plane: ControlPlane, *, reloads: bool) -> asyncio.Server:
    """An API server that takes up its new certificate a while after the file has changed, as the real one, or never."""
    leaf = plane.certificates.make(plane.server_names())["apiserver"]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(leaf.certificate, leaf.key)

    async def reload() -> None:
        await asyncio.sleep(0.6)
        context.load_cert_chain(leaf.certificate, leaf.key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_unix_server(answer, str(plane.relay_socket), ssl=context)
    if reloads:
        server.reloading = asyncio.create_task(reload())  # type: ignore[attr-defined]
    return server


def names_in(plane: ControlPlane) -> set[str]:
    leaf = plane.certificates.make(plane.server_names())["apiserver"]
    certificate = x509.load_pem_x509_certificate(leaf.certificate_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_the_certificate_names_a_new_public_address_when_it_is_served(tmp_path: Path) -> None:
    async def run() -> None:
        plane = plane_of(tmp_path)
        assert "127.77.1.9" not in names_in(plane)
        server = await serve(plane, reloads=True)
        async with server:
            await plane.serve_as("127.77.1.9", timeout=10)
            assert {"127.77.1.9", "10.0.0.2", "c1.api.shop.oraclevcn.com"} <= names_in(plane)
            await plane.serve_as("127.77.1.9", timeout=10)  # the same again is there at once

    asyncio.run(run())


def test_an_api_server_that_keeps_its_old_certificate_is_an_error(tmp_path: Path) -> None:
    async def run() -> None:
        plane = plane_of(tmp_path)
        async with await serve(plane, reloads=False):
            with pytest.raises(ClusterError, match="new certificate"):
                await plane.serve_as("127.77.1.9", timeout=0.1)

    asyncio.run(run())


def test_what_is_behind_the_endpoint_follows(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[Any, ...]] = []

    class Plane:
        async def serve_as(self, public_ip: str) -> None:
            done.append(("certificate", public_ip))

    async def expose(public_ip: str, port: int, address: str, target_port: int) -> None:
        done.append(("expose", public_ip, port, address, target_port))

    async def unexpose(public_ip: str, port: int | None = None) -> None:
        done.append(("unexpose", public_ip))

    monkeypatch.setattr(region.inner.fabric, "expose", expose)
    monkeypatch.setattr(region.inner.fabric, "unexpose", unexpose)
    client, net = region.client(ContainerEngineClient), Net(region)
    details = models.CreateClusterDetails(
        name="one", compartment_id=region.compartment_id, vcn_id=net.vcn.id, kubernetes_version="v1.36.1",
        endpoint_config=models.CreateClusterEndpointConfigDetails(subnet_id=net.subnet("10.0.0.0/28", "api").id),
    )  # fmt: skip
    client.create_cluster(details)
    region.settle()
    cluster = client.list_clusters(region.compartment_id).data[0]
    engine: Any = region.inner.services["containerengine"]
    engine.running_clusters.live[cluster.id] = Running(Plane())
    for public in (True, True, False, False):
        client.update_cluster_endpoint_config(
            cluster.id, models.UpdateClusterEndpointConfigDetails(is_public_ip_enabled=public)
        )
        region.settle()
    (_, address), *_rest = done

    async def taken(public_ip: str, port: int, where: str, target_port: int) -> None:
        raise OSError("address in use")

    monkeypatch.setattr(region.inner.fabric, "expose", taken)
    response = client.update_cluster_endpoint_config(
        cluster.id, models.UpdateClusterEndpointConfigDetails(is_public_ip_enabled=True)
    )
    region.settle()
    request = client.get_work_request(response.headers["opc-work-request-id"]).data
    errors = client.list_work_request_errors(region.compartment_id, request.id).data
    assert (request.status, errors[0].message) == ("FAILED", "the endpoint has no public address: address in use")
    assert client.get_cluster(cluster.id).data.lifecycle_state == "ACTIVE"
    assert done[-1] == ("unexpose", address), "the address is given back"
    del done[-2:]
    del engine.running_clusters.live[cluster.id]
    (_, address), (_, exposed, port, private, target), *rest = done
    assert exposed == address and (port, target) == (6443, 6443) and private.startswith("10.0.0.")
    # Again public: the same address, which does nothing where it is there; then it is taken away, once.
    assert rest == [("certificate", address), ("expose", address, 6443, private, 6443), ("unexpose", address)]
