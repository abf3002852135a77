// The @langchain/openai package against both kinds of upstream, in both of OpenAI's languages.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  HELLO, KEY, NAMES, REPORT, Report, SYSTEM, THOUGHT, TOOLS, UPSTREAMS, URL, WANTED, allCallTokens, installed, tokens,
  toolTokens,
} from './words.mjs';

const { ChatOpenAI, OpenAIEmbeddings } = installed('@langchain/openai');
const { HumanMessage, SystemMessage, ToolMessage } = installed('@langchain/core/messages');

const configuration = { baseURL: `${URL}/v1` };
const FUNCTIONS = TOOLS.map(({ name, description, schema }) => ({
  type: 'function',
  function: { name, description, parameters: schema },
}));

// `failing` keeps the programmed failures of one client from those of another.
const LANGUAGES = {
  'chat completions': { useResponsesApi: false, unknown: 404, failing: 41 },
  responses: { useResponsesApi: true, unknown: 400, failing: 42 },
};

function checkUsage(usage, prompt, completion, reasoning = 0) {
  assert.equal(usage.input_tokens, prompt);
  assert.equal(usage.output_tokens, completion);
  assert.equal(usage.total_tokens, prompt + completion);
  assert.equal(usage.input_token_details.cache_read ?? 0, 0);
  assert.equal(usage.output_token_details.reasoning ?? 0, reasoning);
}

function checkCalls(calls) {
  assert.deepEqual(calls.map((call) => call.name), NAMES);
  assert.deepEqual(calls.map((call) => call.args), WANTED);
  assert.equal(new Set(calls.map((call) => call.id)).size, calls.length);
}

// All pieces of a stream, put together.
async function together(stream) {
  const pieces = [];
  for await (const piece of await stream) pieces.push(piece);
  return { pieces, whole: pieces.reduce((left, right) => left.concat(right)) };
}

for (const [language, { useResponsesApi, unknown, failing }] of Object.entries(LANGUAGES)) {
  const connect = (model, apiKey = KEY) =>
    new ChatOpenAI({ model, apiKey, configuration, useResponsesApi, maxRetries: 0, timeout: 20_000 });

  async function raised(promise, status, words) {
    const error = await promise.then(
      () => assert.fail('nothing was raised'),
      (error) => error,
    );
    assert.equal(error.status, status, error.stack);
    assert.ok(error.message.includes(words), error.message);
    return error;
  }

  for (const upstream of UPSTREAMS) {
    const name = (text) => `langchain in ${language} to ${upstream}: ${text}`;
    const model = `${upstream}/tollgate/mock`;

    test(name('a message is answered, with reason and usage'), async () => {
      const answer = await connect(model).invoke([new SystemMessage(SYSTEM), new HumanMessage('hi')]);
      assert.equal(answer.text, HELLO);
      assert.deepEqual(answer.tool_calls, []);
      const metadata = answer.response_metadata;
      if (useResponsesApi) assert.deepEqual([metadata.model, metadata.status], [model, 'completed']);
      else assert.deepEqual([metadata.model_name, metadata.finish_reason], [model, 'stop']);
      checkUsage(answer.usage_metadata, tokens(SYSTEM) + 1, tokens(HELLO));
    });

    test(name('a message is streamed in pieces, with its usage at the end'), async () => {
      const { pieces, whole } = await together(connect(model).stream('hi'));
      assert.equal(pieces.filter((piece) => piece.text).length, tokens(HELLO));
      assert.equal(whole.text, HELLO);
      checkUsage(whole.usage_metadata, 1, tokens(HELLO));
    });

    test(name('tools are called, answered and followed by text'), async () => {
      const client = connect(`${model}?tool=${NAMES}`).bindTools(FUNCTIONS);
      const question = new HumanMessage('hi');
      const first = await client.invoke([question]);
      checkCalls(first.tool_calls);
      checkUsage(first.usage_metadata, 1 + toolTokens(), allCallTokens());
      const results = first.tool_calls.map(
        (call) => new ToolMessage({ tool_call_id: call.id, content: `result of ${call.name}` }),
      );
      const second = await client.invoke([question, first, ...results]);
      assert.ok(second.text.endsWith('[tool result: result of get_time]'), second.text);
      assert.deepEqual(second.tool_calls, []);
    });

    test(name('calls of tools are streamed'), async () => {
      const client = connect(`${model}?tool=${NAMES}`).bindTools(FUNCTIONS);
      const { whole } = await together(client.stream('hi'));
      checkCalls(whole.tool_calls);
      checkUsage(whole.usage_metadata, 1 + toolTokens(), allCallTokens());
    });

    test(name('a tool that is demanded is called'), async () => {
      const client = connect(model).bindTools(FUNCTIONS, { tool_choice: 'get_time' });
      const [call, ...more] = (await client.invoke('hi')).tool_calls;
      assert.deepEqual([call.name, call.args, more], ['get_time', WANTED[1], []]);
    });

    test(name('a schema shapes the answer'), async () => {
      assert.deepEqual(await connect(model).withStructuredOutput(Report).invoke('hi'), REPORT);
      const byTool = connect(model).withStructuredOutput(Report, { method: 'functionCalling' });
      assert.deepEqual(await byTool.invoke('hi'), REPORT);
    });

    test(name('reasoning is counted'), async () => {
      const answer = await connect(`${model}?think=20`).invoke('hi');
      assert.equal(answer.text, HELLO);
      checkUsage(answer.usage_metadata, 1, tokens(HELLO) + 20, 20);
      if (!useResponsesApi) return;
      const { summary } = answer.additional_kwargs.reasoning;
      assert.equal(summary.map((part) => part.text).join(''), THOUGHT);
    });

    test(name('a failure is an internal server error'), async () => {
      await raised(connect(`${model}?fail=500&tokens=${failing}`).invoke('hi'), 500, 'mock fails as programmed');
    });

    test(name('a stream that breaks off raises after what was said'), async () => {
      let said = '';
      const read = async () => {
        const stream = await connect(`${model}?cut=70%&tokens=${100 + failing}`).stream('hi');
        for await (const piece of stream) said += piece.text;
      };
      await assert.rejects(read(), /broke off/);
      assert.ok(said.startsWith('the gateway stands between'), said);
    });
  }

  test(`langchain in ${language}: an unknown model and a wrong key are told apart`, async () => {
    const error = await raised(connect('smrt').invoke('hi'), unknown, '`smart`');
    assert.equal(error.code, 'model_not_found');
    await raised(connect('smart', 'tg-wrong').invoke('hi'), 401, 'key');
  });
}

test('langchain: texts become vectors', async () => {
  const asked = { model: 'oai/tollgate/mock', apiKey: KEY, configuration, dimensions: 32, maxRetries: 0 };
  const client = new OpenAIEmbeddings(asked);
  const vectors = await client.embedDocuments(['the cat sat', 'the cat ran']);
  assert.deepEqual(vectors.map((vector) => vector.length), [32, 32]);
  assert.deepEqual(await client.embedQuery('the cat sat'), vectors[0]);
  assert.notDeepEqual(vectors[0], vectors[1]);
  await assert.rejects(new OpenAIEmbeddings({ ...asked, model: 'nobody' }).embedQuery('hi'), { status: 404 });
});
