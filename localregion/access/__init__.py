"""Who may do what: signatures, tokens, instance and workload principals, policies."""
