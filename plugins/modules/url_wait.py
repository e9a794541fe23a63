#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: url_wait
short_description: Wait until a URL answers
version_added: 0.1.0
description:
  - Asks for a URL until it answers as wanted, and checks the server's certificate while doing so.
  - It can ask an address of which the name service does not know yet, under the name that clients will use.
  - In check mode it asks once, and only warns.
options:
  url:
    description: The URL, C(http) or C(https).
    type: str
    required: true
  address:
    description: Address to connect to instead of what the host of O(url) resolves to.
    type: str
  ca_certificate:
    description: CA certificates, in PEM, that the server's certificate is checked against, instead of the system's.
    type: str
  status:
    description: The statuses that are waited for.
    type: list
    elements: int
    default: [200]
  contains:
    description: Text that the answer must hold.
    type: str
  wait_timeout:
    description: For how long, in seconds.
    type: int
    default: 300
  wait_interval:
    description: The longest pause, in seconds, between two questions.
    type: float
    default: 10.0
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
author:
  - The okestack.oci authors (@okestack)
"""

EXAMPLES = r"""
- name: Until the application answers at its load balancer
  okestack.oci.url_wait:
    url: https://shop.example.com/healthz
    address: "{{ ingress.addresses[0] }}"
    ca_certificate: "{{ tls.secret.certificate }}"
"""

RETURN = r"""
url:
  description: The URL.
  type: str
  returned: always
  sample: https://shop.example.com/healthz
status:
  description: The answer's status.
  type: int
  returned: always
  sample: 200
duration:
  description: How long it took, in seconds.
  type: float
  returned: always
  sample: 12.3
"""

from ansible_collections.okestack.oci.plugins.module_utils.kube.url_task import UrlTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main():
    run_module(UrlTask())


if __name__ == "__main__":
    main()
