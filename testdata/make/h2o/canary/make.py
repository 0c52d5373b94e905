"""Writes and compiles the canary classes: make.py OUT H2O.jar. They write a file weir-canary into the current folder and do nothing else.

OUT gets canary.jar for the class path of the server, reader.jar with a reader of MOJOs, and Loaded.class, which stands alone.
"""
import os
import subprocess
import shutil
import sys
import tempfile

FIRE = "weir.Fire.now();"
CLASSES = {
    "Fire": "public class Fire { public static void now() { try { java.nio.file.Files.write(java.nio.file.Paths.get(\"weir-canary\"), new byte[0]); } catch (Exception e) { } } }",
    "Canary": "public class Canary implements Serializable { private static final long serialVersionUID = 1; public static Canary make() { return new Canary(); }"
              " private void readObject(ObjectInputStream in) throws Exception { in.defaultReadObject(); %s } }" % FIRE,
    "CanaryGone": "public class CanaryGone implements Serializable { private static final long serialVersionUID = 1; }",
    "CanaryResolve": "public class CanaryResolve implements Serializable { private static final long serialVersionUID = 1; private Object readResolve() { %s return \"x\"; } }" % FIRE,
    "CanaryExternal": "public class CanaryExternal implements Externalizable { private static final long serialVersionUID = 1; public CanaryExternal() { }"
                      " public void writeExternal(ObjectOutput o) { } public void readExternal(ObjectInput i) { %s } }" % FIRE,
    "CanaryEnum": "public enum CanaryEnum { ONE; static { %s } }" % FIRE,
    "CanaryKey": "public class CanaryKey implements Serializable { private static final long serialVersionUID = 1; public transient boolean quiet;"
                 " public int hashCode() { if (!quiet) { %s } return 1; } }" % FIRE,
    "CanaryComparator": "public class CanaryComparator implements Comparator<Object>, Serializable { private static final long serialVersionUID = 1;"
                        " public static boolean quiet; public int compare(Object a, Object b) { if (!quiet) { %s } return a.toString().compareTo(b.toString()); } }" % FIRE,
    "CanaryHandler": "public class CanaryHandler implements java.lang.reflect.InvocationHandler, Serializable { private static final long serialVersionUID = 1;"
                     " public Object invoke(Object p, java.lang.reflect.Method m, Object[] a) { return null; }"
                     " private void readObject(ObjectInputStream in) throws Exception { in.defaultReadObject(); %s } }" % FIRE,
    "CanaryInvoke": "public class CanaryInvoke implements java.lang.reflect.InvocationHandler, Serializable { private static final long serialVersionUID = 1;"
                    " public transient boolean quiet; public Object invoke(Object p, java.lang.reflect.Method m, Object[] a) { if (!quiet) { %s } return 1; } }" % FIRE,
    "CanaryList": "public class CanaryList extends ArrayList<Object> { private static final long serialVersionUID = 1;"
                  " private void readObject(ObjectInputStream in) throws Exception { in.defaultReadObject(); %s } }" % FIRE,
    "CanaryBean": "public class CanaryBean implements Serializable { private static final long serialVersionUID = 1; public String getHarm() { %s return \"\"; } }" % FIRE,
    "CanaryValidation": "public class CanaryValidation implements Serializable, ObjectInputValidation { private static final long serialVersionUID = 1;"
                        " public void validateObject() { %s }"
                        " private void readObject(ObjectInputStream in) throws Exception { in.defaultReadObject(); in.registerValidation(this, 0); } }" % FIRE,
}
CLASSES.update({"Init%02d" % i: "public class Init%02d { static { %s } }" % (i, FIRE) for i in range(1, 21)})
CLASSES.update({"Frozen%02d" % i: "public class Frozen%02d extends water.Iced { public int harmless; static { %s } }" % (i, FIRE) for i in range(1, 6)})


CLASSES["Reader"] = ("public class Reader extends hex.genmodel.ModelMojoReader<hex.genmodel.MojoModel> { static { %s } public String getModelName() { return \"Weir\"; }"
                     " protected void readModelData() { } protected hex.genmodel.MojoModel makeModel(String[] c, String[][] d, String r) { return null; }"
                     " public String mojoVersion() { return \"1.00\"; } }" % FIRE)


def main(out, h2o):
    work = tempfile.mkdtemp()
    os.makedirs(os.path.join(work, "weir"))
    for name, text in CLASSES.items():
        with open(os.path.join(work, "weir", name + ".java"), "w") as f:
            f.write("package weir;\nimport java.io.*;\nimport java.util.*;\n" + text + "\n")
    subprocess.run(["javac", "-nowarn", "--release", "8", "-cp", h2o] + [os.path.join("weir", n + ".java") for n in CLASSES], cwd=work, check=True)
    with open(os.path.join(work, "Loaded.java"), "w") as f:
        f.write(CLASSES["Fire"].replace("public class Fire { public static void now()", "public class Loaded { static"))
    subprocess.run(["javac", "-nowarn", "--release", "8", "Loaded.java"], cwd=work, check=True)
    os.makedirs(out, exist_ok=True)
    shutil.move(os.path.join(work, "Loaded.class"), os.path.join(out, "Loaded.class"))
    for jar, names in (("canary", [n for n in CLASSES if n != "Reader"]), ("reader", ["Fire", "Reader"])):
        subprocess.run(["jar", "--create", "--date=2026-01-01T00:00:00Z", "--file", os.path.join(os.path.abspath(out), jar + ".jar")] + ["weir/%s.class" % n for n in sorted(names)],
                       cwd=work, check=True)


main(*sys.argv[1:])
