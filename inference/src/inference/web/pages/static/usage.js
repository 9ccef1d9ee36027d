// The code that uses a model: with the address by which this browser knows the service, and copied.
import { root, text } from "./service.js";

const DONE_MS = 1500;

// Put the service's address into the code.
export function start(panel) {
  for (const code of panel?.querySelectorAll("[data-address]") ?? []) {
    const { address } = code.dataset;
    // Triton's client takes it without its scheme, and needs an argument for TLS.
    const bare = `"${address.split("//")[1]}"`;
    const secure = location.protocol === "https:" ? ", ssl=True" : "";
    code.textContent = code.textContent
      .replaceAll(bare, `"${location.host}${root}"${secure}`)
      .replaceAll(address, location.origin + root);
  }
}

export async function copy(button) {
  const code = document.getElementById(button.dataset.copy);
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = text("copied");
  } catch {
    // Without a secure context there is no clipboard: mark the code, so that a key copies it.
    getSelection().selectAllChildren(code);
    button.textContent = text("marked");
  }
  setTimeout(() => (button.textContent = before), DONE_MS);
}
