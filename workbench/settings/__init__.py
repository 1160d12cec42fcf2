"""Settings: where things lie. The only room that reads the environment."""

from workbench.settings.paths import data_folder, home_folder, same_folders

__all__ = ["data_folder", "home_folder", "same_folders"]
