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
