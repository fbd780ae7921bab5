// Colours: what the app's dark theme gave to text, grid and paper becomes dark on white. Data keep theirs.

const PAPER = new Set(["paper_bgcolor", "plot_bgcolor", "bgcolor"]);
const DATA = new Set(["colorway", "colorscale"]);

// The theme's colours, each with its counterpart in print; none while the theme is light.
function printColours(chart) {
  const template = chart.layout.template?.layout ?? {};
  const paper = asRgb(template.paper_bgcolor);
  const colours = { ink: new Map(), paper: undefined };
  if (!paper || lightness(paper) > 0.5) return colours;
  colours.paper = css(paper);
  for (const colour of themeColours(template)) colours.ink.set(css(colour), css(inverted(colour)));
  colours.ink.delete(colours.paper);
  return colours;
}

function* themeColours(part) {
  for (const [name, value] of Object.entries(part)) {
    if (PAPER.has(name) || DATA.has(name) || !value) continue;
    if (typeof value === "object") yield* themeColours(value);
    else if (/color$/i.test(name) && asRgb(value)) yield asRgb(value);
  }
}

function takeColours(element, style, { ink, paper }) {
  for (const name of ["fill", "stroke"]) {
    const print = ink.get(style.getPropertyValue(name));
    if (print) element.style.setProperty(name, print);
  }
  const behind = element.matches(".bg, .bglayer *, .plotbg *") && !element.closest(".annotation");
  if (behind && style.fill === paper) element.style.fill = "white";
}

function asRgb(text) {
  if (!CSS.supports("color", text)) return undefined;
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.fillStyle = text;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
  return alpha === 255 ? [red, green, blue] : undefined;
}

function css([red, green, blue]) {
  return `rgb(${red}, ${green}, ${blue})`;
}

function lightness(rgb) {
  return (Math.max(...rgb) + Math.min(...rgb)) / 510;
}

// Light for dark, with the same hue.
function inverted(rgb) {
  const shift = 255 - Math.max(...rgb) - Math.min(...rgb);
  return rgb.map((channel) => channel + shift);
}
