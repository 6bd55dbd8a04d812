"""Routes whose bodies are parsed strictly."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from semi_instruct.harness.serve.bodies import parse
from semi_instruct.harness.serve.guard import TooLarge
from semi_instruct.harness.serve.off_loop import note_size, with_request
from semi_instruct.harness.serve.refusals import BadRequest


class _StrictRequest(Request):
    async def json(self) -> Any:
        body = await self.body()
        note_size(self, len(body))
        try:
            return await with_request(self, parse, body)
        except (BadRequest, TooLarge) as error:
            raise HTTPException(error.status, str(error)) from None


class StrictRoute(APIRoute):
    """A route that takes no JSON that could mean two things."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI, given a request that parses strictly."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_strictly
