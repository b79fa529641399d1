"""A model around a segmentor, for inference."""

from mmengine.model import BaseTTAModel


class SegmentorWrapper(BaseTTAModel):
    """A model that runs a segmentor, its ``module``, in a way of its own: ``test_step``.

    It derives from MMEngine's ``BaseTTAModel`` because MMEngine's and our reading of checkpoints
    know by that class that the weights belong to ``module``. That class' test-time pipeline, which
    gives several views of an image as separate inputs, is not used.

    Args:
        module: The segmentor, a wrapper around one, or the config of either.
        data_preprocessor: MMEngine's: replaces that in a config of ``module``.
    """

    def merge_preds(self, data_samples_list: list) -> list:
        """The first view's predictions: inputs hold one view of every image."""
        return [views[0] for views in data_samples_list]
