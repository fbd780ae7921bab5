// Drawing: from the state of a viewer to the screen and to the screen reader. The canvas is drawn only when view or
// data change; the marks of cells are elements above it, which move without.

function refresh(viewer) {
  if (!place(viewer)) return; // in a closed tab there is nothing to measure
  drawZoom(viewer);
  drawMarks(viewer);
  redraw(viewer);
}

function place(viewer) {
  const room = viewer.frame.getBoundingClientRect();
  if (!room.width) return false;
  viewer.room = room;
  viewer.spot = placePicture(viewer.memory.view, room, viewer.size, MOST_DEVICE_PX);
  return true;
}

// Python runs for many reasons, and most of them change nothing here.
function redraw(viewer) {
  if (!viewer.spot || isDrawn(viewer)) return;
  viewer.drawing ||= requestAnimationFrame(() => {
    viewer.drawing = 0;
    draw(viewer);
  });
}

function isDrawn(viewer) {
  const { field, image, spot, room, drawn } = viewer;
  const place = [spot.left, spot.top, spot.scale, room.width, room.height, devicePixelRatio];
  viewer.drawn = [field, image, field.step, field.factor, ...place];
  return drawn?.every((part, index) => part === viewer.drawn[index]);
}

function draw(viewer) {
  const began = performance.now();
  const { canvas, room, frame, spot } = viewer;
  const context = canvas.getContext("2d");
  fitCanvas(canvas, room);
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, room.width, room.height);
  paintBackground(context, viewer, devicePixelRatio);
  const { look, bins, count } = visibleArrows(viewer);
  if (look.detail) paintGrid(context, viewer);
  paintArrows(context, bins, look, viewer.field.colours);
  drawNote(viewer, look);
  Object.assign(frame.dataset, {
    arrows: count, step: look.step, zoom: spot.zoom.toFixed(4), place: [spot.scale, spot.left, spot.top].join(),
    background: viewer.image ? "drawn" : "awaited", drawMs: (performance.now() - began).toFixed(1),
  });
}

function fitCanvas(canvas, room) {
  const [width, height] = [room.width, room.height].map((length) => Math.round(length * devicePixelRatio));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

function paintBackground(context, { image, spot, size }, density) {
  if (!image) return;
  const [width, height] = [size[0] * spot.scale, size[1] * spot.scale];
  // Enlarged pixels keep their edges; a photograph that is reduced must not flicker.
  context.imageSmoothingEnabled = width * density < image.naturalWidth;
  context.imageSmoothingQuality = "high";
  context.drawImage(image, spot.left, spot.top, width, height);
}

function paintGrid(context, viewer) {
  context.lineCap = "butt";
  context.lineWidth = 1;
  for (const [aside, colour] of GRID_LINES) {
    context.strokeStyle = colour;
    context.stroke(traceGrid(new Path2D(), viewer, aside));
  }
}

function paintArrows(context, bins, look, colours) {
  const paths = [...bins].map(([value, ends]) => [tracePath(new Path2D(), ends, look), colours[value]]);
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = look.halo;
  for (const [path, { halo }] of paths) {
    context.strokeStyle = halo;
    context.stroke(path);
  }
  context.lineWidth = look.core;
  for (const [path, { core }] of paths) {
    context.strokeStyle = context.fillStyle = core;
    context.stroke(path);
    context.fill(path);
  }
}

function drawNote(viewer, look) {
  viewer.note.textContent = noteFor(viewer.field, look);
  viewer.note.hidden = !viewer.note.textContent;
}

function drawMarks(viewer) {
  const { memory, walk, frame } = viewer;
  const hovered = viewer.at && !viewer.grasped?.moved ? pixelAt(viewer, viewer.at) : null;
  markCell(viewer, viewer.hovered, hovered);
  markCell(viewer, viewer.chosen, memory.value);
  markCell(viewer, viewer.cursor, walk);
  frame.dataset.cell = memory.value?.join() ?? "";
  frame.dataset.cursor = walk?.join() ?? "";
  const told = hovered ?? walk;
  viewer.status.textContent = told ? briefly(viewer, told) : HINT;
}

function markCell({ spot }, mark, cell) {
  mark.hidden = !cell;
  if (!cell) return;
  const [left, top] = [spot.left + cell[0] * spot.scale, spot.top + cell[1] * spot.scale];
  mark.style.width = mark.style.height = `${spot.scale}px`;
  mark.style.setProperty("--line", `${clamp(0.05 * spot.scale, 2, 4)}px`);
  mark.style.transform = `translate(${left}px, ${top}px)`;
}

// Words: what the canvas says, on the screen and to screen readers.

function noteFor({ factor }, { step }) {
  const parts = [];
  if (step > 1) parts.push(`Every ${ordinal(step)} point`);
  if (factor !== 1) parts.push(`arrows ${factor}\u00a0× their true length`);
  const text = parts.join(", ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function ordinal(count) {
  const last = count % 100 > 10 && count % 100 < 14 ? 0 : count % 10;
  return `${count}${["th", "st", "nd", "rd"][last] ?? "th"}`;
}

function briefly(viewer, cell) {
  const [dx, dy] = meanOffset(viewer, cell).map(signed);
  return `Row ${cell[1]}, column ${cell[0]}: mean offset x\u00a0${dx}, y\u00a0${dy} px`;
}

function signed(value) {
  const text = Math.abs(value).toFixed(2);
  return `${Number(text) === 0 ? "" : value < 0 ? "\u2212" : "+"}${text}`;
}

function inWords(viewer, cell) {
  const offset = meanOffset(viewer, cell);
  const ways = [["left", "right"], ["up", "down"]];
  const moves = offset.flatMap((value, axis) => {
    const length = Math.abs(value).toFixed(2);
    return Number(length) === 0 ? [] : [`${length} pixels ${ways[axis][value < 0 ? 0 : 1]}`];
  });
  const chosen = String(cell) === String(viewer.memory.value) ? ", chosen" : "";
  return `Row ${cell[1]}, column ${cell[0]}${chosen}: mean offset ${moves.join(" and ") || "zero"}.`;
}
