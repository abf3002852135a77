// Reads translated answers with the provider's own package: `read.mjs LANGUAGE URL`, and on standard input one line for
// each, `NUMBER whole` or `NUMBER stream`. At URL, who asks for the model `read-NUMBER` is given that answer. What the
// package makes of it is printed, one object of JSON a line.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const installed = createRequire(`${process.env.TOLLGATE_SDK_NODE}/package.json`);
const [language, url] = process.argv.slice(2);
const messages = [{ role: 'user', content: 'hi' }];
const joined = (texts) => texts.map((text) => text ?? '').join('');

function openaiChat() {
  const client = new (installed('openai'))({ baseURL: `${url}/v1`, apiKey: 'key', maxRetries: 0, timeout: 20_000 });
  const used = (usage) => usage && [usage.prompt_tokens, usage.completion_tokens];
  const calls = (message) => (message.tool_calls ?? []).map((call) => [call.function.name, call.function.arguments]);
  const read = ({ choices: [{ message }], usage }) => ({
    text: joined([message.content, message.refusal]),
    thinking: message.reasoning_content ?? '',
    calls: calls(message),
    usage: used(usage),
  });
  return {
    whole: async (model) => read(await client.chat.completions.create({ model, messages })),
    stream: async (model) => {
      const stream = await client.chat.completions.create({ model, messages, stream: true });
      let [text, thinking, usage] = ['', '', null];
      const called = new Map();
      for await (const chunk of stream) {
        usage = used(chunk.usage) ?? usage;
        for (const { delta } of chunk.choices.filter((choice) => choice.index === 0)) {
          text += joined([delta.content, delta.refusal]);
          thinking += delta.reasoning_content ?? '';
          for (const piece of delta.tool_calls ?? []) {
            const [name, before] = called.get(piece.index) ?? ['', ''];
            called.set(piece.index, [name + (piece.function.name ?? ''), before + (piece.function.arguments ?? '')]);
          }
        }
      }
      return { text, thinking, calls: [...called.values()], usage };
    },
  };
}

function openaiResponses() {
  const client = new (installed('openai'))({ baseURL: `${url}/v1`, apiKey: 'key', maxRetries: 0, timeout: 20_000 });
  const of = (answer, kind) => answer.output.filter((item) => item.type === kind);
  const read = (answer) => ({
    text: joined(of(answer, 'message').flatMap((item) => item.content.map((part) => part.text ?? part.refusal))),
    thinking: joined(
      of(answer, 'reasoning').flatMap(({ content, summary }) => (content?.length ? content : summary).map((part) => part.text)),
    ),
    calls: of(answer, 'function_call').map((item) => [item.name, item.arguments]),
    usage: answer.usage && [answer.usage.input_tokens, answer.usage.output_tokens],
  });
  return {
    whole: async (model) => read(await client.responses.create({ model, input: 'hi' })),
    stream: async (model) => read(await client.responses.stream({ model, input: 'hi' }).finalResponse()),
  };
}

function anthropic() {
  const client = new (installed('@anthropic-ai/sdk'))({ baseURL: url, apiKey: 'key', maxRetries: 0, timeout: 20_000 });
  const of = (message, kind) => message.content.filter((block) => block.type === kind);
  const read = (message) => ({
    text: joined(of(message, 'text').map((block) => block.text)),
    thinking: joined(of(message, 'thinking').map((block) => block.thinking)),
    calls: of(message, 'tool_use').map((block) => [block.name, block.input]),
    usage: [
      message.usage.input_tokens +
        (message.usage.cache_read_input_tokens ?? 0) +
        (message.usage.cache_creation_input_tokens ?? 0),
      message.usage.output_tokens,
    ],
  });
  return {
    whole: async (model) => read(await client.messages.create({ model, messages, max_tokens: 64 })),
    stream: async (model) => read(await client.messages.stream({ model, messages, max_tokens: 64 }).finalMessage()),
  };
}

function gemini() {
  const { GoogleGenAI } = installed('@google/genai');
  const client = new GoogleGenAI({ apiKey: 'key', httpOptions: { baseUrl: url, timeout: 20_000 } });
  const contents = 'hi';
  const read = (answers) => {
    const heard = { text: '', thinking: '', calls: [], usage: null };
    for (const { candidates, usageMetadata: told } of answers) {
      // A piece of a stream may be one of another candidate.
      const first = candidates?.find((candidate) => !candidate.index);
      for (const part of first?.content?.parts ?? []) {
        if (part.functionCall) heard.calls.push([part.functionCall.name, part.functionCall.args]);
        else if (part.thought) heard.thinking += part.text ?? '';
        else heard.text += part.text ?? '';
      }
      const sum = (...counts) => counts.reduce((sum, count) => sum + (count ?? 0), 0);
      if (told) {
        heard.usage = [
          sum(told.promptTokenCount, told.toolUsePromptTokenCount),
          sum(told.candidatesTokenCount, told.thoughtsTokenCount),
        ];
      }
    }
    return heard;
  };
  return {
    whole: async (model) => read([await client.models.generateContent({ model, contents })]),
    stream: async (model) => {
      const chunks = [];
      for await (const chunk of await client.models.generateContentStream({ model, contents })) chunks.push(chunk);
      return read(chunks);
    },
  };
}

const readers = { anthropic, gemini, openai_chat: openaiChat, openai_responses: openaiResponses };
const reader = readers[language]();
for await (const line of createInterface({ input: process.stdin })) {
  const [number, form] = line.split(' ');
  // Whatever a package throws is what its callers would get.
  const read = await reader[form](`read-${number}`).catch((error) => ({ error: `${error}` }));
  console.log(JSON.stringify({ number: Number(number), ...read }));
}
