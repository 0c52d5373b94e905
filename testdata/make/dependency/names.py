"""Writes internal/rule/wellknown.txt: the names of well-known ML packages, and the honest names that are nearly one of them.

Usage: names.py LIST > internal/rule/wellknown.txt
LIST is a table of tabs with a head: name, version, month, rank among the 15,000 most downloaded packages (empty for the others).
Whatever is itself among the most downloaded is taken for honest; nothing else is, whatever it contains.
"""
import csv, sys

KNOWN = """
numpy scipy pandas matplotlib scikit-learn scikit-image torch torchvision torchaudio torchtext torchserve torchmetrics torch-geometric pytorch-lightning lightning
tensorflow tensorflow-cpu tensorflow-gpu tensorflow-serving-api tensorflow-hub tensorflow-probability tensorboard keras keras-tuner jax jaxlib flax optax xgboost lightgbm
catboost transformers tokenizers datasets accelerate safetensors huggingface-hub diffusers sentence-transformers peft bitsandbytes sentencepiece evaluate trl
mlflow mlflow-skinny mleap h2o pyspark databricks-cli databricks-sdk onnx onnxruntime onnxruntime-gpu onnxmltools skl2onnx tf2onnx openvino tritonclient
ray bentoml gradio streamlit fastapi uvicorn flask werkzeug jinja2 requests urllib3 aiohttp httpx pydantic gunicorn starlette sqlalchemy alembic
jupyter jupyterlab jupyter-server notebook ipython ipykernel nbconvert papermill joblib cloudpickle dill skops picklescan fickling numba cython dask distributed
polars pyarrow fastparquet h5py tables zarr pillow opencv-python opencv-python-headless imageio albumentations kornia timm ultralytics detectron2 spacy nltk gensim
fasttext statsmodels prophet optuna hyperopt wandb comet-ml neptune clearml dvc kedro prefect apache-airflow luigi metaflow feast great-expectations
evidently shap captum seaborn plotly bokeh altair networkx sympy langchain langchain-core langchain-community langgraph llama-index openai anthropic tiktoken litellm vllm
deepspeed horovod fairseq stable-baselines3 gymnasium gym triton cupy faiss-cpu faiss-gpu chromadb pinecone qdrant-client weaviate-client
pymilvus sagemaker boto3 botocore google-cloud-aiplatform google-cloud-storage azureml-core azure-storage-blob kubernetes kfp seldon-core kserve mlserver
kubeflow protobuf grpcio pyyaml tqdm einops numexpr
bottleneck patsy umap-learn hdbscan imbalanced-learn category-encoders mlxtend pycaret autogluon tpot auto-sklearn
""".split()
HONEST = "stable-baselines sleap numexpr3 pytorch sklearn torch-vision".split()  # old or rare, and no squats


def edits(a, b):
    """Whether b is one insertion, deletion, replacement or swap of neighbours away from a."""
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    i = 0
    while i < min(len(a), len(b)) and a[i] == b[i]:
        i += 1
    return a[i + 1:] == b[i + 1:] or a[i + 1:] == b[i:] or a[i:] == b[i + 1:] or (
        len(a) == len(b) and a[i:i + 2] == b[i:i + 2][::-1] and a[i + 2:] == b[i + 2:])


ranked = set(HONEST)
with open(sys.argv[1], newline="", encoding="utf-8") as f:
    for row in csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
        if len(row) > 3 and row[3].isdigit():
            ranked.add(row[0].lower().replace("_", "-").replace(".", "-"))
if len(ranked) < 10000:
    sys.exit(f"only {len(ranked)} names have a rank: this is not the list")
known = sorted(set(KNOWN))
unknown = [k for k in known if k not in ranked]
if len(unknown) > 15:
    sys.exit(f"not among the most downloaded: {unknown}")
near = sorted(n for n in ranked - set(known) if any(len(k) >= 5 and edits(k, n) for k in known))
print("# Written by testdata/make/dependency/names.py. Names of well-known packages around machine learning; then, behind \"near\", names of other\n# well-known packages that are one edit away from one of them.")
for k in known:
    print(k)
for n in near:
    print("near", n)
print("unknown:", unknown, "near:", len(near), file=sys.stderr)
