# SPDX-License-Identifier: GPL-3.0-or-later
"""The Artifacts service: container repositories and images of the region's registry (`backends/registry.py`), which it
starts.

As in the cloud a repository that is pushed to and does not exist is made in the root compartment, private, unless the
tenancy's configuration forbids it. Anyone may pull from a public repository; everything else needs the operator's
auth token.

Known differences: `isImmutable` is kept but the registry does not enforce it; pulls are not counted; a tag cannot be
taken from an image, nor a deleted image be restored (501), as the registry cannot do either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from localregion import settings as names
from localregion.backends.registry import OperatorAccess, Registry, RegistryError
from localregion.core.errors import ServiceError, conflict, invalid, not_found
from localregion.core.store import Document, Record
from localregion.host.pki import Authority
from localregion.services.base import Service
from localregion.services.checks import in_state
from localregion.services.lists import in_subtree
from localregion.services.registration import operation, step
from localregion.services.resources import SECOND, Call, Kind, Reply
from localregion.services.work_requests import WorkRequest

USERNAME = f"{names.NAMESPACE}/{names.OPERATOR_NAME}"
"""Who logs in to the registry with the operator's auth token, as in the cloud: `<namespace>/<user>`."""
HOST = f"{names.REGION_KEY.lower()}.ocir.{names.REALM_DOMAIN}"
SEEDS = (
    # repository, public, compartment: images that the site needs and that no project may fetch from elsewhere
    ("mirror/external-secrets", True, names.TENANCY_ID),
    ("mirror/traefik", True, names.TENANCY_ID),
    ("mirror/metrics-server", True, names.TENANCY_ID),
    ("okestack/crud", False, names.COMPARTMENT_ID),
)
_NAME = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*\Z")
_CONFIGURATION = "artifacts.container_configuration"


class Artifacts(Service):
    """Container repositories and images."""

    name = "artifacts"
    package = "artifacts"
    kinds = (
        Kind(
            "container_repository",
            model="ContainerRepository",
            resource="repos",
            entity="containerrepo",
            plural="container_repositories",
            operations=("get",),
        ),
        Kind("container_image", model="ContainerImage", resource="repos", entity="containerimage", operations=("get",)),
    )
    access = {
        "get_container_configuration": ("read", "repos"),
        "update_container_configuration": ("manage", "repos"),
        # The body names the image: the method asks itself.
        "lookup_container_image_by_uri": None,
    }

    def __init__(self, region: Any) -> None:
        super().__init__(region)
        self.registry: Registry | None = None

    async def resume(self) -> None:
        """Seed the repositories and start the registry."""
        if not self.region.settings.pure:
            for name, public, compartment in SEEDS:
                if self.repository(name) is None:
                    self._new_repository(name, compartment, public=public)
            await self._start_registry()
        await super().resume()

    async def stop(self) -> None:
        """End the registry; the images stay."""
        if self.registry is not None:
            await self.registry.stop()
            self.registry = None

    async def _start_registry(self) -> None:
        settings = self.region.settings
        address, _, port = settings.registry_address.rpartition(":")
        registry = Registry(
            settings.state / "registry",
            address=address,
            port=int(port),
            authority=Authority.load_or_create(settings.state, f"okestack {settings.name} region"),
            access=_Access(settings.operator_dir / "auth_token", self),
            on_push=self.on_push,
        )
        await registry.start()
        self.registry = registry

    # for the registry and other services

    def repository(self, name: str) -> Record | None:
        """The living repository of this name (without the namespace)."""
        for record in self.living("container_repository"):
            if record.doc["displayName"] == name:
                return record
        return None

    def is_public(self, path: str) -> bool:
        """Whether anyone may pull from `<namespace>/<repository>`."""
        record = self.repository(_inside(path) or "")
        return record is not None and bool(record.doc["isPublic"])

    def may_push(self, path: str) -> bool:
        """Whether a push to `<namespace>/<repository>` finds or makes a repository."""
        name = _inside(path)
        if name is None or not _NAME.match(name):
            return False
        return self.repository(name) is not None or self._configuration()["isRepositoryCreatedOnFirstPush"]

    async def on_push(self, path: str, tag: str, digest: str) -> None:
        """The registry has got a tag: note it."""
        manifest, size = await self._manifest(path, digest)
        layers = [
            {"digest": layer["digest"], "sizeInBytes": int(layer.get("size") or 0)}
            for layer in manifest.get("layers") or ()
        ]
        self.pushed(path, tag, digest, layers, size)

    async def _manifest(self, path: str, digest: str) -> tuple[dict[str, Any], int]:
        assert self.registry is not None
        async with self.registry.client(path) as client:
            answer = await client.get(f"/v2/{path}/manifests/{digest}")
            answer.raise_for_status()
            return json.loads(answer.content), len(answer.content)

    def pushed(self, path: str, tag: str, digest: str, layers: list[Document], manifest_size: int) -> Record | None:
        """Note a pushed tag; a repository that is not there is made in the root compartment."""
        name = _inside(path)
        if name is None:
            return None
        repository = self.repository(name) or self._new_repository(name, names.TENANCY_ID, public=False)
        now = self.clock.timestamp()
        version = {"version": tag, "createdBy": names.OPERATOR_ID, "timeCreated": now}
        image = None
        for each in self.living("container_image", parent=repository.id):
            if each.doc["digest"] == digest:
                image = each
            elif any(old["version"] == tag for old in each.doc["versions"]):
                self._set_versions(each, [old for old in each.doc["versions"] if old["version"] != tag])
        if image is None:
            image = self.create(
                "container_image",
                None,
                {
                    "id": self.kind("container_image").ocid("0", names.NAMESPACE),
                    "compartmentId": repository.compartment,
                    "createdBy": names.OPERATOR_ID,
                    "digest": digest,
                    "displayName": name,
                    "layers": [layer | {"timeCreated": now} for layer in layers],
                    "layersSizeInBytes": sum(layer["sizeInBytes"] for layer in layers),
                    "manifestSizeInBytes": manifest_size,
                    "pullCount": 0,
                    "repositoryId": repository.id,
                    "repositoryName": name,
                    "versions": [],
                    "systemTags": {},
                },
                state="AVAILABLE",
                compartment=repository.compartment,
                parent=repository.id,
            )
        others = [old for old in image.doc["versions"] if old["version"] != tag]
        image = self._set_versions(image, [*others, version])
        self._count(repository, {"timeLastPushed": now})
        return image

    def _set_versions(self, image: Record, versions: list[Document]) -> Record:
        name = image.doc["repositoryName"]
        shown = versions[-1]["version"] if versions else None
        display = f"{name}:{shown}" if shown else f"{name}:unknown@{image.doc['digest']}"
        return self.update(image, {"versions": versions, "version": shown, "displayName": display})

    def _count(self, repository: Record, changes: Mapping[str, Any] | None = None) -> Record:
        images = self.living("container_image", parent=repository.id)
        layers = {layer["digest"]: layer["sizeInBytes"] for image in images for layer in image.doc["layers"]}
        size = sum(layers.values())
        counted = {
            "imageCount": len(images),
            "layerCount": len(layers),
            "layersSizeInBytes": size,
            "billableSizeInGBs": -(-size // 1024**3),
        }
        return self.update(self.get("container_repository", repository.id), counted | dict(changes or {}))

    # repositories

    def _new_repository(
        self, name: str, compartment: str, *, public: bool, call: Call | None = None, more: Document | None = None
    ) -> Record:
        return self.create(
            "container_repository",
            call,
            {
                "id": self.kind("container_repository").ocid("0", names.NAMESPACE),
                "compartmentId": compartment,
                "displayName": name,
                "createdBy": call.principal.id if call else names.OPERATOR_ID,
                "namespace": names.NAMESPACE,
                "isPublic": public,
                "isImmutable": False,
                "imageCount": 0,
                "layerCount": 0,
                "layersSizeInBytes": 0,
                "billableSizeInGBs": 0,
                "systemTags": {},
                **(more or {}),
            },
            state="AVAILABLE",
            compartment=compartment,
        )

    @operation
    async def create_container_repository(self, call: Call) -> Reply:
        """Create a repository; its name is the tenancy's, not the compartment's."""
        body = call.body
        name = body["displayName"]
        if not _NAME.match(name) or len(name) > 255:
            raise invalid(f"displayName '{name}' is not a repository's name: lower-case letters, digits and . _ - /")
        if self.repository(name) is not None:
            raise conflict(f"Repository already exists: {name}")
        repository = self._new_repository(
            name,
            body["compartmentId"],
            public=bool(body.get("isPublic")),
            call=call,
            more={"isImmutable": bool(body.get("isImmutable"))},
        )
        return self.show(repository)

    @operation
    async def list_container_repositories(self, call: Call) -> Reply:
        """The repositories of a compartment, or (at the root) of all."""
        subtree = self._in_subtree(call)
        filters = {**subtree, "repository_id": _same_id}
        reply = self._counted("container_repository", call, filters)
        within = [
            r for r in self.living("container_repository") if subtree["compartment_id"](r, call.query["compartment_id"])
        ]
        reply.doc |= {
            "repositoryCount": len(within),
            "imageCount": sum(r.doc["imageCount"] for r in within),
            "layerCount": sum(r.doc["layerCount"] for r in within),
            "layersSizeInBytes": sum(r.doc["layersSizeInBytes"] for r in within),
        }
        return reply

    def _counted(self, kind: str, call: Call, filters: Mapping[str, Callable[[Record, Any], bool]]) -> Reply:
        """A page, with how many items come after it (the services' own form of paging aside)."""
        reply = self.list(kind, call, filters)
        rest, page = 0, reply
        while token := page.headers.get("opc-next-page"):
            page = self.list(kind, replace(call, query=call.query | {"page": token}), filters)
            rest += len(page.doc["items"])
        reply.doc["remainingItemsCount"] = rest
        return reply

    def _in_subtree(self, call: Call) -> dict[str, Callable[[Record, Any], bool]]:
        if call.query.get("compartment_id_in_subtree") and call.query["compartment_id"] != names.TENANCY_ID:
            raise invalid("compartmentIdInSubtree can only be true for the root compartment")
        return in_subtree(self.region, call, "compartment_id_in_subtree")

    @operation
    async def update_container_repository(self, call: Call) -> Reply:
        """Change visibility, readme and tags."""
        repository = self._repository_of(call)
        return self.show(
            self.apply(repository, call, "isPublic", "isImmutable", "readme", "freeformTags", "definedTags")
        )

    def _repository_of(self, call: Call) -> Record:
        return in_state(self.get("container_repository", call.path["repository_id"]), "AVAILABLE", kind="Repository")

    @operation
    async def delete_container_repository(self, call: Call) -> Reply:
        """Delete a repository with its images."""
        repository = self._repository_of(call)
        self.transition(repository, 2 * SECOND, "DELETED", via="DELETING", also=self._empty)
        return self.accepted()

    @step
    async def _empty(self, repository: Record, request: WorkRequest | None) -> None:
        for image in self.living("container_image", parent=repository.id):
            await self._erase(image)
        if self.registry is None:
            return
        # What was pushed while the region looked away.
        path = f"{names.NAMESPACE}/{repository.doc['displayName']}"
        for left in await self.registry.images(path):
            await self.registry.delete(path, left.digest)

    @operation
    async def change_container_repository_compartment(self, call: Call) -> Reply:
        """Move a repository and its images."""
        repository = self._repository_of(call)
        reply = self.move(repository, call)
        for image in self.living("container_image", parent=repository.id):
            self.update(image, {"compartmentId": call.body["compartmentId"]})
        return reply

    # images

    @operation
    async def list_container_images(self, call: Call) -> Reply:
        """The images of a compartment."""

        def versions(image: Record) -> list[str]:
            return [version["version"] for version in image.doc["versions"]]

        filters = {
            **self._in_subtree(call),
            "image_id": _same_id,
            "image_digest": lambda image, value: image.doc["digest"] == value,
            "is_versioned": lambda image, value: bool(versions(image)) is value,
            "version": lambda image, value: value in versions(image),
        }
        return self._counted("container_image", call, filters)

    @operation
    async def lookup_container_image_by_uri(self, call: Call) -> Reply:
        """The image of an address as podman writes it: by tag or by digest."""
        host, _, rest = call.body["imageUri"].partition("/")
        path, _, digest = rest.partition("@")
        head, _, last = path.rpartition("/")
        last, _, tag = last.partition(":")
        name = _inside(f"{head}/{last}")
        repository = self.repository(name) if host == HOST and name else None
        for image in self.living("container_image", parent=repository.id) if repository else []:
            wanted = [version["version"] for version in image.doc["versions"]]
            if digest == image.doc["digest"] if digest else (tag or "latest") in wanted:
                self.authorize(call, "read", "repos", image.compartment, self.target_variables(image))
                return self.show(image)
        raise not_found()

    @operation
    async def update_container_image(self, call: Call) -> Reply:
        """Change an image's tags (those of the cloud)."""
        image = self.get("container_image", call.path["image_id"])
        return self.show(self.apply(image, call, "freeformTags", "definedTags"))

    @operation
    async def delete_container_image(self, call: Call) -> Reply:
        """Delete an image with all its versions."""
        image = self.get("container_image", call.path["image_id"])
        repository = self.get("container_repository", image.parent)
        await self._erase(image)
        self._count(repository)
        return self.accepted()

    async def _erase(self, image: Record) -> None:
        if self.registry is not None:
            try:
                path = f"{names.NAMESPACE}/{image.doc['repositoryName']}"
                await self.registry.delete(path, image.doc["digest"])
            except (RegistryError, httpx.HTTPError) as error:
                raise ServiceError(500, "InternalError", str(error)) from error
        self.retire(image)

    def target_variables(self, record: Record) -> Mapping[str, str]:
        """Policies know repositories by name."""
        name = record.doc.get("repositoryName") or record.doc.get("displayName") or ""
        return {"target.repo.name": str(name)}

    # configuration

    def _configuration(self) -> Document:
        known: Document = self.store.get_fact(_CONFIGURATION) or {"isRepositoryCreatedOnFirstPush": True}
        return known | {"namespace": names.NAMESPACE}

    @operation
    async def get_container_configuration(self, call: Call) -> Reply:
        """The tenancy's settings of the registry."""
        self._root_only(call)
        return Reply(200, self._configuration())

    @operation
    async def update_container_configuration(self, call: Call) -> Reply:
        """Change whether a first push makes a repository."""
        self._root_only(call)
        known = self._configuration() | call.body
        self.store.put_fact(_CONFIGURATION, {"isRepositoryCreatedOnFirstPush": known["isRepositoryCreatedOnFirstPush"]})
        return Reply(200, known)

    def _root_only(self, call: Call) -> None:
        if call.query.get("compartment_id") != names.TENANCY_ID:
            raise not_found()


class _Access(OperatorAccess):
    """Who may do what in the registry: the operator all that the service allows, anyone pull what is public."""

    def __init__(self, token: Path, service: Artifacts) -> None:
        super().__init__(USERNAME, token, service.is_public)
        self._service = service

    async def allowed(self, user: str | None, repository: str, action: str) -> bool:
        """Whether a user (None: anyone) may `pull`, `push` or `delete`."""
        if action == "push" and not self._service.may_push(repository):
            return False
        return await super().allowed(user, repository, action)


def _inside(path: str) -> str | None:
    """A repository's name without the tenancy's namespace; None when it is in another."""
    namespace, _, name = path.partition("/")
    return name if namespace == names.NAMESPACE and name else None


def _same_id(record: Record, value: Any) -> bool:
    return bool(record.id == value)


__all__ = ["HOST", "SEEDS", "USERNAME", "Artifacts"]
