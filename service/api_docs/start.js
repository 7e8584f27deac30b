// Shows the OpenAPI document with Swagger UI. All addresses are relative, so that a path prefix works.

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

const base = new URL(".", location.href);
const address = new URL("openapi.json", base).href;
fetch(address).then((response) => response.json()).then(show, fail);

function show(spec) {
  SwaggerUIBundle({
    // Without a server, requests would go to the root of the host, whatever the prefix.
    spec: {
      ...spec,
      servers: [{ url: base.href.replace(/\/$/, "") }],
      externalDocs: { url: address, description: "openapi.json" },
    },
    dom_id: "#docs",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
}

function fail(error) {
  document.getElementById("docs").textContent = `openapi.json cannot be read: ${error.message}`;
}
