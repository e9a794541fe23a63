"""OKE: clusters, virtual node pools, add-ons."""
