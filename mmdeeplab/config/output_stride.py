"""Change the output stride of a config."""

import copy

from mmengine.config import Config

from mmdeeplab.errors import UserError
from mmdeeplab.models.atrous import check_output_stride, scale_rates


def with_output_stride(cfg: Config, output_stride: int) -> Config:
    """``cfg`` with another output stride: of the backbone, and in the rates of neck and head.

    Raises:
        UserError: It is not 8, 16 or 32, or the backbone has no output stride.
    """
    changed = copy.deepcopy(cfg)
    model = changed.model
    try:
        check_output_stride(output_stride)
        old = model.backbone.get('output_stride')
        if old is None:
            raise ValueError(f'{model.backbone.type} has no output_stride to set')
        model.backbone.output_stride = output_stride
        for name in ('neck', 'decode_head'):
            part = model.get(name)
            if part and part.get('rates'):
                part.rates = scale_rates(part.rates, old, output_stride)
    except ValueError as error:
        raise UserError(str(error)) from error
    return changed
