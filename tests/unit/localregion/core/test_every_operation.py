"""Each operation that Oracle's SDK knows is one to the region too: what it lacks is refused with 501, by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import oci
import pytest

from localregion import settings as names
from localregion.access.policies import Principal
from localregion.core.endpoints import Service
from localregion.testing import Region

_SAID = re.compile(
    r"'base_path': '(?P<base>.*?)'|'service_endpoint_template': [\"'](?P<template>.+?)[\"']"
    r"|^        resource_path = \"(?P<path>.*)\"|^        method = \"(?P<method>.*)\""
    r"|^        operation_name = \"(?P<name>.*)\"",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Asked:
    """An operation as a client of the SDK calls it; ``hosts`` are the names that it may call."""

    name: str
    method: str
    path: str
    hosts: tuple[str, ...]


def operations() -> Iterator[Asked]:
    """All of the SDK's, read from its clients' source."""
    for file in sorted(Path(str(oci.__file__)).parent.glob("*/*_client.py")):
        if file.name.startswith("async_"):
            continue
        package, last = file.parent.name, {"base": "", "template": ""}
        for found in _SAID.finditer(file.read_text()):
            last |= {key: value for key, value in found.groupdict().items() if value is not None}
            if found["name"] is not None:
                hosts = Service(package, last["template"], "").hosts(names.REGION, names.REALM_DOMAIN)
                path = re.sub(r"\{\w+\}", "x", last["base"].rstrip("/") + last["path"])
                yield Asked(f"{package}.{last['name']}", last["method"], path, tuple(hosts))


def test_what_the_region_lacks_is_refused_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list(operations())
    assert len(asked) > 8000
    with Region.started(tmp_path) as region:
        inner = region.inner
        # A signature for each would be most of the time.
        anybody = Principal("user", names.OPERATOR_ID)
        monkeypatch.setattr(inner.authenticator, "authenticate", lambda request: anybody)
        known = {f"{service.package}.{name}" for service in inner.services.values() for name in service.handlers}
        alike: dict[tuple[str, str], set[str]] = {}
        for one in asked:
            alike.setdefault((one.method, one.path), set()).add(one.name)

        async def answers() -> list[str]:
            wrong = []
            for one in asked:
                if one.name in known:
                    continue
                # By its own name it is that operation, by the region's address one of those that look the same.
                for host in (*one.hosts, inner.settings.api_address):
                    fitting = {one.name} if host in one.hosts else alike[one.method, one.path]
                    if fitting & known:
                        continue
                    status, document, _ = await inner.handle(
                        one.method, one.path.encode(), b"", {"host": host}, b"{}", names.REGION
                    )
                    if status != 501 or not any(name in document["message"] for name in fitting):
                        wrong.append(f"{one.name} {one.method} {host}{one.path}: {status} {document}")
            return wrong

        assert region.run(answers()) == []
