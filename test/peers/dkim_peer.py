"""Verifies the DKIM signatures of a message with dkimpy.

It reads one order as JSON from the standard input: the message in base64, and the text of each DNS record by its name. It writes, for each
signature, whether it is valid.
"""

import base64
import json
import sys

import dkim

order = json.load(sys.stdin)
message = base64.b64decode(order["message"])


def find_record(name, timeout=5):
    return order["records"].get(name.decode().rstrip("."), "").encode()


def is_valid(place):
    try:
        return bool(dkim.DKIM(message).verify(place, dnsfunc=find_record))
    except dkim.DKIMException:
        return False


headers = dkim.DKIM(message).headers
count = len([name for name, _ in headers if name.lower() == b"dkim-signature"])
json.dump([is_valid(place) for place in range(count)], sys.stdout)
