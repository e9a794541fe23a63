#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_manifest
short_description: Keep objects of Kubernetes as declared
version_added: 0.1.0
description:
  - Applies objects by server-side apply as the field manager C(okestack), so that what others manage in them stays
    theirs.
  - Before the first write all objects are read and applied in a dry run. What the server would refuse is reported,
    all of it, before anything is changed; an object that would not change is not written.
  - Namespaces and definitions of custom resources are made first and waited for, then accounts, Secrets and ConfigMaps,
    roles, Services, workloads, Ingresses, custom resources and admission webhooks. V(absent) goes the other way.
  - In check mode, objects of a cluster, namespace or kind that does not exist yet are to be created.
options:
  state:
    description:
      - V(present) makes the objects what is declared; a field left out since the last run is removed.
      - V(absent) deletes them, and what belongs to them. A definition stays, with a warning, while there are objects of
        its kind that are neither in the set nor of the same O(owner).
    type: str
    choices: [present, absent]
    default: present
  definition:
    description:
      - The objects. A dictionary, YAML text (a rendered template, with as many documents as one likes), or a list of
        these.
      - At least one of O(definition), O(src) and O(chart) is required; together they are one set.
    type: raw
  src:
    description: A file with the objects, or a folder of which all C(.yml), C(.yaml) and C(.json) files are read, by
      name.
    type: path
  chart:
    description:
      - A Helm chart. It is rendered with C(helm template) and applied like everything else; there is no release in
        the cluster.
      - Hooks are left out, with a warning. Objects that are others at each rendering (a password made by the chart)
        are warned of too.
    type: dict
    suboptions:
      path:
        description: Folder or archive of the chart, an C(oci://) reference, or its name in O(chart.repo).
        type: str
        required: true
      repo:
        description: URL of the chart's repository.
        type: str
      version:
        description: Version of the chart in its repository.
        type: str
      release:
        description: The release's name, of which charts make the names of their objects.
        type: str
        required: true
      values:
        description: Values of the chart. They reach C(helm) by its standard input.
        type: dict
      crds:
        description: Whether the definitions in the chart's folder C(crds) are applied too.
        type: bool
        default: true
      kube_version:
        description: The version of Kubernetes that the chart is rendered for. If not given, that of the cluster.
        type: str
      api_versions:
        description: API versions that the chart may rely on, beside those of the cluster.
        type: list
        elements: str
  helm_path:
    description: The program C(helm), version 3. Looked up in E(PATH) by default.
    type: path
  namespace:
    description: Namespace of namespaced objects that name none, and of the chart's release.
    type: str
  patches:
    description:
      - Changes to the objects before they are applied, for what a chart's values cannot say.
      - A patch that fits no object, or whose path is found in none, is an error.
    type: list
    elements: dict
    suboptions:
      kind:
        description: Kind of the objects, with C(*) as a wildcard. If not given, any.
        type: str
      name:
        description: Name of the objects, with C(*) as a wildcard. If not given, any.
        type: str
      namespace:
        description: Namespace of the objects, with C(*) as a wildcard. If not given, any.
        type: str
      remove:
        description:
          - Paths to take out, for example V(spec.template.spec.containers[0].securityContext.seccompProfile).
          - V([*]) is every member of a list, V([name=web]) the one with that name, V(["a.b/c"]) a key with dots,
            V(**) any depth.
        type: list
        elements: str
      set:
        description: Values by path; see O(patches[].remove) for paths.
        type: dict
  virtual_nodes:
    description:
      - Whether the objects are to run on virtual nodes. Everything in them that virtual nodes do not run is then
        refused,
        at once and with its path, before anything is changed.
    type: bool
    default: false
  owner:
    description:
      - A name for this set of objects. They get it as the label C(okestack.oci/owner).
      - An object of the whole cluster (an IngressClass, a ClusterRole, a definition) that has the label of another owner
        is not taken over. It is an error that names the owner.
      - With O(state=absent), objects that have the label of another owner are left, with a warning.
    type: str
  prune:
    description:
      - Whether objects that this module applied under the same O(owner), and that are not declared any more, are
        deleted. With O(state=absent) everything that it applied under that owner is, and O(definition) may be an empty
        list.
      - They are found in all namespaces and of any kind. Namespaces, definitions of custom resources and volumes are never
        deleted so, because what others made would go with them; nor are objects with the annotation
        C(helm.sh/resource-policy=keep).
    type: bool
    default: false
  force:
    description:
      - Whether declared fields are taken back that another field manager set to other values, a person with
        C(kubectl) for example. Managers whose changes are undone are named. What C(kubectl apply) declared in an
        object becomes this module's to remove, and a list's member that conflicts with a declared one is removed.
      - Otherwise that is an error that names managers and fields.
      - Leave out of the declaration what a controller sets, the replicas of a Deployment with an autoscaler for example.
    type: bool
    default: true
  allow_replace:
    description:
      - Whether an object is deleted and recreated where a change is not possible in place. That is a Job's template
        for example, or that the load balancer of a Service becomes internal or moves to another subnet.
      - A Job or Pod that failed is recreated too. Without this option it fails each run until it is deleted.
    type: bool
    default: false
  restart_on_change:
    description:
      - Whether Deployments, StatefulSets and Jobs get new pods when a ConfigMap or Secret that their pods read has
        changed.
        On virtual nodes a running pod does not see new contents.
      - Their pod templates get the annotation C(okestack.oci/contents). A Job needs O(allow_replace) for it.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until the objects are ready, or gone.
      - Deployments, StatefulSets, DaemonSets, Jobs, Pods, Services (their address), Ingresses (the same), claims,
        definitions, namespaces, and the stores and secrets of External Secrets are known; O(wait_conditions) tells of
        other kinds.
      - A Job that failed and a pod that virtual nodes refuse for good end the wait. A progress deadline or a lack of
        capacity does not. A time-out tells what the pods wait for and their last warnings.
      - A suspended Job, a paused Deployment and a claim that is bound when a pod comes are not waited for.
    type: bool
    default: true
  wait_timeout:
    description: For how long, in seconds, all objects together are waited for.
    type: int
    default: 600
  wait_interval:
    description: The longest pause, in seconds, between two looks. The first come after fractions of a second.
    type: float
    default: 10.0
  wait_conditions:
    description:
      - "What ready means for other kinds: a condition, or a list of conditions, by kind. C(Ready) is short for
        C(Ready=True)."
    type: dict
  create_namespaces:
    description:
      - Whether namespaces that the objects are put into are made where they are not there.
      - They are not part of the set. One that is there is left as it is, and V(absent) deletes none.
    type: bool
    default: false
  delete_finished_pods:
    description:
      - Whether the pods of a Job are deleted when it is complete. The Job stays as the record that it ran.
        On virtual nodes finished pods are billed until they are deleted.
    type: bool
    default: false
extends_documentation_fragment:
  - okestack.oci.cluster
  - okestack.oci.connection
  - okestack.oci.attributes
author:
  - The okestack.oci authors (@okestack)
seealso:
  - module: okestack.oci.kubernetes_wait
  - module: okestack.oci.kubernetes_info
"""

EXAMPLES = r"""
- name: A namespace and a ConfigMap
  okestack.oci.kubernetes_manifest:
    cluster_id: "{{ cluster.id }}"
    definition:
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: shop
      - apiVersion: v1
        kind: ConfigMap
        metadata:
          name: settings
          namespace: shop
        data:
          colour: green

- name: A rendered template, checked for virtual nodes, without what was declared once and is not any more
  okestack.oci.kubernetes_manifest:
    cluster_id: "{{ cluster.id }}"
    namespace: shop
    definition: "{{ lookup('ansible.builtin.template', 'shop.yml.j2') }}"
    virtual_nodes: true
    owner: shop
    prune: true

- name: A chart
  okestack.oci.kubernetes_manifest:
    cluster_id: "{{ cluster.id }}"
    namespace: external-secrets
    create_namespaces: true
    chart:
      path: external-secrets
      repo: https://charts.external-secrets.io
      version: 0.20.4
      release: external-secrets
    patches:
      - kind: Deployment
        remove:
          - spec.template.spec.containers[*].securityContext.seccompProfile
    virtual_nodes: true
"""

RETURN = r"""
objects:
  description: The objects, and what was (or would be) done to each.
  type: list
  elements: dict
  returned: always
  contains:
    action:
      description: V(create), V(update), V(replace), V(delete) or V(none).
      type: str
    api_version:
      description: The object's API version.
      type: str
    kind:
      description: The object's kind.
      type: str
    namespace:
      description: Its namespace, null for an object of the whole cluster.
      type: str
    name:
      description: Its name.
      type: str
    note:
      description: Why, where the action alone does not say it.
      type: str
  sample:
    - action: create
      api_version: v1
      kind: ConfigMap
      namespace: shop
      name: settings
addresses:
  description: Addresses of the Services of type LoadBalancer among the objects, in their order.
  type: list
  elements: str
  returned: O(state=present)
  sample: ["203.0.113.10"]
ready:
  description: Whether all objects were ready when they were last looked at; not if some were not waited for.
  type: bool
  returned: O(state=present)
  sample: true
msg:
  description: Which objects were not waited for, and why.
  type: str
  returned: when a controller is paused
  sample: "not waited for: Job shop/import: suspended (spec.suspend)"
duration:
  description: How long it took, in seconds.
  type: float
  returned: changed
  sample: 12.3
"""

from ansible_collections.okestack.oci.plugins.module_utils.kube.tasks import ManifestTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main():
    run_module(ManifestTask())


if __name__ == "__main__":
    main()
