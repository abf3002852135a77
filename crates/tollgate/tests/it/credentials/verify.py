"""Computes the signature that AWS would expect of a request, from the request as it arrived and the secret key.

Written from AWS's description of Signature Version 4 alone, so that it shares no mistake with the gateway.
"""

import hashlib
import hmac
import json
import sys
import urllib.parse

request = json.load(sys.stdin)
headers = {name.lower(): value for name, value in request["headers"].items()}
fields = dict(part.split("=", 1) for part in headers["authorization"].split(" ", 1)[1].split(", "))
scope = fields["Credential"].split("/", 1)[1]
day, region, service, end = scope.split("/")

path, _, query = request["path"].partition("?")
pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
digest = hashlib.sha256(request["body"].encode()).hexdigest()
assert headers["x-amz-content-sha256"] == digest, "the digest is of another body"
signed = fields["SignedHeaders"].split(";")
canonical = "\n".join(
    [
        request["method"],
        urllib.parse.quote(path, safe="/-._~"),
        urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote, safe="-._~"),
        "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signed),
        ";".join(signed),
        digest,
    ]
)
to_sign = "\n".join(
    ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()]
)
key = ("AWS4" + request["secret"]).encode()
for part in (day, region, service, end):
    key = hmac.new(key, part.encode(), hashlib.sha256).digest()
print(hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest())
