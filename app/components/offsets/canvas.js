// The offset canvas: a low-res map under arrows from initial to sampling positions.
//
// Words used here, besides those of shared.js. The picture is a *map* of `size` cells; cell (0, 0) covers
// [0, 1] × [0, 1]. The *field* is the lattice of output points with one arrow each. The value that Python sets and is
// told is the chosen cell.

const MOST_DEVICE_PX = 256; // no cell is shown larger than this
const DETAIL_CELLS = 12; // a window of so many cells shows every arrow, with its start and the cells' borders
const DETAIL_SPACING_PX = 13; // and so does a larger one that has this much room from point to point
const GLIDE_MS = 180;
const CTRL = navigator.platform.startsWith("Mac") ? "\u2318" : "Ctrl";
const HINT = matchMedia("(hover: none)").matches
  ? "Tap a cell. Pinch to zoom, drag to move, double-tap to reset"
  : `Click a cell. ${CTRL} + scroll or pinch to zoom, drag to move, double-click to reset`;

export default function ({ data, parentElement, setStateValue }) {
  const viewer = viewerOf(parentElement.querySelector(".offsets"), createViewer);
  viewer.leaving = new AbortController();
  takeField(viewer, data);
  takeBackground(viewer, data.background);
  takeWords(viewer, data);
  viewer.memory = recall(data, setStateValue);
  takePlace(viewer.memory, data);
  viewer.observer.observe(viewer.frame);
  watchDensity(viewer);
  refresh(viewer);
  if (viewer.memory.fresh && viewer.memory.value) reveal(viewer, viewer.memory.value);
  viewer.memory.fresh = false;
  return () => leave(viewer);
}

function createViewer(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const viewer = { root, pointers: new Map(), at: null, walk: null, goal: null, image: null };
  for (const name of ["frame", "note", "hovered", "chosen", "cursor"]) viewer[name] = find(name);
  viewer.canvas = root.querySelector("canvas");
  viewer.show = (change, glide) => show(viewer, change, glide);
  viewer.observer = new ResizeObserver(() => refresh(viewer));
  createToolbar(viewer, (factor) => zoomAbout(viewer, halves(viewer.room), factor, true), () => reset(viewer));
  find("png").onclick = () => savePng(viewer);
  find("vector").onclick = () => saveSvg(viewer);
  listen(viewer, viewer.frame, createHands(viewer));
  return viewer;
}

function leave(viewer) {
  viewer.observer.disconnect();
  viewer.leaving.abort();
  clearTimeout(viewer.announcing);
  cancelAnimationFrame(viewer.drawing);
  viewer.drawing = 0;
}

// Only another map or another width of the window that Python asks for moves the user's view.
function takePlace(memory, { size, across }) {
  const place = JSON.stringify([size, across]);
  if (memory.place !== place) Object.assign(memory, { place, view: windowOf(size, across, memory.value) });
}

function windowOf([width, height], across, cell) {
  if (!across) return { ...WHOLE };
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
  const colours = field.colours.map((each) => each.core);
  setVariables(viewer, { ramp: `linear-gradient(to right, ${colours.join()})`, chosen: accent, shape: shapeOf(size) });
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
