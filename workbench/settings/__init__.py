"""Settings: where things lie. The only room that reads the environment."""

from workbench.settings.paths import data_folder, home_folder

__all__ = ["data_folder", "home_folder"]
