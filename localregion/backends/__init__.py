"""The real programs behind the API: control planes, MySQL, HAProxy, the registry, CoreDNS, the network."""
