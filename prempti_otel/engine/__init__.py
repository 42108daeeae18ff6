"""Judges calls: sessions, modes, the gRPC service, rule reload."""
