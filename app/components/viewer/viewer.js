// The picture viewer: several panes, or one pane with a before/after bar, that share one view. The photograph may
// have a pane of its own before them, and another layer one after them.
//
// Words used here, besides those of shared.js. A *pane* shows one layer (two with the bar) over the photograph, inside
// its *frame*. The pictures lie on a *stage* measured in picture pixels; one CSS transform places all stages alike. The
// *view* has opacity and split as well; it is what Python sets and is told.

const MOST_DEVICE_PX = 64; // no picture pixel is shown larger than this
const OUTLINE_FROM_PX = 14; // from here on a pixel is marked by its outline, below by a cross
const BAR_REACH_PX = 20; // a press this near the bar takes the bar
const GAP_PX = 20; // between panes, as in the style sheet
const MOST_NAMES = 40; // a scale has hundreds of shades, whose names no one could read
const KEY_PAN = 0.1; // part of the frame that an arrow key moves
const SETTLE_MS = 200;
const HINT = "Scroll or pinch to zoom, drag to move, double-click to reset";

export default function ({ data, parentElement, setStateValue }) {
  const viewer = viewerOf(parentElement.querySelector(".viewer"), createViewer);
  viewer.memory = recall(data, setStateValue);
  takePictures(viewer, data);
  viewer.observer.observe(viewer.grid);
  render(viewer);
  return () => {
    viewer.observer.disconnect();
    clearTimeout(viewer.settling);
    clearTimeout(viewer.announcing);
  };
}

function createViewer(root) {
  const find = (selector) => root.querySelector(selector);
  const viewer = {
    root, panes: [], pointers: new Map(), cursor: null,
    grid: find(".panes"), opacity: find(".opacity input"), value: find(".value"),
  };
  viewer.show = (change, glide) => show(viewer, change, glide);
  viewer.hands = createHands(viewer);
  viewer.observer = new ResizeObserver(() => render(viewer));
  createToolbar(viewer, viewer.hands.zoom, viewer.hands.reset);
  root.querySelector(".reset").after(root.querySelector(".screen"));
  createScreen(viewer);
  viewer.opacity.oninput = () => show(viewer, { opacity: Number(viewer.opacity.value) });
  viewer.opacity.onchange = () => settle(viewer);
  return viewer;
}

function copyOf(viewer, name) {
  return viewer.root.querySelector(`.${name}-template`).content.firstElementChild.cloneNode(true);
}

function createPane(viewer, count) {
  const figure = copyOf(viewer, "pane");
  const frame = figure.querySelector(".frame");
  const slots = Array.from({ length: count }, () => createSlot(viewer, figure, frame));
  const bar = count === 2 ? createBar(viewer, frame) : null;
  listen(viewer, frame, { ...viewer.hands, press: (at) => takeBar(viewer, at, bar !== null) });
  viewer.grid.append(figure);
  return { figure, frame, slots, bar };
}

function createSlot(viewer, figure, frame) {
  const caption = copyOf(viewer, "caption");
  const clip = copyOf(viewer, "clip");
  figure.querySelector(".captions").append(caption);
  frame.insertBefore(clip, frame.querySelector(".pixel"));
  const part = (name) => caption.querySelector(`.${name}`) ?? clip.querySelector(`.${name}`);
  const slot = { caption, clip, pixels: null };
  for (const name of ["title", "note", "reading", "swatch", "name", "photo", "layer"]) slot[name] = part(name);
  slot.layer.onload = () => render(viewer);
  return slot;
}

function createBar(viewer, frame) {
  const bar = copyOf(viewer, "bar");
  const range = bar.querySelector("input");
  range.oninput = () => show(viewer, { split: Number(range.value) });
  range.onchange = () => settle(viewer);
  frame.append(bar);
  return range;
}

function takePictures(viewer, data) {
  const compared = data.mode === "slider" ? [data.layers.slice(0, 2)] : data.layers.map((layer) => [layer]);
  const [before, after] = [data.photograph, data.beside].map((layer) => (layer ? [[layer]] : []));
  const groups = [...before, ...compared, ...after];
  const kind = `${data.mode} ${before.length}`; // of which panes have a bar
  viewer.size = data.size;
  viewer.paneWidth = data.paneWidth;
  viewer.legend = data.legend.map((entry) => ({ ...entry, rgb: channels(entry.colour) }));
  drawNames(viewer, viewer.legend.length <= MOST_NAMES ? viewer.legend : []);
  viewer.mark = data.mark;
  viewer.hint = data.compact ? "" : HINT;
  for (const name of ["compact", "grey", "fixed"]) viewer.root.classList.toggle(name, data[name]);
  placeToolbar(viewer, data.compact);
  if (viewer.kind !== kind) keepPanes(viewer, 0);
  viewer.kind = kind;
  keepPanes(viewer, groups.length);
  groups.forEach((layers, index) => {
    viewer.panes[index] ??= createPane(viewer, layers.length);
    fillPane(viewer.panes[index], layers, data.photo);
  });
  const [width, height] = data.size.map((length) => `${length}px`);
  setVariables(viewer, { width, height, shape: shapeOf(data.size) });
}

// Where space is scarce the pictures come first, for the eye and for the keys.
function placeToolbar({ root, grid }, below) {
  const toolbar = root.querySelector(".toolbar");
  const first = toolbar.compareDocumentPosition(grid) & Node.DOCUMENT_POSITION_FOLLOWING;
  if (Boolean(first) !== below) return;
  if (below) grid.after(toolbar);
  else grid.before(toolbar);
}

function keepPanes(viewer, count) {
  for (const pane of viewer.panes.splice(count)) pane.figure.remove();
}

function fillPane(pane, layers, photo) {
  pane.frame.setAttribute("aria-label", layers.map((layer) => `${layer.title}. ${layer.note}`).join(" / "));
  layers.forEach((layer, index) => {
    const slot = pane.slots[index];
    slot.title.textContent = layer.title;
    slot.note.textContent = layer.note;
    slot.layer.alt = layer.alt;
    if (slot.photo.src !== photo) slot.photo.src = photo;
    slot.layer.hidden = !layer.picture;
    if ((slot.layer.getAttribute("src") ?? "") === layer.picture) return;
    if (layer.picture) slot.layer.src = layer.picture;
    else slot.layer.removeAttribute("src");
    slot.pixels = null;
  });
}

// The page has a legend of its own, which full screen hides.
function drawNames({ root }, entries) {
  root.querySelector(".names").replaceChildren(...entries.map(({ name, colour }) => {
    const item = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.className = "swatch";
    swatch.style.background = colour;
    item.append(swatch, name);
    return item;
  }));
}

function channels(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}
