"""Find what is wrong with the installed packages."""

import shlex
from collections.abc import Iterator, Sequence

from mmdeeplab.cli.doctor.facts import Facts, Requirement
from mmdeeplab.cli.doctor.finding import ERROR, WARNING, Finding

PYTHON = (3, 10)
ORIGINALS = {
    'onedl-mmengine': ('mmengine', 'mmengine-lite'),
    'onedl-mmcv': ('mmcv', 'mmcv-lite', 'mmcv-full'),
    'onedl-mmsegmentation': ('mmsegmentation',),
}
"""Distributions that bring the same modules as those we need, and do not work here."""
OPENCV = (
    'opencv-python',
    'opencv-python-headless',
    'opencv-contrib-python',
    'opencv-contrib-python-headless',
)
PROVIDERS = {
    'numpy': 'numpy',
    'torch': 'torch',
    'cv2': 'opencv-python',
    'mmengine': 'onedl-mmengine',
    'mmcv': 'onedl-mmcv',
    'mmseg': 'onedl-mmsegmentation',
}
SCREEN = ('libGL', 'libgthread', 'libglib', 'libxcb', 'libSM', 'libXext')
ABI = ('multiarray', '_ARRAY_API', 'dtype size changed', 'compiled using NumPy')


def pip(facts: Facts, *words: str) -> str:
    """A pip command for this interpreter."""
    return shlex.join([facts.executable, '-m', 'pip', *words])


def judge_packages(facts: Facts) -> Iterator[Finding]:
    """Findings about interpreter, packages and imports."""
    if facts.python < PYTHON:
        words = f'Python {".".join(map(str, facts.python))} is older than 3.10'
        yield Finding(ERROR, words, 'make PYTHON=python3.11 env')
    originals = list(judge_originals(facts))
    yield from originals
    needs = [need for need in facts.requirements if not need.extra]
    yield from judge_requirements(
        facts, [need for need in needs if not (originals and need.name in ORIGINALS)]
    )
    doubles = list(judge_opencv(facts))
    yield from doubles
    if not originals and not doubles:
        yield from judge_imports(facts)


def judge_requirements(facts: Facts, needs: Sequence[Requirement]) -> Iterator[Finding]:
    """Findings about missing packages, with one command, and outdated ones, with another."""
    versions = facts.distributions
    if missing := [need for need in needs if need.name not in versions]:
        words = f'not installed: {", ".join(need.name for need in missing)}'
        yield Finding(ERROR, words, pip(facts, 'install', *map(str, missing)))
    installed = [need for need in needs if need.name in versions]
    if old := [need for need in installed if numbers(versions[need.name]) < numbers(need.least)]:
        named = (f'{need.name} {versions[need.name]} (at least {need.least})' for need in old)
        words = f'too old: {", ".join(named)}'
        yield Finding(ERROR, words, pip(facts, 'install', '--upgrade', *map(str, old)))


def judge_originals(facts: Facts) -> Iterator[Finding]:
    """Findings about OpenMMLab's own packages, installed instead of their forks or over them."""
    for need in facts.requirements:
        originals = [name for name in ORIGINALS.get(need.name, ()) if name in facts.distributions]
        if not originals:
            continue
        named = ' and '.join(f'{name} {facts.distributions[name]}' for name in originals)
        both = need.name in facts.distributions
        words = (
            f'{named} and {need.name} {facts.distributions[need.name]} are both installed and '
            'overwrite the same files'
            if both
            else f'{named} is installed in place of {need.name}: the original does not go with '
            'the PyTorch and NumPy that are needed here'
        )
        removal = pip(facts, 'uninstall', '-y', *originals, *([need.name] if both else []))
        yield Finding(ERROR, words, f'{removal} && {pip(facts, "install", str(need))}')


def judge_opencv(facts: Facts) -> Iterator[Finding]:
    """Findings about several builds of OpenCV, which overwrite each other in part."""
    builds = [name for name in OPENCV if name in facts.distributions]
    if len(builds) < 2:
        return
    same = len({facts.distributions[name] for name in builds}) == 1
    sound = same and not facts.imports.get('cv2')
    named = ', '.join(f'{name} {facts.distributions[name]}' for name in builds)
    pinned = f'{builds[0]}=={facts.distributions[builds[0]]}'
    command = f'{pip(facts, "uninstall", "-y", *builds)} && {pip(facts, "install", pinned)}'
    words = f'{named} overwrite the same files; keep one'
    yield Finding(WARNING if sound else ERROR, words, command)


def judge_imports(facts: Facts) -> Iterator[Finding]:
    """Findings about installed modules that cannot be imported, and PyTorch without NumPy."""
    failed = {module: text for module, text in facts.imports.items() if text}
    for module, text in failed.items():
        if PROVIDERS[module] in facts.distributions:
            yield judge_import(facts, module, ' '.join(text.split()))
            return  # it makes the other imports fail
    if facts.torch is not None and not facts.torch.numpy_works and 'numpy' in facts.distributions:
        numpy = facts.distributions['numpy']
        words = f'PyTorch {facts.torch.version} was built for another NumPy than {numpy}'
        yield Finding(ERROR, words, pip(facts, 'install', '--upgrade', 'torch', 'numpy'))


def judge_import(facts: Facts, module: str, text: str) -> Finding:
    """The finding about a failing import, with the cause as far as its message tells."""
    owner = PROVIDERS[module]
    version = facts.distributions[owner]
    short = text if len(text) < 300 else f'{text[:300]} ...'
    if module == 'cv2' and any(library in text for library in SCREEN):
        removal = pip(facts, 'uninstall', '-y', owner)
        install = pip(facts, 'install', f'opencv-python-headless=={version}')
        words = f'{owner} {version} needs libraries of a desktop that are not here ({short})'
        return Finding(ERROR, words, f'{removal} && {install}')
    if any(word in text for word in ABI):
        words = (
            f'{owner} {version} was built for another NumPy than '
            f'{facts.distributions.get("numpy")} ({short})'
        )
        return Finding(ERROR, words, pip(facts, 'install', '--upgrade', owner, 'numpy'))
    reinstall = pip(facts, 'install', '--force-reinstall', '--no-deps', f'{owner}=={version}')
    return Finding(ERROR, f'{module} ({owner} {version}) cannot be imported: {short}', reinstall)


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version, without trailing zeros: (2, 13) for 2.13.0+cpu."""
    release: list[int] = []
    for part in version.partition('+')[0].split('.'):
        digits = part[: len(part) - len(part.lstrip('0123456789'))]
        if not digits:
            break
        release.append(int(digits))
    while release and not release[-1]:
        release.pop()
    return tuple(release)
