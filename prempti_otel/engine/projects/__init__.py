"""Rules that a project brings along: trusted once by a person, they can only tighten."""
