"""Data Prep: expressions, mapping sets, and the mapper that a dataflow runs rows through."""

from __future__ import annotations

from fastapi import APIRouter

from include.sandbox.aep.dataprep import conversions, languages, mapping_sets, validation
from include.sandbox.world import World

__all__ = ["add_routes"]


def add_routes(world: World, router: APIRouter) -> None:
    for part in (languages, validation, mapping_sets, conversions):
        part.add_routes(world, router)
