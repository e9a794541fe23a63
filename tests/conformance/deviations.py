# ruff: noqa: E501
"""What the region answers otherwise than the cloud was recorded to, by file and difference, each with its reason."""

from __future__ import annotations

DEVIATIONS: dict[str, dict[str, str]] = {
    "iam-02-policy-etag-409": {
        "message: The If-Match header does not match the resource's current etag.": "to be mended",
        "status 412, not 409": "to be mended",
    },
    "lb-02-work-request": {"message is more": "to be mended"},
    "lb-01-create": {"header etag more": "to be mended"},
    "net-01-create-vcn": {"lifecycleState is PROVISIONING, not AVAILABLE": "to be mended"},
    "net-02-create-subnet": {"lifecycleState is PROVISIONING, not AVAILABLE": "to be mended"},
    "net-03-create-nat-gateway": {"lifecycleState is PROVISIONING, not AVAILABLE": "to be mended"},
    "net-07-delete-subnet-vnic-2024": {
        "message: The Subnet <subnet> references the VNIC <vnic>. You must remove the reference to proceed with this operation.": "to be mended"
    },
    "net-10-delete-nsg-vnics": {
        "code is Conflict, not PreconditionFailed": "to be mended",
        "message: The Network Security Group <networksecuritygroup> references the VNIC <vnic>. You must remove the reference to proceed with this operation.": "to be mended",
        "status 409, not 412": "to be mended",
    },
    "net-11-limits": {
        "VCNs without end": "to be mended",
        "message: The limit of 1 NAT Gateway in VCN <vcn> has been reached.": "to be mended",
    },
    "oke-02-work-request-accepted": {
        "operationType is VIRTUALNODEPOOL_CREATE, not NODEPOOL_CREATE": "to be mended",
        "resources[].entityType is virtualnodepool, not nodepool": "to be mended",
        "resources[].identifier is an OCID of virtualnodepool in a region, 5 parts, amaaaaaa and 60 letters": "to be mended",
    },
    "oke-04-get-cluster": {
        "availableKubernetesUpgrades is empty": "to be mended",
        "options.serviceLbSubnetIds is empty": "to be mended",
    },
    "oke-15-pod-refusals": {
        "refused: spec.containers[0].livenessProbe.tcpSocket: virtual nodes support httpGet and exec probes only": "to be mended"
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
    "net-01-create-vcn": frozenset(["cidrBlocks", "isZprOnly"]),
    "net-02-create-subnet": frozenset(["ipv4CidrBlocks", "prohibitInternetIngress"]),
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
