// Request as a link, a curl command and a Python program. They read the key from API_KEY and never contain it.
import { storedKey } from "./key.js";

const NUMBER_FIELDS = ["cot", "pot", "temperature", "deadline_s", "seed"];
const OPTIONAL_FIELDS = ["temperature", "deadline_s", "seed"];
const FLOAT_FIELDS = ["temperature", "deadline_s"];

/** Body of POST /solve with the values of the form. */
export function requestOf(form) {
  const data = new FormData(form);
  const request = {
    problem: data.get("problem").trim(),
    paths: { cot: Number(data.get("cot")), pot: Number(data.get("pot")) },
    policy: data.get("policy"),
  };
  for (const name of OPTIONAL_FIELDS) if (data.get(name) !== "") request[name] = Number(data.get(name));
  return request;
}

/** Fill the form with a request. */
export function fillForm(form, { problem, paths, policy, ...rest }) {
  const values = { problem, ...paths, policy, ...rest };
  for (const name of ["problem", "policy", ...NUMBER_FIELDS]) form.elements[name].value = values[name] ?? "";
}

/** Address of the page with the request in the fragment, which browsers never send to a server. */
export function linkOf(request) {
  const { problem, paths, ...rest } = request;
  const fields = new URLSearchParams({ problem, ...paths, ...rest });
  return `${location.origin}${location.pathname}#${fields}`;
}

/** Fill the form from the address. Returns true if the address contains a problem. */
export function readLink(form) {
  const fields = new URLSearchParams(location.hash.slice(1));
  if (!fields.get("problem")) return false;
  for (const name of OPTIONAL_FIELDS) form.elements[name].value = "";
  for (const name of ["problem", "policy", ...NUMBER_FIELDS]) {
    const value = fields.get(name);
    if (value === null || (NUMBER_FIELDS.includes(name) && !Number.isFinite(Number(value)))) continue;
    form.elements[name].value = value;
  }
  if (!form.elements.policy.value) form.elements.policy.value = "adaptive";
  return true;
}

/** Request as a curl command. */
export function curlOf(request) {
  const body = JSON.stringify(request).replaceAll("'", "'\\''");
  const key = storedKey() ? '  -H "Authorization: Bearer $API_KEY" \\\n' : "";
  return `curl -s ${serviceUrl()}/solve \\\n${key}  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

/** Request as a Python program. */
export function pythonOf(request) {
  const { problem, paths, policy, ...rest } = request;
  const options = [
    `paths=PathBudget(cot=${paths.cot}, pot=${paths.pot})`,
    `policy=Policy.${policy.toUpperCase()}`,
    ...Object.entries(rest).map(([name, value]) => `${name}=${FLOAT_FIELDS.includes(name) && Number.isInteger(value) ? `${value}.0` : value}`),
  ];
  const key = storedKey() ? ', api_key=os.environ["API_KEY"]' : "";
  return [
    ...(key ? ["import os", ""] : []),
    "from twinpath import Client, PathBudget, Policy",
    "",
    `with Client(${JSON.stringify(serviceUrl())}${key}) as client:`,
    `    solution = client.solve(`,
    `        ${JSON.stringify(problem)},`,
    `        ${options.join(", ")},`,
    `    )`,
    "    print(solution.answer, solution.confidence)",
    "",
  ].join("\n");
}

/** Address of the service without a slash at the end. A proxy may serve it under a path. */
const serviceUrl = () => new URL(".", document.baseURI).href.replace(/\/$/, "");
