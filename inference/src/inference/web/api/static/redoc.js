// Redoc under a policy that permits no style elements and nothing from other hosts.
"use strict";

(() => {
  const { openapi: url } = document.currentScript.dataset;

  // Its styles come as style elements, which the policy forbids. Constructed style sheets take
  // their place.
  const createElement = document.createElement;
  document.createElement = function (name, ...rest) {
    if (String(name).toLowerCase() !== "style") return createElement.call(this, name, ...rest);
    const element = createElement.call(this, "template");
    const sheet = new CSSStyleSheet();
    document.adoptedStyleSheets.push(sheet);
    Object.defineProperty(element, "sheet", { value: sheet });
    element.appendChild = (text) => {
      if (text.data) sheet.replaceSync(text.data);
      return text;
    };
    return element;
  };

  // Its logo would come from its maker's host.
  const source = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
  const setAttribute = Element.prototype.setAttribute;
  const isOurs = (value) => new URL(value, location.href).origin === location.origin;
  Object.defineProperty(HTMLImageElement.prototype, "src", {
    ...source,
    set(value) {
      if (isOurs(value)) source.set.call(this, value);
      else this.hidden = true; // instead of a broken image
    },
  });
  HTMLImageElement.prototype.setAttribute = function (name, value) {
    if (name !== "src" || isOurs(value)) setAttribute.call(this, name, value);
    else this.hidden = true;
  };

  document.addEventListener("DOMContentLoaded", () => {
    // Its search would run in a worker made of a string.
    Redoc.init(url, { disableSearch: true }, document.getElementById("redoc"));
  });
})();
