"""Training: the same six steps in every task. See `docs/training.md`.

    prepare -> fit -> evaluate -> export -> verify -> publish

Importing this imports neither TensorFlow nor PyTorch.
"""
