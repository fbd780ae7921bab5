// Saving: what a chart shows, as a file for print: SVG, or PNG of 300 dots an inch. The chart is Streamlit's own; it
// stands in the same page.

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".saves");
  const block = root.getRootNode().host.closest(`.${data.block}`);
  if (!block) return; // another figure has already taken the place of this one
  for (const [kind, make] of [["svg", svgOf], ["png", pngOf]]) {
    const button = root.querySelector(`.${kind}`);
    button.ariaLabel = `${button.textContent} of “${data.name}”`;
    button.title = `Save the figure as ${button.textContent}, for print`;
    button.onclick = () => save(button, root.querySelector(".status"), () => make(chartOf(block), data), data.file);
  }
  return observeBlock(block, data);
}

function chartOf(block) {
  const chart = block.querySelector(".js-plotly-plot");
  if (!chart?.querySelector(".main-svg")) throw new Error("The chart is not drawn yet");
  return chart;
}

async function save(button, status, make, file) {
  if (button.ariaDisabled === "true") return;
  const kind = button.textContent;
  button.ariaDisabled = "true";
  status.textContent = "";
  status.classList.remove("failed");
  try {
    download(await make(), `${file}.${kind.toLowerCase()}`);
    status.textContent = `${kind} saved`;
  } catch (error) {
    status.textContent = `${kind} could not be made. Is the figure drawn?`;
    status.classList.add("failed");
    console.warn(error);
  } finally {
    button.ariaDisabled = "false";
  }
}

// The chart and Streamlit's own button may come after this component, and be drawn anew.
function observeBlock(block, data) {
  const watch = { charts: new WeakSet(), tries: 0, timer: 0 };
  const look = () => {
    nameDownload(block, data);
    watchShape(block, watch, data);
  };
  const observer = new MutationObserver(look);
  observer.observe(block, { childList: true, subtree: true });
  look();
  return () => {
    observer.disconnect();
    clearTimeout(watch.timer);
  };
}

// Streamlit's own button has no name but its label, the same under every figure.
function nameDownload(block, { name }) {
  const button = block.querySelector("[data-testid=stDownloadButton] button");
  if (button) button.ariaLabel = `${button.textContent} of “${name}”`;
}

// Measuring: where axes have one aspect ratio, Plotly writes the room that they need into the layout, and takes that
// for the room that they have when it draws the same layout anew. So a chart that was narrow for a moment, while the
// page around it moved, would stay small. Here axes get back what they had, and another width makes Streamlit draw.

const SETTLED_MS = 250;
const MOST_TRIES = 3;

function watchShape(block, watch, data) {
  const chart = block.querySelector(".js-plotly-plot");
  if (!chart?.on || watch.charts.has(chart)) return;
  watch.charts.add(chart);
  const later = () => {
    clearTimeout(watch.timer);
    watch.timer = setTimeout(() => measure(block, chart, watch, data.domains), SETTLED_MS);
  };
  chart.on("plotly_afterplot", later);
  later();
}

function measure(block, chart, watch, domains) {
  if (!chart.isConnected) return;
  if (!isShrunk(chart, domains)) return void (watch.tries = 0);
  if (watch.tries++ >= MOST_TRIES) return;
  for (const [name, domain] of Object.entries(domains)) {
    if (chart.layout[name]) chart.layout[name].domain = [...domain];
  }
  block.style.paddingInlineEnd = "2px";
  setTimeout(() => block.style.removeProperty("padding-inline-end"), SETTLED_MS);
}

// Axes of one aspect ratio: at least one of the two fills the room that it was given.
function isShrunk({ _fullLayout: layout }, domains) {
  const narrowed = (name) => {
    const [[from, to], [start, end]] = [layout[name].domain, domains[name]];
    return to - from < 0.97 * (end - start);
  };
  return Object.keys(domains).some((name) => {
    const other = layout?.[name]?.scaleanchor?.replace(/^([xy])/, "$1axis");
    return other && domains[other] && layout[other] && [name, other].every(narrowed);
  });
}

async function svgOf(chart, data) {
  return svgBlob(await drawFigure(chart, data));
}

async function pngOf(chart, data) {
  const sizeOf = (image) => [image.naturalWidth, image.naturalHeight].map((side) => Math.round(DENSITY * side));
  return withDensity(await pngBlob(await drawFigure(chart, data), sizeOf));
}

// Says how large the picture is on paper: a chunk pHYs after the first, which is always 33 bytes long in all.
async function withDensity(png) {
  const chunk = new DataView(new ArrayBuffer(21));
  const perMetre = Math.round(PRINT_DPI / 0.0254);
  chunk.setUint32(0, 9);
  [..."pHYs"].forEach((letter, index) => chunk.setUint8(4 + index, letter.charCodeAt(0)));
  chunk.setUint32(8, perMetre);
  chunk.setUint32(12, perMetre);
  chunk.setUint8(16, 1); // the unit: metres
  chunk.setUint32(17, crc32(new Uint8Array(chunk.buffer, 4, 13)));
  return new Blob([png.slice(0, 33), chunk, png.slice(33)], { type: png.type });
}

function crc32(bytes) {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
  }
  return (rest ^ 0xffffffff) >>> 0;
}
