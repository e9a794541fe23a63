# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity: the tenancy and its compartments, policies, users and their API keys, regions and domains.

Everything here is written in the home region only; reads answer in every region.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from localregion import settings as names
from localregion.core.errors import ServiceError
from localregion.core.store import Record
from localregion.services.base import Service
from localregion.services.identity.compartments import Compartments
from localregion.services.identity.dynamic_groups import DynamicGroups
from localregion.services.identity.policies import Policies
from localregion.services.identity.tags import TAG_KINDS, Tags
from localregion.services.identity.tenancy import Tenancy
from localregion.services.identity.users import Users
from localregion.services.resources import Call, Kind
from localregion.services.work_requests import WorkRequestForm

if TYPE_CHECKING:
    from localregion.services.context import Context

_DELETED_DAYS = 90
"""How long a deleted compartment is shown."""


def _kind(name: str, model: str, resource: str, **values: Any) -> Kind:
    return Kind(name, model=model, resource=resource, everywhere=True, name_field="name", **values)


class Identity(Service):
    """The identity service."""

    name = "identity"
    package = "identity"
    kinds = (
        *TAG_KINDS,
        _kind("compartment", "Compartment", "compartments", remember=_DELETED_DAYS * 24 * 60, operations=("get",)),
        _kind("policy", "Policy", "policies", plural="policies", remember=None, operations=("get", "list")),
        _kind("user", "User", "users", remember=None, operations=("get", "list")),
        _kind("group", "Group", "groups", remember=None, operations=("get", "list")),
        _kind("dynamic_group", "DynamicGroup", "dynamic-groups", remember=None, operations=("get", "list")),
        _kind("user_group_membership", "UserGroupMembership", "groups", remember=None, entity="groupmembership",
              operations=("get", "list")),
        _kind("api_key", "ApiKey", "users", remember=None, operations=()),
        _kind("tenancy", "Tenancy", "tenancies", operations=()),
    )  # fmt: skip
    access = {
        # every member of a tenancy may read these
        "list_regions": ("inspect", "compartments"),
        "list_availability_domains": ("inspect", "compartments"),
        "list_fault_domains": ("inspect", "compartments"),
        "list_region_subscriptions": ("inspect", "tenancies"),
        "get_tenancy": ("inspect", "tenancies"),
        "get_compartment": ("inspect", "compartments"),
        "get_work_request": ("inspect", "compartments"),
        "list_work_requests": ("inspect", "compartments"),
    }

    # here a work request's document has its errors and log
    work_request_form = WorkRequestForm(
        document=lambda record: record.doc | {"errors": record.private["errors"], "logs": record.private["logs"]}
    )

    def __init__(self, region: Context) -> None:
        super().__init__(region)
        self.add(Tenancy(self))
        self.tags = self.add(Tags(self))
        self.users = self.add(Users(self))
        self._policies = self.add(Policies(self))
        self.add(Compartments(self, self._policies))
        self.add(DynamicGroups(self, self._policies))

    async def resume(self) -> None:
        """Give a new region what every tenancy has; apply its policies."""
        self._seed()
        self.tags.seed()
        self._policies.reload()
        await super().resume()

    def check_region(self, call: Call) -> None:
        """Writes outside the home region are refused."""
        if call.operation.method not in ("GET", "HEAD"):
            raise ServiceError(
                403,
                "NotAllowed",
                f"Please go to your home region {names.REGION_KEY} to execute CREATE, UPDATE and DELETE operations.",
            )

    def stale(self, record: Record) -> ServiceError:
        """As in the base, in the service's own way."""
        message = f"The entity {record.id} has been modified. Etag is outdated."
        return ServiceError(409, "NoEtagMatch", message)

    def knows_compartment(self, compartment: str) -> bool:
        """As in the base, but at once."""
        return self.region.compartment_is_active(compartment)

    def _seed(self) -> None:
        if self.store.find(names.TENANCY_ID):
            return
        root = {
            "id": names.TENANCY_ID, "compartmentId": names.TENANCY_ID, "name": names.TENANCY_NAME,
            "description": "The root compartment of the tenancy",
        }  # fmt: skip
        tenancy = self.create("compartment", None, root, state="ACTIVE")
        tenancy.compartment = None
        self.store.save(tenancy)
        self._seed_one("compartment", names.COMPARTMENT_ID, names.COMPARTMENT_NAME, "A compartment to work in")
        self._seed_one("group", names.ADMINISTRATORS_ID, "Administrators", "Administrators")
        self._seed_one(
            "user", names.OPERATOR_ID, names.OPERATOR_NAME, "Operator of the local region", {"isMfaActivated": False}
        )
        membership = {"userId": names.OPERATOR_ID, "groupId": names.ADMINISTRATORS_ID}
        self.create("user_group_membership", None, membership, state="ACTIVE", compartment=names.TENANCY_ID)
        policy = {
            "name": "Tenant Admin Policy",
            "description": "Tenant Admin Policy",
            "statements": ["ALLOW GROUP Administrators to manage all-resources IN TENANCY"],
        }
        self.create("policy", None, policy, state="ACTIVE", compartment=names.TENANCY_ID)

    def _seed_one(
        self, kind: str, record_id: str, name: str, description: str, more: Mapping[str, Any] | None = None
    ) -> None:
        doc = {"id": record_id, "name": name, "description": description, **(more or {})}
        self.create(kind, None, doc, state="ACTIVE", compartment=names.TENANCY_ID)
