"""A recording read piece by piece is the recording that is decoded as a whole, whatever its format."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import EncodedAudio
from pipit.inputs.audio import decode_audio
from pipit.inputs.audio.files import read_part, read_pieces, sound_info

FORMATS = [
    ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "PCM_U8"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"),
    ("WAV", "ULAW"), ("WAVEX", "PCM_24"), ("RF64", "FLOAT"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"),
    ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
]  # fmt: skip


def noise(frames: int, channels: int, peak: float) -> np.ndarray:
    shape = (frames, channels) if channels > 1 else (frames,)
    return (np.random.default_rng(1).uniform(-peak, peak, shape)).astype(np.float32)


def joined(path: Path) -> np.ndarray:
    """The pieces as the server hears them: full scale is 1, channels are mixed."""
    pieces = [piece.samples for piece in read_pieces(path)]
    scaled = [piece / np.float32(32_768) if piece.dtype == np.int16 else piece for piece in pieces]
    return np.concatenate(scaled).mean(axis=1, dtype=np.float32)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.sampled_from(FORMATS), st.integers(1, 2), st.sampled_from([8_000, 16_000, 48_000]), st.integers(1, 20_000))
def test_pieces_and_the_whole_agree(encode, tmp_path, form, channels, rate, frames):
    path = tmp_path / "sound"
    path.write_bytes(encode(noise(frames, channels, 0.7), rate, *form))
    whole, rate_heard = decode_audio(EncodedAudio(path.read_bytes()))
    assert rate_heard == rate
    np.testing.assert_allclose(joined(path), whole, atol=1e-6)


def test_floats_are_not_read_as_silence(encode, tmp_path):
    path = tmp_path / "float.wav"
    path.write_bytes(encode(noise(8_000, 1, 0.5), 8_000, "WAV", "FLOAT"))
    assert np.abs(joined(path)).max() == pytest.approx(0.5, abs=1e-3)


def test_what_is_over_full_scale_does_not_wrap_to_the_other_sign(encode, tmp_path):
    path = tmp_path / "loud.ogg"
    loud = np.clip(np.sin(np.arange(16_000) * 0.05) * 3, -1, 1).astype(np.float32)
    path.write_bytes(encode(loud, 16_000, "OGG", "VORBIS"))
    heard = joined(path)
    assert heard.max() > 1
    assert np.sign(heard[np.abs(loud) == 1]).tolist() == np.sign(loud[np.abs(loud) == 1]).tolist()


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0x7FFFFF00, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF])
@pytest.mark.parametrize("riff", [0, 36, 0x7FFFF024, 0xFFFFFFFF])
def test_a_recorder_that_did_not_know_its_length_loses_nothing(encode, tmp_path, length, riff):
    samples = noise(4_410, 1, 0.5)
    whole = encode(samples, 22_050, "WAV", "PCM_16")
    open_ended = bytearray(whole)
    struct.pack_into("<I", open_ended, 4, riff)
    struct.pack_into("<I", open_ended, 40, length)
    path = tmp_path / "pipe.wav"
    path.write_bytes(open_ended)
    np.testing.assert_array_equal(
        decode_audio(EncodedAudio(bytes(open_ended)))[0], decode_audio(EncodedAudio(whole))[0]
    )
    np.testing.assert_allclose(joined(path), decode_audio(EncodedAudio(whole))[0], atol=1e-6)


def test_rf64_from_a_pipe_loses_nothing(encode):
    whole = encode(noise(4_410, 1, 0.5), 22_050, "RF64", "PCM_16")
    pipe = bytearray(whole)
    at = whole.index(b"ds64") + 8
    pipe[at : at + 24] = bytes(24)
    np.testing.assert_array_equal(decode_audio(EncodedAudio(bytes(pipe)))[0], decode_audio(EncodedAudio(whole))[0])


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda file: file[:5_000], InvalidInput, "the WAV file is cut short"),
        (lambda file: file[:40] + bytes(4), InvalidInput, "audio holds no samples"),
        (
            lambda file: b"\0\0\0\x18ftypM4A " + bytes(40),
            InvalidInput,
            "sound in M4A is not taken; send WAV",
        ),
        (lambda file: b"\x1aE\xdf\xa3" + bytes(40), InvalidInput, "sound in WebM or Matroska is not taken"),
        (lambda file: b"FORM" + bytes(40), InvalidInput, "sound in AIFF is not taken"),
        (lambda file: b"text", InvalidInput, "not an audio file"),
        (None, NotFound, "there is no file"),
    ],
)
def test_what_can_not_be_read_says_why(encode, tmp_path, make, error, text):
    path = tmp_path / "a.wav"
    if make is not None:
        path.write_bytes(make(encode(noise(4_410, 1, 0.5), 22_050, "WAV", "PCM_16")))
    with pytest.raises(error, match=text):
        list(read_pieces(path))


def test_a_name_that_is_too_long_says_so(tmp_path):
    with pytest.raises(InvalidInput, match="can't be read: File name too long"):
        list(read_pieces(tmp_path / ("x" * 300 + ".wav")))


def tag(size: int) -> bytes:
    return b"ID3\3\0\0" + bytes([0, 0, size >> 7, size & 127]) + bytes(size)


@pytest.mark.parametrize("zeros", [0, 1, 2_000, 60_000])
@pytest.mark.parametrize("size", [0, 100, 5_000])
def test_an_mp3_with_zeros_behind_its_tag_is_heard(encode, tmp_path, size, zeros):
    plain = encode(noise(16_000, 1, 0.5), 16_000, "MP3")
    path = tmp_path / "tagged.mp3"
    path.write_bytes(tag(size) + bytes(zeros) + plain)
    whole, _ = decode_audio(EncodedAudio(plain))
    np.testing.assert_array_equal(decode_audio(EncodedAudio(path.read_bytes()))[0], whole)
    np.testing.assert_allclose(joined(path), whole, atol=1e-6)


def test_a_wav_that_holds_mp3_is_heard(encode):
    plain = encode(noise(16_000, 1, 0.5), 16_000, "MP3")
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 1, 16_000, 8_000, 1, 0, 12, 1, 2, 288, 1, 0)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"fact" + struct.pack("<II", 4, 16_000)
    body += b"data" + struct.pack("<I", len(plain)) + plain
    whole, _ = decode_audio(EncodedAudio(plain))
    heard, rate = decode_audio(EncodedAudio(b"RIFF" + struct.pack("<I", len(body)) + body))
    assert rate == 16_000
    np.testing.assert_array_equal(heard, whole)


@pytest.mark.parametrize(
    ("form", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("AIFF", "FLOAT")]
)
def test_a_part_is_what_the_whole_holds_there(encode, tmp_path, form, subtype):
    path = tmp_path / "sound"
    path.write_bytes(encode(noise(48_000, 2, 0.5), 16_000, form, subtype))
    whole = read_part(path).samples
    assert whole.shape == (48_000, 2)
    np.testing.assert_allclose(read_part(path, 1.0, 2.5).samples, whole[16_000:40_000], atol=1e-6)
    np.testing.assert_allclose(read_part(path, 2.0, 9.0).samples, whole[32_000:], atol=1e-6)
    info = sound_info(path)
    assert (info.seconds, info.sample_rate, info.channels) == (3.0, 16_000, 2)


def test_what_an_interrupted_recorder_left_is_there_for_training_too(encode, tmp_path):
    whole = encode(noise(16_000, 1, 0.5), 16_000, "WAV", "PCM_16")
    path = tmp_path / "night.wav"
    path.write_bytes(whole[:40] + bytes(4) + whole[44:])
    assert sound_info(path).seconds == 1.0
    assert len(read_part(path).samples) == 16_000
