#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_secret
short_description: Keep a Secret whose contents never become a variable
version_added: 0.1.0
description:
  - Keeps a Secret with the log-in of a container registry, or with a server's certificate and key.
  - The contents are read or made in the memory of the task, and go to the cluster only. Passwords of applications are
    better brought by the External Secrets Operator; what that needs itself, it cannot bring.
options:
  state:
    description: Whether the Secret is there.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the Secret.
    type: str
    required: true
  namespace:
    description: Its namespace.
    type: str
    required: true
  owner:
    description: Value of the label C(okestack.oci/owner); see M(okestack.oci.kubernetes_manifest).
    type: str
  force:
    description: Whether contents are taken back that another field manager set.
    type: bool
    default: true
  allow_replace:
    description: Whether a Secret of the same name and another type is deleted and recreated.
    type: bool
    default: false
  registry:
    description:
      - The log-in of a container registry. The Secret gets the type C(kubernetes.io/dockerconfigjson).
      - One of O(registry), O(self_signed) and O(certificate_file) is required with O(state=present).
    type: dict
    suboptions:
      server:
        description: The registry's host, for example V(fra.ocir.io).
        type: str
        required: true
      username:
        description: User, for Oracle's registry V(<object storage namespace>/<user name>).
        type: str
        required: true
      auth_token_file:
        description: File that holds the auth token, and nothing else.
        type: path
      auth_token_secret_id:
        description: OCID of a secret in the Vault that holds the auth token.
        type: str
  self_signed:
    description:
      - A self-signed certificate with a P-256 key, of the type C(kubernetes.io/tls). It is recreated when its names
        differ or its end is near, and left as it is otherwise.
    type: dict
    suboptions:
      dns_names:
        description: Host names of the certificate.
        type: list
        elements: str
      ip_addresses:
        description: IP addresses of the certificate.
        type: list
        elements: str
      valid_days:
        description: For how many days a new certificate holds.
        type: int
        default: 365
      renew_before_days:
        description: How many days before it expires it is recreated.
        type: int
        default: 30
  certificate_file:
    description: File with the certificate, and the chain up to its authority, in PEM. Needs O(key_file).
    type: path
  key_file:
    description: File with the certificate's private key, in PEM, without a pass phrase.
    type: path
extends_documentation_fragment:
  - okestack.oci.cluster
  - okestack.oci.connection
  - okestack.oci.attributes
author:
  - The okestack.oci authors (@okestack)
"""

EXAMPLES = r"""
- name: Log-in for private images
  okestack.oci.kubernetes_secret:
    cluster_id: "{{ cluster.id }}"
    name: registry
    namespace: shop
    registry:
      server: fra.ocir.io
      username: mytenancy/ci
      auth_token_file: ~/.oci/auth_token

- name: Certificate of its own authority, recreated a month before it expires
  okestack.oci.kubernetes_secret:
    cluster_id: "{{ cluster.id }}"
    name: tls
    namespace: ingress
    self_signed:
      dns_names: [shop.example.com]
"""

RETURN = r"""
secret:
  description: What may be shown of the Secret.
  type: dict
  returned: always
  contains:
    name:
      description: Its name.
      type: str
    namespace:
      description: Its namespace.
      type: str
    type:
      description: Its type.
      type: str
    certificate:
      description: The certificate in PEM, which is public. A self-signed one is its own authority.
      type: str
    fingerprint:
      description: SHA-256 of the certificate, in hexadecimal.
      type: str
    names:
      description: Host names and addresses of the certificate.
      type: list
      elements: str
    not_after:
      description: When the certificate ends.
      type: str
  sample:
    name: tls
    namespace: ingress
    type: kubernetes.io/tls
    names: [shop.example.com]
    not_after: "2027-11-22T02:00:00Z"
objects:
  description: What was (or would be) done, as M(okestack.oci.kubernetes_manifest) returns it.
  type: list
  elements: dict
  returned: always
  sample:
    - {action: create, api_version: v1, kind: Secret, namespace: ingress, name: tls}
"""

from ansible_collections.okestack.oci.plugins.module_utils.kube.secret_task import SecretTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main():
    run_module(SecretTask())


if __name__ == "__main__":
    main()
