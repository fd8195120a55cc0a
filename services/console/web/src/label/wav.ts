/** Reads the PCM WAV that the console makes of every sound, for its waveform. */

export interface Wave {
  /** Hertz. */
  rate: number;
  /** Seconds. */
  seconds: number;
  /** First channel, -1..1. */
  samples: Float32Array;
}

/** Raises an error for what is not 16-bit PCM. */
export function readWav(bytes: ArrayBuffer): Wave {
  const view = new DataView(bytes);
  if (bytes.byteLength < 12 || text(view, 0) !== "RIFF" || text(view, 8) !== "WAVE")
    throw new Error("This is no WAV file.");
  let [rate, channels, bits] = [0, 0, 0];
  for (let at = 12; at + 8 <= bytes.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    if (text(view, at) === "fmt ") {
      channels = view.getUint16(at + 10, true);
      rate = view.getUint32(at + 12, true);
      bits = view.getUint16(at + 22, true);
    } else if (text(view, at) === "data") {
      if (bits !== 16 || channels < 1 || rate < 1) throw new Error("The waveform can be drawn of 16-bit PCM only.");
      const end = Math.min(at + 8 + size, bytes.byteLength);
      const frames = Math.floor((end - at - 8) / (2 * channels));
      const samples = new Float32Array(frames);
      for (let frame = 0; frame < frames; frame++) {
        samples[frame] = view.getInt16(at + 8 + frame * channels * 2, true) / 32768;
      }
      return { rate, seconds: frames / rate, samples };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error("The WAV file holds no sound.");
}

/** Lowest and highest sample of each of `columns` columns, in turn. */
export function peaks(samples: Float32Array, columns: number): Float32Array {
  const found = new Float32Array(columns * 2);
  for (let column = 0; column < columns; column++) {
    const from = Math.floor((column * samples.length) / columns);
    const to = Math.max(Math.floor(((column + 1) * samples.length) / columns), from + 1);
    let [low, high] = [0, 0];
    for (let index = from; index < to && index < samples.length; index++) {
      const value = samples[index] as number;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    found[column * 2] = low;
    found[column * 2 + 1] = high;
  }
  return found;
}

function text(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((offset) => view.getUint8(at + offset)));
}
