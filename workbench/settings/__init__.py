"""Settings: where things lie, who may write there, what is set, and the vault that holds the keys.

The only room that reads the environment or a key. What needs no settings file loads none of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from workbench.settings.locks import try_lock
from workbench.settings.paths import data_folder, editor, home_folder, same_folders

if TYPE_CHECKING:
    from workbench.settings.config import (
        check_config,
        config_path,
        load_config,
        make_config,
        migrate_config,
        set_value,
        undo_migration,
        unset_value,
    )
    from workbench.settings.files import exposure, read_own, write_whole
    from workbench.settings.model import Account, Config, Fee, Venue
    from workbench.settings.secret import AccountKeys, Secret
    from workbench.settings.showing import Prompt, ReadOnly, commented, prompts
    from workbench.settings.vault import DamagedVault, SwappedRecord, Vault, WrongPassphrase, record_name, vault_path

HOMES = {
    "config": "check_config config_path load_config make_config migrate_config set_value undo_migration unset_value",
    "files": "exposure read_own write_whole",
    "model": "Account Config Fee Venue",
    "secret": "AccountKeys Secret",
    "showing": "Prompt ReadOnly commented prompts",
    "vault": "DamagedVault SwappedRecord Vault WrongPassphrase record_name vault_path",
}
HOME = {name: home for home, names in HOMES.items() for name in names.split()}

__all__ = [
    "Account", "AccountKeys", "Config", "DamagedVault", "Fee", "Prompt", "ReadOnly", "Secret", "SwappedRecord",
    "Vault", "Venue", "WrongPassphrase", "check_config", "commented", "config_path", "data_folder", "editor",
    "exposure", "home_folder", "load_config", "make_config", "migrate_config", "prompts", "read_own", "record_name",
    "same_folders", "set_value", "try_lock", "undo_migration", "unset_value", "vault_path", "write_whole",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"workbench.settings has no {name!r}. It offers {', '.join(__all__)}.")
    return getattr(importlib.import_module(f"{__name__}.{HOME[name]}"), name)
