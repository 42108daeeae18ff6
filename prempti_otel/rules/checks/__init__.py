"""Conditions, compiled: fields, operators and constants, and which of them can hold for an event at all."""
