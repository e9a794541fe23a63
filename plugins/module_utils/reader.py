# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads resources of a type: the one that a wish means, those of a name, one by its address. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session, to_document
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import Address, Document, ResourceType, is_unknown
from ansible_collections.okestack.oci.plugins.module_utils.wish import Wish


class Reader:
    """Reads what a wish asks for. ``wish`` may be replaced by one with more fields; ``label`` begins each error."""

    def __init__(
        self,
        session: Session,
        type_: ResourceType,
        wish: Wish,
        label: str = "",
        first_look: Callable[[], Document | None] | None = None,
    ) -> None:
        """``first_look`` gives what is there, whole, where the caller has read it already; used once."""
        self.session, self.type, self.wish = session, type_, wish
        self.label = label or type_.label({**wish.fields, "id": wish.id})
        self._first_look = first_look
        self._at_home = False
        self._reads: Session = session

    @property
    def client(self) -> Any:
        """The type's client, where the run is or in the home region (`go_home`)."""
        if self.type.home_region and self._at_home:
            return self.write_client
        endpoint = None
        if self.type.endpoint_option:
            endpoint = self.wish.extra.get(self.type.endpoint_option)
            if not endpoint:
                raise ResourceError(f"{self.label}: {self.type.endpoint_option} is needed")
        return self.session.client(self.type.client, endpoint=endpoint)

    @property
    def write_client(self) -> Any:
        """The client for writes: of the home region for types that are written there."""
        if self.type.home_region:
            return self.session.client(self.type.client, region=self.session.home_region)
        return self.client

    def go_home(self) -> bool:
        """Whether to look again, in the home region: other regions show late what is written there."""
        if self._at_home or not self.type.home_region or self.session.home_region == self.session.region:
            return False
        self._at_home = True
        return True

    def stay_home(self) -> None:
        """What is written in the home region is read there as well, from now on."""
        self._at_home = True

    def find(self) -> Document | None:
        """The one living resource that the wish means; None where there is none. Two of a name are refused."""
        if self._first_look is not None:
            look, self._first_look = self._first_look, None
            return look()
        if self.wish.state == "present":
            self._reads = self.session.look()
        try:
            return self._found()
        finally:
            self._reads = self.session

    def _found(self) -> Document | None:
        wish = self.wish
        place = self.place()
        if any(is_unknown(v) for v in (*place, wish.id)):
            return None
        if wish.id:
            document = self.get((*place, wish.id))
            if document is None and self.go_home():
                document = self.get((*place, wish.id))
            if document is None and wish.state != "absent" and self.type.elsewhere:
                lives_in = self.type.elsewhere(self._reads, wish.fields, wish.id)
                document = self.get((*lives_in, wish.id)) if lives_in else None
            if document is None and wish.state != "absent":
                raise ResourceError(
                    f"{self.type.name} {wish.id}: there is none with this id, or the policies do not show it"
                )
            return document
        if "id" not in self.type.address:
            return self.get(place)
        narrow = {n: wish.fields.get(n) for n in (*self.type.scope, self.type.parent) if n}
        endpoint = wish.extra.get(self.type.endpoint_option) if self.type.endpoint_option else None
        if any(is_unknown(v) for v in (*narrow.values(), endpoint)):
            return None
        name = wish.fields.get(self.type.name_field)
        lacking = [k for k, v in narrow.items() if not v] + ([] if name else [self.type.name_field])
        if lacking:
            raise ResourceError(f"{self.type.name}: to find it give {' and '.join(lacking)}, or id")
        found = the_one(self.type, self.label, self.named(narrow, name), removing=wish.state == "absent")
        if found is None:
            return self._found() if self.go_home() else None
        return self.completed(found) if self.type.list_complete else self.get(self.address(found))

    def place(self) -> Address:
        """What the resource lives in, from the options. Raises ResourceError where one is not given."""
        lacking = [n for n in self.type.place if not self.wish.fields.get(n)]
        if lacking:
            raise ResourceError(f"{self.type.name}: to find it give {' and '.join(lacking)}")
        return tuple(str(self.wish.fields[n]) for n in self.type.place)

    def address(self, document: Document) -> Address:
        """Of a document, what the service addresses it by."""
        return tuple(str(document.get(n) or self.wish.fields[n]) for n in self.type.address)

    def title(self, address: Address) -> str:
        """The resource as errors name it, with its address."""
        return f"{self.label} ({address_text(address)})"

    def named(self, narrow: Mapping[str, Any], name: str | None) -> list[Document]:
        """The resources of a scope, those of a name where one is given."""
        arguments = {**self.type.list_constants, **narrow}
        asked = (self.client, self.type.list_operation, *self.place())
        by_name = {self.type.name_filter: name} if name and self.type.name_filter else {}
        if by_name and not self._reads.lists_whole(self.type.name, by_name, *asked, **arguments):
            arguments |= by_name
        rows = self._reads.pages(*asked, **arguments)
        documents = [to_document(r) for r in rows]
        return [d for d in documents if name is None or d.get(self.type.name_field) == name]

    def get(self, address: Address) -> Document | None:
        """One resource by its address, whole; None where it is gone or not shown."""
        try:
            response = self._reads.call(self.client, self.type.get_operation, *address)
        except CloudError as error:
            if error.status == 404:
                return None
            raise
        document = to_document(response.data)
        if self.type.states.of(document) in self.type.states.gone:
            return None
        document["_etag"] = response.headers.get("etag")
        for name, value in zip(self.type.address, address, strict=True):
            document.setdefault(name, value)
        return self.completed(document)

    def completed(self, document: Document) -> Document:
        """A resource with what its type adds to it."""
        if self.type.complete is None:
            return document
        return self.type.complete(self._reads, document, {**self.wish.extra, **self.wish.fields})


def the_one(type_: ResourceType, label: str, documents: Iterable[Document], removing: bool = False) -> Document | None:
    """The only living one of some documents of one name; two are refused with their ids.

    One whose deletion is set for later is found only where there is no other; several of them do not hinder a removal.
    """
    living = [d for d in documents if type_.states.living(d)]
    serving = [d for d in living if type_.states.of(d) not in type_.states.scheduled]
    matches = serving or living
    if len(matches) > 1 and (serving or not removing):
        ids = ", ".join(d["id"] for d in matches)
        raise ResourceError(f"{label}: {len(matches)} have this name: {ids}. Give the id of the one that is meant")
    return matches[0] if matches else None


def address_text(address: Address) -> str:
    """An address as people read it."""
    return "/".join(address)


def public(document: Document | None) -> Document | None:
    """A document without the engine's own marks."""
    return None if document is None else {k: v for k, v in document.items() if not k.startswith("_")}


def without_secrets(type_: ResourceType, document: Document) -> Document:
    """A document without the secrets that were read to compare them."""
    hidden = {f.name for f in type_.all_fields if f.secret}
    return {k: v for k, v in document.items() if k not in hidden}
