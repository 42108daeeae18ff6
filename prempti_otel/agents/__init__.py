"""One module per coding agent behind one small interface: parse, reply, install, remove, status."""
