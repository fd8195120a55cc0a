"""The HTTP application: routes of the API, health, and the page for everything else."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, FastAPI, Request, Response
from pipit.metrics import Metrics

from pipit_console import openapi
from pipit_console.access import Console
from pipit_console.api import (
    consents,
    devices,
    events,
    items,
    overview,
    queue,
    rollouts,
    session,
    sets,
    tasks,
    trial,
)
from pipit_console.errors import add_error_handlers, error_response
from pipit_console.page import Page
from pipit_console.security import API, Guard

_TOPICS = (session, overview, tasks, rollouts, devices, consents, trial, queue, items, events, sets)


def build_api() -> FastAPI:
    """The routes alone."""
    app = FastAPI(
        title="Pipit's console",
        version="1",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,
    )
    router = APIRouter(prefix=API)
    for topic in _TOPICS:
        router.include_router(topic.router)
    app.include_router(router)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def build_app(console: Console, metrics: Metrics, ready: Callable[[], str]) -> FastAPI:
    """ready: why the console can't be used now; empty: it can."""
    app = build_api()
    app.state.console = console
    add_error_handlers(app)
    page = Page(console.settings.page)

    @app.get("/healthz", include_in_schema=False)
    async def alive() -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz", include_in_schema=False)
    def is_ready() -> Response:
        reason = ready()
        return Response(f"{reason or 'ok'}\n", 503 if reason else 200, media_type="text/plain")

    @app.get(API + "/{path:path}", include_in_schema=False)
    async def no_route(path: str) -> Response:
        return error_response(404, "not_found", f"there is no {API}/{path[:100]}; look at {API}/openapi.json")

    @app.api_route("/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    def show_page(request: Request) -> Response:
        return page.respond(request)

    app.add_middleware(Guard, settings=console.settings, sessions=console.sessions, metrics=metrics)
    return app
