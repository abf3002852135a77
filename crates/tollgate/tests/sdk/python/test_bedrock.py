"""The boto3 package's Bedrock runtime, against upstreams of its own language and of others."""

import base64
import itertools
import json

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from words import HELLO, KEY, PIXEL, SIGNATURE, SYSTEM, THOUGHT, TOOLS, URL, call_tokens, tokens

HI = [{"role": "user", "content": [{"text": "hi"}]}]
SPECS = [
    {"toolSpec": {"name": name, "description": about, "inputSchema": {"json": schema}}}
    for name, about, schema, _ in TOOLS
]
# A model that fails is avoided for a while: each test asks another.
NUMBERS = itertools.count(1000)


@pytest.fixture(params=["oai", "ant", "bed"])
def upstream(request) -> str:
    return request.param


@pytest.fixture
def bedrock():
    return connect(KEY)


def connect(key: str):
    """A client with this key. AWS_BEARER_TOKEN_BEDROCK would do the same, but over HTTPS alone."""
    quickly = Config(retries={"total_max_attempts": 1}, read_timeout=20, signature_version=UNSIGNED)
    client = boto3.client("bedrock-runtime", endpoint_url=URL, region_name="us-east-1", config=quickly)

    def authorize(request, **_):
        request.headers["authorization"] = f"Bearer {key}"

    client.meta.events.register("before-send.bedrock-runtime", authorize)
    return client


def asked(upstream: str, program: str = "", **more) -> dict:
    limit = {"maxTokens": 1000}
    return {"modelId": f"{upstream}/tollgate/mock{program}", "messages": HI, "inferenceConfig": limit, **more}


def check_usage(usage, prompt: int, completion: int):
    assert (usage["inputTokens"], usage["outputTokens"]) == (prompt, completion)
    assert usage["totalTokens"] == prompt + completion


def called(message) -> list:
    return [block["toolUse"] for block in message["content"] if "toolUse" in block]


def test_a_conversation_answers_with_text_reason_and_usage(bedrock, upstream):
    messages = [
        {"role": "user", "content": [{"text": "who are you"}]},
        {"role": "assistant", "content": [{"text": "a model"}]},
        *HI,
    ]
    answer = bedrock.converse(**asked(upstream, system=[{"text": SYSTEM}]) | {"messages": messages})
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": HELLO}]}
    assert answer["stopReason"] == "end_turn"
    said = sum(tokens(text) for text in (SYSTEM, "who are you", "a model", "hi"))
    check_usage(answer["usage"], said, tokens(HELLO))


def test_a_public_name_leads_to_its_target(bedrock):
    for name in ("smart", "wise"):
        answer = bedrock.converse(modelId=name, messages=HI)
        assert answer["output"]["message"]["content"] == [{"text": HELLO}]


def test_the_limit_of_tokens_shortens_the_answer(bedrock, upstream):
    answer = bedrock.converse(**asked(upstream) | {"inferenceConfig": {"maxTokens": 3}})
    assert answer["output"]["message"]["content"] == [{"text": "Hello from Tollgate."}]
    assert answer["stopReason"] == "max_tokens"


def test_a_stream_brings_the_text_in_pieces_and_the_usage_at_its_end(bedrock, upstream):
    events = list(bedrock.converse_stream(**asked(upstream))["stream"])
    kinds = [kind for event in events for kind in event]
    words = tokens(HELLO)
    assert kinds == [
        "messageStart",
        *["contentBlockDelta"] * words,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert events[0]["messageStart"]["role"] == "assistant"
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert "".join(deltas) == HELLO
    assert events[-2]["messageStop"]["stopReason"] == "end_turn"
    check_usage(events[-1]["metadata"]["usage"], 1, words)


def test_parallel_tools_are_called_answered_and_followed_by_text(bedrock, upstream):
    request = asked(upstream, "?tool=get_weather,get_time", toolConfig={"tools": SPECS})
    first = bedrock.converse(**request)
    message, calls = first["output"]["message"], called(first["output"]["message"])
    assert first["stopReason"] == "tool_use"
    assert [(call["name"], call["input"]) for call in calls] == [(name, wanted) for name, *_, wanted in TOOLS]
    # The package spells schemas its own way, so that what they count for is not ours to say.
    assert first["usage"]["outputTokens"] == sum(call_tokens(wanted) for *_, wanted in TOOLS)
    results = [
        {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": f"result of {call['name']}"}]}}
        for call in calls
    ]
    messages = [*HI, message, {"role": "user", "content": results}]
    second = bedrock.converse(**request | {"messages": messages})
    assert second["stopReason"] == "end_turn"
    [text] = second["output"]["message"]["content"]
    assert "result of get_time" in text["text"]


def test_the_arguments_of_a_tool_are_streamed_in_pieces(bedrock, upstream):
    request = asked(upstream, "?tool=get_weather,get_time", toolConfig={"tools": SPECS})
    names, arguments, reasons = {}, {}, []
    for event in bedrock.converse_stream(**request)["stream"]:
        if start := event.get("contentBlockStart"):
            names[start["contentBlockIndex"]] = start["start"]["toolUse"]["name"]
        elif piece := event.get("contentBlockDelta"):
            index = piece["contentBlockIndex"]
            arguments[index] = arguments.get(index, "") + piece["delta"]["toolUse"]["input"]
        elif stop := event.get("messageStop"):
            reasons.append(stop["stopReason"])
    assert reasons == ["tool_use"]
    assert [(names[index], json.loads(arguments[index])) for index in sorted(names)] == [
        (name, wanted) for name, *_, wanted in TOOLS
    ]


def test_reasoning_is_told_apart_from_text(bedrock, upstream):
    answer = bedrock.converse(**asked(upstream, "?think=20"))
    thought, text = answer["output"]["message"]["content"]
    assert thought["reasoningContent"]["reasoningText"]["text"] == THOUGHT
    assert text["text"] == HELLO
    if upstream != "oai":
        assert thought["reasoningContent"]["reasoningText"]["signature"] == SIGNATURE


def test_a_picture_is_seen(bedrock, upstream):
    picture = {"image": {"format": "png", "source": {"bytes": base64.b64decode(PIXEL)}}}
    messages = [{"role": "user", "content": [{"text": "What is this?"}, picture]}]
    answer = bedrock.converse(**asked(upstream) | {"messages": messages})
    assert answer["usage"]["inputTokens"] > tokens("What is this?")


@pytest.mark.parametrize("status, name", [(429, "ThrottlingException"), (503, "ServiceUnavailableException")])
def test_what_goes_wrong_upstream_has_its_name(bedrock, upstream, status, name):
    with pytest.raises(ClientError) as raised:
        bedrock.converse(**asked(upstream, f"?fail={status}&tokens={next(NUMBERS)}"))
    assert raised.value.response["Error"]["Code"] == name
    with pytest.raises(ClientError) as raised:
        bedrock.converse_stream(**asked(upstream, f"?fail={status}&tokens={next(NUMBERS)}"))
    assert raised.value.response["Error"]["Code"] == name


def test_an_unknown_model_is_not_found(bedrock):
    with pytest.raises(bedrock.exceptions.ResourceNotFoundException) as raised:
        bedrock.converse(modelId="smrt", messages=HI)
    assert "`smart`" in raised.value.response["Error"]["Message"]


def test_a_wrong_key_is_denied():
    with pytest.raises(ClientError) as raised:
        connect("tg-wrong").converse(modelId="smart", messages=HI)
    assert raised.value.response["Error"]["Code"] == "AccessDeniedException"
