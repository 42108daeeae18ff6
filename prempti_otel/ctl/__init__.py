"""premptictl."""
