// The functions return descriptions of what is wrong with the page, each element's once.

const describe = (element) => {
  const user = element.closest("[data-user]")?.dataset.user.slice(0, 12) ?? "";
  return `<${element.localName} id="${element.id}" class="${element.className}"> ${user}`;
};

const isForScreenReadersOnly = (element) => getComputedStyle(element).clipPath !== "none";

// overflowing finds elements that extend beyond the viewport, and texts that extend beyond their elements.
function overflowing() {
  const { clientWidth, scrollWidth } = document.documentElement;
  const problems = scrollWidth > clientWidth ? [`the document is ${scrollWidth} px wide, the viewport ${clientWidth} px`] : [];
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility() || isForScreenReadersOnly(element)) continue;
    const box = element.getBoundingClientRect();
    if (box.left < -0.5 || box.right > clientWidth + 0.5) problems.push(`${describe(element)} reaches from ${box.left} to ${box.right}`);
    if (element.clientWidth > 0 && element.localName !== "input" && element.scrollWidth > element.clientWidth + 1) {
      problems.push(`${describe(element)} has ${element.scrollWidth} px of content in ${element.clientWidth} px`);
    }
  }
  return problems;
}

// smallTargets finds controls of less than 24 by 24 px.
function smallTargets() {
  return [...document.querySelectorAll("button, input")]
    .filter((control) => control.checkVisibility())
    .filter((control) => Math.min(control.getBoundingClientRect().width, control.getBoundingClientRect().height) < 24)
    .map(describe);
}

const channels = (color) => color.match(/[\d.]+/g).map(Number);

function luminance(color) {
  const [r, g, b] = channels(color).map((value) => value / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function backgroundOf(element) {
  for (let e = element; e; e = e.parentElement) {
    const color = getComputedStyle(e).backgroundColor;
    if ((channels(color)[3] ?? 1) === 1) return color;
  }
  throw new Error("the page has no background");
}

// lowContrast finds texts of less than 4.5:1 and outlines of controls of less than 3:1, by WCAG 2.2.
function lowContrast() {
  const problems = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const element = text.parentElement;
    if (text.data.trim() === "" || !element.checkVisibility()) continue;
    const ratio = contrast(getComputedStyle(element).color, backgroundOf(element));
    if (ratio < 4.5) problems.push(`${describe(element)} ${ratio.toFixed(2)}:1`);
  }
  for (const control of document.querySelectorAll("button:not([aria-disabled]), input")) {
    if (!control.checkVisibility()) continue;
    const outside = backgroundOf(control.parentElement);
    const ratio = Math.max(contrast(getComputedStyle(control).borderTopColor, outside), contrast(backgroundOf(control), outside));
    if (ratio < 3) problems.push(`the edge of ${describe(control)} ${ratio.toFixed(2)}:1`);
  }
  return problems;
}

// weakFocus says what is wrong with how the focused element shows that it has the focus.
function weakFocus() {
  const element = document.activeElement;
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
  const ratio = contrast(outlineColor, backgroundOf(element.parentElement));
  if (outlineStyle !== "solid" || parseFloat(outlineWidth) < 2 || ratio < 3) {
    return [`${describe(element)} has a focus outline of ${outlineWidth} ${outlineStyle}, ${ratio.toFixed(2)}:1`];
  }
  const box = element.getBoundingClientRect();
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return element.contains(top) ? [] : [`${describe(element)} has the focus and is hidden by ${top ? describe(top) : "the edge"}`];
}
