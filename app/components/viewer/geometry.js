// Geometry: pure functions of the view, the frame's room and the picture's size.

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const percent = (share) => `${Math.round(share * 100)}\u00a0%`;
const halves = (room) => ({ x: room.width / 2, y: room.height / 2 });

function placePicture(view, room, [width, height]) {
  const fit = Math.min(room.width / width, room.height / height);
  const most = Math.max(1, MOST_DEVICE_PX / (fit * devicePixelRatio));
  const zoom = clamp(view.zoom, 1, most);
  const scale = fit * zoom;
  const x = keepInside(view.x, room.width / (2 * width * scale));
  const y = keepInside(view.y, room.height / (2 * height * scale));
  const left = snap(room.width / 2 - x * width * scale);
  const top = snap(room.height / 2 - y * height * scale);
  return { x, y, zoom, most, scale, left, top };
}

// `half` is half of the visible part; a picture smaller than the frame is centred.
function keepInside(centre, half) {
  return half >= 0.5 ? 0.5 : clamp(centre, half, 1 - half);
}

// Whole device pixels keep the borders of enlarged picture pixels sharp.
function snap(length) {
  return Math.round(length * devicePixelRatio) / devicePixelRatio;
}

// Centre and spread of the pressed pointers: one finger drags, two pinch, with the same arithmetic.
function grasp(pointers) {
  const points = [...pointers.values()];
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, points.length);
  const x = mean(points.map((point) => point.x));
  const y = mean(points.map((point) => point.y));
  return { x, y, spread: mean(points.map((point) => Math.hypot(point.x - x, point.y - y))) };
}
