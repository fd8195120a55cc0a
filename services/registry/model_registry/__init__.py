"""The model registry: keeps bundles in an object store, and says which version of a task each device runs.

It holds no state of its own, so that any number of copies can serve one store.
"""
