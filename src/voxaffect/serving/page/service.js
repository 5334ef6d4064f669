// Requests to the service, with the token if one is required.

let token = "";

/** Send a request; ask the user for a token if the service requires one. */
export async function request(path, options = {}) {
  for (;;) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const response = await fetch(path, { ...options, headers });
    if (response.status === 401) {
      token = await askForToken();
      continue;
    }
    if (response.ok) return response;
    throw new Error(await errorMessage(response));
  }
}

/** Predict a recording. */
export async function predict(file, parameters) {
  const form = new FormData();
  form.append("file", file, file.name || "recording.wav");
  return request(`/v1/predict?${new URLSearchParams(parameters)}`, { method: "POST", body: form });
}

/** Open a live stream of 32-bit floats; `onMessage` gets the messages of the service. */
export function stream(rate, onMessage) {
  const url = new URL("/v1/live", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  const waiting = [];
  let isOpen = false;
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    isOpen = true;
    socket.send(JSON.stringify({ encoding: "pcm_f32le", rate, ...(token && { token }) }));
    waiting.splice(0).forEach((message) => socket.send(message));
  });
  socket.addEventListener("message", (event) => onMessage(JSON.parse(event.data)));
  socket.addEventListener("close", () => onMessage({ type: "closed" }));
  const send = (message) => {
    if (!isOpen) waiting.push(message);
    else if (socket.readyState === WebSocket.OPEN) socket.send(message);
  };
  return {
    push: (samples) => send(samples),
    end: () => send(JSON.stringify({ type: "end" })),
  };
}

async function errorMessage(response) {
  try {
    const { error } = await response.json();
    return error.message;
  } catch {
    return `the service responded with status ${response.status}; try again`;
  }
}

function askForToken() {
  const dialog = document.getElementById("ask-token");
  const input = document.getElementById("token");
  input.value = "";
  dialog.showModal();
  return new Promise((resolve, reject) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "ok" && input.value) resolve(input.value);
      else reject(new Error("the service requires a token; reload the page to enter it"));
    }, { once: true });
  });
}
