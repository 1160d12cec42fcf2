"""Settings: where things lie, and who may write there. The only room that reads the environment."""

from workbench.settings.locks import try_lock
from workbench.settings.paths import data_folder, home_folder, same_folders

__all__ = ["data_folder", "home_folder", "same_folders", "try_lock"]
