"""The ollama package, against upstreams of its own language and of others."""

import itertools

import ollama
import pytest

from words import HELLO, KEY, PIXEL, SYSTEM, THOUGHT, TOOLS, URL, call_tokens, tokens

HI = [{"role": "user", "content": "hi"}]
FUNCTIONS = [
    {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}
    for name, about, schema, _ in TOOLS
]
# A model that fails is avoided for a while: each test asks another.
NUMBERS = itertools.count(2000)


@pytest.fixture(params=["oai", "ant", "oll"])
def upstream(request) -> str:
    return request.param


@pytest.fixture
def client() -> ollama.Client:
    return ollama.Client(host=URL, headers={"authorization": f"Bearer {KEY}"}, timeout=20)


def model(upstream: str, program: str = "") -> str:
    return f"{upstream}/tollgate/mock{program}"


def test_a_conversation_answers_with_text_reason_and_usage(client, upstream):
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "who are you"},
        {"role": "assistant", "content": "a model"},
        *HI,
    ]
    answer = client.chat(model(upstream), messages)
    assert (answer.message.role, answer.message.content) == ("assistant", HELLO)
    assert (answer.model, answer.done, answer.done_reason) == (model(upstream), True, "stop")
    said = sum(tokens(text) for text in (SYSTEM, "who are you", "a model", "hi"))
    assert (answer.prompt_eval_count, answer.eval_count) == (said, tokens(HELLO))


def test_the_limit_of_tokens_shortens_the_answer(client, upstream):
    answer = client.chat(model(upstream), HI, options={"num_predict": 3})
    assert (answer.message.content, answer.done_reason) == ("Hello from Tollgate.", "length")


def test_a_stream_brings_the_text_in_pieces_and_the_usage_at_its_end(client, upstream):
    pieces = list(client.chat(model(upstream), HI, stream=True))
    assert "".join(piece.message.content for piece in pieces) == HELLO
    assert len(pieces) == tokens(HELLO) + 1
    assert [piece.done for piece in pieces] == [False] * tokens(HELLO) + [True]
    assert (pieces[-1].prompt_eval_count, pieces[-1].eval_count) == (1, tokens(HELLO))


@pytest.mark.parametrize("streamed", [False, True])
def test_parallel_tools_are_called_answered_and_followed_by_text(client, upstream, streamed):
    name = model(upstream, "?tool=get_weather,get_time")
    answer = client.chat(name, HI, tools=FUNCTIONS, stream=streamed)
    answers = list(answer) if streamed else [answer]
    calls = [call.function for piece in answers for call in piece.message.tool_calls or []]
    # The package passes on no more of a schema than types, words and what is required.
    wanted = [(name, {**arguments, "days": 1} if "days" in arguments else arguments) for name, *_, arguments in TOOLS]
    assert [(call.name, call.arguments) for call in calls] == wanted
    assert answers[-1].eval_count == sum(call_tokens(arguments) for _, arguments in wanted)
    said = {"role": "assistant", "tool_calls": [{"function": call.model_dump()} for call in calls]}
    results = [{"role": "tool", "tool_name": call.name, "content": f"result of {call.name}"} for call in calls]
    last = client.chat(name, [*HI, said, *results], tools=FUNCTIONS)
    assert "result of get_time" in last.message.content


def test_reasoning_is_told_apart_from_text(client, upstream):
    answer = client.chat(model(upstream, "?think=20"), HI)
    assert (answer.message.thinking, answer.message.content) == (THOUGHT, HELLO)
    pieces = list(client.chat(model(upstream, "?think=20"), HI, stream=True))
    assert "".join(piece.message.thinking or "" for piece in pieces) == THOUGHT


def test_a_picture_is_seen(client, upstream):
    messages = [{"role": "user", "content": "What is this?", "images": [PIXEL]}]
    assert client.chat(model(upstream), messages).prompt_eval_count > tokens("What is this?")


def test_what_goes_wrong_upstream_is_told(client, upstream):
    for status in (429, 503):
        with pytest.raises(ollama.ResponseError) as raised:
            client.chat(model(upstream, f"?fail={status}&tokens={next(NUMBERS)}"), HI)
        assert raised.value.status_code == status
        with pytest.raises(ollama.ResponseError) as raised:
            list(client.chat(model(upstream, f"?fail={status}&tokens={next(NUMBERS)}"), HI, stream=True))
        assert raised.value.status_code == status


def test_the_models_are_listed_and_shown(client):
    names = [listed.model for listed in client.list().models]
    assert {"smart", "wise"} <= set(names)
    shown = client.show("smart")
    assert "completion" in shown.capabilities
    assert client.show("oai/text-embedding-3-small").capabilities == ["embedding"]
    assert client.ps().models == []
    with pytest.raises(ollama.ResponseError) as raised:
        client.show("nobody")
    assert raised.value.status_code == 404


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(ollama.ResponseError) as raised:
        client.chat("smrt", HI)
    assert raised.value.status_code == 404
    assert "`smart`" in raised.value.error


def test_a_wrong_key_is_refused():
    stranger = ollama.Client(host=URL, headers={"authorization": "Bearer tg-wrong"})
    with pytest.raises(ollama.ResponseError) as raised:
        stranger.chat("smart", HI)
    assert raised.value.status_code == 401
