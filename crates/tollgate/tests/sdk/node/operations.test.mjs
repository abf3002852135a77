// The openai package, where there is no conversation. The provider speaks OpenAI's language itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HELLO, KEY, OpenAI, PIXEL, URL, tokens } from './words.mjs';

const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY, maxRetries: 0, timeout: 20_000 });
const model = 'oai/tollgate/mock';

async function all(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

test('embeddings come as numbers though the client asks for base64', async () => {
  const answer = await client.embeddings.create({ model, input: ['the cat sat', 'the cat ran'], dimensions: 32 });
  assert.equal(answer.model, model);
  assert.deepEqual(answer.data.map((item) => item.embedding.length), [32, 32]);
  const length = Math.hypot(...answer.data[0].embedding);
  assert.ok(Math.abs(length - 1) < 1e-5);
  assert.deepEqual(answer.usage, { prompt_tokens: 6, total_tokens: 6 });
  const plain = await client.embeddings.create({ model, input: 'the cat sat', dimensions: 32, encoding_format: 'float' });
  plain.data[0].embedding.forEach((number, index) => {
    assert.ok(Math.abs(number - answer.data[0].embedding[index]) < 1e-6);
  });
});

test('a completion goes on whole and streamed', async () => {
  const answer = await client.completions.create({ model, prompt: 'hi' });
  assert.equal(answer.choices[0].text, HELLO);
  assert.equal(answer.usage.completion_tokens, tokens(HELLO));
  const chunks = await all(await client.completions.create({ model, prompt: 'hi', stream: true }));
  assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(''), HELLO);
});

test('content is judged by category', async () => {
  const answer = await client.moderations.create({ model, input: ['a kind word', 'violence'] });
  assert.deepEqual(answer.results.map((result) => result.flagged), [false, true]);
});

test('images are drawn, edited and streamed', async () => {
  const answer = await client.images.generate({ model, prompt: 'a dot', n: 2 });
  assert.deepEqual(answer.data.map((image) => image.b64_json), [PIXEL, PIXEL]);
  const image = new File([Buffer.from(PIXEL, 'base64')], 'a.png', { type: 'image/png' });
  const edited = await client.images.edit({ model, prompt: 'a dot', image });
  assert.equal(edited.data[0].b64_json, PIXEL);
  const events = await all(await client.images.generate({ model, prompt: 'a dot', stream: true, partial_images: 1 }));
  assert.deepEqual(events.map((event) => event.type), ['image_generation.partial_image', 'image_generation.completed']);
});

test('sound goes out and comes in', async () => {
  const speech = await client.audio.speech.create({ model, voice: 'alloy', input: 'hi' });
  assert.equal(speech.headers.get('content-type'), 'audio/wav');
  const sound = Buffer.from(await speech.arrayBuffer());
  assert.equal(sound.subarray(0, 4).toString(), 'RIFF');
  const file = () => new File([sound], 'beep.wav', { type: 'audio/wav' });
  const heard = `I heard ${sound.length} bytes.`;
  assert.equal((await client.audio.transcriptions.create({ model, file: file() })).text, heard);
  const subtitles = await client.audio.transcriptions.create({ model, file: file(), response_format: 'vtt' });
  assert.ok(subtitles.startsWith('WEBVTT'));
  const events = await all(await client.audio.transcriptions.create({ model, file: file(), stream: true }));
  assert.equal(events.at(-1).text, heard);
});

test('errors are the client\'s own', async () => {
  await assert.rejects(client.embeddings.create({ model: 'nobody', input: 'hi' }), OpenAI.NotFoundError);
  await assert.rejects(client.embeddings.create({ model: 'ant/tollgate/mock', input: 'hi' }), OpenAI.BadRequestError);
});
