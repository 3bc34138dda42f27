"""A name server that says what it is told, right or wrong: for checks of what DNS can hold."""
import socketserver
import struct
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset


class Names:
    def __init__(self, records, address="127.0.0.1", port=0):
        """records: {name: [(type, text) or "SERVFAIL" or "ELSE SERVFAIL" or "SILENCE"]}; a TXT's text is as in a zone file."""
        self.refuses = False  # everything, as a server does that knows nothing of the zone
        self.ttl = 60
        self.records = {}
        self.publish(records)
        self.asked = []
        outer = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                answer = outer.answer(self.request[0], 1232)
                if answer:
                    self.request[1].sendto(answer, self.client_address)

        class Tcp(socketserver.BaseRequestHandler):
            def handle(self):
                head = self.request.recv(2)
                while len(head) == 2:
                    question = self.request.recv(struct.unpack("!H", head)[0])
                    answer = outer.answer(question, 65535)
                    if answer:
                        self.request.sendall(struct.pack("!H", len(answer)) + answer)
                    head = self.request.recv(2)

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self.tcp = None
        while self.tcp is None:
            self.udp = socketserver.ThreadingUDPServer((address, port), Udp)
            self.port = self.udp.server_address[1]
            try:
                self.tcp = socketserver.ThreadingTCPServer((address, self.port), Tcp)
            except OSError:  # somebody has this port with TCP
                self.udp.server_close()
                assert port == 0
        for server in (self.udp, self.tcp):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def publish(self, records):
        """Takes the place of what was at these names. A name that begins with "*." is a wildcard."""
        self.records.update({name.lower().rstrip(".").replace(" ", "\\032"): rows for name, rows in records.items()})

    def find(self, name):
        rows = self.records.get(name)
        while rows is None and "." in name and name not in self.records:
            name = name.partition(".")[2]
            if name in self.records:
                return self.records.get("*." + name)
            rows = self.records.get("*." + name)
        return rows

    def stop(self):
        for server in (self.udp, self.tcp):
            server.shutdown()
            server.server_close()

    def answer(self, wire, most):
        question = dns.message.from_wire(wire)
        name, wanted = question.question[0].name, question.question[0].rdtype
        self.asked.append((name.to_text().rstrip("."), dns.rdatatype.to_text(wanted)))
        rows = self.find(name.to_text().lower().rstrip("."))
        reply = dns.message.make_response(question, recursion_available=True)
        reply.flags |= dns.flags.AA
        if self.refuses:
            reply.set_rcode(dns.rcode.REFUSED)
            return reply.to_wire()
        if rows is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif "SILENCE" in rows:
            return None
        elif "SERVFAIL" in rows:
            reply.set_rcode(dns.rcode.SERVFAIL)
        else:
            texts = [row[1] for row in rows if row != "ELSE SERVFAIL" and dns.rdatatype.from_text(row[0]) == wanted]
            alias = [row[1] for row in rows if row[0] == "CNAME"]
            if alias and not texts:
                reply.answer.append(dns.rrset.from_text_list(name, self.ttl, "IN", "CNAME", alias))
            elif texts:
                reply.answer.append(dns.rrset.from_text_list(name, self.ttl, "IN", dns.rdatatype.to_text(wanted), texts))
            elif "ELSE SERVFAIL" in rows:
                reply.set_rcode(dns.rcode.SERVFAIL)
        if not reply.answer:
            soa = ". . 1 3600 600 86400 60"
            reply.authority.append(dns.rrset.from_text(name, 60, "IN", "SOA", soa))
        try:
            return reply.to_wire(max_size=most)
        except dns.exception.TooBig:
            reply.answer, reply.authority = [], []
            reply.flags |= dns.flags.TC
            return reply.to_wire()
