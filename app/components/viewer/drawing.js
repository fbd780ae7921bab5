// Drawing: from the state of a viewer to the screen and to the screen reader.

function render(viewer) {
  arrange(viewer);
  const room = viewer.panes[0]?.slots[0].clip.getBoundingClientRect();
  if (!room?.width) return; // in a closed tab there is nothing to measure
  viewer.room = room;
  viewer.spot = placePicture(viewer.memory.view, room, viewer.size);
  drawPictures(viewer);
  drawToolbar(viewer);
  drawCursor(viewer);
  drawBar(viewer);
}

// As many columns as fit, but rows of equal length where one row is not enough: four panes stand
// two by two rather than three and one.
function arrange({ grid, panes, paneWidth, root }) {
  const fit = Math.max(1, Math.floor((grid.clientWidth + GAP_PX) / (paneWidth + GAP_PX)));
  const rows = Math.ceil(panes.length / fit);
  root.style.setProperty("--columns", Math.ceil(panes.length / Math.max(1, rows)) || 1);
}

function setVariables(viewer, values) {
  for (const [name, value] of Object.entries(values)) viewer.root.style.setProperty(`--${name}`, value);
}

function drawPictures(viewer) {
  const { spot, memory, root } = viewer;
  setVariables(viewer, {
    place: `translate(${spot.left}px, ${spot.top}px) scale(${spot.scale})`,
    overlay: memory.view.opacity,
    split: memory.view.split,
  });
  root.classList.toggle("exact", spot.scale * devicePixelRatio >= 1);
  root.classList.toggle("zoomed", spot.zoom > 1);
}

function drawToolbar(viewer) {
  const { spot, memory } = viewer;
  viewer.percent.textContent = percent(spot.zoom);
  viewer.percent.title = `One picture pixel covers ${(spot.scale * devicePixelRatio).toPrecision(2)} screen pixels`;
  viewer.out.setAttribute("aria-disabled", spot.zoom <= 1);
  viewer.in.setAttribute("aria-disabled", spot.zoom >= spot.most);
  viewer.opacity.value = memory.view.opacity;
  viewer.opacity.setAttribute("aria-valuetext", percent(memory.view.opacity));
  viewer.value.textContent = percent(memory.view.opacity);
}

function drawCursor(viewer) {
  const { spot, root } = viewer;
  const pixel = pixelUnder(viewer);
  root.classList.toggle("pointing", pixel !== null);
  root.classList.toggle("outlined", spot.scale >= OUTLINE_FROM_PX);
  viewer.status.textContent = pixel ? `Pixel ${pixel.x}, ${pixel.y}` : HINT;
  if (pixel) {
    setVariables(viewer, {
      "cross-x": `${viewer.cursor.x}px`, "cross-y": `${viewer.cursor.y}px`, "pixel": `${spot.scale}px`,
      "pixel-x": `${spot.left + pixel.x * spot.scale}px`, "pixel-y": `${spot.top + pixel.y * spot.scale}px`,
    });
  }
  const slots = viewer.panes.flatMap((pane) => pane.slots);
  const names = slots.map((slot) => drawReading(viewer, slot, pixel));
  announce(viewer, pixel ? `${viewer.status.textContent}: ${names.filter(Boolean).join("; ")}` : "");
}

function pixelUnder({ cursor, spot, size }) {
  if (!cursor) return null;
  const x = Math.floor((cursor.x - spot.left) / spot.scale);
  const y = Math.floor((cursor.y - spot.top) / spot.scale);
  return x >= 0 && y >= 0 && x < size[0] && y < size[1] ? { x, y } : null;
}

function drawReading(viewer, slot, pixel) {
  const found = pixel ? classesAt(viewer, slot, pixel) : [];
  slot.reading.classList.toggle("known", found.length > 0);
  if (!found.length) return "";
  slot.name.textContent = found.map((entry) => entry.name).join(" or ");
  slot.swatch.style.background = found[0].colour;
  return `${slot.title.textContent} ${slot.name.textContent}`;
}

// Browsers do not tell palette indices, so the class is found by its colour. Translucent pixels are
// stored multiplied by their alpha, which costs precision; two classes of one colour are both named.
function classesAt(viewer, slot, pixel) {
  slot.pixels ??= readPixels(slot.layer, viewer.size);
  if (!slot.pixels) return [];
  const [red, green, blue, alpha] = slot.pixels.getImageData(pixel.x, pixel.y, 1, 1).data;
  if (alpha === 0) return [];
  const slack = alpha === 255 ? 0 : Math.ceil(128 / alpha);
  const alike = (a, b) => Math.abs(a - b) <= slack;
  return viewer.legend.filter(({ rgb }) => alike(rgb[0], red) && alike(rgb[1], green) && alike(rgb[2], blue));
}

function readPixels(image, [width, height]) {
  if (!image.complete || !image.naturalWidth) return null;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context;
}

function drawBar({ panes, memory }) {
  const range = panes[0].bar;
  if (!range) return;
  const [before, after] = panes[0].slots.map((slot) => slot.title.textContent);
  const { split } = memory.view;
  range.value = split;
  range.setAttribute("aria-valuetext", `${percent(split)} ${before}, ${percent(1 - split)} ${after}`);
}

// Spoken only when things rest, or a screen reader would never finish a sentence.
function announce(viewer, reading) {
  clearTimeout(viewer.announcing);
  const text = `Zoom ${viewer.percent.textContent}. ${reading}`;
  viewer.announcing = setTimeout(() => { viewer.live.textContent = text; }, ANNOUNCE_MS);
}
