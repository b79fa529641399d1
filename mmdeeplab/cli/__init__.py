"""Command lines. ``tools/NAME.py`` is a door to ``mmdeeplab.cli.NAME``; heavy imports wait until
the arguments are parsed."""
