"""Records to OpenTelemetry; the exporter process."""
