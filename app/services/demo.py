"""The demo workspace of an instance on a laptop: one person and a few flows to look at."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.flows import codec
from app.repositories import accounts as people
from app.services import accounts, flows
from app.services.flow_templates import flow_template

_NAME: Final = "Demo"
_TEMPLATES: Final = ("summarize_text", "support_triage", "answer_questions")


async def seed_demo(session: AsyncSession, *, email: str, password: str, locale: str = "en") -> bool:
    """Make the demo account with its flows. Returns False when the account is there already."""
    if await people.by_email(session, accounts.normalised(email)):
        return False
    signed = await accounts.sign_up(session, email=email, password=password, name=_NAME)
    for template_id in _TEMPLATES:
        document = codec.load(flow_template(template_id, locale).text)
        await flows.store_document(session, signed.principal, document)
    return True
