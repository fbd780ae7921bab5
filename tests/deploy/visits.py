"""Visits of a server by Streamlit's protocol."""

import asyncio

from scripts.visitor import Answer, Visitor

PATIENCE_S = 60.0


def first_page(address: str) -> Answer:
    """What a visitor sees first."""

    async def visit() -> Answer:
        visitor = Visitor(address)
        await visitor.connect(patience=PATIENCE_S)
        answer = await visitor.open(patience=PATIENCE_S)
        await visitor.close()
        return answer

    return asyncio.run(visit())
