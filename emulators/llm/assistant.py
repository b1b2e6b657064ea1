"""`assistant`: answers by quoting. It picks the sentences it was given that fit the question best."""

import math
import re
from collections import Counter
from typing import Final

from emulators.llm.dialogue import Dialogue
from emulators.llm.words import asked_for, russian, sentences, stems

_GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening)|привет(?:ствую|ики)?|здравствуй(?:те)?|"
    r"добр(?:ый|ое|ого) (?:день|утро|вечер|времени суток))(?:[\s,]+(?:there|all|everyone|всем|бот|bot))?\W*$",
    re.I,
)
_THANKS = re.compile(r"^\W*(?:thanks?|thank you|thx|спасибо|благодарю)\b.{0,25}$", re.I)
_BYE = re.compile(r"^\W*(?:bye|goodbye|see you|пока|до свидания|всего доброго)\b.{0,15}$", re.I)
_WHO = re.compile(
    r"who are you\b|what are you\b|what can you do\b|\bare you (?:a |an )?(?:bot|human|ai|real)|кто ты|кто вы|"
    r"что ты умеешь|что вы умеете|ты бот|вы бот",
    re.I,
)
_SUMMARY = re.compile(
    r"summar|tl;?dr|key points|main points|кратк\w+ (?:содержан|переска|изложи)|переска[жз]|резюмир|основн\w+ мысл",
    re.I,
)
_LETTER = re.compile(
    r"\b(?:write|draft|compose)\b.*\b(?:e-?mail|letter|message|reply|note|follow)|"
    r"(?:напиши|составь|подготовь)\w*\b.*(?:письм|сообщени|ответ)",
    re.I | re.S,
)
_NUMBERED: Final = 3

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "hello": ("Hello! How can I help you?", "Здравствуйте! Чем могу помочь?"),
    "thanks": ("You are welcome. Is there anything else?", "Пожалуйста! Могу помочь чем-то ещё?"),
    "bye": ("Goodbye, and thank you for writing.", "До свидания, спасибо за обращение."),
    "who": (
        "I am the demo model: I answer by quoting what the flow gives me. I am not a language model.",
        "Я демо-модель: отвечаю цитатами из того, что передал поток. Я не языковая модель.",
    ),
    "bare": (
        "This is the demo model, not an LLM: it can only quote what the flow gives it. You wrote: “{said}”. "
        "Put facts into the instructions, or choose another model.",
        "Это демо-модель, а не языковая: она только цитирует то, что ей передал поток. Вы написали: «{said}». "
        "Добавьте факты в инструкции или выберите другую модель.",
    ),
    "unknown": (
        "I did not find the answer in what I was given.",
        "Я не нашёл ответа в том, что мне передали.",
    ),
    "empty": ("Your message is empty.", "Сообщение пустое."),
    "letter": (
        "Hello,\n\nthank you for your message. {body}\n\nBest regards",
        "Здравствуйте!\n\nСпасибо за обращение. {body}\n\nС уважением",
    ),
}


def say(name: str, question: str, **values: str) -> str:
    return TEXTS[name][russian(question)].format(**values)


def answer(dialogue: Dialogue) -> str:
    """A short answer in the language of the question."""
    question = dialogue.question
    if dialogue.tool_results:
        return _from_tools(dialogue)
    if not question.strip():
        return say("empty", " ".join(dialogue.known))
    for pattern, name in ((_GREETING, "hello"), (_THANKS, "thanks"), (_BYE, "bye")):
        if pattern.match(question):
            return say(name, question)
    if _WHO.search(question):
        return say("who", question)
    task = " ".join((dialogue.last[:400], *dialogue.orders))
    if _LETTER.search(task):
        quoted = best(question, dialogue.known, 3) or list(dialogue.known[:3]) or sentences(question)[:2]
        return say("letter", question, body=" ".join(map(_ended, quoted)))
    if _SUMMARY.search(task):
        return summary(dialogue)
    return _quote(dialogue)


def _quote(dialogue: Dialogue) -> str:
    chosen = best(dialogue.question, dialogue.known, _NUMBERED)
    if chosen:
        return " ".join(map(_ended, chosen))
    if dialogue.known:
        return say("unknown", dialogue.question)
    return say("bare", dialogue.question, said=dialogue.question[:160])


def _from_tools(dialogue: Dialogue) -> str:
    found = [each for result in dialogue.tool_results for each in sentences(result)]
    return " ".join(map(_ended, best(dialogue.question, found, _NUMBERED) or found[:_NUMBERED])) or say(
        "unknown", dialogue.question
    )


def summary(dialogue: Dialogue, count: int = 3) -> str:
    """The sentences that share most with all the others, in their order."""
    own = [each for each in sentences(dialogue.last) if not _SUMMARY.search(each)]
    pieces = own or list(dialogue.known)
    counts = Counter(word for each in pieces for word in set(stems(each)))
    weight = {
        each: sum(counts[word] for word in set(stems(each))) / (8 + len(stems(each))) for each in pieces
    }
    chosen = set(sorted(pieces, key=lambda each: -weight[each])[:count])
    return " ".join(_ended(each) for each in pieces if each in chosen) or say("empty", dialogue.question)


def best(question: str, known: list[str] | tuple[str, ...], count: int) -> list[str]:
    """The sentences that answer best, in their order: rare shared words weigh more, and so does what is asked for.

    Only sentences at least 60 % as good as the best one are taken, so one clear answer stands alone.
    """
    wanted = set(stems(question))
    words = {each: set(stems(each)) for each in known}
    seen = Counter(word for found in words.values() for word in found)
    scores: dict[str, float] = {}
    for each, found in words.items():
        shared = wanted & found
        if each.strip() == question.strip() or not (shared or asked_for(question, each)):
            continue
        rare = sum(math.log(1 + len(known) / seen[word]) + 0.3 for word in shared)
        scores[each] = (rare + 0.7 * asked_for(question, each)) * (0.7 if each.endswith("?") else 1)
    top = max(scores.values(), default=0.0)
    good = sorted((each for each in scores if scores[each] >= 0.6 * top), key=lambda each: -scores[each])[
        :count
    ]
    return [each for each in known if each in good]


def _ended(sentence: str) -> str:
    return sentence if sentence[-1] in ".!?…:;" else f"{sentence}."
