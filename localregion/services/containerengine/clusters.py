# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters: what their operations check and answer, and what happens with their changes of state.

Image policies and OpenID Connect, which would be recorded only, are refused where there are real parts (501).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localregion import settings as names
from localregion.core.errors import (
    ServiceError,
    conflict,
    incorrect_state,
    invalid,
    limit_exceeded,
    not_implemented,
    related_not_found,
)
from localregion.core.store import Record
from localregion.services.base import Part, Service
from localregion.services.containerengine import checks, model
from localregion.services.containerengine.addons import Addons
from localregion.services.containerengine.running_clusters import RunningClusters
from localregion.services.containerengine.virtual_node_pools import VirtualNodePools
from localregion.services.registration import operation, step
from localregion.services.resources import Call, Reply
from localregion.services.work_requests import WorkRequest

Doc = dict[str, Any]

CREATE_MINUTES = 6.0
UPDATE_MINUTES = 1.0
DELETE_MINUTES = 4.7
MAX_CLUSTERS = 15


class Clusters(Part):
    """Clusters, with their options and kubeconfigs."""

    def __init__(self, service: Service, running: RunningClusters, pools: VirtualNodePools, addons: Addons) -> None:
        super().__init__(service)
        self._running, self._pools, self._addons = running, pools, addons
        self._processes = pools.processes

    def _offered(self) -> tuple[str, ...]:
        """The versions of Kubernetes that clusters can have."""
        return model.offered_versions(self.region.settings)

    @operation
    async def create_cluster(self, call: Call) -> Reply:
        """Check all, answer 202, build in the background."""
        body = call.body
        name = model.cluster_name(body["name"])
        version = model.kubernetes_version(body["kubernetesVersion"], self._offered())
        vcn = checks.network_resource(self.store, "vcn", body["vcnId"])
        cidrs = vcn.doc.get("cidrBlocks") or [vcn.doc["cidrBlock"]]
        pod_network = model.pod_network_options(body.get("clusterPodNetworkOptions"))
        native = pod_network[0]["cniType"] == "OCI_VCN_IP_NATIVE"
        options = model.cluster_options(body.get("options"), cidrs, native=native)
        for subnet_id in options["serviceLbSubnetIds"]:
            checks.subnet(self.store, subnet_id, vcn.id, "options.serviceLbSubnetIds")
        checks.groups(
            self.store, options["serviceLbConfig"].get("backendNsgIds"), vcn.id, "options.serviceLbConfig.backendNsgIds"
        )
        given = body.get("endpointConfig") or {}
        if not given.get("subnetId"):
            raise invalid("endpointConfig.subnetId is required: the endpoint lies in a subnet of the VCN")
        subnet = checks.subnet(self.store, given["subnetId"], vcn.id, "endpointConfig.subnetId")
        public = bool(given.get("isPublicIpEnabled", False))
        if public and subnet.doc.get("prohibitPublicIpOnVnic"):
            raise invalid("endpointConfig.isPublicIpEnabled: the subnet prohibits public IP addresses")
        endpoint = given | {
            "nsgIds": checks.groups(self.store, given.get("nsgIds"), vcn.id, "endpointConfig.nsgIds"),
            "isPublicIpEnabled": public,
        }
        policy = self._image_policy(body.get("imagePolicyConfig"))
        self._check_recorded(options, policy, endpoint)
        self._check_limit()
        cluster = self.service.create(
            "cluster",
            call,
            {
                "name": name,
                "kubernetesVersion": version,
                "type": model.cluster_type(body),
                "endpointConfig": endpoint,
                "options": options,
                "clusterPodNetworkOptions": pod_network,
                "imagePolicyConfig": policy,
                "availableKubernetesUpgrades": model.upgrades(version, self._offered()),
                "systemTags": {},
            },
            state="CREATING",
            parent=vcn.id,
            private={"due": self.clock.due(CREATE_MINUTES)},
            record_id=self._cluster_ocid(),
        )
        request = self.service.work_request("CLUSTER_CREATE", [("CREATED", "cluster", cluster)])
        metadata = {
            "timeCreated": self.clock.timestamp(),
            "createdByUserId": call.principal.id,
            "createdByWorkRequestId": request.record.id,
        }
        cluster = self.service.update(cluster, {"metadata": metadata})
        self.service.transition(cluster, model.ACCEPTED_MINUTES, "ACTIVE", also=self._cluster_created, request=request)
        return self.service.accepted(request, 202, cluster)

    def _cluster_ocid(self) -> str:
        """The OCID of a new cluster: the 11 letters that name it begin with a c, since a host name needs a letter."""
        ocid = self.service.kind("cluster").ocid()
        return f"{ocid[:-11]}c{ocid[-10:]}"

    def _image_policy(self, given: Doc | None, stored: Doc | None = None) -> Doc:
        policy = model.image_policy(given, stored)
        for detail in policy["keyDetails"]:
            key = self.store.find(detail.get("kmsKeyId") or "")
            if key is None or key.dead or key.kind != "key":
                raise related_not_found()
        return policy

    def _check_recorded(self, options: Doc, policy: Doc, endpoint: Doc) -> None:
        """Refuse what real parts would not do. Raises 501."""
        asked = model.only_recorded(options, policy)
        if endpoint.get("securityAttributes"):
            asked.append("endpointConfig.securityAttributes")
        if asked and not self.region.settings.pure:
            raise not_implemented(f"{', '.join(asked)} of clusters with real parts")

    def _check_limit(self) -> None:
        living = self.service.living("cluster")
        if len(living) >= MAX_CLUSTERS:
            raise limit_exceeded(f"The maximum number of clusters ({MAX_CLUSTERS}) has been reached.")
        running = [cluster for cluster in living if cluster.state != "FAILED"]
        if running and not self.region.settings.pure:
            # All clusters' service addresses are rewritten in the region's one namespace by one kube-proxy.
            raise not_implemented(
                f"a second cluster with real parts (service addresses of two would collide): delete {running[0].name},"
                f" {running[0].id}, first, or make this one in another region (OKESTACK_REGION)"
            )

    @step
    async def _cluster_created(self, cluster: Record, request: WorkRequest | None) -> Mapping[str, Any]:
        say = request.log if request else self.log.info
        self._running.check_key(cluster)
        say("Creating the cluster's control plane")
        if self.region.settings.pure:
            endpoints = await self._running.pure_endpoints(cluster)
        else:
            try:
                endpoints = await self._running.bring_up(cluster, say)
            except ServiceError:
                raise
            except Exception as error:
                self.log.exception("creating %s", cluster.id)
                await self._running.tear_down(cluster)
                raise ServiceError(500, "InternalServerError", f"the control plane was not created: {error}") from error
        await self.clock.sleep_until(cluster.private.get("due", 0))
        self._addons.make_essential(cluster)
        say("The cluster is active")
        return {"endpoints": endpoints} | self._discovery(cluster.id, cluster.doc["options"])

    def _discovery(self, cluster_id: str, options: Doc) -> Doc:
        """Where the public keys of service accounts' tokens would be found."""
        enabled = (options.get("openIdConnectDiscovery") or {}).get("isOpenIdConnectDiscoveryEnabled")
        issuer = (
            f"https://objectstorage.{names.REGION}.{names.REALM_DOMAIN}/n/oke/b/oidc/o/{model.folder_name(cluster_id)}"
        )
        return {"openIdConnectDiscoveryEndpoint": issuer if enabled else None}

    @operation
    async def list_clusters(self, call: Call) -> Reply:
        """Clusters by compartment, name and states."""
        reply = self.service.list("cluster", call)
        reply.doc = [model.without_configuration_file(doc) for doc in reply.doc]
        return reply

    @operation
    async def get_cluster(self, call: Call) -> Reply:
        """A cluster; deleted ones stay readable for a while."""
        cluster = self.service.get("cluster", call.path["cluster_id"], dead=True)
        shown = call.query.get("should_include_oidc_config_file")
        return self.service.show(cluster, doc=cluster.doc if shown else model.without_configuration_file(cluster.doc))

    @operation
    async def update_cluster(self, call: Call) -> Reply:
        """Name, tags, options, image policy; basic to enhanced, never back; a newer version, one minor at a time."""
        cluster = self.service.get("cluster", call.path["cluster_id"])
        body, doc = call.body, cluster.doc
        changes: Doc = {}
        if "name" in body:
            changes["name"] = model.cluster_name(body["name"])
        if "kubernetesVersion" in body:
            version = model.upgraded(doc["kubernetesVersion"], body["kubernetesVersion"], self._offered())
            changes["kubernetesVersion"] = version
            changes["availableKubernetesUpgrades"] = model.upgrades(version, self._offered())
        if "type" in body:
            if body["type"] == "BASIC_CLUSTER" and doc["type"] == "ENHANCED_CLUSTER":
                raise invalid("An enhanced cluster cannot become a basic cluster")
            changes["type"] = body["type"]
        if "options" in body:
            changes["options"] = model.merged_options(doc["options"], body["options"])
            groups = (body["options"].get("serviceLbConfig") or {}).get("backendNsgIds")
            checks.groups(self.store, groups, doc["vcnId"], "options.serviceLbConfig.backendNsgIds")
            changes |= self._discovery(cluster.id, changes["options"])
        if "imagePolicyConfig" in body:
            changes["imagePolicyConfig"] = self._image_policy(body["imagePolicyConfig"], doc["imagePolicyConfig"])
        self._check_recorded(changes.get("options", {}), changes.get("imagePolicyConfig", {}), {})
        changes |= {name: body[name] for name in ("freeformTags", "definedTags") if name in body}
        checks.active(cluster)
        return self._update_cluster(call, cluster, changes)

    @operation
    async def update_cluster_endpoint_config(self, call: Call) -> Reply:
        """Network security groups of the endpoint, and whether it has a public address; its subnet stays."""
        cluster = self.service.get("cluster", call.path["cluster_id"])
        config, body = dict(cluster.doc["endpointConfig"]), call.body
        if body.get("isPublicIpEnabled"):
            subnet = checks.network_resource(self.store, "subnet", config["subnetId"])
            if subnet.doc.get("prohibitPublicIpOnVnic"):
                raise invalid("isPublicIpEnabled: the subnet prohibits public IP addresses")
        if "nsgIds" in body:
            config["nsgIds"] = checks.groups(self.store, body["nsgIds"], cluster.doc["vcnId"], "nsgIds")
        config |= {name: body[name] for name in ("isPublicIpEnabled", "securityAttributes") if name in body}
        self._check_recorded({}, {}, body)
        checks.active(cluster)
        return self._update_cluster(call, cluster, {"endpointConfig": config})

    def _update_cluster(self, call: Call, cluster: Record, changes: Doc) -> Reply:
        request = self.service.work_request("CLUSTER_UPDATE", [("UPDATED", "cluster", cluster)])
        metadata = cluster.doc["metadata"] | {
            "timeUpdated": self.clock.timestamp(),
            "updatedByUserId": call.principal.id,
            "updatedByWorkRequestId": request.record.id,
        }
        cluster = self.service.update(cluster, {"metadata": metadata}, private={"update": changes})
        self.service.transition(
            cluster, UPDATE_MINUTES, "ACTIVE", via="UPDATING", also=self._cluster_updated, request=request,
            failed="ACTIVE",
        )  # fmt: skip
        return self.service.accepted(request, 202, cluster)

    @step
    async def _cluster_updated(self, cluster: Record, request: WorkRequest | None) -> Mapping[str, Any]:
        changes: Doc = cluster.private.get("update") or {}
        if "endpointConfig" in changes:
            changes = changes | {"endpoints": await self._running.move_endpoint(cluster, changes["endpointConfig"])}
        if (version := changes.get("kubernetesVersion")) and version != cluster.doc["kubernetesVersion"]:
            say = request.log if request else self.log.info
            say(f"Upgrading the control plane to {version}")
            await self._running.upgrade(cluster.id, version, say)
            self._addons.upgrade(cluster.id, version)
            for pool in self.service.living("virtual_node_pool", parent=cluster.id):
                # Virtual nodes are Oracle's to upgrade: they follow their control plane.
                for record in (pool, *self._processes.nodes(pool)):
                    self.service.update(record, {"kubernetesVersion": version})
        return changes

    @operation
    async def delete_cluster(self, call: Call) -> Reply:
        """Delete a cluster with its pools; load balancers that its Services made remain."""
        cluster = self.service.get("cluster", call.path["cluster_id"])
        if cluster.state not in ("ACTIVE", "FAILED"):
            raise incorrect_state(f"cluster {cluster.id} is {cluster.state}; it must be ACTIVE or FAILED")
        busy = [
            pool for pool in self.service.living("virtual_node_pool", parent=cluster.id)
            if pool.state in ("CREATING", "UPDATING", "DELETING")
        ]  # fmt: skip
        if busy:
            raise conflict(f"virtual node pool {busy[0].id} of the cluster is {busy[0].state}")
        request = self.service.work_request("CLUSTER_DELETE", [("DELETED", "cluster", cluster)])
        metadata = cluster.doc["metadata"] | {
            "deletedByUserId": call.principal.id,
            "deletedByWorkRequestId": request.record.id,
        }
        cluster = self.service.update(cluster, {"metadata": metadata}, private={"due": self.clock.due(DELETE_MINUTES)})
        self.service.transition(
            cluster, model.ACCEPTED_MINUTES, "DELETED", via="DELETING", also=self._cluster_deleted, request=request
        )
        return self.service.accepted(request, 202, cluster)

    @step
    async def _cluster_deleted(self, cluster: Record, request: WorkRequest | None) -> Mapping[str, Any]:
        for pool in self.service.living("virtual_node_pool", parent=cluster.id):
            if cluster.id in self._running.live:
                # Pods end with their cluster.
                await self._pools.remove_nodes(pool, self._processes.nodes(pool), 0.0)
            await self._pools.forget(pool)
            self.service.retire(pool)
        self._addons.drop(cluster.id)
        await self._processes.drop_dns(cluster)
        await self._running.tear_down(cluster)
        await self.clock.sleep_until(cluster.private.get("due", 0))
        return {"metadata": cluster.doc["metadata"] | {"timeDeleted": self.clock.timestamp()}, "endpoints": None}

    @operation
    async def get_cluster_options(self, call: Call) -> Reply:
        """Versions and pod networks that there are, or those for a cluster."""
        offered: Sequence[str] = self._offered()
        if (wanted := call.path["cluster_option_id"]) != "all":
            current = self.service.get("cluster", wanted).doc["kubernetesVersion"]
            offered = [current, *model.upgrades(current, offered)]
        networks = [{"cniType": "FLANNEL_OVERLAY"}, {"cniType": "OCI_VCN_IP_NATIVE"}]
        return Reply(200, {"kubernetesVersions": list(offered), "clusterPodNetworkOptions": networks})

    @operation
    async def create_kubeconfig(self, call: Call) -> Reply:
        """The kubeconfig of a cluster for one of its endpoints."""
        cluster = self.service.get("cluster", call.path["cluster_id"])
        body = call.body or {}
        if body.get("tokenVersion", "2.0.0") != "2.0.0":
            raise invalid("tokenVersion must be 2.0.0")
        if cluster.state not in ("ACTIVE", "UPDATING"):
            raise incorrect_state(f"cluster {cluster.id} is {cluster.state}; it must be ACTIVE")
        wanted = body.get("endpoint") or "PUBLIC_ENDPOINT"
        keys = {
            "PUBLIC_ENDPOINT": "publicEndpoint",
            "PRIVATE_ENDPOINT": "privateEndpoint",
            "VCN_HOSTNAME": "vcnHostnameEndpoint",
        }
        address = cluster.doc["endpoints"].get(keys.get(wanted, ""))
        if address is None:
            raise invalid(f"The cluster has no endpoint of type {wanted}")
        content = model.kubeconfig(cluster.id, f"https://{address}", await self._running.authority(cluster))
        return Reply(200, content.encode(), {"content-type": "application/x-yaml"})

    async def kubeconfigs(self) -> list[str]:
        """The kubeconfigs of all clusters that are up, oldest first, each for its public endpoint if it has one."""
        found = []
        for cluster in self.service.living("cluster"):
            endpoints = cluster.doc.get("endpoints") or {}
            address = endpoints.get("publicEndpoint") or endpoints.get("privateEndpoint")
            if cluster.state in ("ACTIVE", "UPDATING") and address:
                found.append(model.kubeconfig(cluster.id, f"https://{address}", await self._running.authority(cluster)))
        return found
