// Hands the microphone's samples on in blocks of about 85 ms at 48 kHz.

const BLOCK = 4096;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.held = 0;
    this.port.onmessage = () => {
      this.port.postMessage(this.block.slice(0, this.held));
      this.port.postMessage(null);
      this.held = -1;
    };
  }

  process([input]) {
    if (this.held < 0) return false;
    for (const sample of input[0] || []) {
      this.block[this.held] = sample;
      this.held += 1;
      if (this.held === BLOCK) {
        this.port.postMessage(this.block.slice());
        this.held = 0;
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
