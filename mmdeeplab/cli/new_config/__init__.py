"""From a folder of images and masks to a config that trains on it."""

from mmdeeplab.cli.new_config.command import _parser, main, new_config

__all__ = ['_parser', 'main', 'new_config']
