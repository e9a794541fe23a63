"""Malformed and unsigned requests against every operation of the region: never a 500, and never accepted unsigned.

A sample runs with the other tests, the same one each time; `make campaign` runs all of it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import oci
import pytest
import requests

from localregion.core.schema import Operation, Schema
from localregion.core.validate import subtype
from localregion.testing import Region
from tests.unit.localregion.support import Net

SEED = 20261128
SAMPLE = 1500
"""Requests of the sample; all are about ten times as many."""

DEEP: Any = json.loads("[" * 60 + "]" * 60)
ODD: tuple[Any, ...] = (
    "", " ", "x" * 5000, "\0", "..", "../../etc/passwd", "%00", "' OR 1=1 --", "ocid1.vcn.oc99.local-1.x",
    "10.0.0.0/99", "2026-13-45T99:99:99Z", "ünïcödé \u202e",
    0, -1, 2**62, 1.5e300, True, False, [], {}, [[]], [{}], {"": ""}, DEEP, [None],
)  # fmt: skip
RAW: tuple[bytes, ...] = (
    b"", b"{", b"null", b"[]", b'"x"', b"0", b"\xff\xfe", b"<html/>",
    b"[" * 100_000, b"[" * 500 + b"]" * 500, b'{"a":' * 300 + b"1" + b"}" * 300,
    b'{"compartmentId": "\\ud800"}', b'{"compartmentId": NaN}', b'{"compartmentId": ' + b"9" * 5000 + b"}",
)  # fmt: skip
PATHS = ("%", "%zz", "%ff%fe", "%00", "..%2f..", "x" * 4000, "%F0%9F%98%80", "ocid1.vcn.oc99.local-1.none")


class Attack:
    """A region, things in it, and requests that are wrong somewhere."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.schema: Schema = region.inner.schema
        net = Net(region)
        subnet = net.subnet("10.0.1.0/24", "one")
        self.known = [region.compartment_id, region.tenancy_id, net.vcn.id, subnet.id, net.group("g").id,
                      net.vcn.default_route_table_id, net.vcn.default_security_list_id]  # fmt: skip
        self.operations = [
            operation
            for operation in self.schema.operations.values()
            if any(s.handler(operation.name) for s in region.inner.services.values() if s.package == operation.package)
        ]
        self._signer = oci.Signer.from_config(region.config)
        self._session = requests.Session()

    def every_request(self) -> Iterator[tuple[Operation, str, bytes]]:
        """Every operation with each odd value in a field of its body, each odd body, path and query."""
        chance = random.Random(SEED)
        for operation in self.operations:
            path = self._path(operation, chance, {})
            query = {p.wire: self.region.compartment_id for p in operation.query_params if p.wire == "compartmentId"}
            plain = path + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")
            for parameter in operation.path_params:
                for odd in PATHS:
                    yield operation, self._path(operation, chance, {parameter.wire: odd}), self._body(operation, chance)
            for parameter in operation.query_params:
                for odd in ("", "%ff", "-1", "9" * 5000, "\u0663".encode().hex(), "[]"):
                    yield operation, f"{path}?{parameter.wire}={odd}", self._body(operation, chance)
            if operation.body is None:
                yield operation, plain, b"{}"
                continue
            for raw in RAW:
                yield operation, plain, raw
            fields = self._fields(operation, operation.body)
            for name in fields:
                for odd in ODD:
                    body = self._value(operation, operation.body, chance, 0)
                    if isinstance(body, dict):
                        yield operation, plain, json.dumps(body | {name: odd}).encode()

    def _path(self, operation: Operation, chance: random.Random, given: dict[str, str]) -> str:
        path = operation.path
        for parameter in operation.path_params:
            path = path.replace(f"{{{parameter.wire}}}", given.get(parameter.wire) or chance.choice(self.known))
        return path

    def _fields(self, operation: Operation, type_name: str) -> list[str]:
        model = self.schema.model(operation.package, type_name)
        return list(model.fields) if model else []

    def _body(self, operation: Operation, chance: random.Random) -> bytes:
        if operation.body is None:
            return b""
        return json.dumps(self._value(operation, operation.body, chance, 0)).encode()

    def _value(self, operation: Operation, type_name: str, chance: random.Random, depth: int) -> Any:
        """A plausible value of a type: ids of things that are there, the first of each enum."""
        if type_name.startswith("list["):
            return [self._value(operation, type_name[5:-1], chance, depth + 1)] if depth < 5 else []
        if type_name.startswith("dict("):
            return {}
        model = self.schema.model(operation.package, type_name)
        if model is None:
            plain = {"int": 5, "float": 1.0, "long": 5, "bool": True, "datetime": "2030-01-01T00:00:00Z"}
            return plain.get(type_name, chance.choice(("example", "10.0.2.0/24", *self.known)))
        if model.subtypes and model.discriminator:
            kind = next(iter(model.subtypes))
            model = subtype(self.schema, operation.package, model, {model.discriminator: kind}) or model
            own = {model.discriminator or "type": kind}
        else:
            own = {}
        return {
            wire: self.region.compartment_id if wire == "compartmentId"
            else field.enum[0] if field.enum and not field.type.startswith("list")
            else [field.enum[0]] if field.enum
            else self._value(operation, field.type, chance, depth + 1)
            for wire, field in model.fields.items()
            if (field.required or chance.random() < 0.4) and depth < 5
        } | own  # fmt: skip

    def send(self, operation: Operation, path: str, body: bytes, *, signed: bool) -> requests.Response:
        """The request as it is, wrong percent-encoding too."""
        headers = {"content-type": "application/json"}
        ready = requests.Request(operation.method, self.region.endpoint + "/", headers=headers, data=body).prepare()
        ready.url = self.region.endpoint + path
        if signed:
            ready = self._signer(ready)
        return self._session.send(ready, timeout=20)


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    with Region.started(tmp_path_factory.mktemp("region")) as region:
        yield Attack(region)


def _chosen(attack: Attack, request: pytest.FixtureRequest) -> list[tuple[Operation, str, bytes]]:
    everything = list(attack.every_request())
    if request.config.getoption("--whole"):
        return everything
    return random.Random(SEED).sample(everything, SAMPLE)


@pytest.mark.timeout(3600)
def test_malformed_requests_are_never_a_500(attack: Attack, request: pytest.FixtureRequest) -> None:
    found: dict[str, tuple[str, str, bytes]] = {}
    for operation, path, body in _chosen(attack, request):
        answer = attack.send(operation, path, body, signed=True)
        # the SDK's signer writes a bad percent-encoding in a way of its own
        assert answer.status_code != 401 or set("%[") & set(path), (
            operation.full_name,
            path,
            attack.region.calls[-1].reason,
        )
        if answer.status_code >= 500 and answer.status_code != 501:
            reason = attack.region.calls[-1].reason or answer.text
            found.setdefault(f"{operation.full_name} {reason[:200]}", (operation.method, path[:200], body[:400]))
    assert not found, "\n".join(f"{name}: {how}" for name, how in found.items())


@pytest.mark.timeout(3600)
def test_unsigned_requests_are_never_accepted(attack: Attack, request: pytest.FixtureRequest) -> None:
    for operation, path, body in _chosen(attack, request):
        answer = attack.send(operation, path, body, signed=False)
        assert answer.status_code in (400, 401, 404, 405), (operation.full_name, path, body[:200], answer.status_code)
        assert not (answer.status_code == 400 and answer.headers.get("opc-request-id")), "said more than a 401 may say"
