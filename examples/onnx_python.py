"""What somebody's voice expresses, by an exported recognizer: no voxaffect, no PyTorch.

pip install onnxruntime soundfile
python onnx_python.py model.onnx clip.wav          (16 kHz, one channel)
"""

import hashlib
import json
import sys
from pathlib import Path

import onnxruntime
import soundfile

model, clip = map(Path, sys.argv[1:])
about = json.loads(Path(f"{model}.json").read_text("utf-8"))
content = model.read_bytes()
if hashlib.sha256(content).hexdigest() != about["onnx_sha256"]:
    sys.exit(f"{model}: has changed since it was exported")

samples, rate_hz = soundfile.read(clip, dtype="float32")
if rate_hz != about["input"]["sample_rate_hz"] or samples.ndim != 1:
    sys.exit(f"{clip}: convert it to 16 kHz and one channel")

session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
probabilities, speech_s = session.run(["probabilities", "speech_s"], {"samples": samples})
if not speech_s > 0:  # NaN where the recording is silent
    sys.exit(f"{clip}: no speech")
answer = dict(zip(about["classes"]["emotion"], map(float, probabilities), strict=True))
sys.stdout.write(json.dumps(answer) + "\n")
