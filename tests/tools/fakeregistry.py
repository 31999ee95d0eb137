#!/usr/bin/env python3
"""fakeregistry.py [CERT KEY [CLIENTS]]: a small registry that misbehaves on purpose. With a certificate it speaks TLS, and with the
authority of its clients' certificates it wants one.

Prints its port on the first line and serves until its standard input is closed. What a repository does is
told by its name: /v2/MODE/... or /v2/MODE/MORE/...; each mode is explained in MODES.
The blob and the manifest are the same everywhere. /count/KEY says how often something was asked for."""
import base64, hashlib, http.server, json, select, socket, ssl, sys, tarfile, threading, time, urllib.parse



def digest(b):
    return "sha256:" + hashlib.sha256(b).hexdigest()


def layer_of(size):
    """A tar of that size with one file, no two blocks of which are alike."""
    info = tarfile.TarInfo("file")
    info.size = size - 3 * 512  # its header, and two blocks at the end
    data = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(info.size // 32))
    return info.tobuf() + data + bytes(2 * 512)


BLOB = layer_of(2 << 20)
CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest(BLOB)]}}).encode()

LAYER = "application/vnd.oci.image.layer.v1.tar"
TYPE = "application/vnd.oci.image.manifest.v1+json"


def manifest_of(layer):
    return json.dumps({
        "schemaVersion": 2, "mediaType": TYPE,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(CONFIG), "size": len(CONFIG)},
        "layers": [{"mediaType": layer, "digest": digest(BLOB), "size": len(BLOB)}],
    }).encode()


MANIFEST = manifest_of(LAYER)
LAYERS = {"encrypted": LAYER + "+gzip+encrypted", "page": "text/html", "nonsense": "x"}

LENGTHS = {"hugelength": "1" + "0" * 22, "minuslength": "-5", "junklength": "12abc", "controllength": "%d\x01" % len(MANIFEST)}
RANGES = {"junkrange": "bytes x", "otherrange": "bytes 699050-2097151/2097153", "backrange": "bytes 699050-5/2097152"}

INDEX = "application/vnd.oci.image.index.v1+json"
NO_PLATFORM = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
    {"mediaType": TYPE, "digest": digest(MANIFEST), "size": len(MANIFEST), "platform": {"os": "linux", "architecture": "s390x"}}]})

counts, uploads, stored, stale, lock = {}, {}, {}, set(), threading.Lock()

MODES = {
    "plain": "behaves", "bearer": "wants an anonymous token", "login": "wants a token made for user:secret",
    "basic": "wants Basic user:secret", "expired": "refuses the first token", "oauth": "wants a refresh token by POST",
    "oauthaway": "sends who posts a refresh token to another port",
    "denied": "token server refuses", "badtoken": "token server answers garbage", "inject": "token with a line break",
    "redirect": "blob on another port (no Authorization wanted)", "loop": "redirects for ever",
    "truncate": "breaks off at a third, then resumes", "norange": "breaks off at a third, knows no ranges",
    "cut416": "breaks off, then answers 416 with a smaller size", "wrong": "another blob of that size",
    "long": "more bytes than the descriptor says", "short": "fewer", "stall": "stands still once in the middle",
    "limit": "429 with Retry-After: 0 once", "hours": "429 with Retry-After: 7200", "hub": "429, nothing left",
    "flaky": "503 twice", "garbage": "a manifest that is not JSON", "html": "an error page", "missing": "404",
    "forbidden": "403", "huge": "a manifest of 5 MiB", "headers": "headers without end", "lie": "a wrong digest header",
    "nohead": "HEAD without digest", "mount": "mounts blobs", "lost": "loses the first upload session",
    "half": "breaks the first upload after some bytes, then resumes", "refuse": "manifest invalid",
    "endless": "404 with a body that never ends",
    "status200": "accepts with another status", "status202": "the same", "otherblob": "stores another blob",
    "otherdigest": "stores another manifest", "away": "uploads go to another port", "warn": "sends Warning headers",
    "finhalf": "closes its side in the middle of the first upload and reads no more", "fin": "of each upload",
    "deafhalf": "stops reading the first upload", "mute": "never answers the end of an upload",
    "longline": "one header of 200 KB", "hugelength": "a Content-Length of 23 digits", "minuslength": "one below zero",
    "junklength": "one that is no number", "twolengths": "two that differ", "samelength": "the same one twice",
    "controllength": "one with a control byte",
    "junkrange": "resumes with a Content-Range that is none", "otherrange": "with one of another size",
    "backrange": "with one whose end is before its start", "nocontentrange": "without one", "fullrange": "has the whole upload",
    "encrypted": "layers that nobody here can read", "page": "whose media type is text/html", "nonsense": "is nonsense",
    "late": "takes its time to check an upload",
    "always401": "wants another token, whatever it is given", "staleread": "a token is stale once a blob has begun",
    "stalewrite": "a token is stale once an upload has ended", "half500": "breaks off at a third, then has an error, then resumes",
    "half500on": "the same, but the error stays", "enormous": "a manifest of 100 MB", "noplatform": "an index without our platform",
    "liar": "a manifest whose Content-Type is that of an index", "generic": "one whose Content-Type is text/plain",
    "page200": "an HTML page instead of a manifest", "busyblob": "429 for the first request for a blob",
    "busyput": "for the first upload",
    "moved": "manifests are on another port, for those with a token here", "blobloop": "a blob that redirects for ever",
    "chunks": "takes uploads in parts of 1 MiB at most",
    "hang": "stands still in the middle of the first blob, until the other side goes", "slowly": "takes half a second for a blob",
    "silent": "sends some bytes of a blob and then nothing, each time",
}


def count(key):
    with lock:
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fail(self, status, code, message, headers=()):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.reply(status, body, [("Content-Type", "application/json"), *headers])

    def drop(self):
        self.wfile.flush()
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def stay(self):
        """The connection stays open, and nothing moves on it, until the other side has enough of it."""
        self.wfile.flush()
        self.close_connection = True
        hung_up = select.poll()
        hung_up.register(self.connection, select.POLLRDHUP)
        hung_up.poll()

    def read_body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    # ---- authentication
    def challenge(self, mode):
        realm = "http://127.0.0.1:%d/token/%s" % (self.server.server_port, mode)
        value = 'Bearer realm="%s",service="fake",scope="repository:%s:pull"' % (realm, mode)
        if mode == "basic":
            value = 'Basic realm="fake"'
        self.fail(401, "UNAUTHORIZED", "authentication required", [("WWW-Authenticate", value)])

    def allowed(self, mode):
        auth = self.headers.get("Authorization", "")
        if mode == "basic":
            ok = auth == "Basic " + base64.b64encode(b"user:secret").decode()
        elif mode == "expired":
            ok = auth.startswith("Bearer expired-") and auth != "Bearer expired-1"
        elif mode in ("staleread", "stalewrite"):
            ok = auth.startswith("Bearer " + mode + "-") and auth not in stale
        elif mode == "always401":
            ok = False
        elif mode in ("bearer", "login", "oauth", "oauthaway", "denied", "badtoken", "inject", "moved"):
            ok = auth.startswith("Bearer " + mode + "-")
        else:
            ok = True
        if not ok:
            self.challenge(mode)
        return ok

    def token(self, mode, query):
        n = count("token/" + mode)
        auth = self.headers.get("Authorization", "")
        body = urllib.parse.parse_qs(self.read_body().decode())
        if mode == "oauthaway":
            return self.reply(307, b"", [("Location", "http://127.0.0.1:%d/token/oauth" % self.server.other)])
        if mode in ("login", "moved") and auth != "Basic " + base64.b64encode(b"user:secret").decode():
            return self.fail(401, "UNAUTHORIZED", "who are you")
        if mode == "denied":
            return self.fail(403, "DENIED", "go away")
        if mode == "badtoken":
            return self.reply(200, b"[1,")
        if mode == "inject":
            return self.reply(200, json.dumps({"token": "inject-\r\nX: y"}).encode())
        if mode == "oauth" and (body.get("grant_type") != ["refresh_token"] or body.get("refresh_token") != ["identity"]):
            return self.fail(401, "UNAUTHORIZED", "wrong grant")
        if "scope" not in query and "scope" not in body:
            return self.fail(400, "UNSUPPORTED", "no scope")
        key = "access_token" if mode == "oauth" else "token"
        self.reply(200, json.dumps({key: "%s-%d" % (mode, n), "expires_in": 300}).encode())

    # ---- reading
    def manifest(self, mode):
        n = count("manifest/" + mode)
        kind, body = ("Content-Type", TYPE + "; charset=utf-8"), manifest_of(LAYERS.get(mode, LAYER))
        headers = [kind, ("Docker-Content-Digest", digest(body))]
        if mode == "limit" and n == 1:
            return self.fail(429, "TOOMANYREQUESTS", "slow", [("Retry-After", "0")])
        if mode == "hours":
            return self.fail(429, "TOOMANYREQUESTS", "slow", [("Retry-After", "7200")])
        if mode == "hub":
            return self.fail(429, "TOOMANYREQUESTS", "pull rate limit", [("ratelimit-remaining", "0;w=21600")])
        if mode == "flaky" and n <= 2:
            return self.reply(503, b"later")
        if mode == "html":
            return self.reply(502, b"<html>" + b"x" * 200000, [("Content-Type", "text/html")])
        if mode == "endless":
            self.reply(404, length=1 << 50)
            while self.command != "HEAD":  # until the other side hangs up
                self.wfile.write(bytes(65536))
        if mode == "missing":
            return self.fail(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if mode == "forbidden":
            return self.fail(403, "DENIED", "requested access is denied")
        if mode == "garbage":
            return self.reply(200, b"{\x00[[", [kind])
        if mode == "huge":
            return self.reply(200, b" " * (5 << 20), [kind])
        if mode == "enormous":
            self.reply(200, b"", [kind], 100 << 20)
            while self.command != "HEAD":
                self.wfile.write(b" " * 65536)
        if mode == "noplatform":
            return self.reply(200, NO_PLATFORM.encode(), [("Content-Type", INDEX)])
        if mode == "liar":
            return self.reply(200, body, [("Content-Type", INDEX)])
        if mode == "generic":
            return self.reply(200, body, [("Content-Type", "text/plain; charset=utf-8")])
        if mode == "page200":
            return self.reply(200, b"<!DOCTYPE html><html><title>Log in</title></html>", [("Content-Type", "text/html")])
        if mode == "moved":
            return self.reply(307, b"", [("Location", "http://127.0.0.1:%d/manifest" % self.server.other)])
        if mode == "headers":
            return self.reply(200, body, [("X-%d" % i, "y" * 1000) for i in range(200)])
        if mode == "longline":
            return self.reply(200, body, [("X-Long", "y" * 200000)])
        if mode in LENGTHS:
            return self.reply(200, body, [kind], LENGTHS[mode])
        if mode in ("twolengths", "samelength"):
            return self.reply(200, body, [kind, ("Content-Length", str(len(body) - (mode == "twolengths")))])
        if mode == "lie":
            headers = [kind, ("Docker-Content-Digest", digest(b"other"))]
        if mode == "nohead" and self.command == "HEAD":
            headers = [kind]
        if mode == "warn":
            headers.append(("Warning", '299 - "this registry ends"'))
        if mode == "loop":
            return self.reply(302, b"", [("Location", self.path)])
        self.reply(200, body, headers)

    def range(self, body):
        value = self.headers.get("Range", "")
        start = int(value[6:].split("-")[0]) if value.startswith("bytes=") else 0
        if not start:
            return 0, 200, []
        return start, 206, [("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))]

    def blob(self, mode, name):
        if name == digest(CONFIG):
            return self.reply(200, CONFIG)
        n = count("blob/" + mode)
        body = BLOB if name == digest(BLOB) else stored.get(name)
        if body is None or mode in ("missing", "mount", "lost", "half", "fullrange", "away", "refuse", "status200",
                                              "status202", "otherblob", "stalewrite", "busyput", "chunks") and name not in stored:
            return self.fail(404, "BLOB_UNKNOWN", "blob unknown")
        third = len(body) // 3
        if mode == "redirect":
            return self.reply(307, b"", [("Location", "http://127.0.0.1:%d/raw/%s?X-Sig=s3cret" % (self.server.other, name))])
        if mode == "blobloop":
            return self.reply(302, b"", [("Location", self.path)])
        if mode == "busyblob" and n == 1:
            return self.fail(429, "TOOMANYREQUESTS", "slow", [("Retry-After", "0")])
        if n == 2 and mode == "half500" or n > 1 and mode == "half500on":
            return self.reply(500, b"oh")
        if mode == "staleread":
            stale.add(self.headers["Authorization"])
        if mode == "cut416" and n > 1:
            return self.fail(416, "RANGE_INVALID", "no", [("Content-Range", "bytes */%d" % third)])
        start, status, headers = self.range(body)
        if mode == "norange":
            start, status, headers = 0, 200, []
        if mode == "wrong":
            body = bytes(len(body))
        if mode == "long":
            body += b"more"
        if mode == "short":
            body = body[:-4]
        body = body[start:]
        if mode in RANGES and start:
            headers = [("Content-Range", RANGES[mode])]
        if mode == "nocontentrange":
            headers = []
        if start:
            count("rest/" + mode)
        if mode == "slowly":
            time.sleep(0.5)
        if mode == "hang" and n == 1:
            self.reply(status, body[:third], headers, len(body))
            return self.stay()
        if mode == "silent":
            self.reply(status, body[:1000], headers, len(body))
            return self.stay()
        if mode in ("truncate", "cut416", "norange", "stall", "nocontentrange", "half500", "half500on", "staleread", *RANGES) and n == 1:
            self.reply(status, body[:third], headers, len(body))
            if mode == "stall":
                self.wfile.flush()
                time.sleep(2)
            return self.drop()
        self.reply(status, body, headers)

    # ---- writing
    def start_upload(self, mode, query):
        if "mount" in query and mode == "mount" and query.get("from") == ["library/base"]:
            return self.reply(201, b"", [("Location", "/v2/x")])
        n = count("upload/" + mode)
        with lock:
            uploads["%s-%d" % (mode, n)] = b""
        where = "/upload/%s/%s-%d?state=a%%2Fb" % (mode, mode, n)
        if mode == "away":
            where = "http://127.0.0.1:%d%s" % (self.server.other, where)
        self.reply(202, b"", [("Location", where)])

    def put_upload(self, mode, session, query):
        if mode == "away" and self.headers.get("Authorization"):
            return self.fail(400, "UNSUPPORTED", "a token that is not for us")
        n = count("put/" + mode)
        if mode in ("half", "fullrange") and n == 1:
            part = self.rfile.read(1500000) if mode == "half" else self.read_body()
            with lock:
                uploads[session] = part
            return self.drop()
        if mode in ("fin", "mute") or mode in ("finhalf", "deafhalf") and n == 1:
            part = self.read_body() if mode == "mute" else self.rfile.read(1000000)
            with lock:
                uploads[session] = part
            if mode.startswith("fin"):
                self.connection.shutdown(socket.SHUT_WR)
            return self.stay()
        data = self.read_body()
        if mode == "stalewrite" and n == 1:
            stale.add(self.headers["Authorization"])
            return self.challenge(mode)
        if mode == "busyput" and n == 1:
            return self.fail(429, "TOOMANYREQUESTS", "slow", [("Retry-After", "0")])
        if mode == "chunks" and data:
            return self.fail(413, "SIZE_INVALID", "too much at once")
        if mode == "late":
            time.sleep(4.5)
        if mode == "lost" and session.endswith("-1"):
            return self.fail(404, "BLOB_UPLOAD_UNKNOWN", "upload unknown")
        range = self.headers.get("Content-Range")
        with lock:
            start = int(range.split("-")[0]) if range else 0 if data else len(uploads.get(session, b""))
            data = uploads.get(session, b"")[:start] + data
        if query.get("digest") != [digest(data)] or query.get("state") != ["a/b"]:
            return self.fail(400, "DIGEST_INVALID", "got %d bytes" % len(data))
        with lock:
            stored[digest(data)] = data
        status = int(mode[6:]) if mode.startswith("status") else 201
        self.reply(status, b"", [("Docker-Content-Digest", digest(b"x" if mode == "otherblob" else data))])

    def patch_upload(self, mode, session):
        data, part = self.read_body(), self.headers.get("Content-Range", "")
        n = count("patch/" + mode)
        have = len(uploads[session])
        if mode == "chunks" and n == 4:
            return self.drop()
        if len(data) > 1 << 20:
            return self.fail(413, "SIZE_INVALID", "too much at once")
        if part != "%d-%d" % (have, have + len(data) - 1):
            return self.fail(416, "RANGE_INVALID", "%d bytes behind %d are not %s" % (len(data), have, part))
        uploads[session] += data
        self.reply(202, b"", [("Location", self.path), ("Range", "0-%d" % (len(uploads[session]) - 1))])

    def put_manifest(self, mode):
        body = self.read_body()
        if mode == "refuse":
            return self.fail(400, "MANIFEST_INVALID", "manifest invalid")
        self.reply(201, b"", [("Docker-Content-Digest", digest(b"x" if mode == "otherdigest" else body))])

    # ---- plain downloads
    def plain(self, parts):
        if parts[0] == "count":
            return self.reply(200, str(counts.get("/".join(parts[1:]), 0)).encode())
        if parts[0] == "manifest":
            if self.headers.get("Authorization"):
                return self.fail(400, "UNSUPPORTED", "a token that is not for us")
            return self.reply(200, MANIFEST, [("Content-Type", TYPE)])
        if parts[0] == "raw":
            if self.headers.get("Authorization"):
                return self.fail(400, "UNSUPPORTED", "a token that is not for us")
            return self.reply(200, BLOB)
        if parts[0] == "file":
            if self.headers.get("If-None-Match") == '"tag"':
                return self.reply(304)
            return self.reply(200, b"hello\n", [("ETag", '"tag"'), ("Last-Modified", "Tue, 15 Nov 1994 12:45:26 GMT")])
        if parts[0] == "tag":
            tag = {"control": '"a\x01b"', "long": '"' + "x" * 5000 + '"'}[parts[1]]
            return self.reply(200, b"hello\n", [("ETag", tag), ("Last-Modified", "Tue, 15 Nov 1994 12:45:26 GMT")])
        if parts[0] == "part":
            return self.reply(206, b"hello\n", [("Content-Range", "bytes 3-8/20")])
        if parts[0] == "trailer":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"6\r\nhello\n\r\n0\r\nX-Long: " + b"y" * 200000 + b"\r\n\r\n")
            return self.drop()
        if parts[0] == "hop":
            return self.reply(302, b"", [("Location", "../file?x=y")])
        if parts[0] == "lost":
            return self.reply(302, b"", [("Location", "../file\x07")])
        if parts[0] == "out":
            return self.reply(302, b"", [("Location", "file:///etc/passwd")])
        if parts[0] == "auth":
            return self.reply(200, self.headers.get("Authorization", "none").encode())
        if parts[0] == "authaway":
            return self.reply(302, b"", [("Location", "http://127.0.0.1:%d/auth" % self.server.other)])
        self.reply(404, b"nothing here")

    def handle_any(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        parts = urllib.parse.unquote(url.path).strip("/").split("/")
        if parts[0] == "token":
            return self.token(parts[1], query)
        if parts[0] == "upload":
            if parts[1] in ("stalewrite",) and not self.allowed(parts[1]):
                return self.read_body()
            if self.command == "PATCH":
                return self.patch_upload(parts[1], parts[2])
            if self.command == "GET":
                with lock:
                    have = len(uploads.get(parts[2], b""))
                return self.reply(204, b"", [("Range", "0-%d" % (have - 1 if have else 0)), ("Location", self.path)])
            return self.put_upload(parts[1], parts[2], query)
        if parts[0] != "v2":
            return self.plain(parts)
        if len(parts) < 2:
            return self.reply(200, b"{}")
        mode = parts[1]
        if mode not in MODES:
            return self.fail(404, "NAME_UNKNOWN", "repository name not known")
        if not self.allowed(mode):
            return self.read_body()
        if "manifests" in parts:
            return self.put_manifest(mode) if self.command == "PUT" else self.manifest(mode)
        if "uploads" in parts:
            return self.start_upload(mode, query)
        self.blob(mode, parts[-1])

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_any


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client):
        pass  # clients that hang up are what this is for


def serve():
    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[1:3])
        if len(sys.argv) > 3:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(sys.argv[3])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main():
    servers = [serve(), serve()]
    servers[0].other, servers[1].other = servers[1].server_port, servers[0].server_port
    sys.stdout.write(f"{servers[0].server_port}\n")  # in one piece: print would write the line end on its own
    sys.stdout.flush()
    sys.stdin.buffer.read()


main()
