#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: container_repository_info
short_description: Look up container repositories
description:
  - Lists the container repositories of a compartment, or one by its OCID.
  - The service's list leaves out some fields; reading them takes one call for each repository.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  display_name:
    description:
      - Their name.
    type: str
extends_documentation_fragment:
  - okestack.oci.lookup
  - okestack.oci.lookup.details
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.container_repository
"""

EXAMPLES = r"""
- name: The application's images
  okestack.oci.container_repository_info:
    compartment_id: "{{ compartment_id }}"
    display_name: shop/api
  register: found

- name: How many versions there are
  ansible.builtin.debug:
    msg: "{{ found.container_repositories | map(attribute='image_count') | sum }}"
"""

RETURN = r"""
container_repositories:
  description:
    - The resources found, in the service's order. Empty if there are none.
    - Each contains all fields of the service's model under the SDK's names. The most important are listed here.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: OCID of the resource.
      type: str
    display_name:
      description: Its name.
      type: str
      sample: shop
    compartment_id:
      description: OCID of its compartment.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: AVAILABLE
    image_count:
      description: How many images it holds.
      type: int
      sample: 12
    layers_size_in_bytes:
      description: How much room they take.
      type: int
      sample: 104857600
    is_public:
      description: Whether anybody may pull from it.
      type: bool
      sample: false
    is_immutable:
      description: Whether a tag stays with its image.
      type: bool
      sample: false
    namespace:
      description: The tenancy's namespace, the first part of an image's path.
      type: str
      sample: mytenancy
    freeform_tags:
      description: Its free-form tags.
      type: dict
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.registry import CONTAINER_REPOSITORY


def main() -> None:
    run_module(InfoTask(CONTAINER_REPOSITORY))


if __name__ == "__main__":
    main()
