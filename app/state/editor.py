"""The page of one flow: what happens to the flow and its runs is pushed to the canvas as small patches."""

from typing import Any
from uuid import UUID

import reflex as rx

from app.auth.principals import principal_from_cookie_header
from app.core.db import unit_of_work
from app.errors import AppError
from app.services import flows
from app.state import watching
from app.state.session import SessionState


class EditorState(SessionState):
    """`live` is a patch: `seq` grows by one with each push. The document itself never passes through here."""

    opened: str = ""
    missing: bool = False
    live: dict[str, Any] = {"seq": 0, "items": []}

    @rx.event
    async def open(self) -> Any:
        """Show the flow of the address, if this person may see it."""
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        wanted = self._wanted()
        self.missing, self.live = False, {"seq": 0, "items": []}
        try:
            if wanted is None:
                raise ValueError("no flow's id")
            async with unit_of_work() as session:
                await flows.get(session, principal, wanted, self.locale)
        except (AppError, ValueError):
            self.missing, self.opened = True, ""
            return None
        self.opened = str(wanted)
        return None

    @rx.event
    async def alive(self) -> Any:
        """The page is there. Begins to watch where nobody does: at first, and after this process was replaced."""
        page = self.router.session.client_token
        watcher = watching.of(page)
        if watcher is not None and str(watcher.flow_id) == self.opened:
            watcher.touch()
            return None
        return EditorState.watch if self.opened else None

    @rx.event
    async def follow_run(self, run_id: str) -> None:
        """Push what a run does, also one whose start was announced before this page watched."""
        watcher = watching.of(self.router.session.client_token)
        try:
            wanted = UUID(str(run_id))
        except ValueError:
            return
        if watcher is not None and await self._principal() is not None:
            watcher.follow(wanted)

    @rx.event
    async def present(self, seen: dict[str, Any]) -> None:
        """Where this page's person points and what they have selected, for the others. The watcher knows who it is."""
        watcher = watching.of(self.router.session.client_token)
        if watcher is not None:
            watcher.say(seen)

    @rx.event(background=True)
    async def watch(self) -> None:
        """Push news until the page is gone or shows another flow. The lock is held for the push alone."""
        async with self:
            page, opened = self.router.session.client_token, self.opened
            raw_cookie = self.router.headers.cookie
        async with unit_of_work() as session:
            principal = await principal_from_cookie_header(session, raw_cookie)
        if principal is None or not opened:
            return
        watcher = watching.begin(page, principal, UUID(opened))
        try:
            await watcher.appear()
            while (items := await watcher.take()) is not None:
                if watching.of(page) is not watcher:
                    return
                async with self:
                    self.live = {"seq": self.live["seq"] + 1, "items": items}
        finally:
            watching.end(page, watcher)

    def _wanted(self) -> UUID | None:
        try:
            return UUID(self.router.url.path.rstrip("/").rpartition("/")[2])
        except ValueError:
            return None
