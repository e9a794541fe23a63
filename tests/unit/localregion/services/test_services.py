"""Every service against the SDK and the policy language: what it declares must exist there."""

from __future__ import annotations

from typing import Any

import pytest

from localregion.access import policies
from localregion.core.schema import PACKAGES, Schema
from localregion.services import SERVICES
from localregion.services.base import Service
from localregion.services.registration import operation, registered
from localregion.settings import Settings
from localregion.testing import Region


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema.load(Settings().cache)


def test_the_schema_is_whole(schema: Schema) -> None:
    assert len(schema.operations) > 1000
    assert {package for package, _ in schema.operations} == set(PACKAGES)
    vcn = schema.operations["core", "create_vcn"]
    assert (vcn.method, vcn.path, vcn.body, vcn.response) == ("POST", "/20160918/vcns", "CreateVcnDetails", "Vcn")
    rule = schema.model("core", "RouteRule")
    assert rule is not None
    assert rule.fields["networkEntityId"].required
    assert rule.fields["destinationType"].enum == ("CIDR_BLOCK", "SERVICE_CIDR_BLOCK")
    # a subtype inherits what its base requires
    image = schema.model("core", "InstanceSourceViaImageDetails")
    assert image is not None
    assert image.fields["sourceType"].required


def test_a_cached_schema_is_the_same(schema: Schema, tmp_path: Any) -> None:
    first = Schema.load(tmp_path, ("vault", "secrets"))
    again = Schema.load(tmp_path, ("vault", "secrets"))
    kept = sorted(path.name.partition("-")[0] for path in tmp_path.iterdir())
    assert kept == ["operations", "schema"], "also the paths of other services: nobody has to wait for them later"
    assert first.operations == again.operations
    assert first.models == again.models


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
def test_what_a_service_declares_exists(service: type[Service], schema: Schema) -> None:
    operations = {name for package, name in schema.operations if package == service.package}
    for kind in service.kinds:
        assert schema.model(service.package, kind.model), kind.model
        assert kind.resource in policies.RESOURCE_TYPES, kind.resource
    for name, access in service.access.items():
        assert name in operations, name
        if access is not None:
            assert access[0] in policies.VERBS
            assert access[1] in policies.RESOURCE_TYPES, access[1]


def test_what_answers_calls_is_an_operation_of_the_sdk(region: Region, schema: Schema) -> None:
    for service in region.inner.services.values():
        operations = {name for package, name in schema.operations if package == service.package}
        generic = {f"get_{kind.name}" for kind in service.kinds}
        generic |= {f"change_{kind.name}_compartment" for kind in service.kinds}
        generic |= {f"list_{kind.plural_name}" for kind in service.kinds}
        shared = set(registered(service.requests, operation))
        assert set(service.handlers) - operations - generic - shared == set(), service.name
