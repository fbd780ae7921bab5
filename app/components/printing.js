// Printing: what the figure and the offset canvas share to save a picture as a file.

const SVG = "http://www.w3.org/2000/svg";
const PRINT_DPI = 300;

function node(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function svgBlob(svg) {
  return new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });
}

// `sizeOf` makes the width and height in pixels of the loaded image.
async function pngBlob(svg, sizeOf) {
  const image = new Image();
  image.src = URL.createObjectURL(svgBlob(svg));
  try {
    await image.decode();
    const [width, height] = sizeOf(image);
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").drawImage(image, 0, 0, width, height);
    return await canvas.convertToBlob();
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
