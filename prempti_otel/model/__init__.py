"""The nouns: what the rooms say to each other. Imports nothing but the standard library."""
