"""A model that pauses between its words: what clients are told meanwhile changes nothing of what they read."""

import os

import anthropic
import boto3
import cohere
import ollama
import openai
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from google import genai
from google.genai import types
from mistralai.client import Mistral

URL, KEY = os.environ["TOLLGATE_PATIENT_URL"], os.environ["TOLLGATE_PATIENT_KEY"]
# Five words, a tenth of a second from each to the next.
MODEL = "tollgate/mock?tps=10&tokens=5"
HI = [{"role": "user", "content": "hi"}]
SAID = "the gateway stands between those"


def chat() -> str:
    with openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
        chunks = client.chat.completions.create(model=MODEL, messages=HI, stream=True)
        return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def responses() -> str:
    with openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
        with client.responses.stream(model=MODEL, input="hi") as stream:
            return stream.get_final_response().output_text


def claude() -> str:
    with anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=20) as client:
        with client.messages.stream(model=MODEL, max_tokens=100, messages=HI) as stream:
            return stream.get_final_text()


def gemini() -> str:
    # Their own check of names wants no question mark in one.
    options = types.HttpOptions(base_url=URL, timeout=20_000)
    with genai.Client(api_key=KEY, http_options=options) as client:
        model = MODEL.replace("?", "%3F").replace("&", "%26")
        chunks = client.models.generate_content_stream(model=model, contents="hi")
        return "".join(chunk.text or "" for chunk in chunks)


def cohere_chat() -> str:
    client = cohere.ClientV2(api_key=KEY, base_url=URL, timeout=20, log_warning_experimental_features=False)
    events = client.chat_stream(model=MODEL, messages=HI)
    return "".join(event.delta.message.content.text for event in events if event.type == "content-delta")


def mistral() -> str:
    with Mistral(api_key=KEY, server_url=URL, timeout_ms=20_000) as client:
        with client.chat.stream(model=MODEL, messages=HI) as stream:
            return "".join(choice.delta.content or "" for event in stream for choice in event.data.choices)


def ollama_chat() -> str:
    client = ollama.Client(host=URL, headers={"authorization": f"Bearer {KEY}"}, timeout=20)
    return "".join(part.message.content or "" for part in client.chat(MODEL, HI, stream=True))


def bedrock() -> str:
    config = Config(retries={"total_max_attempts": 1}, read_timeout=20, signature_version=UNSIGNED)
    client = boto3.client("bedrock-runtime", endpoint_url=URL, region_name="us-east-1", config=config)

    def authorize(request, **_):
        request.headers["authorization"] = f"Bearer {KEY}"

    client.meta.events.register("before-send.bedrock-runtime", authorize)
    messages = [{"role": "user", "content": [{"text": "hi"}]}]
    stream = client.converse_stream(modelId=MODEL, messages=messages)["stream"]
    deltas = (event["contentBlockDelta"] for event in stream if "contentBlockDelta" in event)
    return "".join(delta["delta"].get("text", "") for delta in deltas)


@pytest.mark.parametrize(
    "ask", [chat, responses, claude, gemini, cohere_chat, mistral, ollama_chat, bedrock], ids=lambda ask: ask.__name__
)
def test_a_stream_with_silences_reads_as_one_without(ask):
    assert ask() == SAID
