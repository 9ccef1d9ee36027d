# ruff: noqa: INP001 - a configuration file, not a module
"""JupyterLab in a container: reachable through the published port, quiet towards everybody else.

The token is Jupyter's own: JUPYTER_TOKEN when that is set, else a random one printed in the log.
"""

c = get_config()  # noqa: F821 - Jupyter puts it there

c.ServerApp.ip = "0.0.0.0"  # noqa: S104 - compose.yml publishes it on loopback only
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.no_browser_open_file = True
c.ServerApp.root_dir = "/home/rookery/work"
# The log shows the address that works outside the container, not the container's host name.
c.ServerApp.custom_display_url = "http://127.0.0.1:8888/lab"

# JupyterLab asks for news, for updates and for a catalogue of extensions; nothing may leave.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
