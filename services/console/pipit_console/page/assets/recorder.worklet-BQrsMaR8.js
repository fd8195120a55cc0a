// Runs beside the page's thread: hands on what the microphone gives, in pieces of about 50 ms.
class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.pieces = [];
    this.held = 0;
  }

  process([[channel]]) {
    if (!channel) return true;
    this.pieces.push(channel.slice());
    this.held += channel.length;
    if (this.held >= sampleRate / 20) {
      const piece = new Float32Array(this.held);
      let at = 0;
      for (const part of this.pieces) {
        piece.set(part, at);
        at += part.length;
      }
      this.port.postMessage(piece, [piece.buffer]);
      this.pieces = [];
      this.held = 0;
    }
    return true;
  }
}
registerProcessor("recorder", Recorder);
