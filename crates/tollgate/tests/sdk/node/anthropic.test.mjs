// The anthropic package against both kinds of upstream.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  Anthropic, HELLO, HI, IMAGE_TOKENS, KEY, NAMES, PIXEL, REPORT, Report, SYSTEM, THINKING, TOOLS, UPSTREAMS, URL,
  WANTED, allCallTokens, callTokens, seen, tokens, toolTokens, zodOutputFormat,
} from './words.mjs';

const client = new Anthropic({ baseURL: URL, apiKey: KEY, maxRetries: 0, timeout: 20_000 });
const { messages: claude } = client;
const FUNCTIONS = TOOLS.map(({ name, description, schema }) => ({ name, description, input_schema: schema }));
const IMAGE = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } };
const PICTURE = [{ role: 'user', content: [{ type: 'text', text: 'What is this?' }, IMAGE] }];

function checkUsage(usage, prompt, completion, reasoning = 0) {
  assert.equal(usage.input_tokens, prompt);
  assert.equal(usage.output_tokens, completion);
  assert.equal(usage.cache_read_input_tokens ?? 0, 0);
  assert.equal(usage.output_tokens_details?.thinking_tokens ?? 0, reasoning);
}

function checkCalls(blocks) {
  assert.deepEqual(blocks.map((block) => block.type), ['tool_use', 'tool_use']);
  assert.deepEqual(blocks.map((block) => block.name), NAMES);
  assert.deepEqual(blocks.map((block) => block.input), WANTED);
  assert.equal(new Set(blocks.map((block) => block.id)).size, blocks.length);
}

for (const upstream of UPSTREAMS) {
  const model = `${upstream}/tollgate/mock`;
  const mirror = `${upstream}-mirror/m`;
  const name = (text) => `anthropic to ${upstream}: ${text}`;
  const asked = { model, max_tokens: 1000, messages: HI };

  test(name('a message answers with text, reason and usage'), async () => {
    const messages = [
      { role: 'user', content: 'who are you' },
      { role: 'assistant', content: [{ type: 'text', text: 'a model' }] },
      { role: 'user', content: [{ type: 'text', text: 'hi' }] },
    ];
    const answer = await claude.create({ ...asked, system: SYSTEM, messages });
    assert.equal(answer.type, 'message');
    assert.equal(answer.role, 'assistant');
    assert.equal(answer.model, model);
    assert.match(answer.id, /^msg_/);
    assert.equal(answer.content.length, 1);
    assert.equal(answer.content[0].text, HELLO);
    assert.equal(answer.stop_reason, 'end_turn');
    assert.equal(answer.stop_sequence, null);
    const said = [SYSTEM, 'who are you', 'a model', 'hi'].map(tokens).reduce((left, right) => left + right);
    checkUsage(answer.usage, said, tokens(HELLO));
  });

  test(name('the limit of tokens shortens the answer'), async () => {
    const answer = await claude.create({ ...asked, max_tokens: 3 });
    assert.equal(answer.content[0].text, 'Hello from Tollgate.');
    assert.equal(answer.stop_reason, 'max_tokens');
    checkUsage(answer.usage, 1, 3);
  });

  test(name('a stream brings the text in pieces and the usage at its end'), async () => {
    const kinds = [];
    for await (const event of await claude.create({ ...asked, stream: true })) {
      if (event.type !== 'ping') kinds.push(event.type);
    }
    const deltas = Array(tokens(HELLO)).fill('content_block_delta');
    const around = ['message_start', 'content_block_start', ...deltas, 'content_block_stop', 'message_delta'];
    assert.deepEqual(kinds, [...around, 'message_stop']);
    const pieces = [];
    const stream = claude.stream(asked).on('text', (piece) => pieces.push(piece));
    const answer = await stream.finalMessage();
    assert.equal(pieces.length, tokens(HELLO));
    assert.equal(pieces.join(''), HELLO);
    assert.equal(answer.content[0].text, HELLO);
    assert.equal(answer.stop_reason, 'end_turn');
    checkUsage(answer.usage, 1, tokens(HELLO));
  });

  test(name('a tool that is demanded is called'), async () => {
    const choice = { type: 'tool', name: 'get_weather' };
    const answer = await claude.create({ ...asked, tools: FUNCTIONS, tool_choice: choice });
    assert.equal(answer.content.length, 1);
    assert.equal(answer.content[0].name, 'get_weather');
    assert.deepEqual(answer.content[0].input, WANTED[0]);
    assert.equal(answer.stop_reason, 'tool_use');
    checkUsage(answer.usage, 1 + toolTokens(), callTokens(WANTED[0]));
  });

  test(name('parallel tools are called, answered and followed by text'), async () => {
    const request = { ...asked, model: `${model}?think=20&tool=${NAMES}`, tools: FUNCTIONS };
    const first = await claude.create(request);
    const [thinking, ...calls] = first.content;
    assert.deepEqual(thinking, THINKING);
    checkCalls(calls);
    assert.equal(first.stop_reason, 'tool_use');
    checkUsage(first.usage, 1 + toolTokens(), allCallTokens() + 20, 20);
    const results = calls.map((call) => ({
      type: 'tool_result',
      tool_use_id: call.id,
      content: `result of ${call.name}`,
    }));
    const turns = [...HI, { role: 'assistant', content: first.content }, { role: 'user', content: results }];
    const second = await claude.create({ ...request, messages: turns });
    // OpenAI's language has each result in a message of its own.
    const before = upstream === 'ant' ? '[tool result: result of get_weather] ' : '';
    const said = `Hello from Tollgate. You said: ${before}[tool result: result of get_time]`;
    assert.equal(second.content.at(-1).text, said);
    assert.equal(second.stop_reason, 'end_turn');
  });

  test(name('the arguments of parallel tools are streamed in pieces'), async () => {
    const request = { ...asked, model: `${model}?tool=${NAMES}`, tools: FUNCTIONS };
    const calls = [];
    for await (const event of await claude.create({ ...request, stream: true })) {
      if (event.type === 'content_block_start') {
        assert.deepEqual(event.content_block.input, {});
        calls[event.index] = { name: event.content_block.name, pieces: [] };
      } else if (event.type === 'content_block_delta') {
        assert.equal(event.delta.type, 'input_json_delta');
        if (event.delta.partial_json) calls[event.index].pieces.push(event.delta.partial_json);
      }
    }
    assert.deepEqual(calls.map((call) => call.name), NAMES);
    assert.deepEqual(calls.map((call) => JSON.parse(call.pieces.join(''))), WANTED);
    assert.deepEqual(calls.map((call) => call.pieces.length), [2, 2]);
    const answer = await claude.stream(request).finalMessage();
    checkCalls(answer.content);
    assert.equal(answer.stop_reason, 'tool_use');
    checkUsage(answer.usage, 1 + toolTokens(), allCallTokens());
  });

  test(name('a picture is seen'), async () => {
    const answer = await claude.create({ ...asked, messages: PICTURE });
    assert.equal(answer.content[0].text, 'Hello from Tollgate. You said: What is this? [image]');
    checkUsage(answer.usage, 3 + IMAGE_TOKENS, 9);
    const mirrored = await claude.create({ ...asked, model: mirror, messages: PICTURE });
    const { content } = seen(mirrored.content[0].text).body.messages[0];
    const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } };
    assert.deepEqual(content, [{ type: 'text', text: 'What is this?' }, upstream === 'ant' ? IMAGE : image]);
  });

  test(name('a schema shapes the answer'), async () => {
    const request = { ...asked, output_config: { format: zodOutputFormat(Report) } };
    const answer = await claude.parse(request);
    assert.equal(answer.stop_reason, 'end_turn');
    assert.deepEqual(answer.parsed_output, REPORT);
    const streamed = await claude.stream(request).finalMessage();
    assert.deepEqual(streamed.parsed_output, REPORT);
    const config = { format: { type: 'json_schema', schema: TOOLS[0].schema } };
    const mirrored = await claude.create({ ...asked, model: mirror, output_config: config });
    const { body } = seen(mirrored.content[0].text);
    if (upstream === 'ant') assert.deepEqual(body.output_config, config);
    else assert.deepEqual(body.response_format.json_schema.schema, TOOLS[0].schema);
  });

  test(name('thinking comes back with its signature and survives the round trip'), async () => {
    const text = { type: 'text', text: HELLO };
    const answer = await claude.create({ ...asked, model: `${model}?think=20` });
    assert.deepEqual(answer.content, [THINKING, text]);
    checkUsage(answer.usage, 1, tokens(HELLO) + 20, 20);
    const streamed = await claude.stream({ ...asked, model: `${model}?think=20` }).finalMessage();
    assert.deepEqual(JSON.parse(JSON.stringify(streamed.content)), [THINKING, text]);
    const turns = [...HI, { role: 'assistant', content: answer.content }, { role: 'user', content: 'go on' }];
    const { data, response } = await claude.create({ ...asked, model: mirror, messages: turns }).withResponse();
    const returned = seen(data.content[0].text).body.messages[1];
    const changed = response.headers.get('x-tollgate-changed');
    // OpenAI itself refuses the field; that it was left out is said.
    assert.deepEqual(returned, { role: 'assistant', content: upstream === 'ant' ? [THINKING, text] : HELLO });
    assert.equal(changed, upstream === 'ant' ? null : 'dropped;messages[1].content[0]');
  });

  test(name('tokens are counted'), async () => {
    const counted = await claude.countTokens({ model, system: SYSTEM, messages: HI, tools: FUNCTIONS });
    if (upstream === 'ant') assert.equal(counted.input_tokens, tokens(SYSTEM) + 1 + toolTokens());
    // Chat Completions has no such question: the gateway estimates from the request's bytes.
    else assert.ok(counted.input_tokens >= 50 && counted.input_tokens <= 300, `${counted.input_tokens}`);
  });

  test(name('both versions are spoken and the key may stand in either header'), async () => {
    for (const version of ['2023-06-01', '2026-10-21']) {
      for (const credential of [{ apiKey: KEY }, { apiKey: null, authToken: KEY }]) {
        const options = { baseURL: URL, maxRetries: 0, timeout: 20_000, ...credential };
        const { messages } = new Anthropic({ ...options, defaultHeaders: { 'anthropic-version': version } });
        const answer = await messages.create(asked);
        assert.equal(answer.content[0].text, HELLO);
        const mirrored = await messages.create({ ...asked, model: mirror });
        const { headers } = seen(mirrored.content[0].text);
        assert.equal(headers['anthropic-version'], upstream === 'ant' ? version : undefined);
      }
    }
  });
}
