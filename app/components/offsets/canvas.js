// The offset canvas: a low-res map under arrows from initial to sampling positions.
//
// Words used here. The *map* has `size` cells; cell (0, 0) covers [0, 1] × [0, 1]. The *field* is the lattice of
// output points with one arrow each. The *view* (centre as share of the map, zoom) is what the user moves; the
// *spot* is what the present window makes of it: clamped, and in CSS pixels of the frame.

const MOST_DEVICE_PX = 256; // no cell is shown larger than this
const DETAIL_CELLS = 12; // a window of so many cells shows every arrow, with its start and the cells' borders
const DETAIL_SPACING_PX = 13; // and so does a larger one that has this much room from point to point
const STEP = 1.5; // zoom of one press of a button or key
const GLIDE_MS = 180;
const ANNOUNCE_MS = 400;
const CTRL = navigator.platform.startsWith("Mac") ? "\u2318" : "Ctrl";
const HINT = matchMedia("(hover: none)").matches
  ? "Tap a cell. Pinch to zoom, drag to move, double-tap to reset"
  : `Click a cell. ${CTRL} + scroll or pinch to zoom, drag to move, double-click to reset`;

const viewers = new WeakMap(); // root element -> viewer
const memories = new Map(); // key -> {place, view, asked, cell}: these outlive a remount of the elements

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".offsets");
  if (!viewers.has(root)) viewers.set(root, createViewer(root));
  const viewer = viewers.get(root);
  viewer.tell = (cell) => setStateValue("choice", { cell, answers: data.revision });
  viewer.leaving = new AbortController();
  takeField(viewer, data);
  takeBackground(viewer, data.background);
  takeWords(viewer, data);
  viewer.memory = recall(data);
  viewer.observer.observe(viewer.frame);
  watchDensity(viewer);
  refresh(viewer);
  if (viewer.memory.fresh && viewer.memory.cell) reveal(viewer, viewer.memory.cell);
  viewer.memory.fresh = false;
  return () => leave(viewer);
}

function createViewer(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const names = ["frame", "out", "in", "percent", "status", "live", "note", "hovered", "chosen", "cursor"];
  const viewer = { root, pointers: new Map(), at: null, walk: null, goal: null, image: null };
  for (const name of names) viewer[name] = find(name);
  viewer.canvas = root.querySelector("canvas");
  viewer.observer = new ResizeObserver(() => refresh(viewer));
  viewer.in.onclick = () => zoomAbout(viewer, halves(viewer.room), STEP, true);
  viewer.out.onclick = () => zoomAbout(viewer, halves(viewer.room), 1 / STEP, true);
  find("reset").onclick = () => reset(viewer);
  find("png").onclick = () => savePng(viewer);
  find("vector").onclick = () => saveSvg(viewer);
  listen(viewer);
  return viewer;
}

function leave(viewer) {
  viewer.observer.disconnect();
  viewer.leaving.abort();
  clearTimeout(viewer.announcing);
  cancelAnimationFrame(viewer.drawing);
  viewer.drawing = 0;
}

// Data is sent again for many reasons (theme, other arrows). Only another map or another wish of Python's moves
// the user's view, and only a new revision the choice.
function recall({ key, size, across, cell, revision }) {
  const memory = memories.get(key) ?? {};
  const [place, asked] = [JSON.stringify([size, across]), JSON.stringify([size, cell, revision])];
  if (memory.asked !== asked) Object.assign(memory, { asked, cell, fresh: true });
  if (memory.place !== place) Object.assign(memory, { place, view: windowOf(size, across, cell) });
  memories.set(key, memory);
  return memory;
}

function windowOf([width, height], across, cell) {
  if (!across) return { x: 0.5, y: 0.5, zoom: 1 };
  const [column, row] = cell ?? [(width - 1) / 2, (height - 1) / 2];
  const zoom = Math.max(1, Math.max(width, height) / across);
  return { x: (column + 0.5) / width, y: (row + 0.5) / height, zoom };
}

function takeBackground(viewer, source) {
  if (viewer.source === source) return;
  viewer.source = source;
  const image = new Image();
  image.onload = () => {
    if (viewer.source !== source) return; // overtaken
    viewer.image = image;
    redraw(viewer);
  };
  image.src = source;
}

function takeWords(viewer, { label, key, scale, size, accent }) {
  const { root, frame, field } = viewer;
  Object.assign(viewer, { label, key, scale });
  root.setAttribute("aria-label", label);
  frame.setAttribute("aria-label", label);
  for (const name of ["name", "low", "high"]) root.querySelector(`.scale .${name}`).textContent = scale[name];
  root.style.setProperty("--ramp", `linear-gradient(to right, ${field.colours.map((each) => each.core).join()})`);
  root.style.setProperty("--chosen", accent);
  // Very long or tall maps get bands beside them, not a frame too thin to point at.
  root.style.setProperty("--shape", clamp(size[0] / size[1], 0.4, 4));
}

// A window that moves to a screen of another density is drawn anew.
function watchDensity(viewer) {
  const again = () => {
    refresh(viewer);
    watchDensity(viewer);
  };
  const { signal } = viewer.leaving;
  matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", again, { once: true, signal });
}
