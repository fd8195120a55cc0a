"""BentoML as its documentation has it: a service with two workers; a file as the body, JSON as the answer."""

from pathlib import Path
from typing import Annotated

import bentoml
from bentoml.validators import ContentType
from work import work_of_this_process

Recording = Annotated[Path, ContentType("audio/wav")]
Tensor = Annotated[Path, ContentType("application/octet-stream")]


@bentoml.service(workers=2, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Sounds:
    """Runs in each worker."""

    def __init__(self) -> None:
        """Loads the network."""
        self.work = work_of_this_process(1)

    @bentoml.api  # type: ignore[untyped-decorator]
    def tensor(self, content: Tensor, /) -> list[float]:
        """One row of log-mel to logits."""
        logits: list[float] = self.work.tensor(content.read_bytes()).tolist()
        return logits

    @bentoml.api  # type: ignore[untyped-decorator]
    def clip(self, content: Recording, /) -> dict[str, float]:
        """A recording to scores."""
        return self.work.clip(content.read_bytes())

    @bentoml.api  # type: ignore[untyped-decorator]
    def empty(self) -> None:
        """Nothing."""
