"""Taking a conversation apart: what is asked, what is known, what is an instruction."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from emulators.llm.words import sentences

_LABEL = re.compile(
    r"(?:^|\n)\s*(?:(?:the |user |customer )?(?:question|message|request|user|customer)|(?:вопрос|сообщение|запрос|клиент)"
    r"(?: клиента| пользователя)?)\s*:\s*",
    re.I,
)
_ORDER: Final = re.compile(
    r"^(?:you are|you're|act as|answer|reply|respond|be |do not|don't|never|always|say |use |write|keep |if |when the|"
    r"only |please |translate|summari[sz]e|quote|speak|stay|ask |make sure|your (?:task|job|role|goal)|extract|sort|"
    r"choose|classify|"
    r"ты |вы (?:—|-|–|помощник|ассистент|оператор)|отвеча|ответь|будь|не |никогда|всегда|говори|скажи|пиши|напиши|"
    r"используй|если |кратко|переведи|сформулируй|задавай|твоя (?:задача|роль)|извлеки|выбери|обращайся|сохраняй)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """`question` is what the last user message asks; `known` the sentences that may answer it, best place first."""

    question: str
    last: str
    known: tuple[str, ...]
    orders: tuple[str, ...]
    tool_results: tuple[str, ...]


def text_of(content: Any) -> str:
    """A message's text, also when it is a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return ""


def _split(message: str) -> tuple[str, str]:
    """The question and what stands around it: after a label, else the last line, else all of it."""
    labels = list(_LABEL.finditer(message))
    if labels:
        label = labels[-1]
        question, _, rest = message[label.end() :].strip().partition("\n\n")
        return question.strip(), f"{message[: label.start()]}\n{rest}"
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    if len(lines) > 1:
        asked = next((line for line in reversed(lines) if line.endswith("?")), "")
        if asked:
            return asked, "\n".join(line for line in lines if line != asked)
    if len(lines) == 1 and len(sentences(lines[0])) > 2:
        asked = next((each for each in sentences(lines[0]) if each.endswith("?")), "")
        if asked:
            return asked, lines[0].replace(asked, "")
    return message.strip(), ""


def read(messages: Sequence[Mapping[str, Any]]) -> Dialogue:
    """Take the conversation apart. Tool results are those after the last user message."""
    last_user = max((n for n, m in enumerate(messages) if m.get("role") == "user"), default=-1)
    last = text_of(messages[last_user].get("content")) if last_user >= 0 else ""
    question, around = _split(last)
    background: list[str] = []
    for number, message in enumerate(messages):
        role, text = message.get("role"), text_of(message.get("content"))
        if role in ("system", "developer") or (role == "user" and number != last_user):
            background += sentences(text)
    pieces = [*sentences(around), *background]
    results = tuple(text_of(m.get("content")) for m in messages[last_user + 1 :] if m.get("role") == "tool")
    return Dialogue(
        question=question,
        last=last,
        known=tuple(dict.fromkeys(each for each in pieces if not _ORDER.match(each) and len(each) > 3)),
        orders=tuple(each for each in pieces if _ORDER.match(each)),
        tool_results=results,
    )
