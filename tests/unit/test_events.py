"""The event source of extensions/eda: by its own interface, a queue and its arguments; and the files beside it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils import registry

from tests import controller

ROOT = Path(__file__).parents[2]
PATH = ROOT / "extensions/eda/plugins/event_source/oci_events.py"
_spec = importlib.util.spec_from_file_location("oci_events", PATH)
assert _spec and _spec.loader
source = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(source)


def event(kind: str, deployment: str | None = "shop") -> dict[str, Any]:
    tags = {"okestack-deployment": deployment} if deployment else {}
    return {
        "eventType": f"com.oraclecloud.{kind}", "cloudEventsVersion": "0.1", "source": "test", "eventID": "1",
        "data": {"compartmentId": "ocid1.compartment.oc1..a", "resourceId": "ocid1.x.oc1..b", "freeformTags": tags},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "deployment", "part"),
    [
        ("virtualNetwork.UpdateSubnet", "shop", "network"),
        ("virtualnetwork.updatesecuritylist", None, "network"),
        ("virtualnetwork.updatevcn", "other", None),
        ("mysqlaas.updatedbsystem.end", "shop", "mysql"),
        ("mysqlaas.updatedbsystem.begin", "shop", None),
        ("clustersapi.deletecluster.end", "shop", "oke_virtual_pool"),
        ("loadbalancer.updatelistener", "shop", "app_ingress"),
        ("keymanagementservice.scheduledeletionvault", "shop", "vault_secret"),
        ("objectstorage.createobject", "shop", None),
    ],
)
def test_an_event_concerns_a_part(kind: str, deployment: str | None, part: str | None) -> None:
    assert source.part_of(event(kind, deployment), "shop") == part


@pytest.mark.parametrize(
    "odd", [{}, {"eventType": 3}, {"eventType": "x", "data": [1]}, {"eventType": "x", "data": None}]
)
def test_what_is_odd_concerns_none(odd: dict[str, Any]) -> None:
    assert source.part_of(odd, "shop") is None


def test_parts_are_tags_of_the_site() -> None:
    (play,) = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    tags = {
        tag for task in play["tasks"] for tag in ([task["tags"]] if isinstance(task["tags"], str) else task["tags"])
    }
    assert {part for _, part in source.PARTS} <= tags


async def _played() -> tuple[list[int], list[dict[str, Any]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    arguments = {"host": "127.0.0.1", "port": port, "token": "right", "deployment": "shop", "settle_seconds": 0.2}
    listening = asyncio.create_task(source.main(queue, arguments))
    url = f"http://127.0.0.1:{port}/events"
    statuses: list[int] = []

    async def post(token: str, body: bytes, **headers: str) -> None:
        async with session.post(f"{url}?token={token}", data=body, headers=headers) as answer:
            statuses.append(answer.status)

    async with aiohttp.ClientSession() as session:
        while True:
            try:
                await post("wrong", b"{}")
                break
            except aiohttp.ClientConnectorError:
                assert not listening.done(), listening
                await asyncio.sleep(0.02)
        await post("right", b"not json")
        await post("right", b"[1]")
        await post("right", b"", **{"X-OCI-NS-ConfirmationURL": "https://169.254.169.254/x"})
        await post("right", b"", **{"X-OCI-NS-ConfirmationURL": "http://a.oraclecloud.com/x"})
        for kind in ("virtualnetwork.updatesubnet", "virtualnetwork.updatevcn", "mysqlaas.updatedbsystem.end"):
            await post("right", json.dumps(event(kind)).encode())
        await post("right", json.dumps([event("virtualnetwork.updatevcn", "other")]).encode())
        found = [await asyncio.wait_for(queue.get(), 60) for _ in range(2)]
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert queue.empty()
    return statuses, found


def test_messages_become_one_event_for_each_part() -> None:
    statuses, found = asyncio.run(_played())
    assert statuses == [401, 400, 400, 400, 400, 200, 200, 200, 200]
    assert [(one["oci"]["part"], len(one["oci"]["events"])) for one in found] == [("network", 2), ("mysql", 1)]


def test_a_source_without_a_token_is_refused() -> None:
    with pytest.raises(ValueError, match="token"):
        source.Source(None, {"token": "", "port": 1})


def test_the_rulebook_names_what_is_there() -> None:
    (rules,) = yaml.safe_load((ROOT / "extensions/eda/rulebooks/repair.yml").read_text())
    (given,) = rules["sources"]
    options = yaml.safe_load(source.DOCUMENTATION)["options"]
    assert set(given["okestack.oci.oci_events"]) <= set(options)
    action = rules["rules"][0]["action"]["run_job_template"]
    template = action["name"].replace("{{ OKESTACK_DEPLOYMENT }}", "prod")
    (job,) = [one for one in controller.data()["controller_templates"] if one["name"] == template]
    assert job["ask_tags_on_launch"] and set(action["job_args"]) == {"job_tags"}
    (extension,) = yaml.safe_load((ROOT / "meta/extensions.yml").read_text())["extensions"]
    assert (ROOT / "extensions" / extension["args"]["ext_dir"] / "oci_events.py").is_file()


def test_what_is_counted_is_what_modules_return() -> None:
    queries = yaml.safe_load((ROOT / "extensions/audit/event_query.yml").read_text())
    for name, one in queries.items():
        module = name.removeprefix("okestack.oci.")
        assert registry.task(module), name
        returned = yaml.safe_load(_block((ROOT / f"plugins/modules/{module}.py").read_text()))
        key = re.match(r"\.(\w+)\[\]", one["query"].strip())
        assert key and key[1] in returned, name
        field = re.search(r"name: \.(\w+)", one["query"])
        assert field and {field[1], "id", "lifecycle_state"} <= set(returned[key[1]]["contains"]), name


def _block(text: str) -> str:
    return text.partition('RETURN = r"""')[2].partition('"""')[0]
