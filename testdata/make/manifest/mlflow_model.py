"""Saves a model with MLflow: mlflow_model.py FOLDER."""
import sys

import mlflow.sklearn
import numpy as np
from sklearn.linear_model import LinearRegression

mlflow.sklearn.save_model(LinearRegression().fit(np.array([[0.0], [1.0]]), np.array([0.0, 1.0])), sys.argv[1])
