"""The listing of models as each client reads it."""

import anthropic
import openai
import pytest


def test_openai_lists_and_retrieves(chat):
    listed = chat.models.list()
    assert listed.object == "list"
    models = {model.id: model for model in listed}
    assert {"smart", "wise", "oai/gpt-4o", "ant/claude-opus-4-5"} <= models.keys()
    assert len(models) == len(listed.data)
    assert {model.object for model in models.values()} == {"model"}
    assert (models["smart"].owned_by, models["wise"].owned_by) == ("oai", "ant")
    assert all(model.created > 1_700_000_000 for model in models.values())
    for name in ("smart", "oai/gpt-4o"):
        assert chat.models.retrieve(name) == models[name]
    with pytest.raises(openai.NotFoundError) as raised:
        chat.models.retrieve("nothing")
    assert raised.value.code == "model_not_found"


def test_anthropic_lists_and_retrieves(claude):
    page = claude.models.list(limit=1000)
    models = {model.id: model for model in page}
    assert {"smart", "wise", "oai/gpt-4o", "ant/claude-opus-4-5"} <= models.keys()
    assert (page.first_id, page.last_id) == (page.data[0].id, page.data[-1].id)
    assert page.has_more is False
    assert {model.type for model in models.values()} == {"model"}
    assert all(model.display_name == model.id for model in models.values())
    assert all(model.created_at.year >= 2026 for model in models.values())
    for name in ("smart", "ant/claude-opus-4-5"):
        assert claude.models.retrieve(name).id == name
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("nothing")


def test_pages_are_followed_without_seeing_a_model_twice(claude):
    names = [model.id for model in claude.models.list(limit=5)]
    assert len(names) == len(set(names)) > 5
