# SPDX-License-Identifier: GPL-3.0-or-later
"""Container repositories and images, through the SDK's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import oci
import pytest
from oci.artifacts import ArtifactsClient, models

from localregion.testing import Region
from tests.unit.localregion.support import refused

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
LAYERS = [{"digest": "sha256:" + "1" * 64, "sizeInBytes": 1000}, {"digest": "sha256:" + "2" * 64, "sizeInBytes": 500}]


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    with Region.started(tmp_path_factory.mktemp("region")) as started:
        yield started


@pytest.fixture(scope="module")
def client(region: Region) -> Any:
    return region.client(ArtifactsClient)


def make(region: Region, name: str, **values: Any) -> Any:
    details = {"compartment_id": region.compartment_id, "display_name": name, **values}
    return (
        region.client(ArtifactsClient)
        .create_container_repository(models.CreateContainerRepositoryDetails(**details))
        .data
    )


def push(region: Region, name: str, tag: str, digest: str, layers: Any = None) -> None:
    service: Any = region.inner.services["artifacts"]

    async def arrive() -> None:
        service.pushed(f"okestacklocal/{name}", tag, digest, layers or LAYERS, 300)

    region.run(arrive())


def test_a_repository(region: Region, client: Any) -> None:
    readme = models.ContainerRepositoryReadme(content="# hi", format="TEXT_MARKDOWN")
    made = make(region, "team/app", is_public=True, freeform_tags={"a": "b"}, readme=readme)
    assert (made.lifecycle_state, made.namespace, made.is_public, made.image_count) == (
        "AVAILABLE",
        "okestacklocal",
        True,
        0,
    )
    with refused(409, "Conflict"):
        make(region, "team/app", compartment_id=region.tenancy_id)
    changed = client.update_container_repository(made.id, models.UpdateContainerRepositoryDetails(is_public=False)).data
    assert (changed.is_public, changed.readme.content, changed.freeform_tags) == (False, "# hi", {"a": "b"})
    listed = client.list_container_repositories(region.compartment_id, display_name="team/app").data
    assert [each.id for each in listed.items] == [made.id]
    client.delete_container_repository(made.id)
    region.settle()
    assert client.get_container_repository(made.id).data.lifecycle_state == "DELETED"
    make(region, "team/app")


@pytest.mark.parametrize("name", ["Upper", "/lead", "trail/", "a b", "a//b"])
def test_names_are_those_of_images(region: Region, name: str) -> None:
    with refused(400, "InvalidParameter"):
        make(region, name)


def test_a_first_push_makes_a_private_repository_in_the_root(region: Region, client: Any) -> None:
    push(region, "pushed/first", "1.0", DIGEST)
    found = client.list_container_repositories(region.tenancy_id, display_name="pushed/first").data
    repository = client.get_container_repository(found.items[0].id).data
    assert (repository.compartment_id, repository.is_public) == (region.tenancy_id, False)
    assert (repository.image_count, repository.layer_count, repository.layers_size_in_bytes) == (1, 2, 1500)
    below = client.list_container_repositories(region.tenancy_id, compartment_id_in_subtree=True).data
    assert below.repository_count >= 1
    with refused(400, "InvalidParameter"):
        client.list_container_repositories(region.compartment_id, compartment_id_in_subtree=True)


def test_images_and_their_versions(region: Region, client: Any) -> None:
    repository = make(region, "images")
    push(region, "images", "1.0", DIGEST)
    push(region, "images", "latest", DIGEST)
    found = client.list_container_images(region.compartment_id, repository_id=repository.id).data
    image = client.get_container_image(found.items[0].id).data
    assert (len(found.items), image.version, sorted(v.version for v in image.versions)) == (
        1,
        "latest",
        ["1.0", "latest"],
    )
    push(region, "images", "latest", OTHER)  # the tag moves
    moved = client.list_container_images(region.compartment_id, repository_id=repository.id, version="latest").data
    assert [each.digest for each in moved.items] == [OTHER]
    assert client.get_container_image(image.id).data.display_name == "images:1.0"
    uri = models.LookupContainerImageByUriDetails(image_uri="lcl.ocir.okestack.test/okestacklocal/images:1.0")
    assert client.lookup_container_image_by_uri(uri).data.digest == DIGEST
    with refused(404, "NotAuthorizedOrNotFound"):
        client.lookup_container_image_by_uri(
            models.LookupContainerImageByUriDetails(image_uri="lcl.ocir.okestack.test/okestacklocal/images:9")
        )
    client.delete_container_image(image.id)
    assert client.get_container_repository(repository.id).data.image_count == 1
    client.delete_container_repository(repository.id)
    region.settle()
    left = client.list_container_images(
        region.compartment_id, repository_id=repository.id, lifecycle_state="AVAILABLE"
    ).data
    assert left.items == []


def test_a_repository_moves_with_its_images(region: Region, client: Any) -> None:
    repository = make(region, "moving")
    push(region, "moving", "1", DIGEST)
    details = models.ChangeContainerRepositoryCompartmentDetails(compartment_id=region.tenancy_id)
    client.change_container_repository_compartment(repository.id, details)
    assert client.get_container_repository(repository.id).data.compartment_id == region.tenancy_id
    assert client.list_container_images(region.tenancy_id, repository_name="moving").data.items[0].digest == DIGEST


def test_who_may_push_and_pull(region: Region, client: Any) -> None:
    service: Any = region.inner.services["artifacts"]
    make(region, "open", is_public=True)
    make(region, "closed")
    assert service.is_public("okestacklocal/open")
    assert not service.is_public("okestacklocal/closed")
    assert not service.is_public("elsewhere/open")
    assert service.may_push("okestacklocal/new/one")
    assert not service.may_push("elsewhere/new")
    settings = models.UpdateContainerConfigurationDetails(is_repository_created_on_first_push=False)
    assert client.update_container_configuration(region.tenancy_id, settings).data.namespace == "okestacklocal"
    assert not service.may_push("okestacklocal/new/one")
    assert service.may_push("okestacklocal/closed")
    settings.is_repository_created_on_first_push = True
    client.update_container_configuration(region.tenancy_id, settings)
    assert client.get_container_configuration(region.tenancy_id).data.is_repository_created_on_first_push is True


def test_what_is_not_there_answers_501_by_name(region: Region, client: Any) -> None:
    with refused(501, "NotImplemented"):
        client.list_generic_artifacts(region.compartment_id, "ocid1.artifactrepository.oc1..x")


def test_etag(region: Region, client: Any) -> None:
    repository = make(region, "etag")
    etag = client.get_container_repository(repository.id).headers["etag"]
    push(region, "etag", "1", DIGEST)
    with pytest.raises(oci.exceptions.ServiceError) as raised:
        client.delete_container_repository(repository.id, if_match=etag)
    assert raised.value.status == 412
