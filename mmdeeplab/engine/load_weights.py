"""Load weights into a run: all of them to evaluate or resume, what fits to train on new data."""

from mmengine.hooks import EMAHook
from mmengine.runner import Runner

from mmdeeplab.checkpoint.class_order import (
    by_name,
    data_classes,
    dataset_classes,
    in_order,
    require_order,
)
from mmdeeplab.checkpoint.fine_tune import class_names, classifier_keys, fine_tune
from mmdeeplab.checkpoint.key_prefixes import in_backbone
from mmdeeplab.checkpoint.load import check_fit, unwrap, with_counters
from mmdeeplab.models.norms.unfold_batch_norm import folded_norms, unfold_batch_norm_on


def load_whole(runner: Runner, checkpoint: dict, path: str, resume: bool) -> None:
    """Load every tensor of a checkpoint, to evaluate or to resume.

    Args:
        runner: The run.
        checkpoint: The result of :func:`mmdeeplab.models.load.read_weights`. Hooks may change it;
            afterwards it holds what was loaded.
        path: The checkpoint's file.
        resume: Whether training goes on. Then the order of the classes may not differ, and averaged
            weights are dropped if the run does not average.

    Raises:
        UserError: The checkpoint does not fit the network.
    """
    averaging = any(isinstance(hook, EMAHook) for hook in runner.hooks)
    if resume and 'ema_state_dict' in checkpoint and not averaging:
        take_own_weights(checkpoint)
        runner.logger.warning(f'the averaged weights of {path} are dropped: no EMAHook')
    runner.call_hook('after_load_checkpoint', checkpoint=checkpoint)
    model = unwrap(runner.model)
    checkpoint['state_dict'] = with_counters(checkpoint['state_dict'], model)
    check_fit(checkpoint['state_dict'], model, path)
    checkpoint['state_dict'] = _by_class_name(runner, checkpoint, path, resume)
    model.load_state_dict(checkpoint['state_dict'])
    runner.logger.info(f'loaded {len(checkpoint["state_dict"])} tensors from {path}')


def _by_class_name(runner: Runner, checkpoint: dict, path: str, resume: bool) -> dict:
    """The weights, with the classifiers' rows in the order of the data set's classes.

    Raises:
        UserError: The checkpoint has other classes, or on resume another order.
    """
    state, source_classes = checkpoint['state_dict'], class_names(checkpoint)
    classes, root = data_classes(runner)
    if source_classes is None or classes is None or in_order(source_classes, classes):
        return state
    model, mapped = unwrap(runner.model), None
    if not resume:
        count = getattr(model, 'num_classes', 0)
        mapped = by_name(state, classifier_keys(model, count), source_classes, classes)
    if mapped is None:
        require_order(source_classes, classes, path, root)
        return state
    runner.logger.warning(f'the classes of {path} stand in another order: mapped by name')
    return mapped


def load_to_train(runner: Runner, checkpoint: dict, path: str) -> None:
    """Load the weights of a checkpoint that fit, to train on other data.

    Only the backbone must fit; see :mod:`mmdeeplab.checkpoint.fine_tune`.

    Args:
        runner: The run, whose training loop is built.
        checkpoint: The result of :func:`mmdeeplab.models.load.read_weights`; afterwards it holds
            the network's weights.
        path: The checkpoint's file.

    Raises:
        UserError: The checkpoint has another backbone.
    """
    model = unwrap(runner.model)
    warn = runner.logger.warning
    state = in_backbone(checkpoint['state_dict'], model.state_dict(), path, warn)
    dataset = runner.train_loop.dataloader.dataset
    result = fine_tune(
        state,
        model.state_dict(),
        path,
        classifiers=classifier_keys(model, getattr(model, 'num_classes', 0)),
        source_classes=class_names(checkpoint),
        model_classes=dataset_classes(dataset),
        **(runner.cfg.get('finetune') or {}),
    )
    model.load_state_dict(result.state)
    runner.logger.info(result.sentence(path))
    norms = folded_norms(model)
    if norms:
        count = unfold_batch_norm_on(model, norms, dataset)
        runner.logger.info(
            f'{len(norms)} norms were folded into their convolutions: statistics taken from '
            f'{count} training images'
        )
    checkpoint['state_dict'] = model.state_dict()
    runner.call_hook('after_load_checkpoint', checkpoint=checkpoint)


def take_own_weights(checkpoint: dict) -> None:
    """Replace averaged weights of a checkpoint by the trained ones, in place; drop the average.

    This is for a run that no longer averages.
    """
    state, average = checkpoint['state_dict'], checkpoint.pop('ema_state_dict')
    for key, value in average.items():
        if key.startswith('module.'):
            state[key.removeprefix('module.')] = value
