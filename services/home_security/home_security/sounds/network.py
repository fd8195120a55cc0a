"""The networks, (bands, frames, 1) log-mel to logits, and how they are trained.

guide    three Conv-BN-pool blocks, Flatten, Dense 256: 14 M weights, nearly all in one layer
small    separable convolutions and global pooling: 0.1 M weights
yamnet   YAMNet's body, frozen, pooled over the window, and a head of its own
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray
from pipit.inputs.audio import PATCH_FRAMES
from pipit.pipelines.audio_windows import INPUT
from pipit.runtimes import load_runtime
from pipit.training.by_input.audio.augmentation import mask_bands_and_frames
from pipit.training.by_input.audio.batches import AugmentedBatches, Rows, Samples
from pipit.training.by_input.audio.networks.yamnet import build_body
from pipit.training.by_input.audio.networks.yamnet_file import BANDS, EMBEDDING, yamnet_file
from pipit.training.fitting import Fitted, balanced_weights
from pipit.training.keras_fit import epochs_done, fit, make_optimiser, seed_everything
from pipit.training.keras_group import Group
from pipit.training.keras_norm import BatchNormalization
from pipit.training.native_lines import without_chatter
from pipit.training.progress import Progress
from pipit.training.quantise import export_litert

from home_security.sounds.equalise import CEILING, channel_ranges, equalise
from home_security.sounds.pipeline import OUTPUT
from home_security.sounds.recipe import Network, SoundsRecipe

Listener = Callable[[Rows], Rows]
"""From log-mel to embeddings."""
CALIBRATION_WINDOWS = 100
"""Training clips that show the ranges of YAMNet's channels."""
EMBED_ROWS = 16
"""Windows that go through YAMNet's body at a time."""

MOMENTUM = 0.8
"""Of batch norm: Keras' 0.99 leaves its statistics near their start in a training of a few hundred steps, and the
network at chance when it is evaluated."""

Shape = tuple[int, int, int]


def train_network(
    recipe: SoundsRecipe,
    outputs: int,
    train: Samples,
    validation: Samples,
    weights: Path | None,
    scratch: Path,
    logs: Path,
    progress: Progress,
    group: Group | None = None,
) -> tuple[keras.Model, Fitted]:
    """The trained network, log-mel to logits, and its history.

    outputs: how many categories. weights: YAMNet's file, for `yamnet`. group: the workers that train it together, each
    of which is given all samples. Raises NotFound if YAMNet's file is needed and missing.
    """
    seed_everything(recipe.seed)
    shape = train.rows.shape[2:]
    if recipe.network != "yamnet":
        network = (guide if recipe.network == "guide" else small)(shape, outputs, recipe.network_options)
        return network, _fit(network, recipe, train, validation, scratch, logs, progress, group)
    windows = _chosen(train.rows[:, 0], recipe.seed)
    embedder = yamnet_embedder(shape, weights or yamnet_file(None), windows)
    # The head learns from what it will be given: float embeddings in one variant, 8-bit ones in another.
    with in_int8(embedder, windows, scratch) as rounded:
        train = _embedded([embedder.predict_on_batch, rounded], train, recipe, progress)
        validation = _embedded([embedder.predict_on_batch], validation, recipe, progress)
    head, fitted = train_head(recipe, outputs, train, validation, scratch, logs, progress, group)
    return yamnet(embedder, head), fitted


def train_head(
    recipe: SoundsRecipe,
    outputs: int,
    train: Samples,
    validation: Samples,
    scratch: Path,
    logs: Path,
    progress: Progress,
    group: Group | None = None,
) -> tuple[keras.Model, Fitted]:
    """What decides on YAMNet's embeddings. rows of the samples: (clips, variants of each, 1024)."""
    head = yamnet_head(outputs, recipe.network_options, train.rows[:, 0])
    return head, _fit(head, recipe, train, validation, scratch, logs, progress, group)


def guide(shape: Shape, outputs: int, options: Network) -> keras.Model:
    """As the guide gives it. Linear after the last layer: softmax is the pipeline's."""
    value = inputs = keras.Input(shape, name=INPUT)
    value = _scaled(value)
    for filters in (32, 64, 128):
        value = layers.Conv2D(filters, 3, padding="same", activation="relu")(value)
        value = BatchNormalization(momentum=MOMENTUM)(value)
        value = layers.MaxPooling2D(2)(value)
    value = layers.Flatten()(value)
    value = layers.Dense(256, activation="relu")(value)
    value = layers.Dropout(options.dropout)(value)
    return keras.Model(inputs, layers.Dense(outputs, name=OUTPUT)(value), name="guide")


def small(shape: Shape, outputs: int, options: Network) -> keras.Model:
    """Depthwise-separable blocks; the mean and the maximum over time and bands; one dense layer."""
    value = inputs = keras.Input(shape, name=INPUT)
    value = _scaled(value)
    value = layers.Conv2D(24, 5, strides=2, padding="same", use_bias=False)(value)
    value = layers.ReLU()(BatchNormalization(momentum=MOMENTUM)(value))
    for filters, stride in ((48, 2), (96, 2), (96, 1), (192, 2), (192, 1)):
        value = _separable(value, filters, stride)
    pooled = layers.Concatenate()([layers.GlobalAveragePooling2D()(value), layers.GlobalMaxPooling2D()(value)])
    pooled = layers.Dropout(options.dropout)(pooled)
    return keras.Model(inputs, layers.Dense(outputs, name=OUTPUT)(pooled), name="small")


def yamnet_embedder(shape: Shape, weights: Path, windows: NDArray[np.float32]) -> keras.Model:
    """Log-mel of a window to one embedding of 1,024, the mean over its patches. Nothing in it is trained.

    shape: patches side by side, as the front end gives them. windows: of training clips, (clips, *shape), by which the
    body is made fit for 8 bits.
    """
    body = build_body(weights, CEILING)
    convolutions = [layer for layer in body.layers if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D)]
    equalise(convolutions, channel_ranges(build_body(weights), patches_of(windows)))
    inputs = keras.Input(shape, name=INPUT)
    # All patches go through the body as one batch.
    patches = ops.reshape(layers.Permute((2, 1, 3))(inputs), (-1, PATCH_FRAMES, BANDS, 1))
    embeddings = ops.reshape(body(patches), (-1, shape[1] // PATCH_FRAMES, EMBEDDING))
    return keras.Model(inputs, ops.mean(embeddings, axis=1), name="embedder")


def patches_of(windows: Rows) -> Rows:
    """(windows, bands, patches * 96, 1) to what the body is given one by one, (windows * patches, 96, bands, 1)."""
    return windows.swapaxes(1, 2).reshape(-1, PATCH_FRAMES, BANDS, 1)


def yamnet_head(outputs: int, options: Network, embeddings: NDArray[np.float32]) -> keras.Model:
    """Embedding to logits. embeddings: of the training clips, which set the scale of its input."""
    value = inputs = keras.Input((embeddings.shape[1],), name="embedding")
    deviation = embeddings.std(axis=0)
    # A channel that hardly ever answers would be blown up to noise: no deviation counts less than a tenth of the usual.
    scale = layers.Normalization(
        mean=embeddings.mean(axis=0), variance=np.maximum(deviation, 0.1 * deviation.mean()) ** 2, name="scale"
    )
    value = scale(value)
    penalty = keras.regularizers.L2(options.weight_decay)
    value = layers.Dropout(options.dropout)(value)
    if options.hidden:
        value = layers.Dense(options.hidden, activation="relu", kernel_regularizer=penalty)(value)
        value = layers.Dropout(options.dropout)(value)
    # From zero: random weights on 1,024 inputs would first have to be unlearnt.
    last = layers.Dense(outputs, name=OUTPUT, kernel_regularizer=penalty, kernel_initializer="zeros")
    return keras.Model(inputs, last(value), name="head")


def yamnet(embedder: keras.Model, head: keras.Model) -> keras.Model:
    """Both as one network, so that a bundle is one file. The head's scaling is folded into its first layer."""
    value = embedder.output
    mean, deviation = _scale_of(head)
    dense = [layer for layer in head.layers if isinstance(layer, layers.Dense)]
    for position, layer in enumerate(dense):
        kernel, bias = layer.get_weights()
        if position == 0:
            kernel = kernel / deviation[:, np.newaxis]
            bias = bias - mean @ kernel
        copy = layers.Dense(layer.units, activation=layer.activation, name=layer.name)
        value = copy(value)
        copy.set_weights([kernel, bias])
    return keras.Model(embedder.input, value, name="yamnet")


def _scale_of(head: keras.Model) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    scale = head.get_layer("scale")
    mean, variance = (np.asarray(ops.convert_to_numpy(value)).reshape(-1) for value in (scale.mean, scale.variance))
    return mean, np.sqrt(variance)


def _scaled(value: keras.KerasTensor) -> keras.KerasTensor:
    """-80..0 dB to -1..1."""
    return layers.Rescaling(1.0 / 40.0, offset=1.0)(value)


def _separable(value: keras.KerasTensor, filters: int, stride: int) -> keras.KerasTensor:
    shortcut = value
    value = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(value)
    value = layers.ReLU()(BatchNormalization(momentum=MOMENTUM)(value))
    value = layers.Conv2D(filters, 1, use_bias=False)(value)
    value = layers.ReLU()(BatchNormalization(momentum=MOMENTUM)(value))
    return layers.Add()([shortcut, value]) if shortcut.shape[1:] == value.shape[1:] else value


def _fit(
    network: keras.Model,
    recipe: SoundsRecipe,
    train: Samples,
    validation: Samples,
    scratch: Path,
    logs: Path,
    progress: Progress,
    group: Group | None,
) -> Fitted:
    outputs = int(network.output_shape[-1])
    smoothing = recipe.network_options.label_smoothing
    network.compile(
        make_optimiser(recipe.optimiser),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing),
        metrics=["accuracy"],
    )
    batches = AugmentedBatches(train, outputs, recipe, epochs_done(scratch))
    if group is not None:
        (done,) = group.from_chief([np.array(epochs_done(scratch))])
        batches = AugmentedBatches(train, outputs, recipe, int(done), group.index, group.count)
    # What was never trained on can't be told: its loss grows with every epoch, and would stop the training at once.
    trained = np.isin(validation.truth, train.truth)
    validation = Samples(validation.rows[trained], validation.truth[trained])
    # Copies too: a network that hears whole clips best is not the one that hears the short and the distant best.
    copies = validation.rows.shape[1]
    targets = np.eye(outputs, dtype=np.float32)[validation.truth.repeat(copies)]
    class_weights = balanced_weights(train.truth, outputs) if recipe.class_weights else None
    given = (validation.rows.reshape(-1, *validation.rows.shape[2:]), targets)
    return fit(network, recipe, batches, given, scratch, logs, progress, class_weights, group)


def _chosen(rows: Rows, seed: int) -> Rows:
    """Some windows, to see the ranges of YAMNet's channels on."""
    return rows[np.random.default_rng(seed).permutation(len(rows))[:CALIBRATION_WINDOWS]]


def _embedded(listeners: Sequence[Listener], samples: Samples, recipe: SoundsRecipe, progress: Progress) -> Samples:
    """Embeddings in place of spectrograms: (clips, listeners x (1 + copies), 1024).

    Copies are masked here: they are heard once.
    """
    clips, copies = samples.rows.shape[:2]
    rows = samples.rows.copy()
    for copy in range(1, copies):
        generator = np.random.default_rng([recipe.seed, copy])
        rows[:, copy] = mask_bands_and_frames(rows[:, copy], recipe.augmentation, generator)
    flat = rows.reshape(-1, *rows.shape[2:])
    heard = []
    with progress.track("listening with YAMNet", len(listeners) * len(flat)) as bar:
        for listen in listeners:
            parts = []
            for start in range(0, len(flat), EMBED_ROWS):
                parts.append(listen(flat[start : start + EMBED_ROWS]))
                bar.advance(len(parts[-1]))
            heard.append(np.concatenate(parts).reshape(clips, copies, -1))
    return Samples(np.concatenate(heard, axis=1), samples.truth)


@contextmanager
def in_int8(embedder: keras.Model, windows: Rows, scratch: Path) -> Iterator[Listener]:
    """The embedder as 8 bits will make it. Its body is frozen, so that this is known before the head is trained."""
    path = scratch / "embedder.tflite"
    export_litert(embedder, "int8", path, windows)
    with without_chatter():
        runtime = load_runtime(path, "litert")
    output = runtime.outputs[0].name
    try:
        yield lambda rows: runtime.run({INPUT: rows})[output]
    finally:
        runtime.close()
