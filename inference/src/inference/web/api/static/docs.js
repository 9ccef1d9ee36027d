// Swagger UI, kept current: when the models change, the page takes the new document by itself, and
// keeps which entries are open, what has been typed, and what was answered.
//
// The document is asked for every two seconds while the page can be seen, and at once when it is
// seen again and after each request that a person sends. An unchanged document is a 304 of no bytes.
"use strict";

(() => {
  const POLL_MS = 2000;
  const JSON_TYPE = "application/json";
  const { openapi: url } = document.currentScript.dataset;
  let ui = null;
  let current = null; // the document shown
  let etag = "";
  let doubtful = ""; // the ETag of a document that would remove entries, seen once
  let timer = 0;
  let asking = false;
  let isWanted = false;
  let shownKeys = "[]";

  const keys = () => (ui ? Object.entries(ui.authSelectors.authorized().toJS()) : []);

  function headers() {
    const found = etag ? { "If-None-Match": etag } : {};
    for (const [name, { value }] of keys()) {
      if (name === "bearer") found.Authorization = `Bearer ${value}`;
      else found["X-API-Key"] = value;
    }
    return found;
  }

  async function refresh() {
    isWanted = true;
    if (asking) return;
    asking = true;
    clearTimeout(timer);
    try {
      while (isWanted) {
        isWanted = false;
        const found = await ask();
        if (found) take(...found);
      }
    } finally {
      asking = false;
      if (!document.hidden) timer = setTimeout(refresh, POLL_MS);
    }
  }

  async function ask() {
    try {
      const answer = await fetch(url, { headers: headers(), cache: "no-store" });
      return answer.ok ? [await answer.json(), answer.headers.get("ETag") ?? ""] : null;
    } catch {
      return null; // the service restarts, or the network is away: the next poll finds it
    }
  }

  function take(next, tag) {
    if (ui === null) {
      start(next);
    } else if (removesEntries(next) && doubtful !== tag) {
      // One of several workers may be a moment behind the one that answered before.
      doubtful = tag;
      etag = "";
      return;
    } else {
      show(next);
    }
    doubtful = "";
    current = next;
    etag = tag;
  }

  const removesEntries = (next) => Object.keys(current.paths).some((path) => !(path in next.paths));

  function show(next) {
    const { specActions, specSelectors } = ui.getSystem();
    // What stays is resolved anew in its place, so that nothing open is closed meanwhile.
    const resolved = specSelectors.specResolvedSubtree([])?.toJS() ?? {};
    const kept = { ...resolved, paths: {} };
    for (const [path, item] of Object.entries(resolved.paths ?? {})) {
      const isThere = ([method, operation]) => operation && next.paths[path]?.[method];
      const methods = Object.entries(item ?? {}).filter(isThere);
      if (methods.length > 0) kept.paths[path] = Object.fromEntries(methods);
    }
    specActions.updateResolvedSubtree([], kept);
    specActions.updateJsonSpec(next);
    for (const [path, item] of Object.entries(kept.paths)) {
      for (const method of Object.keys(item)) {
        specActions.requestResolvedSubtree(["paths", path, method]);
        renewBody(next, path, method);
      }
    }
  }

  // A body that is an example, untouched, becomes the new example; anything else is a person's.
  function renewBody(next, path, method) {
    const { oas3Actions, oas3Selectors } = ui.getSystem();
    const body = oas3Selectors.requestBodyValue(path, method);
    if (typeof body !== "string") return;
    const before = examples(current, path, method);
    const after = examples(next, path, method);
    const name = Object.keys(before).find((key) => isSame(body, before[key]));
    if (name === undefined) return;
    const example = after[name] ?? Object.values(after)[0];
    if (example === undefined || isSame(body, example)) return;
    const value = JSON.stringify(example.value, null, 2);
    oas3Actions.setRequestBodyValue({ value, pathMethod: [path, method] });
  }

  function examples(spec, path, method) {
    return spec.paths[path]?.[method]?.requestBody?.content?.[JSON_TYPE]?.examples ?? {};
  }

  function isSame(body, example) {
    try {
      return JSON.stringify(JSON.parse(body)) === JSON.stringify(example.value);
    } catch {
      return false;
    }
  }

  // Swagger UI forgets what it has resolved whenever it gets a document; show() sees to that.
  const keepResolved = {
    statePlugins: {
      spec: { wrapActions: { invalidateResolvedSubtreeCache: () => () => ({ type: "kept" }) } },
    },
  };

  function start(spec) {
    ui = SwaggerUIBundle({
      spec,
      dom_id: "#swagger-ui",
      layout: "BaseLayout",
      deepLinking: true,
      displayRequestDuration: true,
      defaultModelExpandDepth: 4,
      defaultModelsExpandDepth: 0,
      showCommonExtensions: true,
      presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
      plugins: [keepResolved],
      responseInterceptor: (response) => {
        refresh();
        return response;
      },
    });
    ui.specActions.updateUrl(url);
    ui.getStore().subscribe(() => {
      const now = JSON.stringify(keys());
      if (now === shownKeys) return;
      shownKeys = now;
      etag = "";
      refresh();
    });
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else refresh();
  });
  window.addEventListener("pageshow", refresh);
})();
