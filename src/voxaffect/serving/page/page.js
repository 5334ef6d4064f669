// The page: sends recordings to the service, shows and plays the results.

import {
  clock, color, decoded, drawBars, drawFrames, drawLegend, drawLevels, drawStrip, drawWave,
  element, isVague, percent, sentenceCase,
} from "./drawing.js";
import { openMicrophone } from "./recording.js";
import { predict, request, stream } from "./service.js";

const at = (id) => document.getElementById(id);
const audio = at("audio");
let limits = null;
let shown = null; // { file, whole, utterances, samples, duration }

const ADVICE = "Check that somebody speaks and that the microphone is not muted.";
let microphone = null;
let latest = 0; // number of the latest recording; results of earlier ones are discarded

const showStatus = (text) => { at("status").textContent = text; };

function showError(text) {
  at("fault").hidden = !text;
  // The first word may be the name of a file, which stays as it is.
  at("fault").textContent = text.replace(/^[a-z]+(?=[ -])/, (word) => word[0].toUpperCase() + word.slice(1));
  if (text) showStatus("");
}

/* A file: predictions of the whole and of its utterances. */

async function open(file) {
  const mine = latest += 1;
  showError("");
  showStatus(`Analyzing ${file.name} …`);
  document.body.setAttribute("aria-busy", "true");
  try {
    const [result, samples] = await Promise.all([predictBoth(file), decoded(file)]);
    if (mine === latest) show({ file, samples, ...result });
  } catch (fault) {
    if (mine === latest) showError(fault.message);
  } finally {
    if (mine === latest) document.body.removeAttribute("aria-busy");
  }
}

async function predictBoth(file) {
  const [whole, cut] = await Promise.allSettled([
    predict(file, { frames: true }).then((response) => response.json()),
    predict(file, { timeline: true }).then((response) => response.json()),
  ]);
  if (whole.status === "rejected" && cut.status === "rejected") throw whole.reason;
  const utterances = cut.status === "fulfilled" ? cut.value.utterances : [];
  const isSilent = whole.value && whole.value.emotion === "no speech";
  const summary = whole.value || { ...utterances[0], emotion: "", duration_s: cut.value.duration_s };
  const all = { ...summary, start_s: 0, end_s: summary.duration_s };
  return {
    whole: whole.value || null,
    utterances: utterances.length || isSilent ? utterances : [all],
    duration: summary.duration_s,
  };
}

function show(result) {
  shown = result;
  showStatus("");
  at("live").hidden = true;
  at("result").hidden = false;
  showPrediction(result);
  loadPlayer(result.file);
  drawTime();
  showTable(result.utterances);
  move(0);
  at("label").focus({ preventScroll: false });
}

function showPrediction({ file, whole, utterances, duration }) {
  const label = whole ? whole.emotion : `${utterances.length} utterances`;
  const isSilent = label === "no speech";
  at("name").textContent = `${file.name}, ${clock(duration)}`;
  at("label").textContent = sentenceCase(label);
  at("label").style.setProperty("--own", whole ? color(label) : "");
  const card = at("label").closest(".answer");
  card.classList.toggle("vague", whole !== null && isVague(whole));
  card.classList.toggle("silent", isSilent);
  at("sentence").textContent = whole ? sentence(whole)
    : "Too long for one prediction; see its utterances below.";
  at("warnings").replaceChildren(
    ...(whole ? remarks(whole) : []).map((text) => element("li", {}, text)));
  at("shares").hidden = isSilent;
  at("shares-title").textContent = label === "unsure" ? "Emotion, not reliable" : "Emotion";
  drawBars(at("bars"), whole ? whole.probabilities : {});
  at("subtasks").replaceChildren(
    ...Object.entries(whole ? whole.subtasks : {}).map(([task, classes]) => {
      const bars = element("div");
      drawBars(bars, classes);
      return element("div", {}, element("h3", {}, task[0].toUpperCase() + task.slice(1)), bars);
    }));
}

/** Why no emotion is named; or how probable it is. */
function sentence({ emotion, reason, probabilities }) {
  if (emotion === "no speech") return `${sentenceCase(reason)}. ${ADVICE}`;
  if (emotion === "unsure") return `${sentenceCase(reason || "no reason given")}.`;
  const [[, p], [second, q]] = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  return `Probability ${percent(p)}; second: ${second} (${percent(q)}).`;
}

/** Texts of the warnings that are not the reason; the timeline is on this page. */
const remarks = ({ reason, warnings }) => warnings
  .map(({ text }) => text.replace("; --timeline shows them", "; see below"))
  .filter((text) => text !== reason);

/* Player: play, seek, current utterance. */

function loadPlayer(file) {
  if (audio.src) URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(file);
  at("play").disabled = shown.samples === null;
  at("play").textContent = shown.samples === null ? "Playback not supported" : "Play";
  at("seek").max = String(shown.duration);
  at("seek").value = "0";
}

function drawTime() {
  if (shown === null || at("result").hidden) return;
  at("wave").hidden = shown.samples === null;
  if (shown.samples !== null) drawWave(at("wave"), shown.samples);
  drawStrip(at("strip"), shown.utterances, shown.duration);
  const names = limits.emotions;
  const { whole, utterances, duration } = shown;
  at("frames").hidden = whole === null || !whole.posteriors;
  if (!at("frames").hidden) {
    const parts = isVague(whole) ? [{ ...whole, start_s: 0, end_s: duration }] : utterances;
    drawFrames(at("frames"), whole.posteriors, whole.times_s, duration, names, parts);
  }
  drawLegend(at("legend"), [...names, ...(utterances.some(isVague) ? ["unsure"] : [])]);
  at("legend").hidden = utterances.length === 0;
}

function move(seconds) {
  const { duration, utterances } = shown;
  const time = Math.min(Math.max(0, seconds), duration);
  at("seek").value = String(time);
  at("cursor").style.left = `${100 * time / duration}%`;
  at("clock").textContent = `${clock(time)} of ${clock(duration)}`;
  const i = utterances.findIndex(({ start_s: start, end_s: end }) => start <= time && time < end);
  const now = i < 0 ? (utterances.length ? "pause" : "no speech") : told(utterances[i]);
  at("now").textContent = now;
  at("seek").setAttribute("aria-valuetext", `${clock(time)}, ${now}`);
  at("utterances").querySelectorAll("tbody tr").forEach((row, n) => {
    if (n === i) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  });
}

const best = ({ probabilities }) => Math.max(...Object.values(probabilities));
const told = (utterance) => (isVague(utterance)
  ? [utterance.emotion, utterance.reason].filter(Boolean).join(": ")
  : `${utterance.emotion} ${percent(best(utterance))}`);

function seek(seconds) {
  audio.currentTime = seconds;
  move(seconds);
}

function follow() {
  move(audio.currentTime);
  if (!audio.paused) requestAnimationFrame(follow);
}

audio.addEventListener("play", () => { at("play").textContent = "Pause"; follow(); });
for (const event of ["pause", "ended"]) {
  audio.addEventListener(event, () => { at("play").textContent = "Play"; });
}
at("play").addEventListener("click", () => {
  if (audio.paused) audio.play().catch(() => showError("this browser cannot play the recording; convert it to WAV"));
  else audio.pause();
});
at("seek").addEventListener("input", () => seek(Number(at("seek").value)));
addEventListener("resize", drawTime);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawTime);

function showTable(utterances) {
  at("utterances").hidden = utterances.length === 0;
  const notes = utterances.map((one) => [...(one.reason ? [one.reason] : []), ...remarks(one)]);
  const warned = notes.some((texts) => texts.length);
  const head = ["Start", "End", "Emotion", "Probability", ...(warned ? ["Warnings"] : [])];
  const rows = utterances.map((utterance, i) => {
    const from = element("button", { type: "button" }, clock(utterance.start_s));
    from.setAttribute("aria-label", `Go to ${clock(utterance.start_s)}`);
    from.addEventListener("click", () => seek(utterance.start_s));
    const vague = isVague(utterance) ? { class: "vague" } : {};
    return element("tr", { own: utterance.emotion || "unsure", ...vague },
      element("td", {}, from),
      element("td", {}, clock(utterance.end_s)),
      element("td", { class: "swatch" }, utterance.emotion),
      element("td", {}, percent(best(utterance))),
      ...(warned ? [element("td", { class: "notes" }, notes[i].join("; "))] : []));
  });
  at("utterances").replaceChildren(element("table", {},
    element("thead", {}, element("tr", {}, ...head.map((name) => element("th",
      { scope: "col", ...(name === "Warnings" && { class: "notes" }) }, name)))),
    element("tbody", {}, ...rows)));
}

/* The microphone: interim predictions while recording, then those of the recorded file. */

async function record() {
  showError("");
  latest += 1;
  const levels = [];
  let pushed = 0;
  let rate = 1;
  let live = null;
  const early = [];
  const opened = await openMicrophone((block) => {
    pushed += block.length;
    levels.push(block.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0));
    if (live === null) early.push(block);
    else live.push(block);
    at("live-clock").textContent = clock(pushed / rate);
    drawLevels(at("live-wave"), levels);
  });
  rate = opened.rate;
  live = stream(rate, onMessage);
  early.forEach((block) => live.push(block));
  microphone = { ...opened, live, emotion: "" };
  drawBars(at("live-bars"), Object.fromEntries(limits.emotions.map((name) => [name, 0])));
  at("result").hidden = true;
  at("live").hidden = false;
  at("record").classList.add("recording");
  at("record-text").textContent = "Stop";
  showStatus("Recording: speak now.");
}

function onMessage(message) {
  if (message.type === "interim" && message.emotion && microphone) {
    drawBars(at("live-bars"), message.probabilities);
    if (message.emotion !== microphone.emotion) {
      microphone.emotion = message.emotion;
      showStatus(`So far: ${message.emotion}.`);
    }
  }
  if (message.type === "final") {
    drawBars(at("live-bars"), message.probabilities);
    at("live").dataset.final = JSON.stringify(message.probabilities);
    showStatus(`Result: ${[message.emotion, message.reason].filter(Boolean).join(": ")}.`);
  }
  if (message.type === "error") showError(message.error.message);
}

async function stop() {
  const { live, stop: close } = microphone;
  microphone = null;
  at("record").classList.remove("recording");
  at("record-text").textContent = "Record";
  const file = await close();
  live.end();
  await open(file);
  at("live").hidden = true;
}

at("record").addEventListener("click", async () => {
  at("record").disabled = true;
  try {
    await (microphone ? stop() : record());
  } catch (fault) {
    showError(fault.name === "NotAllowedError" ? "microphone access was denied; allow it in the browser and try again" : fault.message);
  } finally {
    at("record").disabled = false;
  }
});

/* File upload, by dialog or drag and drop. */

at("file").addEventListener("change", () => {
  const [file] = at("file").files;
  if (file) open(file);
  at("file").value = "";
});
const drop = at("drop");
for (const event of ["dragover", "dragleave", "drop"]) {
  addEventListener(event, (moved) => {
    moved.preventDefault();
    drop.classList.toggle("over", event === "dragover");
    const [file] = event === "drop" ? moved.dataTransfer.files : [];
    if (file) open(file);
  });
}

/* Downloads: predictions of the same recording in other formats. */

const SUFFIXES = { json: "json", csv: "csv", audacity: "txt", vtt: "vtt" };

for (const button of document.querySelectorAll("[data-format]")) {
  button.addEventListener("click", async () => {
    const { format } = button.dataset;
    try {
      const response = await predict(shown.file, { timeline: true, format })
        .catch(() => predict(shown.file, { format }));
      save(await response.blob(), `${shown.file.name.replace(/\.[^.]*$/, "")}.${SUFFIXES[format]}`);
    } catch (fault) {
      showError(fault.message);
    }
  });
}

function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/* Model and limits. */

try {
  limits = await (await request("/v1/model")).json();
  const { max_bytes: most, recording_s: longest } = limits.limits;
  at("limits").textContent = `Audio or video, up to ${Math.round(most / 2 ** 20)} MB or ${Math.round(longest / 60)} minutes`;
  at("model").textContent = [
    `voxaffect ${limits.version}`,
    ...(limits.card.system ? [limits.card.system] : []),
    ...(limits.corpora.length ? [`trained on ${limits.corpora.join(", ")}`] : []),
  ].join(" · ");
} catch (fault) {
  showError(fault.message);
}
