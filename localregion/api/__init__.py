"""The HTTP face of the local region: routes and checks derived from the SDK's models."""
