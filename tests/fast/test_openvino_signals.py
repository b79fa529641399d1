"""Signals after OpenVINO was used: Python's handlers still run."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('openvino')

PROGRAM = """
import signal, sys, threading
import numpy as np
import openvino as runtime
import torch
from mmdeeplab.inference.accelerate import int8, openvino

x = torch.zeros(1, 3, 9, 9)
network = torch.nn.Sequential(*(torch.nn.Conv2d(3, 3, 3) for _ in range(3)))
model = runtime.convert_model(network, example_input=x)
runtime.save_model(model, sys.argv[1])
ways = dict(
    compiled=lambda: openvino.Compiled(model, 'f32'),
    of_a_file=lambda: openvino.open_run(sys.argv[1], 'float'),
    ranges=lambda: lambda _: int8.ranges(model, [x.numpy()]),
    capabilities=lambda: lambda _: openvino.has_bf16(),
)
signal.signal(signal.SIGINT, lambda *_: print('handled', flush=True))

def use(run):
    run(x if isinstance(run, openvino.Compiled) else x.numpy())

for name, way in ways.items():
    for last in ('this thread', 'another'):
        kept = [way()]
        use(kept[0])
        if last == 'another':
            other = threading.Thread(target=kept.clear)
            other.start()
            other.join()
        kept.clear()
        print(name, last, flush=True)
        signal.raise_signal(signal.SIGINT)
in_thread = threading.Thread(target=lambda: use(ways['compiled']()))
in_thread.start()
in_thread.join()
print('all in another', flush=True)
signal.raise_signal(signal.SIGINT)
"""


def test_handlers_run_whichever_thread_gave_the_network_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', PROGRAM, str(tmp_path / 'network.xml')],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * 9
    assert lines[1::2] == ['handled'] * 9
