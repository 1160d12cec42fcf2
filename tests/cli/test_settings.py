"""Settings and secrets from the command line: what is asked for is done, what cannot be is said, no key is shown."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.settings import Vault, config_path, load_config, vault_path

PASSPHRASE = "correct horse battery"
CANARY = "CANARY-5b4a9f8e7d6c"
KEYS = json.dumps({"key": f"{CANARY}-key", "secret": f"{CANARY}-secret"})


@pytest.fixture
def say(monkeypatch):
    """What the next command finds on its standard input."""
    return lambda *lines: monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))


@pytest.fixture
def vault(run, say):
    say(PASSPHRASE, KEYS)
    said = run("secrets", "add", "binance", "--passphrase-file", "-", "--keys-file", "-")
    assert said.code == 0, said.err
    return vault_path()


# --- config ----------------------------------------------------------------------------------------------------------


def test_settings_are_shown_with_which_are_set(run):
    assert run("config", "set", "defaults.venue", "okx").out == "defaults.venue: okx\n"
    rows = {row["setting"]: row for row in run("config", "show", "--json").json["settings"]}
    assert rows["defaults.venue"] == {"setting": "defaults.venue", "value": "okx", "is_set": True}
    assert rows["defaults.account"] == {"setting": "defaults.account", "value": "main", "is_set": False}
    assert "= defaults.venue                   okx\n" in run("config", "show").out
    assert run("config", "show", "defaults.venue").out == "okx\n"
    assert run("config", "show", "defaults.cash", "--json").json == "10000"
    assert {row["setting"] for row in run("config", "show", "logs", "--json").json["settings"]} == {
        "level",
        "max_mb",
        "keep",
    }


def test_a_setting_is_set_and_taken_out(run):
    assert run("config", "set", 'fees."binance BTC/USDT".maker', "0.0001", "--json").json["value"] == "0.0001"
    assert str(load_config().fee("binance", instrument="BTC/USDT").maker) == "0.0001"
    assert run("config", "set", "fees", "--unset").code == 0
    assert load_config().fees == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("config", "set", "defaults.venu", "x"), "Did you mean `venue`?"),
        (("config", "set", "defaults.venue"), "or take it out with --unset"),
        (("config", "set", "defaults.venue", "x", "--unset"), "or take it out with --unset"),
        (("config", "show", "nothing"), "no setting 'nothing'"),
        (("config", "migrate", "--undo"), "no older one to go back to"),
        (("config", "edit"), "Set EDITOR"),
        (("secrets", "add", "a b", "--passphrase-file", "-"), "no name of an account"),
        (("secrets", "remove", "binance", "--passphrase-file", "nowhere"), "no file nowhere"),
        (("secrets", "remove", "binance", "--passphrase-file", "-"), "no passphrase in standard input"),
        (("secrets", "password"), "Nobody can be asked"),
        (("secrets", "list", "--verify"), "Nobody can be asked"),
    ],
)
def test_what_cannot_be_ends_with_1_and_a_sentence(run, say, words, said):
    say("")
    outcome = run(*words)
    assert outcome.code == 1
    assert said in outcome.err
    assert outcome.err.startswith("workbench: ")


def test_an_older_file_is_migrated_and_put_back(run):
    config_path().parent.mkdir(parents=True)
    config_path().write_text("okx_maker_percent_fee: 0.1\n")
    assert run("config", "migrate", "--json").json == {"migrated": True, "kept": f"{config_path()}.v0"}
    assert run("config", "migrate", "--json").json == {"migrated": False, "kept": None}
    assert run("config", "migrate", "--undo").code == 0
    assert config_path().read_text() == "okx_maker_percent_fee: 0.1\n"


def test_settings_are_asked_for_one_by_one_until_each_can_be(run, say):
    say("LOUD", "WARNING", "", "7")
    done = run("config", "edit", "--ask", "--part", "logs")
    assert done.code == 0, done.err
    assert done.out.strip() == f"{config_path()} was changed."
    assert "LOUD" in done.err  # what was wrong with it is said before it is asked for again
    logs = load_config().logs
    assert (logs.level, logs.keep) == ("WARNING", 7)
    say("", "", "", "")
    assert run("config", "edit", "--ask", "--part", "logs", "--json").json["changed"] is False


class Terminal(io.StringIO):
    """A standard input at which somebody sits."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def edited(run, monkeypatch, tmp_path):
    """`workbench config edit` with an editor that does as a line of Python says to the text `t`."""

    def go(line: str):
        script = tmp_path / "editor.py"
        script.write_text(
            f"import sys, pathlib\nf = pathlib.Path(sys.argv[1])\nt = f.read_text()\n{line}\nf.write_text(t)"
        )
        monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")
        monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
        monkeypatch.setattr(sys, "stdin", Terminal())
        return run("config", "edit", "--json")

    return go


def test_an_edited_file_is_taken_when_it_is_good_and_kept_beside_it_when_not(run, edited):
    run("config", "set", "defaults.venue", "okx")
    assert edited("pass").json["changed"] is False
    assert edited("t = t.replace('okx', 'kraken')").json["changed"] is True
    assert load_config().defaults.venue == "kraken"
    before = config_path().read_text()
    spoilt = edited("t = t.replace('defaults', 'defalts')")
    draft = config_path().with_name(f"{config_path().name}.draft")
    assert spoilt.code == 1
    assert "defalts" in spoilt.err
    assert config_path().read_text() == before
    assert "defalts" in draft.read_text()


def test_a_file_changed_by_another_program_meanwhile_is_left_as_it_is(run, edited):
    run("config", "set", "defaults.venue", "okx")
    theirs = config_path().read_text().replace("okx", "bybit")
    mine = edited(f"t = t.replace('okx', 'kraken')\npathlib.Path({str(config_path())!r}).write_text({theirs!r})")
    assert mine.code == 1
    assert "was changed by another program meanwhile" in mine.err
    assert load_config().defaults.venue == "bybit"


def in_terminal(talk: list[tuple[str, str]], *words: str, **env: str) -> tuple[int, str]:
    """A command in a terminal of its own, where somebody types an answer when its question is shown."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", *words], stdin=follower, stdout=follower, stderr=follower,
        env={**os.environ, **env}, start_new_session=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    os.close(follower)
    seen, waiting = "", list(talk)
    while (part := _read(leader)) is not None:
        seen += part
        if waiting and waiting[0][0] in seen[-400:]:
            os.write(leader, f"{waiting.pop(0)[1]}\n".encode())
    os.close(leader)
    if process.poll() is None:
        process.wait(10)
    return process.returncode, seen


def _read(leader: int) -> str | None:
    """What is shown next; None at the end, or when nothing comes any more."""
    if not select.select([leader], [], [], 20)[0]:
        return None
    try:
        return os.read(leader, 4096).decode() or None
    except OSError:
        return None


def test_an_editor_changes_the_settings_only_if_they_are_good(run):
    code, seen = in_terminal([], "config", "edit", EDITOR="sed -i 's/venue: binance/venue: okx/'", VISUAL="")
    assert code == 0, seen
    assert load_config().defaults.venue == "okx"
    code, seen = in_terminal([], "config", "edit", EDITOR="sed -i 's/venue: okx/venu: gate/'", VISUAL="")
    assert code == 1
    assert "Did you mean `venue`?" in seen
    assert load_config().defaults.venue == "okx"
    assert "venu: gate" in config_path().with_name("config.yaml.draft").read_text()


def test_questions_change_the_settings_and_ask_again(run):
    talk = [("The least to be written", "LOUD"), ("Again", "DEBUG"), ("Of one file", ""), ("oldest goes first", "")]
    code, seen = in_terminal(talk, "config", "edit", "--ask", "--part", "logs")
    assert code == 0, seen
    assert "'LOUD' will not do" in seen
    assert load_config().logs.level == "DEBUG"


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_keys_are_added_listed_and_removed(run, say, vault):
    assert Vault.open(vault, PASSPHRASE).keys("binance").reveal() == json.loads(KEYS)
    assert run("secrets", "list", "--json").json == {
        "vault": str(vault), "accounts": ["binance:main"], "verified": False,
    }  # fmt: skip
    say(PASSPHRASE, KEYS)
    replaced = run("secrets", "add", "binance", "--passphrase-file", "-", "--keys-file", "-", "--json")
    assert replaced.json == {"account": "binance:main", "replaced": True, "vault": str(vault)}
    say(PASSPHRASE)
    assert run("secrets", "list", "--verify", "--passphrase-file", "-").out == "binance:main\n"
    say(PASSPHRASE)
    assert run("secrets", "remove", "binance:main", "--passphrase-file", "-", "--json").json["removed"] is True
    assert run("secrets", "list").out.startswith("No keys are kept")


def test_a_wrong_passphrase_ends_with_1(run, say, vault):
    say("wrong passphrase", KEYS)
    said = run("secrets", "add", "okx", "--passphrase-file", "-", "--keys-file", "-")
    assert said.code == 1
    assert "not the passphrase" in said.err
    assert run("secrets", "list").out == "binance:main\n"


def test_the_passphrase_is_changed(run, say, vault):
    say(PASSPHRASE, "another one altogether")
    said = run("secrets", "password", "--passphrase-file", "-", "--new-passphrase-file", "-", "--json")
    assert said.json == {"changed": True, "accounts": ["binance:main"]}
    assert Vault.open(vault, "another one altogether").keys("binance").reveal() == json.loads(KEYS)


def test_a_passphrase_file_that_others_read_is_refused(run, say, vault, tmp_path):
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    file.chmod(0o644)
    said = run("secrets", "list", "--verify", "--passphrase-file", file)
    assert said.code == 1
    assert "can be reached by others" in said.err
    file.chmod(0o600)
    assert run("secrets", "list", "--verify", "--passphrase-file", file).out == "binance:main\n"


def test_keys_on_the_command_line_are_refused_and_not_repeated(run):
    said = run("secrets", "add", "binance", f"{CANARY}-key", f"{CANARY}-secret")
    assert said.code == 1
    assert "not taken from the command line" in said.err
    assert CANARY not in said.err + said.out
    assert not vault_path().exists()


@pytest.mark.parametrize("keys", ["", "{", "[]", '{"key": 5}', f'{{"kee": "{CANARY}"}}', '{"secret": "alone"}'])
def test_keys_that_are_none_are_refused_and_leave_no_vault(run, say, keys):
    say(PASSPHRASE, keys)
    said = run("secrets", "add", "binance", "--passphrase-file", "-", "--keys-file", "-")
    assert said.code == 1
    assert CANARY not in said.err
    assert not vault_path().exists()


def test_a_short_new_passphrase_is_refused(run, say):
    say("short", KEYS)
    said = run("secrets", "add", "binance", "--passphrase-file", "-", "--keys-file", "-")
    assert said.code == 1
    assert "at least 8 characters" in said.err


def test_what_is_typed_at_a_prompt_is_not_shown(run):
    talk = [("New passphrase: ", PASSPHRASE), ("The same again: ", PASSPHRASE), ("Key: ", f"{CANARY}-key"),
            ("Secret: ", f"{CANARY}-secret"), ("if it has one: ", "")]  # fmt: skip
    code, seen = in_terminal(talk, "secrets", "add", "binance")
    assert code == 0, seen
    assert "The keys of binance:main are in" in seen
    assert CANARY not in seen
    assert PASSPHRASE not in seen
    assert Vault.open(vault_path(), PASSPHRASE).keys("binance").reveal()["secret"] == f"{CANARY}-secret"


def test_no_command_leaves_a_key_anywhere_but_in_the_vault_sealed(run, say, vault, tmp_path):
    outcomes = [run("secrets", "list"), run("secrets", "list", "--json"), run("doctor"), run("doctor", "--json")]
    say(PASSPHRASE)
    outcomes.append(run("secrets", "list", "--verify", "--passphrase-file", "-"))
    said = "".join(outcome.out + outcome.err for outcome in outcomes)
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    for form in (CANARY, CANARY[::-1], CANARY.encode().hex(), PASSPHRASE):
        assert form not in said
        assert form.encode() not in kept
