// Drawing: bars, waveforms, timelines.

const DRAWN_RATE = 8000;
const NAME_WIDTH = 64; // pixels for a class's name; narrower segments show its first letter

export const color = (name) => `var(--${name.replaceAll(" ", "-")}, var(--wave))`;
export const isVague = ({ emotion }) => emotion === "unsure" || emotion === "no speech";
export const sentenceCase = (text) => text.replace(/^[a-z]/, (letter) => letter.toUpperCase());
export const percent = (value) => `${Math.round(100 * value)}\u00a0%`;

export function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "own") made.style.setProperty("--own", color(value));
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** A bar for each class; existing bars are updated. */
export function drawBars(place, probabilities) {
  const best = Math.max(...Object.values(probabilities));
  const names = Object.keys(probabilities);
  if ([...place.children].map((bar) => bar.dataset.name).join() !== names.join()) {
    place.replaceChildren(...names.map(bar));
  }
  for (const row of place.children) {
    const value = probabilities[row.dataset.name];
    row.classList.toggle("first", value === best && value > 0);
    row.querySelector(".fill").style.transform = `scaleX(${value})`;
    row.querySelector(".value").textContent = percent(value);
  }
}

function bar(name) {
  const fill = element("span", { class: "fill" });
  return element("div", { class: "bar", "data-name": name, own: name },
    element("span", { class: "name" }, name),
    element("span", { class: "rail", "aria-hidden": "true" }, fill),
    element("span", { class: "value" }));
}

/** The context of a canvas at the resolution of the screen. */
function prepared(canvas) {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
  return canvas.getContext("2d");
}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function ink(canvas, variable) {
  canvas.style.color = `var(${variable})`; // light-dark() is resolved where it is used
  return getComputedStyle(canvas).color;
}

/** Samples of a file; null if the browser cannot decode it. */
export async function decoded(file) {
  try {
    const context = new OfflineAudioContext(1, 1, DRAWN_RATE);
    const buffer = await context.decodeAudioData(await file.arrayBuffer());
    return buffer.getChannelData(0);
  } catch {
    return null;
  }
}

/** A waveform: minimum and maximum of each column. */
export function drawWave(canvas, samples) {
  const context = prepared(canvas);
  const { width, height } = canvas;
  context.fillStyle = ink(canvas, "--wave");
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1e-4);
  const step = samples.length / width;
  for (let x = 0; x < width; x += 1) {
    let [low, high] = [0, 0];
    for (let i = Math.floor(x * step); i < (x + 1) * step && i < samples.length; i += 1) {
      low = Math.min(low, samples[i]);
      high = Math.max(high, samples[i]);
    }
    const [top, bottom] = [high, low].map((value) => (1 - 0.94 * value / peak) * height / 2);
    context.fillRect(x, top, 1, Math.max(1, bottom - top));
  }
}

/** Levels of the last blocks, the newest on the right. */
export function drawLevels(canvas, levels) {
  const context = prepared(canvas);
  const { width, height } = canvas;
  const bar = 4 * (devicePixelRatio || 1);
  context.fillStyle = ink(canvas, "--wave");
  const shown = levels.slice(-Math.floor(width / bar));
  shown.forEach((level, i) => {
    const size = Math.max(2, Math.min(1, 3 * Math.sqrt(level)) * height);
    context.fillRect(width - (shown.length - i) * bar, (height - size) / 2, bar - 2, size);
  });
}

/**
 * Posteriors of the frames of speech as stacked areas at their times, and gaps between them; a gray
 * area where the utterance is unsure.
 */
export function drawFrames(canvas, posteriors, times, duration, names, utterances) {
  const context = prepared(canvas);
  const { width, height } = canvas;
  const half = frameStep(times) / 2;
  let first = 0;
  let end = 0;
  for (let x = 0; x < width; x += 1) {
    const [from, to] = [x, x + 1].map((at) => at / width * duration);
    while (first < times.length && times[first] + half <= from) first += 1;
    while (end < times.length && times[end] - half < to) end += 1;
    const rows = posteriors.slice(first, end);
    if (!rows.length) continue;
    if (utterances.some((one) => isVague(one) && one.start_s <= from && to <= one.end_s)) {
      context.fillStyle = style("--unsure");
      context.fillRect(x, height / 4, 1, height / 2);
      continue;
    }
    let top = 0;
    names.forEach((name, c) => {
      const mean = rows.reduce((sum, row) => sum + row[c], 0) / rows.length;
      context.fillStyle = style(`--${name}`);
      context.fillRect(x, top * height, 1, mean * height + 1);
      top += mean;
    });
  }
}

/** Seconds from frame to frame, the usual ones: there are pauses between some. */
function frameStep(times) {
  const steps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
  return steps.length ? steps[Math.floor(steps.length / 2)] : 0.01;
}

/** A colored segment for each utterance, gray where it is unsure. */
export function drawStrip(place, utterances, duration) {
  place.replaceChildren(...utterances.map(({ start_s: start, end_s: end, emotion }) => {
    const letter = emotion === "unsure" ? "?" : emotion[0];
    const segment = element("span", { own: emotion, ...(emotion === "sad" && { class: "deep" }) },
      (end - start) / duration * place.clientWidth > NAME_WIDTH ? emotion : letter);
    segment.style.left = `${100 * start / duration}%`;
    segment.style.width = `${100 * (end - start) / duration}%`;
    return segment;
  }));
}

export function drawLegend(place, names) {
  place.replaceChildren(...names.map((name) => element("li", { own: name }, name)));
}
