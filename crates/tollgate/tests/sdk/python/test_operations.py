"""The openai package, where there is no conversation. The provider speaks OpenAI's language itself."""

import base64
import math
import struct

import openai
import pytest

from words import HELLO, PIXEL, tokens

MODEL = "oai/tollgate/mock"


def length(vector) -> float:
    return math.sqrt(sum(number * number for number in vector))


def test_embeddings_come_as_numbers_though_the_client_asks_for_base64(chat):
    answer = chat.embeddings.create(model=MODEL, input=["the cat sat", "the cat ran"], dimensions=32)
    assert answer.model == MODEL
    assert [item.index for item in answer.data] == [0, 1]
    assert [len(item.embedding) for item in answer.data] == [32, 32]
    assert all(abs(length(item.embedding) - 1) < 1e-5 for item in answer.data)
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (6, 6)


@pytest.mark.parametrize("texts", ["hi", [1, 2, 3], [[1, 2], [3]]])
def test_embeddings_take_every_form_of_input(chat, texts):
    answer = chat.embeddings.create(model=MODEL, input=texts, encoding_format="float")
    assert len(answer.data) == (2 if isinstance(texts[0], list) else 1)
    packed = chat.embeddings.create(model=MODEL, input=texts, encoding_format="base64")
    for item, packed_item in zip(answer.data, packed.data):
        raw = base64.b64decode(packed_item.embedding)
        assert item.embedding == pytest.approx(struct.unpack(f"<{len(raw) // 4}f", raw))


def test_a_completion_goes_on_whole_and_streamed(chat):
    answer = chat.completions.create(model=MODEL, prompt="hi")
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == (HELLO, "stop")
    assert answer.usage.completion_tokens == tokens(HELLO)
    short = chat.completions.create(model=MODEL, prompt="hi", max_tokens=2)
    assert short.choices[0].finish_reason == "length"
    chunks = list(chat.completions.create(model=MODEL, prompt="hi", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == HELLO
    assert all(chunk.model == MODEL and chunk.usage is None for chunk in chunks)
    options = {"include_usage": True}
    *_, last = chat.completions.create(model=MODEL, prompt="hi", stream=True, stream_options=options)
    assert (last.choices, last.usage.completion_tokens) == ([], tokens(HELLO))


def test_content_is_judged_by_category(chat):
    answer = chat.moderations.create(model=MODEL, input=["a kind word", "violence"])
    assert [result.flagged for result in answer.results] == [False, True]
    assert answer.results[1].categories.violence and not answer.results[1].categories.hate
    parts = [{"type": "text", "text": "a kind word"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    assert len(chat.moderations.create(model=MODEL, input=parts).results) == 1


def test_images_are_drawn_edited_varied_and_streamed(chat):
    answer = chat.images.generate(model=MODEL, prompt="a dot", n=2)
    assert [image.b64_json for image in answer.data] == [PIXEL, PIXEL]
    assert answer.usage.output_tokens == 2 * 85
    pixel = base64.b64decode(PIXEL)
    edited = chat.images.edit(model=MODEL, prompt="a dot", image=[("a.png", pixel), ("b.png", pixel)])
    assert edited.data[0].b64_json == PIXEL
    assert chat.images.create_variation(model=MODEL, image=("a.png", pixel)).data[0].b64_json == PIXEL
    events = list(chat.images.generate(model=MODEL, prompt="a dot", stream=True, partial_images=2))
    kinds = [event.type for event in events]
    assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert events[-1].usage.output_tokens == 85


def test_sound_goes_out_and_comes_in(chat):
    speech = chat.audio.speech.create(model=MODEL, voice="alloy", input="hi")
    sound = speech.read()
    assert speech.response.headers["content-type"] == "audio/wav"
    assert sound.startswith(b"RIFF")
    with chat.audio.speech.with_streaming_response.create(model=MODEL, voice="alloy", input="hi") as streamed:
        assert b"".join(streamed.iter_bytes()) == sound
    file = ("beep.wav", sound)
    heard = f"I heard {len(sound)} bytes."
    assert chat.audio.transcriptions.create(model=MODEL, file=file).text == heard
    assert chat.audio.transcriptions.create(model=MODEL, file=file, response_format="text") == f"{heard}\n"
    verbose = chat.audio.transcriptions.create(model=MODEL, file=file, response_format="verbose_json")
    assert (verbose.text, verbose.segments[0].text) == (heard, heard)
    assert chat.audio.translations.create(model=MODEL, file=file).text == heard
    events = list(chat.audio.transcriptions.create(model=MODEL, file=file, stream=True))
    assert "".join(event.delta for event in events[:-1]) == events[-1].text == heard


def test_errors_are_the_clients_own(chat):
    with pytest.raises(openai.NotFoundError):
        chat.embeddings.create(model="nobody", input="hi")
    with pytest.raises(openai.RateLimitError):
        chat.embeddings.create(model=f"{MODEL}?fail=429", input="hi")
    with pytest.raises(openai.BadRequestError) as refused:
        chat.embeddings.create(model="ant/tollgate/mock", input="hi")
    assert refused.value.body["tollgate_code"] == "TG-1202"
