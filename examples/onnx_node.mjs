// What somebody's voice expresses, by an exported recognizer, in JavaScript.
//
//     npm install onnxruntime-web
//     node onnx_node.mjs model.onnx clip.wav          (16 kHz, one channel, 16 bits)
//
// In a browser: the same with fetch, and with samples of an AudioContext at 16 kHz.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";

const [modelPath, clipPath] = process.argv.slice(2);
const about = JSON.parse(readFileSync(`${modelPath}.json`, "utf-8"));
const content = readFileSync(modelPath);
if (createHash("sha256").update(content).digest("hex") !== about.onnx_sha256)
  throw new Error(`${modelPath}: has changed since it was exported`);

const wav = readFileSync(clipPath); // a plain WAV header takes 44 bytes
if (wav.readUInt32LE(24) !== 16000 || wav.readUInt16LE(22) !== 1 || wav.readUInt16LE(34) !== 16)
  throw new Error(`${clipPath}: convert it to 16 kHz, one channel and 16 bits`);
const pcm = Array.from({ length: (wav.length - 44) >> 1 }, (_, n) => wav.readInt16LE(44 + 2 * n));
const samples = Float32Array.from(pcm, (value) => value / 32768);

ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(content, { executionProviders: ["wasm"] });
const input = new ort.Tensor("float32", samples, [samples.length]);
const { probabilities, speech_s: speech } = await session.run({ [about.input.name]: input });
if (!(speech.data[0] > 0)) throw new Error(`${clipPath}: no speech`); // NaN: silent
const answer = about.classes.emotion.map((name, n) => [name, probabilities.data[n]]);
console.log(JSON.stringify(Object.fromEntries(answer)));
