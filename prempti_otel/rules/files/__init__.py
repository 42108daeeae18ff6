"""Rules files: what they hold, checked key by key, and what all of them define together."""
