"""Write what MLflow's basic-auth app keeps of users and permissions, as SQL text, for the test of weir gate user import.

    .cache/venv/gate-mlflow-2.9.2/bin/python testdata/make/basic_auth.py internal/store/sqlite/testdata/basic_auth-2.9.2.sql
    .cache/venv/gate-mlflow-new/bin/python   testdata/make/basic_auth.py internal/store/sqlite/testdata/basic_auth-3.17.2.sql

The passwords are made up for this and open nothing.
"""

import pathlib
import sqlite3
import sys
import tempfile

import mlflow
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "basic_auth.db")
    store = SqlAlchemyStore()
    store.init_db(f"sqlite:///{path}")
    store.create_user("admin", "admin of the test", is_admin=True)
    store.create_user("ann", "ann has a password")
    store.create_user("bob", "bob has a password")
    store.create_user("no such name!", "cannot be taken over")
    store.create_experiment_permission("1", "ann", "MANAGE")
    store.create_experiment_permission("2", "ann", "READ")
    store.create_registered_model_permission("fraud", "ann", "EDIT")
    store.create_registered_model_permission("fraud", "bob", "READ")
    no = "DENY" if hasattr(store, "create_role") else "NO_PERMISSIONS"
    store.create_experiment_permission("2", "bob", no)
    if hasattr(store, "create_role"):
        role = store.create_role("team", workspace="default")
        store.add_role_permission(role.id, "experiment", "*", "READ")
        store.assign_role_to_user(store.get_user("bob").id, role.id)
    with sqlite3.connect(path) as db:
        text = "".join(line + "\n" for line in db.iterdump())
pathlib.Path(sys.argv[1]).write_text(f"-- MLflow {mlflow.__version__}, testdata/make/basic_auth.py\n{text}")
