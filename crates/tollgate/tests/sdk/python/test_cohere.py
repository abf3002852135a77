"""The cohere package, against upstreams of its own language and of others."""

import itertools
import json

import cohere
import pytest
from cohere.core.api_error import ApiError

from words import HELLO, KEY, PIXEL, SYSTEM, THOUGHT, TOOLS, URL, call_tokens, tokens, tool_tokens

HI = [{"role": "user", "content": "hi"}]
FUNCTIONS = [
    {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}
    for name, about, schema, _ in TOOLS
]
# A model that fails is avoided for a while: each test asks another.
NUMBERS = itertools.count(3000)


@pytest.fixture(params=["oai", "ant", "coh"])
def upstream(request) -> str:
    return request.param


@pytest.fixture
def client() -> cohere.ClientV2:
    return connect(KEY)


def connect(key: str) -> cohere.ClientV2:
    return cohere.ClientV2(api_key=key, base_url=URL, timeout=20, log_warning_experimental_features=False)


def asked(upstream: str, program: str = "", **more) -> dict:
    once = {"max_retries": 0}
    return {"model": f"{upstream}/tollgate/mock{program}", "messages": HI, "request_options": once, **more}


def check_usage(usage, prompt: int, completion: int):
    assert (usage.tokens.input_tokens, usage.tokens.output_tokens) == (prompt, completion)


def check_calls(calls):
    told = [(call.function.name, json.loads(call.function.arguments)) for call in calls]
    assert told == [(name, wanted) for name, *_, wanted in TOOLS]
    assert len({call.id for call in calls}) == len(TOOLS)


def test_a_conversation_answers_with_text_reason_and_usage(client, upstream):
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "who are you"},
        {"role": "assistant", "content": "a model"},
        *HI,
    ]
    answer = client.chat(**asked(upstream) | {"messages": messages})
    assert [part.text for part in answer.message.content] == [HELLO]
    assert (answer.message.role, answer.finish_reason) == ("assistant", "COMPLETE")
    said = sum(tokens(text) for text in (SYSTEM, "who are you", "a model", "hi"))
    check_usage(answer.usage, said, tokens(HELLO))


def test_the_limit_of_tokens_shortens_the_answer(client, upstream):
    answer = client.chat(**asked(upstream, max_tokens=3))
    assert (answer.message.content[0].text, answer.finish_reason) == ("Hello from Tollgate.", "MAX_TOKENS")


def test_a_stream_brings_the_text_in_pieces_and_the_usage_at_its_end(client, upstream):
    events = [event for event in client.chat_stream(**asked(upstream)) if event]
    words = tokens(HELLO)
    assert [event.type for event in events] == [
        "message-start",
        "content-start",
        *["content-delta"] * words,
        "content-end",
        "message-end",
    ]
    texts = [event.delta.message.content.text for event in events if event.type == "content-delta"]
    assert "".join(texts) == HELLO
    assert events[-1].delta.finish_reason == "COMPLETE"
    check_usage(events[-1].delta.usage, 1, words)


def test_parallel_tools_are_called_answered_and_followed_by_text(client, upstream):
    request = asked(upstream, "?tool=get_weather,get_time", tools=FUNCTIONS)
    first = client.chat(**request)
    calls = first.message.tool_calls
    check_calls(calls)
    assert first.finish_reason == "TOOL_CALL"
    check_usage(first.usage, 1 + tool_tokens(), sum(call_tokens(wanted) for *_, wanted in TOOLS))
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"result of {call.function.name}"} for call in calls
    ]
    second = client.chat(**request | {"messages": [*HI, first.message, *results]})
    assert second.finish_reason == "COMPLETE"
    assert "result of get_time" in second.message.content[0].text


def test_the_arguments_of_parallel_tools_are_streamed_in_pieces(client, upstream):
    request = asked(upstream, "?tool=get_weather,get_time", tools=FUNCTIONS)
    calls, reasons = {}, []
    for event in client.chat_stream(**request):
        if event.type == "tool-call-start":
            calls[event.index] = event.delta.message.tool_calls
        elif event.type == "tool-call-delta":
            calls[event.index].function.arguments += event.delta.message.tool_calls.function.arguments
        elif event.type == "message-end":
            reasons.append(event.delta.finish_reason)
    check_calls(list(calls.values()))
    assert reasons == ["TOOL_CALL"]


def test_a_tool_that_is_demanded_is_called(client, upstream):
    answer = client.chat(**asked(upstream, tools=FUNCTIONS[:1], tool_choice="REQUIRED"))
    assert [call.function.name for call in answer.message.tool_calls] == ["get_weather"]


def test_reasoning_is_told_apart_from_text(client, upstream):
    thought, text = client.chat(**asked(upstream, "?think=20")).message.content
    assert (thought.type, thought.thinking, text.text) == ("thinking", THOUGHT, HELLO)


def test_a_picture_is_seen(client, upstream):
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}]
    answer = client.chat(**asked(upstream) | {"messages": messages})
    assert answer.usage.tokens.input_tokens > tokens("What is this?")


def test_what_goes_wrong_upstream_has_its_own_error(client, upstream):
    for status, error in ((429, cohere.TooManyRequestsError), (503, cohere.ServiceUnavailableError)):
        with pytest.raises(error):
            client.chat(**asked(upstream, f"?fail={status}&tokens={next(NUMBERS)}"))
        with pytest.raises(ApiError) as raised:
            list(client.chat_stream(**asked(upstream, f"?fail={status}&tokens={next(NUMBERS)}")))
        assert raised.value.status_code == status


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(cohere.NotFoundError) as raised:
        client.chat(model="smrt", messages=HI)
    assert "`smart`" in raised.value.body["message"]


def test_a_wrong_key_is_refused():
    with pytest.raises(cohere.UnauthorizedError):
        connect("tg-wrong").chat(model="smart", messages=HI)


def test_documents_are_reranked(client):
    documents = ["snow falls", "hot water boils", "water"]
    answer = client.rerank(model="coh/tollgate/mock", query="hot water", documents=documents, top_n=2)
    assert [result.index for result in answer.results] == [1, 2]
    assert answer.results[0].relevance_score > answer.results[1].relevance_score
    assert answer.meta.billed_units.search_units == 1


def test_texts_are_embedded_by_providers_of_either_language(client):
    for provider in ("coh", "oai", "oll", "gem"):
        answer = client.embed(
            model=f"{provider}/tollgate/mock",
            texts=["the cat sat", "the cat ran"],
            input_type="search_document",
            embedding_types=["float"],
            output_dimension=8,
        )
        assert [len(vector) for vector in answer.embeddings.float_] == [8, 8]
        assert answer.response_type == "embeddings_by_type"
        assert answer.meta.billed_units.input_tokens == 6


def test_what_goes_wrong_beside_conversations_is_told_in_the_same_words(client):
    once = {"max_retries": 0}
    asked = {"query": "a", "documents": ["b"], "request_options": once}
    with pytest.raises(cohere.NotFoundError) as raised:
        client.rerank(model="nobody", **asked)
    assert "`nobody`" in raised.value.body["message"]
    with pytest.raises(cohere.TooManyRequestsError) as raised:
        client.rerank(model=f"coh/tollgate/mock?fail=429&tokens={next(NUMBERS)}", **asked)
    assert raised.value.body["message"]
    with pytest.raises(cohere.NotFoundError) as raised:
        client.embed(model="nobody", input_type="classification", texts=["a"], embedding_types=["float"])
    assert "`nobody`" in raised.value.body["message"]
