"""A receiver that does little but write down, in a thread with a loop of its own.

A recipient "nobody..." is refused for ever, one "later..." at its first attempt."""
import asyncio
import re
import threading

REFUSED = b"550 5.1.1 no such user here\r\n"
LATER = b"450 4.2.1 come back\r\n"


class Sink:
    def __init__(self, ledger):
        self.ledger = ledger
        self.seen = set()
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 20))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def stop(self):
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    async def end(self):
        self.server.close()
        sessions = asyncio.all_tasks() - {asyncio.current_task()}
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    async def serve(self, reader, writer):
        try:
            await self.talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def talk(self, reader, writer):
        recipients = []
        writer.write(b"220 sink ESMTP\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            answer = b"250 2.0.0 ok\r\n"
            if verb == b"EHLO":
                answer = b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
            elif verb == b"RCPT":
                recipient = line[line.index(b"<") + 1 : line.index(b">")].decode()
                answer = self.answer(recipient)
                if answer.startswith(b"2"):
                    recipients.append(recipient)
            elif verb == b"DATA" and not recipients:
                answer = b"554 5.5.1 no valid recipients\r\n"
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                self.take(recipients, (await reader.readuntil(b"\r\n.\r\n"))[:-3])
                recipients = []
            elif verb == b"QUIT":
                answer = b"221 2.0.0 bye\r\n"
            else:
                recipients = []
            writer.write(answer)
            await writer.drain()
            if verb == b"QUIT":
                break

    def answer(self, recipient):
        if recipient.startswith("nobody"):
            return REFUSED
        if recipient.startswith("later") and recipient not in self.seen:
            self.seen.add(recipient)
            return LATER
        return b"250 2.1.5 ok\r\n"

    def take(self, recipients, content):
        content = content.replace(b"\r\n..", b"\r\n.")
        header, _, body = content.partition(b"\r\n\r\n")
        key = re.search(rb"^X-Key: (\S+)\r$", header + b"\r", re.M)
        if key is None:
            self.take_notice(content)
            return
        for recipient in recipients:
            self.ledger.receives(key[1].decode(), recipient, body)

    def take_notice(self, content):
        """A notice holds the header of the message that it is about, and a group of lines a recipient."""
        key = re.search(rb"^X-Key: (\S+)\r$", content, re.M)
        for group in content.split(b"\r\n\r\n"):
            recipient = re.search(rb"^Final-Recipient: *rfc822; *(\S+)\r$", group + b"\r", re.M | re.I)
            if key and recipient and re.search(rb"^Action: *failed\r$", group + b"\r", re.M | re.I):
                self.ledger.tells(key[1].decode(), recipient[1].decode())
