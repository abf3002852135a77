// The openai package against both kinds of upstream.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  HELLO, HI, IMAGE_TOKENS, KEY, NAMES, OpenAI, PIXEL, REPORT, Report, SIGNATURE, SYSTEM, THINKING, THOUGHT, TOOLS,
  UPSTREAMS, URL, WANTED, allCallTokens, callTokens, seen, tokens, toolTokens, zodResponseFormat,
} from './words.mjs';

const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY, maxRetries: 0, timeout: 20_000 });
const chat = client.chat.completions;
const FUNCTIONS = TOOLS.map(({ name, description, schema }) => ({
  type: 'function',
  function: { name, description, parameters: schema },
}));
const PICTURE = [
  {
    role: 'user',
    content: [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } },
    ],
  },
];

function checkUsage(usage, prompt, completion, reasoning = 0) {
  assert.equal(usage.prompt_tokens, prompt);
  assert.equal(usage.completion_tokens, completion);
  assert.equal(usage.total_tokens, prompt + completion);
  assert.equal(usage.completion_tokens_details.reasoning_tokens, reasoning);
  assert.equal(usage.prompt_tokens_details.cached_tokens, 0);
}

function checkCalls(calls) {
  assert.deepEqual(calls.map((call) => call.type), ['function', 'function']);
  assert.deepEqual(calls.map((call) => call.function.name), NAMES);
  assert.deepEqual(calls.map((call) => JSON.parse(call.function.arguments)), WANTED);
  assert.equal(new Set(calls.map((call) => call.id)).size, calls.length);
}

for (const upstream of UPSTREAMS) {
  const model = `${upstream}/tollgate/mock`;
  const mirror = `${upstream}-mirror/m`;
  const name = (text) => `openai to ${upstream}: ${text}`;

  test(name('a chat answers with text, reason and usage'), async () => {
    const messages = [
      { role: 'system', content: SYSTEM },
      { role: 'user', content: 'who are you' },
      { role: 'assistant', content: 'a model' },
      { role: 'user', content: 'hi' },
    ];
    const answer = await chat.create({ model, messages });
    assert.equal(answer.object, 'chat.completion');
    assert.equal(answer.model, model);
    assert.match(answer.id, /^chatcmpl-/);
    assert.equal(answer.choices.length, 1);
    const [choice] = answer.choices;
    assert.equal(choice.finish_reason, 'stop');
    assert.equal(choice.message.role, 'assistant');
    assert.equal(choice.message.content, HELLO);
    assert.equal(choice.message.refusal, null);
    assert.equal(choice.message.tool_calls, undefined);
    const asked = messages.map((message) => tokens(message.content)).reduce((left, right) => left + right);
    checkUsage(answer.usage, asked, tokens(HELLO));
  });

  test(name('the limit of tokens shortens the answer'), async () => {
    const answer = await chat.create({ model, messages: HI, max_completion_tokens: 3 });
    assert.equal(answer.choices[0].message.content, 'Hello from Tollgate.');
    assert.equal(answer.choices[0].finish_reason, 'length');
    checkUsage(answer.usage, 1, 3);
  });

  test(name('a stream brings the text in pieces and the usage at its end'), async () => {
    const stream = await chat.create({ model, messages: HI, stream: true, stream_options: { include_usage: true } });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const last = chunks.pop();
    assert.ok(chunks.every((chunk) => chunk.model === model && chunk.id === last.id && chunk.usage === null));
    assert.equal(chunks[0].choices[0].delta.role, 'assistant');
    const pieces = chunks.map((chunk) => chunk.choices[0].delta.content).filter(Boolean);
    assert.equal(pieces.length, tokens(HELLO));
    assert.equal(pieces.join(''), HELLO);
    assert.deepEqual(chunks.map((chunk) => chunk.choices[0].finish_reason).filter(Boolean), ['stop']);
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
    assert.deepEqual(last.choices, []);
    checkUsage(last.usage, 1, tokens(HELLO));
  });

  test(name('a stream without the wish for usage brings none'), async () => {
    const chunks = [];
    for await (const chunk of await chat.create({ model, messages: HI, stream: true })) chunks.push(chunk);
    assert.ok(chunks.every((chunk) => chunk.choices.length === 1 && !chunk.usage));
  });

  test(name('the streaming helper puts the answer together'), async () => {
    const stream = chat.stream({ model, messages: HI, stream_options: { include_usage: true } });
    const answer = await stream.finalChatCompletion();
    assert.equal(answer.choices[0].message.content, HELLO);
    assert.equal(answer.choices[0].finish_reason, 'stop');
    checkUsage(answer.usage, 1, tokens(HELLO));
  });

  test(name('a tool that is demanded is called'), async () => {
    const answer = await chat.create({
      model,
      messages: HI,
      tools: FUNCTIONS,
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
    });
    const [choice] = answer.choices;
    assert.equal(choice.finish_reason, 'tool_calls');
    assert.equal(choice.message.content, null);
    assert.equal(choice.message.tool_calls.length, 1);
    assert.equal(choice.message.tool_calls[0].function.name, 'get_weather');
    assert.deepEqual(JSON.parse(choice.message.tool_calls[0].function.arguments), WANTED[0]);
    checkUsage(answer.usage, 1 + toolTokens(), callTokens(WANTED[0]));
  });

  test(name('parallel tools are called, answered and followed by text'), async () => {
    const asked = { model: `${model}?tool=${NAMES}`, tools: FUNCTIONS };
    const first = await chat.create({ messages: HI, ...asked });
    const { message, finish_reason } = first.choices[0];
    assert.equal(finish_reason, 'tool_calls');
    checkCalls(message.tool_calls);
    checkUsage(first.usage, 1 + toolTokens(), allCallTokens());
    const results = message.tool_calls.map((call) => ({
      role: 'tool',
      tool_call_id: call.id,
      content: `result of ${call.function.name}`,
    }));
    const second = await chat.create({ messages: [...HI, message, ...results], ...asked });
    // Anthropic's language has all results of a turn in one message.
    const before = upstream === 'ant' ? '[tool result: result of get_weather] ' : '';
    const said = `Hello from Tollgate. You said: ${before}[tool result: result of get_time]`;
    assert.equal(second.choices[0].message.content, said);
    assert.equal(second.choices[0].finish_reason, 'stop');
  });

  test(name('the arguments of parallel tools are streamed in pieces'), async () => {
    const asked = { model: `${model}?tool=${NAMES}`, messages: HI, tools: FUNCTIONS };
    const calls = [];
    const pieces = [0, 0];
    for await (const chunk of await chat.create({ stream: true, ...asked })) {
      for (const part of chunk.choices[0]?.delta.tool_calls ?? []) {
        if (part.id) {
          assert.equal(calls[part.index], undefined);
          calls[part.index] = { id: part.id, name: part.function.name, arguments: '' };
        }
        if (part.function.arguments) {
          calls[part.index].arguments += part.function.arguments;
          pieces[part.index] += 1;
        }
      }
    }
    assert.deepEqual(calls.map((call) => call.name), NAMES);
    assert.deepEqual(calls.map((call) => JSON.parse(call.arguments)), WANTED);
    assert.notEqual(calls[0].id, calls[1].id);
    assert.deepEqual(pieces, [2, 2]);
    const answer = await chat.stream({ ...asked, stream_options: { include_usage: true } }).finalChatCompletion();
    checkCalls(answer.choices[0].message.tool_calls);
    assert.equal(answer.choices[0].finish_reason, 'tool_calls');
    checkUsage(answer.usage, 1 + toolTokens(), allCallTokens());
  });

  test(name('the tool runner goes through the loop by itself'), async () => {
    const askedFor = [];
    const runner = chat.runTools({
      model: `${model}?tool=get_time`,
      messages: HI,
      tools: [
        {
          type: 'function',
          function: {
            name: 'get_time',
            description: 'The time in a zone.',
            parameters: TOOLS[1].schema,
            parse: JSON.parse,
            function: ({ zone }) => {
              askedFor.push(zone);
              return 'noon';
            },
          },
        },
      ],
    });
    assert.equal(await runner.finalContent(), 'Hello from Tollgate. You said: [tool result: noon]');
    assert.deepEqual(askedFor, ['example']);
  });

  test(name('a picture is seen'), async () => {
    const answer = await chat.create({ model, messages: PICTURE });
    assert.equal(answer.choices[0].message.content, 'Hello from Tollgate. You said: What is this? [image]');
    checkUsage(answer.usage, 3 + IMAGE_TOKENS, 9);
    const mirrored = await chat.create({ model: mirror, messages: PICTURE });
    const { content } = seen(mirrored.choices[0].message.content).body.messages[0];
    const source = { type: 'base64', media_type: 'image/png', data: PIXEL };
    const image = upstream === 'ant' ? { type: 'image', source } : PICTURE[0].content[1];
    assert.deepEqual(content, [{ type: 'text', text: 'What is this?' }, image]);
  });

  test(name('a schema shapes the answer'), async () => {
    const asked = { model, messages: HI, response_format: zodResponseFormat(Report, 'report') };
    const answer = await chat.parse(asked);
    assert.deepEqual(answer.choices[0].message.parsed, REPORT);
    assert.equal(answer.choices[0].finish_reason, 'stop');
    const streamed = await chat.stream(asked).finalChatCompletion();
    assert.deepEqual(streamed.choices[0].message.parsed, REPORT);
    const mirrored = await chat.create({ ...asked, model: mirror });
    const { body } = seen(mirrored.choices[0].message.content);
    const { schema } = asked.response_format.json_schema;
    if (upstream === 'ant') assert.deepEqual(body.output_config, { format: { type: 'json_schema', schema } });
    else assert.deepEqual(body.response_format, JSON.parse(JSON.stringify(asked.response_format)));
  });

  test(name('reasoning comes back and its signature survives the round trip'), async () => {
    const answer = await chat.create({ model: `${model}?think=20`, messages: HI });
    const { message } = answer.choices[0];
    assert.equal(message.content, HELLO);
    assert.equal(message.reasoning_content, THOUGHT);
    assert.deepEqual(message.thinking_blocks, [THINKING]);
    checkUsage(answer.usage, 1, tokens(HELLO) + 20, 20);
    const history = [...HI, message, { role: 'user', content: 'go on' }];
    const mirrored = await chat.create({ model: mirror, messages: history });
    const returned = seen(mirrored.choices[0].message.content).body.messages[1];
    const blocks = [THINKING, { type: 'text', text: HELLO }];
    assert.deepEqual(returned, upstream === 'ant' ? { role: 'assistant', content: blocks } : message);
  });

  test(name('reasoning is streamed before the text'), async () => {
    let [thought, said, signature] = ['', '', ''];
    for await (const chunk of await chat.create({ model: `${model}?think=20`, messages: HI, stream: true })) {
      const { delta } = chunk.choices[0];
      if (delta.reasoning_content) assert.equal(said, '');
      thought += delta.reasoning_content ?? '';
      said += delta.content ?? '';
      for (const block of delta.thinking_blocks ?? []) signature += block.signature ?? '';
    }
    assert.deepEqual([thought, said, signature], [THOUGHT, HELLO, SIGNATURE]);
  });

  test(name('several choices come from who can give them'), async () => {
    if (upstream === 'ant') {
      await assert.rejects(chat.create({ model, messages: HI, n: 2 }), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError);
        assert.equal(error.param, 'n');
        return true;
      });
      return;
    }
    const answer = await chat.create({ model, messages: HI, n: 3 });
    assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1, 2]);
    assert.deepEqual(answer.choices.map((choice) => choice.message.content), [HELLO, HELLO, HELLO]);
  });

  test(name('what the other language cannot say is reported and the rest passes'), async () => {
    const asked = { model: mirror, messages: HI, seed: 7, stop: ['END'], of_tomorrow: [1, 2.5] };
    const { data, response } = await chat.create(asked).withResponse();
    const { body } = seen(data.choices[0].message.content);
    const changed = response.headers.get('x-tollgate-changed');
    if (upstream === 'ant') {
      assert.deepEqual(body.stop_sequences, ['END']);
      assert.deepEqual(changed.split(/, ?/).sort(), ['dropped;of_tomorrow', 'dropped;seed']);
    } else {
      assert.deepEqual(body, { ...asked, model: 'm' });
      assert.equal(changed, null);
    }
  });

  test(name('the key may stand in another header'), async () => {
    const headers = { Authorization: null, 'x-api-key': KEY };
    const answer = await chat.create({ model, messages: HI }, { headers });
    assert.equal(answer.choices[0].message.content, HELLO);
  });
}
