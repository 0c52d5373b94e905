// Writes TensorFlow graphs and SavedModels with TensorFlow's own library, honest and hostile ones: Graphs FOLDER. Payloads write
// weir-canary into, or read secret.txt from, the current folder of whoever runs them.
package weir.testdata

import java.io.FileOutputStream
import java.nio.file.{Files, Path, Paths}
import java.util.zip.{ZipEntry, ZipOutputStream}

import scala.collection.JavaConverters._

import ml.combust.bundle.serializer.SerializationFormat
import ml.combust.mleap.core.types.NodeShape
import org.tensorflow.proto.framework.DataType
import org.tensorflow.types.{TFloat32, TInt32, TString}
import org.tensorflow.{ConcreteFunction, Graph, Operation, Output, SavedModelBundle, Session, Signature, Tensor}

object Graphs {
  /** What a graph has beside its honest part x + 1, and the node to run for it. */
  case class Extra(name: String, add: Graph => Operation)

  def text(g: Graph, name: String, s: String): Output[TString] = const(g, name, DataType.DT_STRING, TString.scalarOf(s)).output(0)
  def const(g: Graph, name: String, kind: DataType, t: Tensor): Operation =
    g.opBuilder("Const", name).setAttr("dtype", kind).setAttr("value", t).build()

  val extras: Seq[Extra] = Seq(
    Extra("write-file", g => g.opBuilder("WriteFile", "log").addInput(text(g, "name", "weir-canary")).addInput(text(g, "text", "fired")).build()),
    Extra("print-to-file", g => g.opBuilder("PrintV2", "print").addInput(text(g, "text", "fired")).setAttr("output_stream", "file://weir-canary").build()),
    Extra("summary-writer", g => {
      val w = g.opBuilder("SummaryWriter", "writer").build()
      g.opBuilder("CreateSummaryFileWriter", "events").addInput(w.output(0)).addInput(text(g, "dir", "weir-canary")).
        addInput(const(g, "queue", DataType.DT_INT32, TInt32.scalarOf(1)).output(0)).addInput(const(g, "flush", DataType.DT_INT32, TInt32.scalarOf(1)).output(0)).
        addInput(text(g, "suffix", ".x")).build()
    }),
    Extra("write-read", g => {
      val r = g.opBuilder("ReadFile", "read").addInput(text(g, "name", "secret.txt")).build()
      g.opBuilder("WriteFile", "copy").addInput(text(g, "to", "weir-canary")).addInput(r.output(0)).build()
    }),
    Extra("read-file", g => g.opBuilder("ReadFile", "read").addInput(text(g, "name", "secret.txt")).build()),
    Extra("matching-files", g => g.opBuilder("MatchingFiles", "find").addInput(text(g, "name", "*.txt")).build()),
    Extra("immutable-const", g => g.opBuilder("ImmutableConst", "map").setAttr("dtype", DataType.DT_UINT8).
      setAttr("shape", org.tensorflow.ndarray.Shape.of(6)).setAttr("memory_region_name", "secret.txt").build()))

  def graph(extra: Option[Extra]): (Graph, String) = {
    val g = new Graph()
    val x = g.opBuilder("Placeholder", "x").setAttr("dtype", DataType.DT_FLOAT).build()
    val one = const(g, "one", DataType.DT_FLOAT, TFloat32.scalarOf(1f))
    g.opBuilder("AddV2", "y").addInput(x.output(0)).addInput(one.output(0)).build()
    (g, extra.map(_.add(g).name).getOrElse("one"))
  }

  /** A SavedModel by TensorFlow's exporter, which adds the operations that save and restore; with a variable where it has no extra. */
  def saved(extra: Option[Extra], dir: Path): String = {
    val (g, target) = graph(extra)
    val s = new Session(g)
    if (extra.isEmpty) {
      val v = g.opBuilder("VariableV2", "weight").setAttr("dtype", DataType.DT_FLOAT).setAttr("shape", org.tensorflow.ndarray.Shape.scalar()).
        setAttr("container", "").setAttr("shared_name", "").build()
      g.opBuilder("Assign", "init").addInput(v.output(0)).addInput(g.operation("one").output(0)).build()
      s.runner().addTarget("init").run()
    }
    val f = ConcreteFunction.create(Signature.builder().input("x", g.operation("x").output(0)).output("y", g.operation("y").output(0)).build(), s)
    SavedModelBundle.exporter(dir.toString).withFunction(f).export()
    target
  }

  def zip(dir: Path, to: Path): Unit = {
    val out = new ZipOutputStream(new FileOutputStream(to.toFile))
    val files = Files.walk(dir)
    try files.iterator.asScala.toList.sorted.filter(_ != dir).foreach { p =>
      val name = dir.relativize(p).toString
      if (Files.isDirectory(p)) out.putNextEntry(new ZipEntry(name + "/"))
      else { out.putNextEntry(new ZipEntry(name)); out.write(Files.readAllBytes(p)) }
      out.closeEntry()
    } finally { files.close(); out.close() }
  }

  /** Bundles of a transformer that runs a graph: alone, in a pipeline, as JSON and protobuf, as zip and as folder. */
  def bundles(out: Path, name: String, target: String, saved: Path, graph: Path): Unit = {
    val model = Tensorflow("tf", NodeShape(), TensorflowModel(Some("saved_model"), Files.readAllBytes(saved), Seq(target)))
    val frozen = Tensorflow("tf", NodeShape(), TensorflowModel(Some("graph"), Files.readAllBytes(graph), Seq(target)))
    val f = Bundles.features.toMap
    Bundles.save(model, out.resolve(s"$name-saved-json.zip"), SerializationFormat.Json)
    Bundles.save(model, out.resolve(s"$name-saved-pb.zip"), SerializationFormat.Protobuf)
    Bundles.save(frozen, out.resolve(s"$name-graph-json.zip"), SerializationFormat.Json)
    Bundles.save(Bundles.pipeline("outer", f("standard_scaler"), Bundles.pipeline("inner", model)), out.resolve(s"$name-pipeline-json.zip"), SerializationFormat.Json)
    Bundles.save(model, out.resolve(s"$name-folder"), SerializationFormat.Protobuf)
  }

  def main(args: Array[String]): Unit = {
    val out = Paths.get(args(0))
    Files.createDirectories(out.resolve("bundles"))
    val targets = (None +: extras.map(Some(_))).map { e =>
      val name = e.map(_.name).getOrElse("plain")
      val dir = Files.createTempDirectory("saved")
      val target = saved(e, dir)
      zip(dir, out.resolve(name + ".saved_model.zip"))
      Files.write(out.resolve(name + ".graph.pb"), graph(e)._1.toGraphDef.toByteArray)
      bundles(out.resolve("bundles"), name, target, out.resolve(name + ".saved_model.zip"), out.resolve(name + ".graph.pb"))
      name + " " + target
    }
    Files.write(out.resolve("targets.txt"), targets.asJava)
    println(s"${targets.size} graphs")
  }
}
