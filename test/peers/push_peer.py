"""Pushes, decrypts and verifies with pywebpush and the packages it is built on.

It reads one order as JSON from the standard input, and writes its result as JSON.
"""

import base64
import json
import sys

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02
from pywebpush import WebPushException, webpush


def read_bytes(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def send(order):
    """Sends a message, and returns the status of the answer."""
    try:
        response = webpush(
            subscription_info=order["subscription"],
            data=order["text"],
            vapid_private_key=order["vapidPrivateKey"],
            vapid_claims={"sub": order["subject"]},
            headers=order["headers"],
            ttl=order["ttl"],
            timeout=order["timeoutSeconds"],
        )
    except WebPushException as error:
        return error.response.status_code
    return response.status_code


def decrypt(order):
    """Returns the text of an encrypted body."""
    scalar = int.from_bytes(read_bytes(order["privateKey"]), "big")
    text = http_ece.decrypt(
        read_bytes(order["body"]),
        private_key=ec.derive_private_key(scalar, ec.SECP256R1()),
        auth_secret=read_bytes(order["auth"]),
        version="aes128gcm",
    )
    return text.decode()


def verify(order):
    """Returns whether the token of an Authorization header is signed with the key that the header names."""
    # The package expects no space between the two parts.
    return Vapid02.verify(order["authorization"].replace(", ", ","))


orders = {"send": send, "decrypt": decrypt, "verify": verify}
order = json.load(sys.stdin)
json.dump(orders[order["do"]](order), sys.stdout)
