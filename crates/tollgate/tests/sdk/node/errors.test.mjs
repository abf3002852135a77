// What each client raises when something is wrong, and the listing of models as each client reads it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Anthropic, HI, KEY, LIMITED_KEY, LIMITED_URL, OpenAI, UPSTREAMS, URL } from './words.mjs';

const CLIENTS = {
  openai: {
    sdk: OpenAI,
    other: 'ant',
    connect: (url, key) => new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 20_000 }),
    ask: (client, model, more) => client.chat.completions.create({ model, messages: HI, ...more }),
    told: (error) => error.error,
    text: (event) => event.choices[0]?.delta.content ?? '',
  },
  anthropic: {
    sdk: Anthropic,
    other: 'oai',
    connect: (url, key) => new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, timeout: 20_000 }),
    ask: (client, model, more) => client.messages.create({ model, max_tokens: 100, messages: HI, ...more }),
    told: (error) => error.error.error,
    text: (event) => (event.type === 'content_block_delta' ? event.delta.text : ''),
  },
};

for (const [package_, { sdk, other, connect, ask, told, text }] of Object.entries(CLIENTS)) {
  const client = connect(URL, KEY);
  const name = (words) => `${package_}: ${words}`;
  const isOpenAI = package_ === 'openai';

  async function raised(kind, promise) {
    const error = await promise.then(
      () => assert.fail('nothing was raised'),
      (error) => error,
    );
    assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
    return error;
  }

  function check(error, status, type, words) {
    assert.equal(error.status, status);
    assert.ok(error.message.includes(words), error.message);
    assert.equal(told(error).type, type);
    assert.equal(told(error).tollgate_code, error.headers.get('x-tollgate-code'));
    assert.equal(error.requestID, error.headers.get('request-id'));
  }

  test(name('an unknown model is not found and its nearest name is told'), async () => {
    const error = await raised(sdk.NotFoundError, ask(client, 'smrt'));
    check(error, 404, isOpenAI ? 'invalid_request_error' : 'not_found_error', '`smart`');
    if (isOpenAI) assert.deepEqual([error.code, error.param], ['model_not_found', 'model']);
    for (const upstream of UPSTREAMS) await raised(sdk.NotFoundError, ask(client, `${upstream}/nothing`));
  });

  test(name('a wrong key is an authentication error'), async () => {
    const error = await raised(sdk.AuthenticationError, ask(connect(URL, 'tg-wrong'), 'smart'));
    check(error, 401, isOpenAI ? 'invalid_request_error' : 'authentication_error', 'key');
  });

  test(name('a body that is wrong is a bad request that names the field'), async () => {
    const messages = [{ role: 'nobody', content: 'hi' }];
    const error = await raised(sdk.BadRequestError, ask(client, `${other}/tollgate/mock`, { messages }));
    check(error, 400, 'invalid_request_error', 'messages[0].role');
    const worse = await raised(sdk.BadRequestError, ask(client, 'smart', { messages: 'hi' }));
    check(worse, 400, 'invalid_request_error', '`messages`');
  });

  test(name("the gateway's own limit is a rate limit error that says when to come back"), async () => {
    const limited = connect(LIMITED_URL, LIMITED_KEY);
    const thrice = async () => {
      for (let time = 0; time < 3; time += 1) await ask(limited, 'tollgate/mock');
    };
    const error = await raised(sdk.RateLimitError, thrice());
    check(error, 429, 'rate_limit_error', 'limit');
    const seconds = Number(error.headers.get('retry-after'));
    assert.ok(seconds >= 1 && seconds <= 60, `${seconds}`);
  });

  for (const upstream of UPSTREAMS) {
    test(name(`a rate limit of ${upstream} says when to come back`), async () => {
      const error = await raised(sdk.RateLimitError, ask(client, `${upstream}-mirror/busy-node-${package_}`));
      check(error, 429, 'rate_limit_error', 'slow down');
      assert.equal(error.headers.get('retry-after'), '7');
    });

    test(name(`an overload of ${upstream} is not the caller's rate limit`), async () => {
      const error = await raised(sdk.InternalServerError, ask(client, `${upstream}-mirror/full-node-${package_}`));
      const [status, type] = upstream === 'oai' ? [503, 'api_error'] : [529, 'overloaded_error'];
      check(error, status, isOpenAI ? 'server_error' : type, 'the house is full');
    });

    test(name(`a failure of ${upstream} is an internal server error`), async () => {
      const model = `${upstream}/tollgate/mock?fail=500&tokens=${isOpenAI ? 3 : 4}`;
      const error = await raised(sdk.InternalServerError, ask(client, model));
      check(error, 500, isOpenAI ? 'server_error' : 'api_error', 'mock fails as programmed');
    });

    test(name(`a stream of ${upstream} that breaks off raises after what was said`), async () => {
      const model = `${upstream}/tollgate/mock?cut=70%&tokens=${isOpenAI ? 102 : 103}`;
      let said = '';
      const read = async () => {
        for await (const event of await ask(client, model, { stream: true })) said += text(event);
      };
      const error = await raised(sdk.APIError, read());
      assert.ok(said.startsWith('the gateway stands between'), said);
      assert.ok(error.message.includes('broke off'), error.message);
    });
  }

  test(name('models are listed and retrieved'), async () => {
    const listed = new Map();
    for await (const model of client.models.list()) {
      assert.ok(!listed.has(model.id));
      listed.set(model.id, model);
    }
    for (const id of ['smart', 'wise', 'oai/gpt-4o', 'ant/claude-opus-4-5']) {
      assert.ok(listed.has(id), id);
      assert.deepEqual({ ...(await client.models.retrieve(id)) }, { ...listed.get(id) });
    }
    if (!isOpenAI) {
      const paged = [];
      for await (const model of client.models.list({ limit: 7 })) paged.push(model.id);
      assert.deepEqual(paged, [...listed.keys()]);
      await raised(sdk.BadRequestError, client.models.list({ limit: 0 }));
    }
    const smart = listed.get('smart');
    if (isOpenAI) assert.deepEqual([smart.object, smart.owned_by], ['model', 'oai']);
    else assert.deepEqual([smart.type, smart.display_name], ['model', 'smart']);
    await raised(sdk.NotFoundError, client.models.retrieve('nothing'));
  });
}
