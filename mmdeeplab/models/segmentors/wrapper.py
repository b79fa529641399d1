"""The base of models that wrap a segmentor for inference."""

from mmengine.model import BaseTTAModel


class SegmentorWrapper(BaseTTAModel):
    """Base of models whose ``test_step`` runs a segmentor, ``module``, in some special way.

    It derives from MMEngine's ``BaseTTAModel`` because by that class MMEngine and our own code know
    that the weights of a checkpoint belong to ``module``. The test-time pipeline of that class,
    which gives several views of an image as separate inputs, is not used.

    Args:
        module: The segmentor, a wrapper around one, or the config of either.
        data_preprocessor: Replaces the one in the config of ``module``.
    """

    def merge_preds(self, data_samples_list: list) -> list:
        """The predictions of the first view; inputs have only one view of each image."""
        return [views[0] for views in data_samples_list]
