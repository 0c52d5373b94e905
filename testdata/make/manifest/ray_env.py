"""Writes runtime environments that Ray itself accepts, and an application of Serve: ray_env.py FOLDER."""
import json
import os
import sys

import yaml
from ray.runtime_env import RuntimeEnv

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
env = {"pip": {"packages": ["flask==1.1.1", "requests==2.19.0"], "pip_check": False}, "env_vars": {"A": "b"}}
conda = {"conda": {"channels": ["conda-forge"], "dependencies": ["scipy=1.2", "pip", {"pip": ["jinja2==2.10.1"]}]}}
RuntimeEnv(**env)  # Ray validates what it is given
RuntimeEnv(**conda)
with open(os.path.join(out, "runtime_env.json"), "w") as f:
    json.dump(env, f, indent=2)
with open(os.path.join(out, "runtime_env.yaml"), "w") as f:
    yaml.safe_dump(conda, f)
with open(os.path.join(out, "serve.yaml"), "w") as f:
    yaml.safe_dump({"applications": [{"name": "app", "import_path": "app:main", "runtime_env": {**env, "working_dir": "https://index.example.org/app.zip"}}]}, f)
