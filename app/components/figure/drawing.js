// Drawing: the chart's layers, copied into one SVG that needs neither this page's styles nor its files.

const XLINK = "http://www.w3.org/1999/xlink"; // older drawing programs know no other address of a picture
const DENSITY = PRINT_DPI / 96; // CSS has 96 pixels in an inch
const LINKS = ["clip-path", "mask", "fill", "stroke"];
const SHAPE = ["shape-rendering"];
const TEXT = ["font-family", "font-size", "font-style", "font-weight", "fill"];
// What belongs to the pointer, not to the figure.
const TRANSIENT = ".draglayer, .hoverlayer, .zoomlayer, .selectionlayer, .menulayer, .infolayer .scrollbar";

async function drawFigure(chart, { name, alt }) {
  const layers = [...chart.querySelectorAll(".main-svg")];
  const { width, height } = layers[0].getBoundingClientRect();
  const colours = printColours(chart);
  const copies = layers.map((layer) => copyLayer(layer, colours));
  const [title, description, style] = ["title", "desc", "style"].map((kind) => node(kind));
  [title.textContent, description.textContent] = [name, alt];
  const paper = node("rect", { width, height, fill: "white" });
  const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, width, height });
  svg.setAttributeNS("http://www.w3.org/2000/xmlns/", "xmlns:xlink", XLINK);
  svg.append(title, description, style, paper, ...copies.flatMap((copy) => [...copy.childNodes]));
  style.textContent = await fontRules(svg);
  await Promise.all([...svg.querySelectorAll("image")].map(embed));
  return svg;
}

// A copy knows nothing of style sheets: what they say about the original is written into it.
function copyLayer(layer, colours) {
  const copy = layer.cloneNode(true);
  const copies = copy.querySelectorAll("*");
  layer.querySelectorAll("*").forEach((original, index) => {
    const style = getComputedStyle(original);
    const twin = copies[index];
    const names = original.matches("text, tspan") ? TEXT : original.matches("image") ? ["image-rendering"] : SHAPE;
    for (const name of names) keepStyle(twin, name, style.getPropertyValue(name));
    twin.style.removeProperty("vector-effect"); // or lines would be thinner on paper than here
    takeColours(twin, style, colours);
    for (const name of LINKS) shortenLink(twin, name);
  });
  copy.querySelectorAll(TRANSIENT).forEach((part) => part.remove());
  return copy;
}

function keepStyle(element, name, value) {
  if (value !== "auto") element.style.setProperty(name, value);
}

// Links within the chart may name the page they were made on, and quotes in styles trouble some programs.
function shortenLink(element, name) {
  const link = element.style.getPropertyValue(name) || element.getAttribute(name) || "";
  const [, id] = link.match(/^url\(["']?[^#)]*#([^)"']+)["']?\)/) ?? [];
  if (!id) return;
  element.style.removeProperty(name);
  element.setAttribute(name, `url(#${id})`);
}

// Puts the picture itself in place of its address. Not every program keeps the edges of pixels that it
// enlarges, so that is done here.
async function embed(element) {
  const image = new Image();
  image.src = element.href.baseVal;
  await image.decode();
  const pixelated = element.style.imageRendering === "pixelated";
  const factor = pixelated ? Math.ceil(Math.max(1, (DENSITY * element.width.baseVal.value) / image.naturalWidth)) : 1;
  if (factor === 1 && image.src.startsWith("data:")) return;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [factor * image.naturalWidth, factor * image.naturalHeight];
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  element.setAttributeNS(XLINK, "xlink:href", canvas.toDataURL("image/png"));
}

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

// Fonts: the app's own typefaces go into the file, for elsewhere nobody has them.

async function fontRules(svg) {
  const used = new Set([...svg.querySelectorAll("text, tspan")].map(face));
  const rules = [...document.styleSheets].flatMap(fontFaces).filter(({ style }) => used.has(face({ style })));
  const texts = await Promise.all(rules.map(embeddedRule));
  return texts.join("\n");
}

// The first family and whether it is upright; the typefaces have all weights in one file.
function face({ style }) {
  const [family] = style.getPropertyValue("font-family").split(",");
  const slant = style.getPropertyValue("font-style") || "normal";
  return `${family.trim().replace(/^["']|["']$/g, "")} ${slant}`;
}

function fontFaces(sheet) {
  try {
    return [...sheet.cssRules].filter((rule) => rule instanceof CSSFontFaceRule);
  } catch {
    return []; // a sheet of another site does not show its rules
  }
}

async function embeddedRule({ style, parentStyleSheet }) {
  const [, address] = style.getPropertyValue("src").match(/url\(["']?([^"')]+)["']?\)/);
  const answer = await fetch(new URL(address, parentStyleSheet.href ?? document.baseURI));
  if (!answer.ok) throw new Error(`The typeface ${address} did not come: ${answer.status}`);
  const source = await dataUri(await answer.blob());
  const [family, slant, weight] = FONT_FACE.map((name) => `${name}: ${style.getPropertyValue(name)};`);
  return `@font-face { ${family} ${slant} ${weight} src: url("${source}"); }`;
}

const FONT_FACE = ["font-family", "font-style", "font-weight"];

function dataUri(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
