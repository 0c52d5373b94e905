// Writes honest MLeap bundles: every transformer that MLeap's own registry knows and that can be built by hand, as JSON and as protobuf,
// as zip and as folder, and pipelines of them. Arguments: the folder to write to, and the version of MLeap for the file names.
package weir.testdata

import java.net.URI
import java.nio.file.{Files, Path, Paths}

import scala.collection.JavaConverters._

import ml.combust.bundle.BundleFile
import ml.combust.bundle.serializer.SerializationFormat
import ml.combust.mleap.core.classification._
import ml.combust.mleap.core.clustering._
import ml.combust.mleap.core.feature._
import ml.combust.mleap.core.regression._
import ml.combust.mleap.core.tree._
import ml.combust.mleap.core.types._
import ml.combust.mleap.runtime.MleapSupport._
import ml.combust.mleap.runtime.frame.Transformer
import ml.combust.mleap.runtime.transformer.classification._
import ml.combust.mleap.runtime.transformer.clustering._
import ml.combust.mleap.runtime.transformer.feature._
import ml.combust.mleap.runtime.transformer.regression._
import ml.combust.mleap.runtime.transformer.{Pipeline, PipelineModel}
import org.apache.spark.ml.linalg.mleap.VectorWithNorm
import org.apache.spark.ml.linalg.{DenseMatrix, Matrices, Vectors}

object Bundles {
  def feature(in: String, out: String): NodeShape = NodeShape().withStandardInput(in).withStandardOutput(out)
  def regression: NodeShape = NodeShape.regression("features", "prediction")
  def classifier: NodeShape = NodeShape.probabilisticClassifier("features", "prediction")
  def cluster: NodeShape = NodeShape.basicCluster("features", "prediction")

  val v3 = Vectors.dense(0.5, -1.25, 2.0)

  def tree(right: Double): Node =
    InternalNode(
      LeafNode(Vectors.dense(0.25, 0.75)),
      InternalNode(LeafNode(Vectors.dense(1, 0)), LeafNode(Vectors.dense(right, 1)), CategoricalSplit(1, 3, Array(0.0, 2.0), isLeft = true)),
      ContinuousSplit(0, 0.5))
  def regressionTree(x: Double) = DecisionTreeRegressionModel(InternalNode(LeafNode(Vectors.dense(1)), LeafNode(Vectors.dense(x)), ContinuousSplit(2, 1.5)), 3)

  def features: Seq[(String, Transformer)] = Seq(
    "string_indexer" -> StringIndexer("string_indexer", feature("city", "city_index"), new StringIndexerModel(Seq("Bern", "Zürich", "/etc", ".."))),
    "reverse_string_indexer" -> ReverseStringIndexer("reverse", feature("city_index", "city"), ReverseStringIndexerModel(Seq("Bern", "Basel"))),
    "one_hot_encoder" -> OneHotEncoder("one_hot", NodeShape().withInput("input0", "city_index").withOutput("output0", "city_vec"), OneHotEncoderModel(Array(3))),
    "vector_assembler" -> VectorAssembler("assembler", NodeShape().withInput("input0", "a").withInput("input1", "b").withStandardOutput("features"),
      VectorAssemblerModel(Seq(ScalarShape(), TensorShape(2)))),
    "standard_scaler" -> StandardScaler("scaler", feature("features", "scaled"), StandardScalerModel(Some(v3), Some(Vectors.dense(0, 1, 2)))),
    "min_max_scaler" -> MinMaxScaler("minmax", feature("features", "scaled"), MinMaxScalerModel(Vectors.dense(0, 0, 0), v3, 0, 1)),
    "max_abs_scaler" -> MaxAbsScaler("maxabs", feature("features", "scaled"), MaxAbsScalerModel(v3)),
    "normalizer" -> Normalizer("normalizer", feature("features", "normed"), NormalizerModel(2.0, 3)),
    "pca" -> Pca("pca", feature("features", "pc"), PcaModel(new DenseMatrix(3, 2, Array(1, 0, 0.5, 0, 1, 0.25)))),
    "tokenizer" -> Tokenizer("tokenizer", feature("text", "words"), TokenizerModel("\\s")),
    "regex_tokenizer" -> RegexTokenizer("regex", feature("text", "words"), RegexTokenizerModel("\\s+".r)),
    "ngram" -> NGram("ngram", feature("words", "pairs"), NGramModel(2)),
    "stop_words" -> StopWordsRemover("stop", feature("words", "kept"), StopWordsRemoverModel(Seq("eval", "exec", "os.system"), caseSensitive = false)),
    "hashing_tf" -> HashingTermFrequency("hashing", feature("words", "tf"), HashingTermFrequencyModel(64)),
    "idf" -> IDF("idf", feature("tf", "tfidf"), IDFModel(v3)),
    "count_vectorizer" -> CountVectorizer("count", feature("words", "counts"), CountVectorizerModel(Array("a", "b", "c"), binary = false, 1.0)),
    "word2vec" -> WordToVector("word2vec", feature("words", "vec"), WordToVectorModel(Map("king" -> 0, "queen" -> 1), Array(0.1, 0.2, 0.3, 0.4))),
    "bucketizer" -> Bucketizer("bucketizer", feature("x", "bucket"), BucketizerModel(Array(Double.NegativeInfinity, 0, 10, Double.PositiveInfinity))),
    "binarizer" -> Binarizer("binarizer", feature("x", "bit"), BinarizerModel(0.5, ScalarShape())),
    "elementwise" -> ElementwiseProduct("elementwise", feature("features", "product"), ElementwiseProductModel(v3)),
    "dct" -> DCT("dct", feature("features", "dct"), DCTModel(inverse = false, 3)),
    "interaction" -> Interaction("interaction", NodeShape().withInput("input0", "a").withInput("input1", "b").withStandardOutput("ab"),
      InteractionModel(Array(Array(1), Array(1, 1)), Seq(ScalarShape(), TensorShape(2)))),
    "imputer" -> Imputer("imputer", feature("x", "filled"), ImputerModel(3.5, Double.NaN, "mean")),
    "vector_slicer" -> VectorSlicer("slicer", feature("features", "slice"), VectorSlicerModel(Array(0, 2), Array(), 3)),
    "vector_indexer" -> VectorIndexer("indexer", feature("features", "indexed"), VectorIndexerModel(3, Map(1 -> Map(0.0 -> 0, 4.0 -> 1)))),
    "polynomial" -> PolynomialExpansion("poly", feature("features", "poly"), PolynomialExpansionModel(2, 3)),
    "chi_sq" -> ChiSqSelector("chi", feature("features", "chosen"), ChiSqSelectorModel(Seq(0, 2), 3)),
    "string_map" -> StringMap("map", feature("city", "rank"), new StringMapModel(Map("Bern" -> 1.0, "Basel" -> 2.0))),
    "math_unary" -> MathUnary("log", feature("x", "logx"), MathUnaryModel(UnaryOperation.Log)),
    "math_binary" -> MathBinary("add", NodeShape().withInput("input_a", "a").withInput("input_b", "b").withStandardOutput("sum"), MathBinaryModel(BinaryOperation.Add)),
    "min_hash" -> MinHashLSH("minhash", feature("features", "hash"), MinHashLSHModel(Seq((1, 2), (3, 4)), 3)))

  def models: Seq[(String, Transformer)] = Seq(
    "linear_regression" -> LinearRegression("lr", regression, LinearRegressionModel(v3, 1.5)),
    "logistic_regression" -> LogisticRegression("logit", classifier, LogisticRegressionModel(BinaryLogisticRegressionModel(v3, 0.1, 0.5))),
    "multinomial_logistic" -> LogisticRegression("multi", classifier,
      LogisticRegressionModel(ProbabilisticLogisticsRegressionModel(Matrices.dense(3, 3, Array(1, 2, 3, 4, 5, 6, 7, 8, 9)), v3, None))),
    "decision_tree_classifier" -> DecisionTreeClassifier("dt", classifier, DecisionTreeClassifierModel(tree(3), 3, 2)),
    "decision_tree_regression" -> DecisionTreeRegression("dtr", regression, regressionTree(2)),
    "random_forest_classifier" -> RandomForestClassifier("rf", classifier,
      RandomForestClassifierModel(Seq(DecisionTreeClassifierModel(tree(1), 3, 2), DecisionTreeClassifierModel(tree(2), 3, 2)), Seq(1.0, 0.5), 3, 2)),
    "random_forest_regression" -> RandomForestRegression("rfr", regression, RandomForestRegressionModel(Seq(regressionTree(1), regressionTree(4)), Seq(1.0, 1.0), 3)),
    "gbt_classifier" -> GBTClassifier("gbt", classifier, GBTClassifierModel(Seq(regressionTree(1), regressionTree(3)), Seq(1.0, 0.1), 3)),
    "gbt_regression" -> GBTRegression("gbtr", regression, GBTRegressionModel(Seq(regressionTree(1), regressionTree(3)), Seq(1.0, 0.1), 3)),
    "svm" -> SupportVectorMachine("svm", classifier, SupportVectorMachineModel(v3, 0.3)),
    "linear_svc" -> LinearSVC("svc", NodeShape.basicClassifier("features", "prediction"), LinearSVCModel(v3, 0.3)),
    "mlp" -> MultiLayerPerceptronClassifier("mlp", classifier, MultiLayerPerceptronClassifierModel(Seq(3, 2), Vectors.dense(1, 2, 3, 4, 5, 6, 7, 8))),
    "one_vs_rest" -> OneVsRest("ovr", NodeShape.basicClassifier("features", "prediction"),
      OneVsRestModel(Array(BinaryLogisticRegressionModel(v3, 0.1, 0.5), BinaryLogisticRegressionModel(v3, 0.2, 0.5)).map(LogisticRegressionModel(_)), 3)),
    "kmeans" -> KMeans("kmeans", cluster, KMeansModel(Seq(v3, Vectors.dense(1, 1, 1)), 3)),
    "bisecting_kmeans" -> BisectingKMeans("bisect", cluster, BisectingKMeansModel(
      ClusteringTreeNode(-1, new VectorWithNorm(v3, 2.5), Array(ClusteringTreeNode(0, new VectorWithNorm(v3, 2.5), Array()),
        ClusteringTreeNode(1, new VectorWithNorm(Vectors.dense(1, 1, 1), 1.7), Array()))))),
    "aft" -> AFTSurvivalRegression("aft", regression, AFTSurvivalRegressionModel(v3, 0.5, Array(0.1, 0.5, 0.9), 1.2)),
    "isotonic" -> IsotonicRegression("iso", regression, IsotonicRegressionModel(Array(0, 1, 2), Seq(0.1, 0.5, 0.9), isotonic = true, None)))

  def pipeline(name: String, parts: Transformer*): Transformer = Pipeline(name, NodeShape(), PipelineModel(parts))

  def pipelines: Seq[(String, Transformer)] = {
    val f = features.toMap
    val m = models.toMap
    val inner = pipeline("prepare", f("string_indexer"), f("one_hot_encoder"), f("vector_assembler"))
    Seq(
      "pipeline" -> pipeline("pipeline", f("vector_assembler"), f("standard_scaler"), m("linear_regression")),
      "nested_pipeline" -> pipeline("outer", inner, pipeline("fit", f("standard_scaler"), m("gbt_classifier"))),
      "text_pipeline" -> pipeline("text", f("tokenizer"), f("stop_words"), f("hashing_tf"), m("svm")),
      "deep_pipeline" -> (1 to 6).foldLeft(inner)((p, i) => pipeline("level" + i, p)),
      "wide_pipeline" -> pipeline("wide", (1 to 40).map(i => NGram("ngram_" + i, feature("w", "w" + i), NGramModel(2)): Transformer): _*))
  }

  def save(t: Transformer, to: Path, format: SerializationFormat): Unit = {
    val uri = if (to.toString.endsWith(".zip")) "jar:" + to.toUri else to.toUri.toString
    val bundle = BundleFile(new URI(uri))
    try {
      t.writeBundle.format(format).save(bundle).get
      trees(bundle.path)
    } finally bundle.close()
  }

  /** mleap-runtime writes a tree as nodes.* and reads tree.*, which is what mleap-spark writes; bundles of trees come from there. */
  def trees(root: Path): Unit = {
    val files = Files.walk(root)
    try files.iterator.asScala.toList.filter(_.getFileName != null).foreach { p =>
      val name = p.getFileName.toString
      if (name.startsWith("nodes.")) Files.move(p, p.resolveSibling("tree." + name.stripPrefix("nodes.")))
    } finally files.close()
  }

  def main(args: Array[String]): Unit = {
    val out = Paths.get(args(0))
    Files.createDirectories(out)
    val formats = Seq(SerializationFormat.Json -> "json", SerializationFormat.Protobuf -> "pb")
    for (((name, t), i) <- (features ++ models).zipWithIndex; (format, short) <- formats.slice(i % 2, i % 2 + 1))
      save(t, out.resolve(s"$name-$short.zip"), format)
    for ((name, t) <- pipelines; (format, short) <- formats) {
      save(t, out.resolve(s"$name-$short.zip"), format)
      if (name == "pipeline" || name == "nested_pipeline") save(t, out.resolve(s"$name-$short"), format)
    }
    println(s"${features.size + models.size} transformers and ${pipelines.size} pipelines")
  }
}
