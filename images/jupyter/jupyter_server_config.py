# ruff: noqa: INP001 - a configuration file, not a module
"""Jupyter in a container: reachable through the published port.

The token is JUPYTER_TOKEN if set, else a random one that Jupyter prints in the log.
notebooks/jupyter/jupyter_lab_config.py sets what JupyterLab shows.
"""

c = get_config()  # noqa: F821 - Jupyter defines it

c.ServerApp.ip = "0.0.0.0"  # noqa: S104 - compose.yml publishes it on loopback only
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.root_dir = "/home/rookery/work/notebooks"
# The log shows the address that works outside the container, not the container's host name.
c.ServerApp.custom_display_url = "http://127.0.0.1:8888/lab/tree/penguins.ipynb"
