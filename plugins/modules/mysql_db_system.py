#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mysql_db_system
short_description: Keep a MySQL DB System
description:
  - Makes, changes and removes a DB System of the MySQL HeatWave service, starts, stops and restarts it.
  - The administrator's password comes from a secret of a vault. It is read in memory at the moment the DB System is
    made, and is never an option, variable or result.
  - A shape or version that the region does not offer, storage that would shrink and the removal of a DB System that is
    protected are refused before anything is written.
  - O(wait_timeout) is 3600 seconds if not given.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  state:
    description:
      - V(present) makes the DB System, or changes what differs from the options given. An option that is not given is
        not managed, and whether it runs is left alone.
      - V(started) and V(stopped) see to that as well. One that is to run is started before it is changed, since much
        does not change while it is stopped. One that is to be stopped is changed first. Storage and backups of a
        stopped one are paid for.
      - V(restarted) restarts it in each run, unless it was made or started in it.
      - V(absent) removes it, with its HeatWave cluster.
    type: str
    choices: [present, absent, started, stopped, restarted]
    default: present
  shutdown_type:
    description:
      - How O(state=stopped) and O(state=restarted) end the server, which is InnoDB's C(innodb_fast_shutdown).
      - V(FAST) writes what is in memory. V(SLOW) also cleans up, which takes longer, and the next start is short.
        V(IMMEDIATE) does neither, and the next start takes long.
    type: str
    choices: [IMMEDIATE, FAST, SLOW]
    default: FAST
  compartment_id:
    description:
      - OCID of the compartment. Unless O(id) is given, the resource is looked up in it.
      - Required to create it. The service cannot move it, so changing the compartment requires replacing the DB
        System.
    type: str
  display_name:
    description:
      - Name of the resource, by which it is found unless O(id) is given. The service does not keep names unique; if
        several resources have this name, the task fails and lists them.
      - Required to create it. With O(id), a different name renames the resource, in place.
    type: str
  shape_name:
    description:
      - The shape, which gives CPU and memory, for example V(MySQL.4). One that the region does not offer is refused with
        those that it does.
      - Required to create it. Changed in place, with a time in which the database is down.
    type: str
  subnet_id:
    description:
      - OCID of the subnet in which it has its address. Required to create it. Changed in place.
    type: str
  admin_username:
    description:
      - Name of the administrator, who keeps it as long as the DB System is there. Another name is refused where the
        free-form tag C(okestack-administrator) says who it is.
    type: str
  admin_password_secret_id:
    description:
      - OCID of the secret that holds the administrator's password, of 8 to 32 characters with a digit, a lower-case
        and an upper-case letter and another character.
      - A new version of the secret, or another secret, becomes the administrator's password at the next run. The service
        shows no password, so the module keeps a free-form tag on the DB System, C(okestack-administrator), that says which
        version of which secret it was made with. Of a DB System without the tag it takes the version that was there when
        the DB System was made. The password of a stopped DB System is changed once it runs.
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
      - The version of MySQL, as the service lists it. The service chooses one if not given. A newer one is an upgrade
        in place; an older one, or one that the region does not offer, is refused.
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
      - The TCP port of the MySQL protocol, 3306 by default. Changed in place.
    type: int
  port_x:
    description:
      - The TCP port of the X protocol, 33060 by default. Changed in place.
    type: int
  is_highly_available:
    description:
      - Whether two more instances, in other domains, stand ready to take over the same address. Changed in place.
        Each table then needs a primary key. Not taken with V(MySQL.Free).
    type: bool
  crash_recovery:
    description:
      - Whether what is needed to recover from a crash is written. V(DISABLED) makes loading data faster, and the
        service then takes no backup and neither stops nor restarts the DB System. Changed in place.
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
      - OCIDs of the network security groups of its address. Changed in place; the list given replaces the current
        one.
    type: list
    elements: str
  security_attributes:
    description:
      - Labels for Zero Trust Packet Routing, as namespace, name, and a dict of C(value) and C(mode). Changed in place;
        the list given replaces the one there.
    type: dict
  data_storage_size_in_gbs:
    description:
      - Size of the data's volume in GB. It grows in place and never shrinks. A smaller one is refused.
    type: int
  data_storage:
    description:
      - Automatic growth of the volume. Changed in place.
    type: dict
    suboptions:
      is_auto_expand_storage_enabled:
        description:
          - Whether it grows when it gets full.
        type: bool
      max_storage_size_in_gbs:
        description:
          - Up to which size, in GB. Only where it grows.
        type: int
  encrypt_data:
    description:
      - The key that encrypts its volumes and backups. Changed in place.
    type: dict
    suboptions:
      key_generation_type:
        description:
          - Whether it is Oracle's, V(SYSTEM), or O(encrypt_data.key_id) names one, V(BYOK).
        type: str
        choices: [SYSTEM, BYOK]
        required: true
      key_id:
        description:
          - OCID of a key of a vault, which the DB System is allowed to use by a policy.
        type: str
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
      - Automatic backups. Changed in place, in a request of its own. Not taken with V(MySQL.Free).
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
      copy_policies:
        description:
          - Where each backup is copied to, one region at most. The list given replaces the current one.
        type: list
        elements: dict
        suboptions:
          copy_to_region:
            description:
              - Name of the region.
            type: str
            required: true
          backup_copy_retention_in_days:
            description:
              - For how many days a copy is kept.
            type: int
      freeform_tags:
        description:
          - Tags without a namespace that the backups carry. Keys that are not given keep their values.
        type: dict
      defined_tags:
        description:
          - Tags of tag namespaces that the backups carry. Keys that are not given keep their values.
        type: dict
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
      maintenance_disabled_windows:
        description:
          - When there is no maintenance that the database would be down for, one window at most. The list given
            replaces the current one.
        type: list
        elements: dict
        suboptions:
          time_start:
            description:
              - When it begins, for example V(2027-12-20T00:00:00Z).
            type: str
            required: true
          time_end:
            description:
              - When it ends.
            type: str
            required: true
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
          - Whether the service refuses to delete it. O(state=absent), in check mode as well, and a replacement then
            fail until this is V(false).
        type: bool
  customer_contacts:
    description:
      - To whom Oracle writes about maintenance, at most 10. Changed in place; the list given replaces the current
        one.
    type: list
    elements: dict
    suboptions:
      email:
        description:
          - The address.
        type: str
        required: true
  rest:
    description:
      - The REST service of the DB System. Changed in place.
    type: dict
    suboptions:
      configuration:
        description:
          - Where it runs, V(DBSYSTEM_ONLY), or V(DISABLED).
        type: str
        required: true
      port:
        description:
          - Its TCP port, 443 or one from 1024 on. Only where it runs.
        type: int
  database_console:
    description:
      - The console in the browser. Changed in place.
    type: dict
    suboptions:
      status:
        description:
          - Whether there is one.
        type: str
        choices: [ENABLED, DISABLED]
        required: true
      port:
        description:
          - Its TCP port, 443 or one from 1024 on. Only where there is one.
        type: int
  read_endpoint:
    description:
      - An address of its own that shares reads among the read replicas. Changed in place.
    type: dict
    suboptions:
      is_enabled:
        description:
          - Whether there is one.
        type: bool
      read_endpoint_ip_address:
        description:
          - Its private IPv4 address, a free one of the subnet. The service chooses one if not given.
        type: str
      read_endpoint_hostname_label:
        description:
          - Its host name within the subnet's domain.
        type: str
      exclude_ips:
        description:
          - Addresses of the replicas that take no part.
        type: list
        elements: str
  telemetry_configuration:
    description:
      - Where the server's logs are sent to. Changed in place.
    type: dict
    suboptions:
      logs:
        description:
          - Destinations. The list given replaces the current one.
        type: list
        elements: dict
        suboptions:
          destination:
            description:
              - Kind of the destination, V(LOG_ANALYTICS) or V(OPEN_TELEMETRY).
            type: str
            required: true
          log_types:
            description:
              - Which logs, of V(ERROR_LOG), V(GENERAL_LOG), V(SLOW_QUERY_LOG) and V(AUDIT_LOG).
            type: list
            elements: str
            required: true
          destination_configurations:
            description:
              - Settings of the destination.
            type: list
            elements: dict
            required: true
            suboptions:
              key:
                description:
                  - Name of the setting.
                type: str
                required: true
              value:
                description:
                  - Its value, which is not secret.
                type: str
                required: true
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.mysql_db_system_info
  - module: okestack.oci.mysql_heatwave_cluster
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

- name: More room and a window for maintenance, none of it over the holidays
  okestack.oci.mysql_db_system:
    compartment_id: "{{ compartment_id }}"
    display_name: shop
    data_storage_size_in_gbs: 200
    data_storage:
      is_auto_expand_storage_enabled: true
      max_storage_size_in_gbs: 400
    maintenance:
      window_start_time: sun 03:00
      maintenance_disabled_windows:
        - time_start: "2027-12-20T00:00:00Z"
          time_end: "2028-01-03T00:00:00Z"
    customer_contacts:
      - email: dba@example.org

- name: No reports over night
  okestack.oci.mysql_db_system:
    compartment_id: "{{ compartment_id }}"
    display_name: reports
    state: stopped
    shutdown_type: SLOW

- name: Reports again in the morning, on a larger shape
  okestack.oci.mysql_db_system:
    compartment_id: "{{ compartment_id }}"
    display_name: reports
    state: started
    shape_name: MySQL.4

- name: Take the protection off before removing it
  okestack.oci.mysql_db_system:
    compartment_id: "{{ compartment_id }}"
    display_name: shop
    deletion_policy:
      is_delete_protected: false

- name: Remove it, keeping the final backup
  okestack.oci.mysql_db_system:
    compartment_id: "{{ compartment_id }}"
    display_name: shop
    state: absent
"""

RETURN = r"""
mysql_db_system:
  description:
    - The DB System as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
      sample: ACTIVE
    time_created:
      description: When it was created.
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
from ansible_collections.okestack.oci.plugins.module_utils.types.mysql import MYSQL_DB_SYSTEM


def main() -> None:
    run_module(MYSQL_DB_SYSTEM)


if __name__ == "__main__":
    main()
