"""The socket of the server: answers leave at once."""

import asyncio
import socket

from served import in_a_thread

from likewise.serve.running import _listening
from likewise.serve.settings import Settings


async def _connected() -> int:
    """TCP_NODELAY of a connection that asyncio, so uvicorn, accepted."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = writer.get_extra_info("socket")
        accepted.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with await asyncio.start_server(answer, sock=_listening(Settings(host="127.0.0.1", port=port))):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        enabled = await asyncio.wait_for(accepted, 30)
        writer.close()
    return enabled


def test_no_packet_of_an_answer_waits_for_an_acknowledgement() -> None:
    assert in_a_thread(_connected())
