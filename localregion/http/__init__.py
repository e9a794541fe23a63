"""The HTTP face of the region: its API under the names of the services, and what it serves to its own parts."""
