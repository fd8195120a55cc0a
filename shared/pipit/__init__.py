"""Pipit: machine perception on Raspberry Pis."""

import os

# ONNX Runtime reports what it does to its maker, unless it finds this before it is imported. A house's devices do not.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
