# mypy: disallow-untyped-calls=False
# ruff: noqa: PLC0415  (settings come before torch and ultralytics are imported)
"""Runs inside the environment that has ultralytics, as a process of its own; nothing of Pipit is imported here.

    python ultralytics_job.py JOB.json      job: {"step": "begin" | "fit" | "export" | "predict", …}, see the functions

Each line of standard output is one event as JSON; what ultralytics itself says goes to standard error. When standard
input ends, whoever started this is gone, and it ends too.

ultralytics is AGPL-3.0: https://github.com/ultralytics/ultralytics/blob/main/LICENSE. See the domain's README.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

IDENTITY_EPSILON = 1e-3
"""That ultralytics' batch norm adds to a variance."""


def main(path: str) -> None:
    """Does the job that the file describes."""
    job = json.loads(Path(path).read_text())
    _end_with_parent()
    scratch = Path(job["scratch"])
    scratch.mkdir(parents=True, exist_ok=True)
    # Nothing is fetched, sent or installed, and no settings of the user's are read or changed.
    os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="true", YOLO_CONFIG_DIR=str(scratch))
    steps: dict[str, Callable[[dict[str, Any]], None]] = {
        "begin": begin,
        "fit": fit,
        "export": export,
        "predict": predict,
    }
    with redirect_stdout(sys.stderr):
        load_without_cuda()
        from ultralytics import settings

        settings.update({"sync": False, "tensorboard": False, "runs_dir": str(scratch)})
        steps[job["step"]](job)


def begin(job: dict[str, Any]) -> None:
    """Leaves `scratch/start.pt`: what a training begins with. network, start (.npz), pictures, size: as for `fit`."""
    _starting_network(job)


def fit(job: dict[str, Any]) -> None:
    """Trains, and leaves `scratch/train/weights/best.pt`.

    data: a `data.yaml`; pictures: those that train; network: its name, such as `yolov8n`; start: weights to begin with
    (.pt, or .npz with `weight/N` and `bias/N` of each convolution in running order), null for none; epochs, batch,
    size, patience, seed, workers, options: as ultralytics takes them. An interrupted training goes on.
    """
    from ultralytics import YOLO

    scratch = Path(job["scratch"])
    last = scratch / "train" / "weights" / "last.pt"
    resumed = last.is_file() and _resumable(last)
    model = YOLO(str(last)) if resumed else _starting_network(job)
    model.add_callback("on_train_batch_end", lambda trainer: emit("batch", epoch=trainer.epoch))
    model.add_callback("on_fit_epoch_end", _report_epoch)
    model.add_callback("on_train_start", lambda t: emit("start", epoch=t.start_epoch, batches=len(t.train_loader)))
    if resumed:
        model.train(resume=True)
        return
    model.train(
        data=job["data"],
        epochs=job["epochs"],
        batch=job["batch"],
        imgsz=job["size"],
        patience=job["patience"],
        seed=job["seed"],
        workers=job["workers"],
        project=str(scratch),
        name="train",
        exist_ok=True,
        plots=False,
        amp=False,
        verbose=True,
        **job["options"],
    )


def export(job: dict[str, Any]) -> None:
    """Writes weights as ONNX: `images` (rows, 3, size, size), `output0` (rows, 4 + classes, anchors), no suppression.

    weights, size, to: see above.
    """
    import onnx
    import onnxslim
    from ultralytics import YOLO

    written = YOLO(job["weights"]).export(format="onnx", imgsz=job["size"], dynamic=True, simplify=False, opset=17)
    network = onnx.load(written)
    for axis in (2, 3):
        network.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = job["size"]
    network = onnxslim.slim(network)
    del network.metadata_props[:]  # The time of the export, among others; a bundle says what is worth saying.
    onnx.checker.check_model(network)
    onnx.save(network, job["to"])
    Path(written).unlink()


def predict(job: dict[str, Any]) -> None:
    """What the trained network itself answers. weights; inputs: .npy, uint8, (rows, 3, size, size); to: its output."""
    import numpy as np
    import torch
    from ultralytics import YOLO

    network = YOLO(job["weights"]).model.float().eval()
    inputs = torch.from_numpy(np.load(job["inputs"]))
    with torch.inference_mode():
        rows = [network(part.float() / 255)[0].numpy() for part in inputs.split(8)]
    np.save(job["to"], np.concatenate(rows))


def _starting_network(job: dict[str, Any]) -> Any:
    from ultralytics import YOLO

    start = job["start"]
    if start is None:
        return YOLO(f"{job['network']}.yaml", task="detect")
    if not start.endswith(".npz"):
        return YOLO(start, task="detect")
    model = YOLO(f"{job['network']}.yaml", task="detect")
    _put_weights(model.model, start)
    _settle_batch_norm(model.model, job)
    path = Path(job["scratch"]) / "start.pt"
    model.save(str(path))
    return YOLO(str(path), task="detect")


def _put_weights(network: Any, path: str) -> None:
    """Convolutions with their batch norm folded, by position in the order in which the network runs."""
    import numpy as np
    import torch

    convolutions = list(_in_running_order(network))
    with np.load(path) as stored, torch.no_grad():
        if len(stored.files) != 2 * len(convolutions):
            raise SystemExit(f"{path} holds {len(stored.files) // 2} convolutions, the network has {len(convolutions)}")
        for index, (convolution, norm) in enumerate(convolutions):
            weight, bias = (torch.from_numpy(stored[f"{kind}/{index}"]) for kind in ("weight", "bias"))
            if weight.shape != convolution.weight.shape:
                raise SystemExit(f"{path}: convolution {index} is {tuple(weight.shape)}, the network's is another")
            convolution.weight.copy_(weight)
            if norm is None:
                convolution.bias.copy_(bias)
            else:
                norm.bias.copy_(bias)
                norm.weight.fill_(1.0)
                norm.running_mean.zero_()
                norm.running_var.fill_(1.0 - norm.eps)


def _in_running_order(network: Any) -> Iterator[tuple[Any, Any]]:
    """Convolution and batch norm, None where there is none: by running an empty picture through."""
    import torch

    order: list[tuple[Any, Any]] = []
    norms = {module.conv: module.bn for module in network.modules() if hasattr(module, "bn")}
    frozen = network.model[-1].dfl.conv
    hooks = [
        module.register_forward_hook(lambda one, _given, _made: order.append((one, norms.get(one))))
        for module in network.modules()
        if isinstance(module, torch.nn.Conv2d) and module is not frozen
    ]
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 3, 64, 64))
    for hook in hooks:
        hook.remove()
    return iter(order)


def _settle_batch_norm(network: Any, job: dict[str, Any]) -> None:
    """Gives each batch norm the mean and variance of what it sees, and the weight and bias that undo them.

    The network answers as before, but now it also does in training, where a batch's own mean and variance count.
    """
    import torch

    pictures = _some_pictures(job)
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]

    def settle(norm: Any, given: tuple[Any, ...]) -> None:
        values = given[0]
        mean, variance = values.mean(dim=(0, 2, 3)), values.var(dim=(0, 2, 3), unbiased=False)
        scale = torch.sqrt(variance + norm.eps)
        norm.bias.copy_(norm.bias + mean)
        norm.weight.copy_(scale)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)

    hooks = [norm.register_forward_pre_hook(settle) for norm in norms]
    with torch.no_grad():
        network.eval()(pictures)
    for hook in hooks:
        hook.remove()


def _some_pictures(job: dict[str, Any]) -> Any:
    import cv2
    import numpy as np
    import torch
    from ultralytics.data.augment import LetterBox

    paths = job["pictures"][:16]
    fit_in = LetterBox((job["size"], job["size"]), auto=False)
    rows = [fit_in(image=cv2.imread(str(path)))[..., ::-1].transpose(2, 0, 1) for path in paths]
    return torch.from_numpy(np.stack(rows).astype(np.float32) / 255)


def _resumable(last: Path) -> bool:
    """Of a finished training ultralytics strips the optimiser, and says -1 for the epoch."""
    import torch

    return int(torch.load(last, map_location="cpu", weights_only=False)["epoch"]) >= 0


def _report_epoch(trainer: Any) -> None:
    losses = {name: float(value) for name, value in trainer.label_loss_items(trainer.tloss).items()}
    metrics = {name: float(value) for name, value in trainer.metrics.items()}
    emit("epoch", epoch=trainer.epoch, values={**losses, **metrics})


def load_without_cuda() -> None:
    """Lets torchvision be imported where its operators can't be: it comes linked to CUDA, torch may not.

    Only `nms` is needed here, and stands below in plain torch. Where the real operators load, nothing is done.
    """
    import torch

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            library.impl(name, _suppress, "CPU")
        _LIBRARIES.append(library)
        import torchvision

        torchvision.extension._has_ops = lambda: True


_LIBRARIES: list[Any] = []
"""Operators vanish with their library."""


def _suppress(boxes: Any, scores: Any, overlap: float) -> Any:
    """Positions of what is left, best first. boxes: (boxes, 4), left, top, right, bottom."""
    import torch

    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = scores.argsort(descending=True, stable=True)
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        upper = torch.maximum(boxes[left, :2], boxes[best, :2])
        lower = torch.minimum(boxes[left, 2:], boxes[best, 2:])
        shared = (lower - upper).clamp(min=0).prod(dim=1)
        left = left[shared <= overlap * (areas[left] + areas[best] - shared)]
    return torch.stack(kept) if kept else torch.empty(0, dtype=torch.int64)


def emit(event: str, **values: Any) -> None:
    """One line for whoever started this."""
    print(json.dumps({"event": event, **values}), file=sys.__stdout__, flush=True)


def _end_with_parent() -> None:
    def wait() -> None:
        # Not by sys.stdin: its lock would be held when the interpreter ends.
        while os.read(0, 4096):
            pass
        os._exit(130)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
