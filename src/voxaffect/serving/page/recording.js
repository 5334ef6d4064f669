// Records the microphone: blocks of samples as they arrive, all of them as a WAV file at the end.

/** Open the microphone; `onBlock` gets each block of samples. */
export async function openMicrophone(onBlock) {
  if (!navigator.mediaDevices) {
    throw new Error("browsers allow the microphone only on https or localhost; open http://localhost");
  }
  const media = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const context = new AudioContext();
  await context.audioWorklet.addModule("/page/microphone.js");
  const source = context.createMediaStreamSource(media);
  const worklet = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
  const blocks = [];
  let finished;
  const rest = new Promise((resolve) => { finished = resolve; });
  worklet.port.onmessage = ({ data }) => {
    if (data === null) return finished();
    if (!data.length) return undefined;
    blocks.push(data);
    return onBlock(data);
  };
  source.connect(worklet);
  return {
    rate: context.sampleRate,
    async stop() {
      worklet.port.postMessage("stop");
      await rest;
      media.getTracks().forEach((track) => track.stop());
      await context.close();
      return wav(blocks, context.sampleRate);
    },
  };
}

/** A WAV file of 32-bit floats, the exact samples that were streamed to the service. */
function wav(blocks, rate) {
  const bytes = 4 * blocks.reduce((sum, block) => sum + block.length, 0);
  const head = new DataView(new ArrayBuffer(44));
  const text = (at, word) => [...word].forEach((c, i) => head.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF"); head.setUint32(4, 36 + bytes, true); text(8, "WAVE");
  text(12, "fmt "); head.setUint32(16, 16, true); head.setUint16(20, 3, true);
  head.setUint16(22, 1, true); head.setUint32(24, rate, true); head.setUint32(28, 4 * rate, true);
  head.setUint16(32, 4, true); head.setUint16(34, 32, true);
  text(36, "data"); head.setUint32(40, bytes, true);
  return new File([head, ...blocks], "recording.wav", { type: "audio/wav" });
}
