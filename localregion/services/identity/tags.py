"""Tags: namespaces and keys of defined tags, and the check of a request's tags, which all services need.

Limits: https://docs.oracle.com/en-us/iaas/Content/Tagging/Concepts/taggingoverview.htm. As in the cloud, what is made
gets two tags of the namespace Oracle-Tags by default: who made it, and when.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localregion import settings as names
from localregion.core.errors import ServiceError, conflict, invalid, limit_exceeded, not_found
from localregion.core.store import Document, Record
from localregion.services.base import Part
from localregion.services.lists import in_subtree
from localregion.services.registration import operation
from localregion.services.resources import Call, Kind, Reply

ORACLE_TAGS = "Oracle-Tags"
MAX_FREEFORM, MAX_DEFINED = 10, 64
MAX_KEY, MAX_VALUE = 100, 256
_NAME = re.compile(r"[^\s.]{1,100}")

_VALUES: Mapping[str, Any] = {
    "everywhere": True, "name_field": "name", "dead_state": "DELETED", "remember": None,
}  # fmt: skip
TAG_KINDS = (
    Kind("tag_namespace", model="TagNamespace", resource="tag-namespaces", **_VALUES),
    Kind("tag", model="Tag", resource="tag-namespaces", entity="tagdefinition", operations=(), **_VALUES),
)


class Tags(Part):
    """The operations of tag namespaces and keys, and the check of tags."""

    def seed(self) -> None:
        """The namespace that every tenancy has."""
        if self._namespace(ORACLE_TAGS):
            return
        doc = {"name": ORACLE_TAGS, "description": "Default tags of resources", "isRetired": False}
        namespace = self.service.create("tag_namespace", None, doc, state="ACTIVE", compartment=names.TENANCY_ID)
        for name in ("CreatedBy", "CreatedOn"):
            self._make_tag(namespace, {"name": name, "description": name})

    def defaults(self, user: str) -> Document:
        """The defined tags that a new resource gets."""
        return {ORACLE_TAGS: {"CreatedBy": user, "CreatedOn": self.clock.timestamp()}}

    def check(self, body: Mapping[str, Any]) -> None:
        """Check the tags of a request's body. Raises 400."""
        freeform = body.get("freeformTags") or {}
        if len(freeform) > MAX_FREEFORM:
            raise limit_exceeded(f"A resource has at most {MAX_FREEFORM} free-form tags.")
        for key, value in freeform.items():
            _check_text(key, value)
        defined = body.get("definedTags") or {}
        if sum(len(tags) for tags in defined.values()) > MAX_DEFINED:
            raise limit_exceeded(f"A resource has at most {MAX_DEFINED} defined tags.")
        for name, tags in defined.items():
            namespace = self._namespace(name)
            if namespace is None or namespace.doc["isRetired"]:
                raise _unknown_tag(f"TagNamespace {name} does not exists.")
            for key, value in tags.items():
                tag = self._tag(namespace, key)
                if tag is None or tag.doc["isRetired"]:
                    raise _unknown_tag(f"TagDefinition {key} in TagNamespace {name} does not exists.")
                _check_text(key, value)
                allowed = (tag.doc.get("validator") or {}).get("values")
                if allowed and value not in allowed:
                    raise invalid(f"The tag {name}.{key} must be one of {', '.join(allowed)}.")

    def _namespace(self, name: str) -> Record | None:
        found = (one for one in self.service.living("tag_namespace") if one.name.lower() == name.lower())
        return next(found, None)

    def _tag(self, namespace: Record, name: str) -> Record | None:
        found = (tag for tag in self.service.living("tag", parent=namespace.id) if tag.name.lower() == name.lower())
        return next(found, None)

    # namespaces

    @operation
    async def list_tag_namespaces(self, call: Call) -> Reply:
        """The namespaces of a compartment, or of those below it too."""
        return self.service.list("tag_namespace", call, in_subtree(self.region, call, "include_subcompartments"))

    @operation
    async def create_tag_namespace(self, call: Call) -> Reply:
        """Create a namespace; names are unique in the tenancy."""
        name = call.body["name"]
        _check_name(name)
        if self._namespace(name):
            raise ServiceError(409, "TagNamespaceAlreadyExists", f"Tag namespace '{name}' already exists.")
        return self.service.show(self.service.create("tag_namespace", call, {"isRetired": False}, state="ACTIVE"))

    @operation
    async def update_tag_namespace(self, call: Call) -> Reply:
        """New description or tags; retire it, or take it into use again."""
        namespace = self.service.get("tag_namespace", call.path["tag_namespace_id"])
        return self.service.show(
            self.service.apply(namespace, call, "description", "isRetired", "freeformTags", "definedTags")
        )

    @operation
    async def delete_tag_namespace(self, call: Call) -> Reply:
        """Delete a retired namespace without keys."""
        namespace = self.service.get("tag_namespace", call.path["tag_namespace_id"])
        if not namespace.doc["isRetired"] or self.service.living("tag", parent=namespace.id):
            raise conflict("A tag namespace must be retired and empty to be deleted.")
        self.service.retire(namespace)
        return self.service.accepted()

    # keys

    @operation
    async def list_tags(self, call: Call) -> Reply:
        """The keys of a namespace."""
        namespace = self.service.get("tag_namespace", call.path["tag_namespace_id"])
        return self.service.page(call, [tag.doc for tag in self.service.living("tag", parent=namespace.id)])

    @operation
    async def create_tag(self, call: Call) -> Reply:
        """A key of a namespace."""
        namespace = self.service.get("tag_namespace", call.path["tag_namespace_id"])
        _check_name(call.body["name"])
        if self._tag(namespace, call.body["name"]):
            raise ServiceError(409, "TagDefinitionAlreadyExists", f"Tag '{call.body['name']}' already exists.")
        return self.service.show(self._make_tag(namespace, call.body))

    def _make_tag(self, namespace: Record, body: Mapping[str, Any]) -> Record:
        document = {
            "tagNamespaceId": namespace.id, "tagNamespaceName": namespace.name, "isRetired": False,
            "isCostTracking": False, **body,
        }  # fmt: skip
        return self.service.create(
            "tag", None, document, state="ACTIVE", compartment=namespace.compartment, parent=namespace.id
        )

    def _named_tag(self, call: Call) -> Record:
        tag = self._tag(self.service.get("tag_namespace", call.path["tag_namespace_id"]), call.path["tag_name"])
        if tag is None:
            raise not_found()
        return tag

    @operation
    async def get_tag(self, call: Call) -> Reply:
        """A key of a namespace."""
        return self.service.show(self._named_tag(call))

    @operation
    async def update_tag(self, call: Call) -> Reply:
        """New description, tags or values; retire it, or take it into use again."""
        fields = ("description", "isRetired", "isCostTracking", "validator", "freeformTags", "definedTags")
        return self.service.show(self.service.apply(self._named_tag(call), call, *fields))

    @operation
    async def delete_tag(self, call: Call) -> Reply:
        """Delete a retired key."""
        tag = self._named_tag(call)
        if not tag.doc["isRetired"]:
            raise conflict("A tag must be retired to be deleted.")
        self.service.retire(tag)
        return self.service.accepted()


def _unknown_tag(what: str) -> ServiceError:
    return ServiceError(
        400,
        "RelatedResourceNotAuthorizedOrNotFound",
        f"The following tag namespaces / keys are not authorized or not found: {what}",
    )


def _check_text(key: str, value: Any) -> None:
    if not 1 <= len(key) <= MAX_KEY:
        raise invalid(f"A tag's key has 1 to {MAX_KEY} characters: '{key[:20]}'.")
    if len(str(value)) > MAX_VALUE:
        raise invalid(f"The value of the tag '{key}' has more than {MAX_VALUE} characters.")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise invalid("A tag namespace or key has 1 to 100 characters without spaces and periods.")
