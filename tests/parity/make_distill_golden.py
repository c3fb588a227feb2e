"""Writes tests/golden/distill_loss.safetensors: OpenCLIP's DistillClipLoss on random features, live.

    python make_distill_golden.py tests/golden/distill_loss.safetensors

Features are of any length; OpenCLIP's loss takes unit vectors, so autograd goes through the normalisation. In float64.
"""
import sys

import open_clip
import torch
from safetensors.torch import save_file

ROWS, WIDTH = 24, 16


def main():
    torch.manual_seed(4)
    # Near each other, so that the teacher gets some rows right.
    image = torch.randn(ROWS, WIDTH, dtype=torch.float64)
    text = image + 0.8 * torch.randn(ROWS, WIDTH, dtype=torch.float64)
    teacher_image = image + 0.5 * torch.randn(ROWS, WIDTH, dtype=torch.float64)
    teacher_text = text + 0.5 * torch.randn(ROWS, WIDTH, dtype=torch.float64)
    logit_scale = torch.tensor(2.3, dtype=torch.float64)
    teacher_logit_scale = torch.tensor(2.9, dtype=torch.float64)
    inputs = {"image": image, "text": text, "logit_scale": logit_scale}
    for tensor in inputs.values():
        tensor.requires_grad_(True)
    unit = torch.nn.functional.normalize
    contrastive, distill = open_clip.loss.DistillClipLoss()(
        unit(image), unit(text), logit_scale.exp(), unit(teacher_image), unit(teacher_text),
        teacher_logit_scale.exp())
    alpha = 1.5
    (contrastive + alpha * distill).backward()
    tensors = {name: tensor.detach() for name, tensor in inputs.items()}
    tensors |= {f"grad_{name}": tensor.grad for name, tensor in inputs.items()}
    tensors |= {"teacher_image": teacher_image, "teacher_text": teacher_text,
                "teacher_logit_scale": teacher_logit_scale, "contrastive": contrastive.detach(),
                "distill": distill.detach()}
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    save_file(tensors, sys.argv[1], metadata={"alpha": str(alpha), "open_clip": open_clip.__version__})


if __name__ == "__main__":
    main()
