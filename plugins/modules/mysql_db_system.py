#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mysql_db_system
short_description: Keep a MySQL DB System
description:
  - Makes, changes and removes a DB System of the MySQL HeatWave service.
  - The administrator's password comes from a secret of a vault. It is read in memory at the moment the DB System is
    made, and is no option, variable or result.
  - O(wait_timeout) is 3600 seconds if not given.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment. Without O(id) the resource is looked for in it.
      - Needed to make it. The service cannot move it to another, that takes a new resource.
    type: str
  display_name:
    description:
      - Name of the resource, by which it is found without O(id). The service does not keep it unique; where several
        have it the task fails and lists them.
      - Needed to make it. With O(id) another name renames it, in place.
    type: str
  shape_name:
    description:
      - The shape, which gives CPU and memory, for example V(MySQL.4). The service lists those of the region.
      - Needed to make it. Changed in place, with a time in which the database is down.
    type: str
  subnet_id:
    description:
      - OCID of the subnet in which it has its address. Needed to make it. Changed in place.
    type: str
  admin_username:
    description:
      - Name of the administrator. Used only when it is made.
    type: str
  admin_password_secret_id:
    description:
      - OCID of the secret that holds the administrator's password, of 8 to 32 characters with a digit, a lower-case
        and an upper-case letter and another character. Used only when it is made.
    type: str
  availability_domain:
    description:
      - The availability domain of the primary instance. The service chooses one if not given. Changed in place.
    type: str
  fault_domain:
    description:
      - The fault domain of the primary instance, for example V(FAULT-DOMAIN-1). The service chooses one if not given.
        Changed in place.
    type: str
  description:
    description:
      - What it is for. Changed in place.
    type: str
  configuration_id:
    description:
      - OCID of the configuration, which sets the server's variables. The shape's default if not given. Changed in
        place.
    type: str
  mysql_version:
    description:
      - The version of MySQL, as the service lists it. The newest one if not given. A newer one is an upgrade in
        place.
    type: str
  hostname_label:
    description:
      - Its host name within the subnet's domain. Changed in place.
    type: str
  ip_address:
    description:
      - Its private IPv4 address, a free one of the subnet. The service chooses one if not given. Changed in place.
    type: str
  port:
    description:
      - The TCP port of the MySQL protocol, 3306 if not given when it is made. Changed in place.
    type: int
  port_x:
    description:
      - The TCP port of the X protocol, 33060 if not given when it is made. Changed in place.
    type: int
  is_highly_available:
    description:
      - Whether two more instances, in other domains, stand ready to take over the same address. Changed in place.
        Each table then needs a primary key.
    type: bool
  crash_recovery:
    description:
      - Whether what is needed to recover from a crash is written. V(DISABLED) makes loading data faster. Changed in
        place.
    type: str
    choices: [ENABLED, DISABLED]
  database_management:
    description:
      - Whether the Database Management service monitors it. Changed in place.
    type: str
    choices: [ENABLED, DISABLED]
  database_mode:
    description:
      - Whether users may write. Changed in place.
    type: str
    choices: [READ_WRITE, READ_ONLY]
  access_mode:
    description:
      - Whether all users get in, or administrators only. Changed in place.
    type: str
    choices: [UNRESTRICTED, RESTRICTED]
  nsg_ids:
    description:
      - OCIDs of the network security groups of its address. Changed in place; the list given is the list that stands.
    type: list
    elements: str
  data_storage_size_in_gbs:
    description:
      - Size of the data's volume in GB. It grows in place and never shrinks.
    type: int
  data_storage:
    description:
      - How the volume grows by itself. Changed in place.
    type: dict
    suboptions:
      is_auto_expand_storage_enabled:
        description:
          - Whether it grows when it gets full.
        type: bool
      max_storage_size_in_gbs:
        description:
          - Up to which size, in GB.
        type: int
  secure_connections:
    description:
      - The certificate for TLS. Changed in place.
    type: dict
    suboptions:
      certificate_generation_type:
        description:
          - Whether the service makes it, V(SYSTEM), or O(secure_connections.certificate_id) names one, V(BYOC).
        type: str
        choices: [SYSTEM, BYOC]
        required: true
      certificate_id:
        description:
          - OCID of a certificate of the Certificates service.
        type: str
  backup_policy:
    description:
      - Automatic backups. Changed in place, in a request of its own.
    type: dict
    suboptions:
      is_enabled:
        description:
          - Whether there are any.
        type: bool
      retention_in_days:
        description:
          - For how many days each is kept.
        type: int
      window_start_time:
        description:
          - When, in UTC, the half hour begins in which a backup starts, for example V(02:00).
        type: str
      soft_delete:
        description:
          - Whether a backup whose time is over is kept for another 7 days.
        type: str
        choices: [ENABLED, DISABLED]
      pitr_policy:
        description:
          - Recovery to a point in time.
        type: dict
        suboptions:
          is_enabled:
            description:
              - Whether what is needed for it is kept.
            type: bool
            required: true
  maintenance:
    description:
      - When and to what the service upgrades it. Changed in place, in a request of its own.
    type: dict
    suboptions:
      window_start_time:
        description:
          - Day and time, in UTC, at which the two hours begin, for example V(sun 04:00).
        type: str
      version_preference:
        description:
          - "Which version an automatic upgrade takes: V(OLDEST), V(SECOND_NEWEST) or V(NEWEST)."
        type: str
      version_track_preference:
        description:
          - "Which track an automatic upgrade takes: V(LONG_TERM_SUPPORT), V(INNOVATION) or V(FOLLOW), the track it is
            on."
        type: str
      maintenance_schedule_type:
        description:
          - "When an automatic upgrade comes: V(EARLY), once the version is deprecated, or V(REGULAR), once it is no
            longer available."
        type: str
  deletion_policy:
    description:
      - What happens when it is deleted. Changed in place.
    type: dict
    suboptions:
      automatic_backup_retention:
        description:
          - Whether automatic backups are deleted with it.
        type: str
        choices: [DELETE, RETAIN]
      final_backup:
        description:
          - Whether a last backup is taken.
        type: str
        choices: [SKIP_FINAL_BACKUP, REQUIRE_FINAL_BACKUP]
      is_delete_protected:
        description:
          - Whether the service refuses to delete it. O(state=absent) then fails until this is V(false).
        type: bool
  customer_contacts:
    description:
      - To whom Oracle writes about maintenance, at most 10. Changed in place; the list given is the list that stands.
    type: list
    elements: dict
    suboptions:
      email:
        description:
          - The address.
        type: str
        required: true
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.vault_secret
"""

EXAMPLES = r"""
- name: The shop's database
  okestack.oci.mysql_db_system:
    compartment_id: "{{ compartment_id }}"
    display_name: shop
    shape_name: MySQL.4
    subnet_id: "{{ mysql_subnet.subnet.id }}"
    nsg_ids: ["{{ mysql_group.network_security_group.id }}"]
    hostname_label: mysql
    admin_username: admin
    admin_password_secret_id: "{{ password.vault_secret.id }}"
    data_storage_size_in_gbs: 100
    is_highly_available: true
    backup_policy:
      is_enabled: true
      retention_in_days: 7
    deletion_policy:
      final_backup: REQUIRE_FINAL_BACKUP
      is_delete_protected: true

- name: Begin it now and wait for it later
  okestack.oci.mysql_db_system:
    compartment_id: "{{ compartment_id }}"
    display_name: reports
    shape_name: MySQL.2
    subnet_id: "{{ mysql_subnet.subnet.id }}"
    admin_username: admin
    admin_password_secret_id: "{{ password.vault_secret.id }}"
    data_storage_size_in_gbs: 50
    wait: false
"""

RETURN = r"""
mysql_db_system:
  description:
    - The DB System as the service shows it, or as it would be in check mode. V(null) when it is absent.
    - It holds all fields of the service's model under the SDK's names. Here are those that count most.
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
      description: State of its life cycle.
      type: str
      sample: ACTIVE
    time_created:
      description: When it was made.
      type: str
      sample: "2026-11-20T08:00:00.000000+00:00"
    lifecycle_details:
      description: What the service says about its state.
      type: str
    endpoints:
      description: Where it answers.
      type: list
      elements: dict
      sample:
        - hostname: mysql.mysql.shop.oraclevcn.com
          ip_address: 10.0.2.10
          port: 3306
          port_x: 33060
          status: ACTIVE
          modes: [READ, WRITE]
    ip_address:
      description: Its private address.
      type: str
      sample: 10.0.2.10
    port:
      description: The TCP port of the MySQL protocol.
      type: int
      sample: 3306
    mysql_version:
      description: The version of MySQL.
      type: str
    shape_name:
      description: Its shape.
      type: str
      sample: MySQL.4
    is_highly_available:
      description: Whether two more instances stand ready.
      type: bool
    freeform_tags:
      description: All its tags without a namespace.
      type: dict
    defined_tags:
      description: All its tags of namespaces.
      type: dict
duration:
  description: How long making, changing or removing it and waiting for it took, in seconds.
  returned: when something changes
  type: float
  sample: 2.4
diff:
  description: What changes, and nothing else. Secrets and values not known yet are named, not shown.
  returned: when something changes
  type: dict
  contains:
    before:
      description: The fields that change, as they were. Empty where the resource is made.
      type: dict
    after:
      description: The same fields as they are now, or would be in check mode.
      type: dict
    before_header:
      description: The resource.
      type: str
    after_header:
      description: The resource and what happens to it.
      type: str
changes:
  description: What was done, or would be in check mode, as a name and a word for it.
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
"""

from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.mysql import MYSQL_DB_SYSTEM


def main() -> None:
    run_module(MYSQL_DB_SYSTEM)


if __name__ == "__main__":
    main()
