from __future__ import annotations

import io
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.errors import InputTooLarge, InvalidInput, PipitError
from pipit.inputs import EncodedAudio, EncodedImage, PcmAudio
from pipit.inputs.audio import AudioLimits, decode_audio
from pipit.inputs.memory import Budget

FORMATS = [
    # format, subtype, largest difference to the original
    ("WAV", "PCM_16", 2**-15),
    ("WAV", "PCM_24", 2**-23),
    ("WAV", "FLOAT", 0.0),
    ("WAV", "PCM_U8", 2**-7),
    ("WAVEX", "PCM_16", 2**-15),
    ("RF64", "PCM_16", 2**-15),
    ("FLAC", "PCM_16", 2**-15),
    ("FLAC", "PCM_24", 2**-23),
    ("OGG", "VORBIS", 0.05),
    ("OGG", "OPUS", 0.05),
    ("MP3", "MPEG_LAYER_III", 0.05),
]


def tone(rate, seconds=1.0, hertz=440.0):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize(("form", "subtype", "tolerance"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_decodes_every_format_and_mixes_to_mono(encode, form, subtype, tolerance, channels):
    rate = 24_000
    # The channels differ; their mean is the tone.
    samples = np.stack([tone(rate)] * channels, axis=1)
    samples *= np.linspace(0.5, 1.5, channels, dtype=np.float32) if channels > 1 else 1.0
    decoded, decoded_rate = decode_audio(EncodedAudio(encode(samples, rate, form, subtype)))
    assert decoded_rate == rate
    assert decoded.dtype == np.float32
    assert decoded.shape == (rate,)
    # Lossy codecs ring at the edges.
    inner = slice(2_000, -2_000)
    assert np.abs(decoded[inner] - tone(rate)[inner]).max() <= tolerance + 1e-7


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_keeps_the_rate(encode, rate):
    decoded, decoded_rate = decode_audio(EncodedAudio(encode(tone(rate, 0.1), rate, "WAV", "FLOAT")))
    assert decoded_rate == rate
    np.testing.assert_array_equal(decoded, tone(rate, 0.1))


def test_a_long_mp3_decoded_in_blocks_is_what_one_read_gives(encode, capfd):
    """Seeking between blocks would lose the bit reservoir, and mpg123 would complain on standard error."""
    noise = np.random.default_rng(1).normal(0, 0.1, 22_050 * 12).astype(np.float32)
    data = encode(noise, 22_050, "MP3")
    at_once, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    capfd.readouterr()
    decoded, _ = decode_audio(EncodedAudio(data))
    np.testing.assert_allclose(decoded, at_once, atol=1e-6)
    assert "mpg123" not in capfd.readouterr().err


def test_pcm_is_mixed_and_not_aliased():
    samples = np.array([[0.5, -0.5], [1.0, 0.5]], np.float32)
    decoded, rate = decode_audio(PcmAudio(samples, 16_000))
    np.testing.assert_array_equal(decoded, np.array([0.0, 0.75], np.float32))
    assert rate == 16_000
    mono, _ = decode_audio(PcmAudio(samples[:, :1], 16_000))
    mono[:] = 9.0
    assert samples[0, 0] == 0.5


@pytest.mark.parametrize(
    ("samples", "rate", "error", "message"),
    [
        (np.zeros((100, 1), np.float32), 0, InvalidInput, "0 Hz"),
        (np.zeros((100, 1), np.float32), 400_000, InvalidInput, "400000 Hz"),
        (np.zeros((100, 200), np.float32), 16_000, InvalidInput, "200 channels"),
        (np.zeros((100, 0), np.float32), 16_000, InvalidInput, "0 channels"),
        (np.zeros((0, 1), np.float32), 16_000, InvalidInput, "no samples"),
        (np.zeros(100, np.float32), 16_000, InvalidInput, r"\(frames, channels\)"),
        (np.zeros((100, 1), np.int16), 16_000, InvalidInput, "int16"),
        (np.full((100, 1), np.nan, np.float32), 16_000, InvalidInput, "NaN"),
        (np.array([[0.0], [-np.inf]], np.float32), 16_000, InvalidInput, "NaN or infinite"),
        (np.array([[1e30, -1e30]], np.float32), 16_000, InvalidInput, "full scale is 1"),
        (np.full((100, 1), -32_768.0, np.float32), 16_000, InvalidInput, "reach 32768"),
        (np.zeros((16_000 * 121, 1), np.float32), 16_000, InputTooLarge, "121 s"),
    ],
)
def test_refuses_bad_pcm(samples, rate, error, message):
    with pytest.raises(error, match=message):
        decode_audio(PcmAudio(samples, rate))


def test_refuses_another_kind_of_input():
    with pytest.raises(InvalidInput, match="takes audio, not a picture"):
        decode_audio(EncodedImage(b"\xff\xd8"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"hello, this is a text" * 20,
        b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(400),
        b"\x89PNG\r\n\x1a\n" + bytes(400),
        b"RIFF\x10\x00\x00\x00AVI LIST" + bytes(400),
        b"fLaC" + bytes(400),
        b"OggS" + bytes(400),
        b"ID3" + bytes(400),
        b".snd" + struct.pack(">5I", 24, 200, 3, 8_000, 1) + bytes(200),
    ],
    ids=["empty", "one byte", "text", "jpeg", "png", "avi", "flac of zeros", "ogg of zeros", "id3 of zeros", "au"],
)
def test_refuses_what_is_not_audio(data):
    with pytest.raises(InvalidInput, match=r"audio|sound in AVI is not taken; send WAV"):
        decode_audio(EncodedAudio(data))


@pytest.mark.parametrize(("form", "subtype"), [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("RF64", "PCM_16"), ("FLAC", None)])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.999])
def test_refuses_a_file_that_ends_early(encode, form, subtype, kept):
    data = encode(tone(22_050), 22_050, form, subtype)
    with pytest.raises(InvalidInput, match="cut short"):
        decode_audio(EncodedAudio(data[: int(len(data) * kept)]))


@pytest.mark.parametrize("form", ["OGG", "MP3"])
def test_decodes_what_is_whole_of_a_stream_that_ends_early(encode, form):
    noise = np.random.default_rng(1).normal(0, 0.1, 22_050 * 8).astype(np.float32)
    data = encode(noise, 22_050, form)
    whole, _ = decode_audio(EncodedAudio(data))
    part, _ = decode_audio(EncodedAudio(data[: len(data) // 2]))
    assert 0.3 < len(part) / len(whole) < 0.6
    inner = slice(0, len(part) - 4_000)
    np.testing.assert_allclose(part[inner], whole[inner], atol=1e-6)


@pytest.mark.parametrize(("form", "subtype"), [("WAV", "PCM_16"), ("OGG", "VORBIS")])
def test_refuses_zero_frames(encode, form, subtype):
    with pytest.raises(InvalidInput, match="no samples"):
        decode_audio(EncodedAudio(encode(np.zeros(0, np.float32), 22_050, form, subtype)))


def test_refuses_nan_in_a_file(encode):
    samples = tone(22_050)
    samples[77] = np.nan
    with pytest.raises(InvalidInput, match="NaN"):
        decode_audio(EncodedAudio(encode(samples, 22_050, "WAV", "FLOAT")))


@pytest.mark.parametrize(
    ("offset", "form", "value", "message"),
    [
        (24, "<I", 0, "damaged"),  # Hz
        (24, "<I", 1, "1 Hz"),
        (24, "<I", 10_000_000, "10000000 Hz"),
        (22, "<H", 0, "damaged"),  # channels
        (22, "<H", 200, "200 channels"),
        (22, "<H", 65_535, "damaged"),
    ],
)
def test_refuses_a_wav_header_with_an_impossible_form(encode, offset, form, value, message):
    data = bytearray(encode(tone(22_050), 22_050, "WAV", "PCM_16"))
    struct.pack_into(form, data, offset, value)
    with pytest.raises(InvalidInput, match=message):
        decode_audio(EncodedAudio(bytes(data)))


def test_an_odd_byte_at_the_end_of_pcm_is_no_frame(encode):
    data = bytearray(encode(tone(22_050), 22_050, "WAV", "PCM_16"))
    struct.pack_into("<I", data, 40, 22_050 * 2 - 1)
    samples, _ = decode_audio(EncodedAudio(bytes(data)))
    assert len(samples) == 22_049


def test_a_wav_of_open_length_is_read_to_its_end(encode):
    """As recorders write it into a pipe."""
    data = bytearray(encode(tone(22_050), 22_050, "WAV", "FLOAT"))
    start = data.index(b"data") + 4
    struct.pack_into("<I", data, start, 0xFFFFFFFF)
    samples, _ = decode_audio(EncodedAudio(bytes(data)))
    # libsndfile reads on through what stood behind the samples.
    np.testing.assert_array_equal(samples[:22_050], tone(22_050))


def peak_bytes(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_wav_that_claims_2_gigabytes_is_refused_without_memory_for_it(encode):
    data = bytearray(encode(tone(22_050), 22_050, "WAV", "PCM_16"))
    struct.pack_into("<I", data, 40, 2_000_000_000)

    def call():
        with pytest.raises(InvalidInput, match="cut short: its header announces 2000000000 bytes"):
            decode_audio(EncodedAudio(bytes(data)))

    assert peak_bytes(call) < 1_000_000


def test_a_flac_that_claims_hours_is_refused_without_memory_for_it(encode):
    data = bytearray(encode(tone(22_050), 22_050, "FLAC"))
    # 36 bits of STREAMINFO: the number of samples.
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4

    def call():
        with pytest.raises(InputTooLarge, match="lasts 3116530 s"):
            decode_audio(EncodedAudio(bytes(data)))

    assert peak_bytes(call) < 1_000_000


def flac_claiming(encode, seconds, claimed):
    data = bytearray(encode(np.zeros(4_000 * seconds, np.float32), 4_000, "FLAC"))
    data[21] &= 0xF0
    data[22:26] = struct.pack(">I", claimed)
    return EncodedAudio(bytes(data))


def test_a_flac_of_open_length_is_decoded_up_to_the_limit(encode):
    """As it looks when it was written into a pipe: a length of 0."""
    assert len(decode_audio(flac_claiming(encode, 100, 0))[0]) == 400_000
    with pytest.raises(InputTooLarge, match="the limit is 120 s"):
        decode_audio(flac_claiming(encode, 130, 0))


def test_a_flac_that_claims_less_than_it_holds_gives_what_it_claims(encode):
    assert len(decode_audio(flac_claiming(encode, 130, 10))[0]) == 10


def test_an_hour_is_refused_before_it_is_decoded(encode):
    hour = encode(np.zeros(8_000 * 3_600, np.int16), 8_000, "FLAC")
    assert len(hour) < AudioLimits().max_bytes

    def call():
        with pytest.raises(InputTooLarge, match="lasts 3600 s, the limit is 120 s"):
            decode_audio(EncodedAudio(hour))

    assert peak_bytes(call) < 1_000_000


def test_limits_are_the_callers(encode):
    data = encode(tone(22_050, 2.0), 22_050, "WAV", "PCM_16")
    assert len(decode_audio(EncodedAudio(data), AudioLimits(max_seconds=2.0))[0]) == 44_100
    with pytest.raises(InputTooLarge, match=r"the limit is 1\.9 s"):
        decode_audio(EncodedAudio(data), AudioLimits(max_seconds=1.9))
    with pytest.raises(InputTooLarge, match="the file has 88244 bytes, the limit is 88243"):
        decode_audio(EncodedAudio(data), AudioLimits(max_bytes=88_243))
    with pytest.raises(InvalidInput, match="22050 Hz"):
        decode_audio(EncodedAudio(data), AudioLimits(min_sample_rate=44_100))


@pytest.mark.parametrize(("form", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("WAV", "PCM_16")])
def test_all_channels_together_have_a_limit(encode, form, subtype):
    data = EncodedAudio(encode(np.stack([tone(8_000)] * 4, axis=1), 8_000, form, subtype))
    assert len(decode_audio(data, AudioLimits(max_values=32_000))[0]) == 8_000
    with pytest.raises(InputTooLarge, match="8000 samples in each of 4 channels, the limit is 31999 in all; mix it"):
        decode_audio(data, AudioLimits(max_values=31_999))


@pytest.mark.parametrize(("form", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "OPUS"), ("MP3", None)])
def test_a_recording_asks_for_memory_before_it_is_decoded(encode, form, subtype):
    rate = 48_000
    data = EncodedAudio(encode(tone(rate, 4.0), rate, form, subtype or "MPEG_LAYER_III"))
    budget = Budget(256 << 20)
    with budget.request():
        samples, _ = decode_audio(data)
        assert budget.used >= samples.nbytes
    assert budget.used == 0
    small = Budget(1 << 20)
    with small.request(), pytest.raises(InputTooLarge, match="to decode this takes"):
        decode_audio(data)


@pytest.mark.data
def test_decodes_real_clips(real_clips):
    for path in real_clips:
        samples, rate = decode_audio(EncodedAudio(path.read_bytes()))
        assert rate == 22_050
        assert 3.0 < len(samples) / rate < 8.0
        assert np.abs(samples).max() > 0.0


def is_finite_mono_or_refused(data):
    try:
        samples, rate = decode_audio(EncodedAudio(data))
    except PipitError:
        return
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) > 0
    assert np.isfinite(samples).all()
    assert 4_000 <= rate <= 192_000


FIRST_BYTES = [b"", b"RIFF", b"RIFX", b"RF64\xff\xff\xff\xffWAVEds64", b"fLaC", b"OggS", b"ID3", b"\xff\xfb\x90"]


@settings(max_examples=300, deadline=None)
@given(first=st.sampled_from(FIRST_BYTES), rest=st.binary(max_size=2_000))
def test_random_bytes_are_refused_or_decoded(first, rest):
    is_finite_mono_or_refused(first + rest)


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "cut"]),
        # Mostly in the headers.
        st.one_of(st.integers(0, 200), st.integers(0, 20_000)),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize(("form", "subtype"), [(form, subtype) for form, subtype, _ in FORMATS])
def test_mutated_files_are_refused_or_decoded(encode, form, subtype):
    original = encode(tone(24_000, 0.2), 24_000, form, subtype)

    @settings(max_examples=150, deadline=None)
    @given(mutations=MUTATIONS)
    def check(mutations):
        data = bytearray(original)
        for kind, position, content in mutations:
            place = position % (len(data) + 1)
            if kind == "set":
                data[place : place + len(content)] = content
            elif kind == "insert":
                data[place:place] = content
            else:
                del data[place : place + len(content)]
        is_finite_mono_or_refused(bytes(data))

    check()


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_16_bit_samples_are_exactly_what_libsndfile_makes_of_them(encode, form, channels):
    integers = np.random.default_rng(3).integers(-32_768, 32_768, (100_003, channels)).astype(np.int16)
    integers[:2] = [[-32_768], [32_767]]
    data = encode(integers, 48_000, form, "PCM_16") + b"LIST\4\0\0\0abcd"
    by_libsndfile, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    decoded, _ = decode_audio(EncodedAudio(data))
    np.testing.assert_array_equal(decoded, by_libsndfile.mean(axis=1) if channels > 1 else by_libsndfile[:, 0])


def test_the_higher_byte_may_come_first(encode):
    samples = tone(22_050)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 22_050, subtype="PCM_16", endian="BIG", format="WAV")
    assert buffer.getvalue().startswith(b"RIFX")
    np.testing.assert_allclose(decode_audio(EncodedAudio(buffer.getvalue()))[0], samples, atol=2**-15)
