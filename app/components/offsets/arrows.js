// Arrows: decoding what Python sends, choosing those that are in sight, and their shapes. No drawing here.

const HALO_DARK = "rgba(0, 0, 0, 0.78)";
const HALO_LIGHT = "rgba(255, 255, 255, 0.88)";

function takeField(viewer, data) {
  const sent = [data.start, data.end, data.values, data.colours];
  viewer.size = data.size;
  if (viewer.sent?.every((text, index) => text === sent[index])) {
    Object.assign(viewer.field, { step: data.step, factor: data.exaggeration });
    return;
  }
  viewer.sent = sent;
  const [start, end] = [data.start, data.end].map((text) => new Float32Array(bytes(text).buffer));
  viewer.field = {
    start, end,
    values: bytes(data.values), colours: colourTable(bytes(data.colours)),
    scale: data.pointsPerCell, columns: data.size[0] * data.pointsPerCell, rows: data.size[1] * data.pointsPerCell,
    reach: start.reduce((most, from, index) => Math.max(most, Math.abs(end[index] - from)), 0),
    step: data.step, factor: data.exaggeration,
  };
}

function bytes(base64) {
  const text = atob(base64);
  const result = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) result[index] = text.charCodeAt(index);
  return result;
}

// Dark arrows get a light halo and light ones a dark halo: one of the two stands out on any background.
function colourTable(channels) {
  return Array.from({ length: 256 }, (_, index) => {
    const rgb = channels.subarray(3 * index, 3 * index + 3);
    const [red, green, blue] = [...rgb].map((channel) => (channel / 255) ** 2.2);
    const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.14;
    return { core: `rgb(${rgb.join(", ")})`, halo: light ? HALO_DARK : HALO_LIGHT };
  });
}

// The arrows in sight by colour, as lists of x, y, x, y in CSS pixels of the frame, and how to draw them.
function visibleArrows(viewer) {
  const look = lookOf(viewer);
  const bins = new Map();
  let count = 0;
  const { start, values, columns } = viewer.field;
  const { left, scale } = viewer.spot;
  const across = pointsInSight(viewer, look.step, left, viewer.room.width, columns);
  for (const row of pointsInSight(viewer, look.step, viewer.spot.top, viewer.room.height, viewer.field.rows)) {
    for (const column of across) {
      const point = row * columns + column;
      const from = [left + start[2 * point] * scale, viewer.spot.top + start[2 * point + 1] * scale];
      const to = tipOf(viewer, point, from);
      if (outside(from[0], to[0], viewer.room.width) || outside(from[1], to[1], viewer.room.height)) continue;
      if (!bins.has(values[point])) bins.set(values[point], []);
      bins.get(values[point]).push(from[0], from[1], to[0], to[1]);
      count++;
    }
  }
  return { look, bins, count };
}

function tipOf({ field: { start, end, factor }, spot }, point, [x, y]) {
  const stretch = factor * spot.scale;
  const dx = end[2 * point] - start[2 * point];
  const dy = end[2 * point + 1] - start[2 * point + 1];
  return [x + dx * stretch, y + dy * stretch];
}

function outside(one, other, length) {
  return Math.max(one, other) < 0 || Math.min(one, other) > length;
}

// Rows or columns of the lattice whose arrows can be seen, every `step`-th.
function pointsInSight({ field, spot }, step, offset, length, count) {
  const margin = field.reach * field.factor;
  const first = Math.max(0, Math.floor(-offset / spot.scale - margin) * field.scale);
  const last = Math.min(count - 1, Math.ceil((length - offset) / spot.scale + margin) * field.scale);
  const middle = Math.floor(step / 2);
  const indices = [];
  for (let each = Math.ceil((first - middle) / step) * step + middle; each <= last; each += step) {
    if (each >= 0) indices.push(each);
  }
  return indices;
}

// Steps shrink with each doubling of the zoom: the arrows stay as dense, and few of them come and go at once.
function lookOf({ field, spot, room }) {
  const pitch = spot.scale / field.scale;
  const cells = Math.max(room.width, room.height) / spot.scale;
  const detail = pitch >= DETAIL_SPACING_PX || cells <= DETAIL_CELLS;
  const octave = Math.floor(Math.log2(spot.zoom) + 1e-6);
  const step = detail ? 1 : Math.max(1, Math.round(field.step / 2 ** octave));
  const core = clamp(0.07 * pitch * step, 1.2, 2.4);
  return { detail, step, core, head: 6 * core, halo: core + clamp(core, 1.6, 2.4), dot: detail ? 0.6 * core : 0 };
}

function meanOffset({ field }, [column, row]) {
  const { start, end, scale, columns } = field;
  const mean = [0, 0];
  for (let y = row * scale; y < (row + 1) * scale; y++) {
    for (let x = column * scale; x < (column + 1) * scale; x++) {
      for (const axis of [0, 1]) {
        const index = 2 * (y * columns + x) + axis;
        mean[axis] += (end[index] - start[index]) / scale ** 2;
      }
    }
  }
  return mean;
}

// Shapes of arrows and grid: the same calls trace a path for the canvas (Path2D) and for a file (SvgPath).

const GRID_LINES = [[-0.5, "rgba(0, 0, 0, 0.4)"], [0.5, "rgba(255, 255, 255, 0.5)"]]; // place and colour

class SvgPath {
  text = "";

  moveTo(x, y) {
    this.text += `M${x.toFixed(2)} ${y.toFixed(2)}`;
  }

  lineTo(x, y) {
    this.text += `L${x.toFixed(2)} ${y.toFixed(2)}`;
  }

  closePath() {
    this.text += "Z";
  }

  // A whole circle, from its rightmost point.
  arc(_x, _y, radius) {
    const [size, way] = [radius.toFixed(2), (2 * radius).toFixed(2)];
    this.text += `a${size} ${size} 0 0 1 -${way} 0a${size} ${size} 0 0 1 ${way} 0`;
  }
}

function tracePath(path, ends, look) {
  for (let index = 0; index < ends.length; index += 4) traceArrow(path, ends.slice(index, index + 4), look);
  return path;
}

// All closed parts turn the same way, or they would cut holes into each other where they overlap.
function traceArrow(path, [x, y, endX, endY], { core, head, dot }) {
  const length = Math.hypot(endX - x, endY - y);
  if (dot) {
    path.moveTo(x + dot, y);
    path.arc(x, y, dot, 0, 2 * Math.PI);
  }
  path.moveTo(x, y);
  if (length < core) return path.lineTo(x + 0.01, y); // too short for a direction: a point
  const [dx, dy] = [(endX - x) / length, (endY - y) / length];
  const tip = length - core / 2; // the round edge of the stroke then ends where the arrow ends
  const wing = Math.min(head, 0.6 * tip);
  const [neckX, neckY] = [x + (tip - wing) * dx, y + (tip - wing) * dy];
  const half = 0.42 * wing;
  path.lineTo(neckX, neckY);
  path.moveTo(x + tip * dx, y + tip * dy);
  path.lineTo(neckX - half * dy, neckY + half * dx);
  path.lineTo(neckX + half * dy, neckY - half * dx);
  path.closePath();
}

// One pixel wide, `aside` of the cells' borders by so many pixels.
function traceGrid(path, { spot, size, room }, aside) {
  const [right, bottom] = [spot.left + size[0] * spot.scale, spot.top + size[1] * spot.scale];
  for (const x of borders(spot.left, spot.scale, size[0], room.width, aside)) {
    path.moveTo(x, Math.max(0, spot.top));
    path.lineTo(x, Math.min(room.height, bottom));
  }
  for (const y of borders(spot.top, spot.scale, size[1], room.height, aside)) {
    path.moveTo(Math.max(0, spot.left), y);
    path.lineTo(Math.min(room.width, right), y);
  }
  return path;
}

function borders(offset, scale, count, length, aside) {
  const places = Array.from({ length: count + 1 }, (_, index) => Math.round(offset + index * scale) + aside);
  return places.filter((place) => place >= 0 && place <= length);
}
