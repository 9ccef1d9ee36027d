// What changes which version answers: a pin, and the end of a split or a shadow.
import { confirm } from "./confirm.js";
import { announce, send, text } from "./service.js";

// Pin a version or roll back, on a click within the panel of the versions.
export function pin(button, panel) {
  return confirm(button, panel.querySelector("#versions-problem"), () => {
    const { pin } = button.dataset;
    // As text, because a number here would round a long version.
    return change(panel, "PUT", "active", pin === "latest" ? { version: pin } : `{"version": ${pin}}`);
  });
}

// End the split and the shadow, on a click within the live panel.
export function endTraffic(button, panel) {
  return confirm(button, panel.querySelector("#traffic-problem"), () => change(panel, "DELETE", "traffic"));
}

async function change(panel, method, what, body) {
  const { model: name } = panel.dataset;
  const { active_version: version } = await send(method, `/models/${encodeURIComponent(name)}/${what}`, body);
  if (version !== null) announce(text("activated", { name, version }));
}
