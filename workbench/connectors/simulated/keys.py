"""Public keys of accounts: Ed25519 and RSA, of which the venue knows one half and the client signs with the other."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

from workbench.errors import ConfigError

ED25519, RSA = "Ed25519", "RSA"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key; `kind` is Ed25519 or RSA."""

    kind: str
    key: Any

    def fits(self, signature: str, payload: str) -> bool:
        """Was this base64 signature made of these very bytes?"""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            raw = base64.b64decode(signature, validate=True)
            if self.kind == ED25519:
                self.key.verify(raw, payload.encode())
            else:
                self.key.verify(raw, payload.encode(), PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def read_public_key(text: str) -> PublicKey:
    """A public key as PEM; `ConfigError` if it is none that the venue takes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text.encode())
    except ValueError as error:
        raise ConfigError(f"This is no public key: {error}. Give the text of a PEM file, BEGIN PUBLIC KEY.") from error
    kind = ED25519 if isinstance(key, Ed25519PublicKey) else RSA if isinstance(key, RSAPublicKey) else ""
    if not kind:
        raise ConfigError(f"The venue takes Ed25519 and RSA keys, not {type(key).__name__}. Make one of those.")
    return PublicKey(kind, key)


def own_pair(words: str) -> tuple[str, str]:
    """An Ed25519 pair as PEM, private and public, that follows from some words: the same for the same ones."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(words.encode()).digest())
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return secret.decode(), public.decode()
