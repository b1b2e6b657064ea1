"""Words of English and Russian text: sentences, stems, what a question asks for. No model, no data files."""

import re
from functools import lru_cache
from typing import Final

_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*", re.UNICODE)
_SPLIT = re.compile(r"(?<=[.!?…])[\"»)]*\s+(?=[\"«(]*[A-ZА-ЯЁ0-9])|\n+")
_ENDINGS_EN: Final = (
    "ations",
    "ation",
    "ings",
    "ing",
    "ments",
    "ment",
    "ies",
    "ers",
    "ed",
    "es",
    "er",
    "ly",
    "s",
    "e",
    "y",
)
_ENDINGS_RU: Final = (
    "иями", "ями", "ами", "ются", "ется", "аться", "иться", "ать", "ить", "еть", "ого", "его", "ому", "ему",
    "ыми", "ими", "ешь", "ете", "ает", "ают", "ует", "уют", "ия", "ие", "ий", "ый", "ой", "ая", "яя", "ое",
    "ее", "ые", "ых", "их", "ым", "им", "ем", "ом", "ам", "ям", "ах", "ях", "ов", "ев", "ей", "ть", "ит",
    "ут", "ют", "ат", "ят", "ет", "ла", "ло", "ли", "а", "я", "о", "е", "ы", "и", "у", "ю", "ь", "й", "л",
)  # fmt: skip
_STOP: Final = """a an the and or but if of to in on at by for with from as is are was were be been am do does did can could
    will would should shall may might must have has had i you he she it we they me him her us them my your his its
    our their this that these those what which who whom whose when where why how there here not no yes so than then
    too very just about into over under any some all each please tell know want need like get let say
    и в во на с со к ко у о об от до из за по под над при для без не ни но а или что чтобы как это этот эта эти тот
    та те то он она оно они я ты мы вы мне меня тебе тебя нам нас вам вас его её ее их мой моя мое мои твой ваш ваша
    ваши наш наша кто где когда почему зачем сколько какой какая какое какие ли же бы был была было были быть есть
    можно нужно надо очень так там тут здесь уже еще ещё пожалуйста скажи скажите расскажи подскажите хочу"""
STOP: Final = frozenset(_STOP.replace("ё", "е").split())
# Words that mean one thing here, across both languages: each group counts as one stem.
_GROUPS: Final = (
    "price prices cost costs costing fee charge expensive cheap цена цены цену стоит стоить стоимость почем",
    "open opening hours schedule close closed closes opens часы график работаете открыты открыто открываетесь закрываетесь режим",
    "deliver delivery delivered ship shipping shipped доставка доставки доставку доставляете доставите привезете",
    "refund refunds refunded return returns returned money деньги возврат возврата вернуть верните вернете вернём",
    "address located location find адрес находитесь расположен расположены",
    "phone telephone call number телефон позвонить номер",
    "email mail e-mail почта почту почте",
    "contact contacts reach связаться контакты",
    "pay paying payment payments card cards paypal оплата оплатить платить карта карты картой",
    "billing invoice invoices bill счет счета",
    "sales buy purchase купить покупка продажа",
    "password пароль пароля login вход",
    "cancel cancellation отменить отмена отмены",
    "warranty guarantee гарантия гарантии гарантию",
    "discount discounts promo sale скидка скидки скидку акция",
    "order orders ordered заказ заказа заказы заказать",
    "trial пробный пробная",
    "plan plans tariff тариф тарифы тарифа тарифе",
    "support help поддержка поддержку поддержки помощь",
    "name named имя зовут",
)
_GROUP_OF: Final = {
    word: f"={number}" for number, group in enumerate(_GROUPS) for word in group.replace("ё", "е").split()
}
_ASKS: Final = (
    (re.compile(r"how much|price|cost|сколько стоит|цен[аыу]|почем|стоимость", re.I), re.compile(r"[$€₽£]|\d+\s?(?:usd|eur|rub|руб|dollar|euro)|\bfree\b|бесплатн", re.I)),
    (re.compile(r"\bwhen\b|what time|how long|hours|когда|во сколько|как долго|часы|график", re.I), re.compile(r"\d{1,2}[:.]\d\d|\b\d+\s?(?:am|pm|day|hour|minute|week|month|дн|час|минут|недел|месяц)|monday|friday|понедельник|пятниц|daily|ежедневно|\d+\s?(?:to|до|–|-)\s?\d+", re.I)),
    (re.compile(r"\bwhere\b|address|где|адрес|куда", re.I), re.compile(r"street|avenue|road|\bst\.|office at|улиц|ул\.|проспект|дом \d", re.I)),
    (re.compile(r"contact|reach you|get in touch|связаться|контакт", re.I), re.compile(r"[\w.+-]+@[\w-]+\.\w+|\+?\d[\d ()-]{6,}\d")),
    (re.compile(r"e-?mail|почт", re.I), re.compile(r"[\w.+-]+@[\w-]+\.\w+")),
    (re.compile(r"phone|number|телефон|позвонить|номер", re.I), re.compile(r"\+?\d[\d ()-]{6,}\d")),
)  # fmt: skip


def russian(text: str) -> bool:
    """Whether most letters are Cyrillic."""
    letters = [letter for letter in text if letter.isalpha()]
    return sum("а" <= letter.lower() <= "я" or letter in "ёЁ" for letter in letters) * 2 > len(letters)


def sentences(text: str) -> list[str]:
    """Sentences and list lines, without their bullets."""
    cut = (piece.strip().lstrip("-*•–>#").strip() for piece in _SPLIT.split(text))
    return [piece for piece in cut if _WORD.search(piece)]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A word without its ending; words of one meaning share a stem."""
    if word in _GROUP_OF:
        return _GROUP_OF[word]
    for ending in _ENDINGS_RU if russian(word) else _ENDINGS_EN:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def stems(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order."""
    words = (word.lower().replace("ё", "е") for word in _WORD.findall(text))
    return [stem(word) for word in words if word not in STOP]


def asked_for(question: str, sentence: str) -> bool:
    """Whether the sentence has the kind of thing the question wants: money, a time, a place, an address."""
    return any(ask.search(question) and answer.search(sentence) for ask, answer in _ASKS)
