// What the page asks the service, and the token it shows if it must.

let token = "";

/** Ask the service; a token is asked for once it wants one. */
export async function ask(path, options = {}) {
  for (;;) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const response = await fetch(path, { ...options, headers });
    if (response.status === 401) {
      token = await askForToken();
      continue;
    }
    if (response.ok) return response;
    throw new Error(await reason(response));
  }
}

/** The answer for a recording. */
export async function predict(file, parameters) {
  const form = new FormData();
  form.append("file", file, file.name || "recording.wav");
  return ask(`/v1/predict?${new URLSearchParams(parameters)}`, { method: "POST", body: form });
}

/** A live stream of 32-bit floats; what the service says is given to `heard`. */
export function stream(rate, heard) {
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
  socket.addEventListener("message", (event) => heard(JSON.parse(event.data)));
  socket.addEventListener("close", () => heard({ type: "closed" }));
  const send = (message) => {
    if (!isOpen) waiting.push(message);
    else if (socket.readyState === WebSocket.OPEN) socket.send(message);
  };
  return {
    push: (samples) => send(samples),
    end: () => send(JSON.stringify({ type: "end" })),
    drop: () => socket.close(),
  };
}

async function reason(response) {
  try {
    const { error } = await response.json();
    return error.message;
  } catch {
    return `the service answered ${response.status}; try again`;
  }
}

function askForToken() {
  const dialog = document.getElementById("ask-token");
  const input = document.getElementById("token");
  input.value = "";
  dialog.showModal();
  return new Promise((given, refused) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "ok" && input.value) given(input.value);
      else refused(new Error("the service asks for a token; reload the page to give one"));
    }, { once: true });
  });
}
