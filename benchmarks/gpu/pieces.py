"""The pieces, the most valuable first."""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from benchmarks.gpu.job import Job


class Piece(NamedTuple):
    """One question.

    Attributes:
        name: As in ``--only``.
        question: As on the page.
        limit: Seconds after which it is ended.
        place: ``module:function``, of this package; the function takes the job.
    """

    name: str
    question: str
    limit: float
    place: str

    def load(self) -> Callable[[Job], None]:
        module, function = self.place.split(':')
        return getattr(import_module(f'benchmarks.gpu.{module}'), function)


PIECES = (
    Piece('training', 'Does a training run from check to evaluation?', 90, 'training:training'),
    Piece('parity', 'Do CPU and GPU agree, with TF32 off and on?', 90, 'parity:parity'),
    Piece('resume', 'Does an interrupted run go on bit for bit?', 90, 'training:resume'),
    Piece('precision', 'Do fp16, bf16, channels_last and recompute learn as fp32 does?', 90,
          'training:precision'),
    Piece('nccl', 'Does a process under torchrun train on NCCL, and leave on SIGTERM?', 90,
          'ranks:nccl'),
    Piece('syncbn', 'Is SyncBN of two processes the BatchNorm of the whole batch?', 90,
          'ranks:syncbn'),
    Piece('rates', 'What does the card reach in matrix products and copies?', 40,
          'throughput:rates'),
    Piece('throughput', "How fast is a step of Xception-65 v3+, beside smp's?", 180,
          'throughput:xception'),
    Piece('profile', 'Where does the time of a step go?', 150, 'profile:profile'),
    Piece('compile', 'What does compiling backbone and neck bring?', 200, 'throughput:compiled'),
    Piece('throughput-mmseg', "How fast is a step of ResNet-50 v3+, beside mmseg's?", 120,
          'throughput:resnet'),
    Piece('depthwise', 'How fast are depthwise convolutions, by rate, layout and format?', 60,
          'layers:depthwise'),
    Piece('evaluation', 'How many images a second are segmented?', 60, 'layers:evaluation'),
    Piece('compile-peer', "What does torch.compile bring to smp's network?", 200,
          'throughput:compiled_peer'),
    Piece('compile-step', 'What does compile=True bring?', 200, 'throughput:compiled_step'),
    Piece('tests', "Which of the project's tests fail on this machine?", 120, 'suite:tests'),
)  # fmt: skip
