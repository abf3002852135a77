"""The mistralai package against both kinds of upstream: it speaks Chat Completions, with words of its own."""

import asyncio
import json

import pytest
from mistralai.client import Mistral, errors

from words import HELLO, KEY, LIMITED_KEY, LIMITED_URL, SYSTEM, TOOLS, URL, call_tokens, seen, tokens, tool_tokens

HI = [{"role": "user", "content": "hi"}]
FUNCTIONS = [
    {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}
    for name, about, schema, _ in TOOLS
]
NAMES = [name for name, *_ in TOOLS]


def connect(url: str = URL, key: str = KEY) -> Mistral:
    return Mistral(api_key=key, server_url=url, timeout_ms=20_000)


@pytest.fixture
def mistral() -> Mistral:
    with connect() as client:
        yield client


def check_usage(usage, prompt: int, completion: int):
    assert (usage.prompt_tokens, usage.completion_tokens) == (prompt, completion)
    assert usage.total_tokens == prompt + completion


def check(error, status: int, words: str):
    assert error.status_code == status
    told = json.loads(error.body)["error"]
    assert words in told["message"]
    assert told["tollgate_code"] == error.headers["x-tollgate-code"]


def test_a_chat_completes_with_text_reason_and_usage(mistral, upstream):
    model = f"{upstream}/tollgate/mock"
    answer = mistral.chat.complete(model=model, messages=[{"role": "system", "content": SYSTEM}, *HI])
    [choice] = answer.choices
    assert (answer.model, choice.finish_reason) == (model, "stop")
    assert (choice.message.role, choice.message.content) == ("assistant", HELLO)
    assert not choice.message.tool_calls
    check_usage(answer.usage, tokens(SYSTEM) + 1, tokens(HELLO))


def test_the_limit_of_tokens_shortens_the_answer(mistral, upstream):
    answer = mistral.chat.complete(model=f"{upstream}/tollgate/mock", messages=HI, max_tokens=3)
    assert answer.choices[0].message.content == "Hello from Tollgate."
    assert answer.choices[0].finish_reason == "length"


def test_a_stream_brings_the_text_in_pieces(mistral, upstream):
    model = f"{upstream}/tollgate/mock"
    with mistral.chat.stream(model=model, messages=HI) as stream:
        chunks = [event.data for event in stream]
    pieces = [chunk.choices[0].delta.content for chunk in chunks]
    pieces = [piece for piece in pieces if piece]
    assert len(pieces) == tokens(HELLO) and "".join(pieces) == HELLO
    assert {chunk.model for chunk in chunks} == {model}
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons == [None] * (len(chunks) - 1) + ["stop"]


def test_the_asynchronous_client_streams_many_answers_at_once(upstream):
    async def one(client, word):
        messages = [{"role": "user", "content": word}]
        stream = await client.chat.stream_async(model=f"{upstream}/tollgate/mock", messages=messages)
        return "".join([event.data.choices[0].delta.content or "" async for event in stream])

    async def all_of(words):
        async with connect() as client:
            return await asyncio.gather(*(one(client, word) for word in words))

    words = [f"word{number}" for number in range(8)]
    assert asyncio.run(all_of(words)) == [f"Hello from Tollgate. You said: {word}" for word in words]


def test_tools_are_called_answered_and_followed_by_text(mistral, upstream):
    asked = {"model": f"{upstream}/tollgate/mock?tool={','.join(NAMES)}", "tools": FUNCTIONS}
    first = mistral.chat.complete(messages=HI, **asked)
    [choice] = first.choices
    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls
    assert [call.function.name for call in calls] == NAMES
    assert [json.loads(call.function.arguments) for call in calls] == [arguments for *_, arguments in TOOLS]
    assert len({call.id for call in calls}) == len(calls)
    check_usage(first.usage, 1 + tool_tokens(), sum(call_tokens(arguments) for *_, arguments in TOOLS))
    results = [
        {"role": "tool", "tool_call_id": call.id, "name": name, "content": f"result of {name}"}
        for call, name in zip(calls, NAMES)
    ]
    second = mistral.chat.complete(messages=[*HI, choice.message, *results], **asked)
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content.endswith("[tool result: result of get_time]")


@pytest.mark.parametrize("choice", ["any", "required", {"type": "function", "function": {"name": "get_weather"}}])
def test_a_tool_that_is_demanded_is_called(mistral, upstream, choice):
    model = f"{upstream}/tollgate/mock"
    answer = mistral.chat.complete(model=model, messages=HI, tools=FUNCTIONS, tool_choice=choice)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"


def test_a_call_that_is_streamed_whole_arrives_whole(mistral):
    # The client reads no other: it takes every piece of a call for a call.
    with mistral.chat.stream(model="mistral-mirror/calling", messages=HI, tools=FUNCTIONS) as stream:
        *_, last = [event.data for event in stream]
    [choice] = last.choices
    assert choice.finish_reason == "tool_calls"
    [call] = choice.delta.tool_calls
    assert (call.id, call.function.name, call.function.arguments) == ("D681PevKs", "get_time", '{"zone":"example"}')
    check_usage(last.usage, 3, 5)


def test_a_schema_shapes_the_answer(mistral, upstream):
    form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": TOOLS[0][2], "strict": True}}
    answer = mistral.chat.complete(model=f"{upstream}/tollgate/mock", messages=HI, response_format=form)
    assert json.loads(answer.choices[0].message.content) == TOOLS[0][3]


def test_its_own_words_reach_its_own_provider_and_the_others_where_they_have_such(mistral):
    asked = {"messages": HI, "max_tokens": 9, "stop": ["END"], "random_seed": 7, "safe_prompt": True}

    def received(name: str) -> dict:
        answer = mistral.chat.complete(model=f"{name}-mirror/m", **asked)
        return seen(answer.choices[0].message.content)["body"]

    assert received("mistral") == {"model": "m", "stream": False, **asked}
    assert received("ant") == {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "stop_sequences": ["END"],
    }


def test_what_is_wrong_is_told(mistral, upstream):
    with pytest.raises(errors.SDKError) as raised:
        mistral.chat.complete(model="smrt", messages=HI)
    check(raised.value, 404, "`smart`")
    with connect(key="tg-wrong") as stranger, pytest.raises(errors.SDKError) as raised:
        stranger.chat.complete(model="smart", messages=HI)
    check(raised.value, 401, "key")
    failing = f"{upstream}/tollgate/mock?fail=500&tokens=51"
    with pytest.raises(errors.SDKError) as raised:
        mistral.chat.complete(model=failing, messages=HI)
    check(raised.value, 500, "mock fails as programmed")
    with pytest.raises(errors.SDKError) as raised:
        mistral.chat.stream(model=failing, messages=HI)
    check(raised.value, 500, "mock fails as programmed")


def test_the_gateways_own_limit_says_when_to_come_back():
    with connect(LIMITED_URL, LIMITED_KEY) as client, pytest.raises(errors.SDKError) as raised:
        for _ in range(3):
            client.chat.complete(model="tollgate/mock", messages=HI)
    check(raised.value, 429, "limit")
    assert 1 <= int(raised.value.headers["retry-after"]) <= 60


def test_a_stream_that_breaks_off_raises_after_what_was_said(mistral, upstream):
    said = ""
    with pytest.raises(errors.MistralError) as raised:
        for event in mistral.chat.stream(model=f"{upstream}/tollgate/mock?cut=70%&tokens=151", messages=HI):
            said += event.data.choices[0].delta.content or ""
    assert said.startswith("the gateway stands between")
    assert "broke off" in raised.value.body
