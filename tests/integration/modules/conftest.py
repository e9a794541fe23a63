"""A region in this process and the door's own functions, for tests of modules."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils import cloud, registry
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Connection
from ansible_collections.okestack.oci.plugins.module_utils.model import ResourceType
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, ResourceTask, run_task, validated

from localregion.testing import Region


class Door:
    """Runs a module's task as the action plugin does, against a region."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.lines: list[str] = []
        self.warnings: list[str] = []

    def __call__(
        self,
        module: str | ResourceType,
        /,
        *,
        check: bool = False,
        fails: bool | None = False,
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """The result of a module's task, or of a type's; a failure fails the test unless ``fails`` (None: it may).

        ``environment`` is the task's own.
        """
        task = registry.task(module) if isinstance(module, str) else ResourceTask(module)
        assert task is not None, module
        options.setdefault("config_file", str(self.region.config_file))
        options.setdefault("endpoints", {"default": self.region.endpoint, "local-2": self.region.other_endpoint})
        options.setdefault("retry_timeout", 5)
        params, secrets = validated(task, options)
        context = Context(check, Connection.from_options(params, environment), self.lines.append, secrets=secrets)
        context.warn = self.warnings.append
        result = run_task(task, params, context)
        assert fails is None or bool(result.get("failed")) == fails, result
        return result


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    cloud._written[:] = bytes(8)  # a run of its own: what another module wrote in identity is another region's
    with Region.started(Path(tmp_path_factory.mktemp("region"))) as started:
        yield started


@pytest.fixture
def door(region: Region) -> Door:
    return Door(region)


@pytest.fixture
def no_faults_after(region: Region) -> Iterator[None]:
    yield
    region.faults.clear()


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """(operation, details) of each write, as the SDK puts them on the wire."""
    sent: list[tuple[str, Any]] = []
    plain = oci.base_client.BaseClient.call_api

    def call_api(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("body") is not None:
            body = self.sanitize_for_serialization(kwargs["body"])
            sent.append((kwargs["operation_name"], json.loads(body) if isinstance(body, str) else body))
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(oci.base_client.BaseClient, "call_api", call_api)
    return sent
