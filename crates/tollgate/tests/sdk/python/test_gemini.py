"""The google-genai package against each kind of upstream: one that speaks Gemini itself (`gem`), and the other languages,
translated (`oai`, `ant` and `chat`); and the other packages' callers against `gem`."""

import asyncio
import base64
import json
import urllib.parse

import pydantic
import pytest
from google import genai
from google.auth import credentials
from google.genai import errors, types

from words import (
    HELLO,
    KEY,
    LIMITED_KEY,
    LIMITED_URL,
    PIXEL,
    SYSTEM,
    THOUGHT,
    TOOLS,
    URL,
    call_tokens,
    seen,
    tokens,
)

NAMES = [name for name, *_ in TOOLS]
FUNCTIONS = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name=name, description=about, parameters_json_schema=schema)
        for name, about, schema, _ in TOOLS
    ]
)
BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)


class Report(pydantic.BaseModel):
    city: str
    days: int


class Token(credentials.Credentials):
    """A bearer token that the client does not have to fetch."""

    def __init__(self):
        super().__init__()
        self.token = KEY

    def refresh(self, request):
        self.token = KEY


@pytest.fixture(params=["gem", "oai", "ant", "chat"])
def upstream(request) -> str:
    return request.param


def connect(url: str = URL, key: str = KEY, **more) -> genai.Client:
    retries = types.HttpRetryOptions(attempts=1)
    options = types.HttpOptions(base_url=url, timeout=20_000, retry_options=retries)
    return genai.Client(api_key=key, http_options=options, **more)


@pytest.fixture
def gemini():
    with connect() as client:
        yield client.models


def programmed(upstream: str, program: str) -> str:
    """The built-in model with a program. The package wants a name of one segment of a path, and writes it as it is."""
    return f"{upstream}/tollgate/mock{urllib.parse.quote('?' + program, safe='=,')}"


def with_tools(**more) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(tools=[FUNCTIONS], automatic_function_calling=BY_HAND, **more)


def check_usage(usage, asked: int, said: int, thought: int = 0):
    assert (usage.prompt_token_count, usage.candidates_token_count) == (asked, said)
    assert (usage.thoughts_token_count or 0, usage.total_token_count) == (thought, asked + said + thought)


def check_calls(calls):
    assert [call.name for call in calls] == NAMES
    assert [call.args for call in calls] == [wanted for *_, wanted in TOOLS]


def test_a_text_is_answered_with_text_reason_and_usage(gemini, upstream):
    model = f"{upstream}/tollgate/mock"
    config = types.GenerateContentConfig(system_instruction=SYSTEM, temperature=0.5)
    answer = gemini.generate_content(model=model, contents="hi", config=config)
    assert (answer.text, answer.model_version) == (HELLO, model)
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.response_id
    check_usage(answer.usage_metadata, tokens(SYSTEM) + 1, tokens(HELLO))


def test_the_limit_of_tokens_shortens_the_answer(gemini, upstream):
    config = types.GenerateContentConfig(max_output_tokens=3)
    answer = gemini.generate_content(model=f"{upstream}/tollgate/mock", contents="hi", config=config)
    assert answer.text == "Hello from Tollgate."
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS


def test_a_stream_brings_the_text_in_pieces_and_the_usage_last(gemini, upstream):
    model = f"{upstream}/tollgate/mock"
    chunks = list(gemini.generate_content_stream(model=model, contents="hi"))
    pieces = [chunk.text for chunk in chunks if chunk.text]
    assert len(pieces) == tokens(HELLO) and "".join(pieces) == HELLO
    assert {chunk.model_version for chunk in chunks} == {model}
    reasons = [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates]
    assert [reason for reason in reasons if reason] == [types.FinishReason.STOP]
    check_usage(chunks[-1].usage_metadata, 1, tokens(HELLO))


def test_the_asynchronous_client_streams_many_answers_at_once(upstream):
    async def one(client, word):
        stream = await client.models.generate_content_stream(model=f"{upstream}/tollgate/mock", contents=word)
        return "".join([chunk.text or "" async for chunk in stream])

    async def all_of(words):
        async with connect().aio as client:
            return await asyncio.gather(*(one(client, word) for word in words))

    words = [f"word{number}" for number in range(8)]
    assert asyncio.run(all_of(words)) == [f"Hello from Tollgate. You said: {word}" for word in words]


def test_parallel_tools_are_called_answered_and_followed_by_text(gemini, upstream):
    model = programmed(upstream, f"tool={','.join(NAMES)}")
    first = gemini.generate_content(model=model, contents="hi", config=with_tools())
    check_calls(first.function_calls)
    assert first.candidates[0].finish_reason == types.FinishReason.STOP
    assert first.usage_metadata.candidates_token_count == sum(call_tokens(wanted) for *_, wanted in TOOLS)
    results = [
        types.Part.from_function_response(name=name, response={"output": f"result of {name}"}) for name in NAMES
    ]
    contents = [types.UserContent("hi"), first.candidates[0].content, types.UserContent(results)]
    second = gemini.generate_content(model=model, contents=contents, config=with_tools())
    assert "result of get_time" in second.text and not second.function_calls


def test_calls_are_streamed_whole(gemini, upstream):
    model = programmed(upstream, f"tool={','.join(NAMES)}")
    chunks = list(gemini.generate_content_stream(model=model, contents="hi", config=with_tools()))
    check_calls([call for chunk in chunks for call in chunk.function_calls or []])


def test_a_tool_that_is_demanded_is_called(gemini, upstream):
    demand = types.FunctionCallingConfig(mode="ANY", allowed_function_names=["get_weather"])
    config = with_tools(tool_config=types.ToolConfig(function_calling_config=demand))
    answer = gemini.generate_content(model=f"{upstream}/tollgate/mock", contents="hi", config=config)
    [call] = answer.function_calls
    assert (call.name, call.args) == ("get_weather", TOOLS[0][3])


def test_the_package_calls_functions_by_itself(gemini, upstream):
    def get_time(zone: str) -> str:
        """The time in a zone."""
        return f"noon in {zone}"

    model = programmed(upstream, "tool=get_time")
    config = types.GenerateContentConfig(tools=[get_time])
    answer = gemini.generate_content(model=model, contents="hi", config=config)
    assert "noon in example" in answer.text


def test_a_chat_keeps_what_was_said(upstream):
    with connect() as client:
        chat = client.chats.create(model=programmed(upstream, "think=20"))
        assert chat.send_message("hi").text == HELLO
        streamed = "".join(chunk.text or "" for chunk in chat.send_message_stream("again"))
        assert streamed == "Hello from Tollgate. You said: again"
        assert chat.send_message("third").text == "Hello from Tollgate. You said: third"


def test_thoughts_are_told_apart(gemini, upstream):
    if upstream in ("oai", "chat"):
        pytest.skip("it tells no thoughts")
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    answer = gemini.generate_content(model=programmed(upstream, "think=20"), contents="hi", config=config)
    thoughts = [part for part in answer.candidates[0].content.parts if part.thought]
    assert [part.text for part in thoughts] == [THOUGHT]
    assert answer.text == HELLO


def test_a_proof_goes_back_to_the_language_that_made_it(gemini):
    answer = gemini.generate_content(model=programmed("ant", "think=20"), contents="hi")
    contents = [types.UserContent("hi"), answer.candidates[0].content, types.UserContent("go on")]
    config = types.GenerateContentConfig(max_output_tokens=9)
    mirrored = gemini.generate_content(model="ant-mirror/m", contents=contents, config=config)
    messages = seen(mirrored.text)["body"]["messages"]
    block = {"type": "thinking", "thinking": THOUGHT, "signature": "mock-signature-20"}
    assert messages[1]["content"][0] == block
    mirrored = gemini.generate_content(model="gem-mirror/m", contents=contents)
    assert "thoughtSignature" not in json.dumps(seen(mirrored.text)["body"])


def test_a_request_of_its_own_language_is_passed_on_as_it_is(gemini):
    config = with_tools(
        safety_settings=[types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_NONE")],
        top_k=7,
    )
    mirrored = gemini.generate_content(model="gem-mirror/m", contents="hi", config=config)
    received = seen(mirrored.text)
    assert received["path"] == "/v1beta/models/m:generateContent"
    assert received["headers"]["x-goog-api-key"] == "sk-mirror"
    assert received["body"]["contents"] == [{"parts": [{"text": "hi"}], "role": "user"}]
    assert received["body"]["safetySettings"] == [
        {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}
    ]
    assert received["body"]["generationConfig"] == {"topK": 7}


def test_a_picture_is_seen(gemini, upstream):
    picture = types.Part(inline_data=types.Blob(mime_type="image/png", data=base64.b64decode(PIXEL)))
    answer = gemini.generate_content(model=f"{upstream}/tollgate/mock", contents=["What is this?", picture])
    assert answer.text == "Hello from Tollgate. You said: What is this? [image]"


def test_a_schema_shapes_the_answer(gemini, upstream):
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Report)
    answer = gemini.generate_content(model=f"{upstream}/tollgate/mock", contents="hi", config=config)
    assert answer.parsed == Report(city="example", days=1)


def test_tokens_are_counted(gemini, upstream):
    counted = gemini.count_tokens(model=f"{upstream}/tollgate/mock", contents="hi")
    assert counted.total_tokens > 0


def test_models_are_listed_and_retrieved(gemini):
    names = [model.name for model in gemini.list()]
    assert {"models/smart", "models/wise"} <= set(names)
    assert gemini.get(model="smart").name == "models/smart"
    with pytest.raises(errors.ClientError) as raised:
        gemini.get(model="nothing")
    assert raised.value.code == 404


def test_the_client_for_vertex_is_answered_too():
    for place in ({"project": "p", "location": "global"}, {}):
        options = types.HttpOptions(base_url=URL, timeout=20_000)
        proof = {"credentials": Token()} if place else {"api_key": KEY}
        with genai.Client(vertexai=True, http_options=options, **place, **proof) as client:
            answer = client.models.generate_content(model="smart", contents="hi")
            assert (answer.text, answer.model_version) == (HELLO, "smart")
            counted = client.models.count_tokens(model="smart", contents="hi")
            assert counted.total_tokens > 0
            chunks = client.models.generate_content_stream(model="smart", contents="hi")
            assert "".join(chunk.text or "" for chunk in chunks) == HELLO
            # Its name decides at which of the cloud's paths a model is asked: for predictions, for one text, for several.
            for model in ("smart", "gem/tollgate/mock"):
                for texts in (["a"], ["a", "b c"]):
                    config = types.EmbedContentConfig(output_dimensionality=8, task_type="CLUSTERING")
                    told = client.models.embed_content(model=model, contents=texts, config=config)
                    assert [len(one.values) for one in told.embeddings] == [8] * len(texts)


def check(error, status: int, word: str, words: str):
    assert (error.code, error.status) == (status, word)
    assert words in error.message
    assert error.details["error"]["tollgate_code"] == error.response.headers["x-tollgate-code"]


def test_what_is_wrong_is_told(gemini, upstream):
    with pytest.raises(errors.ClientError) as raised:
        gemini.generate_content(model="smrt", contents="hi")
    check(raised.value, 404, "NOT_FOUND", "`smart`")
    with connect(key="tg-wrong") as stranger, pytest.raises(errors.ClientError) as raised:
        stranger.models.generate_content(model="smart", contents="hi")
    check(raised.value, 401, "UNAUTHENTICATED", "key")
    failing = programmed(upstream, "fail=500&tokens=71")
    with pytest.raises(errors.ServerError) as raised:
        gemini.generate_content(model=failing, contents="hi")
    check(raised.value, 500, "INTERNAL", "mock fails as programmed")
    with pytest.raises(errors.ServerError) as raised:
        list(gemini.generate_content_stream(model=failing, contents="hi"))
    assert raised.value.code == 500


def test_a_rate_limit_says_when_to_come_back(gemini, upstream):
    with pytest.raises(errors.ClientError) as raised:
        gemini.generate_content(model=f"{upstream}-mirror/busy-gemini", contents="hi")
    check(raised.value, 429, "RESOURCE_EXHAUSTED", "slow down")
    details = raised.value.details["error"]["details"]
    assert [info["retryDelay"] for info in details if info["@type"].endswith("RetryInfo")] == ["7s"]


def test_an_overload_is_told_as_such(gemini, upstream):
    with pytest.raises(errors.ServerError) as raised:
        gemini.generate_content(model=f"{upstream}-mirror/full-gemini", contents="hi")
    check(raised.value, 529 if upstream == "ant" else 503, "UNAVAILABLE", "the house is full")


def test_the_gateways_own_limit_says_when_to_come_back():
    with connect(LIMITED_URL, LIMITED_KEY) as client, pytest.raises(errors.ClientError) as raised:
        for _ in range(3):
            client.models.generate_content(model="tollgate/mock", contents="hi")
    check(raised.value, 429, "RESOURCE_EXHAUSTED", "limit")
    assert 1 <= int(raised.value.response.headers["retry-after"]) <= 60


def test_a_stream_that_breaks_off_raises_after_what_was_said(gemini, upstream):
    said = ""
    with pytest.raises(errors.APIError) as raised:
        for chunk in gemini.generate_content_stream(
            model=programmed(upstream, "cut=70%&tokens=171"), contents="hi"
        ):
            said += chunk.text or ""
    assert said.startswith("the gateway stands between")
    assert "broke off" in raised.value.message


def test_callers_of_responses_are_answered_by_it(chat):
    functions = [
        {"type": "function", "name": name, "description": about, "parameters": schema, "strict": False}
        for name, about, schema, _ in TOOLS
    ]
    asked = {"model": f"gem/tollgate/mock?tool={','.join(NAMES)}&think=20", "tools": functions}
    first = chat.responses.create(input="hi", **asked)
    calls = [item for item in first.output if item.type == "function_call"]
    assert [json.loads(call.arguments) for call in calls] == [wanted for *_, wanted in TOOLS]
    assert len({call.call_id for call in calls}) == len(calls)
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"result of {call.name}"} for call in calls
    ]
    history = [{"role": "user", "content": "hi"}, *first.output, *results]
    with chat.responses.stream(input=history, **asked) as stream:
        assert "result of get_time" in stream.get_final_response().output_text


def test_callers_of_messages_are_answered_by_it(claude):
    model = f"gem/tollgate/mock?tool={','.join(NAMES)}&think=20"
    tools = [{"name": name, "description": about, "input_schema": schema} for name, about, schema, _ in TOOLS]
    messages = [{"role": "user", "content": "hi"}]
    asked = {"model": model, "max_tokens": 2000, "tools": tools, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    first = claude.messages.create(messages=messages, **asked)
    assert first.stop_reason == "tool_use"
    uses = [block for block in first.content if block.type == "tool_use"]
    assert [use.input for use in uses] == [wanted for *_, wanted in TOOLS]
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": f"result of {use.name}"} for use in uses]
    history = [*messages, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    with claude.messages.stream(messages=history, **asked) as stream:
        assert "result of get_time" in stream.get_final_text()
