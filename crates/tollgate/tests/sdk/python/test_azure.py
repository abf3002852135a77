"""The openai package's class for deployments, which puts the model's name into the path and the key into a header of
its own. The gateway's model is the deployment."""

import asyncio
import base64

import openai
import pytest

from words import HELLO, KEY, PIXEL, URL, tokens

HI = [{"role": "user", "content": "hi"}]
MODEL = "oai/tollgate/mock"


def connect(**more) -> openai.AzureOpenAI:
    said = {"azure_endpoint": URL, "api_key": KEY, "api_version": "2024-10-21", "max_retries": 0, "timeout": 20}
    return openai.AzureOpenAI(**{**said, **more})


@pytest.fixture
def azure():
    with connect() as client:
        yield client


def test_a_conversation_is_answered_whole_and_streamed(azure, upstream):
    model = f"{upstream}/tollgate/mock"
    answer = azure.chat.completions.create(model=model, messages=HI)
    assert (answer.model, answer.choices[0].message.content) == (model, HELLO)
    assert answer.usage.completion_tokens == tokens(HELLO)
    chunks = azure.chat.completions.create(model=model, messages=HI, stream=True)
    said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(said) == HELLO


def test_a_deployment_of_the_client_s_goes_before_the_model_of_a_request(upstream):
    model = f"{upstream}/tollgate/mock"
    with connect(azure_deployment=model) as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=HI)
        assert (answer.model, answer.choices[0].message.content) == (model, HELLO)
        # What has no deployments names its model in the body.
        assert client.responses.create(model=model, input="hi").output_text == HELLO


def test_a_token_of_the_cloud_s_may_be_the_key():
    with connect(api_key=None, azure_ad_token_provider=lambda: KEY) as client:
        assert client.chat.completions.create(model=MODEL, messages=HI).choices[0].message.content == HELLO


def test_a_base_url_may_be_the_gateway_s_own():
    for base in [f"{URL}/openai", f"{URL}/v1", URL]:
        with connect(azure_endpoint=None, base_url=base) as client:
            assert client.chat.completions.create(model=MODEL, messages=HI).model == MODEL


def test_every_operation_with_deployments_has_its_path(azure):
    answer = azure.embeddings.create(model=MODEL, input=["a", "b c"], dimensions=8)
    assert [len(item.embedding) for item in answer.data] == [8, 8]
    assert azure.completions.create(model=MODEL, prompt="hi").choices[0].text == HELLO
    assert azure.images.generate(model=MODEL, prompt="a dot").data[0].b64_json == PIXEL
    pixel = ("a.png", base64.b64decode(PIXEL))
    assert azure.images.edit(model=MODEL, prompt="a dot", image=pixel).data[0].b64_json == PIXEL
    sound = azure.audio.speech.create(model=MODEL, voice="alloy", input="hi").read()
    assert sound.startswith(b"RIFF")
    heard = azure.audio.transcriptions.create(model=MODEL, file=("a.wav", sound))
    assert heard.text == f"I heard {len(sound)} bytes."
    with connect(azure_deployment=MODEL) as client:
        assert client.audio.translations.create(model="whisper", file=("a.wav", sound)).text == heard.text


def test_models_are_listed(azure):
    assert "smart" in [model.id for model in azure.models.list()]


def test_an_error_is_the_one_that_is_expected(azure):
    with pytest.raises(openai.NotFoundError) as raised:
        azure.chat.completions.create(model="nobody", messages=HI)
    assert "nobody" in raised.value.message
    with connect(api_key="wrong") as client, pytest.raises(openai.AuthenticationError):
        client.chat.completions.create(model=MODEL, messages=HI)


def test_a_session_is_opened_by_its_deployment():
    async def talk():
        place = URL.replace("http", "ws", 1) + "/openai"
        client = openai.AsyncAzureOpenAI(
            azure_endpoint=URL, websocket_base_url=place, api_key=KEY, api_version="2024-10-01-preview"
        )
        async with client, client.realtime.connect(model="talk/gpt-realtime") as connection:
            created = await connection.recv()
            await connection.response.create(response={"instructions": "say this"})
            return created, [await connection.recv() for _ in range(4)]

    created, events = asyncio.run(talk())
    assert (created.type, events[-1].type) == ("session.created", "response.done")
