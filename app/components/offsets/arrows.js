// Arrows: decoding what Python sends, and choosing those that are in sight. No drawing here.

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
  return { detail, step, core, head: 4.5 * core, halo: core + clamp(core, 1.6, 2.4), dot: detail ? 0.6 * core : 0 };
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
