"""The audit store: what was decided, on disk before the reply."""
