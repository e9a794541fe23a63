#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: url_check
short_description: Write, read and remove an entry through a URL
version_added: 0.1.0
description:
  - Makes an entry by a POST of JSON to a URL, reads it below the URL by the id in the answer, removes it and looks that it is
    gone. What it wrote does not stay.
  - Tells of the certificate that the server shows, whether it is trusted or not.
  - It does not fail where a step does, but says which.
  - In check mode it reads the URL only.
options:
  url:
    description: The URL of all entries, C(http) or C(https), without a log-in.
    type: str
    required: true
  address:
    description: Address to connect to instead of what the host of O(url) resolves to.
    type: str
  ca_certificate:
    description:
      - CA certificates, in PEM, that the server's certificate is checked against. If not given, it is not checked.
    type: str
  entry:
    description: The entry to write. One with a C(name) of its own if not given.
    type: dict
    default: {}
  id_field:
    description: The field of the answer that holds the entry's id.
    type: str
    default: id
  timeout:
    description: How long to wait for an answer, in seconds.
    type: int
    default: 20
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.url_wait
  - module: okestack.oci.site_findings
author:
  - Okestack contributors (@okestack)
"""

EXAMPLES = r"""
- name: Does the application keep what it is given?
  okestack.oci.url_check:
    url: https://shop.example.com/api/items
    address: "{{ ingress.addresses[0] }}"
  register: through
"""

RETURN = r"""
url:
  description: The URL.
  type: str
  returned: success
  sample: https://shop.example.com/api/items
certificate:
  description: The certificate that the server shows. V(null) for C(http), and where nothing answers.
  type: dict
  returned: success
  sample:
    names: [shop.example.com]
    not_after: '2027-11-28T20:00:00Z'
    days_left: 364
    fingerprint: 5f0c...
steps:
  description: What was done, up to the first step that failed.
  type: list
  elements: dict
  returned: success
  sample:
    - {step: a write, ok: true, status: 201, text: status 201}
    - {step: a read, ok: false, status: 500, text: status 500 instead of 200}
"""

from ansible_collections.okestack.oci.plugins.module_utils.kube.url_check_task import UrlCheckTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(UrlCheckTask())


if __name__ == "__main__":
    main()
