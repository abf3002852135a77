"""The openai package's Responses against each kind of upstream: one that speaks Responses itself (`oai`), and the other
two languages, translated (`ant` and `chat`)."""

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

FUNCTIONS = [
    {"type": "function", "name": name, "description": about, "parameters": schema, "strict": False}
    for name, about, schema, _ in TOOLS
]
PICTURE = [
    {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "What is this?"},
            {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"},
        ],
    }
]


class Report(pydantic.BaseModel):
    city: str
    days: int
    unit: Literal["celsius", "kelvin"]


REPORT = Report(city="example", days=1, unit="celsius")


@pytest.fixture(params=["oai", "ant", "chat"])
def upstream(request) -> str:
    return request.param


@pytest.fixture
def responses():
    with openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
        yield client.responses


def check_usage(usage, asked: int, said: int, reasoning: int = 0):
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (asked, said, asked + said)
    assert (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens) == (0, reasoning)


def calls(answer):
    return [item for item in answer.output if item.type == "function_call"]


def check_calls(answer):
    assert [call.name for call in calls(answer)] == [name for name, *_ in TOOLS]
    assert [json.loads(call.arguments) for call in calls(answer)] == [wanted for *_, wanted in TOOLS]
    ids = [call.call_id for call in calls(answer)]
    assert all(ids) and len(set(ids)) == len(ids)
    assert all(call.status == "completed" for call in calls(answer))


def test_a_text_is_answered_with_text_status_and_usage(responses, upstream):
    model = f"{upstream}/tollgate/mock"
    answer = responses.create(model=model, instructions=SYSTEM, input="hi", metadata={"a": "b"}, temperature=0.5)
    assert (answer.object, answer.model, answer.status, answer.error) == ("response", model, "completed", None)
    assert answer.id.startswith("resp_") and answer.created_at > 1_700_000_000
    [item] = answer.output
    assert (item.type, item.role, item.status) == ("message", "assistant", "completed")
    assert answer.output_text == HELLO
    assert (answer.instructions, answer.temperature, answer.metadata) == (SYSTEM, 0.5, {"a": "b"})
    check_usage(answer.usage, tokens(SYSTEM) + 1, tokens(HELLO))


def test_the_limit_of_tokens_makes_the_answer_incomplete(responses, upstream):
    asked = {"model": f"{upstream}/tollgate/mock", "input": "hi", "max_output_tokens": 3}
    answer = responses.create(**asked)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.output_text == "Hello from Tollgate."
    *_, last = responses.create(stream=True, **asked)
    assert (last.type, last.response.status) == ("response.incomplete", "incomplete")


def test_a_stream_tells_every_item_from_its_beginning_to_its_end(responses, upstream):
    model = f"{upstream}/tollgate/mock"
    events = list(responses.create(model=model, input="hi", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    pieces = tokens(HELLO)
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * pieces,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert "".join(event.delta for event in events[4 : 4 + pieces]) == HELLO
    last = events[-1].response
    assert (last.model, last.output_text, last.id) == (model, HELLO, events[0].response.id)
    assert last.output == [events[-2].item]
    check_usage(last.usage, 1, pieces)


def test_the_streaming_helper_puts_the_answer_together(responses, upstream):
    with responses.stream(model=f"{upstream}/tollgate/mock", input="hi") as stream:
        kinds = {event.type for event in stream}
        answer = stream.get_final_response()
    assert {"response.output_text.delta", "response.completed"} <= kinds
    assert (answer.output_text, answer.status) == (HELLO, "completed")


def test_the_asynchronous_client_streams_many_answers_at_once(upstream):
    async def one(client, word):
        stream = await client.responses.create(model=f"{upstream}/tollgate/mock", input=word, stream=True)
        return "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])

    async def all_of(words):
        async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
            return await asyncio.gather(*(one(client, word) for word in words))

    words = [f"word{number}" for number in range(8)]
    assert asyncio.run(all_of(words)) == [f"Hello from Tollgate. You said: {word}" for word in words]


def test_a_tool_that_is_demanded_is_called(responses, upstream):
    answer = responses.create(
        model=f"{upstream}/tollgate/mock",
        input="hi",
        tools=FUNCTIONS,
        tool_choice={"type": "function", "name": "get_weather"},
    )
    [call] = answer.output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "get_weather", TOOLS[0][3])
    check_usage(answer.usage, 1 + tool_tokens(), call_tokens(TOOLS[0][3]))


@pytest.mark.parametrize("program", ["", "&think=20"])
def test_parallel_tools_are_called_answered_and_followed_by_text(responses, upstream, program):
    asked = {"model": f"{upstream}/tollgate/mock?tool=get_weather,get_time{program}", "tools": FUNCTIONS}
    first = responses.create(input="hi", **asked)
    check_calls(first)
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"result of {call.name}"}
        for call in calls(first)
    ]
    # What was answered goes back as it came, reasoning included.
    second = responses.create(input=[{"role": "user", "content": "hi"}, *first.output, *results], **asked)
    assert "[tool result: result of get_time]" in second.output_text
    assert (second.status, calls(second)) == ("completed", [])


def test_the_arguments_of_parallel_tools_are_streamed_in_pieces(responses, upstream):
    model = f"{upstream}/tollgate/mock?tool=get_weather,get_time"
    events = list(responses.create(model=model, input="hi", tools=FUNCTIONS, stream=True))
    check_calls(events[-1].response)
    told = {}
    for event in events:
        if event.type == "response.function_call_arguments.delta":
            told[event.output_index] = told.get(event.output_index, "") + event.delta
        if event.type == "response.function_call_arguments.done":
            assert event.arguments == told[event.output_index]
    assert [json.loads(text) for text in told.values()] == [wanted for *_, wanted in TOOLS]


def test_reasoning_is_told_with_its_proof_and_goes_back_with_it(responses):
    model = "ant/tollgate/mock?think=20"
    answer = responses.create(model=model, input="hi")
    thought, _ = answer.output
    assert (thought.type, thought.summary[0].text) == ("reasoning", THOUGHT)
    assert thought.encrypted_content
    events = list(responses.create(model=model, input="hi", stream=True))
    pieces = [event.delta for event in events if event.type == "response.reasoning_summary_text.delta"]
    assert "".join(pieces) == THOUGHT
    assert events[-1].response.output[0].encrypted_content == thought.encrypted_content
    history = [{"role": "user", "content": "hi"}, *answer.output, {"role": "user", "content": "go on"}]
    mirrored = responses.create(model="ant-mirror/m", input=history, max_output_tokens=9)
    messages = seen(mirrored.output_text)["body"]["messages"]
    block = {"type": "thinking", "thinking": THOUGHT, "signature": "mock-signature-20"}
    assert messages[1]["content"][0] == block


def test_calls_and_results_reach_the_upstream_in_its_own_form(responses, upstream):
    said = [
        {"type": "function_call", "call_id": f"call_{name}", "name": name, "arguments": compact(arguments)}
        for name, _, _, arguments in TOOLS
    ]
    results = [
        {"type": "function_call_output", "call_id": f"call_{name}", "output": text}
        for name, text in (("get_weather", "sun"), ("get_time", "noon"))
    ]
    asked = {
        "input": [{"role": "user", "content": "hi"}, *said, *results],
        "instructions": SYSTEM,
        "tools": FUNCTIONS,
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "max_output_tokens": 100,
    }
    raw = responses.with_raw_response.create(model=f"{upstream}-mirror/m", **asked)
    received = seen(raw.parse().output_text)
    assert "x-tollgate-changed" not in raw.headers
    body = received["body"]
    if upstream == "oai":
        assert received["path"] == "/v1/responses"
        assert body == {"model": "m", **asked}
    elif upstream == "ant":
        uses = [
            {"type": "tool_use", "id": f"call_{name}", "name": name, "input": arguments}
            for name, _, _, arguments in TOOLS
        ]
        assert body["messages"][1] == {"role": "assistant", "content": uses}
        assert [block["tool_use_id"] for block in body["messages"][2]["content"]] == [use["id"] for use in uses]
        assert body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    else:
        roles = [message["role"] for message in body["messages"]]
        assert roles == ["system", "user", "assistant", "tool", "tool"]
        assert [call["id"] for call in body["messages"][2]["tool_calls"]] == ["call_get_weather", "call_get_time"]
        assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", False)


def test_a_picture_is_seen(responses, upstream):
    answer = responses.create(model=f"{upstream}/tollgate/mock", input=PICTURE)
    assert answer.output_text == "Hello from Tollgate. You said: What is this? [image]"
    check_usage(answer.usage, tokens("What is this?") + IMAGE_TOKENS, 8 + 1)


def test_a_schema_shapes_the_answer(responses, upstream):
    answer = responses.parse(model=f"{upstream}/tollgate/mock", input="hi", text_format=Report)
    assert answer.output_parsed == REPORT
    assert answer.text.format.type == "json_schema"


def test_tokens_are_counted(responses, upstream):
    counted = responses.input_tokens.count(model=f"{upstream}/tollgate/mock", input="hi")
    assert counted.object == "response.input_tokens" and counted.input_tokens > 0


def test_what_a_provider_keeps_is_refused_where_no_provider_of_responses_is_asked(responses):
    with pytest.raises(openai.BadRequestError) as raised:
        responses.create(model="ant/tollgate/mock", input="hi", previous_response_id="resp_1")
    assert (raised.value.param, raised.value.body["tollgate_code"]) == ("previous_response_id", "TG-1201")
    with pytest.raises(openai.BadRequestError) as raised:
        responses.create(model="oai/tollgate/mock", input="hi", background=True)
    assert raised.value.param == "background"
    with pytest.raises(openai.NotFoundError) as raised:
        responses.retrieve("resp_1")
    assert "keeps no answers" in raised.value.message


def test_an_unknown_model_is_a_wrong_field(responses):
    with pytest.raises(openai.BadRequestError) as raised:
        responses.create(model="smrt", input="hi")
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")


def test_an_upstream_that_is_overloaded_is_told_as_such(responses, upstream):
    with pytest.raises(openai.APIStatusError) as raised:
        responses.create(model=f"{upstream}-mirror/full", input="hi")
    assert raised.value.status_code in (503, 529)
    assert "the house is full" in raised.value.message


def test_a_stream_that_breaks_off_is_raised(responses, upstream):
    told = []
    with pytest.raises(openai.APIError) as raised:
        for event in responses.create(model=f"{upstream}/tollgate/mock?tokens=40&cut=60%", input="hi", stream=True):
            told.append(event)
    assert told[0].type == "response.created"
    assert raised.value.body["tollgate_code"] == "TG-1305"
