"""The engine as an HTTP server for the hooks of agents that call one: on loopback, with a token, closed to others."""
