// Audio worklet: passes the microphone's samples on in blocks, 85 ms at 48 kHz.

const BLOCK = 4096;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.n = 0;
    this.port.onmessage = () => {
      this.port.postMessage(this.block.slice(0, this.n));
      this.port.postMessage(null);
      this.n = -1;
    };
  }

  process([input]) {
    if (this.n < 0) return false;
    for (const sample of input[0] || []) {
      this.block[this.n] = sample;
      this.n += 1;
      if (this.n === BLOCK) {
        this.port.postMessage(this.block.slice());
        this.n = 0;
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
