"""Settings are read strictly, changed with their comments kept, and never half written or half migrated."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

import pytest
from pydantic import ValidationError

from workbench.errors import ConfigError
from workbench.settings import (
    Account,
    Config,
    Fee,
    ReadOnly,
    commented,
    config_path,
    load_config,
    make_config,
    migrate_config,
    prompts,
    set_value,
    undo_migration,
    unset_value,
)
from workbench.settings.files import read_own

FULL = """\
# mine
version: 1
defaults:
  venue: okx   # since May
venues:
  okx:
    urls: {http: "http://127.0.0.1:8090"}
    options: {brokerId: x}
accounts:
  okx:main: {max_leverage: 3}
fees:
  okx: {maker: "0.00020", taker: 0.0005}
  okx:main: {taker: 0.0004}
  okx BTC/USDT: {maker: 0}
limits:
  max_order_notional: 500.10
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = config_path()
    assert found == tmp_path / "home" / "config.yaml"
    found.parent.mkdir()
    return found


# --- reading ---------------------------------------------------------------------------------------------------------


def test_without_a_file_defaults_are_meant():
    assert load_config() == Config()
    assert not config_path().exists()


def test_a_file_is_read(path):
    path.write_text(FULL)
    config = load_config()
    assert config.defaults.venue == "okx"
    assert config.venue("okx").urls.http == "http://127.0.0.1:8090"
    assert config.venue("kraken").urls.http is None
    assert config.account("okx").max_leverage == 3
    assert config.limits.max_order_notional == D("500.1")


def test_fees_are_the_closest_that_are_set_each_for_itself(path):
    path.write_text(FULL)
    config = load_config()
    assert config.fee("okx") == Fee(maker=D("0.0002"), taker=D("0.0005"))
    assert str(config.fee("okx").maker) == "0.00020"
    assert config.fee("okx", "main") == Fee(maker=D("0.0002"), taker=D("0.0004"))
    assert config.fee("okx", "main", "BTC/USDT") == Fee(maker=D(0), taker=D("0.0004"))
    assert config.fee("gate") == Fee()


def test_settings_cannot_be_changed_in_memory(path):
    path.write_text(FULL)
    config = load_config()
    with pytest.raises(ValidationError):
        config.defaults.venue = "gate"
    with pytest.raises(TypeError):
        config.venues["gate"] = config.venues["okx"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("defalts: {}", r"`defalts` is not known. Did you mean `defaults`\?"),
        ("defaults: {venu: x}", r"`defaults.venu` is not known. Did you mean `venue`\?"),
        ("venues: {okx: {url: {}}}", r"`venues.okx.url` is not known. Did you mean `urls`\?"),
        ("fees: {okx: {makr: 0}}", r"Did you mean `maker`\?"),
        ("limits: {max_order_notionl: 5}", r"Did you mean `max_order_notional`\?"),
        ("defaults: {xyz: 1}", "There are: account, cash, journal"),
        ("fees: {okx: {maker: 0.5}}", "`fees.okx.maker`: Input should be less than or equal to 0.1"),
        ("defaults: {cash: .nan}", "defaults.cash"),
        ("defaults: {cash: -1}", "greater than 0"),
        ("logs: {level: LOUD}", "`logs.level`"),
        ("accounts: {main: {}}", "write venue:account"),
        ("accounts: {'a b': {}}", "no name of an account"),
        ("venues: {okx: {options: {a: {apiKey: x}}}}", "`apiKey` looks like a secret.*secrets add"),
        ("venues: {okx: {urls: {http: 'ftp://x'}}}", "begins with http://"),
        ("defaults: {journal: 'postgresql://me:geheim@host/db'}", "lies open.*pgpass"),
        ("version: 1\nversion: 1", "no YAML.*duplicate key"),
        ("a: [", "no YAML"),
        ("- 1", "holds list, not settings"),
        ("just words", "holds str, not settings"),
        ("a: !!python/object/apply:os.system ['true']", "no YAML|could not determine"),
        ("version: 2", "of version 2; this workbench knows 1.*update"),
        ("version: -7", "which there never was"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(path, text, said):
    path.write_text(text if "version" in text or "{" not in text else f"version: 1\n{text}")
    with pytest.raises(ConfigError, match=f"(?s){said}") as refused:
        load_config()
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: \x00"])
def test_bytes_that_are_no_text_are_said(path, content):
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=str(path)):
        load_config()


def test_a_file_far_too_large_is_not_read(path):
    path.write_bytes(b"#" * 2_000_000)
    with pytest.raises(ConfigError, match="more than 1000000 bytes"):
        load_config()


# --- changing --------------------------------------------------------------------------------------------------------


def test_a_value_is_set_and_comments_stay(path):
    path.write_text(FULL)
    assert set_value("defaults.venue", "gate").defaults.venue == "gate"
    text = path.read_text()
    assert text.startswith("# mine\n")
    assert "venue: gate  # since May" in text
    assert '"0.00020"' in text
    assert load_config().defaults.venue == "gate"


def test_values_are_set_where_nothing_was(path):
    set_value("fees.binance.maker", "0.0002")
    set_value('fees."binance BTC/USDT".taker', "0")
    set_value("accounts.binance:main.instruments", "[BTC/USDT, ETH/USDT]")
    config = load_config()
    assert config.fee("binance", instrument="BTC/USDT") == Fee(maker=D("0.0002"), taker=D(0))
    assert config.account("binance").instruments == ("BTC/USDT", "ETH/USDT")
    assert "# Where to trade." in path.read_text()


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("defaults.venu", "x", "Did you mean `venue`"),
        ("defaults.cash", "much", "defaults.cash"),
        ("defaults.venue.deeper", "x", "`venue` is a value"),
        ("", "x", "no path"),
        ("a..b", "x", "no path"),
        ("defaults.venue", "[", "no value"),
        ("version", "7", "version"),
    ],
)
def test_a_value_that_cannot_be_changes_nothing(path, key, text, said):
    path.write_text(FULL)
    with pytest.raises(ConfigError, match=said):
        set_value(key, text)
    assert path.read_text() == FULL


def test_a_value_is_taken_out(path):
    path.write_text(FULL)
    assert unset_value("defaults.venue").defaults.venue == "binance"
    with pytest.raises(ConfigError, match="Did you mean `okx`"):
        unset_value("venues.okxx")


def test_the_file_that_is_made_says_what_each_setting_means(path):
    make_config()
    assert load_config() == Config()
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert "  # Quote currency of a paper run.\n  cash: 10000\n" in text
    path.write_text("version: 1\n")
    make_config()
    assert path.read_text() == "version: 1\n"


def test_a_file_that_cannot_be_written_is_left_as_it_was(path, monkeypatch):
    path.write_text(FULL)
    import workbench.settings.files as files

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "write", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        set_value("defaults.venue", "gate")
    assert path.read_text() == FULL
    assert {file.name for file in path.parent.iterdir()} == {"config.yaml", ".config.yaml.lock"}


# --- migrating -------------------------------------------------------------------------------------------------------

OLD = """\
# from long ago
binance_maker_percent_fee: 0.1   # a tenth of a percent
okx_taker_percent_fee: 0.05
kill_switch_rate: -5
defaults:
  venue: okx
"""


def test_an_older_file_is_understood_and_left_as_it_is(path):
    path.write_text(OLD)
    config = load_config()
    assert (config.fee("binance").maker, config.fee("okx").taker) == (D("0.001"), D("0.0005"))
    assert config.limits.kill_loss == 0.05
    assert path.read_text() == OLD
    with pytest.raises(ConfigError, match="config migrate"):
        set_value("defaults.venue", "gate")


def test_a_migration_keeps_the_old_file_and_can_be_undone(path):
    path.write_text(OLD)
    meant = load_config()
    kept = migrate_config()
    assert kept == path.with_name("config.yaml.v0")
    assert kept.read_text() == OLD
    assert load_config() == meant
    assert path.read_text().startswith("# from long ago\n")
    assert migrate_config() is None
    undo_migration()
    assert path.read_text() == OLD
    assert load_config() == meant
    with pytest.raises(ConfigError, match="no older one"):
        undo_migration()
    assert migrate_config() == kept


@pytest.mark.parametrize("line", ["who_knows: 1", "okx_maker_percent_fee: cheap", "okx_maker_percent_fee: 50"])
def test_a_migration_that_fails_changes_nothing(path, line):
    path.write_text(OLD + line)
    with pytest.raises(ConfigError):
        migrate_config()
    assert path.read_text() == OLD + line
    assert {file.name for file in path.parent.iterdir()} == {"config.yaml", ".config.yaml.lock"}


def test_what_was_kept_is_never_written_over(path):
    for expected in ("config.yaml.v0", "config.yaml.v0.2"):
        path.write_text(OLD)
        assert migrate_config() == path.with_name(expected)


# --- showing ---------------------------------------------------------------------------------------------------------


def test_a_view_shows_every_value_and_changes_none():
    view = ReadOnly(Config())
    assert view["defaults.cash"] == D(10_000)
    walked = {path: (value, default) for path, value, default in view.walk()}
    assert walked["defaults.venue"] == ("binance", True)
    with pytest.raises(ConfigError, match=r"config set defaults\.venue gate"):
        view["defaults.venue"] = "gate"
    with pytest.raises(ConfigError, match="only shown"):
        view.anything = 1
    with pytest.raises(ConfigError, match="nothing is called `venu`"):
        view["defaults.venu"]


def test_prompts_ask_for_what_a_model_holds_and_check_the_answer():
    asked = {prompt.path: prompt for prompt in prompts(Config)}
    assert asked["defaults.cash"].default == D(10_000)
    assert asked["logs.level"].choices == ("DEBUG", "INFO", "WARNING", "ERROR")
    assert asked["defaults.cash"].check("12.50") == D("12.50")
    with pytest.raises(ConfigError, match="'much' will not do"):
        asked["defaults.cash"].check("much")
    (leverage,) = [prompt for prompt in prompts(Account) if prompt.path == "max_leverage"]
    with pytest.raises(ConfigError, match="less than or equal to 200"):
        leverage.check("500")


def test_a_decimal_keeps_its_digits_in_yaml():
    assert "maker: '0.00020'" in commented(Fee(maker=D("0.00020")))
    assert "taker: 0.0005" in commented(Fee(taker=D("0.0005")))


def test_a_file_of_ones_own_is_read(path):
    path.write_text("x")
    path.chmod(0o600)
    assert read_own(path) == b"x"
