"""Bring the configs and tools of the checkout into the wheel; everything else is in setup.cfg."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

# What these start lies in tests, benchmarks and docs, which no wheel holds.
IN_A_CHECKOUT = ('torture.py', 'ablate.py', 'draw_family.py')


class BuildWithConfigs(build_py):
    """They stand beside the package here, in ``mmdeeplab/.mim`` there: mmdeeplab.config.shipped."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        ignored = shutil.ignore_patterns('__pycache__', *IN_A_CHECKOUT)
        for folder in ('configs', 'tools'):
            target = Path(self.build_lib) / 'mmdeeplab' / '.mim' / folder
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(folder, target, ignore=ignored)


setup(cmdclass={'build_py': BuildWithConfigs})
