// Shapes: the same calls trace a path for the canvas (Path2D) and for a file (SvgPath).

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
  const wing = Math.min(head, 0.5 * tip);
  const [neckX, neckY] = [x + (tip - wing) * dx, y + (tip - wing) * dy];
  const half = 0.36 * wing;
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
