"""What services are declared and called with: kinds of resources, calls and replies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localregion import ocids
from localregion import settings as names
from localregion.core.schema import Operation
from localregion.core.store import Document, Record

if TYPE_CHECKING:
    from localregion.access.policies import Principal

SECOND = 1 / 60
"""A cloud second, in cloud minutes."""


@dataclass(frozen=True)
class Kind:
    """A kind of resource, declared.

    ``name`` is the word of the SDK's operations (`vcn`, `db_system`); ``model`` the SDK model that shows one;
    ``resource`` its resource type in policies; ``entity`` the word in its OCIDs (the name without underscores if
    empty); ``label`` the beginning of a default display name; ``dead_state`` the state of one that is deleted, readable
    for ``remember`` cloud minutes more (None: gone at once); ``everywhere`` says that it belongs to no region
    (identity); ``start`` is how the unique part of its OCIDs begins; ``name_field`` is where the wire document has its
    name; ``operations`` which of get, list and change_compartment the framework answers; ``plural`` the word
    in list operations.
    """

    name: str
    model: str
    resource: str
    entity: str = ""
    label: str = ""
    plural: str = ""
    dead_state: str = "DELETED"
    remember: float | None = 60.0
    everywhere: bool = False
    start: str = ocids.PLAIN
    name_field: str = "displayName"
    state_field: str = "lifecycleState"
    operations: tuple[str, ...] = ("get", "list", "change_compartment")

    def ocid(self, *inner: str) -> str:
        """A new identifier; `inner` are the parts that a few types have before the unique one."""
        region = "" if self.everywhere else names.REGION
        return ocids.new(self.entity or self.name.replace("_", ""), *inner, start=self.start, region=region)

    @property
    def plural_name(self) -> str:
        """`vcns`, `policies`."""
        if self.plural:
            return self.plural
        return self.name[:-1] + "ies" if self.name[-1] == "y" and self.name[-2] not in "aeiou" else self.name + "s"


@dataclass
class Call:
    """One call of an operation, checked and authenticated.

    ``path`` and ``query`` hold the parameters by the SDK's Python names, ``body`` the wire document (nulls dropped),
    ``content`` the raw bytes. ``target`` is the record that the path names, when it names one that exists.
    """

    operation: Operation
    principal: Principal
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: Document = field(default_factory=dict)
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    region: str = names.REGION
    target: Record | None = None


@dataclass
class Reply:
    """An answer: status, wire document (or list, str, bytes), extra headers. ``record`` is what it shows or is about;
    its etag is sent unless ``etag`` is False."""

    status: int = 200
    doc: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    record: Record | None = None
    etag: bool = True


Handler = Callable[[Call], Awaitable[Reply]]
