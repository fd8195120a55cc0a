from __future__ import annotations

import http.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from pipit_console.server import ConsoleServer
from prometheus_client.parser import text_string_to_metric_families

Browse = Callable[..., Any]


def test_every_answer_says_what_a_page_may_load(console: ConsoleServer, browse: Browse) -> None:
    browser = browse(console)
    for path in ("/", "/healthz", "/api/v1/session", "/api/v1/nothing"):
        headers = browser.get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
    assert browser.get("/api/v1/session").headers["cache-control"] == "no-store"


def test_what_changes_something_needs_the_header(console: ConsoleServer, browse: Browse) -> None:
    browser = browse(console, "opa")
    right = browser.headers.pop("X-Pipit-CSRF")
    for wrong in ({}, {"X-Pipit-CSRF": "x"}, {"X-Pipit-CSRF": right + "x"}, {"X-Pipit-CSRF": "ü".encode()}):
        answer = browser.delete("/api/v1/session", headers=wrong)
        assert (answer.status_code, "X-Pipit-CSRF" in answer.text) == (403, True)
    assert browser.get("/api/v1/session").status_code == 200
    assert browser.delete("/api/v1/session", headers={"X-Pipit-CSRF": right}).status_code == 200


def test_another_page_can_neither_sign_in_nor_do_anything(console: ConsoleServer, browse: Browse) -> None:
    browser = browse(console, "opa")
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        for method in ("POST", "DELETE"):
            assert browser.request(method, "/api/v1/session", headers=headers, json={}).status_code == 403
    own = {"Origin": f"http://127.0.0.1:{console.port}", "Sec-Fetch-Site": "same-origin"}
    ended = browser.delete("/api/v1/session", headers=own)
    assert (ended.status_code, ended.headers["clear-site-data"]) == (200, '"cache"')


def test_on_loopback_another_name_is_refused(console: ConsoleServer) -> None:
    for host, status in (
        ("evil.example", 403),
        ("127.0.0.1.evil.example:80", 403),
        ("", 403),
        ("localhost:8080", 200),
        ("[::1]", 200),
    ):
        answer = httpx.get(f"http://127.0.0.1:{console.port}/healthz", headers={"Host": host}, timeout=60.0)
        assert (host, answer.status_code) == (host, status)


def test_what_is_too_large_or_has_no_length_is_refused_before_it_is_read(
    console: ConsoleServer, browse: Browse
) -> None:
    browse(console)

    def status(headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=30)
        connection.request("POST", "/api/v1/session", headers=headers)
        answer = connection.getresponse().status
        connection.close()
        return answer

    assert status({"Content-Length": str((4 << 20) + 1)}) == 413
    assert status({"Transfer-Encoding": "chunked"}) == 400


def test_errors_have_one_shape(console: ConsoleServer, browse: Browse) -> None:
    browser = browse(console, "lab")
    for path, status, code in (
        ("/api/v1/nothing", 404, "not_found"),
        ("/api/v1/tasks/NoTask", 400, "invalid_argument"),
        ("/api/v1/tasks/no.task", 404, "not_found"),
        ("/api/v1/label/test.sounds/queue?count=0", 400, "invalid_argument"),
    ):
        answer = browser.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert set(answer.json()) == {"error"}
    answer = browser.post("/api/v1/session", json={"token": "x", "tokn": "y"})
    assert "tokn" in answer.json()["error"]["message"]
    assert browser.put("/api/v1/session", json={}).status_code == 405
    assert (
        browser.post("/api/v1/session", content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    )


def test_the_page_is_served_with_its_places_and_nothing_beside_it(
    tmp_path: Path, start_console: Callable[..., ConsoleServer], browse: Browse
) -> None:
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<title>Pipit</title>")
    (page / "assets" / "index-Bx81kQz_.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    browser = browse(start_console("127.0.0.1:1", page=page))
    for path in ("/", "/devices/pi-1", "/index.html"):
        answer = browser.get(path)
        assert (answer.status_code, answer.text) == (200, "<title>Pipit</title>")
        assert answer.headers["cache-control"] == "no-cache"
    assert (browser.head("/").status_code, browser.head("/").content) == (200, b"")
    asset = browser.get("/assets/index-Bx81kQz_.js")
    assert (asset.text, asset.headers["cache-control"]) == ("1", "public, max-age=31536000, immutable")
    assert asset.headers["content-type"].startswith("text/javascript")
    assert browser.get("/assets/gone-12345678.js").status_code == 404
    for path in ("/..%2fsecret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/%00"):
        assert "secret" not in browser.get(path).text


def test_a_console_without_its_page_says_so(
    tmp_path: Path, start_console: Callable[..., ConsoleServer], browse: Browse
) -> None:
    answer = browse(start_console("127.0.0.1:1", page=tmp_path / "none")).get("/")
    assert (answer.status_code, "installed without its page" in answer.text) == (503, True)


def test_requests_are_counted_by_their_route(console: ConsoleServer, browse: Browse) -> None:
    browser = browse(console, "viv")
    browser.get("/api/v1/tasks/no.task")
    browser.get("/healthz")
    browser.delete("/api/v1/session", headers={"X-Pipit-CSRF": ""})
    text = httpx.get(f"http://127.0.0.1:{console.metrics_port}/metrics", timeout=60.0).text
    found = {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "pipit_console_requests_total"
    }
    assert found["/api/v1/session", "POST", "200"] == 1.0
    assert found["/api/v1/tasks/{task}", "GET", "404"] == 1.0
    assert found["other", "GET", "200"] == 1.0
    assert "no.task" not in text
    assert "pipit_console_sessions 1.0" in text
