"""The real programs of the region: what runs behind the API."""
