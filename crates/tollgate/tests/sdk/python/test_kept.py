"""Files and batches, by the packages of the providers that keep them."""

import json

import anthropic
import openai
import pytest

from words import KEY, URL

# Several providers keep files in each language: which one is meant has to be said where no id says it.
AT_OPENAI = {"x-tollgate-provider": "keep"}
AT_ANTHROPIC = {"x-tollgate-provider": "keep-ant"}
WORDS = ["one", "two"]


def lines(values) -> bytes:
    return "".join(f"{json.dumps(value)}\n" for value in values).encode()


def test_a_file_is_uploaded_listed_read_and_deleted(chat):
    made = chat.files.create(file=("a.jsonl", b"first\nsecond"), purpose="batch", extra_headers=AT_OPENAI)
    assert (made.object, made.filename, made.purpose, made.bytes) == ("file", "a.jsonl", "batch", 12)
    assert chat.files.retrieve(made.id) == made
    assert chat.files.content(made.id).read() == b"first\nsecond"
    listed = chat.files.list(extra_headers=AT_OPENAI)
    assert made.id in [file.id for file in listed]
    assert chat.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        chat.files.retrieve(made.id)


def test_a_batch_is_made_followed_and_its_output_read(chat):
    requests = [
        {
            "custom_id": word,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": word}]},
        }
        for word in WORDS
    ]
    made = chat.files.create(file=("a.jsonl", lines(requests)), purpose="batch", extra_headers=AT_OPENAI)
    batch = chat.batches.create(
        input_file_id=made.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"for": "tests"},
    )
    assert (batch.object, batch.input_file_id, batch.metadata) == ("batch", made.id, {"for": "tests"})
    done = chat.batches.retrieve(batch.id)
    assert (done.id, done.status, done.request_counts.completed) == (batch.id, "completed", 2)
    answers = [json.loads(line) for line in chat.files.content(done.output_file_id).text.splitlines()]
    said = [answer["response"]["body"]["choices"][0]["message"]["content"] for answer in answers]
    assert (said, [answer["custom_id"] for answer in answers]) == (WORDS, WORDS)
    assert batch.id in [one.id for one in chat.batches.list(extra_headers=AT_OPENAI)]
    assert chat.batches.cancel(batch.id).id == batch.id


def test_a_batch_of_messages_is_made_followed_and_its_results_streamed(claude):
    requests = [
        {
            "custom_id": word,
            "params": {
                "model": "claude-haiku-4-5",
                "max_tokens": 9,
                "messages": [{"role": "user", "content": word}],
            },
        }
        for word in WORDS
    ]
    batch = claude.messages.batches.create(requests=requests, extra_headers=AT_ANTHROPIC)
    done = claude.messages.batches.retrieve(batch.id)
    assert (done.id, done.processing_status, done.request_counts.succeeded) == (batch.id, "ended", 2)
    results = list(claude.messages.batches.results(batch.id))
    assert [result.custom_id for result in results] == WORDS
    assert [result.result.message.content[0].text for result in results] == WORDS
    assert batch.id in [one.id for one in claude.messages.batches.list(extra_headers=AT_ANTHROPIC)]
    assert claude.messages.batches.cancel(batch.id).id == batch.id
    assert claude.messages.batches.delete(batch.id).id == batch.id
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.batches.retrieve(batch.id)


def test_a_file_of_anthropic_s_is_uploaded_read_and_deleted(claude):
    made = claude.files.upload(file=("a.txt", b"a note", "text/plain"), extra_headers=AT_ANTHROPIC)
    assert (made.type, made.filename, made.size_bytes) == ("file", "a.txt", 6)
    assert claude.files.retrieve_metadata(made.id).id == made.id
    assert claude.files.download(made.id).read() == b"a note"
    assert made.id in [file.id for file in claude.files.list(extra_headers=AT_ANTHROPIC)]
    assert claude.files.delete(made.id).id == made.id


def test_an_id_of_nobody_s_is_not_found(chat, claude):
    with pytest.raises(openai.NotFoundError) as raised:
        chat.files.retrieve("file-1")
    assert raised.value.body["tollgate_code"] == "TG-1313"
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.batches.retrieve("msgbatch_1")
    with openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0) as client:
        with pytest.raises(openai.BadRequestError) as raised:
            client.files.create(file=("a", b"a"), purpose="batch")
    assert "x-tollgate-provider" in raised.value.message
