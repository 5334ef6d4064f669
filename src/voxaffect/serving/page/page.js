// The page: a recording goes to the service, what it says is shown and can be played along with.

import {
  clock, color, decoded, drawBars, drawFrames, drawLegend, drawLevels, drawStrip, drawWave,
  element, percent,
} from "./drawing.js";
import { openMicrophone } from "./recording.js";
import { ask, predict, stream } from "./service.js";

const at = (id) => document.getElementById(id);
const audio = at("audio");
let limits = null;
let shown = null; // { file, whole, utterances, samples, duration }
let microphone = null;
let turn = 0; // what is asked later wins over what is answered later

const say = (text) => { at("status").textContent = text; };

function complain(text) {
  at("fault").hidden = !text;
  at("fault").textContent = text ? text[0].toUpperCase() + text.slice(1) : "";
  if (text) say("");
}

/* A file: its answer as a whole, and its utterances. */

async function open(file) {
  const mine = turn += 1;
  complain("");
  say(`Listening to ${file.name} …`);
  document.body.setAttribute("aria-busy", "true");
  try {
    const [answer, samples] = await Promise.all([answered(file), decoded(file)]);
    if (mine === turn) show({ file, samples, ...answer });
  } catch (fault) {
    if (mine === turn) complain(fault.message);
  } finally {
    if (mine === turn) document.body.removeAttribute("aria-busy");
  }
}

async function answered(file) {
  const [whole, cut] = await Promise.allSettled([
    predict(file, { frames: true }).then((response) => response.json()),
    predict(file, { timeline: true }).then((response) => response.json()),
  ]);
  if (whole.status === "rejected" && cut.status === "rejected") throw whole.reason;
  const utterances = cut.status === "fulfilled" ? cut.value.utterances : [];
  const told = whole.value || { ...utterances[0], emotion: "", duration_s: cut.value.duration_s };
  const all = { ...told, start_s: 0, end_s: told.duration_s };
  return {
    whole: whole.value || null,
    utterances: utterances.length ? utterances : [all],
    duration: told.duration_s,
  };
}

function show(answer) {
  shown = answer;
  say("");
  at("live").hidden = true;
  at("result").hidden = false;
  showAnswer(answer);
  showSound(answer.file);
  drawTime();
  showTable(answer.utterances);
  move(0);
  at("label").focus({ preventScroll: false });
}

function showAnswer({ file, whole, utterances, duration }) {
  const label = whole ? whole.emotion : `${utterances.length} utterances`;
  at("name").textContent = `${file.name}, ${clock(duration)}`;
  at("label").textContent = label;
  at("label").style.setProperty("--own", whole ? color(label) : "");
  at("sentence").textContent = whole ? sentence(whole)
    : "Too long to be answered as one; its utterances are below.";
  at("warnings").replaceChildren(
    ...(whole ? whole.warnings : []).map(({ text }) => element("li", {}, text)));
  drawBars(at("bars"), whole ? whole.probabilities : {});
  at("subtasks").replaceChildren(
    ...Object.entries(whole ? whole.subtasks : {}).map(([task, classes]) => {
      const bars = element("div");
      drawBars(bars, classes);
      return element("div", {}, element("h3", {}, task[0].toUpperCase() + task.slice(1)), bars);
    }));
}

function sentence({ emotion, probabilities }) {
  const [[first, p], [second, q]] = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  const name = emotion === "unsure" ? `Most likely ${first}` : `Sounds ${first}`;
  return `${name} with a probability of ${percent(p)}, ${second} with ${percent(q)}.`;
}

/* Time: play, seek, and what is heard now. */

function showSound(file) {
  if (audio.src) URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(file);
  at("play").disabled = shown.samples === null;
  at("play").textContent = shown.samples === null ? "Cannot be played here" : "Play";
  at("seek").max = String(shown.duration);
  at("seek").value = "0";
}

function drawTime() {
  if (shown === null || at("result").hidden) return;
  at("wave").hidden = shown.samples === null;
  if (shown.samples !== null) drawWave(at("wave"), shown.samples);
  drawStrip(at("strip"), shown.utterances, shown.duration);
  const names = Object.keys(shown.utterances[0].probabilities);
  at("frames").hidden = shown.whole === null;
  if (shown.whole !== null) {
    drawFrames(at("frames"), shown.whole.posteriors, names);
  }
  drawLegend(at("legend"), names);
}

function move(seconds) {
  const { duration, utterances } = shown;
  const time = Math.min(Math.max(0, seconds), duration);
  at("seek").value = String(time);
  at("cursor").style.left = `${100 * time / duration}%`;
  at("clock").textContent = `${clock(time)} of ${clock(duration)}`;
  const i = utterances.findIndex(({ start_s: start, end_s: end }) => start <= time && time < end);
  const now = i < 0 ? "pause" : `${utterances[i].emotion} ${percent(best(utterances[i]))}`;
  at("now").textContent = now;
  at("seek").setAttribute("aria-valuetext", `${clock(time)}, ${now}`);
  at("said").querySelectorAll("tbody tr").forEach((row, n) => {
    if (n === i) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  });
}

const best = ({ probabilities }) => Math.max(...Object.values(probabilities));

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
  if (audio.paused) audio.play().catch(() => complain("this browser cannot play the recording"));
  else audio.pause();
});
at("seek").addEventListener("input", () => seek(Number(at("seek").value)));
addEventListener("resize", drawTime);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawTime);

function showTable(utterances) {
  const warned = utterances.some(({ warnings }) => warnings.length);
  const head = ["From", "To", "Emotion", "Probability", ...(warned ? ["Warnings"] : [])];
  const rows = utterances.map((utterance) => {
    const from = element("button", { type: "button" }, clock(utterance.start_s));
    from.setAttribute("aria-label", `Go to ${clock(utterance.start_s)}`);
    from.addEventListener("click", () => seek(utterance.start_s));
    return element("tr", { own: utterance.emotion || "unsure" },
      element("td", {}, from),
      element("td", {}, clock(utterance.end_s)),
      element("td", { class: "swatch" }, utterance.emotion),
      element("td", {}, percent(best(utterance))),
      ...(warned ? [element("td", {}, utterance.warnings.map(({ text }) => text).join("; "))] : []));
  });
  at("said").replaceChildren(element("table", {},
    element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows)));
}

/* The microphone: answers while it lasts, then that of the file it made. */

async function record() {
  complain("");
  turn += 1;
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
  live = stream(rate, hear);
  early.forEach((block) => live.push(block));
  microphone = { ...opened, live, heard: "" };
  drawBars(at("live-bars"), Object.fromEntries(limits.emotions.map((name) => [name, 0])));
  at("result").hidden = true;
  at("live").hidden = false;
  at("record").classList.add("recording");
  at("record-text").textContent = "Stop";
  say("Speak now.");
}

function hear(message) {
  if (message.type === "interim" && message.emotion && microphone) {
    drawBars(at("live-bars"), message.probabilities);
    if (message.emotion !== microphone.heard) {
      microphone.heard = message.emotion;
      say(`So far it sounds ${message.emotion}.`);
    }
  }
  if (message.type === "final") {
    drawBars(at("live-bars"), message.probabilities);
    at("live").dataset.final = JSON.stringify(message.probabilities);
    say(`It sounds ${message.emotion}.`);
  }
  if (message.type === "error") complain(message.error.message);
}

async function stop() {
  const { live, stop: close } = microphone;
  microphone = null;
  at("record").classList.remove("recording");
  at("record-text").textContent = "Speak";
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
    complain(fault.name === "NotAllowedError" ? "the browser was not allowed to listen; allow the microphone and try again" : fault.message);
  } finally {
    at("record").disabled = false;
  }
});

/* Files, by choice or drop. */

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

/* Export: the service's own formats, of the same recording. */

const SUFFIXES = { json: "json", csv: "csv", audacity: "txt", vtt: "vtt" };

for (const button of document.querySelectorAll("[data-format]")) {
  button.addEventListener("click", async () => {
    const { format } = button.dataset;
    try {
      const response = await predict(shown.file, { timeline: true, format })
        .catch(() => predict(shown.file, { format }));
      save(await response.blob(), `${shown.file.name.replace(/\.[^.]*$/, "")}.${SUFFIXES[format]}`);
    } catch (fault) {
      complain(fault.message);
    }
  });
}

function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/* What is served. */

try {
  limits = await (await ask("/v1/model")).json();
  const { max_bytes: most, recording_s: longest } = limits.limits;
  at("limits").textContent = `Sound or film, up to ${Math.round(most / 2 ** 20)} MB or ${Math.round(longest / 60)} minutes`;
  at("model").textContent = [
    `voxaffect ${limits.version}`,
    ...(limits.card.system ? [limits.card.system] : []),
    ...(limits.corpora.length ? [`learned from ${limits.corpora.join(", ")}`] : []),
  ].join(" · ");
} catch (fault) {
  complain(fault.message);
}
