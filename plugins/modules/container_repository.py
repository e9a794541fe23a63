#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: container_repository
short_description: Keep a repository of the container registry
description:
  - Makes, changes and removes a repository of the container registry, to which images are pushed.
  - Images go to C(<region key>.ocir.io/<namespace>/<display_name>). Removing a repository removes its images.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment. Unless O(id) is given, the resource is looked up in it.
      - Required to create it. With O(id), a different compartment moves the resource there, in place.
    type: str
  display_name:
    description:
      - Name of the repository, unique in the tenancy, with slashes if wanted. Changing the name requires replacing
        the repository.
      - Required to create it.
    type: str
  is_public:
    description:
      - Whether everybody can pull without signing in. Changed in place.
    type: bool
  is_immutable:
    description:
      - Whether a tag, once pushed, stays what it is. Changed in place.
    type: bool
  readme:
    description:
      - A text shown with the repository. Changed in place.
    type: dict
    suboptions:
      content:
        description:
          - The text.
        type: str
        required: true
      format:
        description:
          - What the text is.
        type: str
        choices: [TEXT_MARKDOWN, TEXT_PLAIN]
        required: true
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.container_repository_info
"""

EXAMPLES = r"""
- name: A private place for the application's images
  okestack.oci.container_repository:
    compartment_id: "{{ compartment_id }}"
    display_name: shop/web
    is_public: false
  register: web

- name: Let no tag change its image any more, and say what is in there
  okestack.oci.container_repository:
    id: "{{ web.container_repository.id }}"
    is_immutable: true
    readme:
      format: TEXT_MARKDOWN
      content: |
        # The shop's web server
        Tags are versions: `1.4.2`.

- name: Where the application's images are pushed to
  ansible.builtin.debug:
    msg: "{{ web.container_repository.namespace }}/{{ web.container_repository.display_name }}"
"""

RETURN = r"""
container_repository:
  description:
    - The repository as the service shows it, or as it would be in check mode. V(null) if it is absent.
    - It contains all fields of the service's model under the SDK's names. The most important are listed here.
  returned: success
  type: dict
  contains:
    id:
      description: OCID of the resource.
      type: str
    compartment_id:
      description: OCID of its compartment.
      type: str
    display_name:
      description: Its name.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: AVAILABLE
    time_created:
      description: When it was created.
      type: str
      sample: "2026-11-20T08:00:00.000000+00:00"
    namespace:
      description: The tenancy's name in the path of images.
      type: str
    image_count:
      description: How many images it holds.
      type: int
      sample: 3
    is_public:
      description: Whether everybody can pull.
      type: bool
    freeform_tags:
      description: Its free-form tags.
      type: dict
    defined_tags:
      description: Its defined tags.
      type: dict
duration:
  description: How long it took to create, change or remove the resource and to wait for it, in seconds.
  returned: when something changes
  type: float
  sample: 2.4
diff:
  description: Only what changes. Secrets, and values that are not known yet, are named but not shown.
  returned: when something changes
  type: dict
  contains:
    before:
      description: The fields that change, with their previous values. Empty if the resource is created.
      type: dict
    after:
      description: The same fields with their new values.
      type: dict
    before_header:
      description: The resource.
      type: str
    after_header:
      description: The resource and what happens to it.
      type: str
changes:
  description: What was done, or would be done in check mode.
  returned: when something changes
  type: list
  elements: dict
  contains:
    name:
      description: The resource.
      type: str
    change:
      description: What happened to it, V(created), V(changed), V(replaced) or V(removed).
      type: str
    calls:
      description: In check mode, the calls that would be made, in order.
      type: list
      elements: str
"""

from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.registry import CONTAINER_REPOSITORY


def main() -> None:
    run_module(CONTAINER_REPOSITORY)


if __name__ == "__main__":
    main()
