// Files and batches, by the packages of the providers that keep them.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Anthropic, KEY, OpenAI, URL } from './words.mjs';

const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY, maxRetries: 0, timeout: 20_000 });
const claude = new Anthropic({ baseURL: URL, apiKey: KEY, maxRetries: 0, timeout: 20_000 });
// Several providers keep files in each language: which one is meant has to be said where no id says it.
const atOpenAI = { headers: { 'x-tollgate-provider': 'keep' } };
const atAnthropic = { headers: { 'x-tollgate-provider': 'keep-ant' } };
const WORDS = ['one', 'two'];

async function all(list) {
  const items = [];
  for await (const item of list) items.push(item);
  return items;
}

test('a file is uploaded, listed, read and deleted', async () => {
  const file = new File(['first\nsecond'], 'a.jsonl');
  const made = await client.files.create({ file, purpose: 'batch' }, atOpenAI);
  assert.equal(made.filename, 'a.jsonl');
  assert.equal((await client.files.retrieve(made.id)).id, made.id);
  assert.equal(await (await client.files.content(made.id)).text(), 'first\nsecond');
  const listed = await all(client.files.list({}, atOpenAI));
  assert.ok(listed.some((one) => one.id === made.id));
  assert.ok((await client.files.delete(made.id)).deleted);
  await assert.rejects(client.files.retrieve(made.id), OpenAI.NotFoundError);
});

test('a batch is made, followed and its output read', async () => {
  const requests = WORDS.map((word) => ({
    custom_id: word,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'gpt-4o-mini', messages: [{ role: 'user', content: word }] },
  }));
  const text = requests.map((request) => `${JSON.stringify(request)}\n`).join('');
  const input = await client.files.create({ file: new File([text], 'a.jsonl'), purpose: 'batch' }, atOpenAI);
  const batch = await client.batches.create({
    input_file_id: input.id, endpoint: '/v1/chat/completions', completion_window: '24h',
  });
  assert.equal(batch.input_file_id, input.id);
  const done = await client.batches.retrieve(batch.id);
  assert.equal(done.status, 'completed');
  const output = await (await client.files.content(done.output_file_id)).text();
  const answers = output.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(answers.map((answer) => answer.response.body.choices[0].message.content), WORDS);
  const listed = await all(client.batches.list({}, atOpenAI));
  assert.ok(listed.some((one) => one.id === batch.id));
  assert.equal((await client.batches.cancel(batch.id)).id, batch.id);
});

test('a batch of messages is made, followed and its results streamed', async () => {
  const requests = WORDS.map((word) => ({
    custom_id: word,
    params: { model: 'claude-haiku-4-5', max_tokens: 9, messages: [{ role: 'user', content: word }] },
  }));
  const batch = await claude.messages.batches.create({ requests }, atAnthropic);
  assert.equal((await claude.messages.batches.retrieve(batch.id)).processing_status, 'ended');
  const results = await all(await claude.messages.batches.results(batch.id));
  assert.deepEqual(results.map((result) => result.result.message.content[0].text), WORDS);
  const listed = await all(claude.messages.batches.list({}, atAnthropic));
  assert.ok(listed.some((one) => one.id === batch.id));
  assert.equal((await claude.messages.batches.delete(batch.id)).id, batch.id);
});
