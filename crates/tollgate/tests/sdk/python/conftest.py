"""Clients of the gateway under test.

Every test runs against two upstreams: `oai` speaks OpenAI Chat Completions, `ant` speaks Anthropic Messages. One of
them speaks the client's own language and the other is translated. Behind both stands the built-in model of a second
gateway. `oai-mirror` and `ant-mirror` answer with what they received.
"""

import anthropic
import openai
import pytest

from words import KEY, URL


@pytest.fixture(params=["oai", "ant"])
def upstream(request) -> str:
    return request.param


@pytest.fixture
def chat() -> openai.OpenAI:
    with openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def claude() -> anthropic.Anthropic:
    with anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=20) as client:
        yield client
