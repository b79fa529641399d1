"""Another output stride for any config."""

from mmengine.config import Config

from mmdeeplab.errors import UserError
from mmdeeplab.models.atrous import check_output_stride, scale_rates


def set_output_stride(cfg: Config, output_stride: int) -> None:
    """Switch the backbone of ``cfg`` and the rates of its neck to ``output_stride``, in place.

    Raises:
        UserError: Not 8, 16 or 32, or the backbone has no output stride.
    """
    try:
        check_output_stride(output_stride)
        old = cfg.model.backbone.get('output_stride')
        if old is None:
            raise ValueError(f'{cfg.model.backbone.type} has no output_stride to set')
        cfg.model.backbone.output_stride = output_stride
        neck = cfg.model.get('neck')
        if neck and neck.get('rates'):
            neck.rates = scale_rates(neck.rates, old, output_stride)
    except ValueError as error:
        raise UserError(str(error)) from error
