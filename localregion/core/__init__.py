"""What services are written on: resources, store, clock, the schema of the SDK, checks of requests and answers."""
