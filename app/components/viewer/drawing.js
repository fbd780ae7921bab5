// Drawing: from the state of a viewer to the screen and to the screen reader.

function render(viewer) {
  arrange(viewer);
  const room = viewer.panes[0]?.slots[0].clip.getBoundingClientRect();
  if (!room?.width) return; // in a closed tab there is nothing to measure
  viewer.room = room;
  viewer.spot = placePicture(viewer.memory.value, room, viewer.size, MOST_DEVICE_PX);
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
  root.style.setProperty("--rows", rows || 1);
}

function drawPictures(viewer) {
  const { spot, memory, root } = viewer;
  setVariables(viewer, {
    place: `translate(${spot.left}px, ${spot.top}px) scale(${spot.scale})`,
    overlay: memory.value.opacity,
    split: memory.value.split,
  });
  drawMark(viewer);
  root.classList.toggle("exact", spot.scale * devicePixelRatio >= 1);
}

function drawMark({ root, spot, mark }) {
  root.classList.toggle("marked", Boolean(mark));
  if (!mark) return;
  const [left, top, width, height] = mark.map((length) => length * spot.scale);
  const place = { "mark-x": spot.left + left, "mark-y": spot.top + top, "mark-width": width, "mark-height": height };
  for (const [name, length] of Object.entries(place)) root.style.setProperty(`--${name}`, `${length}px`);
}

function drawToolbar(viewer) {
  const { spot, memory } = viewer;
  const { opacity } = memory.value;
  drawZoom(viewer);
  viewer.percent.title = `One picture pixel covers ${(spot.scale * devicePixelRatio).toPrecision(2)} screen pixels`;
  viewer.opacity.value = opacity;
  viewer.opacity.setAttribute("aria-valuetext", percent(opacity));
  viewer.value.textContent = percent(opacity);
}

function drawCursor(viewer) {
  const { spot, root, cursor } = viewer;
  const pixel = cursor && pixelAt(viewer, cursor);
  root.classList.toggle("pointing", pixel !== null);
  root.classList.toggle("outlined", spot.scale >= OUTLINE_FROM_PX);
  viewer.status.textContent = pixel ? `Pixel ${pixel[0]}, ${pixel[1]}` : viewer.hint;
  if (pixel) {
    setVariables(viewer, {
      "cross-x": `${cursor.x}px`, "cross-y": `${cursor.y}px`, "pixel": `${spot.scale}px`,
      "pixel-x": `${spot.left + pixel[0] * spot.scale}px`, "pixel-y": `${spot.top + pixel[1] * spot.scale}px`,
    });
  }
  const slots = viewer.panes.flatMap((pane) => pane.slots);
  const names = slots.map((slot) => drawReading(viewer, slot, pixel));
  const reading = pixel ? `${viewer.status.textContent}: ${names.filter(Boolean).join("; ")}` : "";
  announce(viewer, () => `Zoom ${viewer.percent.textContent}. ${reading}`);
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
  const [red, green, blue, alpha] = slot.pixels.getImageData(...pixel, 1, 1).data;
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
  const pane = panes.find(({ bar }) => bar);
  if (!pane) return;
  const range = pane.bar;
  const [before, after] = pane.slots.map((slot) => slot.title.textContent);
  const { split } = memory.value;
  range.value = split;
  range.setAttribute("aria-valuetext", `${percent(split)} ${before}, ${percent(1 - split)} ${after}`);
}
