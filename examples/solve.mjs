// Answers and live votes with fetch, in Node 18 or later, without packages.
//
//   node examples/solve.mjs
//
// A browser may run the same code only on a page of the service's own address.

const url = process.argv[2] ?? "http://127.0.0.1:8000";
const problem = "A farmer packs 432 eggs into boxes of 12. How many boxes does the farmer need?";
const headers = { "Content-Type": "application/json" }; // with API keys, also: Authorization: `Bearer ${key}`

async function post(path, body) {
  const response = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${response.status}: ${(await response.json()).detail}`);
  return response;
}

/** Events of a stream: pairs of a name and its data. */
async function* events(response) {
  let text = "";
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + part).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const name = block.match(/^event: (.*)$/m)?.[1];
      const data = block.match(/^data: (.*)$/m)?.[1];
      if (name && data) yield [name, JSON.parse(data)];
    }
  }
}

const solution = await (await post("/solve", { problem, seed: 7 })).json();
console.log(`${solution.verdict}: ${solution.answer}`);
console.log(solution.explanation.cot?.text ?? "No explanation voted for the answer.");

for await (const [name, data] of events(await post("/solve/stream", { problem, seed: 7 }))) {
  if (name === "vote") console.log(data.votes.map((vote) => `${vote.answer}: ${vote.cot + vote.pot}`).join("  "));
  else if (name === "answer") console.log(`${data.verdict}: ${data.answer}`);
  else if (name === "error") throw new Error(data.detail);
}
