"""What the experiment computes: recall over time, drift, choice, spread, rank correlation. Pure.

A matrix has a row for each stage, the checkpoint after a domain was trained, and a column for each domain: R@5 in
percent. Stage and domain t belong together; row 0 is the model that never trained further.
"""
import math

MEASURES = ("self angle, image", "self angle, text", "rotation, image", "rotation, text", "gap", "cross angle")


def mean(values):
    return sum(values) / len(values)


def spread(values):
    """The sample's standard deviation; None for fewer than two values."""
    if len(values) < 2:
        return None
    middle = mean(values)
    return math.sqrt(sum((x - middle) ** 2 for x in values) / (len(values) - 1))


def forgetting(matrix):
    """Best earlier value less the last one, the mean over all domains but the last."""
    last = len(matrix) - 1
    return mean([max(row[d] for row in matrix[:last]) - matrix[last][d] for d in range(last)])


def backward_transfer(matrix):
    """Last value less the one right after the domain was trained, the mean over all domains but the last."""
    last = len(matrix) - 1
    return mean([matrix[last][d] - matrix[d][d] for d in range(last)])


def forward_transfer(matrix):
    """Value right before the domain was trained less that of stage 0, the mean over the domains from the third on."""
    return mean([matrix[d - 1][d] - matrix[0][d] for d in range(2, len(matrix))])


def summary(matrix):
    """A run's figures by name; of a matrix with one row, which has no stages, those of the end."""
    end = {"first": matrix[-1][0], "last": matrix[-1][-1], "mean": mean(matrix[-1])}
    if len(matrix) == 1:
        return end
    return {**end, "forgetting": forgetting(matrix), "backward": backward_transfer(matrix),
            "forward": forward_transfer(matrix)}


def lost(matrix, stage, domain):
    """What a later stage lost of a domain: recall right after it was trained less recall now."""
    return matrix[domain][domain] - matrix[stage][domain]


def best(scores):
    """The position of the highest score; of equal ones the first, which stands nearest to the defaults."""
    return max(range(len(scores)), key=lambda i: (scores[i], -i))


def ranks(values):
    """Ranks from 1; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    result = [0.0] * len(values)
    begin = 0
    while begin < len(order):
        end = begin
        while end < len(order) and values[order[end]] == values[order[begin]]:
            end += 1
        for i in order[begin:end]:
            result[i] = (begin + 1 + end) / 2
        begin = end
    return result


def spearman(x, y):
    """Rank correlation: Pearson's of the ranks; None where one side does not vary."""
    a, b = ranks(x), ranks(y)
    middle = mean(a)
    covariance = sum((p - middle) * (q - middle) for p, q in zip(a, b))
    scale = sum((p - middle) ** 2 for p in a) * sum((q - middle) ** 2 for q in b)
    return covariance / math.sqrt(scale) if scale else None


def angle(u, v):
    """Between unit vectors, in degrees."""
    return math.degrees(math.acos(max(-1.0, min(1.0, sum(map(float.__mul__, u, v))))))


def self_angles(rows):
    return [angle(rows[a], rows[b]) for a in range(len(rows)) for b in range(a)]


def cross_angles(images, texts):
    return [angle(u, v) for u in images for v in texts]


def mean_change(before, after):
    return mean([abs(p - q) for p, q in zip(before, after)])


def drift(before, after):
    """MEASURES' means in degrees between two checkpoints, each (image embeddings, text embeddings) of the same samples:
    unit vectors. As `keel drift` measures (docs/metrics.md), which compares with a phase's parent."""
    turned = [[angle(u, v) for u, v in zip(old, new)] for old, new in zip(before, after)]
    return [mean_change(self_angles(before[0]), self_angles(after[0])),
            mean_change(self_angles(before[1]), self_angles(after[1])),
            mean(turned[0]), mean(turned[1]), mean_change(*turned),
            mean_change(cross_angles(*before), cross_angles(*after))]
