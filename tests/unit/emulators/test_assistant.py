"""The demo model quotes the right sentence, in the language of the question, and fills schemas."""

from typing import Any

import pytest

from emulators.llm.assistant import answer
from emulators.llm.dialogue import read
from emulators.llm.extract import fill

SHOP = """You are a support assistant. Answer only from the facts. Say so when they do not contain the answer.
- We are open Monday to Friday from 9:00 to 18:00.
- Delivery inside the city is free and takes two days.
- A refund is possible within 14 days with the receipt.
- The basic tune-up costs $40; the full one is $90.
- The shop is at 12 River Street."""
МАГАЗИН = """Ты помощник магазина. Отвечай только по фактам.
- Мы открыты с понедельника по пятницу с 9:00 до 18:00.
- Доставка по городу занимает два дня.
- Возврат возможен в течение 14 дней при наличии чека.
- Обслуживание стоит 3000 ₽."""


def ask(question: str, system: str = "") -> str:
    messages = [{"role": "system", "content": system}] if system else []
    return answer(read([*messages, {"role": "user", "content": question}]))


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("When are you open?", "9:00 to 18:00"),
        ("How much is a tune-up?", "$40"),
        ("Can I get my money back?", "14 days"),
        ("where are you located", "River Street"),
        ("Do you sell cars?", "did not find"),
    ],
)
def test_english_questions(question: str, part: str) -> None:
    assert part in ask(question, SHOP)


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("Когда вы работаете?", "9:00 до 18:00"),
        ("Можно ли вернуть велосипед?", "14 дней"),
        ("Сколько стоит обслуживание?", "3000"),
        ("Продаёте ли вы машины?", "не нашёл"),
    ],
)
def test_russian_questions(question: str, part: str) -> None:
    assert part in ask(question, МАГАЗИН)


def test_instructions_are_followed_not_quoted() -> None:
    for question in ("When are you open?", "Hello!", "What are the facts?"):
        assert "Answer only" not in ask(question, SHOP)


def test_greetings_in_both_languages() -> None:
    assert ask("Hi!").startswith("Hello")
    assert ask("Привет").startswith("Здравствуйте")


def test_a_bare_chat_says_what_this_is() -> None:
    assert "demo model, not an LLM" in ask("What is the capital of France?")
    assert "демо-модель" in ask("Назови столицу Франции")


def test_passages_in_the_prompt_are_used() -> None:
    prompt = "- Paris is the capital of France.\n- Berlin is in Germany.\n\nQuestion: What is the capital of France?"
    assert ask(prompt, "Answer only from the passages.") == "Paris is the capital of France."


def test_earlier_messages_are_remembered() -> None:
    messages = [
        {"role": "user", "content": "My name is Ann."},
        {"role": "assistant", "content": "Nice to meet you."},
        {"role": "user", "content": "What is my name?"},
    ]
    assert answer(read(messages)) == "My name is Ann."


def test_tool_results_become_the_answer() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "Weather in Paris: sunny, 20 degrees"},
    ]
    assert answer(read(messages)) == "Weather in Paris: sunny, 20 degrees."


def test_a_summary_is_shorter_and_taken_from_the_text() -> None:
    text = "We make bicycles. The bicycles are sold in 20 countries. Bicycles are fun. The founder likes cats. It rains."
    said = ask(text, "Summarize the text.")
    assert len(said) < len(text)
    assert all(sentence.strip(" .") in text for sentence in said.split("."))


def test_a_schema_is_filled_from_the_text() -> None:
    text = (
        "Hi, my name is John Smith, my email is john@acme.com, phone +1 555 123 4567. "
        "Our budget is 5000 dollars. It is urgent! I need support with login."
    )
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "email": {"type": "string"},
            "budget": {"type": "integer"},
            "urgent": {"type": "boolean"},
            "topic": {"enum": ["sales", "support", "billing"]},
            "site": {"type": "string", "format": "uri"},
        },
    }
    assert fill(schema, text) == {
        "name": "John Smith", "email": "john@acme.com", "budget": 5000, "urgent": True, "topic": "support",
        "site": "",
    }  # fmt: skip
