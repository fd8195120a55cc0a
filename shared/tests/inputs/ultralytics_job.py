"""Run by test_boxes.py in the interpreter that has ultralytics: what its own code makes of the same arrays.

ultralytics_job.py letterbox IN.npz OUT.npz    pictures by name, `size`  ->  what the network gets, RGB, uint8
ultralytics_job.py suppress IN.npz OUT.npz     raw outputs by name, `size`, `threshold`, `overlap`, `shape/NAME`
                                               ->  (boxes, 6): corners in the picture, score, class
"""

from __future__ import annotations

import sys

import numpy as np


def letterboxes(given):
    from ultralytics.data.augment import LetterBox

    size = int(given["size"])
    fit = LetterBox((size, size), auto=False)
    return {name: fit(image=np.ascontiguousarray(given[name])) for name in given.files if name != "size"}


def suppressed(given):
    import torch
    from ultralytics.utils.nms import non_max_suppression
    from ultralytics.utils.ops import scale_boxes

    size, threshold, overlap = int(given["size"]), float(given["threshold"]), float(given["overlap"])
    results = {}
    for name in given.files:
        if f"shape/{name}" not in given.files:
            continue
        raw = torch.from_numpy(given[name])[None]
        (found,) = non_max_suppression(raw, conf_thres=threshold, iou_thres=overlap)
        scale_boxes((size, size), found[:, :4], tuple(int(side) for side in given[f"shape/{name}"]))
        results[name] = found.numpy()
    return results


if __name__ == "__main__":
    _, step, source, target = sys.argv
    with np.load(source) as given:
        np.savez(target, **{"letterbox": letterboxes, "suppress": suppressed}[step](given))
