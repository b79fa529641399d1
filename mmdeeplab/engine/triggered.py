"""A Runner that spends less between the steps."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner


class TriggeredRunner(Runner):
    """MMEngine's calls every method of every hook in every iteration, most of which do nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._by_stage: dict[str, tuple[int, list[Hook]]] = {}
        super().__init__(*args, **kwargs)

    @property
    def iter(self) -> int:
        """Current iteration; without the question what the loop is, which takes longer."""
        loop = self._train_loop
        return super().iter if loop is None or isinstance(loop, dict) else loop.iter

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call the hooks that have a method of this name of their own, in their order.

        Raises:
            TypeError: A method cannot take the arguments; the message names the hook.
        """
        for hook in self._triggered(fn_name):
            try:
                getattr(hook, fn_name)(self, **kwargs)
            except TypeError as error:
                raise TypeError(f'{error} in {hook}') from None

    def register_hook(self, *args: Any, **kwargs: Any) -> None:
        super().register_hook(*args, **kwargs)
        self._by_stage.clear()

    def _triggered(self, name: str) -> list[Hook]:
        found = self._by_stage.get(name)
        if found is None or found[0] != len(self._hooks):
            hooks = [hook for hook in self._hooks if triggers(hook, name)]
            found = self._by_stage[name] = len(self._hooks), hooks
        return found[1]


def triggers(hook: Hook, name: str) -> bool:
    """Whether a hook does anything when it is called by this name."""
    if name not in Hook.stages or name in vars(hook):
        return hasattr(hook, name)
    return name in hook.get_triggered_stages()
