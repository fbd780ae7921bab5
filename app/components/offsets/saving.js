// Saving: what the canvas shows as a file for print, with the colour scale below.

const PRINT_MM = 180; // the text width of a page
const PRINT_PX = Math.round((PRINT_MM / 25.4) * PRINT_DPI);
const LEGEND_PX = 44;

function saveSvg(viewer) {
  if (viewer.spot) download(svgBlob(printed(viewer)), `${viewer.key}.svg`);
}

async function savePng(viewer) {
  if (!viewer.spot) return;
  const { room } = viewer;
  const size = [PRINT_PX, Math.round((PRINT_PX * (room.height + LEGEND_PX)) / room.width)];
  download(await pngBlob(printed(viewer), () => size), `${viewer.key}.png`);
}

function printed(viewer) {
  const { room, label } = viewer;
  const height = room.height + LEGEND_PX;
  const svg = node("svg", {
    viewBox: `0 0 ${room.width} ${height}`, width: `${PRINT_MM}mm`, height: `${(PRINT_MM * height) / room.width}mm`,
  });
  const title = node("title");
  title.textContent = label;
  const paper = node("rect", { width: room.width, height, fill: "white" });
  svg.append(title, paper, mapNode(viewer), legendNode(viewer));
  return svg;
}

function words(text, attributes) {
  const element = node("text", { "font-family": "sans-serif", "font-size": 12, ...attributes });
  element.textContent = text;
  return element;
}

// A nested svg cuts off what lies outside the frame.
function mapNode(viewer) {
  const { room, field, memory } = viewer;
  const { look, bins } = visibleArrows(viewer);
  const map = node("svg", { width: room.width, height: room.height, overflow: "hidden" }, imageNode(viewer));
  if (look.detail) map.append(gridNode(viewer));
  const halos = node("g", { class: "halos", fill: "none", "stroke-width": look.halo, ...ROUND });
  const arrows = node("g", { class: "arrows", "stroke-width": look.core, ...ROUND });
  for (const [value, ends] of bins) {
    const { core, halo } = field.colours[value];
    halos.append(node("path", { d: tracePath(new SvgPath(), ends, look).text, ...paint("stroke", halo) }));
    arrows.append(node("g", { stroke: core, fill: core }, ...arrowNodes(ends, look)));
  }
  map.append(halos, arrows);
  if (memory.value) map.append(chosenNode(viewer));
  const note = noteFor(field, look);
  if (note) map.append(...noteNodes(note, room));
  return map;
}

const ROUND = { "stroke-linecap": "round", "stroke-linejoin": "round" };

// Many programs do not know rgba() in an attribute.
function paint(name, colour) {
  const [red, green, blue, alpha] = colour.match(/[\d.]+/g);
  return { [name]: `rgb(${red}, ${green}, ${blue})`, [`${name}-opacity`]: alpha };
}

function arrowNodes(ends, look) {
  return Array.from({ length: ends.length / 4 }, (_, index) => {
    const path = tracePath(new SvgPath(), ends.slice(4 * index, 4 * index + 4), look);
    return node("path", { class: "arrow", d: path.text });
  });
}

// Enlarged here, because not every program keeps the edges of the pixels that it enlarges.
function imageNode(viewer) {
  const { room } = viewer;
  const canvas = document.createElement("canvas");
  const density = PRINT_PX / room.width;
  [canvas.width, canvas.height] = [PRINT_PX, Math.round(room.height * density)];
  const context = canvas.getContext("2d");
  context.scale(density, canvas.height / room.height);
  paintBackground(context, viewer, density);
  const href = canvas.toDataURL("image/png");
  return node("image", { width: room.width, height: room.height, preserveAspectRatio: "none", href });
}

function gridNode(viewer) {
  const lines = GRID_LINES.map(([aside, colour]) =>
    node("path", { d: traceGrid(new SvgPath(), viewer, aside).text, fill: "none", ...paint("stroke", colour) }));
  return node("g", { class: "grid" }, ...lines);
}

function chosenNode({ spot, memory, root }) {
  const [x, y] = [spot.left + memory.value[0] * spot.scale, spot.top + memory.value[1] * spot.scale];
  const colour = getComputedStyle(root).getPropertyValue("--chosen");
  const box = { x, y, width: spot.scale, height: spot.scale, fill: "none" };
  const lines = [[6, "black"], [3, colour]];
  return node("g", { class: "chosen" }, ...lines.map(([width, stroke]) =>
    node("rect", { ...box, stroke, "stroke-width": width })));
}

function widthOf(text) {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.font = "12px sans-serif";
  return context.measureText(text).width;
}

function noteNodes(note, room) {
  const box = { x: 8, y: room.height - 32, width: widthOf(note) + 16, height: 24, rx: 4, "fill-opacity": 0.72 };
  return [node("rect", box), words(note, { x: 16, y: room.height - 16, fill: "white" })];
}

function legendNode({ room, field, scale }) {
  const stops = Array.from({ length: 18 }, (_, index) => {
    const { core } = field.colours[15 * index];
    return node("stop", { offset: index / 17, "stop-color": core });
  });
  const [x, top, width] = [widthOf(scale.low) + 10, room.height + 26, Math.min(260, 0.6 * room.width)];
  return node("g", { class: "legend" },
    node("linearGradient", { id: "ramp" }, ...stops),
    node("rect", { x, y: top, width, height: 12, fill: "url(#ramp)" }),
    words(scale.name, { x: 1, y: room.height + 18 }),
    words(scale.low, { x: 1, y: top + 10 }), words(scale.high, { x: x + width + 8, y: top + 10 }));
}
