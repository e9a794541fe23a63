"""Identity: compartments, users, groups, policies, tags."""
