// The journey with Oracle's SDK for Go. What it has to do is said in tests/clients/journey.py.
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/oracle/oci-go-sdk/v65/artifacts"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/containerengine"
	"github.com/oracle/oci-go-sdk/v65/core"
	"github.com/oracle/oci-go-sdk/v65/identity"
	"github.com/oracle/oci-go-sdk/v65/keymanagement"
	"github.com/oracle/oci-go-sdk/v65/mysql"
	"github.com/oracle/oci-go-sdk/v65/vault"
	"github.com/oracle/oci-go-sdk/v65/workrequests"
)

var ctx, text = context.Background(), common.String

// must gives a value, or ends the program.
func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func check(right bool, format string, values ...any) {
	if !right {
		must(0, fmt.Errorf(format, values...))
	}
}

// until asks again until what is asked for is in a state.
func until[S ~string](wanted S, ask func() (S, error)) {
	var state S
	for range 300 {
		if state = must(ask()); state == wanted {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	check(false, "%s, not %s, after 30 seconds", state, wanted)
}

func main() {
	config := common.DefaultConfigProvider()
	tenancy := must(config.TenancyOCID())
	people := must(identity.NewIdentityClientWithConfigurationProvider(config))
	compartments := must(people.ListCompartments(ctx, identity.ListCompartmentsRequest{CompartmentId: &tenancy})).Items
	var compartment string
	for _, one := range compartments {
		if *one.Name == "okestack" {
			compartment = *one.Id
		}
	}
	domains := must(people.ListAvailabilityDomains(ctx, identity.ListAvailabilityDomainsRequest{CompartmentId: &tenancy}))
	domain := *domains.Items[0].Name

	vcn, subnet, remove := network(config, compartment)
	group(config, compartment, vcn)
	gateways(config, compartment, vcn)
	policy(people, compartment)
	secrets(config, compartment)
	database(config, compartment, domain, subnet)
	cluster(config, compartment, domain, vcn, subnet)
	repository(config, compartment)
	remove()
}

// network makes a VCN with a second block and a subnet; the function that it gives removes them.
func network(config common.ConfigurationProvider, compartment string) (vcn string, subnet string, remove func()) {
	client := must(core.NewVirtualNetworkClientWithConfigurationProvider(config))
	made := must(client.CreateVcn(ctx, core.CreateVcnRequest{CreateVcnDetails: core.CreateVcnDetails{
		CompartmentId: &compartment, DisplayName: text("made"), CidrBlocks: []string{"10.0.0.0/16"},
	}}))
	vcn = *made.Id
	state := func() (core.VcnLifecycleStateEnum, error) {
		found, err := client.GetVcn(ctx, core.GetVcnRequest{VcnId: &vcn})
		return found.LifecycleState, err
	}
	until(core.VcnLifecycleStateAvailable, state)
	must(client.UpdateVcn(ctx, core.UpdateVcnRequest{VcnId: &vcn, UpdateVcnDetails: core.UpdateVcnDetails{
		DisplayName: text("journey"), FreeformTags: map[string]string{"by": "go"},
	}}))
	listed := must(client.ListVcns(ctx, core.ListVcnsRequest{CompartmentId: &compartment, DisplayName: text("journey")})).Items
	check(len(listed) == 1 && *listed[0].Id == vcn, "listed: %v", listed)

	added := must(client.AddVcnCidr(ctx, core.AddVcnCidrRequest{
		VcnId: &vcn, AddVcnCidrDetails: core.AddVcnCidrDetails{CidrBlock: text("10.1.0.0/16")},
	}))
	requests := must(workrequests.NewWorkRequestClientWithConfigurationProvider(config))
	until(workrequests.WorkRequestStatusSucceeded, func() (workrequests.WorkRequestStatusEnum, error) {
		found, err := requests.GetWorkRequest(ctx, workrequests.GetWorkRequestRequest{WorkRequestId: added.OpcWorkRequestId})
		if err == nil && found.Status == workrequests.WorkRequestStatusSucceeded {
			// As Terraform's provider reads which VCN it was.
			one := found.Resources[0]
			check(*one.EntityType == "vcn" && *one.Identifier == vcn, "the work request's resource: %v", one)
			check(one.ActionType == workrequests.WorkRequestResourceActionTypeInProgress, "its action: %v", one)
		}
		return found.Status, err
	})

	subnet = *must(client.CreateSubnet(ctx, core.CreateSubnetRequest{CreateSubnetDetails: core.CreateSubnetDetails{
		CompartmentId: &compartment, VcnId: &vcn, DisplayName: text("made"), CidrBlock: text("10.0.1.0/24"),
	}})).Id
	place := func() (core.SubnetLifecycleStateEnum, error) {
		found, err := client.GetSubnet(ctx, core.GetSubnetRequest{SubnetId: &subnet})
		return found.LifecycleState, err
	}
	until(core.SubnetLifecycleStateAvailable, place)
	must(client.UpdateSubnet(ctx, core.UpdateSubnetRequest{
		SubnetId: &subnet, UpdateSubnetDetails: core.UpdateSubnetDetails{DisplayName: text("journey")},
	}))
	subnets := must(client.ListSubnets(ctx, core.ListSubnetsRequest{CompartmentId: &compartment, VcnId: &vcn})).Items
	check(len(subnets) == 1 && *subnets[0].DisplayName == "journey", "listed: %v", subnets)
	return vcn, subnet, func() {
		must(client.DeleteSubnet(ctx, core.DeleteSubnetRequest{SubnetId: &subnet}))
		until(core.SubnetLifecycleStateTerminated, place)
		must(client.DeleteVcn(ctx, core.DeleteVcnRequest{VcnId: &vcn}))
		until(core.VcnLifecycleStateTerminated, state)
	}
}

// group makes a security group with a rule.
func group(config common.ConfigurationProvider, compartment, vcn string) {
	client := must(core.NewVirtualNetworkClientWithConfigurationProvider(config))
	id := must(client.CreateNetworkSecurityGroup(ctx, core.CreateNetworkSecurityGroupRequest{
		CreateNetworkSecurityGroupDetails: core.CreateNetworkSecurityGroupDetails{
			CompartmentId: &compartment, VcnId: &vcn, DisplayName: text("made"),
		},
	})).Id
	state := func() (core.NetworkSecurityGroupLifecycleStateEnum, error) {
		found, err := client.GetNetworkSecurityGroup(ctx, core.GetNetworkSecurityGroupRequest{NetworkSecurityGroupId: id})
		return found.LifecycleState, err
	}
	until(core.NetworkSecurityGroupLifecycleStateAvailable, state)
	must(client.UpdateNetworkSecurityGroup(ctx, core.UpdateNetworkSecurityGroupRequest{
		NetworkSecurityGroupId:            id,
		UpdateNetworkSecurityGroupDetails: core.UpdateNetworkSecurityGroupDetails{DisplayName: text("journey")},
	}))
	listed := must(client.ListNetworkSecurityGroups(ctx, core.ListNetworkSecurityGroupsRequest{
		CompartmentId: &compartment, VcnId: &vcn,
	})).Items
	check(len(listed) == 1 && *listed[0].DisplayName == "journey", "listed: %v", listed)

	block := text("10.0.0.0/16")
	rule := must(client.AddNetworkSecurityGroupSecurityRules(ctx, core.AddNetworkSecurityGroupSecurityRulesRequest{
		NetworkSecurityGroupId: id,
		AddNetworkSecurityGroupSecurityRulesDetails: core.AddNetworkSecurityGroupSecurityRulesDetails{
			SecurityRules: []core.AddSecurityRuleDetails{{
				Direction: core.AddSecurityRuleDetailsDirectionIngress, Protocol: text("6"), Source: block,
				SourceType: core.AddSecurityRuleDetailsSourceTypeCidrBlock,
			}},
		},
	})).SecurityRules[0].Id
	must(client.UpdateNetworkSecurityGroupSecurityRules(ctx, core.UpdateNetworkSecurityGroupSecurityRulesRequest{
		NetworkSecurityGroupId: id,
		UpdateNetworkSecurityGroupSecurityRulesDetails: core.UpdateNetworkSecurityGroupSecurityRulesDetails{
			SecurityRules: []core.UpdateSecurityRuleDetails{{
				Id: rule, Direction: core.UpdateSecurityRuleDetailsDirectionIngress, Protocol: text("6"), Source: block,
				SourceType: core.UpdateSecurityRuleDetailsSourceTypeCidrBlock, Description: text("changed"),
			}},
		},
	}))
	rules := func() []core.SecurityRule {
		return must(client.ListNetworkSecurityGroupSecurityRules(ctx, core.ListNetworkSecurityGroupSecurityRulesRequest{
			NetworkSecurityGroupId: id,
		})).Items
	}
	found := rules()
	check(len(found) == 1 && *found[0].Description == "changed", "rules: %v", found)
	must(client.RemoveNetworkSecurityGroupSecurityRules(ctx, core.RemoveNetworkSecurityGroupSecurityRulesRequest{
		NetworkSecurityGroupId: id,
		RemoveNetworkSecurityGroupSecurityRulesDetails: core.RemoveNetworkSecurityGroupSecurityRulesDetails{
			SecurityRuleIds: []string{*rule},
		},
	}))
	check(len(rules()) == 0, "the rule is still there")
	must(client.DeleteNetworkSecurityGroup(ctx, core.DeleteNetworkSecurityGroupRequest{NetworkSecurityGroupId: id}))
	until(core.NetworkSecurityGroupLifecycleStateTerminated, state)
}

// gateways makes one of each kind.
func gateways(config common.ConfigurationProvider, compartment, vcn string) {
	client := must(core.NewVirtualNetworkClientWithConfigurationProvider(config))
	internet := must(client.CreateInternetGateway(ctx, core.CreateInternetGatewayRequest{
		CreateInternetGatewayDetails: core.CreateInternetGatewayDetails{
			CompartmentId: &compartment, VcnId: &vcn, DisplayName: text("made"), IsEnabled: common.Bool(true),
		},
	})).Id
	internetState := func() (core.InternetGatewayLifecycleStateEnum, error) {
		found, err := client.GetInternetGateway(ctx, core.GetInternetGatewayRequest{IgId: internet})
		return found.LifecycleState, err
	}
	until(core.InternetGatewayLifecycleStateAvailable, internetState)
	must(client.UpdateInternetGateway(ctx, core.UpdateInternetGatewayRequest{
		IgId: internet, UpdateInternetGatewayDetails: core.UpdateInternetGatewayDetails{DisplayName: text("journey")},
	}))
	outward := must(client.ListInternetGateways(ctx, core.ListInternetGatewaysRequest{
		CompartmentId: &compartment, VcnId: &vcn,
	})).Items
	check(len(outward) == 1 && *outward[0].DisplayName == "journey", "listed: %v", outward)
	must(client.DeleteInternetGateway(ctx, core.DeleteInternetGatewayRequest{IgId: internet}))
	until(core.InternetGatewayLifecycleStateTerminated, internetState)

	nat := must(client.CreateNatGateway(ctx, core.CreateNatGatewayRequest{
		CreateNatGatewayDetails: core.CreateNatGatewayDetails{
			CompartmentId: &compartment, VcnId: &vcn, DisplayName: text("made"),
		},
	})).Id
	natState := func() (core.NatGatewayLifecycleStateEnum, error) {
		found, err := client.GetNatGateway(ctx, core.GetNatGatewayRequest{NatGatewayId: nat})
		return found.LifecycleState, err
	}
	until(core.NatGatewayLifecycleStateAvailable, natState)
	must(client.UpdateNatGateway(ctx, core.UpdateNatGatewayRequest{
		NatGatewayId: nat, UpdateNatGatewayDetails: core.UpdateNatGatewayDetails{DisplayName: text("journey")},
	}))
	nats := must(client.ListNatGateways(ctx, core.ListNatGatewaysRequest{CompartmentId: &compartment, VcnId: &vcn})).Items
	check(len(nats) == 1 && *nats[0].DisplayName == "journey", "listed: %v", nats)
	must(client.DeleteNatGateway(ctx, core.DeleteNatGatewayRequest{NatGatewayId: nat}))
	until(core.NatGatewayLifecycleStateTerminated, natState)

	var every *string
	for _, one := range must(client.ListServices(ctx, core.ListServicesRequest{})).Items {
		if strings.HasPrefix(*one.CidrBlock, "all-") {
			every = one.Id
		}
	}
	service := must(client.CreateServiceGateway(ctx, core.CreateServiceGatewayRequest{
		CreateServiceGatewayDetails: core.CreateServiceGatewayDetails{
			CompartmentId: &compartment, VcnId: &vcn, DisplayName: text("made"),
			Services: []core.ServiceIdRequestDetails{{ServiceId: every}},
		},
	})).Id
	serviceState := func() (core.ServiceGatewayLifecycleStateEnum, error) {
		found, err := client.GetServiceGateway(ctx, core.GetServiceGatewayRequest{ServiceGatewayId: service})
		return found.LifecycleState, err
	}
	until(core.ServiceGatewayLifecycleStateAvailable, serviceState)
	must(client.UpdateServiceGateway(ctx, core.UpdateServiceGatewayRequest{
		ServiceGatewayId: service, UpdateServiceGatewayDetails: core.UpdateServiceGatewayDetails{DisplayName: text("journey")},
	}))
	services := must(client.ListServiceGateways(ctx, core.ListServiceGatewaysRequest{
		CompartmentId: &compartment, VcnId: &vcn,
	})).Items
	check(len(services) == 1 && *services[0].DisplayName == "journey", "listed: %v", services)
	must(client.DeleteServiceGateway(ctx, core.DeleteServiceGatewayRequest{ServiceGatewayId: service}))
	until(core.ServiceGatewayLifecycleStateTerminated, serviceState)
}

func policy(client identity.IdentityClient, compartment string) {
	made := must(client.CreatePolicy(ctx, identity.CreatePolicyRequest{CreatePolicyDetails: identity.CreatePolicyDetails{
		CompartmentId: &compartment, Name: text("journey"), Description: text("made"),
		Statements: []string{"Allow any-user to inspect vcns in compartment id " + compartment},
	}}))
	must(client.UpdatePolicy(ctx, identity.UpdatePolicyRequest{
		PolicyId: made.Id, UpdatePolicyDetails: identity.UpdatePolicyDetails{Description: text("changed")},
	}))
	listed := must(client.ListPolicies(ctx, identity.ListPoliciesRequest{CompartmentId: &compartment, Name: text("journey")})).Items
	check(len(listed) == 1 && *listed[0].Description == "changed", "listed: %v", listed)
	must(client.DeletePolicy(ctx, identity.DeletePolicyRequest{PolicyId: made.Id}))
}

// secrets makes a vault with a key, which encrypts, and a secret.
func secrets(config common.ConfigurationProvider, compartment string) {
	vaults := must(keymanagement.NewKmsVaultClientWithConfigurationProvider(config))
	id := must(vaults.CreateVault(ctx, keymanagement.CreateVaultRequest{CreateVaultDetails: keymanagement.CreateVaultDetails{
		CompartmentId: &compartment, DisplayName: text("made"), VaultType: keymanagement.CreateVaultDetailsVaultTypeDefault,
	}})).Id
	made := keymanagement.GetVaultResponse{}
	state := func() (keymanagement.VaultLifecycleStateEnum, error) {
		var err error
		made, err = vaults.GetVault(ctx, keymanagement.GetVaultRequest{VaultId: id})
		return made.LifecycleState, err
	}
	until(keymanagement.VaultLifecycleStateActive, state)
	must(vaults.UpdateVault(ctx, keymanagement.UpdateVaultRequest{
		VaultId: id, UpdateVaultDetails: keymanagement.UpdateVaultDetails{DisplayName: text("journey")},
	}))
	until(keymanagement.VaultLifecycleStateActive, state)
	listed := must(vaults.ListVaults(ctx, keymanagement.ListVaultsRequest{CompartmentId: &compartment})).Items
	found := false
	for _, one := range listed {
		found = found || *one.Id == *id && *one.DisplayName == "journey"
	}
	check(found, "listed: %v", listed)

	keys := must(keymanagement.NewKmsManagementClientWithConfigurationProvider(config, *made.ManagementEndpoint))
	key := must(keys.CreateKey(ctx, keymanagement.CreateKeyRequest{CreateKeyDetails: keymanagement.CreateKeyDetails{
		CompartmentId: &compartment, DisplayName: text("made"),
		KeyShape: &keymanagement.KeyShape{Algorithm: keymanagement.KeyShapeAlgorithmAes, Length: common.Int(32)},
	}})).Id
	use := func() (keymanagement.KeyLifecycleStateEnum, error) {
		found, err := keys.GetKey(ctx, keymanagement.GetKeyRequest{KeyId: key})
		return found.LifecycleState, err
	}
	until(keymanagement.KeyLifecycleStateEnabled, use)
	must(keys.UpdateKey(ctx, keymanagement.UpdateKeyRequest{
		KeyId: key, UpdateKeyDetails: keymanagement.UpdateKeyDetails{DisplayName: text("journey")},
	}))
	until(keymanagement.KeyLifecycleStateEnabled, use)
	rows := must(keys.ListKeys(ctx, keymanagement.ListKeysRequest{CompartmentId: &compartment})).Items
	check(len(rows) == 1 && *rows[0].DisplayName == "journey", "listed: %v", rows)
	crypto := must(keymanagement.NewKmsCryptoClientWithConfigurationProvider(config, *made.CryptoEndpoint))
	plain := base64.StdEncoding.EncodeToString([]byte("word"))
	sealed := must(crypto.Encrypt(ctx, keymanagement.EncryptRequest{
		EncryptDataDetails: keymanagement.EncryptDataDetails{KeyId: key, Plaintext: &plain},
	})).Ciphertext
	opened := must(crypto.Decrypt(ctx, keymanagement.DecryptRequest{
		DecryptDataDetails: keymanagement.DecryptDataDetails{KeyId: key, Ciphertext: sealed},
	})).Plaintext
	check(*opened == plain, "decrypted: %s", *opened)

	client := must(vault.NewVaultsClientWithConfigurationProvider(config))
	secret := must(client.CreateSecret(ctx, vault.CreateSecretRequest{CreateSecretDetails: vault.CreateSecretDetails{
		CompartmentId: &compartment, SecretName: text("journey"), Description: text("made"), VaultId: id, KeyId: key,
		SecretContent: vault.Base64SecretContentDetails{Content: &plain},
	}})).Id
	there := func() (vault.SecretLifecycleStateEnum, error) {
		found, err := client.GetSecret(ctx, vault.GetSecretRequest{SecretId: secret})
		return found.LifecycleState, err
	}
	until(vault.SecretLifecycleStateActive, there)
	must(client.UpdateSecret(ctx, vault.UpdateSecretRequest{
		SecretId: secret, UpdateSecretDetails: vault.UpdateSecretDetails{Description: text("changed")},
	}))
	until(vault.SecretLifecycleStateActive, there)
	kept := must(client.ListSecrets(ctx, vault.ListSecretsRequest{CompartmentId: &compartment, VaultId: id})).Items
	check(len(kept) == 1 && *kept[0].Description == "changed", "listed: %v", kept)
	must(client.ScheduleSecretDeletion(ctx, vault.ScheduleSecretDeletionRequest{SecretId: secret}))
	must(keys.ScheduleKeyDeletion(ctx, keymanagement.ScheduleKeyDeletionRequest{KeyId: key}))
	until(keymanagement.KeyLifecycleStatePendingDeletion, use)
	must(vaults.ScheduleVaultDeletion(ctx, keymanagement.ScheduleVaultDeletionRequest{VaultId: id}))
	until(keymanagement.VaultLifecycleStatePendingDeletion, state)
}

func database(config common.ConfigurationProvider, compartment, domain, subnet string) {
	client := must(mysql.NewDbSystemClientWithConfigurationProvider(config))
	id := must(client.CreateDbSystem(ctx, mysql.CreateDbSystemRequest{CreateDbSystemDetails: mysql.CreateDbSystemDetails{
		CompartmentId: &compartment, DisplayName: text("made"), AvailabilityDomain: &domain, SubnetId: &subnet,
		ShapeName: text("MySQL.2"), AdminUsername: text("manager"), AdminPassword: text("Journey-Passw0rd"),
		DataStorageSizeInGBs: common.Int(50),
	}})).Id
	state := func() (mysql.DbSystemLifecycleStateEnum, error) {
		found, err := client.GetDbSystem(ctx, mysql.GetDbSystemRequest{DbSystemId: id})
		check(err != nil || found.SystemTags != nil, "a DB system without system tags")
		return found.LifecycleState, err
	}
	until(mysql.DbSystemLifecycleStateActive, state)
	must(client.UpdateDbSystem(ctx, mysql.UpdateDbSystemRequest{
		DbSystemId: id, UpdateDbSystemDetails: mysql.UpdateDbSystemDetails{DisplayName: text("journey")},
	}))
	until(mysql.DbSystemLifecycleStateActive, state)
	listed := must(client.ListDbSystems(ctx, mysql.ListDbSystemsRequest{CompartmentId: &compartment, DbSystemId: id})).Items
	check(len(listed) == 1 && *listed[0].DisplayName == "journey", "listed: %v", listed)
	must(client.DeleteDbSystem(ctx, mysql.DeleteDbSystemRequest{DbSystemId: id}))
	until(mysql.DbSystemLifecycleStateDeleted, state)
}

// cluster makes a cluster with a pool of virtual nodes.
func cluster(config common.ConfigurationProvider, compartment, domain, vcn, subnet string) {
	client := must(containerengine.NewContainerEngineClientWithConfigurationProvider(config))
	done := func(request *string, entity string) *string {
		found := containerengine.GetWorkRequestResponse{}
		until(containerengine.WorkRequestStatusSucceeded, func() (containerengine.WorkRequestStatusEnum, error) {
			var err error
			found, err = client.GetWorkRequest(ctx, containerengine.GetWorkRequestRequest{WorkRequestId: request})
			return found.Status, err
		})
		for _, one := range found.Resources {
			if *one.EntityType == entity {
				return one.Identifier
			}
		}
		check(false, "no %s in the work request: %v", entity, found.Resources)
		return nil
	}
	options := must(client.GetClusterOptions(ctx, containerengine.GetClusterOptionsRequest{ClusterOptionId: text("all")}))
	versions := options.KubernetesVersions
	begun := must(client.CreateCluster(ctx, containerengine.CreateClusterRequest{
		CreateClusterDetails: containerengine.CreateClusterDetails{
			CompartmentId: &compartment, Name: text("made"), VcnId: &vcn, KubernetesVersion: &versions[len(versions)-1],
			Type: containerengine.ClusterTypeEnhancedCluster,
			ClusterPodNetworkOptions: []containerengine.ClusterPodNetworkOptionDetails{
				containerengine.OciVcnIpNativeClusterPodNetworkOptionDetails{},
			},
			EndpointConfig: &containerengine.CreateClusterEndpointConfigDetails{
				SubnetId: &subnet, IsPublicIpEnabled: common.Bool(true),
			},
		},
	}))
	id := done(begun.OpcWorkRequestId, "cluster")
	changed := must(client.UpdateCluster(ctx, containerengine.UpdateClusterRequest{
		ClusterId: id, UpdateClusterDetails: containerengine.UpdateClusterDetails{Name: text("journey")},
	}))
	done(changed.OpcWorkRequestId, "cluster")
	clusters := must(client.ListClusters(ctx, containerengine.ListClustersRequest{CompartmentId: &compartment, Name: text("journey")})).Items
	check(len(clusters) == 1 && *clusters[0].Id == *id, "listed: %v", clusters)

	more := must(client.CreateVirtualNodePool(ctx, containerengine.CreateVirtualNodePoolRequest{
		CreateVirtualNodePoolDetails: containerengine.CreateVirtualNodePoolDetails{
			CompartmentId: &compartment, ClusterId: id, DisplayName: text("made"), Size: common.Int(1),
			PlacementConfigurations: []containerengine.PlacementConfiguration{
				{AvailabilityDomain: &domain, FaultDomain: []string{"FAULT-DOMAIN-1"}, SubnetId: &subnet},
			},
			PodConfiguration: &containerengine.PodConfiguration{SubnetId: &subnet, Shape: text("Pod.Standard.E4.Flex")},
		},
	}))
	pool := done(more.OpcWorkRequestId, "virtualnodepool")
	renamed := must(client.UpdateVirtualNodePool(ctx, containerengine.UpdateVirtualNodePoolRequest{
		VirtualNodePoolId:            pool,
		UpdateVirtualNodePoolDetails: containerengine.UpdateVirtualNodePoolDetails{DisplayName: text("journey")},
	}))
	done(renamed.OpcWorkRequestId, "virtualnodepool")
	pools := must(client.ListVirtualNodePools(ctx, containerengine.ListVirtualNodePoolsRequest{
		CompartmentId: &compartment, ClusterId: id,
	})).Items
	check(len(pools) == 1 && *pools[0].DisplayName == "journey", "listed: %v", pools)
	gone := must(client.DeleteVirtualNodePool(ctx, containerengine.DeleteVirtualNodePoolRequest{VirtualNodePoolId: pool}))
	done(gone.OpcWorkRequestId, "virtualnodepool")
	ended := must(client.DeleteCluster(ctx, containerengine.DeleteClusterRequest{ClusterId: id}))
	done(ended.OpcWorkRequestId, "cluster")
}

// repository makes a repository of container images.
func repository(config common.ConfigurationProvider, compartment string) {
	client := must(artifacts.NewArtifactsClientWithConfigurationProvider(config))
	id := must(client.CreateContainerRepository(ctx, artifacts.CreateContainerRepositoryRequest{
		CreateContainerRepositoryDetails: artifacts.CreateContainerRepositoryDetails{
			CompartmentId: &compartment, DisplayName: text("journey"),
		},
	})).Id
	must(client.UpdateContainerRepository(ctx, artifacts.UpdateContainerRepositoryRequest{
		RepositoryId:                     id,
		UpdateContainerRepositoryDetails: artifacts.UpdateContainerRepositoryDetails{IsPublic: common.Bool(true)},
	}))
	listed := must(client.ListContainerRepositories(ctx, artifacts.ListContainerRepositoriesRequest{
		CompartmentId: &compartment, DisplayName: text("journey"),
	})).Items
	check(len(listed) == 1 && *listed[0].IsPublic, "listed: %v", listed)
	must(client.DeleteContainerRepository(ctx, artifacts.DeleteContainerRepositoryRequest{RepositoryId: id}))
	until(artifacts.ContainerRepositoryLifecycleStateDeleted, func() (artifacts.ContainerRepositoryLifecycleStateEnum, error) {
		found, err := client.GetContainerRepository(ctx, artifacts.GetContainerRepositoryRequest{RepositoryId: id})
		return found.LifecycleState, err
	})
}
