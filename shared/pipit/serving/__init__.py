"""The inference server: data plane, model swap, gRPC services, health, metrics. See `docs/serving.md`.

protos ─ codec ─┬─ InferenceServicer ─────┐
                └─ OpenInferenceServicer ─┴─ DataPlane ─ ModelHost ─ LoadedModel ─ Pipeline, Runtime
                                                            │
                                   Source (registry or directories) ─ ModelLoader
"""
