from __future__ import annotations

import subprocess
import sys

import pipit.runtimes.loader
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.errors import InvalidInput, NotFound
from pipit.runtimes import load_runtime

both = pytest.mark.parametrize(("runtime", "other"), [("litert", "onnxruntime"), ("onnx", "ai_edge_litert")])


@both
def test_imports_only_the_runtime_named(model_file, runtime, other):
    script = (
        "import sys; from pathlib import Path; import pipit.runtimes as r;"
        "assert not {'onnxruntime', 'ai_edge_litert'} & set(sys.modules);"
        f"r.load_runtime(Path(sys.argv[1]), {runtime!r}).close();"
        f"assert {other!r} not in sys.modules and 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, model_file("linear", runtime)], check=True)


@pytest.mark.parametrize(
    ("runtime", "module", "wheel"),
    [("litert", "ai_edge_litert", "ai-edge-litert"), ("onnx", "onnxruntime", "onnxruntime")],
)
def test_says_which_wheel_is_missing(monkeypatch, model_file, runtime, module, wheel):
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"pipit.runtimes.{runtime}", raising=False)
    with pytest.raises(NotFound, match=f"needs {module}.*pip install {wheel}"):
        load_runtime(model_file("linear", runtime), runtime)


def test_an_import_that_fails_for_another_reason_is_not_hidden(monkeypatch, model_file):
    monkeypatch.setitem(pipit.runtimes.loader.RUNTIMES, "litert", ("pipit.runtimes.litert", "Absent", "ai-edge-litert"))
    with pytest.raises(AttributeError):
        load_runtime(model_file("linear", "litert"), "litert")


def test_names_the_runtimes_it_knows(tmp_path):
    with pytest.raises(NotFound, match="no runtime 'tensorrt'; Pipit knows litert, onnx"):
        load_runtime(tmp_path / "model", "tensorrt")


@both
def test_names_a_missing_file(tmp_path, runtime, other):
    with pytest.raises(NotFound, match="no model file absent"):
        load_runtime(tmp_path / "absent", runtime)
    with pytest.raises(NotFound, match="no model file"):
        load_runtime(tmp_path, runtime)


@both
@pytest.mark.parametrize("content", [b"", b"\0", b"this is no model" * 100, bytes(5_000)])
def test_refuses_a_file_that_is_no_model(tmp_path, runtime, other, content):
    path = tmp_path / "weights.bin"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"weights\.bin is not a model that"):
        load_runtime(path, runtime)


@both
def test_refuses_a_truncated_model(tmp_path, model_file, runtime, other):
    whole = model_file("linear", runtime).read_bytes()
    path = tmp_path / "model"

    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, len(whole) - 1))
    def check(length):
        path.write_bytes(whole[:length])
        # Protobuf finds nothing wrong with an end between two fields; what is then left must at least be described.
        try:
            network = load_runtime(path, runtime)
        except InvalidInput:
            return
        network.close()
        assert runtime == "onnx"
        assert [spec.name for spec in network.inputs] == ["x"]

    check()


@both
def test_refuses_the_other_runtimes_model(tmp_path, model_file, runtime, other):
    with pytest.raises(InvalidInput, match="is not a model that"):
        load_runtime(model_file("linear", {"onnx": "litert", "litert": "onnx"}[runtime]), runtime)
