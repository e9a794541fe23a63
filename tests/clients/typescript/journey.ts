// The journey with Oracle's SDK for TypeScript. What it has to do is said in tests/clients/journey.py.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

import artifacts from "oci-artifacts";
import common from "oci-common";
import engine from "oci-containerengine";
import core from "oci-core";
import identity from "oci-identity";
import kms from "oci-keymanagement";
import mysql from "oci-mysql";
import vault from "oci-vault";
import requests from "oci-workrequests";

const authenticationDetailsProvider = new common.ConfigFileAuthenticationDetailsProvider(
  process.env.OCI_CONFIG_FILE,
  process.env.OCI_CONFIG_PROFILE,
);
const signedIn = { authenticationDetailsProvider };
const tenancy = authenticationDetailsProvider.getTenantId();

/** Ask again until what is asked for is in a state; the last answer. */
async function until<T>(state: string, ask: () => Promise<T>, read: (answer: T) => string | undefined): Promise<T> {
  for (let turn = 0; turn < 300; turn++) {
    const answer = await ask();
    if (read(answer) === state) return answer;
    await pause(100);
  }
  throw new Error(`not ${state} after 30 seconds`);
}

const people = new identity.IdentityClient(signedIn);
const compartments = await people.listCompartments({ compartmentId: tenancy });
const compartmentId = compartments.items.find((one) => one.name === "okestack")!.id;
const availabilityDomain = (await people.listAvailabilityDomains({ compartmentId: tenancy })).items[0].name!;

// A network: a VCN with a second block, and a subnet.
const network = new core.VirtualNetworkClient(signedIn);
const vcnId = (
  await network.createVcn({ createVcnDetails: { compartmentId, displayName: "made", cidrBlocks: ["10.0.0.0/16"] } })
).vcn.id;
const vcnIs = (state: string) => until(state, () => network.getVcn({ vcnId }), (found) => found.vcn.lifecycleState);
await vcnIs("AVAILABLE");
await network.updateVcn({ vcnId, updateVcnDetails: { displayName: "journey", freeformTags: { by: "typescript" } } });
const vcns = await network.listVcns({ compartmentId, displayName: "journey" });
assert.deepEqual(vcns.items.map((one) => one.id), [vcnId]);
const added = await network.addVcnCidr({ vcnId, addVcnCidrDetails: { cidrBlock: "10.1.0.0/16" } });
const works = new requests.WorkRequestClient(signedIn);
const { workRequest } = await until(
  "SUCCEEDED",
  () => works.getWorkRequest({ workRequestId: added.opcWorkRequestId }),
  (found) => found.workRequest.status,
);
assert.deepEqual(workRequest.resources.map((one) => one.identifier), [vcnId]);
const subnetId = (
  await network.createSubnet({
    createSubnetDetails: { compartmentId, vcnId, displayName: "made", cidrBlock: "10.0.1.0/24" },
  })
).subnet.id;
const subnetIs = (state: string) =>
  until(state, () => network.getSubnet({ subnetId }), (found) => found.subnet.lifecycleState);
await subnetIs("AVAILABLE");
await network.updateSubnet({ subnetId, updateSubnetDetails: { displayName: "journey" } });
const subnets = await network.listSubnets({ compartmentId, vcnId });
assert.deepEqual(subnets.items.map((one) => one.displayName), ["journey"]);

// A security group with a rule.
const networkSecurityGroupId = (
  await network.createNetworkSecurityGroup({
    createNetworkSecurityGroupDetails: { compartmentId, vcnId, displayName: "made" },
  })
).networkSecurityGroup.id;
const groupIs = (state: string) =>
  until(
    state,
    () => network.getNetworkSecurityGroup({ networkSecurityGroupId }),
    (found) => found.networkSecurityGroup.lifecycleState,
  );
await groupIs("AVAILABLE");
await network.updateNetworkSecurityGroup({
  networkSecurityGroupId,
  updateNetworkSecurityGroupDetails: { displayName: "journey" },
});
await groupIs("AVAILABLE");
const groups = await network.listNetworkSecurityGroups({ compartmentId, vcnId });
assert.deepEqual(groups.items.map((one) => one.displayName), ["journey"]);
const rule = {
  direction: core.models.AddSecurityRuleDetails.Direction.Ingress,
  protocol: "6",
  source: "10.0.0.0/16",
  sourceType: core.models.AddSecurityRuleDetails.SourceType.CidrBlock,
};
const { addedNetworkSecurityGroupSecurityRules } = await network.addNetworkSecurityGroupSecurityRules({
  networkSecurityGroupId,
  addNetworkSecurityGroupSecurityRulesDetails: { securityRules: [rule] },
});
const ruleId = addedNetworkSecurityGroupSecurityRules.securityRules![0].id!;
await network.updateNetworkSecurityGroupSecurityRules({
  networkSecurityGroupId,
  updateNetworkSecurityGroupSecurityRulesDetails: { securityRules: [{ ...rule, id: ruleId, description: "changed" }] },
});
const rules = () => network.listNetworkSecurityGroupSecurityRules({ networkSecurityGroupId });
assert.deepEqual((await rules()).items.map((one) => [one.id, one.description]), [[ruleId, "changed"]]);
await network.removeNetworkSecurityGroupSecurityRules({
  networkSecurityGroupId,
  removeNetworkSecurityGroupSecurityRulesDetails: { securityRuleIds: [ruleId] },
});
assert.deepEqual((await rules()).items, []);
await network.deleteNetworkSecurityGroup({ networkSecurityGroupId });
await groupIs("TERMINATED");

// The gateways.
const igId = (
  await network.createInternetGateway({
    createInternetGatewayDetails: { compartmentId, vcnId, displayName: "made", isEnabled: true },
  })
).internetGateway.id;
const internetIs = (state: string) =>
  until(state, () => network.getInternetGateway({ igId }), (found) => found.internetGateway.lifecycleState);
await internetIs("AVAILABLE");
await network.updateInternetGateway({ igId, updateInternetGatewayDetails: { displayName: "journey" } });
const outward = await network.listInternetGateways({ compartmentId, vcnId });
assert.deepEqual(outward.items.map((one) => one.displayName), ["journey"]);
await network.deleteInternetGateway({ igId });
await internetIs("TERMINATED");

const natGatewayId = (
  await network.createNatGateway({ createNatGatewayDetails: { compartmentId, vcnId, displayName: "made" } })
).natGateway.id;
const natIs = (state: string) =>
  until(state, () => network.getNatGateway({ natGatewayId }), (found) => found.natGateway.lifecycleState);
await natIs("AVAILABLE");
await network.updateNatGateway({ natGatewayId, updateNatGatewayDetails: { displayName: "journey" } });
const nats = await network.listNatGateways({ compartmentId, vcnId });
assert.deepEqual(nats.items.map((one) => one.displayName), ["journey"]);
await network.deleteNatGateway({ natGatewayId });
await natIs("TERMINATED");

const every = (await network.listServices({})).items.find((one) => one.cidrBlock.startsWith("all-"))!;
const serviceGatewayId = (
  await network.createServiceGateway({
    createServiceGatewayDetails: { compartmentId, vcnId, displayName: "made", services: [{ serviceId: every.id }] },
  })
).serviceGateway.id;
const serviceIs = (state: string) =>
  until(state, () => network.getServiceGateway({ serviceGatewayId }), (found) => found.serviceGateway.lifecycleState);
await serviceIs("AVAILABLE");
await network.updateServiceGateway({ serviceGatewayId, updateServiceGatewayDetails: { displayName: "journey" } });
const toServices = await network.listServiceGateways({ compartmentId, vcnId });
assert.deepEqual(toServices.items.map((one) => one.displayName), ["journey"]);
await network.deleteServiceGateway({ serviceGatewayId });
await serviceIs("TERMINATED");

// A policy.
const policyId = (
  await people.createPolicy({
    createPolicyDetails: {
      compartmentId,
      name: "journey",
      description: "made",
      statements: [`Allow any-user to inspect vcns in compartment id ${compartmentId}`],
    },
  })
).policy.id;
await people.updatePolicy({ policyId, updatePolicyDetails: { description: "changed" } });
const policies = await people.listPolicies({ compartmentId, name: "journey" });
assert.deepEqual(policies.items.map((one) => one.description), ["changed"]);
await people.deletePolicy({ policyId });

// A vault, a key that encrypts, a secret.
const vaults = new kms.KmsVaultClient(signedIn);
const vaultId = (
  await vaults.createVault({
    createVaultDetails: {
      compartmentId,
      displayName: "made",
      vaultType: kms.models.CreateVaultDetails.VaultType.Default,
    },
  })
).vault.id;
const vaultIs = (state: string) =>
  until(state, () => vaults.getVault({ vaultId }), (found) => found.vault.lifecycleState);
const made = (await vaultIs("ACTIVE")).vault;
await vaults.updateVault({ vaultId, updateVaultDetails: { displayName: "journey" } });
await vaultIs("ACTIVE");
const found = await vaults.listVaults({ compartmentId });
assert.equal(found.items.find((one) => one.id === vaultId)?.displayName, "journey");

const keys = new kms.KmsManagementClient(signedIn);
keys.endpoint = made.managementEndpoint;
const keyId = (
  await keys.createKey({
    createKeyDetails: {
      compartmentId,
      displayName: "made",
      keyShape: { algorithm: kms.models.KeyShape.Algorithm.Aes, length: 32 },
    },
  })
).key.id;
const keyIs = (state: string) => until(state, () => keys.getKey({ keyId }), (answer) => answer.key.lifecycleState);
await keyIs("ENABLED");
await keys.updateKey({ keyId, updateKeyDetails: { displayName: "journey" } });
await keyIs("ENABLED");
assert.deepEqual((await keys.listKeys({ compartmentId })).items.map((one) => one.displayName), ["journey"]);
const crypto = new kms.KmsCryptoClient(signedIn);
crypto.endpoint = made.cryptoEndpoint;
const plaintext = Buffer.from("word").toString("base64");
const sealed = await crypto.encrypt({ encryptDataDetails: { keyId, plaintext } });
const opened = await crypto.decrypt({ decryptDataDetails: { keyId, ciphertext: sealed.encryptedData.ciphertext } });
assert.equal(opened.decryptedData.plaintext, plaintext);

const secrets = new vault.VaultsClient(signedIn);
const secretId = (
  await secrets.createSecret({
    createSecretDetails: {
      compartmentId,
      vaultId,
      keyId,
      secretName: "journey",
      description: "made",
      secretContent: { contentType: "BASE64", content: plaintext } as vault.models.Base64SecretContentDetails,
    },
  })
).secret.id;
const secretIs = (state: string) =>
  until(state, () => secrets.getSecret({ secretId }), (answer) => answer.secret.lifecycleState);
await secretIs("ACTIVE");
await secrets.updateSecret({ secretId, updateSecretDetails: { description: "changed" } });
await secretIs("ACTIVE");
const kept = await secrets.listSecrets({ compartmentId, vaultId });
assert.deepEqual(kept.items.map((one) => one.description), ["changed"]);
await secrets.scheduleSecretDeletion({ secretId, scheduleSecretDeletionDetails: {} });
await keys.scheduleKeyDeletion({ keyId, scheduleKeyDeletionDetails: {} });
await keyIs("PENDING_DELETION");
await vaults.scheduleVaultDeletion({ vaultId, scheduleVaultDeletionDetails: {} });
await vaultIs("PENDING_DELETION");

// A DB system.
const databases = new mysql.DbSystemClient(signedIn);
const dbSystemId = (
  await databases.createDbSystem({
    createDbSystemDetails: {
      compartmentId,
      displayName: "made",
      availabilityDomain,
      subnetId,
      shapeName: "MySQL.2",
      adminUsername: "manager",
      adminPassword: "Journey-Passw0rd",
      dataStorageSizeInGBs: 50,
    },
  })
).dbSystem.id;
const databaseIs = (state: string) =>
  until(state, () => databases.getDbSystem({ dbSystemId }), (answer) => answer.dbSystem.lifecycleState);
const { dbSystem } = await databaseIs("ACTIVE");
assert.deepEqual(dbSystem.systemTags, {});
await databases.updateDbSystem({ dbSystemId, updateDbSystemDetails: { displayName: "journey" } });
await databaseIs("ACTIVE");
const systems = await databases.listDbSystems({ compartmentId, dbSystemId });
assert.deepEqual(systems.items.map((one) => one.displayName), ["journey"]);
await databases.deleteDbSystem({ dbSystemId });
await databaseIs("DELETED");

// A cluster with a pool of virtual nodes.
const clusters = new engine.ContainerEngineClient(signedIn);
/** Wait for a work request; the OCID of what it made or changed. */
async function madeBy(workRequestId: string, entity: string): Promise<string> {
  const done = await until(
    "SUCCEEDED",
    () => clusters.getWorkRequest({ workRequestId }),
    (answer) => answer.workRequest.status,
  );
  return done.workRequest.resources!.find((one) => one.entityType === entity)!.identifier!;
}
const options = await clusters.getClusterOptions({ clusterOptionId: "all" });
const begun = await clusters.createCluster({
  createClusterDetails: {
    compartmentId,
    name: "made",
    vcnId,
    kubernetesVersion: options.clusterOptions.kubernetesVersions!.at(-1)!,
    type: engine.models.ClusterType.EnhancedCluster,
    clusterPodNetworkOptions: [{ cniType: "OCI_VCN_IP_NATIVE" }],
    endpointConfig: { subnetId, isPublicIpEnabled: true },
  },
});
const clusterId = await madeBy(begun.opcWorkRequestId, "cluster");
const renamed = await clusters.updateCluster({ clusterId, updateClusterDetails: { name: "journey" } });
await madeBy(renamed.opcWorkRequestId, "cluster");
const named = await clusters.listClusters({ compartmentId, name: "journey" });
assert.deepEqual(named.items.map((one) => one.id), [clusterId]);
const more = await clusters.createVirtualNodePool({
  createVirtualNodePoolDetails: {
    compartmentId,
    clusterId,
    displayName: "made",
    size: 1,
    placementConfigurations: [{ availabilityDomain, faultDomain: ["FAULT-DOMAIN-1"], subnetId }],
    podConfiguration: { subnetId, shape: "Pod.Standard.E4.Flex" },
  },
});
const virtualNodePoolId = await madeBy(more.opcWorkRequestId, "virtualnodepool");
const changed = await clusters.updateVirtualNodePool({
  virtualNodePoolId,
  updateVirtualNodePoolDetails: { displayName: "journey" },
});
await madeBy(changed.opcWorkRequestId, "virtualnodepool");
const pools = await clusters.listVirtualNodePools({ compartmentId, clusterId });
assert.deepEqual(pools.items.map((one) => one.displayName), ["journey"]);
await madeBy((await clusters.deleteVirtualNodePool({ virtualNodePoolId })).opcWorkRequestId, "virtualnodepool");
await madeBy((await clusters.deleteCluster({ clusterId })).opcWorkRequestId, "cluster");

// A repository of container images.
const registry = new artifacts.ArtifactsClient(signedIn);
const repositoryId = (
  await registry.createContainerRepository({
    createContainerRepositoryDetails: { compartmentId, displayName: "journey" },
  })
).containerRepository.id;
await registry.updateContainerRepository({ repositoryId, updateContainerRepositoryDetails: { isPublic: true } });
const repositories = await registry.listContainerRepositories({ compartmentId, displayName: "journey" });
assert.deepEqual(repositories.containerRepositoryCollection.items.map((one) => one.isPublic), [true]);
await registry.deleteContainerRepository({ repositoryId });
await until(
  "DELETED",
  () => registry.getContainerRepository({ repositoryId }),
  (answer) => answer.containerRepository.lifecycleState,
);

await network.deleteSubnet({ subnetId });
await subnetIs("TERMINATED");
await network.deleteVcn({ vcnId });
await vcnIs("TERMINATED");
