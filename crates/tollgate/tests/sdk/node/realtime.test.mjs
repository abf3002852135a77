// Realtime sessions, by the openai package and `ws` below it.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';

import { KEY, OpenAI, URL, installed } from './words.mjs';

const { OpenAIRealtimeWS } = installed('openai/realtime/ws');
// The package insists on `wss`, whatever the base URL says; the gateway under test has no certificate.
const options = { createConnection: ({ host, port }) => connect(port, host) };
const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY });

// The events that a session brings until one of this type.
function until(last, begin) {
  return new Promise((resolve, reject) => {
    const session = new OpenAIRealtimeWS({ model: 'talk/gpt-realtime', options }, client);
    const events = [];
    session.on('error', reject);
    session.on('event', (event) => {
      events.push(event);
      if (event.type === 'session.created') begin(session);
      if (event.type !== last) return;
      session.close();
      resolve(events);
    });
  });
}

test('a session answers', async () => {
  const events = await until('response.done', (session) => {
    session.send({ type: 'response.create', response: { instructions: 'say this' } });
  });
  const kinds = events.map((event) => event.type);
  const expected = ['created', 'output_text.delta', 'output_text.done', 'done'].map((kind) => `response.${kind}`);
  assert.deepEqual(kinds, ['session.created', ...expected]);
  assert.equal(events[2].delta, 'say this');
  assert.equal(events[4].response.usage.total_tokens, 30);
});

test('what a session does not know is an error', async () => {
  const asked = until('never', (session) => session.send({ type: 'input_audio_buffer.clear' }));
  await assert.rejects(asked, /input_audio_buffer.clear/);
});
