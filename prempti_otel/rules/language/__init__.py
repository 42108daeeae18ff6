"""Conditions: from text to a tree without lists and macros, and the level that it is judged on."""
