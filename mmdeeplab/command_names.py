"""The names of our commands in messages: ``tools/NAME.py`` or ``mmdeeplab NAME``."""

_installed = False  # whether the command that runs was called by its name in an installation


def call_tools(installed: bool) -> None:
    """Set how messages name commands from now on: ``mmdeeplab NAME``, or ``tools/NAME.py``."""
    global _installed  # one process runs one command
    _installed = installed


def tool(name: str) -> str:
    """A command as the user calls it, for a sentence: ``tools/new_config.py`` for ``new_config``,
    ``mmdeeplab new-config`` where the one that runs was called so."""
    return f'mmdeeplab {name.replace("_", "-")}' if _installed else f'tools/{name}.py'
