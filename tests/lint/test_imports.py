"""The rooms of the engine and of the region: who may import whom, and no circle anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.conftest import ROOT
from tests.lint.imports import Arrow, Graph, Room, circles, faults, graph_of, modules_in, table

pytestmark = pytest.mark.lint

PLUGINS = "ansible_collections.okestack.oci.plugins."
UTILS = f"{PLUGINS}module_utils."
REGION = "localregion."


def room(prefix: str, name: str, modules: str, imports: str = "") -> Room:
    """A row of a table below."""
    return Room(name, tuple(prefix + module for module in modules.split()), tuple(imports.split()))


# The engine and its plugins, from the inside out.
ENGINE_ROOMS = (
    room(UTILS, "model", "model"),
    room(UTILS, "waiting", "waiting"),
    room(UTILS, "signers", "signers"),
    room(UTILS, "plan", "plan", "model"),
    room(UTILS, "role_options", "role_options", "model"),
    room(UTILS, "cloud", "cloud answers", "signers"),
    room(UTILS, "types", "types.*", "model cloud"),
    room(UTILS, "apply", "apply work_requests resource_set", "model plan cloud waiting"),
    room(UTILS, "run", "run", "model plan cloud apply"),
    room(UTILS, "kube", "kube.*", "waiting"),
    room(
        UTILS, "kube_tasks", "kube.tasks kube.kubeconfig_task kube.secret_task kube.url_task kube.checked kube.reach",
        "model waiting signers types run kube",
    ),
    room(UTILS, "tasks", "info virtual_network", "model cloud types apply run"),
    room(UTILS, "registry", "registry", "model cloud types run tasks kube_tasks"),
    room(
        PLUGINS, "plugins", "modules.* action.* callback.* inventory.* doc_fragments.*",
        "model waiting signers role_options cloud types run kube_tasks tasks registry",
    ),
)  # fmt: skip

# The local region, from the inside out.
REGION_ROOMS = (
    room(
        REGION, "core",
        "ocids settings clock faults store tasks api.errors api.schema api.validate api.bodies api.endpoints",
    ),
    room(
        REGION, "host",
        "pki system hosts api.server parts.process parts.programs parts.podman parts.kube"
        " fabric.namespaces fabric.relay",
        "core",
    ),
    room(REGION, "access", "iam api.auth api.federation", "core host"),
    room(REGION, "backends", "fabric.* parts.*", "core host access"),
    room(REGION, "virtual_node", "virtual_node.*", "core host"),
    room(REGION, "services", "services.*", "core host access backends virtual_node"),
    room(REGION, "region", "region", "core access services"),
    room(REGION, "http", "api.*", "core host access region"),
    room(
        REGION, "start", "cli daemon front operator_files testing __main__",
        "core host access backends virtual_node services region http",
    ),
)  # fmt: skip

# Imports that run up, or close a circle, today. The list may only become shorter.
ENGINE_DEVIATIONS: set[Arrow] = {
    (f"{UTILS}info", f"{UTILS}registry"),
    (f"{UTILS}kube.chart", f"{UTILS}run"),
}
REGION_DEVIATIONS: set[Arrow] = {
    ("localregion.services.base", "localregion.region"),
    ("localregion.services.containerengine", "localregion.api.internal"),
    ("localregion.services.kms", "localregion.region"),
    ("localregion.services.load_balancer", "localregion.region"),
    ("localregion.services.mysql", "localregion.region"),
    ("localregion.virtual_node.images", "localregion.virtual_node.runtime"),
    ("localregion.virtual_node.server", "localregion.virtual_node.kubelet"),
    ("localregion.virtual_node.worker", "localregion.virtual_node.kubelet"),
}


@pytest.fixture(scope="module")
def engine() -> Graph:
    return graph_of(modules_in(ROOT / "plugins", PLUGINS.rstrip(".")))


@pytest.fixture(scope="module")
def region() -> Graph:
    return graph_of(modules_in(ROOT / "localregion", REGION.rstrip(".")))


def test_the_engine_keeps_to_its_rooms(engine: Graph) -> None:
    assert faults(engine, ENGINE_ROOMS, ENGINE_DEVIATIONS) == []


def test_the_region_keeps_to_its_rooms(region: Graph) -> None:
    assert faults(region, REGION_ROOMS, REGION_DEVIATIONS) == []


def test_a_circle_of_rooms_would_make_the_tables_worthless() -> None:
    for rooms in (ENGINE_ROOMS, REGION_ROOMS):
        above: set[str] = set()
        for each in rooms:
            assert set(each.imports) <= above, f"{each.name} imports from a room further down"
            above.add(each.name)


def test_the_collection_and_the_region_do_not_import_each_other() -> None:
    plugins, localregion = (
        modules_in(ROOT / "plugins", PLUGINS.rstrip(".")),
        modules_in(ROOT / "localregion", REGION.rstrip(".")),
    )
    both = graph_of(plugins | localregion)
    assert {(name, other) for name in both for other in both[name] if (name in plugins) != (other in plugins)} == set()


def test_contributing_shows_the_tables() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for rooms, package in ((ENGINE_ROOMS, UTILS), (REGION_ROOMS, REGION)):
        shown = table(rooms, package).replace(PLUGINS, "plugins/")
        assert shown in text, f"CONTRIBUTING.md has to show:\n{shown}"


# What the reading itself finds, on planted sources.

ROOMS = (Room("low", ("p.low.*",)), Room("high", ("p.high.*",), ("low",)))


def planted(tmp_path: Path, **sources: str) -> Graph:
    """A package `p`; `low__a="..."` is the module p.low.a."""
    for name, text in sources.items():
        path = tmp_path.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return graph_of(modules_in(tmp_path, "p"))


@pytest.mark.parametrize(
    "text",
    [
        "import p.high.b",
        "from p.high import b",
        "from p.high.b import name",
        "from ..high import b",
        "from ..high.b import name",
        "def late():\n    from p.high import b",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.high.b import name",
        "import importlib\nimportlib.import_module('p.high.b')",
        "from importlib import import_module\nNAME = 'p.high.b'\nimport_module(NAME)",
        "import importlib\nimportlib.import_module('..high.b', __package__)",
        "import importlib\nROOM = 'p.high'\nimportlib.import_module(f'{ROOM}.b')",
        "import importlib\nfor name in ('b', 'd'):\n    importlib.import_module(f'p.high.{name}')",
        "__import__('p.high.b')",
    ],
)
def test_an_upward_import_is_found(tmp_path: Path, text: str) -> None:
    graph = planted(tmp_path, low__a=text, high__b="", high__c="from p.low import a")
    assert faults(graph, ROOMS, ()) == ["p.low.a imports p.high.b: room low may not import from high"]
    assert faults(graph, ROOMS, [("p.low.a", "p.high.b")]) == []


def test_a_name_that_only_the_run_knows_stands_for_all_that_it_may_be(tmp_path: Path) -> None:
    graph = planted(tmp_path, low__a="from importlib import import_module as get\n", high__b="", high__c="")
    assert graph["p.low.a"] == set()
    text = "import importlib\ndef get(name):\n    return importlib.import_module(f'{__package__}.{name}')"
    graph = planted(tmp_path, high__a=text, high__b="", high__c="")
    assert graph["p.high.a"] == {"p.high.b", "p.high.c"}


def test_a_circle_is_found(tmp_path: Path) -> None:
    graph = planted(
        tmp_path, low__a="from . import b", low__b="from p.low.c import x", low__c="import p.low.a", low__d=""
    )
    assert circles(graph) == [["p.low.a", "p.low.b", "p.low.c"]]
    assert faults(graph, ROOMS[:1], ()) == ["a circle of imports: p.low.a, p.low.b, p.low.c"]
    assert faults(graph, ROOMS[:1], [("p.low.c", "p.low.a")]) == []


def test_a_stale_deviation_and_a_stale_room_are_found(tmp_path: Path) -> None:
    graph = planted(tmp_path, low__a="", high__b="from p.low import a", other__c="")
    assert faults(graph, (*ROOMS, Room("gone", ("p.gone.*",))), [("p.low.a", "p.high.b"), ("p.high.b", "p.low.a")]) == [
        "p.other.c: is in no room",
        "gone: no module is called p.gone.*",
        "no deviation any more, take it off the list: p.high.b -> p.low.a",
        "no deviation any more, take it off the list: p.low.a -> p.high.b",
    ]
