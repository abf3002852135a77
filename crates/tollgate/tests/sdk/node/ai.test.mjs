// The ai package against both kinds of upstream, through every factory that leads to the gateway.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  HELLO, HI, KEY, LIMITED_KEY, LIMITED_URL, NAMES, REPORT, Report, SIGNATURE, SYSTEM, THOUGHT, TOOLS, UPSTREAMS, URL,
  WANTED, allCallTokens, callTokens, installed, tokens, toolTokens,
} from './words.mjs';

const { APICallError, Output, embedMany, generateText, jsonSchema, stepCountIs, streamText, tool } = installed('ai');
const { createOpenAI } = installed('@ai-sdk/openai');
const { createOpenAICompatible } = installed('@ai-sdk/openai-compatible');
const { createAnthropic } = installed('@ai-sdk/anthropic');

// It tells on standard error which of its own defaults it took.
globalThis.AI_SDK_LOG_WARNINGS = false;

const settings = (url, apiKey) => ({ baseURL: `${url}/v1`, apiKey });
const compatible = { name: 'tollgate', includeUsage: true, supportsStructuredOutputs: true };

// `failing` keeps the programmed failures of one client from those of another. `reasons`: it reads reasoning.
const CLIENTS = {
  'ai openai': {
    connect: (url, key) => createOpenAI(settings(url, key)),
    path: 'responses',
    id: /^resp_/,
    unknown: [400, 'invalid_request_error'],
    failed: 'server_error',
    failing: 31,
    reasons: true,
    told: (error) => error.data.error,
  },
  'ai openai.chat': {
    connect: (url, key) => createOpenAI(settings(url, key)).chat,
    path: 'chat/completions',
    id: /^chatcmpl-/,
    unknown: [404, 'invalid_request_error'],
    failed: 'server_error',
    failing: 32,
    reasons: false,
    told: (error) => error.data.error,
  },
  'ai openai-compatible': {
    connect: (url, key) => createOpenAICompatible({ ...compatible, ...settings(url, key) }),
    path: 'chat/completions',
    id: /^chatcmpl-/,
    unknown: [404, 'invalid_request_error'],
    failed: 'server_error',
    failing: 33,
    reasons: true,
    told: (error) => error.data.error,
  },
  'ai anthropic': {
    connect: (url, key) => createAnthropic(settings(url, key)),
    path: 'messages',
    id: /^msg_/,
    unknown: [404, 'not_found_error'],
    failed: 'api_error',
    failing: 34,
    reasons: true,
    told: (error) => error.data.error,
  },
};

function checkUsage(usage, prompt, completion, reasoning = 0) {
  assert.equal(usage.inputTokens, prompt);
  assert.equal(usage.outputTokens, completion);
  assert.equal(usage.totalTokens, prompt + completion);
  assert.equal(usage.inputTokenDetails.cacheReadTokens ?? 0, 0);
  assert.equal(usage.outputTokenDetails.reasoningTokens ?? 0, reasoning);
}

// What the tools were asked, and the tools.
function tools() {
  const asked = [];
  const made = TOOLS.map(({ name, description, schema }) => {
    const execute = (input) => {
      asked.push([name, input]);
      return `result of ${name}`;
    };
    return [name, tool({ description, inputSchema: jsonSchema(schema), execute })];
  });
  return { asked, tools: Object.fromEntries(made) };
}

for (const [package_, { connect, path, id, unknown, failed, failing, reasons, told }] of Object.entries(CLIENTS)) {
  const client = connect(URL, KEY);
  const asking = (model, more) => ({ model: client(model), messages: HI, maxRetries: 0, ...more });

  async function raised(promise, status, type, words) {
    const error = await promise.then(
      () => assert.fail('nothing was raised'),
      (error) => error,
    );
    assert.ok(APICallError.isInstance(error), error.stack);
    assert.equal(error.statusCode, status);
    assert.ok(error.message.includes(words), error.message);
    assert.equal(told(error).type, type);
    assert.equal(JSON.parse(error.responseBody).error.tollgate_code, error.responseHeaders['x-tollgate-code']);
    return error;
  }

  for (const upstream of UPSTREAMS) {
    const model = `${upstream}/tollgate/mock`;
    const name = (text) => `${package_} to ${upstream}: ${text}`;
    // Where Chat Completions is spoken at last, the model sees a message for each result.
    const isApart = upstream === 'oai' && path !== 'responses';
    const before = isApart ? '' : '[tool result: result of get_weather] ';
    const concluded = `Hello from Tollgate. You said: ${before}[tool result: result of get_time]`;

    test(name('a text is generated, with reason and usage'), async () => {
      const messages = [
        { role: 'system', content: SYSTEM },
        { role: 'user', content: 'who are you' },
        { role: 'assistant', content: 'a model' },
        ...HI,
      ];
      const answer = await generateText(asking(model, { messages }));
      assert.equal(answer.text, HELLO);
      assert.equal(answer.finishReason, 'stop');
      assert.equal(answer.response.modelId, model);
      assert.match(answer.response.id, id);
      const said = messages.map((message) => tokens(message.content)).reduce((left, right) => left + right);
      checkUsage(answer.usage, said, tokens(HELLO));
    });

    test(name('the limit of tokens shortens the text'), async () => {
      const answer = await generateText(asking(model, { maxOutputTokens: 3 }));
      assert.equal(answer.text, 'Hello from Tollgate.');
      assert.equal(answer.finishReason, 'length');
      checkUsage(answer.usage, 1, 3);
    });

    test(name('a text is streamed in pieces, with its usage at the end'), async () => {
      const answer = streamText(asking(model));
      const pieces = [];
      for await (const piece of answer.textStream) pieces.push(piece);
      assert.equal(pieces.length, tokens(HELLO));
      assert.equal(pieces.join(''), HELLO);
      assert.equal(await answer.finishReason, 'stop');
      assert.equal((await answer.response).modelId, model);
      checkUsage(await answer.usage, 1, tokens(HELLO));
    });

    test(name('the loop of tools is gone through, whole'), async () => {
      const { asked, tools: given } = tools();
      const more = { tools: given, stopWhen: stepCountIs(3) };
      const { steps, text } = await generateText(asking(`${model}?tool=${NAMES}`, more));
      assert.deepEqual(asked, NAMES.map((name, index) => [name, WANTED[index]]));
      assert.deepEqual(steps.map((step) => step.finishReason), ['tool-calls', 'stop']);
      assert.equal(new Set(steps[0].toolCalls.map((call) => call.toolCallId)).size, NAMES.length);
      checkUsage(steps[0].usage, 1 + toolTokens(), allCallTokens());
      assert.equal(text, concluded);
    });

    test(name('the loop of tools is gone through, streamed'), async () => {
      const { asked, tools: given } = tools();
      const more = { tools: given, stopWhen: stepCountIs(3) };
      const answer = streamText(asking(`${model}?tool=${NAMES}`, more));
      const inputs = {};
      for await (const part of answer.fullStream) {
        assert.notEqual(part.type, 'error', part.error);
        if (part.type === 'tool-input-start') inputs[part.id] = '';
        if (part.type === 'tool-input-delta') inputs[part.id] += part.delta;
      }
      assert.deepEqual(Object.values(inputs).map(JSON.parse), WANTED);
      assert.deepEqual(asked, NAMES.map((name, index) => [name, WANTED[index]]));
      const steps = await answer.steps;
      assert.deepEqual(steps.map((step) => step.finishReason), ['tool-calls', 'stop']);
      checkUsage(steps[0].usage, 1 + toolTokens(), allCallTokens());
      assert.equal(await answer.text, concluded);
    });

    test(name('a tool that is demanded is called'), async () => {
      const { asked, tools: given } = tools();
      const more = { tools: given, toolChoice: { type: 'tool', toolName: 'get_weather' } };
      const answer = await generateText(asking(model, more));
      assert.deepEqual(asked, [['get_weather', WANTED[0]]]);
      assert.deepEqual(answer.toolResults.map((result) => result.output), ['result of get_weather']);
      assert.equal(answer.usage.outputTokens, callTokens(WANTED[0]));
    });

    test(name('a schema shapes the output, whole and streamed'), async () => {
      const more = { output: Output.object({ schema: Report }) };
      const answer = await generateText(asking(model, more));
      assert.deepEqual(answer.output, REPORT);
      assert.equal(answer.finishReason, 'stop');
      const streamed = streamText(asking(model, more));
      assert.deepEqual(await streamed.output, REPORT);
      const partial = [];
      for await (const output of streamText(asking(model, more)).partialOutputStream) partial.push(output);
      assert.deepEqual(partial.at(-1), REPORT);
    });

    test(name('reasoning comes before the text, whole and streamed'), async () => {
      const thought = reasons ? THOUGHT : undefined;
      const answer = await generateText(asking(`${model}?think=20`));
      assert.deepEqual([answer.reasoningText, answer.text], [thought, HELLO]);
      checkUsage(answer.usage, 1, tokens(HELLO) + 20, 20);
      const streamed = streamText(asking(`${model}?think=20`));
      assert.deepEqual([await streamed.reasoningText, await streamed.text], [thought, HELLO]);
      checkUsage(await streamed.usage, 1, tokens(HELLO) + 20, 20);
      if (path !== 'messages') return;
      for (const [part] of [answer.reasoning, await streamed.reasoning]) {
        assert.equal(part.providerMetadata.anthropic.signature, SIGNATURE);
      }
    });

    test(name('a failure can be tried again'), async () => {
      const promise = generateText(asking(`${model}?fail=500&tokens=${failing}`));
      const error = await raised(promise, 500, failed, 'mock fails as programmed');
      assert.equal(error.isRetryable, true);
    });

    test(name('a stream that breaks off tells an error after what was said'), async () => {
      const errors = [];
      const onError = ({ error }) => errors.push(error);
      const answer = streamText(asking(`${model}?cut=70%&tokens=${100 + failing}`, { onError }));
      let said = '';
      for await (const piece of answer.textStream) said += piece;
      assert.ok(said.startsWith('the gateway stands between'), said);
      assert.equal(errors.length, 1);
      assert.ok(errors[0].message.includes('broke off'), errors[0].message);
    });
  }

  test(`${package_}: an unknown model is told with its nearest name`, async () => {
    const error = await raised(generateText(asking('smrt')), ...unknown, '`smart`');
    assert.equal(error.isRetryable, false);
  });

  test(`${package_}: a wrong key is refused`, async () => {
    const type = path === 'messages' ? 'authentication_error' : 'invalid_request_error';
    const model = connect(URL, 'tg-wrong')('smart');
    await raised(generateText({ model, messages: HI, maxRetries: 0 }), 401, type, 'key');
  });

  test(`${package_}: the gateway's own limit says when to come back`, async () => {
    const model = connect(LIMITED_URL, LIMITED_KEY)('tollgate/mock');
    const thrice = async () => {
      for (let time = 0; time < 3; time += 1) await generateText({ model, messages: HI, maxRetries: 0 });
    };
    const error = await raised(thrice(), 429, 'rate_limit_error', 'limit');
    assert.equal(error.isRetryable, true);
    const seconds = Number(error.responseHeaders['retry-after']);
    assert.ok(seconds >= 1 && seconds <= 60, `${seconds}`);
  });
}

for (const [package_, client] of [
  ['ai openai', createOpenAI(settings(URL, KEY))],
  ['ai openai-compatible', createOpenAICompatible({ ...compatible, ...settings(URL, KEY) })],
]) {
  test(`${package_}: texts become vectors`, async () => {
    const model = client.embeddingModel('oai/tollgate/mock');
    const { embeddings, usage } = await embedMany({ model, values: ['the cat sat', 'the cat ran'], maxRetries: 0 });
    assert.deepEqual(embeddings.map((vector) => Math.hypot(...vector).toFixed(5)), ['1.00000', '1.00000']);
    assert.notDeepEqual(embeddings[0], embeddings[1]);
    assert.equal(usage.tokens, 6);
  });
}
