"""Realtime sessions, by the openai package."""

import asyncio

import openai
import pytest
from websockets.exceptions import InvalidStatus

from words import KEY, URL

MODEL = "talk/gpt-realtime"


def test_a_session_is_updated_and_answers(chat):
    with chat.realtime.connect(model=MODEL) as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        assert connection.recv().type == "session.updated"
        content = [{"type": "input_text", "text": "hi"}]
        connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        added = connection.recv()
        assert (added.type, added.item.content[0].text) == ("conversation.item.added", "hi")
        connection.response.create(response={"instructions": "say this"})
        events = []
        for event in connection:
            events.append(event)
            if event.type == "response.done":
                break
    kinds = [event.type.removeprefix("response.") for event in events]
    assert kinds == ["created", "output_text.delta", "output_text.done", "done"]
    assert (events[1].delta, events[2].text) == ("say this", "say this")
    assert (events[3].response.status, events[3].response.usage.total_tokens) == ("completed", 30)


def test_what_a_session_does_not_know_is_an_error_event(chat):
    with chat.realtime.connect(model=MODEL) as connection:
        assert connection.recv().type == "session.created"
        connection.input_audio_buffer.clear()
        event = connection.recv()
    assert (event.type, event.error.message) == ("error", "input_audio_buffer.clear")


def test_the_asynchronous_client_talks_too():
    async def talk():
        async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY) as client:
            async with client.realtime.connect(model=MODEL) as connection:
                created = await connection.recv()
                await connection.response.create(response={"instructions": "say this"})
                return created, [await connection.recv() for _ in range(4)]

    created, events = asyncio.run(talk())
    assert (created.type, events[-1].type) == ("session.created", "response.done")


def test_a_model_that_is_not_there_has_no_session(chat):
    with pytest.raises(InvalidStatus) as raised:
        with chat.realtime.connect(model="nobody", max_retries=0):
            pass
    assert raised.value.response.status_code == 404
