"""The ways to a partner. Each implements `ports.Transport` and raises nothing but `RelayFault`."""
