// The AI SDK with both of its providers: node ai_sdk.mjs URL PROBLEM
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText } from 'ai';

const [url, prompt] = process.argv.slice(2);
const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: 'none' });
const compatible = createOpenAICompatible({ name: 'twinpath', baseURL: `${url}/v1`, includeUsage: true });
const models = {
  response: openai('twinpath'),
  chat: openai.chat('twinpath'),
  completion: openai.completion('twinpath'),
  compatible: compatible('twinpath'),
  compatible_completion: compatible.completionModel('twinpath'),
};
const texts = {};
for (const [name, model] of Object.entries(models)) {
  texts[name] = (await generateText({ model, prompt, maxRetries: 0 })).text;
  const stream = streamText({ model, prompt, maxRetries: 0, onError: ({ error }) => { throw error; } });
  texts[`${name}_stream`] = await stream.text;
  if (!((await stream.usage).outputTokens > 0)) throw new Error(`${name}: no usage`);
}
console.log(JSON.stringify(texts));
