"""premptictl: everything that a person does with the guard. One module or folder per command group."""

from prempti_otel.ctl.app import main

__all__ = ["main"]
