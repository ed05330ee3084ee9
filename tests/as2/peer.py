"""pyas2lib as a partner's AS2 software, in both directions; driven by tests/as2/pyas2.rs.

peer.py send URL DIR FORM RECEIPT   sends DIR/document to the gateway and tells what its receipt says; one that comes on
                                    its own is taken by `serve`
peer.py serve DIR                   takes one message after the other, and puts what was in them into DIR; receipts that
                                    go on their own are sent to the address in DIR/gateway
"""

import http.client
import http.server
import json
import os
import re
import sys
import threading
import time
import urllib.parse

# oscrypto 1.3 reads OpenSSL's version with an expression that knows one digit in the last place.
search = re.search


def lenient(pattern, text, *more):
    if isinstance(pattern, str) and pattern == "\\b(\\d\\.\\d\\.\\d[a-z]*)\\b":
        pattern = "\\b(\\d\\.\\d\\.\\d+[a-z]*)\\b"
    return search(pattern, text, *more)


re.search = lenient
import oscrypto._openssl._libcrypto  # noqa: E402,F401
from pyas2lib import as2  # noqa: E402

re.search = search


def read(directory, name):
    with open(os.path.join(directory, name), "rb") as file:
        return file.read()


def receipts_url(directory):
    """Where `serve` takes receipts, if it runs."""
    try:
        return f"http://127.0.0.1:{int(read(directory, 'port'))}/receipts"
    except FileNotFoundError:
        return "http://127.0.0.1:1/nobody"


def organization(directory):
    return as2.Organization(
        as2_name="acme",
        sign_key=read(directory, "acme-both.pem"),
        sign_key_pass="",
        decrypt_key=read(directory, "acme-both.pem"),
        decrypt_key_pass="",
        mdn_url=receipts_url(directory),
    )


def partner(directory, form, receipt):
    sign, encrypt, compress = "s" in form, "e" in form, "c" in form
    return as2.Partner(
        as2_name="gangway",
        verify_cert=read(directory, "gangway.pem"),
        encrypt_cert=read(directory, "gangway.pem"),
        validate_certs=False,
        sign=sign,
        encrypt=encrypt,
        compress=compress,
        digest_alg="sha256",
        enc_alg="aes_256_cbc",
        mdn_mode=None if receipt == "none" else "ASYNC" if receipt.startswith("apart") else "SYNC",
        mdn_digest_alg="sha256" if receipt.endswith("-signed") or receipt == "signed" else None,
    )


def send(url, directory, form, receipt):
    us, them = organization(directory), partner(directory, form, receipt)
    message = as2.Message(us, them)
    message.build(
        read(directory, "document"),
        filename="document.edi",
        subject="from pyas2lib",
        content_type="application/edi-x12",
        disposition_notification_to="edi@acme.example",
    )
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
    connection.request("POST", where.path, message.content, dict(message.headers))
    answer = connection.getresponse()
    body = answer.read()
    told = {"http": answer.status, "status": None, "detail": None}
    if receipt.startswith("apart"):
        assert body == b"", body
        # Message-IDs have characters that file names cannot.
        name = os.path.join(directory, "receipt-" + message.message_id.encode().hex())
        for _ in range(600):
            if os.path.exists(name):
                break
            time.sleep(0.1)
        raw = read(directory, os.path.basename(name))
    elif receipt != "none":
        raw = b"".join(f"{name}: {value}\r\n".encode() for name, value in answer.getheaders()) + b"\r\n" + body
    if receipt != "none":
        status, detail = as2.Mdn().parse(raw, find_message_cb=lambda *_: message)
        told.update(status=status, detail=detail)
    print(json.dumps(told))


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        directory = self.server.directory
        body = self.rfile.read(int(self.headers["content-length"]))
        raw = b"".join(f"{name}: {value}\r\n".encode() for name, value in self.headers.items()) + b"\r\n" + body
        if self.path == "/receipts":
            self.receipt(directory, raw)
            return
        message = as2.Message()
        status, (exception, trace), mdn = message.parse(
            raw,
            find_org_cb=lambda name: organization(directory),
            find_partner_cb=lambda name: partner(directory, "-", "signed"),
            find_message_cb=lambda *_: False,
        )
        self.server.count += 1
        with open(os.path.join(directory, f"taken-{self.server.count}.part"), "wb") as file:
            file.write(message.content or b"")
        about = {"status": status, "error": str(exception), "signed": message.signed, "encrypted": message.encrypted}
        with open(os.path.join(directory, f"taken-{self.server.count}.json"), "w") as file:
            json.dump(about, file)
        content = mdn.content if mdn else b""
        if mdn and mdn.mdn_mode == "ASYNC":
            threading.Thread(target=post_receipt, args=(directory, dict(mdn.headers), content)).start()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        for name, value in (mdn.headers if mdn else {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def receipt(self, directory, raw):
        """Keeps a receipt under the name that its sender waits for."""
        original = re.search(rb"(?mi)^Original-Message-ID: <([^>]*)>", raw)
        # Nobody waits for one that does not say what it is about.
        name = os.path.join(directory, "receipt-" + (original.group(1).hex() if original else "of-nothing"))
        with open(name + ".part", "wb") as file:
            file.write(raw)
        os.rename(name + ".part", name)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def post_receipt(directory, headers, content):
    """Sends a receipt on its own, to where the gateway really is."""
    connection = http.client.HTTPConnection(read(directory, "gateway").decode(), timeout=60)
    connection.request("POST", "/as2", content, headers)
    connection.getresponse().read()


def serve(directory):
    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    server.directory, server.count = directory, 0
    with open(os.path.join(directory, "port.part"), "w") as file:
        file.write(str(server.server_port))
    os.rename(os.path.join(directory, "port.part"), os.path.join(directory, "port"))
    server.serve_forever()


if __name__ == "__main__":
    {"send": send, "serve": serve}[sys.argv[1]](*sys.argv[2:])
