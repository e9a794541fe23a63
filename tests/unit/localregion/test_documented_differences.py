"""What the documentation says of the region's differences from the cloud is what the region answers."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import oci
import pytest

from localregion.testing import Region

PAGE = Path(__file__).parents[3] / "docs" / "docsite" / "rst" / "region_and_cloud.rst"
_refused, _state_only = PAGE.read_text().split("**State only")
OPERATION = r"``([a-z_]+\.[a-z_]+)``"
REFUSED = re.findall(OPERATION, _refused)
STATE_ONLY = re.findall(OPERATION, _state_only)


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Region.started(tmp_path_factory.mktemp("region")) as made:
        yield made


def status(region: Region, operation: str) -> int:
    """What the region answers to an operation as the SDK sends it, its body left empty."""
    package, name = operation.split(".")
    module = importlib.import_module(f"oci.{package}")
    clients: list[Any] = [
        kind for kind_name, kind in inspect.getmembers(module, inspect.isclass)
        if kind_name.endswith("Client") and hasattr(kind, name)
    ]  # fmt: skip
    (client,) = clients
    made = client(region.config, service_endpoint=region.endpoint, retry_strategy=oci.retry.NoneRetryStrategy())
    call = getattr(made, name)
    needed = [
        parameter.name for parameter in inspect.signature(call).parameters.values()
        if parameter.default is inspect.Parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]  # fmt: skip
    # A path needs words; a body needs nothing to be refused.
    given = {each: {} if each.endswith(("_details", "_body")) else "ocid1.thing.oc99..a" for each in needed}
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        call(**given)
    return int(refused.value.status)


def test_there_is_something_to_ask() -> None:
    assert len(REFUSED) > 10 and len(STATE_ONLY) > 2


@pytest.mark.parametrize("operation", REFUSED)
def test_what_is_refused_by_name_is(region: Region, operation: str) -> None:
    assert status(region, operation) == 501, f"the region has it now; {PAGE.name} lists it as refused"


@pytest.mark.parametrize("operation", STATE_ONLY)
def test_what_is_state_only_is_not_refused_by_name(region: Region, operation: str) -> None:
    assert status(region, operation) in (400, 404)
