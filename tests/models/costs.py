"""What every network must cost: one list for the tests and for docs/costs.md."""


def fc6(kernel: int, rate: int) -> dict:
    """Overrides for v1's models with 4096 channels (2x2 pools, no pool5a)."""
    return {
        'model.backbone.pool_kernel': 2,
        'model.backbone.average_pool': False,
        'model.neck.kernel_size': kernel,
        'model.neck.rates': (rate,),
        'model.neck.channels': 4096,
        'model.decode_head.in_channels': 4096,
        'model.decode_head.channels': 4096,
    }


# config, overrides, parameters, multiply-adds in 1e9 at 513 x 513 (None: not published)
MODELS = [
    ('deeplabv3plus_xception_voc', {}, 41_055_413, 54.04),
    ('deeplabv3plus_xception-os8_voc', {}, 41_055_413, 176.85),
    ('deeplabv3plus_xception_voc', {'model.backbone.depth': 41}, 28_108_661, 40.01),
    ('deeplabv3plus_xception_voc', {'model.backbone.depth': 71}, 43_477_837, 66.07),
    ('deeplabv3plus_xception-os8_voc', {'model.backbone.depth': 41}, 28_108_661, 122.45),
    ('deeplabv3plus_xception-os8_voc', {'model.backbone.depth': 71}, 43_477_837, 189.96),
    (
        'deeplabv3plus_xception_voc',
        {'model.neck.separable': False, 'model.decode_head.separable': False},
        54_711_461,
        86.68,
    ),
    (
        'deeplabv3plus_xception-os8_voc',
        {'model.neck.separable': False, 'model.decode_head.separable': False},
        54_711_461,
        248.78,
    ),
    ('deeplabv3plus_xception71_voc', {}, 43_477_837, 66.07),
    ('deeplabv3_xception_voc', {}, 40_892_485, None),
    ('deeplabv3_xception_voc', {'model.neck.separable': False}, 53_407_813, 64.92),
    (
        'deeplabv3_xception_voc',
        {
            'model.neck.separable': False,
            'model.neck.rates': (12, 24, 36),
            'model.backbone.output_stride': 8,
        },
        53_407_813,
        227.04,
    ),
    ('deeplabv1_vgg16_voc', {}, 20_505_429, None),
    ('deeplabv1_vgg16_voc', fc6(4, 4), 65_140_565, None),
    ('deeplabv1_vgg16_voc', fc6(7, 4), 134_346_581, None),
    ('deeplabv1_vgg16-msc_voc', {}, 20_505_429 + 1_206_121, None),
    ('deeplabv2_vgg16-largefov_voc', {}, 20_505_429, None),
    # by hand: trunk, four times fc6 and fc7, and one bias for the paper's four
    ('deeplabv2_vgg16_voc', {}, 14_714_688 + 4 * (4_719_616 + 1_049_600 + 21 * 1024) + 21, None),
    ('deeplabv2_vgg16-aspp-s_voc', {}, 37_877_589, None),
    ('deeplabv3_r101-beta_voc', {}, 58_164_437, 76.05),
    ('deeplabv3_r101-beta_voc', {'model.backbone.output_stride': 8}, 58_164_437, 252.25),
    ('deeplabv3plus_r101-beta_voc', {'model.decode_head.separable': False}, 59_468_085, 97.81),
    (
        'deeplabv3plus_r101-beta_voc',
        {'model.decode_head.separable': False, 'model.backbone.output_stride': 8},
        59_468_085,
        273.99,
    ),
    ('deeplabv3_r101-beta_voc', {'model.backbone.depth': 50}, 39_172_309, 55.43),
    ('deeplabv3_r50-beta-os8_voc', {}, 39_172_309, 172.23),
    ('deeplabv2_r101_voc', {}, 44_048_532, None),
    # the other stem has 123,776 parameters less, a cascaded block 13,387,776 (by hand)
    ('deeplabv3_r101_voc', {}, 58_164_437 - 123_776, None),
    ('deeplabv3_r50_voc', {}, 39_172_309 - 123_776, None),
    ('deeplabv3plus_r101_voc', {'model.decode_head.separable': False}, 59_468_085 - 123_776, None),
    (
        'deeplabv3_r101-beta-block7_voc',
        {},
        42_623_936 + 3 * 13_387_776 + 21 * (2048 + 1),
        None,
    ),
    ('deeplabv3_mobilenetv2_voc', {}, 2_113_557, 2.74),
    ('deeplabv3_mobilenetv2_voc', {'model.backbone.output_stride': 8}, 2_113_557, 8.83),
    (
        'deeplabv3_mobilenetv2_voc',
        {'model.neck.rates': (6, 12, 18), 'model.neck.separable': False},
        4_523_541,
        None,
    ),
    ('deeplabv3_mobilenetv2-dm05_voc', {}, 697_013, None),
    ('deeplabv3plus_mobilenetv2_voc', {}, 2_271_109, None),
    ('lraspp_mobilenetv3_voc', {}, 1_507_698, None),
    ('lraspp_mobilenetv3-small_voc', {}, 469_266, None),
]
# config, overrides, parameters in 1e6 and multiply-adds in 1e9 as printed (spec 2.6, 5.4, 5.5)
PUBLISHED = [
    ('deeplabv3_mobilenetv2_voc', {}, 2.11, 2.75),
    ('deeplabv3_mobilenetv2-dm05_voc', {}, None, 0.88),
    ('deeplabv3_mobilenetv2-dm05_voc', {'model.backbone.output_stride': 8}, None, 2.84),
    (
        'deeplabv3_mobilenetv2_voc',
        {'model.neck.rates': (6, 12, 18), 'model.neck.separable': False},
        4.52,
        5.8,
    ),
    ('deeplabv3plus_xception_voc', {}, None, 54.17),
    ('deeplabv3plus_xception-os8_voc', {}, None, 177.10),
    ('deeplabv3_xception_voc', {'model.neck.separable': False}, None, 68.00),
    (
        'deeplabv3_xception_voc',
        {
            'model.neck.separable': False,
            'model.neck.rates': (12, 24, 36),
            'model.backbone.output_stride': 8,
        },
        None,
        240.85,
    ),
    (
        'deeplabv3plus_xception_voc',
        {'model.neck.separable': False, 'model.decode_head.separable': False},
        None,
        89.76,
    ),
    (
        'deeplabv3plus_xception-os8_voc',
        {'model.neck.separable': False, 'model.decode_head.separable': False},
        None,
        262.59,
    ),
    ('deeplabv3_r101-beta_voc', {}, 58.16, 81.02),
    (
        'deeplabv3_r101-beta_voc',
        {'model.neck.rates': (12, 24, 36), 'model.backbone.output_stride': 8},
        58.16,
        276.18,
    ),
    ('deeplabv3plus_r101-beta_voc', {'model.decode_head.separable': False}, None, 101.28),
    (
        'deeplabv3plus_r101-beta_voc',
        {
            'model.decode_head.separable': False,
            'model.neck.rates': (12, 24, 36),
            'model.backbone.output_stride': 8,
        },
        None,
        297.92,
    ),
    ('lraspp_mobilenetv3_voc', {'model.decode_head.num_classes': 19}, 1.51, None),
    ('lraspp_mobilenetv3-small_voc', {'model.decode_head.num_classes': 19}, 0.47, None),
]


def name(row: tuple) -> str:
    """A row's config with its overrides, short."""
    options = ', '.join(f'{key.removeprefix("model.")}={value}' for key, value in row[1].items())
    return f'{row[0]} ({options})' if options else row[0]
