"""Look around in a process of its own, which may crash."""

import json
import subprocess
from pathlib import Path


def ask(python: str, script: str) -> tuple[int, list[dict]]:
    """Run a script of this folder by an interpreter.

    Returns:
        Its exit status and the records that it printed, a JSON line each.
    """
    command = [python, str(Path(__file__).with_name(script))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    records = []
    for line in done.stdout.splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue  # what a module prints when it is imported
        if isinstance(record, dict):
            records.append(record)
    return done.returncode, records
