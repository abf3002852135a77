// A model that pauses between its words: what clients are told meanwhile changes nothing of what they read.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Anthropic, HI as messages, OpenAI, installed } from './words.mjs';

const { createAnthropic } = installed('@ai-sdk/anthropic');
const { createOpenAI } = installed('@ai-sdk/openai');
const { GoogleGenAI } = installed('@google/genai');
const { ChatOpenAI } = installed('@langchain/openai');
const { streamText } = installed('ai');

const { TOLLGATE_PATIENT_URL: URL, TOLLGATE_PATIENT_KEY: KEY } = process.env;
// Five words, a tenth of a second from each to the next.
const MODEL = 'tollgate/mock?tps=10&tokens=5';
const SAID = 'the gateway stands between those';

const openai = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY, maxRetries: 0 });
const claude = new Anthropic({ baseURL: URL, apiKey: KEY, maxRetries: 0 });
const gemini = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: URL } });

async function joined(stream, text) {
  let said = '';
  for await (const piece of stream) said += text(piece) ?? '';
  return said;
}

const asked = {
  chat: async () => {
    const stream = await openai.chat.completions.create({ model: MODEL, messages, stream: true });
    return joined(stream, (chunk) => chunk.choices[0]?.delta.content);
  },
  responses: async () => {
    const stream = await openai.responses.create({ model: MODEL, input: 'hi', stream: true });
    return joined(stream, (event) => (event.type === 'response.output_text.delta' ? event.delta : ''));
  },
  claude: () => claude.messages.stream({ model: MODEL, max_tokens: 100, messages }).finalText(),
  gemini: async () => {
    const model = encodeURIComponent(MODEL);
    return joined(await gemini.models.generateContentStream({ model, contents: 'hi' }), (chunk) => chunk.text);
  },
  'ai: chat': () => {
    const provider = createOpenAI({ baseURL: `${URL}/v1`, apiKey: KEY });
    return joined(streamText({ model: provider.chat(MODEL), prompt: 'hi' }).textStream, (text) => text);
  },
  'ai: messages': () => {
    const provider = createAnthropic({ baseURL: `${URL}/v1`, apiKey: KEY });
    return joined(streamText({ model: provider(MODEL), prompt: 'hi' }).textStream, (text) => text);
  },
  langchain: async () => {
    const model = new ChatOpenAI({ model: MODEL, apiKey: KEY, configuration: { baseURL: `${URL}/v1` } });
    return joined(await model.stream('hi'), (chunk) => chunk.content);
  },
};

for (const [name, ask] of Object.entries(asked)) {
  test(`silences: ${name}`, async () => assert.equal(await ask(), SAID));
}
