"""The openai package against both kinds of upstream."""

import asyncio
import json
from typing import Literal

import openai
import pydantic
import pytest

from words import (
    HELLO,
    IMAGE_TOKENS,
    KEY,
    PIXEL,
    SIGNATURE,
    SYSTEM,
    THOUGHT,
    TOOLS,
    URL,
    call_tokens,
    compact,
    seen,
    tokens,
    tool_tokens,
)

HI = [{"role": "user", "content": "hi"}]
FUNCTIONS = [
    {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}
    for name, about, schema, _ in TOOLS
]
PICTURE = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        ],
    }
]


class Report(pydantic.BaseModel):
    city: str
    days: int
    unit: Literal["celsius", "kelvin"]


REPORT = Report(city="example", days=1, unit="celsius")


def check_usage(usage, prompt: int, completion: int, reasoning: int = 0):
    assert (usage.prompt_tokens, usage.completion_tokens) == (prompt, completion)
    assert usage.total_tokens == prompt + completion
    assert usage.completion_tokens_details.reasoning_tokens == reasoning
    assert usage.prompt_tokens_details.cached_tokens == 0


def check_calls(calls):
    assert [call.type for call in calls] == ["function"] * len(TOOLS)
    assert [call.function.name for call in calls] == [name for name, *_ in TOOLS]
    assert [json.loads(call.function.arguments) for call in calls] == [arguments for *_, arguments in TOOLS]
    ids = [call.id for call in calls]
    assert all(ids) and len(set(ids)) == len(ids)


def test_a_chat_answers_with_text_reason_and_usage(chat, upstream):
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "who are you"},
        {"role": "assistant", "content": "a model"},
        {"role": "user", "content": "hi"},
    ]
    model = f"{upstream}/tollgate/mock"
    answer = chat.chat.completions.create(model=model, messages=messages)
    assert (answer.object, answer.model) == ("chat.completion", model)
    assert answer.id.startswith("chatcmpl-") and answer.created > 1_700_000_000
    [choice] = answer.choices
    assert (choice.index, choice.finish_reason, choice.message.role) == (0, "stop", "assistant")
    assert (choice.message.content, choice.message.refusal) == (HELLO, None)
    assert not choice.message.tool_calls
    asked = sum(tokens(message["content"]) for message in messages)
    check_usage(answer.usage, asked, tokens(HELLO))


def test_a_public_name_leads_to_its_target_and_is_what_the_answer_is_called(chat):
    for name in ("smart", "wise"):
        answer = chat.chat.completions.create(model=name, messages=HI)
        assert (answer.model, answer.choices[0].message.content) == (name, HELLO)


def test_the_limit_of_tokens_shortens_the_answer(chat, upstream):
    for limit in ({"max_tokens": 3}, {"max_completion_tokens": 3}):
        answer = chat.chat.completions.create(model=f"{upstream}/tollgate/mock", messages=HI, **limit)
        assert answer.choices[0].message.content == "Hello from Tollgate."
        assert answer.choices[0].finish_reason == "length"
        check_usage(answer.usage, 1, 3)


def test_a_stream_brings_the_text_in_pieces_and_the_usage_at_its_end(chat, upstream):
    model = f"{upstream}/tollgate/mock"
    stream = chat.chat.completions.create(
        model=model, messages=HI, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    *said, last = chunks
    assert {chunk.id for chunk in chunks} == {chunks[0].id} and chunks[0].id.startswith("chatcmpl-")
    assert {chunk.model for chunk in chunks} == {model}
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert said[0].choices[0].delta.role == "assistant"
    pieces = [chunk.choices[0].delta.content for chunk in said]
    pieces = [piece for piece in pieces if piece]
    assert len(pieces) == tokens(HELLO) and "".join(pieces) == HELLO
    assert [chunk.choices[0].finish_reason for chunk in said[:-1]] == [None] * (len(said) - 1)
    assert said[-1].choices[0].finish_reason == "stop"
    assert [chunk.usage for chunk in said] == [None] * len(said)
    assert last.choices == []
    check_usage(last.usage, 1, tokens(HELLO))


def test_a_stream_without_the_wish_for_usage_brings_none(chat, upstream):
    chunks = list(chat.chat.completions.create(model=f"{upstream}/tollgate/mock", messages=HI, stream=True))
    assert all(chunk.usage is None and len(chunk.choices) == 1 for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == HELLO


def test_the_streaming_helper_puts_the_answer_together(chat, upstream):
    asked = {"model": f"{upstream}/tollgate/mock", "messages": HI, "stream_options": {"include_usage": True}}
    with chat.chat.completions.stream(**asked) as stream:
        kinds = {event.type for event in stream}
        answer = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (HELLO, "stop")
    check_usage(answer.usage, 1, tokens(HELLO))


def test_the_asynchronous_client_streams_many_answers_at_once(upstream):
    async def one(client, word):
        stream = await client.chat.completions.create(
            model=f"{upstream}/tollgate/mock", messages=[{"role": "user", "content": word}], stream=True
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def all_of(words):
        async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
            return await asyncio.gather(*(one(client, word) for word in words))

    words = [f"word{number}" for number in range(8)]
    assert asyncio.run(all_of(words)) == [f"Hello from Tollgate. You said: {word}" for word in words]


def test_a_tool_that_is_demanded_is_called(chat, upstream):
    answer = chat.chat.completions.create(
        model=f"{upstream}/tollgate/mock",
        messages=HI,
        tools=FUNCTIONS,
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
    )
    [choice] = answer.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    [call] = choice.message.tool_calls
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert json.loads(call.function.arguments) == TOOLS[0][3]
    check_usage(answer.usage, 1 + tool_tokens(), call_tokens(TOOLS[0][3]))


@pytest.mark.parametrize("program", ["", "&think=20"])
def test_parallel_tools_are_called_answered_and_followed_by_text(chat, upstream, program):
    asked = {"model": f"{upstream}/tollgate/mock?tool=get_weather,get_time{program}", "tools": FUNCTIONS}
    first = chat.chat.completions.create(messages=HI, **asked)
    [choice] = first.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    check_calls(choice.message.tool_calls)
    thought = 20 if program else 0
    called = sum(call_tokens(arguments) for *_, arguments in TOOLS)
    check_usage(first.usage, 1 + tool_tokens(), called + thought, thought)
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"result of {call.function.name}"}
        for call in choice.message.tool_calls
    ]
    second = chat.chat.completions.create(messages=[*HI, choice.message, *results], **asked)
    heard = "[tool result: result of get_time]"
    if upstream == "ant":
        # Anthropic's language has all results of a turn in one message.
        heard = f"[tool result: result of get_weather] {heard}"
    [choice] = second.choices
    assert choice.message.content == f"Hello from Tollgate. You said: {heard}"
    assert (choice.finish_reason, choice.message.tool_calls) == ("stop", None)


def test_the_arguments_of_parallel_tools_are_streamed_in_pieces(chat, upstream):
    asked = {
        "model": f"{upstream}/tollgate/mock?tool=get_weather,get_time",
        "messages": HI,
        "tools": FUNCTIONS,
        "stream_options": {"include_usage": True},
    }
    names, ids, arguments, pieces, reasons = {}, {}, {}, {}, []
    for chunk in chat.chat.completions.create(stream=True, **asked):
        for choice in chunk.choices:
            reasons.append(choice.finish_reason)
            assert not choice.delta.content
            for call in choice.delta.tool_calls or []:
                if call.id:
                    assert call.index not in ids and call.type == "function"
                    ids[call.index], names[call.index] = call.id, call.function.name
                if call.function.arguments:
                    pieces[call.index] = pieces.get(call.index, 0) + 1
                    arguments[call.index] = arguments.get(call.index, "") + call.function.arguments
    assert names == {index: name for index, (name, *_) in enumerate(TOOLS)}
    assert len(set(ids.values())) == 2 and all(ids.values())
    assert {index: json.loads(text) for index, text in arguments.items()} == {
        index: wanted for index, (*_, wanted) in enumerate(TOOLS)
    }
    assert pieces == {0: 2, 1: 2}
    assert [reason for reason in reasons if reason] == ["tool_calls"]

    with chat.chat.completions.stream(**asked) as stream:
        answer = stream.get_final_completion()
    check_calls(answer.choices[0].message.tool_calls)
    assert answer.choices[0].finish_reason == "tool_calls"
    check_usage(answer.usage, 1 + tool_tokens(), sum(call_tokens(wanted) for *_, wanted in TOOLS))


def test_calls_and_results_reach_the_upstream_in_its_own_form(chat, upstream):
    calls = [
        {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": compact(arguments)}}
        for name, _, _, arguments in TOOLS
    ]
    messages = [
        {"role": "system", "content": SYSTEM},
        *HI,
        {"role": "assistant", "content": "Let me see.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_get_weather", "content": "sun"},
        {"role": "tool", "tool_call_id": "call_get_time", "content": "noon"},
    ]
    raw = chat.chat.completions.with_raw_response.create(
        model=f"{upstream}-mirror/m",
        messages=messages,
        tools=FUNCTIONS,
        tool_choice="required",
        parallel_tool_calls=False,
        max_tokens=100,
    )
    received = seen(raw.parse().choices[0].message.content)
    assert "x-tollgate-changed" not in raw.headers
    body = received["body"]
    if upstream == "oai":
        assert received["path"] == "/v1/chat/completions"
        assert received["headers"]["authorization"] == "Bearer sk-mirror"
        assert body == {
            "model": "m",
            "messages": messages,
            "tools": FUNCTIONS,
            "tool_choice": "required",
            "parallel_tool_calls": False,
            "max_tokens": 100,
        }
        return
    assert received["path"] == "/v1/messages"
    assert received["headers"]["x-api-key"] == "sk-mirror"
    assert received["headers"]["anthropic-version"] == "2023-06-01"
    assert "authorization" not in received["headers"]
    uses = [
        {"type": "tool_use", "id": f"call_{name}", "name": name, "input": arguments}
        for name, _, _, arguments in TOOLS
    ]
    results = [
        {"type": "tool_result", "tool_use_id": f"call_{name}", "content": [{"type": "text", "text": text}]}
        for name, text in (("get_weather", "sun"), ("get_time", "noon"))
    ]
    assert body == {
        "model": "m",
        "max_tokens": 100,
        "system": [{"type": "text", "text": SYSTEM}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Let me see."}, *uses]},
            {"role": "user", "content": results},
        ],
        "tools": [
            {"name": name, "description": about, "input_schema": schema} for name, about, schema, _ in TOOLS
        ],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    }


def test_a_picture_is_seen(chat, upstream):
    answer = chat.chat.completions.create(model=f"{upstream}/tollgate/mock", messages=PICTURE)
    assert answer.choices[0].message.content == "Hello from Tollgate. You said: What is this? [image]"
    check_usage(answer.usage, tokens("What is this?") + IMAGE_TOKENS, 8 + 1)
    mirrored = chat.chat.completions.create(model=f"{upstream}-mirror/m", messages=PICTURE)
    [message] = seen(mirrored.choices[0].message.content)["body"]["messages"]
    if upstream == "oai":
        assert message == PICTURE[0]
    else:
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        assert message["content"] == [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "source": source},
        ]


def test_a_schema_shapes_the_answer(chat, upstream):
    answer = chat.chat.completions.parse(
        model=f"{upstream}/tollgate/mock", messages=HI, response_format=Report
    )
    assert answer.choices[0].message.parsed == REPORT
    assert json.loads(answer.choices[0].message.content) == REPORT.model_dump()
    assert (answer.choices[0].finish_reason, answer.choices[0].message.refusal) == ("stop", None)
    with chat.chat.completions.stream(
        model=f"{upstream}/tollgate/mock", messages=HI, response_format=Report
    ) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == REPORT
    raw = chat.chat.completions.with_raw_response.create(
        model=f"{upstream}-mirror/m",
        messages=HI,
        max_tokens=9,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "weather", "schema": TOOLS[0][2], "strict": True},
        },
    )
    body = seen(raw.parse().choices[0].message.content)["body"]
    if upstream == "oai":
        assert body["response_format"]["json_schema"]["schema"] == TOOLS[0][2]
    else:
        assert body["output_config"] == {"format": {"type": "json_schema", "schema": TOOLS[0][2]}}
    assert "x-tollgate-changed" not in raw.headers


def test_reasoning_comes_back_and_its_signature_survives_the_round_trip(chat, upstream):
    asked = {"model": f"{upstream}/tollgate/mock?think=20", "messages": HI}
    answer = chat.chat.completions.create(**asked)
    message = answer.choices[0].message
    blocks = [{"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}]
    assert message.content == HELLO
    assert message.model_extra["reasoning_content"] == THOUGHT
    assert message.model_extra["thinking_blocks"] == blocks
    check_usage(answer.usage, 1, tokens(HELLO) + 20, 20)

    history = [*HI, message.model_dump(exclude_none=True), {"role": "user", "content": "go on"}]
    mirrored = chat.chat.completions.create(model=f"{upstream}-mirror/m", messages=history)
    returned = seen(mirrored.choices[0].message.content)["body"]["messages"][1]
    if upstream == "oai":
        assert returned == history[1]
    else:
        assert returned == {"role": "assistant", "content": [*blocks, {"type": "text", "text": HELLO}]}


def test_reasoning_is_streamed_before_the_text(chat, upstream):
    asked = {"model": f"{upstream}/tollgate/mock?think=20", "messages": HI}
    thought, said, blocks = "", "", []
    stream = chat.chat.completions.create(stream=True, stream_options={"include_usage": True}, **asked)
    usage = None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            extra = choice.delta.model_extra
            if extra.get("reasoning_content"):
                assert not said
                thought += extra["reasoning_content"]
            blocks += extra.get("thinking_blocks") or []
            said += choice.delta.content or ""
    assert (thought, said) == (THOUGHT, HELLO)
    assert "".join(block.get("signature") or "" for block in blocks) == SIGNATURE
    check_usage(usage, 1, tokens(HELLO) + 20, 20)


def test_the_wish_to_reason_reaches_the_upstream(chat, upstream):
    raw = chat.chat.completions.with_raw_response.create(
        model=f"{upstream}-mirror/m", messages=HI, reasoning_effort="low", max_completion_tokens=9000
    )
    body = seen(raw.parse().choices[0].message.content)["body"]
    if upstream == "oai":
        assert body["reasoning_effort"] == "low" and "x-tollgate-changed" not in raw.headers
    else:
        assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
        assert raw.headers["x-tollgate-changed"] == "emulated;reasoning_effort"


def test_several_choices_come_from_who_can_give_them(chat, upstream):
    asked = {"model": f"{upstream}/tollgate/mock", "messages": HI}
    if upstream == "ant":
        with pytest.raises(openai.BadRequestError) as refused:
            chat.chat.completions.create(n=2, **asked)
        assert refused.value.param == "n"
        return
    answer = chat.chat.completions.create(n=3, **asked)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert [choice.message.content for choice in answer.choices] == [HELLO] * 3
    assert [choice.finish_reason for choice in answer.choices] == ["stop"] * 3
    said = {0: "", 1: ""}
    for chunk in chat.chat.completions.create(n=2, stream=True, **asked):
        for choice in chunk.choices:
            said[choice.index] += choice.delta.content or ""
    assert said == {0: HELLO, 1: HELLO}


def test_what_the_other_language_cannot_say_is_reported_and_the_rest_passes(chat, upstream):
    raw = chat.chat.completions.with_raw_response.create(
        model=f"{upstream}-mirror/m",
        messages=HI,
        seed=7,
        logprobs=True,
        temperature=0.5,
        stop=["END"],
        user="someone",
        extra_body={"of_tomorrow": {"a": [1, 2.50]}},
    )
    body = seen(raw.parse().choices[0].message.content)["body"]
    assert body["temperature"] == 0.5
    if upstream == "oai":
        assert (body["seed"], body["logprobs"], body["stop"], body["user"]) == (7, True, ["END"], "someone")
        assert body["of_tomorrow"] == {"a": [1, 2.50]}
        assert "x-tollgate-changed" not in raw.headers
    else:
        assert (body["stop_sequences"], body["metadata"]) == (["END"], {"user_id": "someone"})
        changed = {part.strip() for part in raw.headers["x-tollgate-changed"].split(",")}
        assert changed == {"dropped;seed", "dropped;logprobs", "dropped;of_tomorrow"}


@pytest.mark.parametrize("header", ["x-api-key", "api-key"])
def test_the_key_may_stand_in_other_headers(header, upstream):
    headers = {"Authorization": openai.Omit(), header: KEY}
    with openai.OpenAI(base_url=f"{URL}/v1", api_key="unused", timeout=20) as client:
        answer = client.chat.completions.create(
            model=f"{upstream}/tollgate/mock", messages=HI, extra_headers=headers
        )
    assert answer.choices[0].message.content == HELLO
