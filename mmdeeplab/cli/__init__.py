"""The commands. ``tools/NAME.py`` calls ``mmdeeplab.cli.NAME``; heavy imports wait until
the arguments are parsed."""
