"""What each client raises when something is wrong, and that it can tell what."""

import anthropic
import openai
import pytest

from words import KEY, LIMITED_KEY, LIMITED_URL, URL

HI = [{"role": "user", "content": "hi"}]


def ask(client, model: str, **more):
    """The same question in each client's language."""
    if isinstance(client, openai.OpenAI):
        return client.chat.completions.create(**{"model": model, "messages": HI, **more})
    return client.messages.create(**{"model": model, "max_tokens": 100, "messages": HI, **more})


@pytest.fixture(params=["openai", "anthropic"])
def sdk(request):
    return openai if request.param == "openai" else anthropic


def connect(sdk, url: str = URL, key: str = KEY):
    if sdk is openai:
        return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20)
    return anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=20)


def check(error, status: int, kind: str, words: str):
    assert error.status_code == status
    assert words in error.message, error.message
    assert error.request_id == error.response.headers["request-id"]
    told = error.body if isinstance(error, openai.APIError) else error.body["error"]
    assert told["type"] == kind
    assert told["tollgate_code"] == error.response.headers["x-tollgate-code"]


def test_an_unknown_model_is_not_found_and_its_nearest_name_is_told(sdk):
    with pytest.raises(sdk.NotFoundError) as raised:
        ask(connect(sdk), "smrt")
    kind = "invalid_request_error" if sdk is openai else "not_found_error"
    check(raised.value, 404, kind, "`smart`")
    if sdk is openai:
        assert (raised.value.code, raised.value.param) == ("model_not_found", "model")


def test_a_model_the_upstream_does_not_know_is_not_found(sdk, upstream):
    with pytest.raises(sdk.NotFoundError) as raised:
        ask(connect(sdk), f"{upstream}/nothing-of-the-kind")
    assert "nothing-of-the-kind" in raised.value.message


def test_a_wrong_key_is_an_authentication_error(sdk):
    for key in ("tg-wrong", "sk-nothing", KEY + "x"):
        with pytest.raises(sdk.AuthenticationError) as raised:
            ask(connect(sdk, key=key), "smart")
        kind = "invalid_request_error" if sdk is openai else "authentication_error"
        check(raised.value, 401, kind, "key")
        assert key not in str(raised.value.body)


def test_a_body_that_is_wrong_is_a_bad_request_that_names_the_field(sdk, upstream):
    # Whoever speaks the caller's language judges the field; here the gateway has to.
    other = "ant" if sdk is openai else "oai"
    with pytest.raises(sdk.BadRequestError) as raised:
        ask(connect(sdk), f"{other}/tollgate/mock", messages=[{"role": "nobody", "content": "hi"}])
    check(raised.value, 400, "invalid_request_error", "messages[0].role")
    with pytest.raises(sdk.BadRequestError) as raised:
        ask(connect(sdk), f"{upstream}/tollgate/mock", messages="hi")
    check(raised.value, 400, "invalid_request_error", "`messages`")
    with pytest.raises(sdk.BadRequestError) as raised:
        ask(connect(sdk), f"{upstream}/tollgate/mock", messages=[{"role": "nobody", "content": "hi"}])
    assert "messages[0].role" in raised.value.message


def test_an_unknown_program_is_refused_by_the_upstream_and_its_words_pass(sdk, upstream):
    with pytest.raises(sdk.BadRequestError) as raised:
        ask(connect(sdk), f"{upstream}/tollgate/mock?nonsense=1")
    check(raised.value, 400, "invalid_request_error", "but not `nonsense=1`")


def test_the_gateways_own_limit_is_a_rate_limit_error_that_says_when_to_come_back(sdk):
    client = connect(sdk, LIMITED_URL, LIMITED_KEY)
    with pytest.raises(sdk.RateLimitError) as raised:
        for _ in range(3):
            ask(client, "tollgate/mock")
    check(raised.value, 429, "rate_limit_error", "limit")
    headers = raised.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 60
    assert 1 <= int(headers["retry-after-ms"]) <= 60_000
    prefix = "x-ratelimit-" if sdk is openai else "anthropic-ratelimit-"
    name = "limit-requests" if sdk is openai else "requests-limit"
    assert headers[prefix + name] == "2"


def test_a_rate_limit_upstream_is_a_rate_limit_error_that_says_when_to_come_back(sdk, upstream):
    # The upstream's wish to wait closes the target for everyone: each case has a target of its own.
    with pytest.raises(sdk.RateLimitError) as raised:
        ask(connect(sdk), f"{upstream}-mirror/busy-python-{sdk.__name__}")
    check(raised.value, 429, "rate_limit_error", "slow down")
    assert raised.value.response.headers["retry-after"] == "7"
    assert raised.value.response.headers["retry-after-ms"] == "7000"
    # Whoever comes back at once is told the same without another call.
    with pytest.raises(sdk.InternalServerError) as raised:
        ask(connect(sdk), f"{upstream}-mirror/busy-python-{sdk.__name__}")
    assert raised.value.status_code == 503
    assert 1 <= int(raised.value.response.headers["retry-after"]) <= 7


def test_an_overloaded_upstream_is_not_the_callers_rate_limit(sdk, upstream):
    status, kind = (503, "api_error") if upstream == "oai" else (529, "overloaded_error")
    with pytest.raises(sdk.InternalServerError) as raised:
        ask(connect(sdk), f"{upstream}-mirror/full-python-{sdk.__name__}")
    check(raised.value, status, "server_error" if sdk is openai else kind, "the house is full")
    if sdk is anthropic:
        named = anthropic.ServiceUnavailableError if status == 503 else anthropic.OverloadedError
        assert type(raised.value) is named


def test_a_failing_upstream_is_an_internal_server_error(sdk, upstream):
    model = f"{upstream}/tollgate/mock?fail=500&tokens={1 if sdk is openai else 2}"
    with pytest.raises(sdk.InternalServerError) as raised:
        ask(connect(sdk), model)
    kind = "server_error" if sdk is openai else "api_error"
    check(raised.value, 500, kind, "mock fails as programmed")


def test_a_stream_that_breaks_off_raises_after_what_was_said(sdk, upstream):
    model = f"{upstream}/tollgate/mock?cut=70%&tokens={100 if sdk is openai else 101}"
    said = []
    with pytest.raises(sdk.APIError) as raised:
        for event in ask(connect(sdk), model, stream=True):
            if sdk is openai:
                said += [choice.delta.content for choice in event.choices if choice.delta.content]
            elif event.type == "content_block_delta":
                said.append(event.delta.text)
    assert "".join(said).startswith("the gateway stands between")
    assert "broke off" in str(raised.value)
