// Prints the operations that MLeap knows, one a line: those of its registry (reference.conf of mleap-runtime) and those whose names bundle-ml
// reserves for its other modules (Bundle.BuiltinOps: TensorFlow, XGBoost, Spark's).
package weir.testdata

import java.lang.reflect.Modifier

import ml.combust.bundle.dsl.Bundle
import ml.combust.mleap.runtime.MleapContext

object Ops {
  private val builtin = Bundle.BuiltinOps
  private def names(o: AnyRef): Seq[String] =
    o.getClass.getMethods.toSeq
      .filter(m => m.getParameterCount == 0 && !Modifier.isStatic(m.getModifiers) && m.getReturnType == classOf[String] && m.getName != "toString")
      .map(_.invoke(o).asInstanceOf[String])
  def reserved: Seq[String] = Seq[AnyRef](builtin, builtin.classification, builtin.clustering, builtin.ensemble, builtin.feature,
    builtin.recommendation, builtin.regression, builtin.tuning).flatMap(names)
  def registry: Seq[String] = {
    val r = MleapContext.defaultContext.bundleRegistry
    r.getClass.getDeclaredFields.toSeq.flatMap { f =>
      f.setAccessible(true)
      f.get(r) match {
        case m: scala.collection.Map[_, _] => m.toSeq.flatMap {
          case (k: String, v) if v.getClass.getMethods.exists(_.getName == "Model") || v.isInstanceOf[ml.combust.bundle.op.OpModel[_, _]] => Seq(k)
          case _ => Nil
        }
        case _ => Nil
      }
    }
  }
  def main(args: Array[String]): Unit = {
    val all = (registry ++ reserved).distinct.sorted
    all.filter(_.matches("[a-z][a-z0-9_.]*")).foreach(println)
  }
}
