#!/usr/bin/env bash
# The journey with the OCI CLI. What it has to do is said in tests/clients/journey.py; $1 is the program.
set -euo pipefail
program=$1

# What the CLI says of a command that it refuses comes on its standard output.
oci() {
  local said
  said=$("$program" "$@") || { echo "oci $*: $said" >&2; return 1; }
  echo "$said"
}
wait=(--wait-interval-seconds 1)
make() { oci "$@" "${wait[@]}" --query data.id --raw-output; }
change() { oci "$@" "${wait[@]}" --force >/dev/null; }
listed() { # ID NAME COMMAND...: a list has this one under this name
  local id=$1 name=$2 found
  shift 2
  found=$(oci "$@" --all --query "(data.items || data)[?id=='$id'] | [0].[\"display-name\", name, \"secret-name\"]" --output json)
  grep -q "\"$name\"" <<<"$found" || { echo "$*: $found, not $name" >&2; return 1; }
}
made_by() { # ENTITY COMMAND...: what the work request of a command made or changed
  local entity=$1
  shift
  oci "$@" --wait-for-state SUCCEEDED "${wait[@]}" \
    --query "data.resources[?\"entity-type\"=='$entity'] | [0].identifier" --raw-output
}

tenancy=$(sed -n 's/^tenancy *= *//p' "$OCI_CLI_CONFIG_FILE")
compartment=$(oci iam compartment list --query "data[?name=='okestack'] | [0].id" --raw-output)
domain=$(oci iam availability-domain list --compartment-id "$tenancy" --query 'data[0].name' --raw-output)
in=(--compartment-id "$compartment")

# A network: a VCN with a second block, and a subnet.
vcn=$(make network vcn create "${in[@]}" --display-name made --cidr-blocks '["10.0.0.0/16"]' --wait-for-state AVAILABLE)
change network vcn update --vcn-id "$vcn" --display-name journey --freeform-tags '{"by": "cli"}' --wait-for-state AVAILABLE
listed "$vcn" journey network vcn list "${in[@]}"
oci network vcn add-vcn-cidr --vcn-id "$vcn" --cidr-block 10.1.0.0/16 --wait-for-state SUCCEEDED "${wait[@]}" >/dev/null
subnet=$(make network subnet create "${in[@]}" --vcn-id "$vcn" --display-name made --cidr-block 10.0.1.0/24 --wait-for-state AVAILABLE)
change network subnet update --subnet-id "$subnet" --display-name journey --wait-for-state AVAILABLE
listed "$subnet" journey network subnet list "${in[@]}" --vcn-id "$vcn"

# A security group with a rule.
group=$(make network nsg create "${in[@]}" --vcn-id "$vcn" --display-name made --wait-for-state AVAILABLE)
change network nsg update --nsg-id "$group" --display-name journey --wait-for-state AVAILABLE
listed "$group" journey network nsg list "${in[@]}" --vcn-id "$vcn"
rule='"direction": "INGRESS", "protocol": "6", "source": "10.0.0.0/16", "sourceType": "CIDR_BLOCK"'
rule_id=$(oci network nsg rules add --nsg-id "$group" --security-rules "[{$rule}]" \
  --query 'data."security-rules"[0].id' --raw-output)
oci network nsg rules update --nsg-id "$group" --security-rules "[{\"id\": \"$rule_id\", \"description\": \"changed\", $rule}]" >/dev/null
[[ $(oci network nsg rules list --nsg-id "$group" --query 'data[].description | [0]' --raw-output) == changed ]]
oci network nsg rules remove --nsg-id "$group" --security-rule-ids "[\"$rule_id\"]" >/dev/null
[[ $(oci network nsg rules list --nsg-id "$group" --query 'length(data)') != 1 ]]
change network nsg delete --nsg-id "$group" --wait-for-state TERMINATED

# The gateways.
every=$(oci network service list --query "data[?starts_with(\"cidr-block\", 'all-')] | [0].id" --raw-output)
gateway() { # KIND ID-OPTION CREATE-OPTION...: makes, changes, lists and deletes one
  local kind=$1 option=$2 id
  shift 2
  id=$(make network "$kind" create "${in[@]}" --vcn-id "$vcn" --display-name made "$@" --wait-for-state AVAILABLE)
  change network "$kind" update "$option" "$id" --display-name journey --wait-for-state AVAILABLE
  listed "$id" journey network "$kind" list "${in[@]}" --vcn-id "$vcn"
  change network "$kind" delete "$option" "$id" --wait-for-state TERMINATED
}
gateway internet-gateway --ig-id --is-enabled true
gateway nat-gateway --nat-gateway-id
gateway service-gateway --service-gateway-id --services "[{\"serviceId\": \"$every\"}]"

# A policy.
policy=$(make iam policy create "${in[@]}" --name journey --description made \
  --statements "[\"Allow any-user to inspect vcns in compartment id $compartment\"]" --wait-for-state ACTIVE)
oci iam policy update --policy-id "$policy" --description changed --force >/dev/null
listed "$policy" journey iam policy list "${in[@]}"
change iam policy delete --policy-id "$policy" --wait-for-state DELETED

# A vault, a key that encrypts, a secret.
vault=$(make kms management vault create "${in[@]}" --display-name made --vault-type DEFAULT --wait-for-state ACTIVE)
change kms management vault update --vault-id "$vault" --display-name journey --wait-for-state ACTIVE
listed "$vault" journey kms management vault list "${in[@]}"
management=$(oci kms management vault get --vault-id "$vault" --query 'data."management-endpoint"' --raw-output)
crypto=$(oci kms management vault get --vault-id "$vault" --query 'data."crypto-endpoint"' --raw-output)
key=$(make kms management key create "${in[@]}" --display-name made --key-shape '{"algorithm": "AES", "length": 32}' \
  --endpoint "$management" --wait-for-state ENABLED)
change kms management key update --key-id "$key" --display-name journey --endpoint "$management" --wait-for-state ENABLED
listed "$key" journey kms management key list "${in[@]}" --endpoint "$management"
plain=$(base64 <<<word)
sealed=$(oci kms crypto encrypt --key-id "$key" --plaintext "$plain" --endpoint "$crypto" --query data.ciphertext --raw-output)
opened=$(oci kms crypto decrypt --key-id "$key" --ciphertext "$sealed" --endpoint "$crypto" --query data.plaintext --raw-output)
[[ $opened == "$plain" ]]
secret=$(make vault secret create-base64 "${in[@]}" --secret-name journey --vault-id "$vault" --key-id "$key" \
  --secret-content-content "$plain" --wait-for-state ACTIVE)
change vault secret update --secret-id "$secret" --description changed --wait-for-state ACTIVE
listed "$secret" journey vault secret list "${in[@]}"
oci vault secret schedule-secret-deletion --secret-id "$secret"
oci kms management key schedule-deletion --key-id "$key" --endpoint "$management" \
  --wait-for-state PENDING_DELETION "${wait[@]}" >/dev/null
oci kms management vault schedule-deletion --vault-id "$vault" --wait-for-state PENDING_DELETION "${wait[@]}" >/dev/null

# A DB system.
database=$(made_by mysqldbsystem mysql db-system create "${in[@]}" --display-name made --availability-domain "$domain" \
  --subnet-id "$subnet" --shape-name MySQL.2 --admin-username manager --admin-password Journey-Passw0rd \
  --data-storage-size-in-gbs 50)
change mysql db-system update --db-system-id "$database" --display-name journey --wait-for-state SUCCEEDED
listed "$database" journey mysql db-system list "${in[@]}"
change mysql db-system delete --db-system-id "$database" --wait-for-state SUCCEEDED

# A cluster and a pool of virtual nodes.
version=$(oci ce cluster-options get --cluster-option-id all --query 'data."kubernetes-versions"[-1]' --raw-output)
cluster=$(made_by cluster ce cluster create "${in[@]}" --name made --vcn-id "$vcn" --kubernetes-version "$version" \
  --type ENHANCED_CLUSTER --cluster-pod-network-options '[{"cniType": "OCI_VCN_IP_NATIVE"}]' \
  --endpoint-subnet-id "$subnet" --endpoint-public-ip-enabled true)
change ce cluster update --cluster-id "$cluster" --name journey --wait-for-state SUCCEEDED
listed "$cluster" journey ce cluster list "${in[@]}"
pool=$(made_by virtualnodepool ce virtual-node-pool create "${in[@]}" --cluster-id "$cluster" --display-name made --size 1 \
  --placement-configurations "[{\"availabilityDomain\": \"$domain\", \"faultDomain\": [\"FAULT-DOMAIN-1\"], \"subnetId\": \"$subnet\"}]" \
  --pod-configuration "{\"subnetId\": \"$subnet\", \"shape\": \"Pod.Standard.E4.Flex\"}")
change ce virtual-node-pool update --virtual-node-pool-id "$pool" --display-name journey --wait-for-state SUCCEEDED
listed "$pool" journey ce virtual-node-pool list "${in[@]}" --cluster-id "$cluster"
change ce virtual-node-pool delete --virtual-node-pool-id "$pool" --wait-for-state SUCCEEDED
change ce cluster delete --cluster-id "$cluster" --wait-for-state SUCCEEDED

# A repository of container images.
repository=$(make artifacts container repository create "${in[@]}" --display-name journey --wait-for-state AVAILABLE)
oci artifacts container repository update --repository-id "$repository" --is-public true >/dev/null
listed "$repository" journey artifacts container repository list "${in[@]}"
change artifacts container repository delete --repository-id "$repository" --wait-for-state DELETED

change network subnet delete --subnet-id "$subnet" --wait-for-state TERMINATED
change network vcn delete --vcn-id "$vcn" --wait-for-state TERMINATED
