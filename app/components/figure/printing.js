// Printing: the drawing as a file, SVG or PNG of 300 dots an inch.

async function svgBlob(chart, data) {
  const svg = await drawFigure(chart, data);
  return new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });
}

async function pngBlob(chart, data) {
  const address = URL.createObjectURL(await svgBlob(chart, data));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight].map((side) => Math.round(DENSITY * side));
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await withDensity(await new Promise((resolve) => canvas.toBlob(resolve, "image/png")));
  } finally {
    URL.revokeObjectURL(address);
  }
}

// Says how large the picture is on paper: a chunk pHYs after the first, which is always 33 bytes long in all.
async function withDensity(png) {
  const chunk = new DataView(new ArrayBuffer(21));
  const perMetre = Math.round(PRINT_DPI / 0.0254);
  chunk.setUint32(0, 9);
  [..."pHYs"].forEach((letter, index) => chunk.setUint8(4 + index, letter.charCodeAt(0)));
  chunk.setUint32(8, perMetre);
  chunk.setUint32(12, perMetre);
  chunk.setUint8(16, 1); // the unit: metres
  chunk.setUint32(17, crc32(new Uint8Array(chunk.buffer, 4, 13)));
  return new Blob([png.slice(0, 33), chunk, png.slice(33)], { type: png.type });
}

function crc32(bytes) {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
  }
  return (rest ^ 0xffffffff) >>> 0;
}
