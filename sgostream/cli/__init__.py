"""The command line: ``python -m sgostream.cli``."""
