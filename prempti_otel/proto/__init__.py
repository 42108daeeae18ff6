"""The wire format between hooks, clients and the engine."""
