"""The Falco rule language."""
