"""The dense loss in PyTorch with autograd, in this process: loss_torch.py KIND N D REPETITIONS.

KIND clip: open_clip's ClipLoss alone. KIND modx: ClipLoss and Mod-X's alignment with the published recipe's mask in place of its loop
over rows. Inputs and measurement as tests/bench/loss_bench.cc. Prints one JSON object."""
import json
import sys
import time

import torch
import torch.nn.functional as F
from open_clip.loss import ClipLoss

ALPHA = 20


def unit(x):
    return x.div_(x.norm(dim=1, keepdim=True))


def inputs(n, d):
    torch.manual_seed(0)
    image = unit(torch.randn(n, d))
    text = unit(torch.randn(n, d).add_(image))
    teacher_image = unit(torch.randn(n, d))
    teacher_text = unit(torch.randn(n, d).add_(teacher_image))
    return image, text, teacher_image, teacher_text


def status(name):
    with open('/proc/self/status') as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name + ':'))


def alignment(student, teacher):
    kept = teacher.argmax(1) == torch.arange(len(teacher))
    return F.kl_div(student[kept].log_softmax(1), teacher[kept].softmax(1), reduction='sum')


def run(kind, image, text, teacher_image, teacher_text):
    image, text = image.detach().requires_grad_(), text.detach().requires_grad_()
    scale = torch.tensor(14.0).log().requires_grad_()
    total = ClipLoss()(image, text, scale.exp())
    if kind == 'modx':
        student = image @ text.T
        with torch.no_grad():
            teacher = teacher_image @ teacher_text.T
        weight = ALPHA / 2 * 280 / len(image)
        total = total + weight * (alignment(student, teacher) + alignment(student.T, teacher.T))
    total.backward()
    return total.item()


def main():
    kind, n, d, repetitions = sys.argv[1], *map(int, sys.argv[2:])
    run(kind, *inputs(64, d))
    batch = inputs(n, d)
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')
    before = status('VmRSS')
    seconds = []
    for _ in range(repetitions):
        begin = time.perf_counter()
        total = run(kind, *batch)
        seconds.append(time.perf_counter() - begin)
    print(json.dumps({'seconds': min(seconds), 'peak_bytes': status('VmHWM') - before, 'total': total,
                      'threads': torch.get_num_threads()}))


main()
