"""A mail server for tests: takes mails, keeps them, and misbehaves as told.

    smtp-sink.py FOLDER [SCRIPT]

Prints the port it listens on (127.0.0.1, chosen by the system), and nothing more: whoever started it
may not read on, and a full pipe would stop it.
SCRIPT says how to answer one mail after the other, separated by commas; `ok` once it is used up:

    ok      take the mail: FOLDER/<number>.eml holds it, its envelope in two lines before it
    451     refuse it for the moment; any code from 400 to 599 works, given after the mail's text
    drop    take the mail, then close the connection without an answer
    reset   close the connection without taking the mail
    hang    take the mail, then say nothing
"""

import asyncio
import itertools
import pathlib
import sys

from aiosmtpd.smtp import SMTP


class Handler:
    def __init__(self, folder, script):
        self.folder = folder
        self.script = iter(script)
        self.numbers = itertools.count(1)

    async def handle_DATA(self, server, session, envelope):
        order = next(self.script, "ok")
        if order.isdigit():
            return f"{order} as told"
        if order == "reset":
            server.transport.abort()
            return "421 reset"
        text = f"MAIL {envelope.mail_from}\nRCPT {' '.join(envelope.rcpt_tos)}\n".encode()
        target = self.folder / f"{next(self.numbers)}.eml"
        target.write_bytes(text + envelope.original_content)
        if order == "drop":
            server.transport.abort()
        if order == "hang":
            await asyncio.sleep(3600)
        return "250 taken"


async def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    script = [word for word in (sys.argv[2] if len(sys.argv) > 2 else "").split(",") if word]
    handler = Handler(folder, script)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
