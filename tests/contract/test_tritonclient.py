"""The public Open Inference client from PyPI, unmodified and in an environment of its own, against our server."""

from __future__ import annotations

import json
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipit.settings import Settings

ROOT = Path(__file__).parents[2]
ROWS = [[0.1, 0.2, 0.3, 0.4], [1.0, 0.0, -1.0, 0.5]]


class TritonSettings(Settings):
    """Where the client is installed; it needs an older protobuf than the server."""

    test_triton_python: Path = ROOT / ".venv/triton/bin/python"
    """Its interpreter (`PIPIT_TEST_TRITON_PYTHON`)."""


CLIENT = textwrap.dedent(
    """
    import json, sys
    import numpy as np
    import tritonclient.grpc as triton
    from tritonclient.utils import InferenceServerException

    client = triton.InferenceServerClient(sys.argv[1])
    seen = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready("test.tiny"),
        "other_version_ready": client.is_model_ready("test.tiny", "9.9.9"),
        "server": client.get_server_metadata(as_json=True),
        "index": client.get_model_repository_index(as_json=True),
        "model": client.get_model_metadata("test.tiny", as_json=True),
    }
    rows = np.array(json.loads(sys.argv[2]), np.float32)
    tensor = triton.InferInput("x", rows.shape, "FP32")
    tensor.set_data_from_numpy(rows)
    result = client.infer("test.tiny", [tensor], model_version="1.0.0", request_id="42", client_timeout=30)
    response = result.get_response()
    seen["answered"] = [response.model_name, response.model_version, response.id]
    seen["scores"] = result.as_numpy("scores").tolist()
    asked = client.infer("test.tiny", [tensor], outputs=[triton.InferRequestedOutput("scores")], client_timeout=30)
    seen["asked"] = asked.as_numpy("scores").tolist()
    seen["errors"] = []
    wrong = triton.InferInput("x", [1, 5], "FP32")
    wrong.set_data_from_numpy(np.zeros((1, 5), np.float32))
    for name, inputs in (("no.such", [tensor]), ("test.tiny", [wrong])):
        try:
            client.infer(name, inputs, client_timeout=30)
        except InferenceServerException as error:
            seen["errors"].append(error.status())
    print(json.dumps(seen))
    """
)


@pytest.fixture
def triton_python() -> Path:
    python = TritonSettings().test_triton_python
    if not python.exists():
        pytest.skip(f"tritonclient is not installed at {python}; run `make .venv/triton/.ready`")
    return python


def softmax(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    exponentials = np.exp(rows @ (np.arange(12).reshape(4, 3) / 10))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_it_lists_describes_and_infers(triton_python: Path, serve: Callable[..., Any]) -> None:
    port = serve().server.port
    done = subprocess.run(
        [triton_python, "-c", CLIENT, f"127.0.0.1:{port}", json.dumps(ROWS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["live"], seen["ready"], seen["model_ready"], seen["other_version_ready"]) == (True, True, True, False)
    assert seen["server"]["name"] == "pipit"
    assert seen["server"]["extensions"] == ["classification", "model_repository"]
    assert seen["index"] == {"models": [{"name": "test.tiny", "version": "1.0.0", "state": "READY"}]}
    assert seen["model"] == {
        "name": "test.tiny",
        "versions": ["1.0.0"],
        "platform": "pipit_onnx",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": ["-1", "4"]}],
        "outputs": [{"name": "scores", "datatype": "FP32", "shape": ["-1", "3"]}],
    }
    assert seen["answered"] == ["test.tiny", "1.0.0", "42"]
    np.testing.assert_allclose(seen["scores"], softmax(np.array(ROWS)), atol=1e-6)
    assert seen["asked"] == seen["scores"]
    assert seen["errors"] == ["StatusCode.NOT_FOUND", "StatusCode.INVALID_ARGUMENT"]
