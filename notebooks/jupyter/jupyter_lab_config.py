# ruff: noqa: INP001 - a configuration file, not a module
"""JupyterLab for the notebooks here, by `make lab` and in the container."""

c = get_config()  # noqa: F821 - Jupyter puts it there

c.LabApp.default_url = "/lab/tree/penguins.ipynb"
# The file browser shows the notebooks, and what a person adds; not the package behind them.
c.ContentsManager.hide_globs = [
    "__pycache__",
    "*.pyc",
    "README.md",
    "jupyter",
    "models",
    "penguins.py",
    "pyproject.toml",
    "src",
]

# JupyterLab asks for news, for updates and for a catalog of extensions; nothing may leave.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
