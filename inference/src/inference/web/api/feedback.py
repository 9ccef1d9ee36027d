"""The route that takes the truth of logged answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from inference.web.api.schemas import Problem

if TYPE_CHECKING:
    from inference.monitoring.feedback.receiver import Feedback

_ITEM = {
    "type": "object",
    "title": "Truth",
    "required": ["request_id", "truth"],
    "additionalProperties": False,
    "properties": {
        "request_id": {
            "type": "string",
            "description": "The `X-Request-ID` of the answer",
            "examples": ["5f1d7a84c2b1-2a"],
        },
        "row": {
            "type": "integer",
            "minimum": 0,
            "default": 0,
            "description": "The row of the request, from 0",
        },
        "truth": {
            "description": "The true label or value; an object of them by name where the model "
            "predicts several",
        },
    },
    "examples": [{"request_id": "5f1d7a84c2b1-2a", "row": 0, "truth": "Gentoo"}],
}
# Code generators take the name of a class from a title, and a name may be there once.
_LISTED = {name: value for name, value in _ITEM.items() if name != "title"}
_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "title": "Feedback",
                "anyOf": [_ITEM, {"type": "array", "items": _LISTED, "title": "Truths"}],
            }
        }
    },
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body has the wrong form"},
    409: {"model": Problem, "description": "The prediction log is off"},
    413: {"model": Problem, "description": "The body is too large: send the list in parts"},
    415: {"model": Problem, "description": "This route does not accept compressed bodies"},
    422: {"model": Problem, "description": "A truth is none of its model's; nothing was stored"},
    503: {"model": Problem, "description": "The feedback cannot be stored: send it again"},
}


class UnknownRow(BaseModel):
    """A row whose answer is not in the log."""

    request_id: str
    row: int


class FeedbackResult(BaseModel):
    """What became of feedback."""

    accepted: int = Field(description="How many truths were stored")
    unknown: list[UnknownRow] = Field(
        description="Rows whose answer is not in the log; their truths were not stored"
    )


def feedback_router(feedback: Feedback) -> APIRouter:
    """Build the route.

    Args:
        feedback: Takes the truths.
    """
    router = APIRouter(tags=["models"])

    @router.post(
        "/feedback",
        summary="Send the truth of answers",
        responses=_PROBLEMS,
        openapi_extra={"requestBody": _BODY},
    )
    async def send_feedback(request: Request) -> FeedbackResult:
        """Store the truth of one row or of several, for the version that answered.

        The last truth of a row counts. It needs the prediction log (INFERENCE_PREDICTION_LOG).
        """
        receipt = await feedback.take(await request.body())
        return FeedbackResult(
            accepted=sum(receipt.accepted.values()),
            unknown=[UnknownRow(request_id=t.request_id, row=t.row) for t in receipt.unknown],
        )

    return router
