"""The middle line of a mark."""

import numpy as np
from numpy.typing import NDArray


def skeleton(inside: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return a mark's middle line: points (n, 2) as x, y, and the pairs that touch.

    Source: Zhang and Suen 1984, "A fast parallel algorithm for thinning digital patterns".
    """
    ring = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    left, before = inside.copy(), -1
    while left.sum() != before:
        before = int(left.sum())
        for first, second in (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6))):
            near = np.stack([np.roll(left, (-y, -x), (0, 1)) for y, x in ring])
            count = near.sum(axis=0)
            turns = (~near & np.roll(near, -1, axis=0)).sum(axis=0)
            edge = ~near[list(first)].all(axis=0) & ~near[list(second)].all(axis=0)
            left &= ~((count >= 2) & (count <= 6) & (turns == 1) & edge)
    points = np.argwhere(left)[:, ::-1].astype(np.float64)
    touching = np.abs(points[:, np.newaxis] - points).max(axis=2) <= 1
    reached = touching.astype(np.float32)
    for _ in range(8):
        reached = (reached @ reached > 0).astype(np.float32)
    kept = reached.sum(axis=0) > 0.08 * len(points)  # no specks: a pen would blow them up
    points, touching = points[kept], touching[kept][:, kept]
    links = np.argwhere(np.triu(touching, 1))
    mean = touching / touching.sum(axis=1, keepdims=True)
    ends = touching.sum(axis=1) <= 2
    mean[ends] = np.eye(len(points))[ends]
    for _ in range(6):  # steps of whole pixels become a smooth line
        points = mean @ points
    return points, links
