# SPDX-License-Identifier: GPL-3.0-or-later
"""From a container of a pod to what the runtime is asked for."""

from __future__ import annotations

from typing import Any

from localregion.virtual_node import admission, env, volumes
from localregion.virtual_node.config import VirtualNode
from localregion.virtual_node.containers import ContainerSpec, Image
from localregion.virtual_node.host import PodHost
from localregion.virtual_node.network import Attachment
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
    image: Image,
) -> ContainerSpec:
    """The container of a pod that has its VNIC and its volumes. Raises ConfigError."""
    pod_spec, meta = pod["spec"], pod["metadata"]
    name = container["name"]
    base = {
        "name": f"{meta['name'][:63]}_{meta['namespace']}_{name}_{meta['uid']}_{attempt}",
        "pod_uid": meta["uid"],
        "container": name,
        "attempt": attempt,
        "image_id": image.id,
        "hostname": env.hostname(pod),
        "netns": attachment.netns,
    }
    if not host.runtime.with_files:
        return ContainerSpec(**base, command=None, args=None, environment={}, working_dir="", mounts=(), log_path="")
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
    log_path = folders.log(name, attempt)
    folders.log(name, attempt - 2).unlink(missing_ok=True)
    return ContainerSpec(
        **base,
        command=command,
        args=args,
        environment=values,
        working_dir=container.get("workingDir", ""),
        mounts=_mounts(folders, pod, container),
        log_path=str(log_path),
        user=_user(security, image),
        read_only=bool(security.get("readOnlyRootFilesystem")),
        no_new_privileges=security.get("allowPrivilegeEscalation") is False,
        add_capabilities=admission.capabilities(capabilities.get("add") or ()),
        drop_capabilities=tuple(capabilities.get("drop") or ()),
        cpu_limit=quantity(limits.get("cpu", 0)),
        memory_limit=int(quantity(limits.get("memory", 0))),
    )


def _mounts(folders: PodFolders, pod: Json, container: Json) -> list[volumes.Mount]:
    """The container's volumes, and the files of /etc that a pod has of its own."""
    mounts = folders.mounts(pod, container)
    mounted = {mount.destination for mount in mounts}
    for file in ("hosts", "resolv.conf", "hostname"):
        if f"/etc/{file}" not in mounted:
            mounts.append(volumes.Mount(str(folders.root / "etc" / file), f"/etc/{file}", file != "hosts"))
    return mounts


def _user(security: Json, image: Image) -> str:
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
