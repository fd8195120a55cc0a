"""Pipit: machine perception on Raspberry Pis."""

import os

# ONNX Runtime reports what it does to its maker, unless it finds this before it is imported. A house's devices do not.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# Of TensorFlow errors alone: what it says of the processor when it starts tells a user nothing. Before its import, too.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Names are looked up as `ping` does: gRPC's own resolver knows no mDNS (`nas.local`). Before grpc's import, again.
os.environ.setdefault("GRPC_DNS_RESOLVER", "native")
