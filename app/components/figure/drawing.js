// Drawing: the chart's layers, copied into one SVG that needs neither this page's styles nor its files.

const SVG = "http://www.w3.org/2000/svg";
const XLINK = "http://www.w3.org/1999/xlink"; // older drawing programs know no other address of a picture
const PRINT_DPI = 300;
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

function node(name, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
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
