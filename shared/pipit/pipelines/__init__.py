"""What a task brings to the device: a `Pipeline`, and what tasks of one kind share.

base    what a pipeline is, and how one is found by its name
"""

from pipit.pipelines.base import Pipeline, StreamDecoder, installed_pipelines, load_pipeline, make_pipeline

__all__ = ["Pipeline", "StreamDecoder", "installed_pipelines", "load_pipeline", "make_pipeline"]
