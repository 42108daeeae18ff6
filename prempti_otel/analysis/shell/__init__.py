"""What shell code would run: scanning, syntax, expansion, and the walk over them. Runs nothing, reads no file."""
