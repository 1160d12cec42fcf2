"""The vault gives keys to who knows the passphrase, and says what is wrong with it in every other case."""

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
import json
import multiprocessing
import os
import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import ConfigError
from workbench.settings import (
    AccountKeys,
    DamagedVault,
    Secret,
    SwappedRecord,
    Vault,
    WrongPassphrase,
    record_name,
    vault,
)
from workbench.settings import files as files_of_settings

PASSPHRASE = "correct horse battery"
CANARY = "CANARY-9f8e7d6c5b4a"
KEYS = AccountKeys.make(key=f"{CANARY}-key", secret=f"{CANARY}-secret")


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A vault with two accounts, made once: a passphrase takes its time."""
    path = tmp_path_factory.mktemp("vault") / "vault.json"
    made = Vault.create(path, PASSPHRASE)
    made.put("binance", KEYS)
    made.put("okx:second", AccountKeys.make(key="k2", secret="s2", password="p2"))
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, sealed: bytes) -> Path:
    file = tmp_path / "home" / "vault.json"
    file.parent.mkdir(mode=0o700)
    file.write_bytes(sealed)
    file.chmod(0o600)
    return file


def changed(path: Path, change: Any) -> None:
    """Change the file as somebody would who knows its format, but not the passphrase."""
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))


def with_sum(content: dict[str, Any]) -> None:
    header = {name: content[name] for name in ("format", "kdf", "cipher", "verify")}
    content["sum"] = hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()


# --- what it is for --------------------------------------------------------------------------------------------------


def test_keys_come_back_to_who_knows_the_passphrase(path):
    opened = Vault.open(path, PASSPHRASE)
    assert opened.names() == ["binance:main", "okx:second"]
    assert opened.keys("binance:main") == opened.keys("binance") == KEYS
    assert opened.keys("okx:second").reveal() == {"key": "k2", "secret": "s2", "password": "p2"}


def test_a_removed_account_is_gone_and_the_others_stay(path):
    Vault.open(path, PASSPHRASE).remove("binance")
    opened = Vault.open(path, PASSPHRASE)
    assert opened.names() == ["okx:second"]
    with pytest.raises(ConfigError, match=r"no keys for binance:main, but for: okx:second"):
        opened.keys("binance")
    with pytest.raises(ConfigError, match="no keys for binance:main"):
        opened.remove("binance")


def test_another_passphrase_replaces_the_old_one_for_every_record(path):
    before = json.loads(path.read_bytes())
    opened = Vault.open(path, PASSPHRASE)
    opened.change_passphrase("another one altogether")
    assert opened.keys("binance") == KEYS
    after = json.loads(path.read_bytes())
    assert before["kdf"]["salt"] != after["kdf"]["salt"]
    assert before["records"]["okx:second"] != after["records"]["okx:second"]
    with pytest.raises(WrongPassphrase):
        Vault.open(path, PASSPHRASE)
    assert Vault.open(path, "another one altogether").keys("binance") == KEYS


def test_what_two_open_vaults_add_is_all_there(path):
    one, two = Vault.open(path, PASSPHRASE), Vault.open(path, PASSPHRASE)
    one.put("kraken", KEYS)
    two.put("gate", KEYS)
    assert Vault.open(path, PASSPHRASE).names() == ["binance:main", "gate:main", "kraken:main", "okx:second"]


def test_a_vault_whose_passphrase_was_changed_elsewhere_is_opened_again(path):
    one, two = Vault.open(path, PASSPHRASE), Vault.open(path, PASSPHRASE)
    one.change_passphrase("another one altogether")
    with pytest.raises(WrongPassphrase, match="changed meanwhile"):
        two.put("gate", KEYS)
    assert "gate:main" not in Vault.open(path, "another one altogether").names()


# --- what is wrong with it -------------------------------------------------------------------------------------------


def test_a_wrong_passphrase_is_just_that(path):
    with pytest.raises(WrongPassphrase, match="not the passphrase"):
        Vault.open(path, PASSPHRASE + " ")


def spots(content: bytes) -> list[int]:
    """A seeded choice of places in a file, among them some in each of its parts."""
    whole = [
        content.index(name) + len(name) + 5 for name in (b'"salt"', b'"verify"', b'"sum"', b'"index"', b'"sealed"')
    ]
    return [*whole, *(int(len(content) * step / 12) for step in range(12))]


def test_a_flipped_bit_anywhere_is_damage_and_never_a_wrong_passphrase(path, sealed):
    for place in spots(sealed):
        bent = bytearray(sealed)
        bent[place] ^= 1
        path.write_bytes(bent)
        assert type(fault_of(path)) is DamagedVault or same_json(bent, sealed), place


def fault_of(path: Path) -> ConfigError | None:
    try:
        Vault.open(path, PASSPHRASE)
    except ConfigError as error:
        return error
    return None


def same_json(one: bytes, other: bytes) -> bool:
    """Do they differ in white space at most?"""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def test_the_damaged_record_is_named(path):
    def bend(content: Any) -> None:
        sealed = bytearray(base64.b64decode(content["records"]["okx:second"]["sealed"]))
        sealed[3] ^= 128
        content["records"]["okx:second"]["sealed"] = base64.b64encode(sealed).decode()

    changed(path, bend)
    with pytest.raises(DamagedVault, match="the record of okx:second was changed"):
        Vault.open(path, PASSPHRASE)


def test_swapped_records_are_named(path):
    def swap(content: Any) -> None:
        records = content["records"]
        records["binance:main"], records["okx:second"] = records["okx:second"], records["binance:main"]

    changed(path, swap)
    with pytest.raises(SwappedRecord, match="the record of okx:second stands under the name of binance:main"):
        Vault.open(path, PASSPHRASE)


def test_a_record_that_was_taken_out_or_put_back_is_missed(path):
    old = json.loads(path.read_bytes())["records"]["binance:main"]
    Vault.open(path, PASSPHRASE).put("binance", AccountKeys.make(key="new", secret="new"))
    changed(path, lambda content: content["records"].update({"binance:main": old}))
    with pytest.raises(DamagedVault, match="put back from an older copy"):
        Vault.open(path, PASSPHRASE)
    changed(path, lambda content: content["records"].pop("binance:main"))
    with pytest.raises(DamagedVault, match="records were removed"):
        Vault.open(path, PASSPHRASE)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"format": 1}', b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_vault_is_said(path, content):
    path.write_bytes(content)
    with pytest.raises(DamagedVault):
        Vault.open(path, PASSPHRASE)


def test_a_vault_of_a_newer_format_is_left_alone(path):
    changed(path, lambda content: content.update(format=2))
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"format 2; this workbench knows 1.*update"):
        Vault.open(path, PASSPHRASE)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("memory", "passes"), [(8 * 1024, 3), (19 * 1024, 1), (1, 1)])
def test_a_vault_that_is_too_cheap_to_guess_is_not_opened(path, memory, passes):
    def weaken(content: Any) -> None:
        content["kdf"].update(memory_kib=memory, passes=passes)
        with_sum(content)

    changed(path, weaken)
    with pytest.raises(ConfigError, match="guarded too weakly"):
        Vault.open(path, PASSPHRASE)


def test_a_vault_that_asks_for_all_memory_is_not_opened(path):
    def swell(content: Any) -> None:
        content["kdf"].update(memory_kib=2**31)
        with_sum(content)

    changed(path, swell)
    with pytest.raises(ConfigError, match="tampered with"):
        Vault.open(path, PASSPHRASE)


def test_an_older_vault_is_made_dearer_when_it_is_opened(tmp_path, monkeypatch):
    file = tmp_path / "vault.json"
    with monkeypatch.context() as cheap:
        cheap.setattr(vault, "WANTED", vault.Cost(19 * 1024, 2, 1))
        Vault.create(file, PASSPHRASE).put("binance", KEYS)
    assert json.loads(file.read_bytes())["kdf"]["memory_kib"] == 19 * 1024
    assert Vault.open(file, PASSPHRASE).keys("binance") == KEYS
    kdf = json.loads(file.read_bytes())["kdf"]
    assert (kdf["memory_kib"], kdf["passes"], kdf["lanes"]) == (64 * 1024, 3, 4)
    assert Vault.open(file, PASSPHRASE).keys("binance") == KEYS


@pytest.mark.parametrize("passphrase", ["", "short", "1234567"])
def test_a_short_passphrase_is_refused_for_a_new_vault(tmp_path, passphrase):
    with pytest.raises(ConfigError, match="at least 8 characters"):
        Vault.create(tmp_path / "vault.json", passphrase)
    assert not (tmp_path / "vault.json").exists()


def test_a_vault_is_not_made_over_another(path, sealed):
    with pytest.raises(ConfigError, match="a vault already"):
        Vault.create(path, PASSPHRASE)
    assert path.read_bytes() == sealed


@pytest.mark.parametrize("name", ["", "a:b:c", "../x", "a b", ":x", "x:", "é"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ConfigError, match="no name of an account"):
        record_name(name)


def test_no_vault_is_said(tmp_path):
    with pytest.raises(ConfigError, match="no vault at"):
        Vault.open(tmp_path / "vault.json", PASSPHRASE)


# --- files -----------------------------------------------------------------------------------------------------------


def test_the_file_is_the_owners_alone(path):
    Vault.open(path, PASSPHRASE).put("gate", KEYS)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o601])
def test_a_file_that_others_reach_is_refused(path, mode):
    path.chmod(mode)
    with pytest.raises(ConfigError, match=rf"can be reached by others \(its rights are {mode:o}\).*chmod 600"):
        Vault.open(path, PASSPHRASE)


def test_a_link_is_refused(path, tmp_path):
    link = tmp_path / "link.json"
    link.symlink_to(path)
    with pytest.raises(ConfigError, match="is a link"):
        Vault.open(link, PASSPHRASE)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses_file_is_refused(path):
    os.chown(path, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to user 12345"):
        Vault.open(path, PASSPHRASE)


CLOSE = os.close
CALLS = ("open", "write", "fsync", "replace", "close")


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), OSError(5, "Input/output error")])
def test_a_fault_at_any_call_leaves_the_old_file_or_the_new(path, sealed, monkeypatch, fault):
    """The n-th call of the operating system fails, n = 1, 2, … until a change goes through without a fault."""
    opened = Vault.open(path, PASSPHRASE)
    for n in range(1, 100):
        path.write_bytes(sealed)
        with monkeypatch.context() as patch:
            left = [n]
            for name in CALLS:
                patch.setattr(files_of_settings.os, name, failing(getattr(os, name), left, fault))
            with contextlib.suppress(ConfigError, OSError):
                opened.put("gate", KEYS)
            fired = left[0] <= 0
        names = Vault._read(path, Secret(PASSPHRASE)).names()
        assert names in (["binance:main", "okx:second"], ["binance:main", "gate:main", "okx:second"])
        assert [file.name for file in path.parent.iterdir() if file.name.endswith(".new")] == []
        if not fired:
            assert "gate:main" in names
            assert n > 8
            return
    pytest.fail("a change never went through")


def failing(call: Any, left: list[int], fault: OSError) -> Any:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            if call is CLOSE:
                call(*args)
            raise fault
        return call(*args, **kwargs)

    return wrapped


# --- what shows ------------------------------------------------------------------------------------------------------


def leaks(text: str) -> bool:
    forms = [CANARY, CANARY[::-1], CANARY.encode().hex(), base64.b64encode(CANARY.encode()).decode().rstrip("=")[:-2]]
    return any(form in text for form in forms)


def test_secrets_show_themselves_nowhere(path):
    opened = Vault.open(path, PASSPHRASE)
    keys = opened.keys("binance")
    for thing in (keys, keys.key, opened, [keys], {"keys": keys}):
        shown = [repr(thing), str(thing), f"{thing}", f"{thing!r:>40}", repr(vars_of(thing)), str(dir(thing))]
        assert not leaks(" ".join(shown)), thing
    for thing in (keys, keys.key, opened, copy.copy(keys), copy.deepcopy(keys.secret)):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError):
                pickle.dumps(thing, protocol)
    with pytest.raises(TypeError):
        json.dumps(keys.key)
    assert not leaks(path.read_text())


def vars_of(thing: Any) -> Any:
    try:
        return vars(thing)
    except TypeError:
        return None


def test_tracebacks_with_local_names_show_no_secret(path):
    """What rich and IPython show: the repr of every local name in every frame."""

    def frames(error: BaseException) -> str:
        walked = traceback.TracebackException.from_exception(error, capture_locals=True)
        return "".join(walked.format())

    passphrase = Secret(CANARY)  # the caller's own names are the caller's
    with pytest.raises(WrongPassphrase) as wrong:
        Vault.open(path, passphrase)
    opened = Vault.open(path, PASSPHRASE)
    opened._records["binance:main"]["sealed"] = "AAAA"
    with pytest.raises(DamagedVault) as damaged:
        opened.keys("binance")
    path.chmod(0o644)
    with pytest.raises(ConfigError) as open_to_all:
        opened.put("gate", KEYS)
    for found in (wrong, damaged, open_to_all):
        assert not leaks(frames(found.value))


def read_in_child(path: str, pipe: Any) -> None:
    pipe.send(Vault.open(Path(path), PASSPHRASE).keys("binance").reveal())


def test_another_process_reads_the_same_keys(path):
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=read_in_child, args=(str(path), theirs))
    child.start()
    assert ours.recv() == KEYS.reveal()
    child.join()


def test_secrets_are_equal_by_content_and_false_when_empty():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert not Secret()
    assert not AccountKeys.make(secret="alone")
