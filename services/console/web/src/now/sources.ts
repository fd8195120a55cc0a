/** The microphone and the camera, as files of the last moment; `stop` lets go of them. */
import recorder from "./recorder.worklet.js?url";
import { level, Ring, wav } from "./wav";

export interface Source {
  /** The last moment as a file; null: there is nothing yet. */
  take: () => Promise<Blob | null>;
  stop: () => void;
}

const HEARD_SECONDS = 5;
const PICTURE_WIDTH = 960;

async function ask(what: MediaStreamConstraints): Promise<MediaStream> {
  if (!navigator.mediaDevices)
    throw new Error(
      "Browsers give microphone and camera only to pages of this machine or over TLS; open the console that way.",
    );
  try {
    return await navigator.mediaDevices.getUserMedia(what);
  } catch (error) {
    const refused = error instanceof DOMException && error.name === "NotAllowedError";
    throw new Error(
      refused
        ? "The browser was not allowed to; allow it beside the address, and try again."
        : `The browser has none to give: ${error}`,
    );
  }
}

/** `heard` is told the level of each piece, in decibels below full scale. */
export async function microphone(heard: (decibels: number) => void): Promise<Source> {
  const stream = await ask({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  const context = new AudioContext();
  await context.audioWorklet.addModule(recorder);
  const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
  const ring = new Ring(context.sampleRate * HEARD_SECONDS);
  node.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
    ring.push(data);
    heard(level(data));
  };
  context.createMediaStreamSource(stream).connect(node);
  return {
    take: async () => (ring.samples.length < context.sampleRate ? null : wav(ring.samples, context.sampleRate)),
    stop: () => {
      for (const track of stream.getTracks()) track.stop();
      void context.close();
    },
  };
}

export async function camera(video: HTMLVideoElement): Promise<Source> {
  const stream = await ask({ video: { width: { ideal: 1280 } } });
  video.srcObject = stream;
  await video.play();
  return {
    take: () => {
      const canvas = document.createElement("canvas");
      const scale = Math.min(1, PICTURE_WIDTH / Math.max(video.videoWidth, 1));
      canvas.width = Math.round(video.videoWidth * scale);
      canvas.height = Math.round(video.videoHeight * scale);
      if (!canvas.width) return Promise.resolve(null);
      canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
      return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
    },
    stop: () => {
      for (const track of stream.getTracks()) track.stop();
      video.srcObject = null;
    },
  };
}
