// Request as a link, a curl command and a Python program. They read the key from API_KEY and never contain it.
import { storedKey } from "./key.js";

const NUMBER_FIELDS = ["cot", "pot", "temperature", "seed"];

/** Body of POST /solve with the values of the form. */
export function requestOf(form) {
  const data = new FormData(form);
  const request = {
    problem: data.get("problem").trim(),
    paths: { cot: Number(data.get("cot")), pot: Number(data.get("pot")) },
    policy: data.get("policy"),
  };
  for (const name of ["temperature", "seed"]) if (data.get(name) !== "") request[name] = Number(data.get(name));
  return request;
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
  return `curl -s ${location.origin}/solve \\\n${key}  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

/** Request as a Python program. */
export function pythonOf(request) {
  const { problem, paths, policy, ...rest } = request;
  const options = [
    `paths=PathBudget(cot=${paths.cot}, pot=${paths.pot})`,
    `policy=Policy.${policy.toUpperCase()}`,
    ...Object.entries(rest).map(([name, value]) => `${name}=${name === "temperature" && Number.isInteger(value) ? `${value}.0` : value}`),
  ];
  const key = storedKey() ? ', api_key=os.environ["API_KEY"]' : "";
  return [
    ...(key ? ["import os", ""] : []),
    "from twinpath import Client, PathBudget, Policy",
    "",
    `with Client(${JSON.stringify(location.origin)}${key}) as client:`,
    `    solution = client.solve(`,
    `        ${JSON.stringify(problem)},`,
    `        ${options.join(", ")},`,
    `    )`,
    "    print(solution.answer, solution.confidence)",
    "",
  ].join("\n");
}
