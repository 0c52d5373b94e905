"""Has pip write its own settings: pip_config.py FILE."""
import os
import subprocess
import sys

path = sys.argv[1]
home = os.path.dirname(os.path.abspath(path))
for key, value in (
    ("global.index-url", "https://index.example.org/simple"),
    ("global.extra-index-url", "http://index.example.org/extra"),
    ("install.trusted-host", "index.example.org"),
):
    subprocess.run([sys.executable, "-m", "pip", "config", "--user", "-q", "set", key, value], check=True, env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home})
os.replace(os.path.join(home, "pip", "pip.conf"), path)
