"""One real server of both tasks, with bundles that were trained here, and pictures to send to it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from emotion.expression.recipe import ExpressionRecipe
from emotion.expression.synthetic import write_synthetic_set
from emotion.expression.task import ExpressionTrainer
from emotion.stress.recipe import StressRecipe
from emotion.stress.synthetic import synthesise_faces
from emotion.stress.task import StressTrainer
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray
from PIL import Image
from pipit._pb.open_inference.v2 import open_inference_pb2_grpc
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from pipit.settings import DataSettings, load_settings
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps

Pixels = NDArray[np.uint8]
EMOTION, STRESS = "emotion.expression", "emotion.stress"
WINDOW = 3
"""Steps of a second that the stress bundle looks at."""


@dataclass(frozen=True)
class Served:
    """A running server. A call without a task is refused: there are two."""

    server: InferenceServer
    address: str
    calls: inference_pb2_grpc.InferenceServiceStub
    tensors: open_inference_pb2_grpc.GRPCInferenceServiceStub
    bundles: dict[str, Path]

    def ask(self, item: pb.Input, task: str = EMOTION, **more: Any) -> pb.ClassifyResponse:
        """Classify."""
        return self.calls.Classify(pb.ClassifyRequest(model=pb.ModelSelector(task=task), input=item, **more))

    def stream(
        self, items: list[tuple[pb.Input, float | None]], task: str = EMOTION, **more: Any
    ) -> list[pb.ClassifyStreamResponse]:
        """ClassifyStream; request ids count from 0."""
        return list(self.calls.ClassifyStream(self.messages(items, task, **more)))

    @staticmethod
    def messages(
        items: list[tuple[pb.Input, float | None]], task: str = EMOTION, **more: Any
    ) -> Iterator[pb.ClassifyStreamRequest]:
        """items: inputs with the seconds when they were taken."""
        for number, (item, seconds) in zip(count(), items, strict=False):
            request = pb.ClassifyRequest(model=pb.ModelSelector(task=task), input=item, request_id=str(number))
            yield pb.ClassifyStreamRequest(request=request, seconds=seconds, **more)


def _train(trainer: Any, folder: Path) -> Path:
    with open_run(trainer, folder / "runs") as run:
        run_steps(run, actions_of(trainer))
        bundle: Path = make_bundle(trainer, run, FIRST_VERSION, folder / "bundle").path
    return bundle


@pytest.fixture(scope="session")
def bundles(
    tmp_path_factory: pytest.TempPathFactory,
    write_table: Callable[..., None],
    write_scores: Callable[..., None],
    networks_folder: Path,
) -> dict[str, Path]:
    """Of both tasks, trained on what programs made; the networks that find faces are put into them."""
    data = tmp_path_factory.mktemp("data")
    faces = data / "synthetic_expression"
    faces.mkdir()
    write_synthetic_set(faces)
    videos = {
        f"p{person}/0.mp4": np.concatenate(
            [synthesise_faces(12, np.random.default_rng([7, person]), strain) for strain in (0.0, 1.0)]
        )
        for person in range(6)
    }
    write_table(data / "own_stress" / "landmarks.npz", videos, 1.0)
    scores = [(name[:2], name, begin, begin + 12, score) for name in videos for begin, score in ((0, 2), (12, 8))]
    write_scores(data / "own_stress", scores)
    small = {"features.window": WINDOW, "features.hop": 1, "epochs": 2, "network_options.hidden": 4}
    emotion_recipe = find_recipe(ExpressionTrainer.recipe_folder, EMOTION, "synthetic")
    stress_recipe = find_recipe(StressTrainer.recipe_folder, STRESS, "landmarks")
    trainers = {
        EMOTION: ExpressionTrainer(load_recipe(emotion_recipe, ExpressionRecipe, {"epochs": 3}), data),
        STRESS: StressTrainer(load_recipe(stress_recipe, StressRecipe, small), data),
    }
    return {task: _train(trainer, tmp_path_factory.mktemp("trained")) for task, trainer in trainers.items()}


@pytest.fixture(scope="session")
def served(bundles: dict[str, Path]) -> Iterator[Served]:
    settings = ServingSettings(port=0, metrics_port=0, bundle=tuple(bundles.values()), grace_seconds=5.0)
    server = InferenceServer(settings)
    server.start()
    try:
        address = f"127.0.0.1:{server.port}"
        with grpc.insecure_channel(address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for reply in health.Watch(health_pb2.HealthCheckRequest(service=""), timeout=240):
                if reply.status == health_pb2.HealthCheckResponse.SERVING:
                    break
            yield Served(
                server,
                address,
                inference_pb2_grpc.InferenceServiceStub(channel),
                open_inference_pb2_grpc.GRPCInferenceServiceStub(channel),
                bundles,
            )
    finally:
        server.stop(grace=5.0)


@pytest.fixture(scope="session")
def people(photograph: Pixels) -> tuple[Pixels, Pixels]:
    """Pictures of 256 x 256 with two different faces: of real people where there are some, else two of one."""
    data = load_settings(DataSettings).data
    folder = None if data is None else data / "expressions" / "wild200" / "train"
    astronaut = photograph[:256, 80:336]
    if folder is None or not folder.is_dir():
        return astronaut, np.ascontiguousarray(photograph[20:276, 60:316][:, ::-1] // 2 + 60)
    with Image.open(min((folder / "angry").glob("*.jpg"))) as picture:
        face = np.asarray(picture.convert("RGB").resize((160, 160)))
    other = np.full((256, 256, 3), 90, np.uint8)
    other[48:208, 48:208] = face
    return astronaut, other


@pytest.fixture(scope="session")
def walk() -> Callable[..., list[Pixels]]:
    """A film of somebody who moves to the side, a few pixels a picture."""

    def make(person: Pixels, pictures: int, step: int = 4) -> list[Pixels]:
        wide = np.pad(person, ((0, 0), (step * pictures,) * 2, (0, 0)), mode="edge")
        width = person.shape[1] + step * pictures
        return [np.ascontiguousarray(wide[:, step * n : step * n + width]) for n in range(pictures)]

    return make


@pytest.fixture(scope="session")
def picture() -> Callable[..., pb.Input]:
    """A picture as it is sent. PNG loses nothing."""

    def make(pixels: Pixels, kind: str = "PNG") -> pb.Input:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        return pb.Input(image=buffer.getvalue())

    return make
