"""The inference server: data plane, model swap, gRPC services, health, metrics. See `docs/serving.md`.

protos ─ codec ─┬─ InferenceServicer ─────┐
                └─ OpenInferenceServicer ─┴─ DataPlane ─ ModelHost ─ LoadedModel ─ Pipeline, Runtime
                                                            │
                                   Source (registry or directories) ─ ModelLoader
"""

import gc

# What modules make while they are imported stays for good: to look through it meanwhile takes a tenth of a start.
_collects = gc.isenabled()
gc.disable()

from pipit.serving.server import InferenceServer  # noqa: E402
from pipit.serving.settings import ServingSettings, parse_arguments  # noqa: E402

if _collects:
    # No collection looks through it from here on, either: the first two would, for 50 ms of the steps to a model.
    gc.freeze()
    gc.enable()

__all__ = ["InferenceServer", "ServingSettings", "parse_arguments"]
