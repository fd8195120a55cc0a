"""A training of sounds as one writes it after the guide: tf.data that loads and transforms each clip by librosa.

    python tests/load/guide_training.py clips.csv --epochs 2 --network guide

clips.csv has `side,file,label`, with the sides train, validation and test. This is what somebody types who has the
guide's text and knows nothing of Pipit: features are made inside the input pipeline, in every epoch anew, by as many
calls at once as tf.data likes. `--cache` adds the one line that keeps them in memory, which the guide has not. The
network `guide` is the guide's, written out; `small` is Pipit's own, with Keras' batch norm, to compare the rest on
equal terms. `bench_training.py` runs this beside `pipit train`. Prints one line of JSON: the seconds of each phase.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import librosa
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import tensorflow as tf

RATE, SECONDS = 22_050, 5
BANDS, FRAMES = 128, 216
BATCH = 32
CALIBRATION = 100
"""Random inputs that the guide sets the ranges of 8 bits by."""


def load_features(path: str) -> NDArray[np.float32]:
    """Log-mel of the first five seconds, (128, 216, 1), in decibels under the loudest."""
    samples, _ = librosa.load(path, sr=RATE, duration=SECONDS)
    samples = librosa.util.fix_length(samples, size=RATE * SECONDS)
    power = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=2_048, hop_length=512, n_mels=BANDS)
    decibels: NDArray[np.float32] = librosa.power_to_db(power, ref=np.max)[..., np.newaxis]
    return decibels


def make_dataset(files: list[str], labels: list[int], *, shuffled: bool, cached: bool) -> tf.data.Dataset:
    """Batches of (n, 128, 216, 1) and (n,), made while the network trains."""
    import tensorflow as tf

    def transform(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features = tf.numpy_function(lambda name: load_features(name.decode()), [path], tf.float32)
        return tf.ensure_shape(features, (BANDS, FRAMES, 1)), label

    dataset = tf.data.Dataset.from_tensor_slices((files, labels))
    if shuffled and not cached:
        dataset = dataset.shuffle(len(files))
    dataset = dataset.map(transform, num_parallel_calls=tf.data.AUTOTUNE)
    if cached:
        dataset = dataset.cache()
        dataset = dataset.shuffle(len(files)) if shuffled else dataset
    return dataset.batch(BATCH).prefetch(tf.data.AUTOTUNE)


def guide_network(outputs: int) -> Any:
    """Three Conv-BN-pool blocks, Flatten, Dense 256, dropout."""
    import keras
    from keras import layers

    blocks = [
        layer
        for filters in (32, 64, 128)
        for layer in (
            layers.Conv2D(filters, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
        )
    ]
    return keras.Sequential(
        [
            keras.Input((BANDS, FRAMES, 1)),
            layers.Rescaling(1.0 / 40.0, offset=1.0),
            *blocks,
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(outputs),
        ]
    )


def small_network(outputs: int) -> Any:
    """As `home_security.sounds.network.small` builds it, of Keras' layers alone."""
    import keras
    from keras import layers

    def normed(value: Any) -> Any:
        return layers.ReLU()(layers.BatchNormalization(momentum=0.8)(value))

    value = inputs = keras.Input((BANDS, FRAMES, 1))
    value = layers.Rescaling(1.0 / 40.0, offset=1.0)(value)
    value = normed(layers.Conv2D(24, 5, strides=2, padding="same", use_bias=False)(value))
    for filters, stride in ((48, 2), (96, 2), (96, 1), (192, 2), (192, 1)):
        before = value
        value = normed(layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(value))
        value = normed(layers.Conv2D(filters, 1, use_bias=False)(value))
        if before.shape[1:] == value.shape[1:]:
            value = layers.Add()([before, value])
    pooled = layers.Concatenate()([layers.GlobalAveragePooling2D()(value), layers.GlobalMaxPooling2D()(value)])
    return keras.Model(inputs, layers.Dense(outputs)(layers.Dropout(0.2)(pooled)))


def to_int8(network: Any) -> bytes:
    """The network as a LiteRT file of 8 bits, its ranges taken from noise as in the guide."""
    import tensorflow as tf

    noise = np.random.default_rng(0).normal(size=(CALIBRATION, 1, BANDS, FRAMES, 1)).astype(np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row] for row in noise)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content: bytes = converter.convert()
    return content


def main() -> None:
    """Trains, tests, exports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="CSV with side,file,label")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--network", choices=("guide", "small"), default="guide")
    parser.add_argument("--cache", action="store_true", help="keep features in memory after the first epoch")
    arguments = parser.parse_args()
    begun = perf_counter()
    import keras

    times = {"imports": perf_counter() - begun}
    with arguments.clips.open() as file:
        rows = list(csv.DictReader(file))
    classes = sorted({row["label"] for row in rows})
    sides = {
        side: make_dataset(
            [row["file"] for row in rows if row["side"] == side],
            [classes.index(row["label"]) for row in rows if row["side"] == side],
            shuffled=side == "train",
            cached=arguments.cache,
        )
        for side in ("train", "validation", "test")
    }
    network = (guide_network if arguments.network == "guide" else small_network)(len(classes))
    network.compile(
        keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    begun = perf_counter()
    network.fit(sides["train"], validation_data=sides["validation"], epochs=arguments.epochs, verbose=0)
    times["fit"] = perf_counter() - begun
    begun = perf_counter()
    _, accuracy = network.evaluate(sides["test"], verbose=0)
    times["evaluate"] = perf_counter() - begun
    begun = perf_counter()
    size = len(to_int8(network))
    times["export"] = perf_counter() - begun
    print(json.dumps({"seconds": times, "accuracy": accuracy, "int8_bytes": size}))  # noqa: T201


if __name__ == "__main__":
    main()
