# ruff: noqa: INP001 - a configuration file, not a module
"""Jupyter in a container: reachable through the published port.

The token is Jupyter's own: JUPYTER_TOKEN when that is set, else a random one printed in the log.
What JupyterLab shows is in notebooks/jupyter/jupyter_lab_config.py.
"""

c = get_config()  # noqa: F821 - Jupyter puts it there

c.ServerApp.ip = "0.0.0.0"  # noqa: S104 - compose.yml publishes it on loopback only
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.root_dir = "/home/rookery/work/notebooks"
# The log shows the address that works outside the container, not the container's host name.
c.ServerApp.custom_display_url = "http://127.0.0.1:8888/lab/tree/penguins.ipynb"
