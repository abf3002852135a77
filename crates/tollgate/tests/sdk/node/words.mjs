// The client libraries, where they are installed; what is asked, and what the built-in model must answer to it.

import { createRequire } from 'node:module';

const environment = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: the integration test \`sdk\` starts this`);
  return value;
};

export const installed = createRequire(`${environment('TOLLGATE_SDK_NODE')}/package.json`);
export const OpenAI = installed('openai');
export const Anthropic = installed('@anthropic-ai/sdk');
export const { zodResponseFormat } = installed('openai/helpers/zod');
export const { zodOutputFormat } = installed('@anthropic-ai/sdk/helpers/zod');
export const { z } = installed('zod');

export const URL = environment('TOLLGATE_URL');
export const KEY = environment('TOLLGATE_KEY');
export const LIMITED_URL = environment('TOLLGATE_LIMITED_URL');
export const LIMITED_KEY = environment('TOLLGATE_LIMITED_KEY');

// `oai` speaks OpenAI Chat Completions, `ant` speaks Anthropic Messages: one of them is translated for each client.
export const UPSTREAMS = ['oai', 'ant'];
export const HI = [{ role: 'user', content: 'hi' }];
export const SYSTEM = 'Answer in one sentence.';
export const HELLO = 'Hello from Tollgate. You said: hi';
// The model's first twenty words of reasoning.
export const THOUGHT =
  'the gateway stands between those who ask and those who answer and keeps count of what passes the gateway stands';
export const SIGNATURE = 'mock-signature-20';
export const THINKING = { type: 'thinking', thinking: THOUGHT, signature: SIGNATURE };
// A picture counts for as many tokens.
export const IMAGE_TOKENS = 85;
export const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

// The name, the description, the schema, and the arguments that the model makes of the schema.
export const TOOLS = [
  {
    name: 'get_weather',
    description: 'The weather in a city.',
    schema: {
      type: 'object',
      properties: {
        city: { type: 'string' },
        days: { type: 'integer', minimum: 3 },
        unit: { type: 'string', enum: ['celsius', 'kelvin'] },
      },
      required: ['city', 'days', 'unit'],
      additionalProperties: false,
    },
    wanted: { city: 'example', days: 3, unit: 'celsius' },
  },
  {
    name: 'get_time',
    description: 'The time in a zone.',
    schema: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] },
    wanted: { zone: 'example' },
  },
];
export const NAMES = TOOLS.map((tool) => tool.name);
export const WANTED = TOOLS.map((tool) => tool.wanted);

export const Report = z.object({ city: z.string(), days: z.number(), unit: z.enum(['celsius', 'kelvin']) });
export const REPORT = { city: 'example', days: 1, unit: 'celsius' };

const sum = (numbers) => numbers.reduce((left, right) => left + right, 0);

// The model's own measure: words with the space before them.
export const tokens = (text) => 1 + (text.slice(1).match(/ /g) ?? []).length;
export const callTokens = (wanted) => 1 + Math.floor(JSON.stringify(wanted).length / 4);
export const allCallTokens = () => sum(WANTED.map(callTokens));
// What the definitions of both tools count for.
export const toolTokens = () =>
  sum(
    TOOLS.map(({ name, description, schema }) =>
      Math.floor((name.length + description.length + JSON.stringify(schema).length) / 4) + 1,
    ),
  );

// What a mirror received: path, headers and body.
export const seen = (text) => JSON.parse(text);
