"""The command line: ``sgostream``, also ``python -m sgostream.cli``.

``__main__`` is the entry point and needs nothing; ``app`` declares the commands
(typer); each command is a module of its own; ``common`` is what they share.
"""
