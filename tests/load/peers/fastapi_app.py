"""FastAPI as its documentation has it: uvicorn with a worker for each core, blocking work in the pool of threads.

Bodies are bytes as they come, and answers JSON; a tensor as JSON would cost more than the network.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from work import Work, work_of_this_process


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Loads the network, once in each of the two workers."""
    app.state.work = work_of_this_process(1)
    yield


app = FastAPI(lifespan=lifespan)


def work_of(request: Request) -> Work:
    """What the worker has loaded."""
    work: Work = request.app.state.work
    return work


@app.post("/tensor")
async def tensor(request: Request) -> list[float]:
    """One row of log-mel to logits."""
    body = await request.body()
    return await run_in_threadpool(lambda: work_of(request).tensor(body).tolist())


@app.post("/clip")
async def clip(request: Request) -> dict[str, float]:
    """A recording to scores."""
    return await run_in_threadpool(work_of(request).clip, await request.body())


@app.post("/empty")
async def empty() -> None:
    """Nothing."""
