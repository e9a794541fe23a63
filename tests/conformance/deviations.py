"""What the region answers otherwise than the cloud was recorded to, by file and difference, each with its reason."""

from __future__ import annotations

_VIRTUAL = "the record is of managed nodes, which the region lacks; a virtual pool has words of its own"
_CASE = "the record has a cluster of an old release, with subnets for its load balancers; the region's is of the newest"

DEVIATIONS: dict[str, dict[str, str]] = {
    "oke-02-work-request-accepted": {
        "operationType is VIRTUALNODEPOOL_CREATE, not NODEPOOL_CREATE": _VIRTUAL,
        "resources[].entityType is virtualnodepool, not nodepool": _VIRTUAL,
        "resources[].identifier is an OCID of virtualnodepool in a region, 5 parts, amaaaaaa and 60 letters": _VIRTUAL,
    },
    "oke-04-get-cluster": {
        "availableKubernetesUpgrades is empty": _CASE,
        "options.serviceLbSubnetIds is empty": _CASE,
    },
}
"""File to difference to reason."""

NEWER: dict[str, frozenset[str]] = {
    "kms-01-get-vault": frozenset(
        [
            "externalKeyManagerMetadataSummary",
            "isPrimary",
            "isVaultReplicable",
            "replicaDetails",
            "restoredFromVaultId",
            "wrappingkeyId",
        ]
    ),
    "kms-06-create-key": frozenset(
        [
            "autoKeyRotationDetails",
            "externalKeyReferenceDetails",
            "isAutoRotationEnabled",
            "isPrimary",
            "protectionMode",
            "replicaDetails",
            "restoredFromKeyId",
        ]
    ),
    "lb-02-work-request": frozenset(["compartmentId"]),
    "mysql-01-create": frozenset(
        [
            "accessMode",
            "availabilityDomain",
            "backupPolicy",
            "crashRecovery",
            "customerContacts",
            "dataStorage",
            "controlledUpdate",
            "databaseConsole",
            "ipv6AddressIpv6SubnetCidrPairDetails",
            "maintenance.targetVersion",
            "maintenance.timeScheduled",
            "pointInTimeRecoveryDetails",
            "securityAttributes",
            "systemTags",
            "telemetryConfiguration",
            "databaseManagement",
            "databaseMode",
            "deletionPolicy",
            "encryptData",
            "isIpv6Enabled",
            "maintenance.maintenanceDisabledWindows",
            "maintenance.maintenanceScheduleType",
            "maintenance.versionPreference",
            "maintenance.versionTrackPreference",
            "nsgIds",
            "readEndpoint",
            "rest",
            "secureConnections",
        ]
    ),
    "net-01-create-vcn": frozenset(["cidrBlocks", "isZprOnly", "securityAttributes", "systemTags"]),
    "net-02-create-subnet": frozenset(["ipv4CidrBlocks", "prohibitInternetIngress", "systemTags"]),
    "net-03-create-nat-gateway": frozenset(["publicIpId"]),
    "oke-04-get-cluster": frozenset(
        [
            "clusterPodNetworkOptions",
            "definedTags",
            "endpointConfig",
            "endpoints.ipv6Endpoint",
            "endpoints.privateEndpoint",
            "endpoints.publicEndpoint",
            "endpoints.vcnHostnameEndpoint",
            "freeformTags",
            "imagePolicyConfig",
            "kmsKeyId",
            "openIdConnectDiscoveryEndpoint",
            "openIdConnectDiscoveryKey",
            "options.admissionControllerOptions",
            "options.ipFamilies",
            "options.openIdConnectDiscovery",
            "options.openIdConnectTokenAuthenticationConfig",
            "options.persistentVolumeConfig",
            "options.serviceLbConfig",
            "systemTags",
            "type",
        ]
    ),
}
"""File to the keys that the API has had since the answer was recorded."""
