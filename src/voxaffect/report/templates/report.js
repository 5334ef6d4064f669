"use strict";
// Sorting, filtering, color scheme and downloads. The page works without it and sends no requests.
(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const announce = (text) => { document.querySelector(".status").textContent = text; };

  // Color scheme: the system's until the reader chooses; not stored.
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const toggle = document.getElementById("scheme");
  const scheme = () => root.dataset.scheme || (system.matches ? "dark" : "light");
  const other = () => (scheme() === "dark" ? "light" : "dark");
  const label = () => { toggle.textContent = other() === "dark" ? "Dark" : "Light";
    toggle.setAttribute("aria-label", `Show in ${other()} colors`); };
  toggle.addEventListener("click", () => { root.dataset.scheme = other(); label(); });
  system.addEventListener("change", label);
  label();

  // Contents: open next to the text; collapsed on narrow screens.
  const contents = document.querySelector(".contents");
  const narrow = matchMedia("(max-width: 69.99rem)");
  const fold = () => { contents.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  fold();
  const links = all("a", contents);
  links.forEach((link) => link.addEventListener("click", () => { if (narrow.matches) fold(); }));
  const watch = new IntersectionObserver((seen) => seen.filter((entry) => entry.isIntersecting)
    .forEach(({ target }) => links.forEach((link) => link.hash === `#${target.id}`
      ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current"))),
  { rootMargin: "-30% 0px -69% 0px" });
  all("main > section").forEach((section) => watch.observe(section));

  // Sorting: ascending, descending, original. Summary rows stay in place, absent values are last.
  const collator = new Intl.Collator("en", { numeric: true });
  const number = (text) => {
    const plain = text.replace(/\u2212/g, "-").replace(/,(?=\d{3})/g, "");
    const found = plain.match(/^([<>]?)\s*([+-]?\d*\.?\d+)/);
    return found ? Number(found[2]) + { "<": -1e-9, ">": 1e-9, "": 0 }[found[1]] : NaN;
  };
  const absent = (text) => text === "" || text === "\u2013";
  const sorted = (rows, column, textColumn, sign) => {
    const keyed = rows.map((row) => [row, row.cells[column].textContent.trim()]);
    const missing = keyed.filter(([, text]) => absent(text));
    const present = keyed.filter(([, text]) => !absent(text));
    const isText = textColumn || present.some(([, text]) => isNaN(number(text)));
    const compare = isText ? collator.compare : (x, y) => number(x) - number(y);
    present.sort(([, x], [, y]) => sign * compare(x, y));
    return [...present, ...missing].map(([row]) => row);
  };
  const next = { none: "ascending", ascending: "descending", descending: "none" };
  const sort = (table, body, original, head) => {
    const order = next[head.getAttribute("aria-sort") || "none"];
    all("thead th", table).forEach((th) => th.removeAttribute("aria-sort"));
    if (order !== "none") head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const rows = order === "none" ? original
      : sorted(original, head.cellIndex, head.classList.contains("w"), sign);
    body.append(...rows);
  };
  const makeSortable = (table) => {
    const body = table.querySelector("tbody:not(.foot)");
    const rows = body ? Array.from(body.rows) : [];
    const grouped = rows.some((row) => row.cells[0].textContent === "");  // name in a row above
    if (rows.length < 2 || grouped) return;
    all("thead th", table).filter((th) => th.textContent).forEach((th) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...th.childNodes);
      button.addEventListener("click", () => sort(table, body, rows, th));
      th.append(button);
    });
  };
  all("table").forEach(makeSortable);

  // Filter of long tables: rows that contain every word of the query.
  const makeFilter = (box) => {
    const rows = Array.from(box.querySelector("tbody:not(.foot)").rows);
    const line = document.createElement("label");
    const field = document.createElement("input");
    const shown = document.createElement("output");
    line.className = "filter";
    field.type = "search";
    line.append("Filter rows", field, shown);
    const filter = () => {
      const words = field.value.toLowerCase().split(/\s+/);
      const matches = (row) => words.every((word) => row.textContent.toLowerCase().includes(word));
      rows.forEach((row) => { row.hidden = !matches(row); });
      shown.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
    };
    field.addEventListener("input", filter);
    filter();
    box.querySelector(".scroll").before(line);
  };
  all(".table.long").forEach(makeFilter);

  // Embedded files, decompressed on download.
  const unpack = (name) => {
    const packed = atob(document.getElementById(`file-${name}`).textContent);
    const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).blob();
  };
  const download = async ({ currentTarget: { dataset } }) => {
    const { file, type } = dataset;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([await unpack(file)], { type }));
    link.download = file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    announce(`${file} saved`);
  };
  const latexOf = async (name) => {
    const blocks = (await (await unpack("tables.tex")).text()).split("\n\n");
    return blocks.find((block) => block.includes(`\\label{tab:${name}}`)).trimEnd() + "\n";
  };
  const showText = (button, text) => {  // if the clipboard is not available
    const shown = document.createElement("pre");
    shown.tabIndex = 0;
    shown.textContent = text;
    button.closest(".table").append(shown);
    button.hidden = true;
    getSelection().selectAllChildren(shown);
    announce("LaTeX shown and selected");
  };
  const copy = async ({ currentTarget: button }) => {
    const text = await latexOf(button.dataset.latex);
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      showText(button, text);
      return;
    }
    button.textContent = "Copied";
    announce("LaTeX copied");
    setTimeout(() => { button.textContent = "Copy LaTeX"; }, 2000);
  };
  all("[data-file]").forEach((button) => button.addEventListener("click", download));
  all("[data-latex]").forEach((button) => button.addEventListener("click", copy));
  all(".tool").forEach((button) => { button.hidden = false; });
})();
