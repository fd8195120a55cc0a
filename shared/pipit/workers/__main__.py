"""`python -m pipit.workers CONTROL LANE…`: computes for the server that began it. Not for people to call.

Arguments are descriptors of sockets. Ends when the server closes them, whatever ended it.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

from pipit.allocator import keep_freed_memory
from pipit.bundle.reader import reopen_bundle
from pipit.errors import QueueFull
from pipit.inputs.memory import Budget
from pipit.pipelines.networks import open_model
from pipit.pipelines.served import Served, check_deadline
from pipit.proving.limits import end_before_others
from pipit.proving.steps import warm
from pipit.workers.messages import Ask, Close, Failed, Open, Opened, Ran, Run, Worked, failure, receive, send


class _Model(NamedTuple):
    served: Served
    most_rows: int | None
    stack: ExitStack


class Computer:
    """Has bundles open, and answers by them. room: bytes that one request may decode with."""

    def __init__(self, room: int) -> None:
        self._budget = Budget(room)
        self._models: dict[str, _Model] = {}

    def told(self, message: Open | Close) -> Opened | Failed | None:
        """Does what the control says; gives what is to be said of it."""
        if isinstance(message, Close):
            model = self._models.pop(message.digest, None)
            if model is not None:
                model.stack.close()
            return None
        try:
            self._open(message)
        except Exception as error:
            return failure(error)
        return Opened(message.digest)

    def _open(self, message: Open) -> None:
        bundle = reopen_bundle(Path(message.path), message.digest)
        with ExitStack() as stack:
            pipeline, runtime = stack.enter_context(open_model(bundle, message.variant, message.threads, 1))
            warm(bundle, pipeline, runtime, 1)
            self._models[message.digest] = _Model(Served(pipeline, runtime), message.most_rows, stack.pop_all())

    def answer(self, question: Ask | Run) -> Worked | Ran | Failed:
        """Of one request."""
        model = self._models.get(question.digest)
        if model is None:
            # It was freed while this came; the server computes it.
            return failure(QueueFull("this worker has the bundle no more"))
        try:
            if isinstance(question, Run):
                check_deadline(question.deadline)
                return Ran(model.served.runtime.run(question.tensors))
            with self._budget.request(question.deadline, waits=False):
                return Worked(*model.served.answer_timed(question.item, question.deadline, model.most_rows))
        except Exception as error:
            return failure(error)


def main() -> None:
    """Computes until the server has gone."""
    keep_freed_memory()
    control, *lanes = (Connection(int(number)) for number in sys.argv[1:])
    path, room = receive(control)
    # What a pipeline is found by in the server finds it here.
    sys.path[:] = path
    end_before_others()
    computer = Computer(room)
    with suppress(EOFError, OSError):
        while True:
            for ready in wait((control, *lanes)):
                assert isinstance(ready, Connection)
                message = receive(ready)
                answer = computer.told(message) if ready is control else computer.answer(message)
                if answer is not None:
                    send(ready, answer)
    # What threads of a runtime still do is of no use to anybody.
    os._exit(0)


if __name__ == "__main__":
    main()
