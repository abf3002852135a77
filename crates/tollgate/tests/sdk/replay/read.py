"""Reads translated answers with the provider's own package: `read.py LANGUAGE URL`, and on standard input one line for
each, `NUMBER whole` or `NUMBER stream`. At URL, who asks for the model `read-NUMBER` is given that answer. What the
package makes of it is printed, one object of JSON a line."""

import json
import sys

LANGUAGE, URL = sys.argv[1:]
ASKED = "hi"
HI = [{"role": "user", "content": ASKED}]


def heard(text="", thinking="", calls=(), usage=None):
    return {"text": text, "thinking": thinking, "calls": list(calls), "usage": usage}


def joined(texts):
    return "".join(text or "" for text in texts)


def openai_chat():
    import openai

    client = openai.OpenAI(base_url=f"{URL}/v1", api_key="key", max_retries=0, timeout=20)

    def whole(model):
        answer = client.chat.completions.create(model=model, messages=HI)
        message = answer.choices[0].message
        calls = [(call.function.name, call.function.arguments) for call in message.tool_calls or []]
        used = answer.usage and (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        thinking = getattr(message, "reasoning_content", None)
        return heard(joined([message.content, message.refusal]), thinking or "", calls, used)

    def stream(model):
        text, thinking, calls, used = "", "", {}, None
        for chunk in client.chat.completions.create(model=model, messages=HI, stream=True):
            used = chunk.usage and (chunk.usage.prompt_tokens, chunk.usage.completion_tokens) or used
            for choice in chunk.choices:
                if choice.index != 0:
                    continue
                text += joined([choice.delta.content, choice.delta.refusal])
                thinking += getattr(choice.delta, "reasoning_content", None) or ""
                for piece in choice.delta.tool_calls or []:
                    call = calls.setdefault(piece.index, ["", ""])
                    call[0] += piece.function.name or ""
                    call[1] += piece.function.arguments or ""
        return heard(text, thinking, calls.values(), used)

    return whole, stream


def openai_responses():
    import openai

    client = openai.OpenAI(base_url=f"{URL}/v1", api_key="key", max_retries=0, timeout=20)

    def read(answer):
        text, thinking, calls = "", "", []
        for item in answer.output:
            if item.type == "message":
                text += joined(getattr(part, "text", None) or getattr(part, "refusal", "") for part in item.content)
            elif item.type == "reasoning":
                thinking += joined(part.text for part in item.content or item.summary)
            elif item.type == "function_call":
                calls.append((item.name, item.arguments))
        used = answer.usage and (answer.usage.input_tokens, answer.usage.output_tokens)
        return heard(text, thinking, calls, used)

    def whole(model):
        return read(client.responses.create(model=model, input=ASKED))

    def stream(model):
        with client.responses.create(model=model, input=ASKED, stream=True) as events:
            said, last = "", None
            for event in events:
                if event.type in ("response.output_text.delta", "response.refusal.delta"):
                    said += event.delta
                last = event
        final = read(last.response)
        assert said == final["text"], (said, final)
        return final

    return whole, stream


def anthropic():
    import anthropic

    client = anthropic.Anthropic(base_url=URL, api_key="key", max_retries=0, timeout=20)

    def read(message):
        text = joined(block.text for block in message.content if block.type == "text")
        thinking = joined(block.thinking for block in message.content if block.type == "thinking")
        calls = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
        used = message.usage
        read = (used.cache_read_input_tokens or 0) + (used.cache_creation_input_tokens or 0)
        return heard(text, thinking, calls, (used.input_tokens + read, used.output_tokens))

    def whole(model):
        return read(client.messages.create(model=model, max_tokens=64, messages=HI))

    def stream(model):
        with client.messages.stream(model=model, max_tokens=64, messages=HI) as events:
            return read(events.get_final_message())

    return whole, stream


def gemini():
    from google import genai
    from google.genai import types

    client = genai.Client(api_key="key", http_options=types.HttpOptions(base_url=URL, timeout=20_000))

    def read(answers):
        text, thinking, calls, used = "", "", [], None
        for answer in answers:
            # A piece of a stream may be one of another candidate.
            first = [candidate for candidate in answer.candidates or [] if not candidate.index]
            content = first and first[0].content
            for part in content and content.parts or []:
                if part.function_call:
                    calls.append((part.function_call.name, part.function_call.args))
                elif part.thought:
                    thinking += part.text or ""
                else:
                    text += part.text or ""
            if answer.usage_metadata:
                told = answer.usage_metadata
                asked = (told.prompt_token_count or 0) + (told.tool_use_prompt_token_count or 0)
                used = (asked, (told.candidates_token_count or 0) + (told.thoughts_token_count or 0))
        return heard(text, thinking, calls, used)

    def whole(model):
        return read([client.models.generate_content(model=model, contents=ASKED)])

    def stream(model):
        return read(client.models.generate_content_stream(model=model, contents=ASKED))

    return whole, stream


def bedrock():
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    quickly = Config(retries={"total_max_attempts": 1}, read_timeout=20, signature_version=UNSIGNED)
    client = boto3.client("bedrock-runtime", endpoint_url=URL, region_name="us-east-1", config=quickly)
    hi = [{"role": "user", "content": [{"text": ASKED}]}]

    def tokens(usage):
        read = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
        return usage["inputTokens"] + read, usage["outputTokens"]

    def whole(model):
        answer = client.converse(modelId=model, messages=hi)
        text, thinking, calls = "", "", []
        for block in answer["output"]["message"]["content"]:
            text += block.get("text", "")
            # What cites its sources says its words among them.
            text += "".join(part["text"] for part in block.get("citationsContent", {}).get("content", []))
            thinking += block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
            if "toolUse" in block:
                calls.append((block["toolUse"]["name"], block["toolUse"]["input"]))
        return heard(text, thinking, calls, tokens(answer["usage"]))

    def stream(model):
        text, thinking, calls, used = "", "", {}, None
        for event in client.converse_stream(modelId=model, messages=hi)["stream"]:
            if "contentBlockStart" in event:
                start = event["contentBlockStart"]
                calls[start["contentBlockIndex"]] = [start["start"]["toolUse"]["name"], ""]
            elif "contentBlockDelta" in event:
                delta = event["contentBlockDelta"]["delta"]
                text += delta.get("text", "")
                thinking += delta.get("reasoningContent", {}).get("text", "")
                if "toolUse" in delta:
                    calls[event["contentBlockDelta"]["contentBlockIndex"]][1] += delta["toolUse"]["input"]
            elif "metadata" in event:
                used = tokens(event["metadata"]["usage"])
        return heard(text, thinking, calls.values(), used)

    return whole, stream


def cohere():
    import cohere

    client = cohere.ClientV2(api_key="key", base_url=URL, timeout=20, log_warning_experimental_features=False)
    once = {"max_retries": 0}

    def tokens(usage):
        return int(usage.tokens.input_tokens), int(usage.tokens.output_tokens)

    def whole(model):
        answer = client.chat(model=model, messages=HI, request_options=once)
        parts = answer.message.content or []
        text = joined(part.text for part in parts if part.type == "text")
        thinking = joined([answer.message.tool_plan, *(part.thinking for part in parts if part.type == "thinking")])
        calls = [(call.function.name, call.function.arguments) for call in answer.message.tool_calls or []]
        return heard(text, thinking, calls, tokens(answer.usage))

    def stream(model):
        text, thinking, calls, used = "", "", [], None
        for event in client.chat_stream(model=model, messages=HI, request_options=once):
            if event.type == "content-delta":
                text += event.delta.message.content.text or ""
                thinking += event.delta.message.content.thinking or ""
            elif event.type == "tool-plan-delta":
                thinking += event.delta.message.tool_plan
            elif event.type == "tool-call-start":
                function = event.delta.message.tool_calls.function
                calls.append([function.name, function.arguments or ""])
            elif event.type == "tool-call-delta":
                calls[-1][1] += event.delta.message.tool_calls.function.arguments
            elif event.type == "message-end":
                used = tokens(event.delta.usage)
        return heard(text, thinking, calls, used)

    return whole, stream


def ollama():
    import ollama

    client = ollama.Client(host=URL, timeout=20)

    def read(answers):
        text, thinking, calls, used = "", "", [], None
        for answer in answers:
            text += answer.message.content or ""
            thinking += answer.message.thinking or ""
            calls += [(call.function.name, call.function.arguments) for call in answer.message.tool_calls or []]
            if answer.done:
                used = (answer.prompt_eval_count, answer.eval_count)
        return heard(text, thinking, calls, used)

    return lambda model: read([client.chat(model, HI)]), lambda model: read(client.chat(model, HI, stream=True))


def main():
    whole, stream = globals()[LANGUAGE]()
    for line in sys.stdin:
        number, form = line.split()
        try:
            read = (stream if form == "stream" else whole)(f"read-{number}")
        except Exception as error:  # Whatever a package raises is what its callers would get.
            read = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"number": int(number), **read}), flush=True)


main()
