// The openai package's Responses against each kind of upstream: one that speaks Responses itself (`oai`), and the other
// two languages, translated (`ant` and `chat`).

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HELLO, KEY, NAMES, OpenAI, REPORT, THOUGHT, TOOLS, URL, WANTED, seen, tokens, z } from './words.mjs';

const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY, maxRetries: 0, timeout: 20_000 });
const { responses } = client;
const FUNCTIONS = TOOLS.map(({ name, description, schema }) => ({
  type: 'function', name, description, parameters: schema, strict: false,
}));
const REPORT_SCHEMA = z.toJSONSchema(
  z.object({ city: z.string(), days: z.number(), unit: z.enum(['celsius', 'kelvin']) }),
);

const calls = (answer) => answer.output.filter((item) => item.type === 'function_call');

function checkCalls(answer) {
  assert.deepEqual(calls(answer).map((call) => call.name), NAMES);
  assert.deepEqual(calls(answer).map((call) => JSON.parse(call.arguments)), WANTED);
  assert.equal(new Set(calls(answer).map((call) => call.call_id)).size, NAMES.length);
}

for (const upstream of ['oai', 'ant', 'chat']) {
  const model = `${upstream}/tollgate/mock`;
  const name = (text) => `responses to ${upstream}: ${text}`;

  test(name('a text is answered with text, status and usage'), async () => {
    const answer = await responses.create({ model, input: 'hi', instructions: 'Be brief.' });
    assert.equal(answer.object, 'response');
    assert.equal(answer.model, model);
    assert.equal(answer.status, 'completed');
    assert.match(answer.id, /^resp_/);
    assert.equal(answer.output_text, HELLO);
    assert.equal(answer.instructions, 'Be brief.');
    assert.equal(answer.usage.output_tokens, tokens(HELLO));
    assert.equal(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens);
  });

  test(name('a stream tells every item from its beginning to its end'), async () => {
    const events = [];
    for await (const event of await responses.create({ model, input: 'hi', stream: true })) events.push(event);
    assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
    const pieces = events.filter((event) => event.type === 'response.output_text.delta');
    assert.equal(pieces.map((event) => event.delta).join(''), HELLO);
    assert.equal(pieces.length, tokens(HELLO));
    const last = events.at(-1);
    assert.equal(last.type, 'response.completed');
    assert.deepEqual(last.response.output, [events.at(-2).item]);
    assert.equal(last.response.usage.output_tokens, tokens(HELLO));
  });

  test(name('the streaming helper puts the answer together'), async () => {
    const answer = await responses.stream({ model, input: 'hi' }).finalResponse();
    assert.equal(answer.output_text, HELLO);
  });

  test(name('parallel tools are called, answered and followed by text'), async () => {
    const asked = { model: `${model}?tool=get_weather,get_time`, tools: FUNCTIONS };
    const first = await responses.create({ ...asked, input: 'hi' });
    checkCalls(first);
    const results = calls(first).map((call) => ({
      type: 'function_call_output', call_id: call.call_id, output: `result of ${call.name}`,
    }));
    const input = [{ role: 'user', content: 'hi' }, ...first.output, ...results];
    const second = await responses.create({ ...asked, input });
    assert.match(second.output_text, /\[tool result: result of get_time\]/);
    assert.deepEqual(calls(second), []);
  });

  test(name('the arguments of parallel tools are streamed in pieces'), async () => {
    const asked = { model: `${model}?tool=get_weather,get_time`, tools: FUNCTIONS, input: 'hi' };
    const told = new Map();
    let answer;
    for await (const event of await responses.create({ ...asked, stream: true })) {
      if (event.type === 'response.function_call_arguments.delta') {
        told.set(event.output_index, (told.get(event.output_index) ?? '') + event.delta);
      }
      if (event.type === 'response.completed') answer = event.response;
    }
    assert.deepEqual([...told.values()].map((text) => JSON.parse(text)), WANTED);
    checkCalls(answer);
  });

  test(name('a schema shapes the answer'), async () => {
    const format = { type: 'json_schema', name: 'report', schema: REPORT_SCHEMA, strict: true };
    const answer = await responses.create({ model, input: 'hi', text: { format } });
    assert.deepEqual(JSON.parse(answer.output_text), REPORT);
  });

  test(name('a stream that breaks off is raised'), async () => {
    const stream = await responses.create({ model: `${model}?tokens=40&cut=60%`, input: 'hi', stream: true });
    await assert.rejects(
      async () => {
        for await (const event of stream) assert.notEqual(event.type, 'response.completed');
      },
      (error) => error instanceof OpenAI.APIError && error.error.tollgate_code === 'TG-1305',
    );
  });
}

test('responses: reasoning is told with its proof and goes back with it', async () => {
  const answer = await responses.create({ model: 'ant/tollgate/mock?think=20', input: 'hi' });
  const [thought] = answer.output;
  assert.equal(thought.type, 'reasoning');
  assert.equal(thought.summary[0].text, THOUGHT);
  const input = [{ role: 'user', content: 'hi' }, ...answer.output, { role: 'user', content: 'go on' }];
  const mirrored = await responses.create({ model: 'ant-mirror/m', input, max_output_tokens: 9 });
  const [, turn] = seen(mirrored.output_text).body.messages;
  assert.deepEqual(turn.content[0], { type: 'thinking', thinking: THOUGHT, signature: 'mock-signature-20' });
});

test('responses: what nobody keeps here is said so', async () => {
  await assert.rejects(responses.retrieve('resp_1'), (error) => {
    assert.equal(error.status, 404);
    assert.match(error.message, /keeps no answers/);
    return true;
  });
});
