// OpenAI's client for JavaScript: node openai.mjs URL PROBLEM
import OpenAI from 'openai';

const [url, problem] = process.argv.slice(2);
const ai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
const messages = [{ role: 'user', content: problem }];
const model = 'twinpath';
const texts = {};

texts.chat = (await ai.chat.completions.create({ model, messages, n: 2 })).choices[1].message.content;
texts.chat_stream = '';
for await (const chunk of await ai.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } }))
  texts.chat_stream += chunk.choices[0]?.delta.content ?? '';
texts.chat_helper = await ai.chat.completions.stream({ model, messages }).finalContent();
texts.completion = (await ai.completions.create({ model, prompt: `Question: ${problem}\nAnswer:` })).choices[0].text;
texts.response = (await ai.responses.create({ model, input: problem })).output_text;
texts.response_stream = '';
for await (const event of await ai.responses.create({ model, input: messages, stream: true }))
  if (event.type === 'response.output_text.delta') texts.response_stream += event.delta;
texts.response_helper = (await ai.responses.stream({ model, input: problem }).finalResponse()).output_text;
const error = await ai.embeddings.create({ model, input: problem }).catch((error) => error);
texts.missing_route = `${error.status} ${error.message}`;
console.log(JSON.stringify(texts));
