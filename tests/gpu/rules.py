"""What CUDA does and a CPU does not: each rule holds on the pretended GPU, too."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

OK = 'as on a GPU'


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))


def refused(action: Callable[[], object], words: str) -> bool:
    """Whether it fails, for the right reason."""
    try:
        action()
    except (RuntimeError, TypeError) as error:
        return words in str(error)
    return False


def gradients() -> bool:
    """Numbers are the CPU's."""
    here, there, x = network(), network().cuda(), torch.randn(2, 3, 8, 8)
    here(x).square().mean().backward()
    there(x.cuda()).square().mean().backward()
    pairs = zip(here.parameters(), there.parameters(), strict=True)
    return all(torch.equal(a.grad, b.grad.cpu()) for a, b in pairs)


def waits() -> bool:
    """One pageable copy, one number read; pinned memory is copied without a wait."""
    from pretend import counting

    x = torch.randn(2, 3)
    with counting() as counts:
        x.to('cuda').sum().item()
        x.pin_memory().to('cuda', non_blocking=True).sum()
        torch.empty(3, pin_memory=True).to('cuda', non_blocking=True)
    return sum(counts.waits.values()) == 2 and counts.report()['pageable'] == 1


def chunks() -> bool:
    """Lists of one type go together, others one by one."""
    from pretend import counting

    floats = [torch.zeros(3, device='cuda') for _ in range(20)]
    mixed = [*floats, torch.zeros(3, device='cuda', dtype=torch.int64)]
    with counting() as few:
        torch._foreach_copy_([torch.empty_like(x) for x in floats], floats)
    with counting() as many:
        torch._foreach_copy_([torch.empty_like(x) for x in mixed], mixed)
    return (sum(few.launches.values()), sum(many.launches.values())) == (1, 21)


def autocast() -> bool:
    net, x = network().cuda(), torch.randn(2, 3, 8, 8).cuda()
    with torch.autocast('cuda', torch.bfloat16):
        y = net(x)
        z = F.interpolate(y, (9, 9), mode='bilinear')
    return (y.dtype, z.dtype) == (torch.bfloat16, torch.float32)


def generators() -> bool:
    """Seeding the CPU's alone leaves the device's; ``torch.manual_seed`` seeds both."""

    def draw(seed: Callable[[int], object]) -> torch.Tensor:
        seed(1)
        return torch.rand(3, device='cuda').cpu()

    alone, both = torch.default_generator.manual_seed, torch.manual_seed
    apart = not torch.equal(draw(alone), draw(alone))
    return apart and torch.equal(draw(both), draw(both))


def on_gpu() -> torch.Tensor:
    return torch.ones(2, 3, device='cuda')


RULES: dict[str, Callable[[], bool]] = {
    'gradients are the CPU': gradients,
    'waits and copies are counted': waits,
    'lists are launched in chunks': chunks,
    "autocast by CUDA's lists": autocast,
    'a generator of its own': generators,
    'an input on the CPU': lambda: refused(
        lambda: network().cuda()(torch.ones(2, 3, 8, 8)), 'on one device'
    ),
    'a sum over two devices': lambda: refused(lambda: on_gpu() + torch.ones(2, 3), 'on one device'),
    'a single number of the CPU is welcome': lambda: bool((on_gpu() + torch.tensor(1.0)).is_cuda),
    'labels on the CPU': lambda: refused(
        lambda: F.cross_entropy(on_gpu(), torch.zeros(2, dtype=torch.long)), 'on one device'
    ),
    'two GPUs': lambda: refused(lambda: on_gpu() + on_gpu().to('cuda:1'), 'tensors on'),
    'cat takes no single number of the CPU': lambda: refused(
        lambda: torch.stack([on_gpu().sum(), torch.tensor(1.0)]), 'on one device'
    ),
    'numpy': lambda: refused(lambda: on_gpu().numpy(), 'numpy'),
    'the address': lambda: refused(lambda: on_gpu().data_ptr(), 'address'),
    'pickling': lambda: refused(lambda: __import__('pickle').dumps(on_gpu()), 'pickled'),
}


def check_rules() -> dict:
    """How each rule fared."""
    return {name: OK if rule() else 'not as on a GPU' for name, rule in RULES.items()}
