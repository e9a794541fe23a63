"""A caller with every right in one compartment and none elsewhere: whatever of another compartment a path, a query or a
body names, in whatever operation of the region, nothing of it is changed or shown. And malformed requests about things
that are there, by who may do everything: never a 500. Of these a sample runs with the other tests, the same one each
time; `make campaign` runs all of them.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import oci
import pytest
import requests

from localregion.access.policies import Principal
from localregion.core.schema import Operation
from localregion.testing import Region

from ..campaign import chosen
from ..integration.modules.example_variables import ExampleVariables
from .test_requests import SEED, Attack

OTHER_WORDS = {"nsg": "network_security_group", "repository": "container_repository", "image": "container_image"}
SAMPLE = 1500
"""Malformed requests of the sample; all are about fifteen times as many."""
_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


class Whole(random.Random):
    """Takes every field that may be there."""

    def random(self) -> float:
        return 0.0


class Trespass(Attack):
    """Two compartments with the same things in them, one the caller's; requests that name things of the other."""

    def __init__(self, region: Region, folder: Path) -> None:
        super().__init__(region)
        self.mine, self.theirs = (self._filled(name, folder) for name in ("mine", "theirs"))
        region.settle()
        identity, models = region.client(oci.identity.IdentityClient), oci.identity.models
        details = models.CreateGroupDetails(compartment_id=region.tenancy_id, name="intruders", description="d")
        identity.create_group(details)
        statement = f"allow group intruders to manage all-resources in compartment id {self.mine}"
        identity.create_policy(
            models.CreatePolicyDetails(
                compartment_id=region.tenancy_id, name="intruders", description="d", statements=[statement]
            )
        )
        region.settle()
        who = Principal("user", region.config["user"], frozenset({"intruders"}))
        config = oci.config.from_file(str(region.session(who, folder / "session")))
        key = oci.signer.load_private_key_from_file(config["key_file"])
        token = Path(config["security_token_file"]).read_text()
        self._signer = oci.auth.signers.SecurityTokenSigner(token, key)
        self.own, self.foreign = self._by_kind(self.mine), self._by_kind(self.theirs)

    def _filled(self, name: str, folder: Path) -> str:
        (folder / name).mkdir()
        ground = ExampleVariables(self.region, name, folder / name)
        for base in reversed(type(ground).__mro__):
            for member, value in vars(base).items():
                # A repository's name is the tenancy's: there is one of it. The policy gives rights to everybody.
                if isinstance(value, cached_property) and member != "policy" and (name, member) != ("mine", "images"):
                    getattr(ground, member)
        return ground.compartment_id

    def _by_kind(self, compartment: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {"compartment": [compartment]}
        for identifier, kind, _ in self.state(compartment):
            found.setdefault(kind, []).append(identifier)
        return found

    def state(self, compartment: str) -> list[tuple[str, str, str]]:
        """(id, kind, document) of all that is in a compartment, without what changes on its own."""

        async def read() -> list[tuple[str, str, str]]:
            records = [
                record
                for service in self.region.inner.services.values()
                for kind in service.kinds
                for record in service.living(kind.name)
                if record.compartment == compartment or record.id == compartment
            ]
            return sorted((one.id, one.kind, json.dumps(one.doc, sort_keys=True)) for one in records)

        found: list[tuple[str, str, str]] = self.region.run(read())
        return found

    def names(self, wire: str, of: dict[str, list[str]], chance: random.Random, number: int = 1) -> list[str]:
        """Ids of the kind that a field is for by its name; of any kind where the name tells none."""
        word = _HUMP.sub("_", wire).lower().removesuffix("s").removesuffix("_id")
        fitting = [kind for kind in {*of, *OTHER_WORDS} if word == kind or word.endswith(f"_{kind}")]
        if fitting:
            kind = max(fitting, key=len)
            return of.get(OTHER_WORDS.get(kind, kind), [])[:1]
        everything = sorted(identifier for several in of.values() for identifier in several)
        return chance.sample(everything, number)

    def every_trespass(self) -> Iterator[tuple[Operation, str, bytes]]:
        """Every operation with something of the other compartment in each place that names a resource."""
        chance = random.Random(SEED)
        for operation in self.operations:
            path = {p.wire: (self.names(p.wire, self.own, chance) or ["x"])[0] for p in operation.path_params}
            query = {
                p.wire: self.names(p.wire, self.own, chance)[0] for p in operation.query_params
                if p.required and p.wire.lower().endswith("id") and self.names(p.wire, self.own, chance)
            }  # fmt: skip
            query |= {p.wire: self.mine for p in operation.query_params if p.wire == "compartmentId"}
            query |= {p.wire: p.enum[0] for p in operation.query_params if p.required and p.enum}
            body = self._own_body(operation, chance)
            for parameter in operation.path_params:
                for foreign in self.names(parameter.wire, self.foreign, chance, 3):
                    yield self._request(operation, path | {parameter.wire: foreign}, query, body)
            for parameter in operation.query_params:
                if parameter.wire.lower().endswith("id"):
                    for foreign in self.names(parameter.wire, self.foreign, chance, 3):
                        yield self._request(operation, path, query | {parameter.wire: foreign}, body)
                        yield self._request(operation, path, {parameter.wire: foreign}, body)
            if operation.body and isinstance(body, dict):
                for name in self._fields(operation, operation.body):
                    if name.endswith(("Id", "Ids")):
                        for foreign in self.names(name, self.foreign, chance, 3):
                            value = [foreign] if name.endswith("Ids") else foreign
                            yield self._request(operation, path, query, body | {name: value})
                text = json.dumps(self._own_body(operation, Whole(SEED)))
                for match in re.finditer(r'"(\w+Ids?)": \[?"(ocid1[^"]+)"', text):
                    for foreign in self.names(match[1], self.foreign, chance, 3):
                        changed = text[: match.start(2)] + foreign + text[match.end(2) :]
                        yield self._request(operation, path, query, json.loads(changed))

    def _own_body(self, operation: Operation, chance: random.Random) -> Any:
        if operation.body is None:
            return None
        return self._owned(self._value(operation, operation.body, chance, 0), "", chance)

    def _owned(self, value: Any, name: str, chance: random.Random) -> Any:
        """A body whose ids are all of the caller's own things."""
        if isinstance(value, dict):
            return {wire: self._owned(item, wire, chance) for wire, item in value.items()}
        if name.endswith("Ids"):
            return self.names(name, self.own, chance)
        if isinstance(value, list):
            return [self._owned(item, name, chance) for item in value]
        if isinstance(value, str) and name.endswith("Id"):
            return (self.names(name, self.own, chance) or ["x"])[0]
        return value

    @staticmethod
    def _request(
        operation: Operation, in_path: dict[str, str], query: dict[str, str], body: Any
    ) -> tuple[Operation, str, bytes]:
        path = operation.path
        for wire, value in in_path.items():
            path = path.replace(f"{{{wire}}}", quote(value, safe=""))
        asked = "&".join(f"{name}={quote(value)}" for name, value in query.items())
        return operation, path + (f"?{asked}" if asked else ""), b"" if body is None else json.dumps(body).encode()


@pytest.fixture(scope="module")
def trespass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trespass]:
    folder = tmp_path_factory.mktemp("rights")
    with Region.started(folder / "region") as region:
        yield Trespass(region, folder)


def _told(trespass: Trespass, answer: requests.Response) -> list[str]:
    """What of the other compartment an answer tells."""
    return [one for several in trespass.foreign.values() for one in several if one in answer.text]


@pytest.mark.timeout(3600)
def test_nothing_of_another_compartment_is_changed_or_told(trespass: Trespass) -> None:
    before = trespass.state(trespass.theirs)
    found: dict[str, tuple[str, str, bytes]] = {}
    for operation, path, body in trespass.every_trespass():
        answer = trespass.send(operation, path, body, signed=True)
        assert answer.status_code != 401, trespass.region.calls[-1].reason
        # A list may be empty; whatever else names something that is not the caller's has to fail.
        lists = operation.method in ("GET", "HEAD") and "?" in path
        if answer.ok and (_told(trespass, answer) or not lists):
            found.setdefault(operation.full_name, (operation.method, path[:300], body[:300]))
    trespass.region.settle()
    assert not found, "\n".join(f"{name}: {how}" for name, how in found.items())
    assert trespass.state(trespass.theirs) == before


class Malformed(Trespass):
    """Requests by the operator that are wrong in one place; whatever else they name is there, and of the right kind."""

    def __init__(self, region: Region, folder: Path) -> None:
        super().__init__(region, folder)
        self._signer = oci.Signer.from_config(region.config)

    def _path(self, operation: Operation, chance: random.Random, given: dict[str, str]) -> str:
        path = operation.path
        for parameter in operation.path_params:
            fitting = given.get(parameter.wire) or (self.names(parameter.wire, self.own, chance) or ["x"])[0]
            path = path.replace(f"{{{parameter.wire}}}", fitting)
        return path

    def _value(self, operation: Operation, type_name: str, chance: random.Random, depth: int) -> Any:
        value = super()._value(operation, type_name, chance, depth)
        return self._owned(value, "", chance) if depth == 0 and isinstance(value, dict) else value


@pytest.mark.timeout(3600)
def test_malformed_requests_about_what_is_there_are_never_a_500(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found: dict[str, tuple[str, str, bytes]] = {}
    with Region.started(tmp_path / "region") as region:
        malformed = Malformed(region, tmp_path)
        before = region.snapshot()
        everything = list(malformed.every_request())
        random.Random(SEED).shuffle(everything)
        cases = chosen(everything, request.config.getoption("--whole"), SAMPLE, SEED)
        for number, (operation, path, body) in enumerate(cases):
            if number % 150 == 0:  # Some are taken, and change or remove what others are about.
                region.restore(before)
            answer = malformed.send(operation, path, body, signed=True)
            if answer.status_code >= 500 and answer.status_code != 501:
                reason = region.calls[-1].reason or answer.text
                found.setdefault(f"{operation.full_name} {reason[:200]}", (operation.method, path[:200], body[:400]))
    assert not found, "\n".join(f"{name}: {how}" for name, how in found.items())
