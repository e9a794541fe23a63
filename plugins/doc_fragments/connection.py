# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by which every module reaches and signs in to Oracle's API (``cloud.CONNECTION_OPTIONS``)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  auth_type:
    description:
      - How requests are signed.
      - V(api_key) signs as a user, with the key of the profile.
      - V(security_token) signs with the session token that the profile's C(security_token_file) holds. A token that was
        refreshed meanwhile is read again. One that has ended is refused before any request; one that ends within half an
        hour is warned about.
      - V(instance_principal) signs as the compute instance that the task runs on. Its metadata service is asked for the
        instance's certificate and region, and the region's auth service for a session token; O(endpoints), O(ca_file) and
        O(proxy_url) apply to the auth service. E(OCI_METADATA_BASE_URL) leads to another metadata service.
      - V(resource_principal) signs as the resource that the task runs in, such as a function, by what its host sets in
        E(OCI_RESOURCE_PRINCIPAL_VERSION), E(OCI_RESOURCE_PRINCIPAL_RPST), E(OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM) and
        E(OCI_RESOURCE_PRINCIPAL_REGION).
      - V(oke_workload_identity) signs as the service account of the pod that the task runs in, in an enhanced cluster. The
        pod needs C(automountServiceAccountToken), its way to port 12250 of the cluster's endpoint, and the region in
        O(region) or E(OCI_RESOURCE_PRINCIPAL_REGION). E(OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH) and
        E(OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH) name other files than the pod's own.
      - Falls back to E(OCI_CLI_AUTH), then to V(api_key).
      - The last three need no configuration file. A session token is renewed in time and never written to disk. With
        E(OCI_CLI_AUTH) set for ansible-playbook itself to V(instance_principal) or V(oke_workload_identity), a run
        signs in once; with this option each task signs in on its own, which takes about 50 milliseconds.
    type: str
    choices: [api_key, security_token, instance_principal, resource_principal, oke_workload_identity]
  config_file:
    description:
      - Oracle's configuration file, with profiles that name C(tenancy), C(user), C(fingerprint), C(key_file) and
        C(region). Read for V(api_key) and V(security_token) only.
      - Falls back to E(OCI_CONFIG_FILE), then to E(OCI_CLI_CONFIG_FILE), then to C(~/.oci/config).
    type: path
  profile:
    description:
      - The profile within O(config_file).
      - Falls back to E(OCI_CONFIG_PROFILE), then to E(OCI_CLI_PROFILE), then to C(DEFAULT).
    type: str
  region:
    description:
      - The region's identifier, for example V(eu-frankfurt-1).
      - Falls back to E(OCI_REGION), then to E(OCI_CLI_REGION), then to the region of the profile, of the instance, or
        E(OCI_RESOURCE_PRINCIPAL_REGION).
    type: str
  endpoints:
    description:
      - Base URLs of services that are not where the SDK expects them.
      - "Keys, of which the first that matches is used: C(<region>/<package>), C(<region>), C(<package>), V(default).
        A package is the SDK's, for example V(core) or V(container_engine); V(auth) is where instances get their
        tokens."
      - Falls back to E(OCI_ENDPOINT), as V(default).
    type: dict
  ca_file:
    description:
      - A file of CA certificates, in PEM, which the service's certificate is checked against instead of the built-in
        ones.
      - Falls back to E(OCI_CA_FILE), then to E(REQUESTS_CA_BUNDLE).
    type: path
  proxy_url:
    description:
      - URL of an HTTP proxy for requests to the API. The environment variables E(HTTP_PROXY) and E(HTTPS_PROXY) are
        ignored. Metadata services and clusters are always asked directly.
      - Falls back to E(OCI_PROXY_URL).
    type: str
  retry_timeout:
    description:
      - For how long, in seconds, one call is repeated while the service throttles it, fails or does not answer.
      - A write that must not be sent twice is not repeated; the resource is read again instead.
    type: float
    default: 300.0
  request_timeout:
    description:
      - How long, in seconds, one answer is waited for. Connecting takes at most 10 seconds of it.
    type: float
    default: 60.0
requirements:
  - The Python package C(oci), for the Python that runs the task. That is Ansible's own where the connection is
    V(local).
"""
