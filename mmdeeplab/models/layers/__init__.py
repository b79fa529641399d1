"""Convolutions that backbones, necks and heads are built of."""
