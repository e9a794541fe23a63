# SPDX-License-Identifier: GPL-3.0-or-later
"""From a container of a pod to what the runtime is asked for."""

from __future__ import annotations

from typing import Any

from localregion.host.containers import ContainerSpec, Mount
from localregion.virtual_node import admission, env
from localregion.virtual_node.config import VirtualNode
from localregion.virtual_node.containers import LABEL_ATTEMPT, LABEL_CONTAINER, LABEL_POD, LocalImage
from localregion.virtual_node.network import Attachment
from localregion.virtual_node.protocols import PodHost
from localregion.virtual_node.quantity import quantity
from localregion.virtual_node.volumes import PodFolders

Json = dict[str, Any]


async def container_spec(
    host: PodHost,
    node: VirtualNode,
    pod: Json,
    attachment: Attachment,
    folders: PodFolders,
    container: Json,
    attempt: int,
    image: LocalImage,
) -> ContainerSpec:
    """The container of a pod that has its VNIC and its volumes. Raises ConfigError."""
    pod_spec, meta = pod["spec"], pod["metadata"]
    name = container["name"]
    base: dict[str, Any] = {
        "name": f"{meta['name'][:63]}_{meta['namespace']}_{name}_{meta['uid']}_{attempt}",
        "labels": {LABEL_POD: meta["uid"], LABEL_CONTAINER: name, LABEL_ATTEMPT: str(attempt)},
        "image": image.id,
        "hostname": env.hostname(pod),
        "netns": attachment.netns,
    }
    if not host.runtime.with_files:
        return ContainerSpec(**base)
    objects = await host.read(pod, env.references(container))
    services = await host.service_variables(meta["namespace"], pod_spec.get("enableServiceLinks", True) is not False)
    values = env.environment(
        pod,
        container,
        objects,
        services,
        pod_ip=attachment.ip,
        host_ip=node.address,
        node_name=node.name,
    )
    command, args = env.command(container, values)
    security = (pod_spec.get("securityContext") or {}) | {
        key: value for key, value in (container.get("securityContext") or {}).items() if value is not None
    }
    capabilities = security.get("capabilities") or {}
    limits = (container.get("resources") or {}).get("limits") or {}
    log_file = folders.log(name, attempt)
    folders.log(name, attempt - 2).unlink(missing_ok=True)
    return ContainerSpec(
        **base,
        command=command,
        args=args,
        env=values,
        working_dir=container.get("workingDir") or None,
        mounts=_mounts(folders, pod, container),
        log_file=log_file,
        user=_user(security, image) or None,
        read_only=bool(security.get("readOnlyRootFilesystem")),
        privilege_escalation=security.get("allowPrivilegeEscalation") is not False,
        cap_add=admission.capabilities(capabilities.get("add") or ()),
        cap_drop=tuple(capabilities.get("drop") or ()),
        cpus=quantity(limits.get("cpu", 0)) or None,
        memory=int(quantity(limits.get("memory", 0))) or None,
    )


def _mounts(folders: PodFolders, pod: Json, container: Json) -> list[Mount]:
    """The container's volumes, and the files of /etc that a pod has of its own."""
    mounts = folders.mounts(pod, container)
    mounted = {mount.destination for mount in mounts}
    for file in ("hosts", "resolv.conf", "hostname"):
        if f"/etc/{file}" not in mounted:
            mounts.append(Mount(folders.root / "etc" / file, f"/etc/{file}", file != "hosts"))
    return mounts


def _user(security: Json, image: LocalImage) -> str:
    """The `user` of a container. Raises ConfigError where runAsNonRoot forbids it (kubelet's words)."""
    user = security.get("runAsUser")
    if security.get("runAsNonRoot"):
        if user == 0:
            raise env.ConfigError("container's runAsUser breaks non-root policy")
        if user is None:
            own = image.user.partition(":")[0]
            if own in ("", "0", "root"):
                raise env.ConfigError("container has runAsNonRoot and image will run as root")
            if not own.isdigit():
                raise env.ConfigError(
                    f"container has runAsNonRoot and image has non-numeric user ({own}), cannot verify user is non-root"
                )
    group = security.get("runAsGroup")
    if user is None and group is None:
        return ""
    own_user = str(user) if user is not None else (image.user.partition(":")[0] or "0")
    return own_user if group is None else f"{own_user}:{group}"
