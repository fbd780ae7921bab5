// Panes: building their elements and filling them with what Python sends.

function createViewer(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const viewer = {
    root, panes: [], pointers: new Map(), cursor: null,
    grid: find("panes"), out: find("out"), in: find("in"), percent: find("percent"), live: find("live"),
    opacity: root.querySelector(".opacity input"), value: find("value"), status: find("status"),
  };
  viewer.observer = new ResizeObserver(() => render(viewer));
  viewer.in.onclick = () => act(viewer, () => zoomAbout(viewer, halves(viewer.room), STEP));
  viewer.out.onclick = () => act(viewer, () => zoomAbout(viewer, halves(viewer.room), 1 / STEP));
  find("reset").onclick = () => act(viewer, () => reset(viewer));
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
  listen(viewer, frame);
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
  const groups = data.mode === "slider" ? [data.layers.slice(0, 2)] : data.layers.map((layer) => [layer]);
  viewer.size = data.size;
  viewer.paneWidth = data.paneWidth;
  viewer.legend = data.legend.map((entry) => ({ ...entry, rgb: channels(entry.colour) }));
  if (viewer.mode !== data.mode) keepPanes(viewer, 0);
  viewer.mode = data.mode;
  keepPanes(viewer, groups.length);
  groups.forEach((layers, index) => {
    viewer.panes[index] ??= createPane(viewer, layers.length);
    fillPane(viewer.panes[index], layers, data.photo);
  });
  setVariables(viewer, {
    width: `${data.size[0]}px`,
    height: `${data.size[1]}px`,
    // Very long or tall pictures get bands beside them, not a frame too thin to point at.
    shape: clamp(data.size[0] / data.size[1], 0.4, 4),
  });
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
    if (slot.layer.src === layer.picture) return;
    slot.layer.src = layer.picture;
    slot.pixels = null;
  });
}

function channels(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}
