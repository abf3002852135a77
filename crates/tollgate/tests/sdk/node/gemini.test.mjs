// The @google/genai package against each kind of upstream: one that speaks Gemini itself (`gem`), and the other
// languages, translated (`oai`, `ant` and `chat`).

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  HELLO, KEY, NAMES, PIXEL, REPORT, SYSTEM, THOUGHT, TOOLS, URL, WANTED, callTokens, installed, seen, tokens,
} from './words.mjs';

const { ApiError, FinishReason, FunctionCallingConfigMode, GoogleGenAI, Type } = installed('@google/genai');

const connect = (key, more) =>
  new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: URL, timeout: 20_000, retryOptions: { attempts: 1 } }, ...more });
const client = connect(KEY);
const { models } = client;
const TOOLBOX = [
  {
    functionDeclarations: TOOLS.map(({ name, description, schema }) => ({
      name, description, parametersJsonSchema: schema,
    })),
  },
];

// The package wants a name of one segment of a path, and writes it as it is.
const programmed = (upstream, program) => `${upstream}/tollgate/mock${encodeURIComponent(`?${program}`)}`;

function checkCalls(calls) {
  assert.deepEqual(calls.map((call) => call.name), NAMES);
  assert.deepEqual(calls.map((call) => call.args), WANTED);
}

async function all(stream) {
  const chunks = [];
  for await (const chunk of await stream) chunks.push(chunk);
  return chunks;
}

async function raised(promise) {
  const error = await promise.then(
    () => assert.fail('nothing was raised'),
    (error) => error,
  );
  assert.ok(error instanceof ApiError, `${error.constructor.name}: ${error.message}`);
  return error;
}

function check(error, status, word, words) {
  assert.equal(error.status, status);
  const told = JSON.parse(error.message).error;
  assert.equal(told.status, word);
  assert.ok(told.message.includes(words), told.message);
  assert.match(told.tollgate_code, /^TG-/);
}

for (const upstream of ['gem', 'oai', 'ant', 'chat']) {
  const model = `${upstream}/tollgate/mock`;
  const name = (text) => `gemini to ${upstream}: ${text}`;

  test(name('a text is answered with text, reason and usage'), async () => {
    const config = { systemInstruction: SYSTEM, temperature: 0.5 };
    const answer = await models.generateContent({ model, contents: 'hi', config });
    assert.deepEqual([answer.text, answer.modelVersion], [HELLO, model]);
    assert.equal(answer.candidates[0].finishReason, FinishReason.STOP);
    const usage = answer.usageMetadata;
    assert.equal(usage.promptTokenCount, tokens(SYSTEM) + 1);
    assert.equal(usage.candidatesTokenCount, tokens(HELLO));
    assert.equal(usage.totalTokenCount, tokens(SYSTEM) + 1 + tokens(HELLO));
  });

  test(name('a stream brings the text in pieces and the usage last'), async () => {
    const chunks = await all(models.generateContentStream({ model, contents: 'hi' }));
    const pieces = chunks.map((chunk) => chunk.text).filter(Boolean);
    assert.equal(pieces.length, tokens(HELLO));
    assert.equal(pieces.join(''), HELLO);
    const reasons = chunks.map((chunk) => chunk.candidates?.[0].finishReason).filter(Boolean);
    assert.deepEqual(reasons, [FinishReason.STOP]);
    assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, tokens(HELLO));
  });

  test(name('the limit of tokens shortens the answer'), async () => {
    const answer = await models.generateContent({ model, contents: 'hi', config: { maxOutputTokens: 3 } });
    assert.equal(answer.text, 'Hello from Tollgate.');
    assert.equal(answer.candidates[0].finishReason, FinishReason.MAX_TOKENS);
  });

  test(name('parallel tools are called, answered and followed by text'), async () => {
    const asked = { model: programmed(upstream, `tool=${NAMES}`), config: { tools: TOOLBOX } };
    const first = await models.generateContent({ ...asked, contents: 'hi' });
    checkCalls(first.functionCalls);
    const said = WANTED.map(callTokens).reduce((left, right) => left + right);
    assert.equal(first.usageMetadata.candidatesTokenCount, said);
    const results = NAMES.map((name) => ({ functionResponse: { name, response: { output: `result of ${name}` } } }));
    const contents = [
      { role: 'user', parts: [{ text: 'hi' }] },
      first.candidates[0].content,
      { role: 'user', parts: results },
    ];
    const second = await models.generateContent({ ...asked, contents });
    assert.match(second.text, /result of get_time/);
    assert.equal(second.functionCalls, undefined);
  });

  test(name('calls are streamed whole'), async () => {
    const asked = { model: programmed(upstream, `tool=${NAMES}`), contents: 'hi', config: { tools: TOOLBOX } };
    const chunks = await all(models.generateContentStream(asked));
    checkCalls(chunks.flatMap((chunk) => chunk.functionCalls ?? []));
  });

  test(name('a tool that is demanded is called'), async () => {
    const demand = { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ['get_weather'] };
    const config = { tools: TOOLBOX, toolConfig: { functionCallingConfig: demand } };
    const answer = await models.generateContent({ model, contents: 'hi', config });
    assert.deepEqual(answer.functionCalls.map((call) => [call.name, call.args]), [['get_weather', WANTED[0]]]);
  });

  test(name('a chat keeps what was said'), async () => {
    const chat = client.chats.create({ model: programmed(upstream, 'think=20') });
    assert.equal((await chat.sendMessage({ message: 'hi' })).text, HELLO);
    const chunks = await all(chat.sendMessageStream({ message: 'again' }));
    assert.equal(chunks.map((chunk) => chunk.text ?? '').join(''), 'Hello from Tollgate. You said: again');
    assert.equal((await chat.sendMessage({ message: 'third' })).text, 'Hello from Tollgate. You said: third');
  });

  test(name('a picture is seen'), async () => {
    const contents = ['What is this?', { inlineData: { mimeType: 'image/png', data: PIXEL } }];
    const answer = await models.generateContent({ model, contents });
    assert.equal(answer.text, 'Hello from Tollgate. You said: What is this? [image]');
  });

  test(name('a schema in either of its forms shapes the answer'), async () => {
    const properties = { city: { type: Type.STRING }, days: { type: Type.INTEGER } };
    const unit = { type: Type.STRING, enum: ['celsius', 'kelvin'] };
    const required = ['city', 'days', 'unit'];
    const responseSchema = { type: Type.OBJECT, properties: { ...properties, unit }, required };
    const responseJsonSchema = JSON.parse(JSON.stringify(responseSchema).replace(/"[A-Z]+"/g, (word) => word.toLowerCase()));
    for (const schema of [{ responseSchema }, { responseJsonSchema }]) {
      const config = { responseMimeType: 'application/json', ...schema };
      const answer = await models.generateContent({ model, contents: 'hi', config });
      assert.deepEqual(JSON.parse(answer.text), REPORT);
    }
  });

  test(name('tokens are counted'), async () => {
    const { totalTokens } = await models.countTokens({ model, contents: 'hi' });
    assert.ok(totalTokens > 0);
  });

  test(name('a failure is raised'), async () => {
    const model = programmed(upstream, 'fail=500&tokens=72');
    check(await raised(models.generateContent({ model, contents: 'hi' })), 500, 'INTERNAL', 'mock fails as programmed');
    assert.equal((await raised(all(models.generateContentStream({ model, contents: 'hi' })))).status, 500);
  });

  test(name('a rate limit is raised'), async () => {
    const model = `${upstream}-mirror/busy-node-gemini`;
    const error = await raised(models.generateContent({ model, contents: 'hi' }));
    check(error, 429, 'RESOURCE_EXHAUSTED', 'slow down');
    const details = JSON.parse(error.message).error.details;
    assert.ok(details.some((detail) => detail.retryDelay === '7s'));
  });

  test(name('a stream that breaks off raises after what was said'), async () => {
    let said = '';
    const read = async () => {
      const asked = { model: programmed(upstream, 'cut=70%&tokens=172'), contents: 'hi' };
      for await (const chunk of await models.generateContentStream(asked)) said += chunk.text ?? '';
    };
    await assert.rejects(read(), /broke off/);
    assert.ok(said.startsWith('the gateway stands between'), said);
  });
}

test('gemini: a proof goes back to the language that made it', async () => {
  const answer = await models.generateContent({ model: programmed('ant', 'think=20'), contents: 'hi' });
  const contents = [
    { role: 'user', parts: [{ text: 'hi' }] },
    answer.candidates[0].content,
    { role: 'user', parts: [{ text: 'go on' }] },
  ];
  const mirrored = await models.generateContent({ model: 'ant-mirror/m', contents });
  const [, turn] = seen(mirrored.text).body.messages;
  assert.deepEqual(turn.content[0], { type: 'thinking', thinking: THOUGHT, signature: 'mock-signature-20' });
});

test('gemini: what is wrong is told', async () => {
  check(await raised(models.generateContent({ model: 'smrt', contents: 'hi' })), 404, 'NOT_FOUND', '`smart`');
  const stranger = connect('tg-wrong').models.generateContent({ model: 'smart', contents: 'hi' });
  check(await raised(stranger), 401, 'UNAUTHENTICATED', 'key');
});

test('gemini: models are listed and retrieved', async () => {
  const names = (await all(models.list())).map((model) => model.name);
  for (const wanted of ['models/smart', 'models/wise']) assert.ok(names.includes(wanted), wanted);
  assert.deepEqual((await all(models.list({ config: { pageSize: 7 } }))).map((model) => model.name), names);
  assert.equal((await raised(models.list({ config: { pageToken: 'nothing' } }))).status, 400);
  assert.equal((await models.get({ model: 'smart' })).name, 'models/smart');
  assert.equal((await raised(models.get({ model: 'nothing' }))).status, 404);
});

test('gemini: the client for Vertex is answered too', async () => {
  const vertex = connect(KEY, { vertexai: true });
  const asked = { model: 'smart', contents: 'hi' };
  assert.equal((await vertex.models.generateContent(asked)).text, HELLO);
  const chunks = await all(vertex.models.generateContentStream(asked));
  assert.equal(chunks.map((chunk) => chunk.text ?? '').join(''), HELLO);
  assert.ok((await vertex.models.countTokens(asked)).totalTokens > 0);
});
