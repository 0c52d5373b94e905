// Loads bundles with MLeap's own loader and says what it opened: Fire FILE... prints one JSON object a bundle. Where a bundle has a TensorFlow
// transformer it also does what MLeap does at the first prediction: unpacks saved_model.zip with bundle-ml's own FileUtil, loads what came out and runs
// the nodes that the model names. mleap-tensorflow itself is not on Maven Central; TensorflowOp below does with these two libraries what its sources
// do (TensorflowModel.scala, 0.20.0).
package weir.testdata

import java.io.{ByteArrayInputStream, File}
import java.nio.file.{Files, Paths}
import java.util.zip.ZipInputStream

import scala.collection.JavaConverters._
import scala.util.{Failure, Try}

import ml.combust.bundle.{BundleContext, BundleFile}
import ml.combust.bundle.dsl.{Model, Value}
import ml.combust.bundle.op.OpModel
import ml.combust.bundle.serializer.FileUtil
import ml.combust.mleap.bundle.ops.MleapOp
import ml.combust.mleap.core.types._
import ml.combust.mleap.runtime.MleapContext
import ml.combust.mleap.runtime.MleapSupport._
import ml.combust.mleap.runtime.frame.{FrameBuilder, Transformer}
import org.tensorflow.{Graph, SavedModelBundle, Session}

/** What a TensorFlow transformer holds: the bytes, whose kind `format` says, and the nodes to run. */
case class TensorflowModel(format: Option[String], bytes: Array[Byte], nodes: Seq[String]) extends ml.combust.mleap.core.Model {
  override def inputSchema: StructType = StructType(Seq()).get
  override def outputSchema: StructType = StructType(Seq()).get

  def predict(): Unit = {
    val session = format match {
      case Some("saved_model") =>
        val dest = Files.createTempDirectory("saved_model")
        new FileUtil().extract(new ZipInputStream(new ByteArrayInputStream(bytes)), dest.toFile)
        SavedModelBundle.load(dest.toString, "serve").session
      case _ =>
        val g = new Graph()
        g.importGraphDef(org.tensorflow.proto.framework.GraphDef.parseFrom(bytes))
        new Session(g)
    }
    val r = session.runner()
    nodes.foreach(n => r.addTarget(n))
    r.run()
  }
}

case class Tensorflow(uid: String = "tf", shape: NodeShape, model: TensorflowModel) extends Transformer {
  override def transform[FB <: FrameBuilder[FB]](builder: FB): Try[FB] = Try { model.predict(); builder }
}

class TensorflowOp extends MleapOp[Tensorflow, TensorflowModel] {
  override val Model: OpModel[MleapContext, TensorflowModel] = new OpModel[MleapContext, TensorflowModel] {
    override val klazz: Class[TensorflowModel] = classOf[TensorflowModel]
    override def opName: String = "tensorflow"
    override def store(model: Model, obj: TensorflowModel)(implicit context: BundleContext[MleapContext]): Model = {
      Files.write(context.file(if (obj.format.contains("saved_model")) "saved_model.zip" else "graph.pb"), obj.bytes)
      model.withValue("input_names", Value.stringList(Seq("x"))).withValue("output_names", Value.stringList(Seq("y"))).
        withValue("nodes", Value.stringList(obj.nodes)).withValue("format", obj.format.map(Value.string))
    }
    override def load(model: Model)(implicit context: BundleContext[MleapContext]): TensorflowModel = {
      val format = model.getValue("format").map(_.getString)
      val file = if (format.contains("saved_model")) "saved_model.zip" else "graph.pb"
      TensorflowModel(format, Files.readAllBytes(context.file(file)), model.getValue("nodes").map(_.getStringList).getOrElse(Seq()))
    }
  }
  override def model(node: Tensorflow): TensorflowModel = node.model
}

object Fire {
  private def quote(s: String): String = "\"" + s.flatMap {
    case '"' => "\\\""
    case '\\' => "\\\\"
    case c if c < ' ' => f"\\u${c.toInt}%04x"
    case c => c.toString
  } + "\""

  /** The TensorFlow transformers in a pipeline, to predict with each. */
  private def tensorflow(t: Any): Seq[Tensorflow] = t match {
    case t: Tensorflow => Seq(t)
    case p: ml.combust.mleap.runtime.transformer.Pipeline => p.transformers.flatMap(tensorflow)
    case _ => Nil
  }

  private def names(t: Any): Seq[String] = t match {
    case p: ml.combust.mleap.runtime.transformer.Pipeline => p.uid +: p.transformers.flatMap(names)
    case t: Transformer => Seq(t.uid)
    case _ => Nil
  }

  /** What a payload left below the current folder, which is taken away again. The folders into which saved_model.zip belongs do not count. */
  private def canaries(): Seq[String] = {
    val files = Files.walk(Paths.get("."))
    val all = try files.iterator.asScala.toList finally files.close()
    val found = all.filter(p => p.toString.contains("/weir-canary") && !p.toString.contains("/saved_model"))
    found.reverse.foreach(p => Files.deleteIfExists(p)) // what lies in a folder goes before it
    found.map(_.toString)
  }

  def load(path: String): String = {
    val f = new File(path)
    val loaded = try {
      val uri = if (f.isDirectory) f.toURI.toString else "jar:" + f.toURI
      val bundle = BundleFile(new java.net.URI(uri))
      try Right(bundle.loadMleapBundle().get.root) finally bundle.close()
    } catch { case e: Throwable => Left(e) } // a StackOverflowError too: that is what some bundles are for
    val (nodes, errors) = loaded match {
      case Left(e) => (Nil, Seq(e.toString))
      case Right(t) => (names(t), tensorflow(t).map(x => Try(x.model.predict())).collect { case Failure(e) => e.toString })
    }
    def list(s: Seq[String]): String = s.map(x => quote(x.take(300))).mkString("[", ",", "]")
    val predicts = loaded.right.toOption.map(t => tensorflow(t).size).getOrElse(0)
    s"""{"path":${quote(path)},"loads":${loaded.isRight},"nodes":${list(nodes)},"predicts":$predicts,"errors":${list(errors)},"canaries":${list(canaries())}}"""
  }

  def main(args: Array[String]): Unit = for (path <- args) {
    println(load(path))
    Console.flush()
  }
}
