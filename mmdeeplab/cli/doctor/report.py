"""The report of the doctor as text."""

from mmdeeplab.cli.doctor.facts import Facts, title
from mmdeeplab.cli.doctor.finding import ERROR, Finding
from mmdeeplab.cli.doctor.machine import in_gib, judge_machine
from mmdeeplab.cli.doctor.packages import OPENCV, ORIGINALS, judge_packages, pip


def judge(facts: Facts) -> list[Finding]:
    """All findings, errors first."""
    findings = [*judge_packages(facts), *judge_machine(facts)]
    return sorted(findings, key=lambda finding: finding.severity != ERROR)


def describe(facts: Facts) -> str:
    """The facts as text."""
    machine, torch = facts.machine, facts.torch
    rows = [
        ('package', title()),
        ('python', f'{".".join(map(str, facts.python))}, {facts.executable}'),
        ('stack', ', '.join(stack(facts)) or 'nothing'),
        ('extras', ', '.join(extras(facts))),
        ('devices', f'{", ".join(torch.gpus) if torch and torch.gpus else "no GPU"}; '
                    f'{machine.cores} cores'),
    ]  # fmt: skip
    if torch is not None:
        speed = 'in hardware' if torch.bf16 else 'emulated: --amp saves memory, not time'
        rows += [
            ('threads', f'{torch.threads} (OMP_NUM_THREADS changes it)'),
            ('bfloat16', speed),
        ]
    if facts.kernels is not None:
        rows.append(('kernels', str(facts.kernels)))
    shared = 'none' if machine.shared is None else f'{in_gib(machine.shared)} free'
    rows += [
        ('disk', f'{in_gib(machine.disk)} free here; /dev/shm: {shared}'),
        ('cache', f'{machine.cache}, {"" if machine.cache_writable else "not "}writable'),
    ]
    return '\n'.join(f'{name:<10}{text}' for name, text in rows)


def stack(facts: Facts) -> list[str]:
    """Names and versions of the main packages, and of others installed in their place."""
    required = [need.name for need in facts.requirements if not need.extra]
    others = [name for names in ORIGINALS.values() for name in names]
    names = dict.fromkeys([*required, *others, *OPENCV])
    return [f'{name} {facts.distributions[name]}' for name in names if name in facts.distributions]


def extras(facts: Facts) -> list[str]:
    """For each extra whether its packages are installed, and how to install them."""
    groups: dict[str, list[str]] = {}
    for need in facts.requirements:
        if need.extra and need.extra != 'dev':
            groups.setdefault(need.extra, []).append(str(need))
    result = []
    for extra, needs in groups.items():
        missing = [need for need in needs if need.partition('>=')[0] not in facts.distributions]
        result.append(f'{extra}: {pip(facts, "install", *missing) if missing else "here"}')
    return result


def render(findings: list[Finding]) -> str:
    """The findings as text, a paragraph each: what is wrong, and the command that fixes it."""
    return '\n'.join(f'{f.severity}: {f.words}\n    {f.command}' for f in findings)
