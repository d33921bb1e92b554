"""The stand-in for Mixpanel: the raw event export, ``/api/app/me``, and its control plane."""

from __future__ import annotations

from fastapi import APIRouter

from include.sandbox.mixpanel.control import Control
from include.sandbox.mixpanel.events import EventBook
from include.sandbox.mixpanel.export import Export
from include.sandbox.mixpanel.limits import Limiter
from include.sandbox.mixpanel.me import Me
from include.sandbox.mixpanel.projects import Registry
from include.sandbox.mixpanel.returned import Returned
from include.sandbox.world import World


class Mixpanel:
    def __init__(self, world: World) -> None:
        self.world = world
        self.registry = Registry(world)
        self.book = EventBook(world)
        self.limiter = Limiter(world)
        self.returned = Returned(world)

    def router(self) -> APIRouter:
        routes = APIRouter()
        export = Export(self.world, self.registry, self.book, self.limiter, self.returned)
        routes.add_api_route("/api/2.0/export", export.__call__, methods=["GET"], response_model=None)
        routes.add_api_route(
            "/api/app/me", Me(self.world, self.registry).__call__, methods=["GET"], response_model=None
        )
        routes.include_router(Control(self.world, self.registry, self.book, self.returned).router())
        return routes

    def reset(self) -> None:
        """Back to a fresh state."""
        self.book.clear()
        self.limiter.clear()
        self.registry.seed()
