"""Keep the history of logged values short, and store it in checkpoints as tensors."""

import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner


class PlainHistoryHook(Hook):
    """Shorten the history of logged values, and store it in checkpoints as tensors.

    MMEngine's own objects keep a million values of each scalar; the smoothing windows of the log
    need far fewer.

    Args:
        length: Number of values that are kept of each scalar.
    """

    priority = 'VERY_LOW'

    def __init__(self, length: int = 10_000) -> None:
        self.length = length

    def after_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        scalars = runner.message_hub.log_scalars
        for key, buffer in scalars.items():
            if buffer.max_length > self.length:
                values, counts = (part[-self.length :] for part in buffer.data)
                scalars[key] = HistoryBuffer(values, counts, self.length)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        hub = checkpoint['message_hub']
        histories = {
            key: [*map(torch.from_numpy, buffer.data), buffer.max_length]
            for key, buffer in hub['log_scalars'].items()
        }
        known_keys = {*histories, *hub['runtime_info']}
        resumed = {key: value for key, value in hub['resumed_keys'].items() if key in known_keys}
        checkpoint['message_hub'] = {**hub, 'log_scalars': histories, 'resumed_keys': resumed}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        for key, value in checkpoint.get('message_hub', {}).get('log_scalars', {}).items():
            if isinstance(value, HistoryBuffer):  # in MMEngine's own files
                continue
            history, counts, length = value
            buffer = HistoryBuffer(history.tolist(), counts.tolist(), length)
            checkpoint['message_hub']['log_scalars'][key] = buffer
        if hub := checkpoint.get('message_hub'):  # MMEngine warns about unknown keys
            known_keys = {*hub['log_scalars'], *hub['runtime_info']}
            hub['resumed_keys'] = {
                k: v for k, v in hub['resumed_keys'].items() if k in known_keys and v
            }
