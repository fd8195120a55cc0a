from __future__ import annotations

import csv
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import librosa
import numpy as np
import pytest
from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio
from pipit.inputs.audio import LIBROSA_22K, WHISPER, YAMNET, LogMel, cut_windows, decode_audio, resample

TOLERANCE_DB = 1e-4


def by_librosa(samples, **other):
    arguments = {"sr": 22_050, "n_fft": 2_048, "hop_length": 512, "n_mels": 128} | other
    with warnings.catch_warnings():
        # librosa remarks on clips shorter than its window.
        warnings.filterwarnings("ignore", message="n_fft=", category=UserWarning)
        mel = librosa.feature.melspectrogram(y=samples, **arguments)
    return librosa.power_to_db(mel, ref=np.max)


def synthetic(name, length=110_250):
    random = np.random.default_rng(7)
    time = np.arange(length) / 22_050
    clips = {
        "noise": random.normal(0, 0.1, length),
        "faint noise": random.normal(0, 1e-6, length),
        "tone": 0.5 * np.sin(2 * np.pi * 440 * time),
        "sweep": 0.9 * np.sin(2 * np.pi * (50 + 1_000 * time) * time),
        "click": np.where(np.arange(length) == length // 2, 1.0, 0.0),
        "clipped": np.clip(random.normal(0, 3, length), -1, 1),
        "offset": np.full(length, 0.25),
        "silence then noise": np.where(time < time[-1] / 2, 0.0, random.normal(0, 0.3, length)),
        "silence": np.zeros(length),
    }
    return clips[name].astype(np.float32)


CLIPS = ["noise", "faint noise", "tone", "sweep", "click", "clipped", "offset", "silence then noise", "silence"]


@pytest.mark.parametrize("name", CLIPS)
def test_equals_librosa_on_synthetic_clips(name):
    mel = LogMel(LIBROSA_22K)(synthetic(name))
    assert mel.shape == (128, 216)
    assert mel.dtype == np.float32
    assert np.abs(mel - by_librosa(synthetic(name))).max() < TOLERANCE_DB


@pytest.mark.parametrize("name", CLIPS)
def test_whisper_s_front_end_equals_librosa(name):
    mel = LogMel(WHISPER)(synthetic(name))
    expected = by_librosa(synthetic(name), sr=16_000, n_fft=400, hop_length=160, n_mels=80)
    assert mel.shape == expected.shape == (80, 690)
    assert np.abs(mel - expected).max() < TOLERANCE_DB


@pytest.mark.data
def test_equals_librosa_on_real_clips(real_clips):
    log_mel = LogMel(LIBROSA_22K)
    for path in real_clips:
        samples, rate = decode_audio(EncodedAudio(path.read_bytes()))
        windows, _ = cut_windows(samples, rate, 5.0, 2.5)
        mels = log_mel(windows)
        assert mels.shape == (len(windows), 128, 216)
        for window, mel in zip(windows, mels, strict=True):
            assert np.abs(mel - by_librosa(window)).max() < TOLERANCE_DB, path.name


@pytest.mark.parametrize("length", [1, 511, 512, 2_047, 2_048, 2_049, 16_383, 16_384, 30_001])
def test_equals_librosa_at_every_length(length):
    samples = synthetic("noise", length)
    mel = LogMel(LIBROSA_22K)(samples)
    assert mel.shape == (128, LIBROSA_22K.frames(length)) == (128, 1 + length // 512)
    assert np.abs(mel - by_librosa(samples)).max() < TOLERANCE_DB


def test_equals_librosa_with_other_parameters():
    parameters = replace(
        LIBROSA_22K,
        sample_rate=16_000,
        window_length=400,
        hop_length=160,
        fft_length=512,
        bands=40,
        low_hz=50.0,
        high_hz=7_000.0,
        exponent=1,
    )
    samples = synthetic("sweep", 16_000)
    expected = by_librosa(
        samples, sr=16_000, n_fft=512, hop_length=160, win_length=400, n_mels=40, fmin=50.0, fmax=7_000.0, power=1.0
    )
    assert np.abs(LogMel(parameters)(samples) - expected).max() < TOLERANCE_DB


def test_silence_is_0_db_everywhere():
    assert not LogMel(LIBROSA_22K)(np.zeros(110_250, np.float32)).any()


@pytest.mark.parametrize("amplitude", [100.0, 1e-20, 1e-38])
@pytest.mark.parametrize("parameters", [LIBROSA_22K, YAMNET], ids=["librosa", "yamnet"])
def test_what_the_decoder_lets_through_gives_finite_values(parameters, amplitude):
    samples = np.sign(synthetic("noise")) * np.float32(amplitude)
    assert np.isfinite(LogMel(parameters)(samples)).all()


def test_each_clip_of_a_batch_is_computed_for_itself():
    clips = np.stack([[synthetic("noise"), synthetic("tone")], [synthetic("silence"), synthetic("faint noise")]])
    log_mel = LogMel(LIBROSA_22K)
    mels = log_mel(clips)
    assert mels.shape == (2, 2, 128, 216)
    for i in range(2):
        for j in range(2):
            np.testing.assert_array_equal(mels[i, j], log_mel(clips[i, j]))


def test_the_input_stays_as_it_was_and_answers_do_not_share_memory():
    log_mel = LogMel(LIBROSA_22K)
    samples = synthetic("noise")
    before = samples.copy()
    first = log_mel(samples)
    kept = first.copy()
    log_mel(synthetic("sweep"))
    np.testing.assert_array_equal(samples, before)
    np.testing.assert_array_equal(first, kept)


def test_threads_share_one_instance():
    log_mel = LogMel(LIBROSA_22K)
    clips = [synthetic(name) for name in CLIPS] * 4
    serial = [log_mel(clip) for clip in clips]
    with ThreadPoolExecutor(8) as pool:
        for alone, together in zip(serial, pool.map(log_mel, clips), strict=True):
            np.testing.assert_array_equal(alone, together)


def test_pickles_as_its_parameters():
    log_mel = pickle.loads(pickle.dumps(LogMel(YAMNET)))
    assert log_mel.parameters == YAMNET
    np.testing.assert_array_equal(log_mel(synthetic("noise")), LogMel(YAMNET)(synthetic("noise")))


@pytest.mark.parametrize(("parameters", "samples"), [(LIBROSA_22K, 0), (YAMNET, 399)])
def test_refuses_a_clip_too_short_for_a_frame(parameters, samples):
    with pytest.raises(InvalidInput, match="too few"):
        LogMel(parameters)(np.zeros(samples, np.float32))


@pytest.mark.parametrize("wrong", [{"window_length": 3_000}, {"window_length": 0}, {"hop_length": 0}])
def test_refuses_lengths_that_do_not_fit(wrong):
    with pytest.raises(InvalidInput, match="window_length"):
        LogMel(replace(LIBROSA_22K, **wrong))


def yamnet_by_tensorflow(samples):
    """As tensorflow/models, research/audioset/yamnet/features.py writes it."""
    import tensorflow as tf

    magnitude = tf.abs(tf.signal.stft(np.float64(samples), frame_length=400, frame_step=160, fft_length=512))
    weights = tf.signal.linear_to_mel_weight_matrix(64, 257, 16_000, 125.0, 7_500.0, tf.float64)
    return tf.math.log(tf.matmul(magnitude, weights) + 0.001).numpy().T


@pytest.mark.parametrize("name", CLIPS)
def test_equals_yamnets_front_end_in_tensorflow(name):
    samples = synthetic(name, 15_600)
    mel = LogMel(YAMNET)(samples)
    assert mel.shape == (64, 96)
    np.testing.assert_allclose(mel, yamnet_by_tensorflow(samples), rtol=0.0, atol=1e-5)


def test_yamnets_silence_is_the_logarithm_of_its_floor():
    np.testing.assert_allclose(LogMel(YAMNET)(np.zeros(15_600)), np.log(0.001), rtol=1e-6)


@pytest.mark.data
def test_yamnet_knows_real_sounds_by_this_front_end(data_folder):
    """The network after its own front end and after this one: close features, mostly the same first class."""
    from ai_edge_litert.interpreter import Interpreter
    from onnxruntime import InferenceSession

    log_mel = LogMel(YAMNET)
    whole = Interpreter(str(data_folder / "backbones/yamnet.tflite"))
    whole.allocate_tensors()
    (waveform,), (scores, features) = whole.get_input_details(), whole.get_output_details()
    rest = InferenceSession(data_folder / "backbones/yamnet_logmel96x64_w8.onnx", providers=["CPUExecutionProvider"])
    with (data_folder / "esc50/meta/esc50.csv").open() as file:
        dogs = [row["filename"] for row in csv.DictReader(file) if row["category"] == "dog"]
    agree, differences = 0, []
    for name in dogs:
        clip = (data_folder / "esc50/audio" / name).with_suffix(".ogg")
        samples = resample(*decode_audio(EncodedAudio(clip.read_bytes())), 16_000)[:15_600]
        whole.set_tensor(waveform["index"], samples[np.newaxis])
        whole.invoke()
        mel = log_mel(samples).T
        differences.append(np.abs(mel - whole.get_tensor(features["index"])).mean())
        (own,) = rest.run(["scores"], {"input": mel[np.newaxis, np.newaxis]})
        agree += int(own.argmax() == whole.get_tensor(scores["index"]).argmax())
    # The .tflite computes its front end in 8 bits, with steps of about 0.05.
    assert np.mean(differences) < 0.2
    assert agree >= 0.8 * len(dogs)
