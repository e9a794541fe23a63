"""The machine: programs, processes, containers, network namespaces, certificates, the hosts file."""
