"""The anthropic package against both kinds of upstream."""

import asyncio
import json
from typing import Literal

import anthropic
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
    seen,
    tokens,
    tool_tokens,
)

HI = [{"role": "user", "content": "hi"}]
FUNCTIONS = [
    {"name": name, "description": about, "input_schema": schema} for name, about, schema, _ in TOOLS
]
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
PICTURE = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, IMAGE]}]
THINKING = {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}


class Report(pydantic.BaseModel):
    city: str
    days: int
    unit: Literal["celsius", "kelvin"]


REPORT = Report(city="example", days=1, unit="celsius")


def asked(upstream: str, program: str = "", **more) -> dict:
    return {"model": f"{upstream}/tollgate/mock{program}", "max_tokens": 1000, "messages": HI, **more}


def check_usage(usage, prompt: int, completion: int, reasoning: int = 0):
    assert (usage.input_tokens, usage.output_tokens) == (prompt, completion)
    assert (usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0) == (0, 0)
    details = usage.output_tokens_details
    assert (details.thinking_tokens if details else 0) == reasoning


def check_calls(blocks):
    assert [block.type for block in blocks] == ["tool_use"] * len(TOOLS)
    assert [block.name for block in blocks] == [name for name, *_ in TOOLS]
    assert [block.input for block in blocks] == [arguments for *_, arguments in TOOLS]
    assert len({block.id for block in blocks}) == len(TOOLS)


def test_a_message_answers_with_text_reason_and_usage(claude, upstream):
    messages = [
        {"role": "user", "content": "who are you"},
        {"role": "assistant", "content": [{"type": "text", "text": "a model"}]},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
    ]
    answer = claude.messages.create(**asked(upstream, system=SYSTEM) | {"messages": messages})
    assert (answer.type, answer.role, answer.model) == ("message", "assistant", f"{upstream}/tollgate/mock")
    assert answer.id.startswith("msg_")
    [block] = answer.content
    assert (block.type, block.text) == ("text", HELLO)
    assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)
    said = sum(tokens(text) for text in (SYSTEM, "who are you", "a model", "hi"))
    check_usage(answer.usage, said, tokens(HELLO))


def test_a_public_name_leads_to_its_target_and_is_what_the_answer_is_called(claude):
    for name in ("smart", "wise"):
        answer = claude.messages.create(model=name, max_tokens=100, messages=HI)
        assert (answer.model, answer.content[0].text) == (name, HELLO)


def test_the_limit_of_tokens_shortens_the_answer(claude, upstream):
    answer = claude.messages.create(**asked(upstream) | {"max_tokens": 3})
    assert (answer.content[0].text, answer.stop_reason) == ("Hello from Tollgate.", "max_tokens")
    check_usage(answer.usage, 1, 3)


def test_a_stream_brings_the_text_in_pieces_and_the_usage_at_its_end(claude, upstream):
    events = list(claude.messages.create(**asked(upstream), stream=True))
    kinds = [event.type for event in events if event.type != "ping"]
    words = tokens(HELLO)
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * words,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    start, delta = events[0].message, events[-2]
    assert (start.model, start.content, start.stop_reason) == (f"{upstream}/tollgate/mock", [], None)
    assert start.id.startswith("msg_")
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    assert {delta.type for delta in deltas} == {"text_delta"}
    assert "".join(delta.text for delta in deltas) == HELLO
    assert (delta.delta.stop_reason, delta.delta.stop_sequence) == ("end_turn", None)
    assert delta.usage.output_tokens == words

    with claude.messages.stream(**asked(upstream)) as stream:
        pieces = list(stream.text_stream)
        answer = stream.get_final_message()
    assert len(pieces) == words and "".join(pieces) == HELLO
    assert (answer.content[0].text, answer.stop_reason) == (HELLO, "end_turn")
    check_usage(answer.usage, 1, words)


def test_the_asynchronous_client_streams_many_answers_at_once(upstream):
    async def one(client, word):
        messages = [{"role": "user", "content": word}]
        async with client.messages.stream(**asked(upstream) | {"messages": messages}) as stream:
            return await stream.get_final_text()

    async def all_of(words):
        async with anthropic.AsyncAnthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=20) as client:
            return await asyncio.gather(*(one(client, word) for word in words))

    words = [f"word{number}" for number in range(8)]
    assert asyncio.run(all_of(words)) == [f"Hello from Tollgate. You said: {word}" for word in words]


def test_a_tool_that_is_demanded_is_called(claude, upstream):
    answer = claude.messages.create(
        **asked(upstream), tools=FUNCTIONS, tool_choice={"type": "tool", "name": "get_weather"}
    )
    [block] = answer.content
    assert (block.type, block.name, block.input) == ("tool_use", "get_weather", TOOLS[0][3])
    assert answer.stop_reason == "tool_use"
    check_usage(answer.usage, 1 + tool_tokens(), call_tokens(TOOLS[0][3]))


@pytest.mark.parametrize("program", ["", "&think=20"])
def test_parallel_tools_are_called_answered_and_followed_by_text(claude, upstream, program):
    request = asked(upstream, f"?tool=get_weather,get_time{program}", tools=FUNCTIONS)
    first = claude.messages.create(**request)
    calls = first.content
    if program:
        thinking, *calls = calls
        assert thinking.to_dict() == THINKING
    check_calls(calls)
    assert first.stop_reason == "tool_use"
    thought = 20 if program else 0
    called = sum(call_tokens(arguments) for *_, arguments in TOOLS)
    check_usage(first.usage, 1 + tool_tokens(), called + thought, thought)
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"result of {call.name}"} for call in calls
    ]
    turns = [*HI, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = claude.messages.create(**request | {"messages": turns})
    heard = "[tool result: result of get_time]"
    if upstream == "ant":
        # OpenAI's language has each result in a message of its own.
        heard = f"[tool result: result of get_weather] {heard}"
    assert second.content[-1].text == f"Hello from Tollgate. You said: {heard}"
    assert second.stop_reason == "end_turn"


def test_the_arguments_of_parallel_tools_are_streamed_in_pieces(claude, upstream):
    request = asked(upstream, "?tool=get_weather,get_time", tools=FUNCTIONS)
    blocks, arguments, pieces, open_blocks = {}, {}, {}, set()
    for event in claude.messages.create(**request, stream=True):
        if event.type == "content_block_start":
            blocks[event.index] = event.content_block
            open_blocks.add(event.index)
        elif event.type == "content_block_delta":
            assert event.index in open_blocks and event.delta.type == "input_json_delta"
            if event.delta.partial_json:
                pieces[event.index] = pieces.get(event.index, 0) + 1
            arguments[event.index] = arguments.get(event.index, "") + event.delta.partial_json
        elif event.type == "content_block_stop":
            open_blocks.remove(event.index)
        elif event.type == "message_delta":
            assert event.delta.stop_reason == "tool_use"
    assert not open_blocks
    assert [(block.type, block.name, block.input) for block in blocks.values()] == [
        ("tool_use", name, {}) for name, *_ in TOOLS
    ]
    assert [json.loads(text) for text in arguments.values()] == [wanted for *_, wanted in TOOLS]
    assert pieces == {0: 2, 1: 2}

    with claude.messages.stream(**request) as stream:
        answer = stream.get_final_message()
    check_calls(answer.content)
    assert answer.stop_reason == "tool_use"
    check_usage(answer.usage, 1 + tool_tokens(), sum(call_tokens(wanted) for *_, wanted in TOOLS))


def test_the_tool_runner_goes_through_the_loop_by_itself(claude, upstream):
    asked_for = []

    @anthropic.beta_tool
    def get_time(zone: str) -> str:
        """The time in a zone."""
        asked_for.append(zone)
        return "noon"

    runner = claude.beta.messages.tool_runner(
        **asked(upstream, "?tool=get_time"), tools=[get_time]
    )
    answer = runner.until_done()
    assert asked_for == ["example"]
    assert answer.content[0].text == "Hello from Tollgate. You said: [tool result: noon]"


def test_calls_and_results_reach_the_upstream_in_its_own_form(claude, upstream):
    uses = [
        {"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": arguments}
        for name, _, _, arguments in TOOLS
    ]
    results = [
        {"type": "tool_result", "tool_use_id": "toolu_get_weather", "content": "sun"},
        {
            "type": "tool_result",
            "tool_use_id": "toolu_get_time",
            "content": [{"type": "text", "text": "noon"}],
        },
    ]
    messages = [
        *HI,
        {"role": "assistant", "content": [{"type": "text", "text": "Let me see."}, *uses]},
        {"role": "user", "content": [*results, {"type": "text", "text": "so?"}]},
    ]
    raw = claude.messages.with_raw_response.create(
        model=f"{upstream}-mirror/m",
        max_tokens=100,
        system=SYSTEM,
        messages=messages,
        tools=FUNCTIONS,
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        stop_sequences=["END"],
        metadata={"user_id": "someone"},
    )
    received = seen(raw.parse().content[0].text)
    assert "x-tollgate-changed" not in raw.headers
    body = received["body"]
    if upstream == "ant":
        assert received["path"] == "/v1/messages"
        assert received["headers"]["x-api-key"] == "sk-mirror"
        assert body == {
            "model": "m",
            "max_tokens": 100,
            "system": SYSTEM,
            "messages": messages,
            "tools": FUNCTIONS,
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
            "stop_sequences": ["END"],
            "metadata": {"user_id": "someone"},
        }
        return
    assert received["path"] == "/v1/chat/completions"
    assert received["headers"]["authorization"] == "Bearer sk-mirror"
    assert "x-api-key" not in received["headers"] and "anthropic-version" not in received["headers"]
    calls = body["messages"][2].pop("tool_calls")
    for call in calls:
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    assert calls == [
        {"id": f"toolu_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for name, _, _, arguments in TOOLS
    ]
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "Let me see."},
            {"role": "tool", "tool_call_id": "toolu_get_weather", "content": "sun"},
            {"role": "tool", "tool_call_id": "toolu_get_time", "content": "noon"},
            {"role": "user", "content": "so?"},
        ],
        "tools": [
            {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}
            for name, about, schema, _ in TOOLS
        ],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "stop": ["END"],
        "user": "someone",
        "max_completion_tokens": 100,
    }


def test_a_failed_tool_says_so_where_the_language_has_a_word_for_it(claude, upstream):
    use = {"type": "tool_use", "id": "toolu_1", "name": "get_time", "input": {"zone": "x"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "no such zone", "is_error": True}
    raw = claude.messages.with_raw_response.create(
        model=f"{upstream}-mirror/m",
        max_tokens=9,
        messages=[*HI, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}],
        tools=FUNCTIONS,
    )
    body = seen(raw.parse().content[0].text)["body"]
    if upstream == "ant":
        assert body["messages"][2]["content"] == [result]
        assert "x-tollgate-changed" not in raw.headers
    else:
        assert body["messages"][2] == {"role": "tool", "tool_call_id": "toolu_1", "content": "no such zone"}
        assert raw.headers["x-tollgate-changed"] == "dropped;messages[2].content[0].is_error"


def test_a_picture_is_seen(claude, upstream):
    answer = claude.messages.create(**asked(upstream) | {"messages": PICTURE})
    assert answer.content[0].text == "Hello from Tollgate. You said: What is this? [image]"
    check_usage(answer.usage, tokens("What is this?") + IMAGE_TOKENS, 9)
    mirrored = claude.messages.create(model=f"{upstream}-mirror/m", max_tokens=9, messages=PICTURE)
    [message] = seen(mirrored.content[0].text)["body"]["messages"]
    if upstream == "ant":
        assert message == PICTURE[0]
    else:
        assert message["content"] == [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        ]


def test_a_schema_shapes_the_answer(claude, upstream):
    answer = claude.messages.parse(**asked(upstream), output_format=Report)
    assert answer.parsed_output == REPORT
    assert answer.stop_reason == "end_turn"
    with claude.messages.stream(**asked(upstream), output_format=Report) as stream:
        assert stream.get_final_message().parsed_output == REPORT
    config = {"format": {"type": "json_schema", "schema": TOOLS[0][2]}}
    answer = claude.messages.create(**asked(upstream), output_config=config)
    assert json.loads(answer.content[0].text) == TOOLS[0][3]
    mirrored = claude.messages.create(
        model=f"{upstream}-mirror/m", max_tokens=9, messages=HI, output_config=config
    )
    body = seen(mirrored.content[0].text)["body"]
    if upstream == "ant":
        assert body["output_config"] == config
    else:
        assert body["response_format"]["type"] == "json_schema"
        assert body["response_format"]["json_schema"]["schema"] == TOOLS[0][2]


def test_thinking_comes_back_with_its_signature(claude, upstream):
    answer = claude.messages.create(**asked(upstream, "?think=20"))
    thinking, text = answer.content
    assert thinking.to_dict() == THINKING
    assert (text.type, text.text) == ("text", HELLO)
    check_usage(answer.usage, 1, tokens(HELLO) + 20, 20)

    deltas = []
    with claude.messages.stream(**asked(upstream, "?think=20")) as stream:
        for event in stream:
            if event.type == "content_block_delta":
                deltas.append((event.index, event.delta.type))
        streamed = stream.get_final_message()
    assert [block.to_dict() for block in streamed.content] == [THINKING, {"type": "text", "text": HELLO}]
    assert deltas == [
        *[(0, "thinking_delta")] * 20,
        (0, "signature_delta"),
        *[(1, "text_delta")] * tokens(HELLO),
    ]
    check_usage(streamed.usage, 1, tokens(HELLO) + 20, 20)


def test_a_signature_survives_the_round_trip_where_the_upstream_takes_it(claude, upstream):
    answer = claude.messages.create(**asked(upstream, "?think=20"))
    turns = [*HI, {"role": "assistant", "content": answer.content}, {"role": "user", "content": "go on"}]
    raw = claude.messages.with_raw_response.create(
        model=f"{upstream}-mirror/m", max_tokens=9, messages=turns
    )
    returned = seen(raw.parse().content[0].text)["body"]["messages"][1]
    if upstream == "ant":
        assert returned == {"role": "assistant", "content": [THINKING, {"type": "text", "text": HELLO}]}
        assert "x-tollgate-changed" not in raw.headers
    else:
        # OpenAI itself refuses the field; that it was left out is said.
        assert returned == {"role": "assistant", "content": HELLO}
        assert raw.headers["x-tollgate-changed"] == "dropped;messages[1].content[0]"


def test_the_wish_to_think_reaches_the_upstream(claude, upstream):
    raw = claude.messages.with_raw_response.create(
        model=f"{upstream}-mirror/m",
        max_tokens=9000,
        messages=HI,
        thinking={"type": "enabled", "budget_tokens": 2000},
    )
    body = seen(raw.parse().content[0].text)["body"]
    if upstream == "ant":
        assert body["thinking"] == {"type": "enabled", "budget_tokens": 2000}
        assert "x-tollgate-changed" not in raw.headers
    else:
        assert body["reasoning_effort"] == "low"
        assert raw.headers["x-tollgate-changed"] == "emulated;thinking.budget_tokens"


def test_tokens_are_counted(claude, upstream):
    counted = claude.messages.count_tokens(
        model=f"{upstream}/tollgate/mock", system=SYSTEM, messages=HI, tools=FUNCTIONS
    )
    if upstream == "ant":
        assert counted.input_tokens == tokens(SYSTEM) + 1 + tool_tokens()
    else:
        # Chat Completions has no such question: the gateway estimates from the request's bytes.
        assert 50 <= counted.input_tokens <= 300


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
def test_both_versions_are_spoken(upstream, version):
    headers = {"anthropic-version": version}
    with anthropic.Anthropic(
        base_url=URL, api_key=KEY, max_retries=0, timeout=20, default_headers=headers
    ) as client:
        answer = client.messages.create(**asked(upstream))
        assert (answer.content[0].text, answer.stop_reason) == (HELLO, "end_turn")
        with client.messages.stream(**asked(upstream)) as stream:
            assert stream.get_final_text() == HELLO
        mirrored = client.messages.create(model=f"{upstream}-mirror/m", max_tokens=9, messages=HI)
        received = seen(mirrored.content[0].text)["headers"]
        assert received.get("anthropic-version") == (version if upstream == "ant" else None)
        # The client knows the parameter no more; callers that send it all the same get the API's own answer.
        asked_warm = asked(upstream, extra_body={"temperature": 0.5})
        if version == "2023-06-01":
            assert client.messages.create(**asked_warm).content[0].text == HELLO
        else:
            with pytest.raises(anthropic.BadRequestError) as refused:
                client.messages.create(**asked_warm)
            assert "`temperature` is not supported" in str(refused.value)


def test_the_key_may_stand_in_either_header(upstream):
    for credential in ({"api_key": KEY}, {"auth_token": KEY}):
        with anthropic.Anthropic(base_url=URL, timeout=20, **credential) as client:
            assert client.messages.create(**asked(upstream)).content[0].text == HELLO
