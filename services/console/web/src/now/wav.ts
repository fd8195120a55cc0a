/** Samples between -1 and 1, one channel, as a WAV file of 16 bits. */
export function wav(samples: Float32Array, rate: number): Blob {
  const view = new DataView(new ArrayBuffer(44 + samples.length * 2));
  const text = (at: number, word: string) => {
    for (let index = 0; index < word.length; index += 1) view.setUint8(at + index, word.charCodeAt(index));
  };
  text(0, "RIFF");
  view.setUint32(4, 36 + samples.length * 2, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, index) => {
    view.setInt16(44 + index * 2, Math.round(Math.max(-1, Math.min(1, sample)) * 32767), true);
  });
  return new Blob([view.buffer], { type: "audio/wav" });
}

/** The last so many samples of what comes in pieces. */
export class Ring {
  private held: Float32Array;
  private filled = 0;

  constructor(size: number) {
    this.held = new Float32Array(size);
  }

  push(piece: Float32Array): void {
    const taken = piece.subarray(Math.max(0, piece.length - this.held.length));
    const keep = Math.min(this.filled, this.held.length - taken.length);
    this.held.copyWithin(0, this.filled - keep, this.filled);
    this.held.set(taken, keep);
    this.filled = keep + taken.length;
  }

  get samples(): Float32Array {
    return this.held.slice(0, this.filled);
  }
}

/** Root mean square in decibels below full scale; -90 for silence. */
export function level(piece: Float32Array): number {
  let sum = 0;
  for (const sample of piece) sum += sample * sample;
  return Math.max(-90, 10 * Math.log10(sum / Math.max(piece.length, 1) + 1e-9));
}
