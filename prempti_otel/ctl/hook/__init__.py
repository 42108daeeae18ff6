"""``premptictl hook``: where the hook is registered, and where it is asked for."""
