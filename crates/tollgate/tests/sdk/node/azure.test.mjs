// The openai package's class for deployments: the model's name stands in the path, the key in a header of its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HELLO, HI, KEY, OpenAI, UPSTREAMS, URL, installed } from './words.mjs';

const { AzureOpenAI } = installed('openai');
const options = { endpoint: URL, apiKey: KEY, apiVersion: '2024-10-21', maxRetries: 0, timeout: 20_000 };

for (const upstream of UPSTREAMS) {
  test(`a deployment is the model, of ${upstream}`, async () => {
    const model = `${upstream}/tollgate/mock`;
    const answer = await new AzureOpenAI(options).chat.completions.create({ model, messages: HI });
    assert.deepEqual([answer.model, answer.choices[0].message.content], [model, HELLO]);
    const client = new AzureOpenAI({ ...options, deployment: model });
    let said = '';
    const stream = await client.chat.completions.create({ model: 'gpt-4o', messages: HI, stream: true });
    for await (const chunk of stream) said += chunk.choices[0]?.delta.content ?? '';
    assert.equal(said, HELLO);
  });
}

test('texts are embedded, and an error is the one that is expected', async () => {
  const client = new AzureOpenAI(options);
  const answer = await client.embeddings.create({ model: 'oai/tollgate/mock', input: ['a', 'b'], dimensions: 8 });
  assert.deepEqual(answer.data.map((item) => item.embedding.length), [8, 8]);
  await assert.rejects(client.chat.completions.create({ model: 'nobody', messages: HI }), OpenAI.NotFoundError);
});
