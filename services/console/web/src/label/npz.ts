/** Reads numpy's .npz (a zip of .npy), to show what is in it. */

export interface ArraySummary {
  name: string;
  dtype: string;
  shape: number[];
  low: number | null;
  high: number | null;
  mean: number | null;
  /** Of the first values, for a line; at most 2,000. */
  values: number[];
}

const LINE = 2000;

/** Sums up each array. Raises an error for what is no .npz. */
export async function readNpz(bytes: ArrayBuffer): Promise<ArraySummary[]> {
  const view = new DataView(bytes);
  const end = endRecord(view);
  const arrays: ArraySummary[] = [];
  let at = view.getUint32(end + 16, true);
  for (let entry = view.getUint16(end + 10, true); entry > 0; entry--) {
    const method = view.getUint16(at + 10, true);
    const size = view.getUint32(at + 20, true);
    const nameLength = view.getUint16(at + 28, true);
    const local = view.getUint32(at + 42, true);
    const name = new TextDecoder().decode(new Uint8Array(bytes, at + 46, nameLength));
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const packed = bytes.slice(start, start + size);
    const unpacked = method === 0 ? packed : await inflate(packed);
    arrays.push(summary(name.replace(/\.npy$/, ""), unpacked));
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return arrays;
}

function endRecord(view: DataView): number {
  for (let at = view.byteLength - 22; at >= 0; at--) if (view.getUint32(at, true) === 0x06054b50) return at;
  throw new Error("This is no .npz file.");
}

function inflate(packed: ArrayBuffer): Promise<ArrayBuffer> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).arrayBuffer();
}

const READERS: Record<string, [number, (view: DataView, at: number) => number]> = {
  "<f8": [8, (view, at) => view.getFloat64(at, true)],
  "<f4": [4, (view, at) => view.getFloat32(at, true)],
  "<i8": [8, (view, at) => Number(view.getBigInt64(at, true))],
  "<i4": [4, (view, at) => view.getInt32(at, true)],
  "<i2": [2, (view, at) => view.getInt16(at, true)],
  "|i1": [1, (view, at) => view.getInt8(at)],
  "|u1": [1, (view, at) => view.getUint8(at)],
  "|b1": [1, (view, at) => view.getUint8(at)],
};

function summary(name: string, bytes: ArrayBuffer): ArraySummary {
  const view = new DataView(bytes);
  const long = view.getUint8(6) > 1;
  const start = long ? 12 : 10;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder().decode(new Uint8Array(bytes, start, length));
  const dtype = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? "";
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? "")
    .split(",")
    .filter((part) => part.trim())
    .map(Number);
  const reader = READERS[dtype];
  const found: ArraySummary = { name, dtype, shape, low: null, high: null, mean: null, values: [] };
  if (!reader) return found;
  const [width, read] = reader;
  const count = shape.reduce((product, side) => product * side, 1);
  let [low, high, sum, finite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let index = 0; index < count; index++) {
    const value = read(view, start + length + index * width);
    if (index < LINE) found.values.push(value);
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
    sum += value;
    finite += 1;
  }
  return finite ? { ...found, low, high, mean: sum / finite } : found;
}
