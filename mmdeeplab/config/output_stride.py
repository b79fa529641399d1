"""Another output stride for any config."""

from mmengine.config import Config

from mmdeeplab.errors import UserError
from mmdeeplab.models.atrous import check_output_stride, scale_rates


def set_output_stride(cfg: Config, output_stride: int) -> None:
    """Switch ``cfg`` (backbone, rates of neck and head) to ``output_stride``, in place.

    Raises:
        UserError: Not 8, 16 or 32, or the backbone has no output stride.
    """
    try:
        check_output_stride(output_stride)
        old = cfg.model.backbone.get('output_stride')
        if old is None:
            raise ValueError(f'{cfg.model.backbone.type} has no output_stride to set')
        cfg.model.backbone.output_stride = output_stride
        for name in ('neck', 'decode_head'):
            part = cfg.model.get(name)
            if part and part.get('rates'):
                part.rates = scale_rates(part.rates, old, output_stride)
    except ValueError as error:
        raise UserError(str(error)) from error
