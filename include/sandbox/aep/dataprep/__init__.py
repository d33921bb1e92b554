"""Data Prep: expressions, mapping sets, and the mapper that a dataflow runs rows through."""

from __future__ import annotations

from fastapi import APIRouter

from include.sandbox.aep.dataprep import mapping_sets
from include.sandbox.world import World

__all__ = ["add_routes"]


def add_routes(world: World, router: APIRouter) -> None:
    mapping_sets.add_routes(world, router)
