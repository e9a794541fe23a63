"""Values of another kind in each option of each module, nested ones too: refused as what they are, never our fault.

A sample runs with the other tests, the same one each time; `make campaign` runs all of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import registry
from ansible_collections.okestack.oci.plugins.module_utils.errors import BadOptions
from ansible_collections.okestack.oci.plugins.module_utils.run import full_spec

from localregion.testing import Region

from ..campaign import chosen
from ..integration.modules.conftest import Door

FOLDER = Path(__file__).parents[2] / "plugins" / "modules"
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if registry.task(path.stem))
SECONDS = 5.0
"""Of the processor's time for one refusal; it takes a tenth of one at most."""
WAIT = 120.0
"""Seconds within which a refusal comes on a machine that has much else to do."""


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def _bomb() -> list[Any]:
    """What nine lines of YAML with anchors make: nine to the sixth of texts."""
    row: list[Any] = ["x"] * 9
    for _ in range(5):
        row = [row] * 9
    return row


ODD: dict[str, Any] = {
    "empty": "",
    "blank": " ",
    "word": "nobody",
    "long": "x" * 5000,
    "null character": "a\0b",
    "lone surrogate": "a\ud800b",
    "path": "../x",
    "url": "http://[::1",
    "zero": 0,
    "negative": -1,
    "huge": 2**70,
    "fraction": 1.5,
    "nan": float("nan"),
    "infinite": float("inf"),
    "nan as text": "nan",
    "infinite as text": "inf",
    "true": True,
    "empty list": [],
    "empty dictionary": {},
    "list of numbers": [5],
    "list of lists": [[]],
    "list of dictionaries": [{}],
    "list of null": [None],
    "dictionary": {"x": {"y": 5}},
    "deep": json.loads("[" * 200 + "]" * 200),
}
COSTLY: dict[str, Any] = {"circle": _circle(), "bomb": _bomb()}
"""In the options that take what Ansible does not look into."""

ENDS_SOON = {"request_timeout": 1.0, "retry_timeout": 0.1, "wait": False, "wait_timeout": 0, "wait_interval": 0.1}


@dataclass(frozen=True)
class Case:
    module: str
    path: tuple[str | int, ...]
    odd: str

    def __str__(self) -> str:
        return f"{self.module}: {'.'.join(str(part) for part in self.path)} = {self.odd}"


class Bench:
    """Plain options for each module, and where in them a value can be exchanged."""

    def __init__(self, region: Region, folder: Path) -> None:
        self.region = region
        self.door = Door(region)
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(
            "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],"
            " clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}], users: [{name: u, user: {}}]}"
        )
        self.specs: dict[str, dict[str, Any]] = {}
        for module in MODULES:
            task = registry.task(module)
            assert task is not None, module
            self.specs[module] = full_spec(task)

    def cases(self) -> list[Case]:
        return [
            Case(module, path, odd)
            for module, spec in self.specs.items()
            for path, option in _paths(spec)
            for odd in (*ODD, *(COSTLY if option.get("type") in ("raw", "dict") and "options" not in option else ()))
        ]

    def options(self, case: Case) -> dict[str, Any]:
        spec = self.specs[case.module]
        made = {name: self._plain(name, option) for name, option in spec.items() if option.get("required")}
        if "compartment_id" in spec:
            made["compartment_id"] = self.region.compartment_id
        if "kubeconfig" in spec and not {"cluster_id", "access"} & {str(case.path[0])}:
            made["kubeconfig"] = str(self.kubeconfig)
        if case.module == "kubernetes_manifest" and case.path[0] not in ("definition", "src", "chart"):
            made["definition"] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}}
        if case.module == "kubernetes_wait":
            made.setdefault("name", "a")
        made |= {name: value for name, value in ENDS_SOON.items() if name in spec}
        value = (COSTLY | ODD)[case.odd]
        return _with(made, spec, case.path, value, self._plain)

    def _plain(self, name: str, option: Mapping[str, Any]) -> Any:
        """A value that the option takes."""
        if option.get("choices"):
            first = option["choices"][0]
            return [first] if option.get("type") == "list" else first
        if option.get("options"):
            row = {n: self._plain(n, o) for n, o in option["options"].items() if o.get("required")}
            return [row] if option.get("type") == "list" else row
        plain = {"int": 5, "float": 1.0, "bool": True, "list": ["example"], "dict": {}, "raw": "example"}
        text = "https://127.0.0.1:9/" if name.endswith(("url", "endpoint")) else "example"
        return plain.get(option.get("type", "str"), text)

    def play(self, case: Case) -> Iterator[str]:
        """What is wrong with how a module handles a case."""
        options = self.options(case)
        self.region.forget_calls()
        began, worked = time.monotonic(), time.process_time()
        try:
            result = self.door(case.module, fails=None, **options)
        except BadOptions as error:
            result = {"failed": True, "msg": str(error)}
        except Exception as error:  # a traceback, as people would see it
            yield f"{case}: {type(error).__name__}: {str(error)[:200]}"
            return
        took, work = time.monotonic() - began, time.process_time() - worked
        told = str(result.get("msg", ""))
        if "a fault in okestack.oci" in told:
            yield f"{case}: {told[:400]}"
        if result.get("failed") and (took > WAIT or work > SECONDS):
            yield f"{case}: took {took:.1f} s, {work:.1f} s of the processor's"
        if result.get("failed") and (wrote := [call.operation for call in self.region.writes() if call.status < 300]):
            yield f"{case}: wrote {', '.join(wrote)}, then {told[:200]}"


def _paths(
    spec: Mapping[str, Any], above: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    for name, option in spec.items():
        path = (*above, name)
        yield path, option
        if option.get("options"):
            yield from _paths(option["options"], (*path, 0) if option.get("type") == "list" else path)


def _with(made: dict[str, Any], spec: Mapping[str, Any], path: tuple[str | int, ...], value: Any, plain: Any) -> Any:
    """The options with one value exchanged, what lies above it made where it is not there."""
    here: Any = made
    below: Any = {"options": spec}
    for part in path[:-1]:
        if isinstance(part, str):
            below = below["options"][part]
            if not here.get(part):
                here[part] = plain(part, below)
        here = here[part]
    here[path[-1]] = value
    return made


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("region")
    with Region.started(folder) as region:
        yield Bench(region, folder)


@pytest.mark.timeout(3600)
def test_values_of_another_kind_are_never_a_fault_of_ours(bench: Bench, whole: bool) -> None:
    faults: list[str] = []
    for case in chosen(bench.cases(), whole, 1200):
        faults += bench.play(case)
    assert not faults, f"{len(faults)} cases:\n" + "\n".join(faults)
