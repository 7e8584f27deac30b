// A request as a link, a curl command and a Python program. The key is never in them, only where it may be put.
import { keptKey } from "./key.js";

const NUMBERS = ["cot", "pot", "temperature", "seed"];

/** The form as a request of POST /solve. */
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

/** The page's address with the request in its fragment, which is never sent to a server. */
export function linkOf(request) {
  const { problem, paths, ...rest } = request;
  const fields = new URLSearchParams({ problem, ...paths, ...rest });
  return `${location.origin}${location.pathname}#${fields}`;
}

/** Fill the form from the address; true if it holds a problem. */
export function readLink(form) {
  const fields = new URLSearchParams(location.hash.slice(1));
  if (!fields.get("problem")) return false;
  for (const name of ["problem", "policy", ...NUMBERS]) {
    const value = fields.get(name);
    if (value === null || (NUMBERS.includes(name) && !Number.isFinite(Number(value)))) continue;
    form.elements[name].value = value;
  }
  if (!form.elements.policy.value) form.elements.policy.value = "adaptive";
  return true;
}

/** The request for a shell. */
export function curlOf(request) {
  const body = JSON.stringify(request).replaceAll("'", "'\\''");
  const key = keptKey() ? '  -H "Authorization: Bearer $API_KEY" \\\n' : "";
  return `curl -s ${location.origin}/solve \\\n${key}  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

/** The request for Python. */
export function pythonOf(request) {
  const { problem, paths, policy, ...rest } = request;
  const options = [
    `paths=PathBudget(cot=${paths.cot}, pot=${paths.pot})`,
    `policy=Policy.${policy.toUpperCase()}`,
    ...Object.entries(rest).map(([name, value]) => `${name}=${name === "temperature" && Number.isInteger(value) ? `${value}.0` : value}`),
  ];
  const key = keptKey() ? ', api_key=os.environ["API_KEY"]' : "";
  return [
    ...(key ? ["import os", ""] : []),
    "from service.client import Twinpath",
    "from service.schemas import PathBudget",
    "from service.types import Policy",
    "",
    `with Twinpath(${JSON.stringify(location.origin)}${key}) as twinpath:`,
    `    result = twinpath.solve(`,
    `        ${JSON.stringify(problem)},`,
    `        ${options.join(", ")},`,
    `    )`,
    "    print(result.answer, result.confidence)",
    "",
  ].join("\n");
}
