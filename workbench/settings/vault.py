"""The vault: one file that holds the keys of all accounts, each sealed for itself under one passphrase.

The passphrase becomes a key by Argon2id (RFC 9106); records are sealed by AES-256-GCM, with the format's version and
the account's name as associated data, so a record opens under its own name alone. An open vault keeps records sealed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from workbench.errors import ConfigError
from workbench.settings.files import changing, read_own, write_whole
from workbench.settings.paths import home_folder
from workbench.settings.secret import AccountKeys, Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT = 1
FILE = "vault.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}(:[A-Za-z0-9][A-Za-z0-9._@-]{0,63})?")
LEAST_PASSPHRASE = 8
PURPOSES = ("verify", "seal", "index")


class WrongPassphrase(ConfigError):
    """The passphrase is not that of the vault."""


class DamagedVault(ConfigError):
    """The file, or a record of it, is not what was written."""


class SwappedRecord(DamagedVault):
    """A record stands under the name of another account."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What trying one passphrase costs: Argon2id's memory, passes and lanes."""

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4

    @property
    def is_enough(self) -> bool:
        """Is it at or above the least that OWASP's password storage cheat sheet allows (19 MiB, 2 passes, 1 lane)?"""
        return self.lanes >= 1 and ((self.memory_kib >= 19 * 1024 and self.passes >= 2) or self.memory_kib >= 46 * 1024)

    @property
    def is_bearable(self) -> bool:
        """Can it be paid? A file that was tampered with may ask for all memory."""
        return self.memory_kib <= 2**21 and self.passes <= 100 and self.lanes <= 64 and self.passes >= 1

    def __le__(self, other: Cost) -> bool:
        return all(mine <= theirs for mine, theirs in zip(asdict(self).values(), asdict(other).values(), strict=True))


WANTED = Cost()


def vault_path(home: Path | None = None) -> Path:
    """Where the vault lies: `vault.json` of WORKBENCH_HOME."""
    return (home or home_folder()) / FILE


def record_name(account: str) -> str:
    """The name under which an account's keys lie: `venue:account`; a venue alone means its account `main`."""
    if not NAME.fullmatch(account):
        raise ConfigError(f"{account!r} is no name of an account. Write venue:account, such as binance:main.")
    return account if ":" in account else f"{account}:main"


class Vault:
    """The keys of accounts, by name. `Vault.open` and `Vault.create` make one."""

    __slots__ = ("_cost", "_index", "_records", "_salt", "_seal", "_verify", "path")

    def __init__(self, path: Path, cost: Cost, salt: bytes, passphrase: str | Secret) -> None:
        self.path, self._cost, self._salt = path, cost, salt
        passphrase = Secret.of(passphrase)
        self._verify, self._seal, self._index = _derive(passphrase, cost, salt)
        self._records: dict[str, dict[str, str]] = {}

    def __repr__(self) -> str:
        return f"<vault {self.path} of {len(self._records)} accounts>"

    @classmethod
    def create(cls, path: Path, passphrase: str | Secret) -> Self:
        """A new, empty vault.

        Raises
        ------
        ConfigError
            If there is one already, or the passphrase is short.
        """
        passphrase = Secret.of(passphrase)
        _check_new(passphrase)
        with changing(path):
            if path.exists() or path.is_symlink():
                raise ConfigError(f"There is a vault already: {path}. Open it, or change its passphrase.")
            made = cls(path, WANTED, os.urandom(16), passphrase)
            made._write()
        return made

    @classmethod
    def open(cls, path: Path, passphrase: str | Secret) -> Self:
        """Open a vault, and see that each record in it is whole. One that is too cheap to guess is made dearer.

        Raises
        ------
        WrongPassphrase
            If it is not the vault's passphrase.
        DamagedVault, SwappedRecord
            If a bit of it is not as it was written, records are gone, or one stands under another's name.
        ConfigError
            If there is none, others can reach it, or it is of a newer version.
        """
        passphrase = Secret.of(passphrase)
        vault = cls._read(path, passphrase)
        if not vault._cost >= WANTED:
            vault._reseal(passphrase)
        return vault

    @staticmethod
    def listed(path: Path) -> list[str]:
        """The accounts that a vault names, without opening it: nobody vouches for them."""
        records = _content(path).get("records", {})
        if not isinstance(records, dict):
            raise DamagedVault(_damaged(path, "it has no records"))
        return sorted(map(str, records))

    @classmethod
    def _read(cls, path: Path, passphrase: Secret) -> Self:
        found = _content(path)
        cost, salt, verify = _header(path, found)
        vault = cls(path, cost, salt, passphrase)
        if not hmac.compare_digest(vault._verify.reveal(), verify):
            raise WrongPassphrase(f"That is not the passphrase of {path}. Nothing was opened; try again.")
        vault._take(found)
        return vault

    def _take(self, found: dict[str, Any]) -> None:
        """Take the records in, each one tried."""
        records = found.get("records")
        if not isinstance(records, dict):
            raise DamagedVault(_damaged(self.path, "it has no records"))
        self._records = records
        for name in records:
            self._open_record(name)
        if not hmac.compare_digest(self._index_mac(), str(found.get("index", ""))):
            raise DamagedVault(_damaged(self.path, "records were removed, added, or put back from an older copy"))

    # --- what it holds -----------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The accounts whose keys are here."""
        return sorted(self._records)

    def keys(self, account: str) -> AccountKeys:
        """The keys of an account.

        Raises
        ------
        ConfigError
            If they are not here.
        """
        name = record_name(account)
        if name not in self._records:
            there = ", ".join(self.names()) or "none"
            raise ConfigError(f"The vault has no keys for {name}, but for: {there}. `workbench secrets add {name}`.")
        return AccountKeys.make(**json.loads(self._open_record(name).reveal()))

    def put(self, account: str, keys: AccountKeys) -> None:
        """Keep the keys of an account; those it had are replaced."""
        name = record_name(account)
        if not keys:
            raise ConfigError(f"{name}: no key was given. Paste the key that the venue shows, or a wallet's address.")
        with changing(self.path):
            self._refresh()
            self._records[name] = self._sealed(name, Secret(json.dumps(keys.reveal())))
            self._write()

    def remove(self, account: str) -> None:
        """Forget the keys of an account.

        Raises
        ------
        ConfigError
            If they are not here.
        """
        name = record_name(account)
        with changing(self.path):
            self._refresh()
            if self._records.pop(name, None) is None:
                raise ConfigError(f"The vault has no keys for {name}. It has: {', '.join(self.names()) or 'none'}.")
            self._write()

    def change_passphrase(self, passphrase: str | Secret) -> None:
        """Seal every record anew under another passphrase, all at once: a crash leaves the old vault or the new one."""
        passphrase = Secret.of(passphrase)
        _check_new(passphrase)
        self._reseal(passphrase)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _reseal(self, passphrase: Secret) -> None:
        with changing(self.path):
            self._refresh()
            fresh = Vault(self.path, WANTED, os.urandom(16), passphrase)
            fresh._records = {name: fresh._sealed(name, self._open_record(name)) for name in self._records}
            fresh._write()
        for slot in ("_cost", "_salt", "_verify", "_seal", "_index", "_records"):
            setattr(self, slot, getattr(fresh, slot))

    def _refresh(self) -> None:
        """What another process has added meanwhile; under another passphrase it is not ours any more."""
        found = _content(self.path)
        _, _, verify = _header(self.path, found)
        if not hmac.compare_digest(self._verify.reveal(), verify):
            raise WrongPassphrase(f"The passphrase of {self.path} was changed meanwhile. Open it again.")
        self._take(found)

    def _sealed(self, name: str, text: Secret) -> dict[str, str]:
        nonce = os.urandom(12)
        sealed = self._cipher().encrypt(nonce, text.reveal().encode(), _bound(name))
        return {"nonce": _text(nonce), "sealed": _text(sealed)}

    def _open_record(self, name: str) -> Secret:
        from cryptography.exceptions import InvalidTag

        try:
            nonce, sealed = (_bytes(self._records[name][part]) for part in ("nonce", "sealed"))
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise DamagedVault(_damaged(self.path, f"the record of {name} cannot be read")) from error
        for other in (name, *self._records):
            try:
                text = Secret(self._cipher().decrypt(nonce, sealed, _bound(other)).decode())
            except (InvalidTag, ValueError):
                continue
            if other == name:
                return text
            raise SwappedRecord(_damaged(self.path, f"the record of {other} stands under the name of {name}"))
        raise DamagedVault(_damaged(self.path, f"the record of {name} was changed"))

    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._seal.reveal())

    def _index_mac(self) -> str:
        listing = json.dumps(self._records, sort_keys=True, separators=(",", ":")).encode()
        return _text(hmac.digest(self._index.reveal(), listing, "sha256"))

    def _write(self) -> None:
        header = _head(self._cost, self._salt, self._verify.reveal())
        content = {**header, "sum": _sum(header), "index": self._index_mac(), "records": self._records}
        write_whole(self.path, json.dumps(content, indent=1).encode())


class _Bytes:
    """A key in memory, hidden like a `Secret`."""

    __slots__ = ("__content",)

    def __init__(self, content: bytes) -> None:
        self.__content = content

    def reveal(self) -> bytes:
        return self.__content

    def __repr__(self) -> str:
        return "<key>"

    def __reduce_ex__(self, _: Any) -> Any:
        raise TypeError("A key is not pickled.")


def _derive(passphrase: Secret, cost: Cost, salt: bytes) -> tuple[_Bytes, _Bytes, _Bytes]:
    """Three keys, so that what is stored to verify a passphrase says nothing of the one that seals."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    stretched = _Bytes(
        Argon2id(
            salt=salt, length=32, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib
        ).derive(passphrase.reveal().encode())
    )  # fmt: skip
    verify, seal, index = (
        _Bytes(HKDFExpand(hashes.SHA256(), 32, f"workbench vault {FORMAT} {name}".encode()).derive(stretched.reveal()))
        for name in PURPOSES
    )
    return verify, seal, index


def _content(path: Path) -> Any:
    try:
        content = read_own(path)
    except FileNotFoundError:
        raise ConfigError(f"There is no vault at {path}. `workbench secrets add` makes one.") from None
    try:
        found = json.loads(content)
        if not isinstance(found, dict):
            raise ValueError("no object")
        return found
    except (ValueError, RecursionError) as error:
        raise DamagedVault(_damaged(path, "it is no JSON")) from error


def _head(cost: Cost, salt: bytes, verify: bytes) -> dict[str, Any]:
    return {
        "format": FORMAT, "kdf": {"name": "argon2id", **asdict(cost), "salt": _text(salt)},
        "cipher": "aes-256-gcm", "verify": _text(verify),
    }  # fmt: skip


def _header(path: Path, found: Any) -> tuple[Cost, bytes, bytes]:
    """What a file says of itself, believed only if its sum is right: a flipped bit is no wrong passphrase."""
    try:
        version = found["format"]
        if isinstance(version, int) and version > FORMAT:
            raise ConfigError(
                f"{path} is a vault of format {version}; this workbench knows {FORMAT}. A newer one made it: update."
            )
        header = {name: found[name] for name in ("format", "kdf", "cipher", "verify")}
        if not hmac.compare_digest(_sum(header), str(found["sum"])):
            raise DamagedVault(_damaged(path, "its head was changed"))
        kdf = header["kdf"]
        cost = Cost(kdf["memory_kib"], kdf["passes"], kdf["lanes"])
        salt, verify = _bytes(kdf["salt"]), _bytes(header["verify"])
    except (TypeError, KeyError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise DamagedVault(_damaged(path, "its head cannot be read")) from error
    if not cost.is_enough or len(salt) < 16:
        raise ConfigError(
            f"{path} is guarded too weakly ({cost.memory_kib} KiB, {cost.passes} passes): somebody may have weakened "
            f"it. It is not opened. Make a new one, with new keys of the venue."
        )
    if not cost.is_bearable:
        raise ConfigError(f"{path} asks for {cost.memory_kib} KiB and {cost.passes} passes: it was tampered with.")
    return cost, salt, verify


def _check_new(passphrase: Secret) -> None:
    if len(passphrase.reveal()) < LEAST_PASSPHRASE:
        raise ConfigError(f"A passphrase needs at least {LEAST_PASSPHRASE} characters; a few words are better.")


def _bound(name: str) -> bytes:
    return f"workbench vault {FORMAT} {name}".encode()


def _sum(header: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _damaged(path: Path, how: str) -> str:
    return f"{path} is damaged: {how}. Nothing of it is used. Put back a copy that was whole, or add the keys anew."
