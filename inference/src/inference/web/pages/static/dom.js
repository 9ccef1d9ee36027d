// Make elements. A text is always text: nothing here makes HTML of a string.

const SVG = "http://www.w3.org/2000/svg";

export const h = (name, attributes, ...children) =>
  fill(document.createElement(name), attributes, children);

export const s = (name, attributes, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

// The children of an element are made again; the keyboard's place is kept by id.
export function put(element, ...children) {
  const { id } = document.activeElement;
  element.replaceChildren(...children.flat().filter((child) => child !== null));
  if (id && document.activeElement?.id !== id) document.getElementById(id)?.focus();
}
