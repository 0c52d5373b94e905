"""Writes honest Spark ML models with PySpark: spark_models.py FOLDER. Run by run.sh with the venv `mleap` (PySpark 3.3.4 on Java 17)."""
import os
import shutil
import sys

from pyspark.ml import Pipeline, feature
from pyspark.ml.classification import (DecisionTreeClassifier, GBTClassifier, LinearSVC, LogisticRegression, MultilayerPerceptronClassifier, NaiveBayes,
                                       OneVsRest, RandomForestClassifier)
from pyspark.ml.clustering import BisectingKMeans, GaussianMixture, KMeans, LDA
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.linalg import Vectors
from pyspark.ml.recommendation import ALS
from pyspark.ml.regression import DecisionTreeRegressor, GeneralizedLinearRegression, IsotonicRegression, LinearRegression, RandomForestRegressor
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
from pyspark.sql import SparkSession


def tables(spark):
    rows = [(float(i % 2), float(i % 3), ["Bern", "Basel", "Chur"][i % 3], "the cat and dog %d" % (i % 4), Vectors.dense(i % 2, i % 5, 1.5),
             i % 4, i % 5, float(i % 5)) for i in range(40)]
    return spark.createDataFrame(rows, ["label", "x", "city", "text", "features", "user", "item", "rating"]).coalesce(1)


def models(df):
    f = feature
    words = f.Tokenizer(inputCol="text", outputCol="words")
    yield "pipeline", Pipeline(stages=[f.StringIndexer(inputCol="city", outputCol="i"), f.OneHotEncoder(inputCol="i", outputCol="v"),
                                       f.VectorAssembler(inputCols=["v", "x"], outputCol="f"), LogisticRegression(featuresCol="f", maxIter=3)]).fit(df)
    yield "nested", Pipeline(stages=[Pipeline(stages=[f.StandardScaler(inputCol="features", outputCol="s")]), LinearRegression(featuresCol="s", maxIter=3)]).fit(df)
    yield "text", Pipeline(stages=[words, f.StopWordsRemover(inputCol="words", outputCol="kept"), f.HashingTF(inputCol="kept", outputCol="tf", numFeatures=32),
                                   f.IDF(inputCol="tf", outputCol="idf"), NaiveBayes(featuresCol="idf")]).fit(df)
    yield "word2vec", Pipeline(stages=[words, f.Word2Vec(inputCol="words", outputCol="w", vectorSize=3, minCount=1, maxIter=1)]).fit(df)
    yield "count", Pipeline(stages=[words, f.CountVectorizer(inputCol="words", outputCol="c"), f.NGram(inputCol="words", outputCol="n")]).fit(df)
    yield "sql", Pipeline(stages=[f.SQLTransformer(statement="SELECT *, (x * 2) AS twice FROM __THIS__ WHERE text != 'reflect'")]).fit(df)
    yield "pca", f.PCA(k=2, inputCol="features", outputCol="p").fit(df)
    yield "bucketizer", f.Bucketizer(splits=[float("-inf"), 0.5, float("inf")], inputCol="x", outputCol="b")
    yield "minmax", f.MinMaxScaler(inputCol="features", outputCol="m").fit(df)
    for name, e in [("tree", DecisionTreeClassifier(maxDepth=2)), ("forest", RandomForestClassifier(numTrees=2, maxDepth=2)), ("gbt", GBTClassifier(maxIter=2, maxDepth=2)),
                    ("svc", LinearSVC(maxIter=2)), ("mlp", MultilayerPerceptronClassifier(layers=[3, 2], maxIter=2)),
                    ("ovr", OneVsRest(classifier=LogisticRegression(maxIter=2), labelCol="x")), ("bayes", NaiveBayes()),
                    ("glm", GeneralizedLinearRegression(maxIter=2)), ("treereg", DecisionTreeRegressor(maxDepth=2)), ("forestreg", RandomForestRegressor(numTrees=2, maxDepth=2)),
                    ("isotonic", IsotonicRegression(featuresCol="x")), ("kmeans", KMeans(k=2, maxIter=2)), ("bisecting", BisectingKMeans(k=2, maxIter=2)),
                    ("mixture", GaussianMixture(k=2, maxIter=2)), ("lda", LDA(k=2, maxIter=2)), ("als", ALS(rank=2, maxIter=1))]:
        yield name, e.fit(df)
    lr = LogisticRegression(maxIter=2)
    grid = ParamGridBuilder().addGrid(lr.regParam, [0.0, 0.1]).build()
    yield "crossval", CrossValidator(estimator=lr, estimatorParamMaps=grid, evaluator=BinaryClassificationEvaluator(), numFolds=2).fit(df)


def main(out):
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.driver.memory", "1g")
             .config("spark.sql.shuffle.partitions", "1").config("spark.default.parallelism", "1").getOrCreate())
    df = tables(spark)
    shutil.rmtree(out, ignore_errors=True)
    for name, model in models(df):
        model.write().overwrite().save("file://" + os.path.abspath(os.path.join(out, name)))
    print(len(os.listdir(out)), "Spark models")


main(sys.argv[1])
