"""The listing of models as each client reads it."""

import json

import anthropic
import boto3
import cohere
import openai
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from cohere.core.api_error import ApiError
from google import genai
from google.genai import errors, types
from mistralai.client import Mistral
from mistralai.client import errors as mistral_errors

from words import KEY, URL

KNOWN = {"smart", "wise", "oai/gpt-4o", "ant/claude-opus-4-5"}


def test_openai_lists_and_retrieves(chat):
    listed = chat.models.list()
    assert listed.object == "list" and listed._request_id
    models = {model.id: model for model in listed}
    assert KNOWN <= models.keys()
    assert len(models) == len(listed.data)
    assert {model.object for model in models.values()} == {"model"}
    assert (models["smart"].owned_by, models["wise"].owned_by) == ("oai", "ant")
    assert all(model.created > 1_700_000_000 for model in models.values())
    for name in ("smart", "oai/gpt-4o"):
        assert chat.models.retrieve(name) == models[name]
    with pytest.raises(openai.NotFoundError) as raised:
        chat.models.retrieve("nothing")
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")


def test_anthropic_lists_and_retrieves(claude):
    page = claude.models.list(limit=1000)
    models = {model.id: model for model in page}
    assert KNOWN <= models.keys()
    assert (page.first_id, page.last_id) == (page.data[0].id, page.data[-1].id)
    assert {(model.type, model.lifecycle) for model in models.values()} == {("model", "active")}
    assert all(model.display_name == model.id for model in models.values())
    assert all(model.created_at.year >= 2026 for model in models.values())
    for name in ("smart", "ant/claude-opus-4-5"):
        assert claude.models.retrieve(name) == models[name]
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("nothing")


def test_anthropic_tells_what_a_model_can_do(claude):
    known = claude.models.retrieve("ant/claude-opus-4-5")
    assert known.max_input_tokens == 200_000 and known.max_tokens == 64_000
    capabilities = known.capabilities
    assert capabilities.image_input.supported and capabilities.pdf_input.supported
    assert capabilities.thinking.supported and capabilities.thinking.types.enabled.supported
    assert not capabilities.batch.supported
    blind = claude.models.retrieve("oai/gpt-3.5-turbo").capabilities
    assert not blind.image_input.supported and not blind.thinking.supported


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_anthropics_pages_bring_every_model_once(claude, limit):
    every = [model.id for model in claude.models.list()]
    if limit == 1:
        page = claude.models.list(limit=1)
        assert ([model.id for model in page.data], page.has_more) == (every[:1], True)
        page = page.get_next_page()
        assert ([model.id for model in page.data], page.has_more) == (every[1:2], True)
        return
    assert [model.id for model in claude.models.list(limit=limit)] == every
    last = claude.models.list(limit=limit, after_id=every[-3])
    assert ([model.id for model in last.data], last.has_more) == (every[-2:], False)
    # Backwards, the nearest models come first, in the order of the list.
    back = claude.models.list(limit=3, before_id=every[5])
    assert ([model.id for model in back.data], back.has_more) == (every[2:5], True)
    back = back.get_next_page()
    assert ([model.id for model in back.data], back.has_more) == (every[:2], False)


def test_anthropic_lists_models_in_a_stage_of_their_lives(claude):
    every = [model.id for model in claude.models.list()]
    assert [model.id for model in claude.models.list(lifecycle=["active", "retired"])] == every
    assert claude.models.list(lifecycle=["retired"]).data == []


def test_anthropic_is_told_of_a_page_that_makes_no_sense(claude):
    for wrong in ({"limit": 0}, {"limit": 1001}, {"after_id": "nothing"}, {"lifecycle": ["unborn"]}):
        with pytest.raises(anthropic.BadRequestError) as raised:
            claude.models.list(**wrong)
        error = raised.value.body["error"]
        assert error["type"] == "invalid_request_error"
        assert f"`{next(iter(wrong))}`" in error["message"]
    with anthropic.Anthropic(base_url=URL, api_key="tg-wrong", max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError) as raised:
            stranger.models.list()
    assert raised.value.body["error"]["type"] == "authentication_error"


def gemini(key: str = KEY, **more) -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=URL, timeout=20_000), **more)


def test_gemini_lists_in_pages():
    with gemini() as client:
        every = [model.name for model in client.models.list()]
        assert {f"models/{name}" for name in KNOWN} <= set(every)
        pager = client.models.list(config={"page_size": 7})
        assert len(pager) == 7 and pager.config["page_token"]
        assert [model.name for model in pager] == every
        known = client.models.get(model="ant/claude-opus-4-5")
        assert (known.input_token_limit, known.output_token_limit) == (200_000, 64_000)
        assert known.supported_actions == ["generateContent", "countTokens"]
        assert client.models.get(model="oai/text-embedding-3-small").supported_actions == ["embedContent"]
        with pytest.raises(errors.ClientError) as raised:
            client.models.list(config={"page_token": "nothing"})
        assert (raised.value.code, raised.value.status) == (400, "INVALID_ARGUMENT")
        with pytest.raises(errors.ClientError) as raised:
            client.models.get(model="nothing")
        assert (raised.value.code, raised.value.status) == (404, "NOT_FOUND")
    with gemini("tg-wrong") as client, pytest.raises(errors.ClientError) as raised:
        client.models.list()
    assert (raised.value.code, raised.value.status) == (401, "UNAUTHENTICATED")


def test_geminis_client_for_vertex_lists_in_pages():
    with gemini(vertexai=True) as client:
        every = [model.name for model in client.models.list()]
        assert {f"publishers/google/models/{name}" for name in KNOWN} <= set(every)
        assert [model.name for model in client.models.list(config={"page_size": 7})] == every
        assert client.models.get(model="smart").name == "publishers/google/models/smart"
        for name in ("oai/gpt-4o", "publishers/google/models/oai/gpt-4o"):
            assert client.models.get(model=name).name == "publishers/google/models/oai/gpt-4o"
        with pytest.raises(errors.ClientError) as raised:
            client.models.get(model="nothing")
        assert (raised.value.code, raised.value.status) == (404, "NOT_FOUND")


def test_cohere_lists_in_pages_and_by_endpoint():
    client = cohere.ClientV2(api_key=KEY, base_url=URL, timeout=20, log_warning_experimental_features=False)
    every = [model.name for model in client.models.list().models]
    assert KNOWN <= set(every)
    names, page = [], client.models.list(page_size=7)
    while True:
        names += [model.name for model in page.models]
        if not page.next_page_token:
            break
        assert len(page.models) == 7
        page = client.models.list(page_size=7, page_token=page.next_page_token)
    assert names == every
    embedding = {model.name for model in client.models.list(endpoint="embed").models}
    assert {"oai/text-embedding-3-small", "coh/embed-v4.0"} <= embedding
    assert not embedding & KNOWN
    assert {"coh/rerank-v3.5"} <= {model.name for model in client.models.list(endpoint="rerank").models}
    assert client.models.list(endpoint="classify").models == []
    known = client.models.get("ant/claude-opus-4-5")
    assert (known.name, known.endpoints, known.context_length) == ("ant/claude-opus-4-5", ["chat"], 200_000)
    assert "tools" in known.features and not known.is_deprecated
    once = {"request_options": {"max_retries": 0}}
    for wrong in ({"page_size": 1001}, {"page_token": "nothing"}, {"endpoint": "nothing"}):
        with pytest.raises(ApiError) as raised:
            client.models.list(**wrong, **once)
        assert raised.value.status_code == 400
        assert f"`{next(iter(wrong))}`" in raised.value.body["message"]
    with pytest.raises(cohere.NotFoundError) as raised:
        client.models.get("nothing", **once)
    assert "`nothing`" in raised.value.body["message"]


def test_mistral_lists_cards():
    with Mistral(api_key=KEY, server_url=URL, timeout_ms=20_000) as client:
        cards = {card.id: card for card in client.models.list().data}
        assert KNOWN <= cards.keys()
        assert {card.type for card in cards.values()} == {"base"}
        known = cards["ant/claude-opus-4-5"]
        assert (known.owned_by, known.max_context_length) == ("ant", 200_000)
        capabilities = known.capabilities
        assert capabilities.completion_chat and capabilities.function_calling and capabilities.vision
        assert not capabilities.ocr
        assert not cards["oai/text-embedding-3-small"].capabilities.completion_chat
        assert client.models.retrieve(model_id="ant/claude-opus-4-5") == known
        with pytest.raises(mistral_errors.MistralError) as raised:
            client.models.retrieve(model_id="nothing")
        assert raised.value.status_code == 404
        assert json.loads(raised.value.body)["error"]["code"] == "model_not_found"


def bedrock(key: str):
    """The service beside the runtime, with this key."""
    quickly = Config(retries={"total_max_attempts": 1}, read_timeout=20, signature_version=UNSIGNED)
    client = boto3.client("bedrock", endpoint_url=URL, region_name="us-east-1", config=quickly)

    def authorize(request, **_):
        request.headers["authorization"] = f"Bearer {key}"

    client.meta.events.register("before-send.bedrock", authorize)
    return client


def test_bedrock_lists_foundation_models():
    client = bedrock(KEY)
    models = {model["modelId"]: model for model in client.list_foundation_models()["modelSummaries"]}
    assert KNOWN <= models.keys()
    known = models["ant/claude-opus-4-5"]
    assert known["providerName"] == "ant" and known["responseStreamingSupported"]
    assert (known["inputModalities"], known["outputModalities"]) == (["TEXT", "IMAGE"], ["TEXT"])
    embedding = client.list_foundation_models(byOutputModality="EMBEDDING")["modelSummaries"]
    assert "oai/text-embedding-3-small" in {model["modelId"] for model in embedding}
    of_one = client.list_foundation_models(byProvider="ant")["modelSummaries"]
    assert {model["providerName"] for model in of_one} == {"ant"}
    assert client.get_foundation_model(modelIdentifier="ant/claude-opus-4-5")["modelDetails"] == known
    for wrong, status, code in (("nothing", 404, "ResourceNotFoundException"),):
        with pytest.raises(ClientError) as raised:
            client.get_foundation_model(modelIdentifier=wrong)
        told = raised.value.response
        assert (told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Code"]) == (status, code)
    with pytest.raises(ClientError) as raised:
        client.list_foundation_models(byOutputModality="FILM")
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError) as raised:
        bedrock("tg-wrong").list_foundation_models()
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] in (401, 403)
