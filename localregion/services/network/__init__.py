"""Virtual cloud networks: subnets, gateways, rules, addresses, traffic mirroring."""
